/* SPDX-License-Identifier: ISC */
/* libfcgi on percore's layer below it: whence its connections come, what it reads, writes, and gives back. */
#include "exchange/fcgi.h"
#include "exchange/fcgios.h"
#include "unit.h"
#include "wire.h"

#include <errno.h>
#include <fastcgi.h>
#include <fcgios.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static struct wire wire;
static struct fcgi *fcgi;
static struct in_flight_shm in_flight;
static int pair[2];              /* of the web server; of ours */
static unsigned accepts, closes; /* how often the source was called */
static bool is_open;             /* as the last close said */
static bool leaves;

static int give_connection(void *context, struct input *in)
{
	ck_assert_ptr_eq(context, &wire);
	accepts++;
	if (leaves)
		return -1;
	if (in->fd != pair[1])
		input_open(in, pair[1]);
	ck_assert_int_eq(input_look(in), INPUT_REQUEST);
	fcgi_note_in_flight(in, &in_flight);
	return pair[1];
}

static void take_connection_back(void *context, struct input *in, bool open)
{
	ck_assert_ptr_eq(context, &wire);
	closes++;
	is_open = open;
	if (open)
		input_next(in);
	else
		in->fd = -1;
}

static struct fcgi_source source(void)
{
	return (struct fcgi_source){ .input = { .limits = { .head_bytes = INPUT_HEAD_MAX, .params = 1000 },
		                                .io_timeout_ms = 100,
		                                .max_connections = 7 },
		                     .in_flight = &in_flight,
		                     .accept = give_connection,
		                     .close = take_connection_back,
		                     .context = &wire };
}

static void connect_pair(void)
{
	const struct fcgi_source from = source();

	if (!fcgi)
		fcgi = fcgi_new(&from);
	ck_assert_ptr_nonnull(fcgi);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	wire.size = 0;
	accepts = closes = 0;
}

static void send_wire(void)
{
	ck_assert_int_eq(write(pair[0], wire.bytes, wire.size), (ssize_t)wire.size);
	wire.size = 0;
}

static void write_request(bool keep, const char *uri, const char *body)
{
	const char *const params[] = { "REQUEST_METHOD", "GET",  "REQUEST_URI", uri,  "HTTP_X", "1",
		                       "HTTP_X",         "two",  "HTTP_XY",     "no", "EMPTY",  "",
		                       "HTTP_X",         "last", NULL };

	wire_begin(&wire, keep);
	wire_params(&wire, params, 1000);
	wire_input(&wire, body, strlen(body), true);
}

static void begin(bool keep, const char *body)
{
	connect_pair();
	write_request(keep, "/x", body);
	send_wire();
	ck_assert(fcgi_accept(fcgi));
}

/* What the web server has got: the FCGI_STDOUT text, and in `types` each record's type as a digit. */
static const char *heard(char types[32])
{
	static unsigned char in[1 << 16];
	static char text[1 << 16];
	size_t used = 0, n = 0;
	ssize_t size = recv(pair[0], in, sizeof in, MSG_DONTWAIT);

	for (ssize_t i = 0; i < size;) {
		size_t length = (size_t)in[i + 4] << 8 | in[i + 5];
		ck_assert_int_le(i + 8 + (ssize_t)length + in[i + 6], size);
		if (in[i + 1] == FCGI_STDOUT) {
			memcpy(text + used, in + i + 8, length);
			used += length;
		}
		ck_assert_uint_lt(n, 31);
		types[n++] = (char)('0' + in[i + 1]);
		i += 8 + (ssize_t)length + in[i + 6];
	}
	types[n] = text[used] = '\0';
	return text;
}

static bool is_closed_for_web_server(void)
{
	return recv(pair[0], &(char){ 0 }, 1, MSG_DONTWAIT) == 0;
}

/* ---- Requests. */

START_TEST(request_is_accepted_and_its_parameters_read)
{
	const char *values[8];

	begin(true, "");
	ck_assert_uint_eq(accepts, 1);
	ck_assert_str_eq(fcgi_param(fcgi, "REQUEST_URI"), "/x");
	ck_assert_str_eq(fcgi_param(fcgi, "EMPTY"), "");
	ck_assert_ptr_null(fcgi_param(fcgi, "REQUEST"));
	ck_assert_ptr_null(fcgi_param(fcgi, "REQUEST_URI_"));
	ck_assert_uint_eq(fcgi_params(fcgi, "HTTP_X", values, 8), 3);
	ck_assert_str_eq(values[0], "1");
	ck_assert_str_eq(values[2], "last");
	ck_assert_uint_eq(fcgi_params(fcgi, "HTTP_X", values, 2), 2);
	ck_assert_str_eq(values[0], "two");
	ck_assert_str_eq(values[1], "last");
	ck_assert_uint_eq(fcgi_params(fcgi, "HTTP", values, 8), 0);
	ck_assert_ptr_eq(fcgi_in_flight(fcgi), &in_flight);
}
END_TEST

START_TEST(hand_says_what_the_master_must_know)
{
	begin(true, "");
	ck_assert_int_eq(in_flight.sent, IN_FLIGHT_NOTHING);
	ck_assert(in_flight.keep);
	ck_assert(in_flight.has_whole_input);
	ck_assert_uint_eq(in_flight.fcgi_id, 1);
	fcgi_end(fcgi);
	fcgi_finish(fcgi);
	connect_pair();
	write_request(false, "/x", "");
	write_request(false, "/behind", "");
	send_wire();
	ck_assert(fcgi_accept(fcgi));
	ck_assert(!in_flight.keep);
	ck_assert(!in_flight.has_whole_input); /* more than the request was read */
	fcgi_abandon(fcgi);
	fcgi_finish(fcgi);
	connect_pair();
	write_request(true, "/x", "");
	wire.size -= 8;
	send_wire();
	ck_assert(fcgi_accept(fcgi));
	ck_assert(!in_flight.has_whole_input); /* less than the request */
}
END_TEST

START_TEST(body_is_read_to_its_end)
{
	char body[64];

	begin(true, "some body");
	ck_assert_int_eq(fcgi_read(fcgi, body, 4), 4);
	ck_assert_mem_eq(body, "some", 4);
	ck_assert_int_eq(fcgi_read(fcgi, body, sizeof body), 5);
	ck_assert_mem_eq(body, " body", 5);
	ck_assert_int_eq(fcgi_read(fcgi, body, sizeof body), 0);
	ck_assert_int_eq(fcgi_read(fcgi, body, sizeof body), 0);
}
END_TEST

START_TEST(body_that_does_not_come_is_timed_out)
{
	char body[64];

	connect_pair();
	write_request(true, "/x", "part");
	wire.size -= 8;
	send_wire();
	ck_assert(fcgi_accept(fcgi));
	ck_assert_int_eq(fcgi_read(fcgi, body, 4), 4);
	ck_assert_int_eq(fcgi_read(fcgi, body, 4), -ETIMEDOUT);
	fcgi_end(fcgi);
	fcgi_finish(fcgi);
	ck_assert(!is_open);
}
END_TEST

START_TEST(body_that_breaks_off_or_is_broken_is_an_error)
{
	char body[64];

	for (int how = 0; how < 3; how++) {
		connect_pair();
		write_request(true, "/x", "part");
		wire.size -= 8;
		send_wire();
		ck_assert(fcgi_accept(fcgi));
		ck_assert_int_eq(fcgi_read(fcgi, body, 4), 4);
		if (how == 0)
			shutdown(pair[0], SHUT_WR);
		else
			wire_record(&wire, how == 1 ? FCGI_STDOUT : FCGI_ABORT_REQUEST, 1, NULL, 0, 0);
		send(pair[0], wire.bytes, wire.size, MSG_NOSIGNAL);
		ck_assert_int_eq(fcgi_read(fcgi, body, 4), -EPROTO);
		ck_assert(fcgi_is_broken(fcgi) == (how == 1));
		fcgi_end(fcgi);
		fcgi_finish(fcgi);
		ck_assert(is_open == (how == 2)); /* an abort ends the request and no more */
		close(pair[0]);
		close(pair[1]);
		if (is_open) {
			fcgi_free(fcgi);
			fcgi = NULL;
		}
	}
}
END_TEST

START_TEST(drain_tells_how_long_the_body_was)
{
	char body[64];

	begin(true, "0123456789");
	ck_assert_int_eq(fcgi_read(fcgi, body, 4), 4);
	ck_assert_uint_eq(fcgi_drain(fcgi, 100), 10);
	fcgi_end(fcgi);
	fcgi_finish(fcgi);
	ck_assert(is_open);
}
END_TEST

/* ---- Answers. */

START_TEST(answer_leaves_at_the_end_and_the_connection_goes_back_after_it)
{
	char types[32];

	begin(true, "");
	ck_assert_int_eq(fcgi_write(fcgi, "small", 5), 0);
	ck_assert_int_eq(in_flight.sent, IN_FLIGHT_NOTHING);
	ck_assert_str_eq(heard(types), "");
	fcgi_end(fcgi);
	ck_assert_int_eq(in_flight.sent, IN_FLIGHT_WHOLE);
	ck_assert_str_eq(heard(types), "small");
	ck_assert_str_eq(types, "663"); /* FCGI_STDOUT, its end, FCGI_END_REQUEST */
	ck_assert_uint_eq(closes, 0);
	fcgi_finish(fcgi);
	ck_assert_uint_eq(closes, 1);
	ck_assert(is_open);
	ck_assert_str_eq(heard(types), "");
	ck_assert_str_eq(types, "");
	ck_assert(!is_closed_for_web_server()); /* libfcgi closes nothing */
}
END_TEST

START_TEST(connection_is_kept_only_where_the_web_server_asks_for_it)
{
	for (int keep = 0; keep < 2; keep++) {
		begin(keep, "body that nobody reads");
		fcgi_write(fcgi, "x", 1);
		fcgi_end(fcgi);
		fcgi_finish(fcgi);
		ck_assert_uint_eq(closes, 1); /* libfcgi gives it back in either case */
		ck_assert(is_open == keep);
		close(pair[0]);
		close(pair[1]);
		fcgi_free(fcgi);
		fcgi = NULL;
	}
}
END_TEST

START_TEST(connection_in_the_middle_of_a_body_is_not_kept)
{
	connect_pair();
	write_request(true, "/x", "body");
	wire.size -= 8;
	send_wire();
	ck_assert(fcgi_accept(fcgi));
	fcgi_write(fcgi, "x", 1);
	fcgi_end(fcgi);
	ck_assert_int_eq(in_flight.sent, IN_FLIGHT_WHOLE);
	fcgi_finish(fcgi);
	ck_assert_uint_eq(closes, 1);
	ck_assert(!is_open);
}
END_TEST

START_TEST(requests_follow_each_other_on_one_connection)
{
	char types[32], body[8];

	connect_pair();
	for (int i = 0; i < 5; i++)
		write_request(true, i % 2 ? "/odd" : "/even", i % 3 ? "abc" : "");
	send_wire(); /* all at once: no byte of one may be read for another */
	for (int i = 0; i < 5; i++) {
		ck_assert(fcgi_accept(fcgi));
		ck_assert_str_eq(fcgi_param(fcgi, "REQUEST_URI"), i % 2 ? "/odd" : "/even");
		if (i != 1)
			ck_assert_int_eq(fcgi_read(fcgi, body, sizeof body), i % 3 ? 3 : 0);
		fcgi_drain(fcgi, 100);
		fcgi_write(fcgi, "x", 1);
		fcgi_end(fcgi);
		fcgi_finish(fcgi);
		ck_assert(is_open);
		ck_assert_str_eq(heard(types), "x");
		ck_assert_str_eq(types, "663");
	}
	ck_assert_uint_eq(closes, 5);
	leaves = true;
	ck_assert(!fcgi_accept(fcgi)); /* and the source says when it is enough */
}
END_TEST

START_TEST(abandoned_request_has_no_end)
{
	char types[32];
	static char big[20000];

	begin(true, "");
	fcgi_write(fcgi, "small", 5);
	fcgi_abandon(fcgi);
	ck_assert_int_eq(in_flight.sent, IN_FLIGHT_PART);
	fcgi_finish(fcgi);
	ck_assert_uint_eq(closes, 1);
	ck_assert(!is_open);
	ck_assert_str_eq(heard(types), "");
	ck_assert_str_eq(types, "");
	begin(true, "");
	fcgi_write(fcgi, big, sizeof big);
	fcgi_abandon(fcgi);
	fcgi_finish(fcgi);
	ck_assert(!is_open);
	heard(types);
	ck_assert_ptr_null(strchr(types, '3'));
	ck_assert_str_ne(types, "");
}
END_TEST

/* A socket that keeps writes apart would show them; libfcgi does not care what it is. */
START_TEST(small_answer_leaves_in_one_write)
{
	unsigned char bytes[16384];
	static char answer[8000];

	for (size_t size = 1; size <= sizeof answer;
	     size = size * 20 < sizeof answer ? size * 20 : size + 7999) {
		connect_pair();
		close(pair[0]);
		close(pair[1]);
		ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
		write_request(false, "/x", "");
		send_wire();
		ck_assert(fcgi_accept(fcgi));
		memset(answer, 'x', sizeof answer);
		ck_assert_int_eq(fcgi_write(fcgi, answer, size), 0);
		ck_assert_int_eq(in_flight.sent, IN_FLIGHT_NOTHING);
		fcgi_end(fcgi);
		fcgi_finish(fcgi);
		ssize_t got = recv(pair[0], bytes, sizeof bytes, MSG_DONTWAIT);
		ck_assert_int_ge(got, (ssize_t)size + 8 + 8 + 16);
		ck_assert_uint_eq(bytes[got - 15], FCGI_END_REQUEST);
		ck_assert_int_eq(recv(pair[0], bytes, sizeof bytes, MSG_DONTWAIT), -1);
		close(pair[0]);
		close(pair[1]);
	}
}
END_TEST

START_TEST(answer_of_more_than_one_write_is_known_to_be_a_part)
{
	static char big[100000];
	int room = 1 << 20;

	begin(true, "");
	setsockopt(pair[1], SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room);
	ck_assert_int_eq(fcgi_write(fcgi, big, sizeof big), 0);
	ck_assert_int_eq(in_flight.sent, IN_FLIGHT_PART);
	fcgi_end(fcgi);
	ck_assert_int_eq(in_flight.sent, IN_FLIGHT_WHOLE);
}
END_TEST

START_TEST(answer_that_cannot_leave_is_not_whole)
{
	static char big[4 << 20];

	begin(true, ""); /* a web server that reads nothing */
	ck_assert_int_eq(fcgi_write(fcgi, big, sizeof big), -EPIPE);
	ck_assert_int_eq(in_flight.sent, IN_FLIGHT_PART);
	fcgi_end(fcgi);
	ck_assert_int_ne(in_flight.sent, IN_FLIGHT_WHOLE);
	fcgi_finish(fcgi);
	ck_assert_uint_eq(closes, 1);
	ck_assert(!is_open);
	begin(true, ""); /* one that goes in the middle of it */
	ck_assert_int_eq(fcgi_write(fcgi, big, 20000), 0);
	close(pair[0]);
	fcgi_end(fcgi);
	ck_assert_int_eq(in_flight.sent, IN_FLIGHT_PART);
	fcgi_finish(fcgi);
	begin(true, ""); /* and one that is gone */
	close(pair[0]);
	ck_assert_int_eq(fcgi_write(fcgi, "x", 1), 0);
	fcgi_end(fcgi);
	ck_assert_int_eq(in_flight.sent, IN_FLIGHT_ONE_WRITE);
	fcgi_finish(fcgi);
	ck_assert(!is_open);
}
END_TEST

START_TEST(finish_without_a_request_gives_nothing_back)
{
	connect_pair();
	leaves = true;
	ck_assert(!fcgi_accept(fcgi));
	fcgi_finish(fcgi);
	ck_assert_uint_eq(closes, 0);
}
END_TEST

/* ---- The layer itself, as libfcgi calls it. */

static unsigned writes;

static int accept_fd(void *context)
{
	return *(int *)context;
}

static void note_write(void *context, const void *bytes, size_t size)
{
	(void)context;
	(void)bytes;
	writes += size > 0;
}

static void note_close(void *context)
{
	(void)context;
	closes++;
}

START_TEST(libfcgi_calls_our_layer)
{
	ck_assert(fcgios_is_in_force());
}
END_TEST

START_TEST(layer_serves_the_connection_in_hand_and_leaves_others_to_the_system)
{
	static struct input in;
	char bytes[64];
	int plain[2], next;

	connect_pair();
	in.settings = source().input;
	input_open(&in, pair[1]);
	const struct fcgios os = { .input = &in,
		                   .accept = accept_fd,
		                   .writing = note_write,
		                   .close = note_close,
		                   .context = &next };
	ck_assert_int_eq(OS_LibInit(NULL), 0);
	fcgios_use(NULL);
	ck_assert_int_eq(OS_Accept(0, 0, NULL), -1);
	fcgios_use(&os);
	next = -1;
	ck_assert_int_eq(OS_Accept(0, 0, NULL), -1);
	ck_assert_int_ne(errno, 0);
	next = pair[1];
	ck_assert_int_eq(OS_Accept(0, 0, NULL), pair[1]);
	/* Reading: what was checked, and the end of the request. */
	ck_assert_int_eq(OS_Read(pair[1], bytes, sizeof bytes), -1);
	ck_assert_int_eq(errno, EAGAIN);
	wire_begin(&wire, true);
	wire_record(&wire, FCGI_PARAMS, 1, NULL, 0, 0);
	wire_record(&wire, FCGI_STDIN, 1, NULL, 0, 0);
	wire_begin(&wire, true);
	send_wire();
	ck_assert_int_eq(OS_Read(pair[1], bytes, 3), 3);
	ck_assert_int_eq(OS_Read(pair[1], bytes, sizeof bytes), 16 + 8 + 8 - 3);
	ck_assert_int_eq(bytes[8 + 2 - 3], 0);
	ck_assert_int_eq(OS_Read(pair[1], bytes, sizeof bytes), 0);
	/* Writing: said before it leaves. */
	ck_assert_int_eq(OS_Write(pair[1], (char[]){ "answer" }, 6), 6);
	ck_assert_uint_eq(writes, 1);
	ck_assert_int_eq(recv(pair[0], bytes, sizeof bytes, MSG_DONTWAIT), 6);
	/* Closing: whoever has the connection does it. */
	ck_assert_int_eq(OS_IpcClose(pair[1], 1), 0);
	ck_assert_int_eq(OS_IpcClose(-1, 1), 0);
	ck_assert_uint_eq(closes, 1);
	ck_assert(!is_closed_for_web_server());
	/* A descriptor of the program's own. */
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, plain), 0);
	ck_assert_int_eq(OS_Write(plain[0], (char[]){ "GET" }, 3), 3);
	ck_assert_int_eq(OS_Read(plain[1], bytes, sizeof bytes), 3);
	ck_assert_mem_eq(bytes, "GET", 3);
	ck_assert_int_eq(OS_IpcClose(plain[0], 1), 0);
	ck_assert_int_eq(read(plain[1], bytes, 1), 0);
	ck_assert_uint_eq(writes, 1);
	ck_assert_uint_eq(closes, 1);
	close(pair[0]);
	ck_assert_int_eq(OS_Write(pair[1], (char[]){ "answer" }, 6), -1);
	fcgios_use(NULL);
}
END_TEST

/* ---- Whatever the check approves. */

/* xorshift: the same at every run. */
static uint32_t random_below(uint32_t bound)
{
	static uint32_t state = 88172645;

	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state % bound;
}

/* Records cut anywhere, padded, with names and values of any bytes: good by the specification. */
static void write_odd_request(void)
{
	unsigned char stream[4096];
	size_t size = 0;

	for (uint32_t n = random_below(8); n > 0; n--) {
		size_t name = random_below(20), value = random_below(3) ? random_below(200) : 0;
		stream[size++] = (unsigned char)name;
		if (value > 127 || random_below(2)) {
			stream[size++] = 0x80;
			stream[size++] = 0;
			stream[size++] = 0;
		}
		stream[size++] = (unsigned char)value;
		for (size_t i = 0; i < name + value; i++)
			stream[size++] = (unsigned char)random_below(256);
	}
	wire.size = 0;
	wire_begin(&wire, random_below(2));
	for (size_t sent = 0; sent < size;) {
		size_t piece = 1 + random_below(random_below(2) ? 300 : 8);
		piece = piece < size - sent ? piece : size - sent;
		wire_record(&wire, FCGI_PARAMS, 1, stream + sent, piece, random_below(2) * random_below(256));
		sent += piece;
		if (random_below(8) == 0)
			wire_record(&wire, FCGI_GET_VALUES + random_below(2), 0, stream, random_below(20), 0);
	}
	wire_record(&wire, FCGI_PARAMS, 1, NULL, 0, 0);
	if (random_below(2))
		wire_record(&wire, FCGI_STDIN, 1, stream, random_below(200),
		            random_below(2) * random_below(256));
	if (random_below(8) == 0)
		wire_record(&wire, FCGI_ABORT_REQUEST, 1, NULL, 0, 0);
	wire_record(&wire, FCGI_STDIN, 1, NULL, 0, random_below(8) ? 0 : random_below(256));
	if (random_below(2))
		wire.bytes[random_below((uint32_t)wire.size)] = (unsigned char)random_below(256);
}

static enum input_look odd_look;

static int give_odd_connection(void *context, struct input *in)
{
	(void)context;
	input_open(in, pair[1]);
	odd_look = input_look(in);
	if (odd_look != INPUT_REQUEST)
		return -1;
	fcgi_note_in_flight(in, &in_flight);
	return pair[1];
}

static bool is_all_read;

static void take_odd_connection_back(void *context, struct input *in, bool open)
{
	(void)context;
	is_open = open;
	is_all_read = in->taken == in->checked && (in->has_end || in->is_aborted);
	in->fd = -1;
}

/* Neither blocked nor refused (fcgi_accept ends the process then), and all of it is read where the connection
 * is kept. */
START_TEST(whatever_the_check_approves_libfcgi_takes)
{
	struct fcgi_source from = source();
	unsigned approved = 0, kept = 0;
	char body[256];

	from.accept = give_odd_connection;
	from.close = take_odd_connection_back;
	fcgi = fcgi_new(&from);
	for (int round = 0; round < 20000; round++) {
		connect_pair();
		write_odd_request();
		send_wire();
		shutdown(pair[0], SHUT_WR);
		if (fcgi_accept(fcgi)) {
			approved++;
			while (fcgi_read(fcgi, body, sizeof body) > 0)
				;
			fcgi_end(fcgi);
			fcgi_finish(fcgi);
			kept += is_open;
			ck_assert_msg(!is_open || is_all_read, "round %d", round);
		} else {
			ck_assert_int_ne(odd_look, INPUT_REQUEST);
		}
		close(pair[0]);
		close(pair[1]);
	}
	ck_assert_uint_gt(approved, 5000);
	ck_assert_uint_gt(kept, 1000);
}
END_TEST

Suite *fcgi_suite(void)
{
	const TTest *const tests[] = { request_is_accepted_and_its_parameters_read,
		                       hand_says_what_the_master_must_know,
		                       body_is_read_to_its_end,
		                       body_that_does_not_come_is_timed_out,
		                       body_that_breaks_off_or_is_broken_is_an_error,
		                       drain_tells_how_long_the_body_was,
		                       answer_leaves_at_the_end_and_the_connection_goes_back_after_it,
		                       connection_is_kept_only_where_the_web_server_asks_for_it,
		                       connection_in_the_middle_of_a_body_is_not_kept,
		                       requests_follow_each_other_on_one_connection,
		                       abandoned_request_has_no_end,
		                       small_answer_leaves_in_one_write,
		                       answer_of_more_than_one_write_is_known_to_be_a_part,
		                       answer_that_cannot_leave_is_not_whole,
		                       finish_without_a_request_gives_nothing_back,
		                       libfcgi_calls_our_layer,
		                       layer_serves_the_connection_in_hand_and_leaves_others_to_the_system,
		                       whatever_the_check_approves_libfcgi_takes,
		                       NULL };

	return suite_of("fcgi", tests);
}
