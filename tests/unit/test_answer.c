/* SPDX-License-Identifier: ISC */
/* The answer: its headers, whole or as a stream, and once. */
#include "ask.h"
#include "unit.h"

#include <math.h>
#include <string.h>

static const char *name, *value;
static bool was_set;

static void set_one(struct percore_request *request)
{
	was_set = percore_set_header(request, name, value);
	percore_answer_text(request, 200, "body");
}

static const struct told *told_with(const char *header, const char *text)
{
	name = header;
	value = text;
	return ask(&(struct ask){ .handler = set_one });
}

START_TEST(header_of_the_handler_is_sent)
{
	const struct told *told = told_with("X-Thing", "one, two");

	ck_assert(was_set);
	ck_assert_str_eq(told_header(told, "X-Thing"), "one, two");
	ck_assert_str_eq(told_header(told, "Content-Length"), "4");
	ck_assert_str_eq(told_header(told, "Content-Type"), "text/plain; charset=utf-8");
	ck_assert_str_eq(told_header(told, "Cache-Control"), "no-store");
}
END_TEST

START_TEST(cache_control_of_the_handler_replaces_no_store)
{
	const struct told *told = told_with("cache-control", "max-age=60");

	ck_assert_str_eq(told_header(told, "Cache-Control"), "max-age=60");
	ck_assert_ptr_null(strstr(told->head, "no-store"));
}
END_TEST

START_TEST(header_that_is_no_token_is_refused)
{
	static const char *const bad[] = { "", "a b", "a:", "a\r\nb", "(a)", "\xc3\xa4", "a\t" };

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		told_with(bad[i], "x");
		ck_assert_msg(!was_set, "'%s'", bad[i]);
	}
}
END_TEST

START_TEST(header_that_percore_sets_is_refused)
{
	static const char *const own[] = { "Status",       "content-type",      "CONTENT-LENGTH",
		                           "X-Request-Id", "Transfer-Encoding", "Connection" };

	for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
		const struct told *told = told_with(own[i], "17");
		ck_assert_msg(!was_set, "%s", own[i]);
		ck_assert_int_eq(told->status, 200);
		ck_assert_str_eq(told_header(told, "Content-Length"), "4");
	}
}
END_TEST

START_TEST(control_characters_in_a_value_are_refused)
{
	static const char *const bad[] = { "a\r\nSet-Cookie: b", "a\nb", "a\rb", "\x01", "a\x7f", "a\tb" };

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		told_with("X-Thing", bad[i]);
		ck_assert_msg(!was_set, "'%s'", bad[i]);
	}
	told_with("X-Thing", "caf\xc3\xa9");
	ck_assert(was_set);
}
END_TEST

START_TEST(headers_beyond_16_kib_are_refused_and_the_rest_stays)
{
	static char long_value[16500];

	memset(long_value, 'v', sizeof long_value - 1);
	ck_assert_int_eq(told_with("X-Thing", long_value)->status, 200);
	ck_assert(!was_set);
	long_value[16384 - strlen("X-Thing: \r\n") - 1] = '\0';
	told_with("X-Thing", long_value);
	ck_assert(was_set);
}
END_TEST

static void set_late(struct percore_request *request)
{
	percore_answer_text(request, 200, "body");
	was_set = percore_set_header(request, "X-Late", "1");
}

START_TEST(header_after_the_answer_is_refused)
{
	was_set = true;
	ck_assert_str_eq(ask(&(struct ask){ .handler = set_late })->body, "body");
	ck_assert(!was_set);
}
END_TEST

static void nothing(struct percore_request *request)
{
	(void)request;
}

START_TEST(handler_without_an_answer_makes_a_500)
{
	const struct told *told = ask(&(struct ask){ .handler = nothing });

	ck_assert_int_eq(told->status, 500);
	ck_assert_ptr_null(strstr(told->body, "detail"));
}
END_TEST

static void answer_twice(struct percore_request *request)
{
	percore_answer_text(request, 200, "one");
	percore_answer_text(request, 200, "two");
}

START_TEST(two_answers_break_the_connection)
{
	const struct told *told = ask(&(struct ask){ .handler = answer_twice });

	ck_assert(!told->is_kept);
	ck_assert(!told->is_ended);
}
END_TEST

static size_t announced, sent;
static bool is_taken;

static void stream(struct percore_request *request)
{
	static const char bytes[70000];

	percore_stream_begin(request, 200, "x/y", announced);
	for (size_t left = sent; left > 0;) {
		size_t piece = left < sizeof bytes ? left : sizeof bytes;
		is_taken = percore_stream_write(request, bytes, piece);
		if (!is_taken)
			return;
		left -= piece;
	}
}

START_TEST(stream_of_its_length_is_ended)
{
	static const size_t lengths[] = { 0, 1, 8191, 8192, 8193, 70000, 200000 };

	for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
		announced = sent = lengths[i];
		const struct told *told = ask(&(struct ask){ .handler = stream });
		ck_assert_uint_eq(told->body_bytes, lengths[i]);
		ck_assert(told->is_ended);
		ck_assert(told->is_kept);
	}
}
END_TEST

START_TEST(stream_that_falls_short_is_broken_off)
{
	announced = 100000;
	sent = 99999;
	const struct told *told = ask(&(struct ask){ .handler = stream });
	ck_assert(!told->is_ended);
	ck_assert(!told->is_kept);
}
END_TEST

START_TEST(stream_that_goes_beyond_is_broken_off)
{
	announced = 5;
	sent = 6;
	const struct told *told = ask(&(struct ask){ .handler = stream });
	ck_assert(!is_taken);
	ck_assert(!told->is_ended);
	ck_assert(!told->is_kept);
}
END_TEST

START_TEST(stream_to_head_is_not_sent_and_not_short)
{
	announced = sent = 70000;
	const struct told *told = ask(&(struct ask){ .handler = stream, .method = "HEAD" });
	ck_assert_str_eq(told_header(told, "Content-Length"), "70000");
	ck_assert_uint_eq(told->body_bytes, 0);
	ck_assert(told->is_ended);
}
END_TEST

static const char *content_type;

static void typed(struct percore_request *request)
{
	percore_answer_bytes(request, 200, content_type, "body", 4);
}

START_TEST(long_content_type_is_sent_whole)
{
	static char type[900] = "multipart/form-data; boundary=";

	memset(type + strlen(type), 'b', 800);
	content_type = type;
	const struct told *told = ask(&(struct ask){ .handler = typed });
	ck_assert_int_eq(told->status, 200);
	ck_assert_str_eq(told_header(told, "Content-Type"), type);
	ck_assert_str_eq(told->body, "body");
}
END_TEST

START_TEST(content_type_may_be_left_to_the_web_server)
{
	content_type = NULL;
	const struct told *told = ask(&(struct ask){ .handler = typed });
	ck_assert_int_eq(told->status, 200);
	ck_assert_ptr_null(told_header(told, "Content-Type"));
	ck_assert_str_eq(told_header(told, "Content-Length"), "4");
	ck_assert_str_eq(told->body, "body");
}
END_TEST

START_TEST(content_type_cannot_bring_in_headers)
{
	content_type = "text/plain\r\nSet-Cookie: a=b";
	const struct told *told = ask(&(struct ask){ .handler = typed });
	ck_assert_ptr_null(told_header(told, "Set-Cookie"));
}
END_TEST

static int status;

static void with_status(struct percore_request *request)
{
	percore_answer_text(request, status, "body");
}

static void stream_status(struct percore_request *request)
{
	percore_stream_begin(request, status, "text/plain", 4);
	is_taken = percore_stream_write(request, "body", 4);
}

static void check_bodyless(const struct told *told)
{
	ck_assert_int_eq(told->status, status);
	ck_assert_uint_eq(told->body_bytes, 0);
	ck_assert_ptr_null(told_header(told, "Content-Type"));
	ck_assert(told->is_kept);
	ck_assert(told->is_ended);
	const char *length = told_header(told, "Content-Length");
	if (status == 205) /* RFC 9110, 15.3.6 */
		ck_assert_str_eq(length, "0");
	else
		ck_assert_ptr_null(length);
}

START_TEST(status_without_a_body_has_none)
{
	static const int bodyless[] = { 204, 205, 304 };

	for (size_t i = 0; i < sizeof bodyless / sizeof bodyless[0]; i++) {
		status = bodyless[i];
		check_bodyless(ask(&(struct ask){ .handler = with_status }));
		check_bodyless(ask(&(struct ask){ .handler = stream_status }));
		ck_assert(is_taken);
	}
}
END_TEST

START_TEST(status_that_is_none_becomes_a_500)
{
	static const int wrong[] = { -1, 0, 42, 100, 101, 199, 600, 2000 };

	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		status = wrong[i];
		const struct told *told = ask(&(struct ask){ .handler = with_status });
		ck_assert_int_eq(told->status, 500);
		ck_assert_ptr_nonnull(strstr(told->body, "\"status\":500"));
		ck_assert(told->is_kept);
		is_taken = true;
		ck_assert_int_eq(ask(&(struct ask){ .handler = stream_status })->status, 500);
		ck_assert(!is_taken);
	}
	for (status = 200; status <= 599; status += 399)
		ck_assert_int_eq(ask(&(struct ask){ .handler = with_status })->status, status);
}
END_TEST

static void problem_of_no_status(struct percore_request *request)
{
	percore_set_header(request, "X-Accel-Redirect", "/secret");
	percore_set_header(request, "Cache-Control", "max-age=60");
	percore_answer_problem(request, 1000, "detail");
}

static void headers_and_nothing(struct percore_request *request)
{
	percore_set_header(request, "X-Accel-Redirect", "/secret");
	percore_set_header(request, "Cache-Control", "max-age=60");
}

START_TEST(headers_of_a_failed_handler_are_dropped)
{
	static const percore_handler fails[] = { problem_of_no_status, headers_and_nothing };

	for (size_t i = 0; i < sizeof fails / sizeof fails[0]; i++) {
		const struct told *told = ask(&(struct ask){ .handler = fails[i] });
		ck_assert_int_eq(told->status, 500);
		ck_assert_ptr_null(told_header(told, "X-Accel-Redirect"));
		ck_assert_str_eq(told_header(told, "Cache-Control"), "no-store");
	}
}
END_TEST

START_TEST(registered_statuses_have_their_phrase)
{
	static const struct {
		int status;
		const char *line;
	} some[] = { { 205, "Status: 205 Reset Content\r\n" },
		     { 402, "Status: 402 Payment Required\r\n" },
		     { 414, "Status: 414 URI Too Long\r\n" },
		     { 416, "Status: 416 Range Not Satisfiable\r\n" },
		     { 421, "Status: 421 Misdirected Request\r\n" },
		     { 423, "Status: 423 Locked\r\n" },
		     { 425, "Status: 425 Too Early\r\n" },
		     { 426, "Status: 426 Upgrade Required\r\n" },
		     { 431, "Status: 431 Request Header Fields Too Large\r\n" },
		     { 451, "Status: 451 Unavailable For Legal Reasons\r\n" },
		     { 507, "Status: 507 Insufficient Storage\r\n" },
		     { 511, "Status: 511 Network Authentication Required\r\n" },
		     { 599, "Status: 599 Unknown\r\n" } };

	for (size_t i = 0; i < sizeof some / sizeof some[0]; i++) {
		status = some[i].status;
		const struct told *told = ask(&(struct ask){ .handler = with_status });
		ck_assert_msg(strncmp(told->head, some[i].line, strlen(some[i].line)) == 0, "%s", told->head);
	}
}
END_TEST

START_TEST(slash_is_not_escaped_in_json)
{
	const struct told *told = ask(&(struct ask){ .uri = "/a/b" });

	ck_assert_ptr_nonnull(strstr(told->body, "\"instance\":\"/a/b\""));
}
END_TEST

static double number;
static const char *string;

static void json_of_both(struct percore_request *request)
{
	json_object *json = json_object_new_object();

	percore_set_header(request, "Cache-Control", "max-age=60");
	json_object_object_add(json, "number", json_object_new_double(number));
	json_object_object_add(json, "string", json_object_new_string(string));
	percore_answer_json(request, 200, json);
}

static int json_status(double with, const char *and)
{
	number = with;
	string = and;
	const struct told *told = ask(&(struct ask){ .handler = json_of_both });
	ck_assert(told->is_kept);
	if (told->status == 500) {
		ck_assert_ptr_nonnull(strstr(told->body, "\"status\":500"));
		ck_assert_str_eq(told_header(told, "Cache-Control"), "no-store");
	}
	return told->status;
}

START_TEST(json_that_would_be_none_becomes_a_500)
{
	ck_assert_int_eq(json_status(1.5, "caf\xc3\xa9"), 200);
	ck_assert_int_eq(json_status(1.5, "NaN, Infinity"), 200);
	ck_assert_int_eq(json_status(NAN, "a"), 500);
	ck_assert_int_eq(json_status(-INFINITY, "a"), 500);
	ck_assert_int_eq(json_status(1.5, "caf\xe9"), 500);
}
END_TEST

static void latin_detail(struct percore_request *request)
{
	percore_answer_problem(request, 409, "caf\xe9");
}

START_TEST(detail_that_is_no_utf8_is_left_out)
{
	const struct told *told = ask(&(struct ask){ .handler = latin_detail });

	ck_assert_int_eq(told->status, 409);
	ck_assert_ptr_null(strstr(told->body, "detail"));
}
END_TEST

/* ---- --develop. */

static bool logs, logs_invalid;

static void fail_after_a_line(struct percore_request *request)
{
	if (logs)
		percore_log(request, PERCORE_LOG_ERROR, "no %s", logs_invalid ? "\xff" : "\"table\"");
	percore_log(request, PERCORE_LOG_NOTICE, "no reason");
	percore_answer_problem(request, 503, "Later.");
}

static const struct told *told_of_failure(bool develops)
{
	return ask(&(struct ask){ .handler = fail_after_a_line, .develops = develops });
}

START_TEST(reason_of_a_problem_is_told_to_developers_only)
{
	logs = true;
	logs_invalid = false;
	ck_assert_ptr_nonnull(strstr(told_of_failure(true)->body, "\"reason\":\"no \\\"table\\\"\""));
	ck_assert_ptr_null(strstr(told_of_failure(false)->body, "reason"));
	logs = false; /* what was logged before belongs to another request */
	ck_assert_ptr_null(strstr(told_of_failure(true)->body, "reason"));
}
END_TEST

START_TEST(reason_that_is_no_utf8_is_mended)
{
	logs = logs_invalid = true;
	ck_assert_ptr_nonnull(strstr(told_of_failure(true)->body, "\"reason\":\"no ?\""));
}
END_TEST

START_TEST(reason_of_a_handler_without_an_answer_is_what_the_log_says)
{
	const struct told *told = ask(&(struct ask){ .handler = nothing, .develops = true });

	ck_assert_int_eq(told->status, 500);
	ck_assert_ptr_nonnull(strstr(told->body, "\"reason\":\"the handler gave no answer\""));
}
END_TEST

Suite *answer_suite(void)
{
	const TTest *const tests[] = { header_of_the_handler_is_sent,
		                       cache_control_of_the_handler_replaces_no_store,
		                       header_that_is_no_token_is_refused,
		                       header_that_percore_sets_is_refused,
		                       control_characters_in_a_value_are_refused,
		                       headers_beyond_16_kib_are_refused_and_the_rest_stays,
		                       header_after_the_answer_is_refused,
		                       handler_without_an_answer_makes_a_500,
		                       two_answers_break_the_connection,
		                       stream_of_its_length_is_ended,
		                       stream_that_falls_short_is_broken_off,
		                       stream_that_goes_beyond_is_broken_off,
		                       stream_to_head_is_not_sent_and_not_short,
		                       long_content_type_is_sent_whole,
		                       content_type_may_be_left_to_the_web_server,
		                       content_type_cannot_bring_in_headers,
		                       status_without_a_body_has_none,
		                       status_that_is_none_becomes_a_500,
		                       headers_of_a_failed_handler_are_dropped,
		                       registered_statuses_have_their_phrase,
		                       slash_is_not_escaped_in_json,
		                       json_that_would_be_none_becomes_a_500,
		                       detail_that_is_no_utf8_is_left_out,
		                       reason_of_a_problem_is_told_to_developers_only,
		                       reason_that_is_no_utf8_is_mended,
		                       reason_of_a_handler_without_an_answer_is_what_the_log_says,
		                       NULL };

	return suite_of("answer", tests);
}
