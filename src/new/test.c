/* SPDX-License-Identifier: ISC */
/* Asks each endpoint in this process: no server is needed. */
#include "app.h"

#include <check.h>

/* One request, and its answer.  `body` NULL: any. */
static void ask(const struct percore_test_request *request, int status, const char *body)
{
	struct percore_test *test = percore_test_new(app_new(), NULL);

	ck_assert_ptr_nonnull(test);
	const struct percore_test_answer *answer = percore_test_send(test, request);
	ck_assert_int_eq(answer->status, status);
	if (body)
		ck_assert_str_eq(answer->body, body);
	percore_test_free(test);
}

static void get(const char *target, int status, const char *body)
{
	ask(&(struct percore_test_request){ .target = target }, status, body);
}

static void post(const char *json, int status, const char *body)
{
	ask(&(struct percore_test_request){ .target = "/hello",
	                                    .content_type = "application/json",
	                                    .body = json },
	    status, body);
}

START_TEST(hello_names_who_is_greeted)
{
	get("/hello", 200, "{\"hello\":\"world\"}");
	get("/hello?name=Ada", 200, "{\"hello\":\"Ada\"}");
	post("{\"name\":\"Ada\"}", 200, "{\"hello\":\"Ada\"}");
}
END_TEST

START_TEST(body_without_a_name_is_refused)
{
	post("{}", 422, NULL);
	post("{\"name\":1}", 422, NULL);
	post("[]", 422, NULL);
	post("{\"name\":", 400, NULL);
}
END_TEST

START_TEST(greeting_is_an_option)
{
	struct percore_test *test =
		percore_test_new(app_new(), (const char *const[]){ "--greeting", "hi", NULL });

	ck_assert_ptr_nonnull(test);
	ck_assert_str_eq(percore_test_send(test, &(struct percore_test_request){ .target = "/hello" })->body,
	                 "{\"hi\":\"world\"}");
	percore_test_free(test);
}
END_TEST

START_TEST(service_that_does_not_stop_is_healthy)
{
	get("/healthz", 200, "");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("@NAME@");
	TCase *tests = tcase_create("endpoints");
	SRunner *runner = srunner_create(suite);

	suite_add_tcase(suite, tests);
	tcase_add_test(tests, hello_names_who_is_greeted);
	tcase_add_test(tests, body_without_a_name_is_refused);
	tcase_add_test(tests, greeting_is_an_option);
	tcase_add_test(tests, service_that_does_not_stop_is_healthy);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
