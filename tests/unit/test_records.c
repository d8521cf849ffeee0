/* SPDX-License-Identifier: ISC */
/* What a web server sent is checked, one record after another, before libfcgi reads it. */
#include "exchange/records.h"
#include "unit.h"
#include "wire.h"

#include <fastcgi.h>
#include <stdlib.h>
#include <string.h>

static struct wire wire;
static struct records r;
static struct records_limits limits;
static size_t used; /* by records that were whole */

static void begin_wire(void)
{
	limits = (struct records_limits){ .head_bytes = 65536, .params = 100 };
	wire.size = 0;
}

/* One record on memory of that size exactly, so that ASan sees a read beyond it; what was changed in place
 * stays. */
static enum record_verdict next(unsigned char *bytes, size_t size, size_t *record)
{
	unsigned char *copy = malloc(size);

	if (size)
		memcpy(copy, bytes, size);
	enum record_verdict verdict = records_next(&r, &limits, copy, size, record);
	if (size)
		memcpy(bytes, copy, size);
	free(copy);
	return verdict;
}

static bool goes_on(enum record_verdict verdict)
{
	return verdict == RECORD_GOOD || verdict == RECORD_HEAD_END;
}

/* All records from the first; the last verdict, or the first that is none of a request in the making. */
static enum record_verdict check(unsigned char *bytes, size_t size)
{
	enum record_verdict verdict = RECORD_PART;
	size_t record;

	r = (struct records){ 0 };
	used = 0;
	do {
		record = 0;
		verdict = next(bytes + used, size - used, &record);
		if (verdict == RECORD_PART || verdict == RECORD_BROKEN)
			return verdict;
		ck_assert_uint_ge(record, 8);
		ck_assert_uint_le(record, size - used);
		used += record;
	} while (goes_on(verdict) && used < size);
	return verdict;
}

static enum record_verdict check_wire(void)
{
	return check(wire.bytes, wire.size);
}

static void write_start(void)
{
	begin_wire();
	wire_begin(&wire, true);
}

/* A good head, its parameters in records of `piece` bytes. */
static void write_head(bool keep, size_t piece)
{
	static char cookie[301];
	const char *const pairs[] = {
		"REQUEST_METHOD", "GET",       "REQUEST_URI",   "/data", "QUERY_STRING", "", "HTTP_COOKIE",
		cookie,           "HTTP_HOST", "www.test:8080", NULL
	};

	memset(cookie, 'c', 300);
	begin_wire();
	wire_begin(&wire, keep);
	wire_params(&wire, pairs, piece);
}

#define ck_assert_broken(why)                                                                                \
	do {                                                                                                 \
		ck_assert_int_eq(check_wire(), RECORD_BROKEN);                                               \
		ck_assert_int_eq(r.fault, why);                                                              \
	} while (0)

/* ---- What is good. */

START_TEST(good_request_is_told_record_by_record)
{
	write_head(true, 1000);
	ck_assert_int_eq(check_wire(), RECORD_HEAD_END);
	ck_assert_uint_eq(used, wire.size);
	ck_assert_uint_eq(r.id, 1);
	ck_assert_uint_eq(r.params, 5);
	ck_assert_uint_eq(r.head_bytes, wire.size);
	wire_input(&wire, "body", 4, false);
	ck_assert_int_eq(check_wire(), RECORD_GOOD);
	wire_input(&wire, "more", 4, true);
	ck_assert_int_eq(check_wire(), RECORD_INPUT_END);
	ck_assert_uint_eq(used, wire.size);
	ck_assert_uint_eq(r.input_bytes, 8);
}
END_TEST

START_TEST(keep_flag_is_told_and_cleared_in_place)
{
	for (int flags = 0; flags < 256; flags++) {
		begin_wire();
		wire_record(&wire, FCGI_BEGIN_REQUEST, 7, (char[8]){ 0, FCGI_RESPONDER, (char)flags }, 8, 0);
		ck_assert_int_eq(check_wire(), RECORD_GOOD);
		ck_assert(r.keep == (flags & 1));
		ck_assert_uint_eq(wire.bytes[8 + 2], flags & ~1);
		ck_assert_uint_eq(r.id, 7);
	}
}
END_TEST

START_TEST(record_cut_at_any_byte_is_a_part_and_changes_nothing)
{
	size_t record;

	write_head(true, 90);
	wire_record(&wire, FCGI_GET_VALUES, 0, "\x01\x00x", 3, 5);
	wire_record(&wire, FCGI_STDIN, 1, "body", 4, 3);
	wire_record(&wire, 77, 0, NULL, 0, 0);
	wire_input(&wire, "more", 4, false);
	wire_record(&wire, FCGI_ABORT_REQUEST, 1, "x", 1, 1);
	wire_input(&wire, NULL, 0, true);
	r = (struct records){ 0 };
	for (used = 0; used < wire.size; used += record) {
		size_t whole = 8u + ((size_t)wire.bytes[used + 4] << 8) + wire.bytes[used + 5] +
		               wire.bytes[used + 6];
		const struct records before = r;
		for (size_t size = 0; size < whole; size++) {
			ck_assert_int_eq(next(wire.bytes + used, size, &record), RECORD_PART);
			ck_assert_mem_eq(&r, &before, sizeof r);
		}
		enum record_verdict verdict = next(wire.bytes + used, whole, &record);
		ck_assert_int_ne(verdict, RECORD_PART);
		ck_assert_int_ne(verdict, RECORD_BROKEN);
		ck_assert_uint_eq(record, whole);
	}
	ck_assert_uint_eq(r.input_bytes, 8);
}
END_TEST

START_TEST(pairs_may_be_cut_anywhere_by_records)
{
	for (size_t piece = 1; piece <= 1000; piece += piece < 20 ? 1 : 490) {
		write_head(true, piece);
		ck_assert_int_eq(check_wire(), RECORD_HEAD_END);
		ck_assert_uint_eq(r.params, 5);
	}
}
END_TEST

START_TEST(padded_records_are_good)
{
	write_start();
	wire_record(&wire, FCGI_PARAMS, 1, "\x01\x01xy", 4, 255);
	wire_record(&wire, FCGI_PARAMS, 1, NULL, 0, 0);
	wire_record(&wire, FCGI_STDIN, 1, "x", 1, 255);
	ck_assert_int_eq(check_wire(), RECORD_GOOD);
	ck_assert_uint_eq(used, wire.size);
	ck_assert_uint_eq(r.input_bytes, 1);
}
END_TEST

START_TEST(head_without_parameters_is_good)
{
	write_start();
	wire_record(&wire, FCGI_PARAMS, 1, NULL, 0, 0);
	ck_assert_int_eq(check_wire(), RECORD_HEAD_END);
	ck_assert_uint_eq(r.params, 0);
}
END_TEST

START_TEST(abort_is_told_apart_from_one_that_comes_late)
{
	begin_wire();
	wire_record(&wire, FCGI_ABORT_REQUEST, 1, NULL, 0, 0);
	ck_assert_int_eq(check_wire(), RECORD_STRAY);
	write_start();
	wire_record(&wire, FCGI_ABORT_REQUEST, 1, NULL, 0, 0);
	ck_assert_int_eq(check_wire(), RECORD_ABORT);
	write_head(true, 1000);
	wire_record(&wire, FCGI_ABORT_REQUEST, 1, NULL, 0, 0);
	ck_assert_int_eq(check_wire(), RECORD_ABORT);
	wire.size = 0;
	write_head(true, 1000);
	wire_record(&wire, FCGI_ABORT_REQUEST, 2, NULL, 0, 0);
	ck_assert_broken(RECORD_FAULT_FOREIGN);
}
END_TEST

START_TEST(management_records_may_come_between_any_two_and_change_nothing)
{
	for (unsigned type = 0; type < 256; type++) {
		if (type == FCGI_BEGIN_REQUEST) /* which never has the id 0 */
			continue;
		for (int where = 0; where < 4; where++) {
			begin_wire();
			if (where >= 1)
				wire_begin(&wire, true);
			if (where >= 2)
				wire_record(&wire, FCGI_PARAMS, 1, "\x01\x01x", 3, 0);
			if (where >= 3) {
				wire_record(&wire, FCGI_PARAMS, 1, "y", 1, 0);
				wire_record(&wire, FCGI_PARAMS, 1, NULL, 0, 0);
			}
			if (where > 0)
				ck_assert(goes_on(check_wire()));
			else
				r = (struct records){ 0 };
			const struct records before = r;
			size_t at = wire.size, size;
			wire_record(&wire, type, 0, "abc", 3, 2);
			ck_assert_int_eq(next(wire.bytes + at, wire.size - at, &size), RECORD_MANAGE);
			ck_assert_uint_eq(size, wire.size - at);
			ck_assert_mem_eq(&r, &before, sizeof r);
		}
	}
}
END_TEST

/* ---- What is broken, and why. */

START_TEST(bytes_that_are_no_fastcgi_are_broken_from_the_first)
{
	begin_wire();
	wire.size = 1;
	for (int first = 0; first < 256; first++) {
		wire.bytes[0] = (unsigned char)first;
		if (first == 1)
			ck_assert_int_eq(check_wire(), RECORD_PART);
		else
			ck_assert_broken(RECORD_FAULT_VERSION);
	}
}
END_TEST

START_TEST(another_version_inside_is_broken)
{
	write_start();
	size_t second = wire.size;
	wire_record(&wire, FCGI_PARAMS, 1, NULL, 0, 0);
	wire.bytes[second] = 2;
	ck_assert_broken(RECORD_FAULT_VERSION);
	write_head(true, 1000);
	second = wire.size;
	wire_record(&wire, FCGI_STDIN, 1, NULL, 0, 0);
	wire.bytes[second] = 0;
	ck_assert_broken(RECORD_FAULT_VERSION);
}
END_TEST

START_TEST(begin_must_be_as_the_specification_says)
{
	begin_wire();
	wire_record(&wire, FCGI_BEGIN_REQUEST, 0, "\0\1\0\0\0\0\0\0", 8, 0);
	ck_assert_broken(RECORD_FAULT_BEGIN);
	begin_wire();
	wire_record(&wire, FCGI_BEGIN_REQUEST, 1, "\0\1\0\0\0\0\0\0", 8, 8);
	ck_assert_broken(RECORD_FAULT_BEGIN);
	for (size_t length = 0; length < 300; length++) {
		static const char body[300] = { 0, FCGI_RESPONDER };
		begin_wire();
		wire_record(&wire, FCGI_BEGIN_REQUEST, 1, body, length, 0);
		if (length == 8)
			ck_assert_int_eq(check_wire(), RECORD_GOOD);
		else
			ck_assert_broken(RECORD_FAULT_BEGIN);
		wire.size = 8; /* and the header is enough to see it */
		ck_assert_int_eq(check_wire(), length == 8 ? RECORD_PART : RECORD_BROKEN);
	}
	for (int role = 0; role < 1024; role++) {
		begin_wire();
		wire_record(&wire, FCGI_BEGIN_REQUEST, 1, (char[8]){ (char)(role >> 8), (char)role }, 8, 0);
		if (role == FCGI_RESPONDER)
			ck_assert_int_eq(check_wire(), RECORD_GOOD);
		else
			ck_assert_broken(RECORD_FAULT_ROLE);
	}
}
END_TEST

START_TEST(record_outside_any_request_is_broken)
{
	for (unsigned type = 0; type < 256; type++) {
		if (type == FCGI_BEGIN_REQUEST || type == FCGI_ABORT_REQUEST)
			continue;
		begin_wire();
		wire_record(&wire, type, 1, NULL, 0, 0);
		ck_assert_broken(RECORD_FAULT_STRAY);
	}
}
END_TEST

START_TEST(foreign_record_inside_the_parameters_is_broken)
{
	for (unsigned type = 0; type < 256; type++) {
		write_start();
		wire_record(&wire, type, 1, "\x01\x01xy", 4, 0);
		if (type == FCGI_PARAMS)
			ck_assert_int_eq(check_wire(), RECORD_GOOD);
		else if (type == FCGI_ABORT_REQUEST)
			ck_assert_int_eq(check_wire(), RECORD_ABORT);
		else
			ck_assert_broken(RECORD_FAULT_FOREIGN);
	}
	for (unsigned id = 2; id < 1 << 16; id += 255) { /* among them 257 */
		write_start();
		wire_record(&wire, FCGI_PARAMS, id, "\x01\x01xy", 4, 0);
		ck_assert_broken(RECORD_FAULT_FOREIGN);
	}
}
END_TEST

START_TEST(foreign_record_in_the_body_is_broken)
{
	for (unsigned type = 0; type < 256; type++) {
		write_head(true, 1000);
		wire_record(&wire, type, 1, "x", 1, 0);
		if (type == FCGI_STDIN)
			ck_assert_int_eq(check_wire(), RECORD_GOOD);
		else if (type == FCGI_ABORT_REQUEST)
			ck_assert_int_eq(check_wire(), RECORD_ABORT);
		else
			ck_assert_broken(RECORD_FAULT_FOREIGN);
	}
	write_head(true, 1000);
	wire_record(&wire, FCGI_STDIN, 2, "x", 1, 0);
	ck_assert_broken(RECORD_FAULT_FOREIGN);
	write_head(true, 1000);
	wire_begin(&wire, true);
	ck_assert_broken(RECORD_FAULT_FOREIGN);
}
END_TEST

START_TEST(padded_end_of_a_stream_is_broken)
{
	for (unsigned padding = 1; padding < 256; padding++) {
		write_start();
		wire_record(&wire, FCGI_PARAMS, 1, NULL, 0, padding);
		ck_assert_broken(RECORD_FAULT_PADDED_END);
		write_head(true, 1000);
		wire_record(&wire, FCGI_STDIN, 1, NULL, 0, padding);
		ck_assert_broken(RECORD_FAULT_PADDED_END);
	}
}
END_TEST

START_TEST(parameter_cut_at_the_end_is_broken)
{
	static const char whole[] = "\x01\x80\x00\x00\x02xyz";

	for (size_t size = 0; size <= 8; size++) {
		write_start();
		if (size > 0)
			wire_record(&wire, FCGI_PARAMS, 1, whole, size, 0);
		wire_record(&wire, FCGI_PARAMS, 1, NULL, 0, 0);
		if (size == 0 || size == 8)
			ck_assert_int_eq(check_wire(), RECORD_HEAD_END);
		else
			ck_assert_broken(RECORD_FAULT_PAIR);
	}
}
END_TEST

START_TEST(parameter_past_all_sense_is_broken)
{
	write_start();
	wire_record(&wire, FCGI_PARAMS, 1, "\x01\x81\x00\x00\x00", 5, 0); /* 16 MiB: other limits end it */
	ck_assert_int_eq(check_wire(), RECORD_GOOD);
	write_start();
	wire_record(&wire, FCGI_PARAMS, 1, "\x01\x81\x00\x00\x01", 5, 0);
	ck_assert_broken(RECORD_FAULT_PAIR);
	write_start();
	wire_record(&wire, FCGI_PARAMS, 1, "\xff\xff\xff\xff", 4, 0);
	ck_assert_broken(RECORD_FAULT_PAIR);
}
END_TEST

START_TEST(head_may_be_as_long_as_the_limit_and_not_a_byte_longer)
{
	for (int over = 0; over < 2; over++) {
		write_head(true, 100);
		limits.head_bytes = (uint32_t)wire.size - (uint32_t)over;
		if (over)
			ck_assert_broken(RECORD_FAULT_HEAD_SIZE);
		else
			ck_assert_int_eq(check_wire(), RECORD_HEAD_END);
		ck_assert_uint_le(r.head_bytes, limits.head_bytes);
	}
	write_start();
	limits.head_bytes = 16 + 8 + 4 + 9;
	wire_record(&wire, FCGI_PARAMS, 1, "\x01\x01xy", 4,
	            10); /* padding counts; and the header is enough */
	wire.size = 16 + 8;
	ck_assert_broken(RECORD_FAULT_HEAD_SIZE);
}
END_TEST

START_TEST(parameters_may_be_as_many_as_the_limit_and_not_one_more)
{
	for (unsigned most = 0; most < 8; most++) {
		write_head(true, 3);
		limits.params = most;
		if (most < 5)
			ck_assert_broken(RECORD_FAULT_PARAMS);
		else
			ck_assert_int_eq(check_wire(), RECORD_HEAD_END);
	}
}
END_TEST

START_TEST(limits_hold_for_the_head_and_not_for_the_body)
{
	static char block[60000];

	write_head(true, 1000);
	limits.head_bytes = (uint32_t)wire.size;
	for (int i = 0; i < 3; i++)
		wire_input(&wire, block, sizeof block, false);
	ck_assert_int_eq(check_wire(), RECORD_GOOD);
	ck_assert_uint_eq(r.input_bytes, 3 * sizeof block);
}
END_TEST

START_TEST(management_record_may_have_1024_bytes_and_not_one_more)
{
	static char content[1025];

	for (unsigned type = FCGI_GET_VALUES; type < 256; type += 100) {
		begin_wire();
		wire_record(&wire, type, 0, content, 1024, 255);
		ck_assert_int_eq(check_wire(), RECORD_MANAGE);
		begin_wire();
		wire_record(&wire, type, 0, content, 1025, 0);
		wire.size = 8;
		ck_assert_broken(RECORD_FAULT_MANAGEMENT);
	}
}
END_TEST

/* ---- Answers. */

static size_t answer_to(unsigned max_connections, unsigned char *answer)
{
	unsigned char *exact = malloc(wire.size);

	memcpy(exact, wire.bytes, wire.size);
	size_t size = records_answer(exact, wire.size, max_connections, answer);
	free(exact);
	return size;
}

/* The result's pairs as "NAME=VALUE ", from a query of these content bytes. */
static const char *values(const void *content, size_t length, unsigned padding)
{
	static char text[256];
	unsigned char answer[RECORDS_ANSWER_MAX];
	size_t n = 0;

	begin_wire();
	wire_record(&wire, FCGI_GET_VALUES, 0, content, length, padding);
	ck_assert_int_eq(check_wire(), RECORD_MANAGE);
	size_t size = answer_to(4294967295u, answer);
	ck_assert_uint_le(size, sizeof answer);
	ck_assert_mem_eq(answer, "\1\12\0\0\0", 5);
	ck_assert_uint_eq(answer[5] + 8u + answer[6], size);
	for (const unsigned char *p = answer + 8; p < answer + size; p += 2 + p[0] + p[1]) {
		memcpy(text + n, p + 2, p[0]);
		text[n += p[0]] = '=';
		memcpy(text + n + 1, p + 2 + p[0], p[1]);
		n += 1u + p[1];
		text[n++] = ' ';
	}
	text[n] = '\0';
	return text;
}

START_TEST(values_that_are_asked_for_are_told)
{
	ck_assert_str_eq(values("\x0e\x00"
	                        "FCGI_MAX_CONNS"
	                        "\x0d\x00"
	                        "FCGI_MAX_REQS"
	                        "\x0f\x00"
	                        "FCGI_MPXS_CONNS",
	                        48, 0),
	                 "FCGI_MAX_CONNS=4294967295 FCGI_MAX_REQS=4294967295 FCGI_MPXS_CONNS=0 ");
	ck_assert_str_eq(values("\x0f\x00"
	                        "FCGI_MPXS_CONNS",
	                        17, 7),
	                 "FCGI_MPXS_CONNS=0 ");
	ck_assert_str_eq(values("\x03\x01"
	                        "xyz1"
	                        "\x0d\x02"
	                        "FCGI_MAX_REQS17",
	                        23, 0),
	                 "FCGI_MAX_REQS=4294967295 ");
	ck_assert_str_eq(values(NULL, 0, 0), "");
}
END_TEST

START_TEST(names_that_nobody_knows_are_not_told)
{
	/* libfcgi has room for 16 bytes of a name and writes 17. */
	ck_assert_str_eq(values("\x11\x00"
	                        "FCGI_MPXS_CONNS17",
	                        19, 0),
	                 "");
	ck_assert_str_eq(values("\x0f\x00"
	                        "FCGI_MPXS_CONNs",
	                        17, 0),
	                 "");
	ck_assert_str_eq(values("\x0e\x00"
	                        "FCGI_MPXS_CONNS",
	                        17, 0),
	                 "");
}
END_TEST

START_TEST(query_of_values_that_lies_about_lengths_is_harmless)
{
	static const unsigned char huge[][4] = { { 0xff, 0xff, 0xff, 0xff },
		                                 { 0xff, 0xff, 0xff, 0xfe },
		                                 { 0x80, 0xff, 0xff, 0xff } };
	unsigned char pair[16] = { 0 };

	ck_assert_str_eq(values("\x7f\x7f", 2, 0), "");
	ck_assert_str_eq(values("\x0f", 1, 0), "");
	ck_assert_str_eq(values("\x0f\x00"
	                        "FCGI_MPXS_CONN",
	                        16, 1),
	                 "");
	for (size_t i = 0; i < 3; i++) { /* up to 2^31 - 1 for the name, then for the value, then for both */
		memcpy(pair, huge[i], 4);
		ck_assert_str_eq(values(pair, 5, 0), "");
		memcpy(pair + 4, huge[i], 4);
		for (size_t size = 0; size <= 8; size++)
			ck_assert_str_eq(values(pair, size, 0), "");
		pair[0] = 1;
		memcpy(pair + 1, huge[i], 4);
		ck_assert_str_eq(values(pair, 6, 0), "");
	}
}
END_TEST

START_TEST(padding_is_no_part_of_a_query_of_values)
{
	unsigned char answer[RECORDS_ANSWER_MAX];

	begin_wire();
	wire_record(&wire, FCGI_GET_VALUES, 0,
	            "\x0f\x00"
	            "FCGI_MPXS_CONN",
	            16, 1);
	wire.bytes[wire.size - 1] = 'S';
	ck_assert_uint_eq(answer_to(1, answer), 8);
}
END_TEST

START_TEST(other_management_record_is_told_to_be_unknown)
{
	unsigned char answer[RECORDS_ANSWER_MAX];

	for (unsigned type = 0; type < 256; type++) {
		if (type == FCGI_GET_VALUES)
			continue;
		begin_wire();
		wire_record(&wire, type, 0, "xyz", 3, 2);
		memset(answer, 'x', sizeof answer);
		ck_assert_uint_eq(answer_to(1, answer), 16);
		const unsigned char expected[16] = { 1, FCGI_UNKNOWN_TYPE,  0, 0, 0, 8, 0,
			                             0, (unsigned char)type };
		ck_assert_mem_eq(answer, expected, sizeof expected);
	}
}
END_TEST

START_TEST(end_of_an_aborted_request_has_its_id)
{
	static const unsigned char expected[] = {
		1, FCGI_END_REQUEST, 0x12, 0x34, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
	};
	unsigned char end[RECORDS_END_BYTES];

	memset(end, 'x', sizeof end);
	records_end_request(0x1234, end);
	ck_assert_mem_eq(end, expected, sizeof end);
}
END_TEST

START_TEST(state_of_any_bytes_does_no_harm)
{
	size_t size;

	for (unsigned seed = 1; seed < 20000; seed++) {
		unsigned state = seed;
		write_head(true, 90);
		wire_input(&wire, "body", 4, true);
		for (size_t i = 0; i < sizeof r; i++)
			((unsigned char *)&r)[i] = (unsigned char)rand_r(&state);
		r.phase = seed % 5;
		if (seed % 2)
			r.id = 1;
		for (size_t at = seed % 2 ? 16 : 0; at < wire.size; at += size)
			if (next(wire.bytes + at, wire.size - at, &size) == RECORD_BROKEN)
				break;
	}
}
END_TEST

/* xorshift: the same heads at every run. */
static uint32_t random_below(uint32_t bound)
{
	static uint32_t state = 2463534242;

	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state % bound;
}

static void mutate(void)
{
	for (uint32_t n = 1 + random_below(4); n > 0; n--) {
		size_t at = random_below((uint32_t)wire.size), run = random_below(16);
		switch (random_below(5)) {
		case 0:
			wire.bytes[at] = (unsigned char)random_below(256);
			break;
		case 1:
			wire.bytes[at] ^= (unsigned char)(1u << random_below(8));
			break;
		case 2: /* cut out */
			run = run < wire.size - at ? run : wire.size - at - 1;
			memmove(wire.bytes + at, wire.bytes + at + run, wire.size - at - run);
			wire.size -= run;
			break;
		case 3: /* doubled */
			run = run < wire.size - at ? run : wire.size - at;
			memmove(wire.bytes + at + run, wire.bytes + at, wire.size - at);
			wire.size += run;
			break;
		default: /* cut off */
			wire.size = at + 1;
		}
	}
}

START_TEST(hundred_thousand_mutated_requests_do_no_harm)
{
	unsigned char answer[RECORDS_ANSWER_MAX];
	unsigned seen[RECORD_BROKEN + 1] = { 0 };

	for (int round = 0; round < 100000; round++) {
		if (round % 8 == 0) {
			begin_wire();
			wire_record(&wire, FCGI_GET_VALUES, 0,
			            "\x0f\x00"
			            "FCGI_MPXS_CONNS",
			            17, 7);
		} else {
			write_head(true, 1 + random_below(700));
			if (round % 8 == 1)
				wire_record(&wire, FCGI_ABORT_REQUEST, 1, NULL, 0, 0);
			wire_input(&wire, "body", random_below(5), random_below(2));
		}
		mutate();
		enum record_verdict verdict = check_wire();
		seen[verdict]++;
		ck_assert_uint_le(used, wire.size);
		if (verdict == RECORD_BROKEN)
			ck_assert(r.fault > RECORD_FAULT_NONE && r.fault < RECORD_FAULTS);
		else
			ck_assert_uint_eq(r.fault, RECORD_FAULT_NONE);
		if (verdict == RECORD_MANAGE && used == wire.size)
			ck_assert_uint_le(answer_to(1, answer), sizeof answer);
	}
	for (int verdict = 0; verdict <= RECORD_BROKEN; verdict++)
		ck_assert_msg(verdict == RECORD_STRAY || seen[verdict] > 500, "verdict %d: %u", verdict,
		              seen[verdict]);
}
END_TEST

Suite *records_suite(void)
{
	const TTest *const tests[] = { good_request_is_told_record_by_record,
		                       keep_flag_is_told_and_cleared_in_place,
		                       record_cut_at_any_byte_is_a_part_and_changes_nothing,
		                       pairs_may_be_cut_anywhere_by_records,
		                       padded_records_are_good,
		                       head_without_parameters_is_good,
		                       abort_is_told_apart_from_one_that_comes_late,
		                       management_records_may_come_between_any_two_and_change_nothing,
		                       bytes_that_are_no_fastcgi_are_broken_from_the_first,
		                       another_version_inside_is_broken,
		                       begin_must_be_as_the_specification_says,
		                       record_outside_any_request_is_broken,
		                       foreign_record_inside_the_parameters_is_broken,
		                       foreign_record_in_the_body_is_broken,
		                       padded_end_of_a_stream_is_broken,
		                       parameter_cut_at_the_end_is_broken,
		                       parameter_past_all_sense_is_broken,
		                       head_may_be_as_long_as_the_limit_and_not_a_byte_longer,
		                       parameters_may_be_as_many_as_the_limit_and_not_one_more,
		                       limits_hold_for_the_head_and_not_for_the_body,
		                       management_record_may_have_1024_bytes_and_not_one_more,
		                       values_that_are_asked_for_are_told,
		                       names_that_nobody_knows_are_not_told,
		                       query_of_values_that_lies_about_lengths_is_harmless,
		                       padding_is_no_part_of_a_query_of_values,
		                       other_management_record_is_told_to_be_unknown,
		                       end_of_an_aborted_request_has_its_id,
		                       state_of_any_bytes_does_no_harm,
		                       hundred_thousand_mutated_requests_do_no_harm,
		                       NULL };

	return suite_of("records", tests);
}
