/* SPDX-License-Identifier: ISC */
/* Requests to an app without a socket: what a program's own tests stand on. */
#include "percore.h"
#include "unit.h"

#include <malloc.h>
#include <stdio.h>
#include <string.h>

static int64_t greeting_max = 10;
static const char *default_name = "world";
static int started;

static bool start(void *arg)
{
	*(int *)arg += 1;
	return true;
}

static void stop(void *arg)
{
	*(int *)arg += 10;
}

static void hello(struct percore_request *request)
{
	const char *name = percore_query(request, "name"), *key = percore_header(request, "X-Key");

	percore_set_header(request, "X-Key", key ? key : "none");
	percore_answer_text(
		request, 200,
		percore_format(request, "hello %.*s", (int)greeting_max, name ? name : default_name));
}

static void echo(struct percore_request *request)
{
	json_object *document;

	if (percore_body_json(request, 0, &document))
		percore_answer_json(request, 200, json_object_get(document));
}

static bool publish(struct percore_work *work, void *arg)
{
	return percore_publish("text", arg, strlen(arg)) || percore_fail(work, "it cannot be published");
}

static void snapshot(struct percore_request *request)
{
	size_t length;
	const char *text = percore_snapshot("text", &length);

	if (percore_check_snapshot(request, "text"))
		percore_answer_bytes(request, 200, "text/plain", text ? text : "", length);
}

static bool add_one(struct percore_work *work, json_object *input, void *arg)
{
	(void)arg;
	if (!json_object_is_type(input, json_type_int))
		return percore_fail(work, "the input is no number");
	percore_set_result(work, json_object_new_int64(json_object_get_int64(input) + 1));
	return true;
}

static int events;

static void tick(struct percore_request *request)
{
	do
		events++;
	while (percore_event(request, &(struct percore_event){ .data = "tick" }) &&
	       percore_event_wait(request, 1));
}

static void leave(struct percore_request *request)
{
	ck_assert(percore_client_is_gone(request));
}

/* What another service said, where it comes from and what it is. */
static void pass_on(struct percore_request *request)
{
	const char *text = percore_query(request, "json"), *trace = percore_traceparent(request);
	json_object *json, *own = percore_lend(request, json_object_new_string("own"));

	if (percore_read_json(request, text, strlen(text), 0, &json))
		percore_answer_text(request, 200,
		                    percore_format(request, "%s %s %s %s", percore_prefix(request),
		                                   json_object_get_string(own), trace ? trace : "none",
		                                   json_object_to_json_string_ext(json, 0)));
	else
		percore_answer_problem(request, 502, json ? "there is one" : NULL);
}

static void tag(struct percore_request *request)
{
	const char *text = percore_query(request, "text");

	percore_set_etag(request, percore_etag(request, text, strlen(text)));
	percore_answer_empty(request);
}

static const struct percore_route routes[] = {
	{ .pattern = "/leave", .handler = leave },
	{ .pattern = "/pass-on", .handler = pass_on },
	{ .pattern = "/tag", .handler = tag },
	{ .pattern = "/hello", .handler = hello },
	{ .method = "POST", .pattern = "/echo", .handler = echo, .max_body = 20 },
	{ .pattern = "/snapshot", .handler = snapshot },
	{ .pattern = "/events", .handler = tick, .time_limit = 10 },
	{ .pattern = "/limited", .handler = hello, .limit = "1/m burst=1" },
	{ 0 },
};

static struct percore_test *test_with(const char *const *options)
{
	struct percore_app *app = percore_app_new("demo", "1");

	percore_add_routes(app, routes);
	percore_add_number(app, "greeting-max", &greeting_max, 1, 100, "bytes");
	percore_add_text(app, "name", &default_name, "who is greeted");
	percore_every(app, "publish", 1, publish, (void *)"some text");
	percore_add_job(app, "add-one", add_one, NULL);
	percore_add_metrics(app, "/metrics");
	percore_on_worker(app, start, stop, &started);
	return percore_test_new(app, options);
}

static const struct percore_test_answer *get(struct percore_test *test, const char *target)
{
	return percore_test_send(test, &(struct percore_test_request){ .target = target });
}

START_TEST(answer_has_status_headers_and_body)
{
	static const struct percore_pair headers[] = { { "X-Key", "k1" }, { NULL, NULL } };
	struct percore_test *test = test_with(NULL);
	const struct percore_test_answer *answer = percore_test_send(
		test, &(struct percore_test_request){ .target = "/hello?name=Ada", .headers = headers });

	ck_assert_int_eq(started, 1);
	ck_assert_int_eq(answer->status, 200);
	ck_assert_str_eq(answer->body, "hello Ada");
	ck_assert_uint_eq(answer->body_length, 9);
	ck_assert_str_eq(percore_test_header(answer, "x-key"), "k1");
	ck_assert_str_eq(percore_test_header(answer, "Content-Length"), "9");
	ck_assert_ptr_null(percore_test_header(answer, "Status"));
	ck_assert(answer->is_whole);
	ck_assert_int_eq(get(test, "/none")->status, 404);
	ck_assert_int_eq(get(test, "/..")->status, 400);
	percore_test_free(test);
	ck_assert_int_eq(started, 11);
}
END_TEST

START_TEST(body_is_read_and_its_bounds_hold)
{
	struct percore_test *test = test_with(NULL);
	struct percore_test_request request = { .target = "/echo",
		                                .content_type = "application/json",
		                                .body = "{\"a\": [1]}" };

	ck_assert_str_eq(percore_test_send(test, &request)->body, "{\"a\":[1]}");
	request.body_length = 5;
	ck_assert_int_eq(percore_test_send(test, &request)->status, 400);
	request.body_length = 0;
	request.body = "[1, 2, 3, 4, 5, 6, 7, 8]";
	ck_assert_int_eq(percore_test_send(test, &request)->status, 413);
	request.method = "PUT";
	ck_assert_int_eq(percore_test_send(test, &request)->status, 405);
	percore_test_free(test);
}
END_TEST

START_TEST(options_hold_and_mistaken_ones_are_refused)
{
	struct percore_test *test = test_with((const char *const[]){ "--greeting-max", "2", NULL });

	ck_assert_str_eq(get(test, "/hello")->body, "hello wo");
	percore_test_free(test);
	ck_assert_ptr_null(test_with((const char *const[]){ "--greeting-max", "0", NULL }));
}
END_TEST

START_TEST(what_a_test_set_is_gone_with_it)
{
	enum { WARM = 12, ROUNDS = 20, TOLERATED = 1024 }; /* bytes a round: malloc keeps some at hand */
	size_t warm = 0, now = 0;

	for (int i = 0; i < ROUNDS; i++) {
		struct percore_test *test = test_with(
			i % 2 ? NULL : (const char *const[]){ "--greeting-max", "2", "--name", "Bob", NULL });
		ck_assert_str_eq(get(test, "/hello")->body, i % 2 ? "hello world" : "hello Bo");
		ck_assert_int_eq(get(test, "/limited")->status, 200);
		ck_assert_ptr_nonnull(
			strstr(get(test, "/metrics")->body,
		               "requests_total{route=\"/hello\",method=\"GET\",code=\"200\"} 1\n"));
		percore_test_free(test);
		ck_assert_str_eq(default_name, "world");
		struct mallinfo2 memory = mallinfo2();
		now = memory.uordblks + memory.hblkhd;
		if (i == WARM)
			warm = now;
	}
	ck_assert_msg(now < warm + (size_t)TOLERATED * (ROUNDS - WARM), "%zu bytes more", now - warm);
}
END_TEST

START_TEST(limits_hold_on_the_tests_own_clock)
{
	struct percore_test *test = test_with(NULL);

	ck_assert_int_eq(get(test, "/limited")->status, 200);
	ck_assert_int_eq(get(test, "/limited")->status, 429);
	percore_test_wait(test, 59);
	ck_assert_int_eq(get(test, "/limited")->status, 429);
	percore_test_wait(test, 2);
	ck_assert_int_eq(get(test, "/limited")->status, 200);
	percore_test_free(test);
}
END_TEST

START_TEST(task_publishes_what_a_handler_reads)
{
	struct percore_test *test = test_with(NULL);

	ck_assert_str_eq(get(test, "/snapshot")->body, "");
	ck_assert(!percore_test_task(test, "none"));
	ck_assert(percore_test_task(test, "publish"));
	const struct percore_test_answer *answer = get(test, "/snapshot");
	ck_assert_str_eq(answer->body, "some text");
	char etag[64];
	strcpy(etag, percore_test_header(answer, "ETag"));
	const struct percore_pair headers[] = { { "If-None-Match", etag }, { NULL, NULL } };
	ck_assert_int_eq(percore_test_send(test, &(struct percore_test_request){ .target = "/snapshot",
	                                                                         .headers = headers })
	                         ->status,
	                 304);
	ck_assert(percore_test_task(test, "publish"));
	ck_assert_str_eq(percore_test_header(get(test, "/snapshot"), "ETag"), etag); /* the same bytes */
	percore_test_free(test);
}
END_TEST

START_TEST(job_runs_on_its_input)
{
	struct percore_test *test = test_with(NULL);
	json_object *result;

	ck_assert(percore_test_job(test, "add-one", json_object_new_int(1), &result));
	ck_assert_int_eq(json_object_get_int(result), 2);
	json_object_put(result);
	ck_assert(!percore_test_job(test, "add-one", json_object_new_string("x"), &result));
	ck_assert_ptr_null(result);
	percore_test_free(test);
}
END_TEST

START_TEST(events_come_without_waiting_and_end_with_their_time)
{
	struct percore_test *test = test_with(NULL);
	const struct percore_test_answer *answer = get(test, "/events");

	ck_assert_int_eq(answer->status, 200);
	ck_assert(answer->is_whole);
	ck_assert_int_eq(events, 10);
	percore_test_free(test);
}
END_TEST

START_TEST(handler_that_leaves_when_its_client_has_gone_is_at_no_fault)
{
	struct percore_test *test = test_with(NULL);

	ck_assert_int_eq(
		percore_test_send(test, &(struct percore_test_request){ .target = "/leave", .is_gone = true })
			->status,
		499);
	percore_test_free(test);
}
END_TEST

START_TEST(json_from_elsewhere_is_read_as_strictly)
{
	static const struct percore_pair good[] = {
		{ "traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" }, { NULL, NULL }
	};
	static const struct percore_pair bad[] = {
		{ "traceparent", "00-00000000000000000000000000000000-b7ad6b7169203331-01" }, { NULL, NULL }
	};
	struct percore_test *test = test_with((const char *const[]){ "--prefix", "/api", NULL });
	struct percore_test_request request = { .target = "/api/pass-on?json=%7B%22a%22:1%7D",
		                                .headers = good };

	ck_assert_str_eq(percore_test_send(test, &request)->body,
	                 "/api own 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01 {\"a\":1}");
	request.headers = bad;
	ck_assert_str_eq(percore_test_send(test, &request)->body, "/api own none {\"a\":1}");
	request.target = "/api/pass-on?json=%7B%27a%27:1%7D";
	ck_assert_int_eq(percore_test_send(test, &request)->status, 502);
	ck_assert_ptr_null(strstr(percore_test_send(test, &request)->body, "there is one"));
	percore_test_free(test);
}
END_TEST

START_TEST(etag_of_bytes_is_theirs)
{
	struct percore_test *test = test_with(NULL);
	char first[64];

	snprintf(first, sizeof first, "%s", percore_test_header(get(test, "/tag?text=one"), "ETag"));
	ck_assert_uint_eq(strlen(first), 34);
	ck_assert_str_eq(percore_test_header(get(test, "/tag?text=one"), "ETag"), first);
	ck_assert_str_ne(percore_test_header(get(test, "/tag?text=two"), "ETag"), first);
	percore_test_free(test);
}
END_TEST

START_TEST(requests_are_counted)
{
	struct percore_test *test = test_with(NULL);

	get(test, "/hello");
	get(test, "/hello");
	ck_assert_ptr_nonnull(
		strstr(get(test, "/metrics")->body,
	               "percore_http_requests_total{route=\"/hello\",method=\"GET\",code=\"200\"} 2\n"));
	percore_test_free(test);
}
END_TEST

Suite *in_process_suite(void)
{
	return suite_of("in_process",
	                (const TTest *const[]){
				answer_has_status_headers_and_body, body_is_read_and_its_bounds_hold,
				options_hold_and_mistaken_ones_are_refused, what_a_test_set_is_gone_with_it,
				limits_hold_on_the_tests_own_clock, task_publishes_what_a_handler_reads,
				job_runs_on_its_input, events_come_without_waiting_and_end_with_their_time,
				requests_are_counted,
				handler_that_leaves_when_its_client_has_gone_is_at_no_fault,
				json_from_elsewhere_is_read_as_strictly, etag_of_bytes_is_theirs, NULL });
}
