/* SPDX-License-Identifier: ISC */
/* /status: who gets a page and who gets JSON, and what a single process tells. */
#include "percore.h"
#include "unit.h"

#include <string.h>

#define BROWSER "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"

static struct percore_test *test;

static void open_app(void)
{
	struct percore_app *app = percore_app_new("unit", "1");

	percore_add_status(app, "/status");
	test = percore_test_new(app, NULL);
	ck_assert_ptr_nonnull(test);
}

static void close_app(void)
{
	percore_test_free(test);
}

static const struct percore_test_answer *ask_for(const char *target, const char *accept)
{
	const struct percore_pair headers[] = { { accept ? "Accept" : NULL, accept }, { NULL, NULL } };
	const struct percore_test_answer *answer = percore_test_send(
		test, &(struct percore_test_request){ .target = target, .headers = headers });

	ck_assert_int_eq(answer->status, 200);
	ck_assert_str_eq(percore_test_header(answer, "Vary"), "Accept");
	return answer;
}

static bool is_page(const char *target, const char *accept)
{
	const struct percore_test_answer *answer = ask_for(target, accept);
	const char *type = percore_test_header(answer, "Content-Type");

	if (strcmp(type, "text/html; charset=utf-8") == 0) {
		ck_assert_ptr_nonnull(percore_test_header(answer, "Content-Security-Policy"));
		ck_assert_int_eq(memcmp(answer->body, "<!DOCTYPE html>", 15), 0);
		return true;
	}
	ck_assert_str_eq(type, "application/json");
	ck_assert_ptr_null(percore_test_header(answer, "Content-Security-Policy"));
	ck_assert_int_eq(answer->body[0], '{');
	return false;
}

START_TEST(browser_gets_a_page)
{
	ck_assert(is_page("/status", BROWSER));
	ck_assert(is_page("/status?else", BROWSER));
	ck_assert(is_page("/status", "text/html"));
}
END_TEST

START_TEST(others_get_json)
{
	ck_assert(!is_page("/status", NULL));
	ck_assert(!is_page("/status", "*/*"));
	ck_assert(!is_page("/status", "application/json"));
	ck_assert(!is_page("/status", "text/html, application/json"));
	ck_assert(!is_page("/status?json", BROWSER));
	ck_assert(!is_page("/status?history=5", BROWSER));
}
END_TEST

static bool has(const char *target, const char *text)
{
	return strstr(ask_for(target, NULL)->body, text) != NULL;
}

START_TEST(history_comes_where_it_is_asked_for)
{
	ck_assert(!has("/status", "\"history\""));
	ck_assert(has("/status?history", "\"history\":null")); /* a single process keeps none */
	ck_assert(has("/status?history=nonsense", "\"history\":null"));
}
END_TEST

START_TEST(worker_tells_its_memory)
{
	ck_assert(has("/status", "\"memory_bytes\":"));
	ck_assert(!has("/status", "\"memory_bytes\":null"));
}
END_TEST

Suite *status_suite(void)
{
	const TTest *const tests[] = { browser_gets_a_page, others_get_json,
		                       history_comes_where_it_is_asked_for, worker_tells_its_memory, NULL };
	Suite *suite = suite_create("status");
	TCase *tcase = tcase_create("status");

	tcase_add_checked_fixture(tcase, open_app, close_app);
	for (const TTest *const *each = tests; *each; each++)
		tcase_add_test(tcase, *each);
	suite_add_tcase(suite, tcase);
	return suite;
}
