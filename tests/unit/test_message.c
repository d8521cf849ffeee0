/* SPDX-License-Identifier: ISC */
/* Messages with descriptors, and how long to wait before what keeps dying is started again. */
#include "base/backoff.h"
#include "base/message.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static int ends[2];

static void open_pair(void)
{
	ck_assert_int_eq(message_pair(ends), 0);
}

static int receive(void *bytes, size_t size, int *fds, unsigned *count)
{
	return message_receive(ends[1], bytes, size, fds, count, false);
}

static bool is_cloexec(int fd)
{
	return fcntl(fd, F_GETFD) == FD_CLOEXEC;
}

START_TEST(message_comes_with_its_descriptors)
{
	int pipes[2], fds[MESSAGE_FDS_MAX] = { -1, -1, -1, -1 };
	unsigned count = MESSAGE_FDS_MAX;
	char text[6] = "", byte = 0;

	open_pair();
	ck_assert(is_cloexec(ends[0]) && is_cloexec(ends[1]));
	ck_assert_int_eq(pipe(pipes), 0);
	ck_assert_int_eq(message_send(ends[0], "first", 6, pipes, 2, false), 0);
	ck_assert_int_eq(message_send(ends[0], "other", 6, NULL, 0, false), 0);
	ck_assert_int_eq(receive(text, 6, fds, &count), 1);
	ck_assert_str_eq(text, "first");
	ck_assert_uint_eq(count, 2);
	ck_assert(is_cloexec(fds[0]) && is_cloexec(fds[1]));
	ck_assert_int_eq(write(fds[1], "x", 1), 1);
	ck_assert_int_eq(read(pipes[0], &byte, 1), 1);
	count = MESSAGE_FDS_MAX;
	ck_assert_int_eq(receive(text, 6, fds, &count), 1);
	ck_assert_str_eq(text, "other");
	ck_assert_uint_eq(count, 0);
	ck_assert_int_eq(receive(text, 6, fds, &count), -EAGAIN);
}
END_TEST

START_TEST(descriptors_that_nobody_asked_for_are_closed)
{
	int pipes[2], fd = -1;
	unsigned count = 1;
	char text[2];

	open_pair();
	ck_assert_int_eq(pipe(pipes), 0);
	ck_assert_int_eq(message_send(ends[0], "x", 2, (int[]){ pipes[0], pipes[1], pipes[1] }, 3, false), 0);
	close(pipes[1]);
	ck_assert_int_eq(receive(text, 2, &fd, &count), 1);
	ck_assert_uint_eq(count, 1);
	ck_assert_int_eq(read(fd, text, 1), 0); /* no writing end is left */
}
END_TEST

START_TEST(message_of_another_size_is_refused_with_its_descriptors)
{
	int pipes[2], fd = -1;
	char text[8];

	open_pair();
	for (size_t size = 1; size <= 8; size++) {
		unsigned count = 1;
		ck_assert_int_eq(pipe(pipes), 0);
		ck_assert_int_eq(message_send(ends[0], "1234567", size, &pipes[1], 1, false), 0);
		close(pipes[1]);
		ck_assert_int_eq(receive(text, 4, &fd, &count), size == 4 ? 1 : -EPROTO);
		ck_assert_uint_eq(count, size == 4);
		if (size == 4)
			close(fd);
		ck_assert_int_eq(read(pipes[0], text, 1), 0);
		close(pipes[0]);
	}
}
END_TEST

START_TEST(end_is_told_after_the_last_message)
{
	unsigned count = 0;
	char text[2];

	open_pair();
	ck_assert_int_eq(message_send(ends[0], "x", 2, NULL, 0, false), 0);
	close(ends[0]);
	ck_assert_int_eq(receive(text, 2, NULL, &count), 1);
	ck_assert_int_eq(receive(text, 2, NULL, &count), 0);
	ck_assert_int_eq(message_send(ends[1], "x", 2, NULL, 0, false), -EPIPE);
	ck_assert_int_eq(message_send(ends[1], "x", 2, NULL, 0, true), -EPIPE);
	open_pair();
	ck_assert_int_eq(message_send(ends[0], "x", 2, NULL, 0, false), 0);
	close(ends[1]); /* with a message that nobody has read */
	count = 0;
	ck_assert_int_eq(message_receive(ends[0], text, 2, NULL, &count, false), 0);
	ck_assert_int_eq(message_send(ends[0], "x", 2, NULL, 0, false), -EPIPE);
}
END_TEST

START_TEST(lack_of_a_descriptor_is_told_and_the_next_message_comes)
{
	struct rlimit files, few;
	unsigned count = 2;
	int fds[2];
	char text[2];

	open_pair();
	ck_assert_int_eq(message_send(ends[0], "a", 2, ends, 2, false), 0);
	ck_assert_int_eq(message_send(ends[0], "b", 2, ends, 2, false), 0);
	getrlimit(RLIMIT_NOFILE, &files);
	int next = dup(ends[0]);
	close(next);
	few = (struct rlimit){ .rlim_cur = (rlim_t)next + 1, .rlim_max = files.rlim_max };
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	ck_assert_int_eq(receive(text, 2, fds, &count), -EMFILE); /* there was room for one of two */
	ck_assert_uint_eq(count, 0);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &files), 0);
	ck_assert_int_eq(dup(ends[0]), next); /* which is closed */
	count = 2;
	ck_assert_int_eq(receive(text, 2, fds, &count), 1);
	ck_assert_str_eq(text, "b");
	ck_assert_uint_eq(count, 2);
}
END_TEST

static void *receive_later(void *ignored)
{
	unsigned count = 0;
	char text[2];

	usleep(30000);
	while (message_receive(ends[1], text, 2, NULL, &count, false) == 1)
		;
	return ignored;
}

START_TEST(full_socket_is_told_or_waited_for)
{
	pthread_t reader;
	int error, sent = 0;

	open_pair();
	while ((error = message_send(ends[0], "x", 2, NULL, 0, false)) == 0)
		ck_assert_int_lt(sent++, 1000000);
	ck_assert_int_eq(error, -EAGAIN);
	ck_assert_int_eq(pthread_create(&reader, NULL, receive_later, NULL), 0);
	ck_assert_int_eq(message_send(ends[0], "x", 2, NULL, 0, true), 0);
	pthread_join(reader, NULL);
}
END_TEST

START_TEST(wait_for_a_message_waits)
{
	unsigned count = 0;
	char text[2];

	open_pair();
	pid_t pid = fork();
	if (pid == 0) {
		usleep(30000);
		_exit(message_send(ends[0], "x", 2, NULL, 0, false) != 0);
	}
	ck_assert_int_eq(message_receive(ends[1], text, 2, NULL, &count, true), 1);
}
END_TEST

START_TEST(backoff_is_nothing_at_first_then_doubles_up_to_its_most)
{
	static const uint64_t expected[] = { 0, 0, 0, 50, 100, 200, 400, 800, 1600, 2000, 2000 };

	for (unsigned deaths = 0; deaths < sizeof expected / sizeof expected[0]; deaths++)
		ck_assert_uint_eq(backoff_ms(deaths), expected[deaths]);
	ck_assert_uint_eq(backoff_ms(70), 2000);
	ck_assert_uint_eq(backoff_ms(~0U), 2000);
}
END_TEST

Suite *message_suite(void)
{
	const TTest *const tests[] = { message_comes_with_its_descriptors,
		                       descriptors_that_nobody_asked_for_are_closed,
		                       message_of_another_size_is_refused_with_its_descriptors,
		                       end_is_told_after_the_last_message,
		                       lack_of_a_descriptor_is_told_and_the_next_message_comes,
		                       full_socket_is_told_or_waited_for,
		                       wait_for_a_message_waits,
		                       backoff_is_nothing_at_first_then_doubles_up_to_its_most,
		                       NULL };

	return suite_of("message", tests);
}
