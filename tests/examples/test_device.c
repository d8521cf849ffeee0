/* SPDX-License-Identifier: ISC */
/* The example device, in the test's process. */
#include "example.h"

#define main device_main
#include "../../examples/device.c" /* NOLINT(bugprone-suspicious-include): it is what is tested */
#undef main

#include <sys/wait.h>

static struct percore_test *start(void)
{
	return example_start(device(), (const char *const[]){ "--directory", example_directory, NULL });
}

static const struct percore_test_answer *change_if(struct percore_test *test, const char *etag,
                                                   const char *method, const char *body)
{
	const struct percore_pair headers[] = { { etag ? "If-Match" : NULL, etag }, { NULL, NULL } };

	return example_send(test, method, "/settings", body, headers);
}

/* Of the newest version; it lasts until the next. */
static const char *newest(struct percore_test *test)
{
	static char etag[64];

	snprintf(etag, sizeof etag, "%s", percore_test_header(example_get(test, "/settings"), "ETag"));
	return etag;
}

START_TEST(settings_are_there_from_the_first_and_change)
{
	struct percore_test *test = start();

	ck_assert_str_eq(example_get(test, "/settings")->body, first);
	const char *etag = newest(test);
	const struct percore_test_answer *answer =
		change_if(test, etag, "PUT", "{\"mode\": \"off\", \"interval\": 1, \"name\": \"p\u00fcmp\"}");
	ck_assert_int_eq(answer->status, 200);
	ck_assert_str_eq(answer->body, "{\"mode\":\"off\",\"interval\":1,\"name\":\"p\u00fcmp\"}");
	ck_assert_str_ne(percore_test_header(answer, "ETag"), etag);
	ck_assert_str_eq(percore_test_header(answer, "ETag"), newest(test));
	answer = change_if(test, newest(test), "PATCH", "{\"interval\": 3600}");
	ck_assert_str_eq(answer->body, "{\"mode\":\"off\",\"interval\":3600,\"name\":\"p\u00fcmp\"}");
	percore_test_free(test);
	test = start(); /* the file outlives the process */
	ck_assert_str_eq(example_member(example_get(test, "/settings"), "interval"), "3600");
	percore_test_free(test);
}
END_TEST

START_TEST(what_is_known_is_not_sent_again)
{
	struct percore_test *test = start();
	const struct percore_pair headers[] = { { "If-None-Match", newest(test) }, { NULL, NULL } };

	ck_assert_int_eq(example_send(test, "GET", "/settings", NULL, headers)->status, 304);
	percore_test_free(test);
}
END_TEST

START_TEST(change_without_the_newest_version_is_refused)
{
	struct percore_test *test = start();
	char old[64];

	snprintf(old, sizeof old, "%s", newest(test));
	ck_assert_int_eq(change_if(test, NULL, "PUT", first)->status, 428);
	ck_assert_int_eq(change_if(test, NULL, "PATCH", "{}")->status, 428);
	ck_assert_int_eq(change_if(test, old, "PATCH", "{\"interval\": 2}")->status, 200);
	ck_assert_int_eq(change_if(test, old, "PATCH", "{\"interval\": 3}")->status, 412);
	ck_assert_int_eq(change_if(test, old, "PUT", "{\"interval\": 3}")->status, 412);
	ck_assert_str_eq(example_member(example_get(test, "/settings"), "interval"), "2");
	percore_test_free(test);
}
END_TEST

START_TEST(bad_settings_are_refused_and_change_nothing)
{
	static const struct {
		const char *method, *body;
	} bad[] = {
		{ "PATCH", "{\"name\": \"\"}" },
		{ "PATCH", "{\"name\": null}" },
		{ "PATCH", "{\"name\": {\"a\": null}}" },
		{ "PATCH",
		  "{\"name\": \"12345678901234567890123456789012345678901234567890123456789012345\"}" },
		{ "PATCH", "{\"interval\": 0}" },
		{ "PATCH", "{\"interval\": 3601}" },
		{ "PATCH", "{\"interval\": -1}" },
		{ "PATCH", "{\"interval\": 60.5}" },
		{ "PATCH", "{\"interval\": \"60\"}" },
		{ "PATCH", "{\"mode\": \"fast\"}" },
		{ "PATCH", "{\"mode\": \"on\\u0000\"}" },
		{ "PATCH", "{\"mode\": true}" },
		{ "PATCH", "{\"color\": \"red\"}" },
		{ "PATCH", "[]" },
		{ "PATCH", "null" },
		{ "PUT", "{}" },
		{ "PUT", "null" },
		{ "PUT", "{\"name\": \"a\", \"interval\": 1}" },
		{ "PUT", "{\"name\": \"a\", \"interval\": 1, \"mode\": \"on\", \"more\": 1}" },
	};
	struct percore_test *test = start();

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		ck_assert_msg(change_if(test, newest(test), bad[i].method, bad[i].body)->status == 422,
		              "%s %s", bad[i].method, bad[i].body);
	ck_assert_int_eq(
		change_if(test, newest(test), "PUT", "{\"mode\": \"on\", \"mode\": \"off\"}")->status, 400);
	ck_assert_str_eq(example_get(test, "/settings")->body, first);
	percore_test_free(test);
}
END_TEST

START_TEST(patch_is_a_merge_patch_only)
{
	struct percore_test *test = start();
	struct percore_test_request request = { .method = "PATCH",
		                                .target = "/settings",
		                                .content_type = "application/json-patch+json",
		                                .body = "[]" };
	const struct percore_test_answer *answer = percore_test_send(test, &request);

	ck_assert_int_eq(answer->status, 415);
	ck_assert_str_eq(percore_test_header(answer, "Accept-Patch"), "application/merge-patch+json");
	request.content_type = "Application/Merge-Patch+JSON; charset=utf-8";
	request.body = "{}";
	ck_assert_int_eq(percore_test_send(test, &request)->status, 428);
	percore_test_free(test);
}
END_TEST

START_TEST(file_that_holds_no_settings_is_not_overwritten)
{
	struct percore_test *test = start();
	const char *const broken[] = { "", "{", "{\"name\":\"a\"}" };

	for (size_t i = 0; i < 3; i++) {
		int fd = openat(place, "settings.json", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		ck_assert_int_eq(write(fd, broken[i], strlen(broken[i])), (ssize_t)strlen(broken[i]));
		close(fd);
		ck_assert_int_eq(example_get(test, "/settings")->status, 500);
		ck_assert_int_eq(change_if(test, "*", "PUT", first)->status, 500);
	}
	percore_test_free(test);
}
END_TEST

/* Reads the settings and adds 1 to the interval, until nobody was faster. */
static void add_one(struct percore_test *test)
{
	char etag[64], body[64];

	do {
		const struct percore_test_answer *answer = example_get(test, "/settings");
		snprintf(etag, sizeof etag, "%s", percore_test_header(answer, "ETag"));
		snprintf(body, sizeof body, "{\"interval\": %d}",
		         atoi(example_member(answer, "interval")) + 1);
	} while (change_if(test, etag, "PATCH", body)->status == 412);
}

START_TEST(clients_at_a_time_lose_nothing)
{
	enum { CLIENTS = 20, CHANGES = 10 };
	int status;

	for (int i = 0; i < CLIENTS; i++)
		if (fork() == 0) {
			struct percore_test *test = start();
			for (int n = 0; n < CHANGES; n++)
				add_one(test);
			percore_test_free(test);
			_exit(0);
		}
	for (int i = 0; i < CLIENTS; i++) {
		ck_assert_int_gt(wait(&status), 0);
		ck_assert_int_eq(status, 0);
	}
	struct percore_test *test = start();
	ck_assert_str_eq(example_member(example_get(test, "/settings"), "interval"), "260");
	percore_test_free(test);
}
END_TEST

int main(void)
{
	return example_run_tests("device",
	                         (const TTest *const[]){ settings_are_there_from_the_first_and_change,
	                                                 what_is_known_is_not_sent_again,
	                                                 change_without_the_newest_version_is_refused,
	                                                 bad_settings_are_refused_and_change_nothing,
	                                                 patch_is_a_merge_patch_only,
	                                                 file_that_holds_no_settings_is_not_overwritten,
	                                                 clients_at_a_time_lose_nothing, NULL });
}
