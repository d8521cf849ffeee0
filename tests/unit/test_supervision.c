/* SPDX-License-Identifier: ISC */
/* What a generation has from the supervisor: the line of its start, and the words of both. */
#include "base/message.h"
#include "pool/supervision.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define VARIABLE "PERCORE_GENERATION"

static struct inheritance sample(void)
{
	struct inheritance i = { .number = 4000000000u,
		                 .lane = 3,
		                 .control = dup(2),
		                 .parcels_in = dup(2),
		                 .parcels_out = dup(2),
		                 .listener = dup(2),
		                 .admin_listener = -1,
		                 .memory = dup(2),
		                 .watchdog_ms = 1500,
		                 .place = "/run/a place with \"odd\" names" };

	memset(i.listen, 'l', sizeof i.listen - 1);
	memset(i.admin, 'a', sizeof i.admin - 1);
	fcntl(i.control, F_SETFD, FD_CLOEXEC);
	return i;
}

static void check_same(const struct inheritance *a, const struct inheritance *b)
{
	ck_assert(a->is_generation);
	ck_assert_uint_eq(a->number, b->number);
	ck_assert_uint_eq(a->lane, b->lane);
	ck_assert_int_eq(a->control, b->control);
	ck_assert_int_eq(a->parcels_in, b->parcels_in);
	ck_assert_int_eq(a->parcels_out, b->parcels_out);
	ck_assert_int_eq(a->listener, b->listener);
	ck_assert_int_eq(a->admin_listener, b->admin_listener);
	ck_assert_int_eq(a->memory, b->memory);
	ck_assert_uint_eq(a->watchdog_ms, b->watchdog_ms);
	ck_assert_str_eq(a->place, b->place);
	ck_assert_str_eq(a->listen, b->listen);
	ck_assert_str_eq(a->admin, b->admin);
}

START_TEST(line_is_read_as_it_was_written_and_once)
{
	struct inheritance passed = sample(), taken;

	inheritance_pass(&passed);
	ck_assert_int_eq(fcntl(passed.control, F_GETFD), 0); /* through exec */
	ck_assert_int_eq(fcntl(passed.memory, F_GETFD), 0);
	taken = inheritance_take();
	check_same(&taken, &passed);
	ck_assert_int_eq(fcntl(passed.control, F_GETFD), FD_CLOEXEC); /* and no further */
	ck_assert_int_eq(fcntl(passed.memory, F_GETFD), FD_CLOEXEC);
	ck_assert_ptr_null(getenv(VARIABLE));
	ck_assert(!inheritance_take().is_generation);
	passed.place[0] = passed.listen[0] = passed.admin[0] = '\0';
	passed.memory = passed.control = -1;
	inheritance_pass(&passed);
	taken = inheritance_take();
	check_same(&taken, &passed);
}
END_TEST

START_TEST(line_of_another_process_is_not_taken)
{
	const struct inheritance passed = sample();
	int status;

	inheritance_pass(&passed);
	pid_t pid = fork(); /* a program that a generation started, with its environment */
	if (pid == 0) {
		struct inheritance taken = inheritance_take();
		_exit(taken.is_generation || taken.control != -1 || taken.listener != -1 ||
		      taken.memory != -1 || taken.number != 0 || getenv(VARIABLE));
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}
END_TEST

START_TEST(line_that_is_none_makes_a_first_process)
{
	static const char *const bad[] = {
		"",
		"x",
		"%d",
		"%d 1",
		"%d 1 1 0 3 4 5 6 7 8",
		"%d 2 1 0 3 4 5 6 7 8 0\n\n\n",
		"%d 1 1 0 3 4 5 6 7 x 0",
	};
	char line[128];

	unsetenv(VARIABLE);
	ck_assert(!inheritance_take().is_generation);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		snprintf(line, sizeof line, bad[i], (int)getpid());
		setenv(VARIABLE, line, 1);
		struct inheritance taken = inheritance_take();
		ck_assert_msg(!taken.is_generation, "%s", line);
		ck_assert_int_eq(taken.control, -1);
		ck_assert_int_eq(taken.listener, -1);
		ck_assert_int_eq(taken.memory, -1);
		ck_assert_ptr_null(getenv(VARIABLE));
	}
	snprintf(line, sizeof line, "%d 1 1 0 3 4 5 6 7 8 0", (int)getpid()); /* the good one of them */
	setenv(VARIABLE, line, 1);
	ck_assert(inheritance_take().is_generation);
}
END_TEST

START_TEST(words_are_heard_in_their_order_and_the_end_after_them)
{
	struct supervision_message message = { .word = SUPERVISION_SERVES,
		                               .flags = SUPERVISION_HAS_LOG,
		                               .drain_timeout_ms = UINT64_MAX,
		                               .workers = 4 };
	struct supervision_message heard;
	int ends[2], fd, pipes[2];

	ck_assert_int_eq(message_pair(ends), 0);
	ck_assert_int_eq(supervision_hear(ends[0], &heard, &fd), -EAGAIN);
	ck_assert_int_eq(fd, -1);
	ck_assert_int_eq(pipe(pipes), 0);
	memset(message.text, 't', sizeof message.text); /* without an end */
	ck_assert_int_eq(supervision_say(ends[1], &message, pipes[1]), 0);
	message.word = SUPERVISION_TICK;
	ck_assert_int_eq(supervision_say(ends[1], &message, -1), 0);
	ck_assert_int_eq(supervision_hear(ends[0], &heard, &fd), 1);
	ck_assert_uint_eq(heard.word, SUPERVISION_SERVES);
	ck_assert_uint_eq(heard.flags, SUPERVISION_HAS_LOG);
	ck_assert_uint_eq(heard.drain_timeout_ms, UINT64_MAX);
	ck_assert_uint_eq(heard.workers, 4);
	ck_assert_uint_eq(strlen(heard.text), SUPERVISION_TEXT_MAX - 1);
	ck_assert_int_eq(write(fd, "x", 1), 1);
	ck_assert_int_eq(read(pipes[0], &(char){ 0 }, 1), 1);
	const struct inheritance generation = { .control = ends[1] };
	supervision_refuse(&generation, "no such handler");
	close(ends[1]);
	ck_assert_int_eq(supervision_hear(ends[0], &heard, &fd), 1);
	ck_assert_uint_eq(heard.word, SUPERVISION_TICK);
	ck_assert_int_eq(fd, -1);
	ck_assert_int_eq(supervision_hear(ends[0], &heard, &fd), 1);
	ck_assert_uint_eq(heard.word, SUPERVISION_REFUSES);
	ck_assert_str_eq(heard.text, "no such handler");
	ck_assert_int_eq(supervision_hear(ends[0], &heard, &fd), 0);
	ck_assert_int_eq(supervision_say(ends[0], &message, -1), -EPIPE);
}
END_TEST

START_TEST(reason_of_any_length_is_told)
{
	char reason[2 * SUPERVISION_TEXT_MAX];
	struct supervision_message heard;
	int ends[2], fd;

	ck_assert_int_eq(message_pair(ends), 0);
	memset(reason, 'r', sizeof reason - 1);
	reason[sizeof reason - 1] = '\0';
	supervision_refuse(&(struct inheritance){ .control = ends[1] }, reason);
	ck_assert_int_eq(supervision_hear(ends[0], &heard, &fd), 1);
	ck_assert_uint_eq(strlen(heard.text), SUPERVISION_TEXT_MAX - 1);
}
END_TEST

Suite *supervision_suite(void)
{
	const TTest *const tests[] = { line_is_read_as_it_was_written_and_once,
		                       line_of_another_process_is_not_taken,
		                       line_that_is_none_makes_a_first_process,
		                       words_are_heard_in_their_order_and_the_end_after_them,
		                       reason_of_any_length_is_told,
		                       NULL };

	return suite_of("supervision", tests);
}
