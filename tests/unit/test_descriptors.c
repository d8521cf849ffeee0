/* SPDX-License-Identifier: ISC */
/* What a process has open. */
#include "base/descriptors.h"
#include "unit.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static bool is_null_device(int fd)
{
	struct stat st, null;

	return fstat(fd, &st) == 0 && stat("/dev/null", &null) == 0 && st.st_rdev == null.st_rdev;
}

/* Without the standard descriptors check cannot tell what failed: so the process says it. */
static int in_child(bool (*test)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(test() ? 0 : 1);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return status;
}

static bool open_standard_with_none(void)
{
	close(0);
	close(1);
	close(2);
	descriptors_open_standard();
	for (int fd = 0; fd < 3; fd++)
		if (!is_null_device(fd) || fcntl(fd, F_GETFD) != 0)
			return false;
	return true;
}

static bool open_standard_with_some(void)
{
	struct stat before, after;

	close(1);
	fstat(2, &before);
	int next = dup(2);
	close(next);
	dup2(2, 1);
	close(1);
	descriptors_open_standard();
	fstat(2, &after);
	return is_null_device(1) && before.st_ino == after.st_ino;
}

START_TEST(standard_descriptors_that_are_closed_are_opened_on_the_null_device)
{
	ck_assert_int_eq(in_child(open_standard_with_none), 0);
	ck_assert_int_eq(in_child(open_standard_with_some), 0);
}
END_TEST

static bool move_up_from_below(void)
{
	for (int fd = 0; fd < 3; fd++) {
		int pipes[2];
		char byte = 0;
		if (pipe(pipes) != 0 || dup2(pipes[0], fd) != fd)
			return false;
		int moved = descriptors_move_up(fd);
		if (moved < 3 || fcntl(moved, F_GETFD) != FD_CLOEXEC || !is_null_device(fd))
			return false;
		if (write(pipes[1], "x", 1) != 1 || read(moved, &byte, 1) != 1)
			return false;
	}
	return true;
}

START_TEST(descriptor_below_three_is_moved_up_and_another_stays)
{
	int pipes[2];

	ck_assert_int_eq(in_child(move_up_from_below), 0);
	ck_assert_int_eq(pipe(pipes), 0);
	ck_assert_int_eq(descriptors_move_up(pipes[0]), pipes[0]);
	ck_assert_int_eq(fcntl(pipes[0], F_GETFD), FD_CLOEXEC);
	ck_assert_int_lt(descriptors_move_up(999), 0);
}
END_TEST

static int opened[12];

/* Keeps those of `kept` that are no -1, given as positions in `opened`. */
static void close_all_but(const int *kept, unsigned count)
{
	for (int i = 0; i < 12; i++)
		opened[i] = fcntl(2, F_DUPFD, i < 10 ? 20 + i : 900 + i); /* side by side, and far off */
	descriptors_close_others(kept, count);
}

static bool close_others_keeps_those(void)
{
	static const int kept[] = { 29, -1, 20, 25, 24, 911, 25 }; /* in no order, one twice */

	close_all_but(kept, sizeof kept / sizeof kept[0]);
	for (int fd = 3; fd < 1000; fd++)
		if (is_open(fd) != (fd == 29 || fd == 20 || fd == 25 || fd == 24 || fd == 911))
			return false;
	return is_open(0) && is_open(1) && is_open(2);
}

static bool close_others_keeps_the_first_and_standard_ones(void)
{
	int first = dup2(2, 3);
	const int kept[] = { 1, first };

	close_all_but(kept, 2);
	return is_open(3) && !is_open(4) && !is_open(20) && is_open(0) && is_open(1) && is_open(2);
}

static bool close_others_keeps_none(void)
{
	close_all_but(NULL, 0);
	for (int fd = 3; fd < 1000; fd++)
		if (is_open(fd))
			return false;
	return descriptors_count() == 3;
}

START_TEST(all_but_those_that_are_kept_are_closed)
{
	descriptors_open_standard();
	ck_assert_int_eq(in_child(close_others_keeps_those), 0);
	ck_assert_int_eq(in_child(close_others_keeps_the_first_and_standard_ones), 0);
	ck_assert_int_eq(in_child(close_others_keeps_none), 0);
}
END_TEST

START_TEST(limit_is_raised_to_the_hard_one)
{
	struct rlimit files;

	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = 64;
	files.rlim_max = 100;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &files), 0);
	ck_assert_uint_eq(descriptors_raise_limit(), 100);
	getrlimit(RLIMIT_NOFILE, &files);
	ck_assert_uint_eq(files.rlim_cur, 100);
}
END_TEST

START_TEST(open_descriptors_are_counted)
{
	unsigned before = descriptors_count();
	int fd = dup(2);

	ck_assert_uint_eq(descriptors_count(), before + 1);
	close(fd);
	ck_assert_uint_eq(descriptors_count(), before);
}
END_TEST

Suite *descriptors_suite(void)
{
	const TTest *const tests[] = { standard_descriptors_that_are_closed_are_opened_on_the_null_device,
		                       descriptor_below_three_is_moved_up_and_another_stays,
		                       all_but_those_that_are_kept_are_closed,
		                       limit_is_raised_to_the_hard_one,
		                       open_descriptors_are_counted,
		                       NULL };

	return suite_of("descriptors", tests);
}
