/* SPDX-License-Identifier: ISC */
/* A connection's bytes: libfcgi gets those of one request, checked, and no others. */
#include "base/clock.h"
#include "exchange/input.h"
#include "unit.h"
#include "wire.h"

#include <errno.h>
#include <fastcgi.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TIMEOUT_MS = 60 };

static struct wire wire;
static struct input in, other;
static struct input_part part;
static int peer; /* the web server's end */
static unsigned char got[1 << 18], expected[1 << 18];

static const struct input_settings settings = { .limits = { .head_bytes = INPUT_HEAD_MAX, .params = 1000 },
	                                        .io_timeout_ms = TIMEOUT_MS,
	                                        .max_connections = 7 };

static void connect_pair(void)
{
	int pair[2], room = 1 << 20;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	for (int i = 0; i < 2; i++)
		setsockopt(pair[i], SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room);
	peer = pair[0];
	in.settings = other.settings = settings;
	input_open(&in, pair[1]);
	wire.size = 0;
}

static void close_pair(void)
{
	close(peer);
	close(in.fd);
}

static void send_bytes(const void *bytes, size_t size)
{
	ck_assert_int_eq(send(peer, bytes, size, MSG_NOSIGNAL), (ssize_t)size);
}

/* What the wire holds, from an offset on. */
static void send_wire(size_t from)
{
	send_bytes(wire.bytes + from, wire.size - from);
}

static void write_head(bool keep, const char *uri)
{
	const char *const params[] = { "REQUEST_METHOD", "GET", "REQUEST_URI", uri, NULL };

	wire_begin(&wire, keep);
	wire_params(&wire, params, 20);
}

static void write_request(bool keep, const char *uri, const char *body)
{
	write_head(keep, uri);
	wire_input(&wire, body, strlen(body), true);
}

static void write_query(void)
{
	wire_record(&wire, FCGI_GET_VALUES, 0,
	            "\x0e\x00"
	            "FCGI_MAX_CONNS",
	            16, 3);
}

/* What libfcgi is to see of the bytes that the wire has now. */
static size_t expect_wire(void)
{
	memcpy(expected, wire.bytes, wire.size);
	expected[8 + 2] &= (unsigned char)~FCGI_KEEP_CONN;
	return wire.size;
}

/* All that is given out until the end, in reads of `step` bytes; *end: the last read's result. */
static size_t read_all(struct input *from, size_t step, ssize_t *end)
{
	size_t size = 0;

	while ((*end = input_read(from, got + size, step)) > 0)
		size += (size_t)*end;
	return size;
}

static void check_all(struct input *from, size_t step, size_t size)
{
	ssize_t end;

	ck_assert_uint_eq(read_all(from, step, &end), size);
	ck_assert_int_eq(end, 0);
	ck_assert_mem_eq(got, expected, size);
}

static void check_answer(const void *bytes, size_t size)
{
	unsigned char answer[256];

	ck_assert_int_eq(recv(peer, answer, sizeof answer, MSG_DONTWAIT), (ssize_t)size);
	ck_assert_mem_eq(answer, bytes, size);
}

static void check_query_answered(void)
{
	check_answer("\1\12\0\0\0\21\0\0\x0e\x01"
	             "FCGI_MAX_CONNS7",
	             8 + 17);
}

static void check_nothing_answered(void)
{
	ck_assert_int_eq(recv(peer, &(char){ 0 }, 1, MSG_DONTWAIT), -1);
	ck_assert_int_eq(errno, EAGAIN);
}

/* ---- Looking. */

START_TEST(look_tells_what_waits)
{
	connect_pair();
	ck_assert_int_eq(input_look(&in), INPUT_NOTHING);
	send_bytes("\1", 1);
	ck_assert_int_eq(input_look(&in), INPUT_PART);
	send_bytes("GET / HTTP/1.1", 14);
	ck_assert_int_eq(input_look(&in), INPUT_BROKEN);
	ck_assert_int_eq(in.records.fault, RECORD_FAULT_STRAY);
	close_pair();
	connect_pair();
	send_bytes("GET / HTTP/1.1", 14);
	ck_assert_int_eq(input_look(&in), INPUT_BROKEN);
	ck_assert_int_eq(in.records.fault, RECORD_FAULT_VERSION);
	close_pair();
	connect_pair();
	close(peer);
	ck_assert_int_eq(input_look(&in), INPUT_END);
	close(in.fd);
	ck_assert_int_eq(input_look(&in), INPUT_END); /* a socket that does not work */
}
END_TEST

START_TEST(head_that_breaks_off_is_an_end)
{
	connect_pair();
	write_head(true, "/");
	send_bytes(wire.bytes, wire.size - 1);
	ck_assert_int_eq(input_look(&in), INPUT_PART);
	close(peer);
	ck_assert_int_eq(input_look(&in), INPUT_END);
	close(in.fd);
}
END_TEST

START_TEST(request_is_given_out_as_it_came_but_for_the_keep_flag)
{
	for (size_t step = 1; step < 300; step += 13) {
		connect_pair();
		write_request(true, "/x", "body");
		size_t size = expect_wire();
		send_wire(0);
		ck_assert_int_eq(input_look(&in), INPUT_REQUEST);
		ck_assert(in.has_head);
		ck_assert(in.records.keep);
		check_all(&in, step, size);
		ck_assert(in.has_end);
		ck_assert(!input_has_next(&in));
		check_nothing_answered();
		close_pair();
	}
}
END_TEST

START_TEST(request_that_comes_byte_by_byte_is_the_same_request)
{
	connect_pair();
	write_head(true, "/x");
	size_t head = wire.size;
	wire_input(&wire, "body", 4, true);
	size_t size = expect_wire();
	for (size_t i = 0; i < size; i++) {
		send_bytes(wire.bytes + i, 1);
		ck_assert_int_eq(input_look(&in), i + 1 < head ? INPUT_PART : INPUT_REQUEST);
	}
	check_all(&in, 1000, size);
	close_pair();
}
END_TEST

START_TEST(part_of_a_head_goes_on_in_another_process)
{
	connect_pair();
	write_head(true, "/x");
	size_t head = wire.size;
	wire_input(&wire, "body", 4, true);
	size_t size = expect_wire();
	for (size_t i = 0; i + 1 < head; i++) {
		send_bytes(wire.bytes + i, 1);
		ck_assert_int_eq(input_look(&in), INPUT_PART);
		ck_assert(input_save(&in, &part));
		input_open(&other, in.fd);
		ck_assert(input_restore(&other, &part));
		memcpy(&in, &other, sizeof in);
		memset(&other, 0xee, sizeof other);
		other.settings = settings;
	}
	send_wire(head - 1);
	ck_assert_int_eq(input_look(&in), INPUT_REQUEST);
	check_all(&in, 1000, size);
	close_pair();
}
END_TEST

START_TEST(part_that_cannot_be_is_not_gone_on_from)
{
	connect_pair();
	write_head(true, "/x");
	send_bytes(wire.bytes, wire.size - 1);
	ck_assert_int_eq(input_look(&in), INPUT_PART);
	ck_assert(input_save(&in, &part));
	const struct input_part good = part;
	part.checked = part.filled + 1;
	ck_assert(!input_restore(&in, &part));
	part = good;
	part.filled = sizeof part.bytes + 1;
	ck_assert(!input_restore(&in, &part));
	part.filled = part.checked = UINT32_MAX;
	ck_assert(!input_restore(&in, &part));
	in.filled = sizeof part.bytes;
	ck_assert(input_save(&in, &part));
	in.filled++;
	ck_assert(!input_save(&in, &part));
	close_pair();
}
END_TEST

START_TEST(part_of_any_bytes_does_no_harm)
{
	for (unsigned seed = 1; seed < 3000; seed++) {
		unsigned state = seed;
		connect_pair();
		write_request(true, "/x", "body");
		send_bytes(wire.bytes, wire.size / 2);
		input_look(&in);
		input_save(&in, &part);
		for (unsigned n = rand_r(&state) % 40; n > 0; n--)
			((unsigned char *)&part)[(unsigned)rand_r(&state) % (sizeof part.records + 8)] =
				(unsigned char)rand_r(&state);
		input_open(&in, in.fd);
		input_restore(&in, &part);
		send_bytes(wire.bytes + wire.size / 2, wire.size - wire.size / 2);
		shutdown(peer, SHUT_WR);
		if (input_look(&in) == INPUT_REQUEST) {
			ssize_t end;
			read_all(&in, 1000, &end);
		}
		close_pair();
	}
}
END_TEST

/* ---- Management records. */

START_TEST(query_before_the_request_is_answered_at_once)
{
	connect_pair();
	write_query();
	send_wire(0);
	ck_assert_int_eq(input_look(&in), INPUT_NOTHING);
	check_query_answered();
	wire.size = 0;
	write_request(false, "/x", "");
	size_t size = expect_wire();
	send_wire(0);
	ck_assert_int_eq(input_look(&in), INPUT_REQUEST);
	ck_assert(!in.records.keep);
	check_all(&in, 1000, size);
	close_pair();
}
END_TEST

START_TEST(query_in_two_pieces_goes_on_in_another_process)
{
	connect_pair();
	write_query();
	send_bytes(wire.bytes, 10);
	ck_assert_int_eq(input_look(&in), INPUT_PART);
	check_nothing_answered();
	ck_assert(input_save(&in, &part));
	input_open(&other, in.fd);
	ck_assert(input_restore(&other, &part));
	send_wire(10);
	wire.size = 0;
	write_request(true, "/x", "");
	size_t size = expect_wire();
	send_wire(0);
	ck_assert_int_eq(input_look(&other), INPUT_REQUEST);
	check_query_answered();
	check_all(&other, 1000, size);
	close_pair();
}
END_TEST

/* Puts the wire's bytes and, where `where` says so, a query or another management record between. */
static void write_with_management(int where, bool unknown)
{
	static const char *const body[] = { "first", "second" };

	for (int i = 0; i < 7; i++) {
		if (i == where && unknown)
			wire_record(&wire, 200, 0, "xyz", 3, 1);
		else if (i == where)
			write_query();
		if (i == 0)
			wire_begin(&wire, true);
		else if (i == 1)
			wire_record(&wire, FCGI_PARAMS, 1, "\x01\x01x", 3, 0);
		else if (i == 2)
			wire_record(&wire, FCGI_PARAMS, 1, "y", 1, 2);
		else if (i == 3)
			wire_record(&wire, FCGI_PARAMS, 1, NULL, 0, 0);
		else
			wire_input(&wire, i < 6 ? body[i - 4] : NULL, i < 6 ? strlen(body[i - 4]) : 0,
			           i == 6);
	}
}

START_TEST(management_record_anywhere_is_answered_and_taken_out)
{
	for (int late = 0; late < 2; late++)
		for (int where = 0; where < 7; where++) {
			bool unknown = where % 2;
			connect_pair();
			write_with_management(-1, false);
			size_t size = expect_wire();
			wire.size = 0;
			write_with_management(where, unknown);
			size_t first = late ? wire.size - 40 : wire.size;
			send_bytes(wire.bytes, first);
			input_look(&in);
			send_bytes(wire.bytes + first, wire.size - first);
			ck_assert_int_eq(input_look(&in), INPUT_REQUEST);
			check_all(&in, 7, size);
			if (unknown)
				check_answer("\1\13\0\0\0\10\0\0\xc8\0\0\0\0\0\0\0", 16);
			else
				check_query_answered();
			check_nothing_answered();
			close_pair();
		}
}
END_TEST

START_TEST(query_in_a_body_that_is_waited_for_is_answered)
{
	connect_pair();
	write_head(true, "/x");
	size_t size = expect_wire();
	write_query();
	send_wire(0);
	ck_assert_int_eq(input_look(&in), INPUT_REQUEST);
	ck_assert_int_eq(input_read(&in, got, sizeof got), (ssize_t)size);
	check_query_answered();
	wire.size = 0;
	write_query();
	send_wire(0);
	ck_assert_int_eq(input_read(&in, got, sizeof got), -1);
	ck_assert_int_eq(errno, EAGAIN);
	check_query_answered();
	wire.size = 0;
	wire_input(&wire, NULL, 0, true);
	send_wire(0);
	ck_assert_int_eq(input_read(&in, got, sizeof got), 8);
	ck_assert_int_eq(input_read(&in, got, sizeof got), 0);
	close_pair();
}
END_TEST

/* ---- Aborts. */

#define END_OF_REQUEST "\1\3\0\1\0\10\0\0\0\0\0\0\0\0\0\0"

START_TEST(abort_in_the_head_is_ended_and_the_next_request_served)
{
	connect_pair();
	wire_begin(&wire, true);
	wire_record(&wire, FCGI_PARAMS, 1, "\x01\x01x", 3, 0);
	wire_record(&wire, FCGI_ABORT_REQUEST, 1, NULL, 0, 0);
	send_wire(0);
	ck_assert_int_eq(input_look(&in), INPUT_NOTHING);
	check_answer(END_OF_REQUEST, 16);
	for (int i = 0; i < 2; i++) {
		wire.size = 0;
		wire_begin(&wire, true);
		wire_record(&wire, FCGI_ABORT_REQUEST, 1, NULL, 0, 0);
		size_t next = wire.size;
		write_request(true, "/next", "body");
		memcpy(expected, wire.bytes + next, wire.size - next);
		expected[8 + 2] &= (unsigned char)~FCGI_KEEP_CONN;
		send_wire(0);
		ck_assert_int_eq(input_look(&in), INPUT_REQUEST);
		check_answer(END_OF_REQUEST, 16);
		check_all(&in, 1000, wire.size - next);
		input_next(&in);
	}
	close_pair();
}
END_TEST

START_TEST(abort_in_the_head_of_a_connection_not_to_be_kept_is_its_end)
{
	connect_pair();
	wire_begin(&wire, false);
	wire_record(&wire, FCGI_ABORT_REQUEST, 1, NULL, 0, 0);
	send_wire(0);
	ck_assert_int_eq(input_look(&in), INPUT_END);
	check_answer(END_OF_REQUEST, 16);
	close_pair();
}
END_TEST

START_TEST(abort_in_the_body_ends_it)
{
	for (int late = 0; late < 2; late++) {
		ssize_t end;
		connect_pair();
		write_head(true, "/x");
		wire_input(&wire, "body", 4, false);
		size_t size = expect_wire();
		if (late) {
			send_wire(0);
			ck_assert_int_eq(input_look(&in), INPUT_REQUEST);
			ck_assert(!in.is_aborted);
		}
		wire_record(&wire, FCGI_ABORT_REQUEST, 1, NULL, 0, 0);
		size_t next = wire.size;
		write_request(false, "/next", "");
		send_wire(late ? size : 0);
		ck_assert_int_eq(input_look(&in), INPUT_REQUEST);
		ck_assert_uint_eq(read_all(&in, 1000, &end), size);
		ck_assert_int_eq(end, 0);
		ck_assert(in.is_aborted);
		ck_assert(!in.has_end);
		ck_assert(input_drain(&in, 100));
		check_nothing_answered(); /* whoever works on it ends it */
		memcpy(expected, wire.bytes + next, wire.size - next);
		input_next(&in);
		ck_assert_int_eq(input_look(&in), INPUT_REQUEST);
		ck_assert(!in.is_aborted);
		check_all(&in, 1000, wire.size - next);
		close_pair();
	}
}
END_TEST

START_TEST(abort_of_what_ended_asks_for_nothing)
{
	connect_pair();
	write_request(true, "/x", "");
	size_t size = wire.size;
	send_wire(0);
	ck_assert_int_eq(input_look(&in), INPUT_REQUEST);
	expect_wire();
	check_all(&in, 1000, size);
	input_next(&in);
	wire.size = 0;
	wire_record(&wire, FCGI_ABORT_REQUEST, 1, NULL, 0, 0);
	send_wire(0);
	ck_assert_int_eq(input_look(&in), INPUT_NOTHING);
	wire.size = 0;
	write_request(true, "/y", "");
	size = expect_wire();
	send_wire(0);
	ck_assert_int_eq(input_look(&in), INPUT_REQUEST);
	check_all(&in, 1000, size);
	check_nothing_answered();
	close_pair();
}
END_TEST

/* ---- The next request. */

START_TEST(bytes_behind_the_end_are_never_given_out_and_stay_for_the_next)
{
	size_t ends[4] = { 0 };

	connect_pair();
	for (int i = 0; i < 3; i++) {
		write_request(true, i == 1 ? "/second" : "/x", i == 1 ? "" : "body");
		ends[i + 1] = wire.size;
	}
	send_bytes(wire.bytes, wire.size - 5); /* and the last one is not whole */
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(input_look(&in), INPUT_REQUEST);
		if (i == 2)
			send_wire(wire.size - 5);
		memcpy(expected, wire.bytes + ends[i], ends[i + 1] - ends[i]);
		expected[8 + 2] &= (unsigned char)~FCGI_KEEP_CONN;
		check_all(&in, sizeof got, ends[i + 1] - ends[i]);
		ck_assert_int_eq(input_read(&in, got, sizeof got), 0); /* however often it is asked */
		ck_assert(input_has_next(&in) == (i < 2));
		input_next(&in);
		ck_assert_int_eq(in.has_head || in.has_end, 0);
	}
	ck_assert_int_eq(input_look(&in), INPUT_NOTHING);
	close_pair();
}
END_TEST

START_TEST(broken_bytes_behind_the_end_are_the_next_requests_affair)
{
	connect_pair();
	write_request(true, "/x", "body");
	size_t size = expect_wire();
	send_wire(0);
	send_bytes("GET /", 5);
	ck_assert_int_eq(input_look(&in), INPUT_REQUEST);
	check_all(&in, 1000, size);
	ck_assert(!in.is_broken);
	input_next(&in);
	ck_assert_int_eq(input_look(&in), INPUT_BROKEN);
	input_open(&in, in.fd);
	ck_assert(!in.is_broken);
	close_pair();
}
END_TEST

/* ---- The body. */

START_TEST(broken_record_in_a_late_body_is_an_error_and_nothing_behind_it_is_given_out)
{
	ssize_t end;

	connect_pair();
	write_head(true, "/x");
	wire_input(&wire, "good", 4, false);
	send_wire(0);
	ck_assert_int_eq(input_look(&in), INPUT_REQUEST);
	size_t size = expect_wire();
	wire_input(&wire, "late", 4, false);
	expect_wire();
	wire_record(&wire, FCGI_STDOUT, 1, "evil", 4, 0);
	wire_input(&wire, "lost", 4, true);
	send_wire(size);
	ck_assert_uint_eq(read_all(&in, size, &end), size); /* what was here before it came */
	ck_assert_int_eq(end, -1);
	ck_assert_int_eq(errno, EPROTO);
	ck_assert(in.is_broken);
	ck_assert_int_eq(in.records.fault, RECORD_FAULT_FOREIGN);
	ck_assert_int_le(input_read(&in, got, size), 12); /* of what was good, and never what follows */
	ck_assert(!input_drain(&in, 1000));
	close_pair();
}
END_TEST

START_TEST(body_that_breaks_off_is_no_end)
{
	ssize_t end;

	for (size_t cut = 1; cut < 8 + 4 + 8; cut++) {
		connect_pair();
		write_head(true, "/x");
		wire_input(&wire, "body", 4, true);
		send_bytes(wire.bytes, wire.size - cut);
		close(peer);
		ck_assert_int_eq(input_look(&in), INPUT_REQUEST);
		size_t size = read_all(&in, 1000, &end);
		ck_assert_uint_eq(size, wire.size - (cut <= 8 ? 8 : 20));
		ck_assert_int_eq(end, -1);
		ck_assert_int_eq(errno, EPROTO);
		ck_assert(!input_drain(&in, 1000));
		close(in.fd);
	}
}
END_TEST

START_TEST(body_that_does_not_come_is_waited_for_as_long_as_the_timeout)
{
	connect_pair();
	write_head(true, "/x");
	send_wire(0);
	ck_assert_int_eq(input_look(&in), INPUT_REQUEST);
	ck_assert_int_eq(input_read(&in, got, sizeof got), (ssize_t)wire.size);
	uint64_t since_ns = clock_ns();
	ck_assert_int_eq(input_read(&in, got, sizeof got), -1);
	ck_assert_int_eq(errno, EAGAIN);
	ck_assert_uint_ge(clock_ns() - since_ns, TIMEOUT_MS * UINT64_C(900000));
	ck_assert(!input_drain(&in, 1000));
	ck_assert_int_eq(errno, EAGAIN);
	wire.size = 0;
	wire_input(&wire, "body", 4, true);
	send_wire(0);
	ck_assert_int_eq(input_read(&in, got, sizeof got), 20); /* it may be asked for again */
	close_pair();
}
END_TEST

static void do_nothing(int signal)
{
	(void)signal;
}

START_TEST(signals_neither_end_nor_prolong_the_wait)
{
	connect_pair();
	sigaction(SIGUSR2, &(struct sigaction){ .sa_handler = do_nothing }, NULL);
	write_head(true, "/x");
	send_wire(0);
	ck_assert_int_eq(input_look(&in), INPUT_REQUEST);
	ck_assert_int_eq(input_read(&in, got, sizeof got), (ssize_t)wire.size);
	pid_t parent = getpid(), pid = fork();
	if (pid == 0) {
		for (int i = 0; i < 400 && getppid() == parent; i++) {
			kill(parent, SIGUSR2);
			usleep(5000);
		}
		_exit(0);
	}
	uint64_t since_ns = clock_ns();
	ck_assert_int_eq(input_read(&in, got, sizeof got), -1);
	ck_assert_int_eq(errno, EAGAIN);
	uint64_t took_ms = (clock_ns() - since_ns) / 1000000;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	ck_assert_uint_ge(took_ms, TIMEOUT_MS - 2);
	ck_assert_uint_lt(took_ms, 1500); /* the signals go on for 2 s */
	close_pair();
}
END_TEST

/* Another process sends what the wire holds. */
static pid_t send_meanwhile(void)
{
	pid_t pid = fork();
	size_t sent = 0;

	if (pid)
		return pid;
	while (sent < wire.size) {
		ssize_t n = send(peer, wire.bytes + sent, wire.size - sent < 9973 ? wire.size - sent : 9973,
		                 MSG_NOSIGNAL);
		if (n <= 0)
			_exit(1);
		sent += (size_t)n;
	}
	_exit(0);
}

static void wait_for_sender(pid_t pid)
{
	int status;

	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}

/* In records of the largest size, padded. */
static void write_large_body(void)
{
	static unsigned char block[65535];

	for (size_t i = 0; i < sizeof block; i++)
		block[i] = (unsigned char)(i * 31 >> 3);
	write_head(true, "/x");
	for (int i = 0; i < 3; i++)
		wire_record(&wire, FCGI_STDIN, 1, block, sizeof block - (size_t)i, 255);
	wire_input(&wire, block, 20000, true);
}

START_TEST(body_longer_than_the_buffer_flows_through)
{
	for (size_t step = 17; step < 200000; step *= 21) {
		connect_pair();
		in.settings.io_timeout_ms = 10000;
		write_large_body();
		size_t size = expect_wire();
		ck_assert_uint_gt(size, INPUT_BYTES);
		pid_t pid = send_meanwhile();
		enum input_look found;
		while ((found = input_look(&in)) == INPUT_PART || found == INPUT_NOTHING)
			usleep(100);
		ck_assert_int_eq(found, INPUT_REQUEST);
		check_all(&in, step, size);
		wait_for_sender(pid);
		close_pair();
	}
}
END_TEST

START_TEST(drain_reads_to_the_end_and_leaves_the_next_request)
{
	connect_pair();
	in.settings.io_timeout_ms = 10000;
	write_large_body();
	size_t next = wire.size;
	write_request(true, "/next", "");
	memcpy(expected, wire.bytes + next, wire.size - next);
	expected[8 + 2] &= (unsigned char)~FCGI_KEEP_CONN;
	pid_t pid = send_meanwhile();
	while (input_look(&in) != INPUT_REQUEST)
		usleep(100);
	ck_assert_int_eq(input_read(&in, got, 10), 10);
	ck_assert(input_drain(&in, 1 << 20));
	ck_assert(in.has_end);
	ck_assert_uint_eq(in.records.input_bytes, 3 * 65535 - 3 + 20000);
	wait_for_sender(pid);
	input_next(&in);
	ck_assert_int_eq(input_look(&in), INPUT_REQUEST);
	check_all(&in, 1000, wire.size - next);
	close_pair();
}
END_TEST

START_TEST(drain_gives_up_where_the_body_is_too_long)
{
	connect_pair();
	write_head(true, "/x");
	send_wire(0);
	ck_assert_int_eq(input_look(&in), INPUT_REQUEST);
	wire.size = 0;
	for (int i = 0; i < 10; i++)
		wire_input(&wire, "0123456789", 10, false);
	send_wire(0);
	in.settings.io_timeout_ms = 60000; /* it does not wait for more */
	ck_assert(!input_drain(&in, 50));
	close_pair();
}
END_TEST

/* ---- Limits. */

START_TEST(head_of_nearly_128_kib_is_taken_and_more_is_not)
{
	static char big[129 << 10];

	for (int kib = 127; kib < 130; kib += 2) {
		const char *const params[] = { "HTTP_X", big, NULL };
		connect_pair();
		memset(big, 'x', sizeof big - 1);
		big[(kib << 10) - 1] = '\0';
		wire_begin(&wire, true);
		wire_params(&wire, params, 60000);
		size_t size = expect_wire();
		send_wire(0);
		if (kib == 127) {
			ck_assert_int_eq(input_look(&in), INPUT_REQUEST);
			ck_assert_int_eq(input_read(&in, got, sizeof got), (ssize_t)size);
			ck_assert_mem_eq(got, expected, size);
		} else {
			ck_assert_int_eq(input_look(&in), INPUT_BROKEN);
			ck_assert_int_eq(in.records.fault, RECORD_FAULT_HEAD_SIZE);
		}
		close_pair();
	}
}
END_TEST

/* ---- Writing. */

START_TEST(write_sends_all_of_it_to_a_peer_that_reads_slowly)
{
	static unsigned char bytes[1 << 20];
	int small = 4096;

	connect_pair();
	in.settings.io_timeout_ms = 10000;
	setsockopt(in.fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (unsigned char)(i >> 5);
	pid_t pid = fork();
	if (pid == 0) {
		close(in.fd);
		for (size_t have = 0; have < sizeof bytes;) {
			ssize_t n = recv(peer, got, 50000, 0);
			if (n <= 0 || memcmp(got, bytes + have, (size_t)n) != 0)
				_exit(1);
			have += (size_t)n;
			usleep(500);
		}
		_exit(0);
	}
	ck_assert_int_eq(input_write(&in, bytes, sizeof bytes), 0);
	wait_for_sender(pid);
	close_pair();
}
END_TEST

START_TEST(write_fails_where_the_peer_takes_nothing_or_is_gone)
{
	static unsigned char bytes[4 << 20];

	connect_pair();
	ck_assert_int_eq(input_write(&in, bytes, sizeof bytes), -1);
	ck_assert_int_eq(errno, EAGAIN);
	close(peer);
	ck_assert_int_eq(input_write(&in, "x", 1), -1); /* and no SIGPIPE */
	ck_assert_int_eq(errno, EPIPE);
	close(in.fd);
}
END_TEST

/* ---- Anything, in any pieces. */

/* xorshift: the same at every run. */
static uint32_t random_below(uint32_t bound)
{
	static uint32_t state = 521288629;

	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state % bound;
}

static size_t written; /* to `expected` */

static void expect_record(unsigned type, const void *content, size_t length, unsigned padding)
{
	size_t at = wire.size;

	wire_record(&wire, type, 1, content, length, padding);
	memcpy(expected + written, wire.bytes + at, wire.size - at);
	if (type == FCGI_BEGIN_REQUEST)
		expected[written + 10] &= (unsigned char)~FCGI_KEEP_CONN;
	written += wire.size - at;
	if (random_below(6) == 0)
		wire_record(&wire, FCGI_GET_VALUES + random_below(3), 0, "abc", random_below(4),
		            random_below(9));
}

static void expect_request(void)
{
	static const char pair[] = "\x03\x04"
				   "abcdefg";
	static const char body[300] = "body";

	expect_record(FCGI_BEGIN_REQUEST, "\0\1\1\0\0\0\0\0", 8, 0);
	for (uint32_t n = random_below(4); n > 0; n--) {
		size_t cut = 1 + random_below(8);
		expect_record(FCGI_PARAMS, pair, cut, random_below(20));
		expect_record(FCGI_PARAMS, pair + cut, 9 - cut, 0);
	}
	expect_record(FCGI_PARAMS, NULL, 0, 0);
	for (uint32_t n = random_below(4); n > 0; n--)
		expect_record(FCGI_STDIN, body, 1 + random_below(299), random_below(200));
	expect_record(FCGI_STDIN, NULL, 0, 0);
}

START_TEST(requests_in_any_pieces_come_out_as_they_were_sent)
{
	for (int round = 0; round < 3000; round++) {
		enum { REQUESTS = 4 };
		size_t ends[REQUESTS + 1] = { 0 }, sent = 0;
		connect_pair();
		in.settings.io_timeout_ms = 0; /* what is not here does not come */
		written = 0;
		for (int i = 0; i < REQUESTS; i++) {
			expect_request();
			ends[i + 1] = written;
		}
		for (int i = 0; i < REQUESTS; i++) {
			size_t wanted = ends[i + 1] - ends[i], have = 0;
			while (have < wanted || !in.has_end) {
				size_t piece = random_below(random_below(2) ? 30 : 600);
				piece = piece < wire.size - sent ? piece : wire.size - sent;
				if (piece)
					send_bytes(wire.bytes + sent, piece);
				sent += piece;
				if (!in.has_head && input_look(&in) != INPUT_REQUEST) {
					ck_assert(!in.is_broken);
					continue;
				}
				ssize_t n = input_read(&in, got + have, 1 + random_below(500));
				ck_assert(n > 0 || errno == EAGAIN);
				have += n > 0 ? (size_t)n : 0;
				ck_assert_uint_le(have, wanted);
			}
			ck_assert_int_eq(input_read(&in, got, sizeof got), 0);
			ck_assert_mem_eq(got, expected + ends[i], wanted);
			input_next(&in);
		}
		close_pair();
	}
}
END_TEST

Suite *input_suite(void)
{
	const TTest *const tests[] = {
		look_tells_what_waits,
		head_that_breaks_off_is_an_end,
		request_is_given_out_as_it_came_but_for_the_keep_flag,
		request_that_comes_byte_by_byte_is_the_same_request,
		part_of_a_head_goes_on_in_another_process,
		part_that_cannot_be_is_not_gone_on_from,
		part_of_any_bytes_does_no_harm,
		query_before_the_request_is_answered_at_once,
		query_in_two_pieces_goes_on_in_another_process,
		management_record_anywhere_is_answered_and_taken_out,
		query_in_a_body_that_is_waited_for_is_answered,
		abort_in_the_head_is_ended_and_the_next_request_served,
		abort_in_the_head_of_a_connection_not_to_be_kept_is_its_end,
		abort_in_the_body_ends_it,
		abort_of_what_ended_asks_for_nothing,
		bytes_behind_the_end_are_never_given_out_and_stay_for_the_next,
		broken_bytes_behind_the_end_are_the_next_requests_affair,
		broken_record_in_a_late_body_is_an_error_and_nothing_behind_it_is_given_out,
		body_that_breaks_off_is_no_end,
		body_that_does_not_come_is_waited_for_as_long_as_the_timeout,
		signals_neither_end_nor_prolong_the_wait,
		body_longer_than_the_buffer_flows_through,
		drain_reads_to_the_end_and_leaves_the_next_request,
		drain_gives_up_where_the_body_is_too_long,
		head_of_nearly_128_kib_is_taken_and_more_is_not,
		write_sends_all_of_it_to_a_peer_that_reads_slowly,
		write_fails_where_the_peer_takes_nothing_or_is_gone,
		requests_in_any_pieces_come_out_as_they_were_sent,
		NULL
	};

	return suite_of("input", tests);
}
