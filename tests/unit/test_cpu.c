/* SPDX-License-Identifier: ISC */
/* How many workers "auto" makes. */
#include "base/cpu.h"
#include "unit.h"

#include <errno.h>
#include <string.h>

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

/* As on a machine of 4,096. */
static int large(pid_t pid, size_t bytes, cpu_set_t *set)
{
	(void)pid;
	if (bytes < 4096 / 8) {
		errno = EINVAL;
		return -1;
	}
	memset(set, 0, bytes);
	memset(set, 0xff, 3000 / 8);
	return 0;
}

static int forbidden(pid_t pid, size_t bytes, cpu_set_t *set)
{
	(void)pid, (void)bytes, (void)set;
	errno = EPERM;
	return -1;
}

START_TEST(affinity_of_more_cpus_than_a_cpu_set_has)
{
	ck_assert_uint_eq(cpu_affinity(large), 3000);
	ck_assert_uint_eq(cpu_affinity(forbidden), 1);
}
END_TEST

Suite *cpu_suite(void)
{
	const TTest *const tests[] = { quota_is_rounded_up, no_quota_and_nonsense_are_no_cap,
		                       there_is_one_cpu_at_least, affinity_of_more_cpus_than_a_cpu_set_has,
		                       NULL };

	return suite_of("cpu", tests);
}
