/* SPDX-License-Identifier: ISC */
/* The example shortener, in the test's process. */
#include "example.h"

#define main shortener_main
#include "../../examples/shortener.c" /* NOLINT(bugprone-suspicious-include): it is what is tested */
#undef main

#include <sys/wait.h>

static struct percore_test *start(void)
{
	static char path[128];

	snprintf(path, sizeof path, "%s/links.db", example_directory);
	return example_start(shortener(), (const char *const[]){ "--database", path, "--base",
	                                                         "https://s.example", NULL });
}

static const struct percore_test_answer *post(struct percore_test *test, const char *body)
{
	return example_send(test, "POST", "/links", body, NULL);
}

/* The path of a link's code below `above`; it lasts. */
static const char *path_of(const char *above, const struct percore_test_answer *answer)
{
	static char paths[4][64];
	static unsigned next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof paths[0], "%s%s", above, example_member(answer, "code"));
	return path;
}

START_TEST(link_is_made_and_leads_to_its_url)
{
	struct percore_test *test = start();
	const struct percore_test_answer *answer = post(test, "{\"url\": \"https://a.example/x?y=%20#z\"}");
	const char *link = path_of("/", answer), *about = path_of("/links/", answer);

	ck_assert_int_eq(answer->status, 201);
	ck_assert_str_eq(percore_test_header(answer, "Location") + strlen("https://s.example"), about);
	ck_assert_str_eq(example_member(answer, "short") + strlen("https://s.example"), link);
	answer = example_get(test, link);
	ck_assert_int_eq(answer->status, 302);
	ck_assert_str_eq(percore_test_header(answer, "Location"), "https://a.example/x?y=%20#z");
	ck_assert_str_eq(percore_test_header(answer, "Cache-Control"), "no-store");
	answer = example_get(test, about);
	ck_assert_int_eq(answer->status, 200);
	ck_assert_str_eq(example_member(answer, "url"), "https://a.example/x?y=%20#z");
	percore_test_free(test);
}
END_TEST

START_TEST(visits_are_counted_and_looks_are_not)
{
	struct percore_test *test = start();
	const struct percore_test_answer *answer = post(test, "{\"url\": \"http://a.example\"}");
	const char *link = path_of("/", answer), *about = path_of("/links/", answer);

	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(example_get(test, link)->status, 302);
	ck_assert_str_eq(example_member(example_get(test, about), "visits"), "3");
	ck_assert_str_eq(example_member(example_get(test, about), "visits"), "3");
	const char *metrics = example_get(test, "/metrics")->body;
	ck_assert_ptr_nonnull(strstr(metrics, "\nshortener_visits_total 3\n"));
	ck_assert_ptr_nonnull(strstr(metrics, "\nshortener_links_total 1\n"));
	percore_test_free(test);
}
END_TEST

START_TEST(same_url_has_the_same_link)
{
	struct percore_test *test = start();
	const struct percore_test_answer *answer = post(test, "{\"url\": \"http://a.example/1\"}");
	const char *link = path_of("/", answer);

	example_get(test, link);
	answer = post(test, "{\"url\": \"http://a.example/1\"}");
	ck_assert_int_eq(answer->status, 200);
	ck_assert_str_eq(path_of("/", answer), link);
	ck_assert_str_eq(example_member(answer, "visits"), "1");
	answer = post(test, "{\"url\": \"http://a.example/2\"}");
	ck_assert_int_eq(answer->status, 201);
	ck_assert_str_ne(path_of("/", answer), link);
	percore_test_free(test);
	test = start(); /* the file outlives the process */
	ck_assert_int_eq(post(test, "{\"url\": \"http://a.example/1\"}")->status, 200);
	ck_assert_int_eq(example_get(test, link)->status, 302);
	percore_test_free(test);
}
END_TEST

START_TEST(removed_link_is_gone)
{
	struct percore_test *test = start();
	const struct percore_test_answer *answer = post(test, "{\"url\": \"http://a.example\"}");
	const char *link = path_of("/", answer), *about = path_of("/links/", answer);

	answer = example_send(test, "DELETE", about, NULL, NULL);
	ck_assert_int_eq(answer->status, 200);
	ck_assert_str_eq(example_member(answer, "url"), "http://a.example");
	ck_assert_int_eq(example_get(test, link)->status, 404);
	ck_assert_int_eq(example_get(test, about)->status, 404);
	ck_assert_int_eq(example_send(test, "DELETE", about, NULL, NULL)->status, 404);
	percore_test_free(test);
}
END_TEST

START_TEST(what_is_no_url_is_refused)
{
	static const char *const bad[] = {
		"{}",
		"[]",
		"null",
		"{\"url\": 1}",
		"{\"url\": \"\"}",
		"{\"url\": \"http://\"}",
		"{\"url\": \"https:///path\"}",
		"{\"url\": \"ftp://a.example\"}",
		"{\"url\": \"javascript:alert(1)//http://a\"}",
		"{\"url\": \"http://a.example/ b\"}",
		"{\"url\": \"http://a.example/\\u00e4\"}",
		"{\"url\": \"http://a.example/\\u0000\"}",
		"{\"url\": \"http://a.example/\\r\\nX: y\"}",
		"{\"url\": \"http://a.example/\\u007f\"}",
	};
	struct percore_test *test = start();
	char long_one[MAX_URL + 64];

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		ck_assert_msg(post(test, bad[i])->status == 422, "%s", bad[i]);
		percore_test_wait(test, 1);
	}
	for (int length = MAX_URL; length <= MAX_URL + 1; length++) {
		snprintf(long_one, sizeof long_one, "{\"url\": \"http://%0*d\"}", length - 7, 0);
		ck_assert_int_eq(post(test, long_one)->status, length == MAX_URL ? 201 : 422);
	}
	percore_test_free(test);
}
END_TEST

START_TEST(posts_are_limited_and_bodies_bounded)
{
	struct percore_test *test = start();
	char body[MAX_BODY + 2];
	int made_now = 0;

	memset(body, ' ', sizeof body - 1);
	body[sizeof body - 1] = '\0';
	ck_assert_int_eq(post(test, body)->status, 413);
	while (post(test, "{\"url\": \"http://a.example\"}")->status / 100 == 2)
		made_now++;
	ck_assert_int_eq(made_now, 19); /* of 20, and one was too long */
	ck_assert_int_eq(post(test, "{\"url\": \"http://a.example\"}")->status, 429);
	percore_test_wait(test, 0.25);
	ck_assert_int_eq(post(test, "{\"url\": \"http://a.example\"}")->status, 200);
	ck_assert_int_eq(example_get(test, "/none")->status, 404);
	percore_test_free(test);
}
END_TEST

/* As workers do: in processes of their own, which open a new file at the same time. */
START_TEST(processes_at_a_time_lose_no_link_and_no_visit)
{
	enum { PROCESSES = 6, VISITS = 20 };
	int status;

	for (int i = 0; i < PROCESSES; i++)
		if (fork() == 0) {
			struct percore_test *test = start();
			const char *link = path_of("/", post(test, "{\"url\": \"http://a.example\"}"));
			bool is_good = true;
			for (int n = 0; n < VISITS; n++)
				is_good &= example_get(test, link)->status == 302;
			percore_test_free(test);
			_exit(!is_good);
		}
	for (int i = 0; i < PROCESSES; i++) {
		ck_assert_int_gt(wait(&status), 0);
		ck_assert_int_eq(status, 0);
	}
	struct percore_test *test = start();
	ck_assert_str_eq(example_member(post(test, "{\"url\": \"http://a.example\"}"), "visits"), "120");
	percore_test_free(test);
}
END_TEST

int main(void)
{
	return example_run_tests(
		"shortener", (const TTest *const[]){
				     link_is_made_and_leads_to_its_url, visits_are_counted_and_looks_are_not,
				     same_url_has_the_same_link, removed_link_is_gone,
				     what_is_no_url_is_refused, posts_are_limited_and_bodies_bounded,
				     processes_at_a_time_lose_no_link_and_no_visit, NULL });
}
