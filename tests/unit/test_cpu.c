/* SPDX-License-Identifier: ISC */
/* How many workers "auto" makes. */
#include "base/cpu.h"
#include "unit.h"

START_TEST(quota_is_rounded_up)
{
	ck_assert_uint_eq(cpu_quota("200000 100000\n"), 2);
	ck_assert_uint_eq(cpu_quota("150000 100000\n"), 2);
	ck_assert_uint_eq(cpu_quota("1000 100000\n"), 1);
}
END_TEST

START_TEST(no_quota_and_nonsense_are_no_cap)
{
	ck_assert_uint_eq(cpu_quota("max 100000\n"), 0);
	ck_assert_uint_eq(cpu_quota(""), 0);
	ck_assert_uint_eq(cpu_quota("0 0"), 0);
}
END_TEST

START_TEST(there_is_one_cpu_at_least)
{
	ck_assert_uint_ge(cpu_count(), 1);
}
END_TEST

Suite *cpu_suite(void)
{
	const TTest *const tests[] = { quota_is_rounded_up, no_quota_and_nonsense_are_no_cap,
		                       there_is_one_cpu_at_least, NULL };

	return suite_of("cpu", tests);
}
