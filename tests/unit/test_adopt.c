/* libfcgi on a connection that it did not accept: what head.h approved, it reads without blocking. */
#include "exchange/fcgi.h"
#include "unit.h"
#include "wire.h"

#include <fastcgi.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct wire wire;
static struct fcgi *fcgi;
static struct inhand_shm hand;
static int pair[2];
static _Atomic uint32_t spool;

static void connect_pair(void)
{
	if (!fcgi)
		fcgi = fcgi_new(&(struct fcgi_settings){
			.io_timeout_ms = 1000, .max_connections = 7, .hand = &hand });
	ck_assert_ptr_nonnull(fcgi);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
}

static void send_bytes(const void *bytes, size_t size)
{
	ck_assert_int_eq(write(pair[0], bytes, size), (ssize_t)size);
}

static void write_request(bool keep)
{
	static const char *const params[] = { "REQUEST_METHOD", "GET", "REQUEST_URI", "/x", NULL };

	wire.size = 0;
	wire_begin(&wire, keep);
	wire_params(&wire, params, 1000);
	wire_input(&wire, NULL, 0, true);
}

static enum fcgi_look look(void)
{
	return fcgi_look(fcgi, pair[1], &spool);
}

START_TEST(look_tells_what_waits)
{
	connect_pair();
	ck_assert_int_eq(look(), FCGI_LOOK_NOTHING);
	send_bytes("\1", 1);
	ck_assert_int_eq(look(), FCGI_LOOK_PART);
	send_bytes("GET / HTTP/1.1", 14);
	ck_assert_int_eq(look(), FCGI_LOOK_BROKEN);
	close(pair[0]);
	close(pair[1]);
	connect_pair();
	close(pair[0]);
	ck_assert_int_eq(look(), FCGI_LOOK_END);
}
END_TEST

START_TEST(request_is_adopted_and_its_parameters_read)
{
	char byte;

	connect_pair();
	write_request(true);
	send_bytes(wire.bytes, wire.size);
	ck_assert_int_eq(look(), FCGI_LOOK_REQUEST);
	ck_assert(fcgi_begin(fcgi, pair[1], &spool));
	ck_assert_str_eq(fcgi_param(fcgi, "REQUEST_URI"), "/x");
	ck_assert_ptr_null(fcgi_param(fcgi, "REQUEST"));
	ck_assert_int_eq(fcgi_read(fcgi, &byte, 1), 0);
	ck_assert_int_eq(fcgi_write(fcgi, "x", 1), 0);
	ck_assert_int_eq(hand.sent, INHAND_NOTHING);
	ck_assert(hand.keep);
	ck_assert(hand.has_whole_input);
	ck_assert_uint_eq(hand.fcgi_id, 1);
	ck_assert(fcgi_end(fcgi)); /* kept: the web server asked for it */
	ck_assert_int_eq(look(), FCGI_LOOK_NOTHING);
	write_request(false);
	send_bytes(wire.bytes, wire.size);
	ck_assert_int_eq(look(), FCGI_LOOK_REQUEST);
	ck_assert(fcgi_begin(fcgi, pair[1], &spool));
	ck_assert(!fcgi_end(fcgi));
	ck_assert_int_eq(hand.sent, INHAND_WHOLE);
	ck_assert(!hand.keep);
}
END_TEST

START_TEST(head_that_comes_byte_by_byte_waits_in_the_spool)
{
	connect_pair();
	write_request(true);
	for (size_t i = 0; i + 9 < wire.size; i++) { /* up to the end of FCGI_PARAMS, less a byte */
		send_bytes(wire.bytes + i, 1);
		ck_assert_int_eq(look(), FCGI_LOOK_PART);
		fcgi_spool(fcgi, pair[1], &spool);
		ck_assert_uint_ne(spool, 0);
		ck_assert_int_eq(recv(pair[1], &(char){ 0 }, 1, MSG_DONTWAIT), -1);
	}
	send_bytes(wire.bytes + wire.size - 9, 9);
	ck_assert_int_eq(look(), FCGI_LOOK_REQUEST);
	ck_assert(fcgi_begin(fcgi, pair[1], &spool));
	ck_assert_uint_eq(spool, 0);
	ck_assert_str_eq(fcgi_param(fcgi, "REQUEST_URI"), "/x");
	ck_assert(fcgi_end(fcgi));
}
END_TEST

START_TEST(get_values_is_answered_and_the_request_behind_it_served)
{
	unsigned char answer[64];

	connect_pair();
	wire.size = 0;
	wire_record(&wire, FCGI_GET_VALUES, 0,
	            "\x0e\x00"
	            "FCGI_MAX_CONNS",
	            16, 0);
	send_bytes(wire.bytes, 10);
	ck_assert_int_eq(look(), FCGI_LOOK_PART);
	fcgi_spool(fcgi, pair[1], &spool);
	send_bytes(wire.bytes + 10, wire.size - 10);
	write_request(true);
	send_bytes(wire.bytes, wire.size);
	ck_assert_int_eq(look(), FCGI_LOOK_MANAGE);
	ck_assert(fcgi_manage(fcgi, pair[1], &spool));
	ck_assert_uint_eq(spool, 0);
	ck_assert_int_eq(recv(pair[0], answer, sizeof answer, MSG_DONTWAIT), 8 + 17);
	ck_assert_mem_eq(answer + 8,
	                 "\x0e\x01"
	                 "FCGI_MAX_CONNS7",
	                 17);
	ck_assert_int_eq(look(), FCGI_LOOK_REQUEST);
}
END_TEST

START_TEST(head_of_more_than_128_kib_is_refused)
{
	static char big[129 << 10];
	const char *const params[] = { "HTTP_X", big, NULL };
	int room = 1 << 20;

	connect_pair();
	setsockopt(pair[0], SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room);
	memset(big, 'x', sizeof big - 1);
	wire.size = 0;
	wire_begin(&wire, true);
	wire_params(&wire, params, 60000);
	send_bytes(wire.bytes, wire.size);
	ck_assert_int_eq(look(), FCGI_LOOK_BROKEN);
	ck_assert_str_eq(fcgi_reason(fcgi), "parameters of more than 128 KiB");
}
END_TEST

START_TEST(head_of_nearly_128_kib_is_adopted)
{
	static char big[127 << 10];
	const char *const params[] = { "HTTP_X", big, NULL };
	int room = 1 << 20;

	connect_pair();
	setsockopt(pair[0], SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room);
	memset(big, 'x', sizeof big - 1);
	wire.size = 0;
	wire_begin(&wire, true);
	wire_params(&wire, params, 60000);
	send_bytes(wire.bytes, wire.size);
	ck_assert_int_eq(look(), FCGI_LOOK_REQUEST);
	ck_assert(fcgi_begin(fcgi, pair[1], &spool));
	ck_assert_uint_eq(strlen(fcgi_param(fcgi, "HTTP_X")), sizeof big - 1);
}
END_TEST

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
	}
	wire_record(&wire, FCGI_PARAMS, 1, NULL, 0, 0);
	if (random_below(2))
		wire_record(&wire, FCGI_STDIN, 1, stream, random_below(200),
		            random_below(2) * random_below(256));
	if (random_below(8) == 0)
		wire_record(&wire, FCGI_ABORT_REQUEST, 1, NULL, 0, 0);
	wire_record(&wire, FCGI_STDIN, 1, NULL, 0, random_below(2) * random_below(256));
	if (random_below(2))
		wire.bytes[random_below((uint32_t)wire.size)] = (unsigned char)random_below(256);
}

/* Neither blocked nor refused, and a connection said to be kept holds no byte of this request. */
START_TEST(whatever_the_check_approves_libfcgi_takes)
{
	unsigned approved = 0, kept = 0;
	char body[256];

	for (int round = 0; round < 20000; round++) {
		connect_pair();
		write_odd_request();
		send_bytes(wire.bytes, wire.size);
		shutdown(pair[0], SHUT_WR); /* a read that wants more ends instead of blocking */
		if (look() == FCGI_LOOK_REQUEST) {
			approved++;
			ck_assert_msg(fcgi_begin(fcgi, pair[1], &spool), "round %d", round);
			while (fcgi_read(fcgi, body, sizeof body) > 0)
				;
			if (fcgi_end(fcgi)) {
				kept++;
				ck_assert_msg(look() == FCGI_LOOK_END, "round %d left bytes", round);
			}
		}
		close(pair[0]);
		close(pair[1]);
	}
	ck_assert_uint_gt(approved, 5000);
	ck_assert_uint_gt(kept, 1000);
}
END_TEST

Suite *adopt_suite(void)
{
	const TTest *const tests[] = { look_tells_what_waits,
		                       request_is_adopted_and_its_parameters_read,
		                       head_that_comes_byte_by_byte_waits_in_the_spool,
		                       get_values_is_answered_and_the_request_behind_it_served,
		                       head_of_nearly_128_kib_is_adopted,
		                       head_of_more_than_128_kib_is_refused,
		                       whatever_the_check_approves_libfcgi_takes,
		                       NULL };

	return suite_of("adopt", tests);
}
