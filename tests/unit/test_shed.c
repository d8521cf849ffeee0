/* SPDX-License-Identifier: ISC */
/* Shedding: waits from what the web server sends, the standing queue, the backlog.  The clock is an argument.
 */
#include "state/overload.h"
#include "unit.h"

#include <string.h>

static struct overload_shm shm;
static const struct overload overload = { .shm = &shm, .target_ms = 20, .max_wait_ms = 1000 };

static void make(void)
{
	memset(&shm, 0, sizeof shm);
}

static int64_t wait_of(const char *start)
{
	return overload_wait_ms(&overload, start, 1700000000500);
}

START_TEST(wait_is_from_the_start_to_now)
{
	make();
	ck_assert_int_eq(wait_of("t=1700000000.123"), 377);
	ck_assert_int_eq(wait_of("t=1700000000"), 500);
	ck_assert_int_eq(wait_of("t=1700000000.500"), 0);
	ck_assert_uint_eq(shm.ignored, 0);
}
END_TEST

START_TEST(start_that_cannot_be_is_ignored_and_counted)
{
	make();
	ck_assert_int_eq(wait_of("t=1700000001.000"), OVERLOAD_UNKNOWN); /* in the future: a clock was set */
	ck_assert_int_eq(wait_of("t=1699999940.000"), OVERLOAD_UNKNOWN); /* over 60 s ago */
	ck_assert_int_eq(wait_of("t=1700000000.12"), OVERLOAD_UNKNOWN);
	ck_assert_int_eq(wait_of("t="), OVERLOAD_UNKNOWN);
	ck_assert_int_eq(wait_of("t=99999999999999999999999999"), OVERLOAD_UNKNOWN);
	ck_assert_uint_eq(shm.ignored, 5);
	ck_assert_int_eq(wait_of("1700000000.123"), OVERLOAD_UNKNOWN);
	ck_assert_int_eq(wait_of(NULL), OVERLOAD_UNKNOWN);
	ck_assert_uint_eq(shm.ignored, 5);
}
END_TEST

START_TEST(short_burst_is_served)
{
	make();
	for (uint64_t now_ms = 1000; now_ms < 1090; now_ms++)
		ck_assert(!overload_refuses(&overload, 45, now_ms));
}
END_TEST

START_TEST(standing_queue_is_refused_beyond_twice_the_target)
{
	bool refused = false;

	make();
	for (uint64_t now_ms = 1000; now_ms < 1300; now_ms++)
		refused = overload_refuses(&overload, 45, now_ms);
	ck_assert(refused);
	ck_assert(!overload_refuses(&overload, 40, 1300)); /* twice the target is not beyond it */
	ck_assert_uint_gt(shm.refused, 0);
}
END_TEST

START_TEST(one_short_wait_in_an_interval_ends_the_refusing)
{
	make();
	for (uint64_t now_ms = 1000; now_ms < 1300; now_ms++)
		overload_refuses(&overload, 45, now_ms);
	overload_refuses(&overload, 1, 1310);
	for (uint64_t now_ms = 1400; now_ms < 1410; now_ms++)
		overload_refuses(&overload, 45, now_ms);
	ck_assert(!overload_refuses(&overload, 45, 1411));
}
END_TEST

START_TEST(longest_wait_holds_always)
{
	make();
	ck_assert(overload_refuses(&overload, 1001, 1000));
	ck_assert(!overload_refuses(&overload, 1000, 1000));
	const struct overload none = { .shm = &shm };
	ck_assert(!overload_refuses(&none, 50000, 1000));
}
END_TEST

START_TEST(backlog_refuses_as_many_as_are_too_many)
{
	make();
	for (int i = 0; i < 100; i++)
		overload_refuses(&overload, OVERLOAD_UNKNOWN, 950);
	/* 100 served in 50 ms, so 80 in 40 ms, twice the target. */
	overload_watch_backlog(
		&overload,
		&(struct overload_backlog){ .waiting = 200, .waited = 90, .served = 100, .elapsed_ms = 50 });
	ck_assert_uint_eq(shm.excess, 120);
	for (int i = 0; i < 120; i++)
		ck_assert(overload_refuses(&overload, OVERLOAD_UNKNOWN, 1000));
	ck_assert(!overload_refuses(&overload, OVERLOAD_UNKNOWN, 1000));
	/* A burst that was not there at the look before. */
	overload_watch_backlog(
		&overload,
		&(struct overload_backlog){ .waiting = 200, .waited = 10, .served = 100, .elapsed_ms = 50 });
	ck_assert_uint_eq(shm.excess, 0);
	/* Where starts are known, they decide. */
	overload_refuses(&overload, 1, 1000);
	overload_watch_backlog(
		&overload,
		&(struct overload_backlog){ .waiting = 200, .waited = 90, .served = 100, .elapsed_ms = 50 });
	overload_refuses(&overload, 1, 1050);
	overload_watch_backlog(
		&overload,
		&(struct overload_backlog){ .waiting = 200, .waited = 90, .served = 100, .elapsed_ms = 50 });
	ck_assert_uint_eq(shm.excess, 0);
}
END_TEST

static void look(void)
{
	overload_watch_backlog(
		&overload,
		&(struct overload_backlog){ .waiting = 200, .waited = 200, .served = 100, .elapsed_ms = 50 });
}

START_TEST(one_start_does_not_speak_for_those_without)
{
	make();
	look(); /* nothing has come yet that tells whether starts are sent */
	overload_refuses(&overload, 1, 1000);
	look();
	ck_assert_uint_eq(shm.knows_starts, 1);
	ck_assert_uint_eq(shm.excess, 0);
	for (int i = 0; i < 99; i++)
		overload_refuses(&overload, OVERLOAD_UNKNOWN, 1050);
	overload_refuses(&overload, 1, 1050);
	look();
	ck_assert_uint_eq(shm.knows_starts, 0);
	ck_assert_uint_eq(shm.excess, 120 * 99 / 100); /* too many are 120; 99 of 100 came without */
	ck_assert(overload_refuses(&overload, OVERLOAD_UNKNOWN, 1100));
	ck_assert(!overload_refuses(&overload, 1, 1100));
}
END_TEST

START_TEST(few_without_a_start_are_refused_by_their_share)
{
	make();
	for (int i = 0; i < 90; i++)
		overload_refuses(&overload, 1, 1000);
	for (int i = 0; i < 10; i++)
		overload_refuses(&overload, OVERLOAD_UNKNOWN, 1000);
	look();
	ck_assert_uint_eq(shm.excess, 12);
}
END_TEST

Suite *overload_suite(void)
{
	const TTest *const tests[] = { wait_is_from_the_start_to_now,
		                       start_that_cannot_be_is_ignored_and_counted,
		                       short_burst_is_served,
		                       standing_queue_is_refused_beyond_twice_the_target,
		                       one_short_wait_in_an_interval_ends_the_refusing,
		                       longest_wait_holds_always,
		                       backlog_refuses_as_many_as_are_too_many,
		                       one_start_does_not_speak_for_those_without,
		                       few_without_a_start_are_refused_by_their_share,
		                       NULL };

	return suite_of("shed", tests);
}
