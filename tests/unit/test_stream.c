/* SPDX-License-Identifier: ISC */
/* Answers of unknown length, server-sent events, and the time that is left. */
#include "ask.h"
#include "unit.h"

#include <math.h>
#include <string.h>

static bool ends;

static void stream(struct percore_request *request)
{
	percore_stream_begin(request, 200, "text/plain", PERCORE_LENGTH_UNKNOWN);
	ck_assert(percore_stream_write(request, "one ", 4));
	ck_assert(percore_stream_flush(request));
	ck_assert(percore_stream_write(request, "two", 3));
	if (ends)
		percore_stream_end(request);
}

START_TEST(answer_of_unknown_length_is_whole_when_it_was_ended)
{
	ends = true;
	const struct told *told = ask(&(struct ask){ .handler = stream });
	ck_assert_int_eq(told->status, 200);
	ck_assert_str_eq(told->body, "one two");
	ck_assert_ptr_null(told_header(told, "Content-Length"));
	ck_assert(told->is_ended);
	ck_assert(told->is_kept);
}
END_TEST

START_TEST(answer_of_unknown_length_that_was_not_ended_is_broken_off)
{
	const struct told *told = ask(&(struct ask){ .handler = stream });

	ck_assert(!told->is_ended);
	ck_assert(!told->is_kept);
}
END_TEST

START_TEST(head_of_such_an_answer_has_no_body)
{
	ends = true;
	const struct told *told = ask(&(struct ask){ .handler = stream, .method = "HEAD" });
	ck_assert_uint_eq(told->body_bytes, 0);
	ck_assert(told->is_ended);
}
END_TEST

static struct percore_event event;
static bool was_sent;

static void send_event(struct percore_request *request)
{
	was_sent = percore_event(request, &event) && percore_event_wait(request, 0);
}

START_TEST(event_is_written_line_by_line)
{
	event = (struct percore_event){ "price", "7", "one\ntwo\r\nthree\rfour" };
	const struct told *told = ask(&(struct ask){ .handler = send_event });
	ck_assert(was_sent);
	ck_assert_str_eq(
		told->body,
		"retry: 250\n\nevent: price\nid: 7\ndata: one\ndata: two\ndata: three\ndata: four\n\n");
	ck_assert_str_eq(told_header(told, "Content-Type"), "text/event-stream");
	ck_assert_str_eq(told_header(told, "X-Accel-Buffering"), "no");
	ck_assert(told->is_ended); /* by the handler's return */
	event = (struct percore_event){ .data = "" };
	ck_assert_str_eq(ask(&(struct ask){ .handler = send_event })->body, "retry: 250\n\ndata: \n\n");
}
END_TEST

START_TEST(event_whose_name_would_make_more_lines_is_not_sent)
{
	event = (struct percore_event){ .name = "a\ndata: x", .data = "y" };
	ck_assert_int_eq(ask(&(struct ask){ .handler = send_event })->status, 500);
	ck_assert(!was_sent);
}
END_TEST

START_TEST(head_of_events_ends_at_once)
{
	event = (struct percore_event){ .data = "x" };
	ck_assert_int_eq(ask(&(struct ask){ .handler = send_event, .method = "HEAD" })->status, 200);
	ck_assert(!was_sent);
}
END_TEST

static double left, extended;
static double extension;

static void tell_time(struct percore_request *request)
{
	left = percore_time_left(request);
	if (extension > 0)
		percore_extend_time(request, extension);
	extended = percore_time_left(request);
	percore_answer_empty(request);
}

START_TEST(time_that_is_left_is_that_of_the_route)
{
	ask(&(struct ask){ .handler = tell_time });
	ck_assert(isinf(left));
	ask(&(struct ask){ .handler = tell_time, .route = { .time_limit = 5 } });
	ck_assert(left > 4 && left <= 5);
	extension = 100;
	ask(&(struct ask){ .handler = tell_time, .route = { .time_limit = 5 } });
	ck_assert(extended > 99 && extended <= 100);
	extension = INFINITY;
	ask(&(struct ask){ .handler = tell_time, .route = { .time_limit = 5 } });
	ck_assert(isinf(extended));
	ask(&(struct ask){ .handler = tell_time, .route = { .time_limit = INFINITY } });
	ck_assert(isinf(left));
}
END_TEST

static void wait_for_event(struct percore_request *request)
{
	was_sent = percore_event_wait(request, 60);
}

START_TEST(events_end_before_the_time_limit_does)
{
	was_sent = true;
	const struct told *told =
		ask(&(struct ask){ .handler = wait_for_event, .route = { .time_limit = .7 } });
	ck_assert(!was_sent);
	ck_assert(told->is_ended);
}
END_TEST

static void tell_gone(struct percore_request *request)
{
	percore_answer_text(request, 200, percore_client_is_gone(request) ? "gone" : "there");
}

START_TEST(client_that_waits_is_there_also_behind_a_body)
{
	static char big[150000];

	memset(big, 'b', sizeof big);
	ck_assert_str_eq(ask(&(struct ask){ .handler = tell_gone })->body, "there");
	ck_assert_str_eq(
		ask(&(struct ask){
			    .handler = tell_gone, .method = "POST", .body = big, .body_bytes = sizeof big })
			->body,
		"there");
}
END_TEST

Suite *stream_suite(void)
{
	return suite_of("stream", (const TTest *const[]){
					  answer_of_unknown_length_is_whole_when_it_was_ended,
					  answer_of_unknown_length_that_was_not_ended_is_broken_off,
					  head_of_such_an_answer_has_no_body, event_is_written_line_by_line,
					  event_whose_name_would_make_more_lines_is_not_sent,
					  head_of_events_ends_at_once, time_that_is_left_is_that_of_the_route,
					  events_end_before_the_time_limit_does,
					  client_that_waits_is_there_also_behind_a_body, NULL });
}
