/* SPDX-License-Identifier: ISC */
/* The example events, in the test's process, where time passes at once. */
#include "example.h"

#define main events_main
#include "../../examples/events.c" /* NOLINT(bugprone-suspicious-include): it is what is tested */
#undef main

static struct percore_test *start_counted(int times)
{
	struct percore_test *test = example_start(events(), NULL);

	while (times-- > 0)
		ck_assert(percore_test_task(test, "count"));
	return test;
}

/* The ids that a client gets which comes back with this last one; NULL: it comes for the first time. */
static const char *ids_after(struct percore_test *test, const char *last)
{
	static char ids[4096];
	const struct percore_pair headers[] = { { last ? "Last-Event-ID" : NULL, last }, { NULL, NULL } };
	const struct percore_test_answer *answer = example_send(test, "GET", "/events", NULL, headers);
	size_t length = 0;

	ck_assert_int_eq(answer->status, 200);
	ck_assert(answer->is_whole);
	ids[0] = '\0';
	for (const char *at = answer->body; (at = strstr(at, "id: ")); at++)
		length +=
			(size_t)snprintf(ids + length, sizeof ids - length, "%d ", atoi(at + 4)); /* NOLINT */
	return ids;
}

START_TEST(new_page_gets_the_newest)
{
	struct percore_test *test = start_counted(3);

	ck_assert_str_eq(ids_after(test, NULL), "3 ");
	ck_assert_ptr_nonnull(strstr(example_get(test, "/events")->body, "event: count\nid: 3\ndata: 3\n\n"));
	ck_assert_ptr_nonnull(strstr(example_get(test, "/")->body, "new EventSource('events')"));
	percore_test_free(test);
	test = start_counted(0);
	ck_assert_str_eq(ids_after(test, NULL), "");
	percore_test_free(test);
}
END_TEST

START_TEST(who_comes_back_gets_what_it_missed)
{
	struct percore_test *test = start_counted(5);

	ck_assert_str_eq(ids_after(test, "2"), "3 4 5 ");
	ck_assert_str_eq(ids_after(test, "5"), "");
	ck_assert_str_eq(ids_after(test, "6"), "5 "); /* the service was stopped, and counts anew */
	percore_test_free(test);
}
END_TEST

START_TEST(as_many_are_kept)
{
	struct percore_test *test = start_counted(KEPT + 2);
	const char *ids = ids_after(test, "1");

	ck_assert_int_eq(strncmp(ids, "3 4 ", 4), 0);
	ck_assert_str_eq(ids + strlen(ids) - strlen("101 102 "), "101 102 ");
	percore_test_free(test);
}
END_TEST

int main(void)
{
	return example_run_tests("events", (const TTest *const[]){ new_page_gets_the_newest,
	                                                           who_comes_back_gets_what_it_missed,
	                                                           as_many_are_kept, NULL });
}
