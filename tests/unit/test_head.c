/* What a web server sent is checked before libfcgi reads it. */
#include "exchange/head.h"
#include "unit.h"
#include "wire.h"

#include <fastcgi.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static struct wire wire;
static struct head head;
static const char *const pairs[] = {
	"REQUEST_METHOD",     "GET",       "REQUEST_URI",   "/data", "QUERY_STRING", "", "HTTP_COOKIE",
	NULL /* 300 bytes */, "HTTP_HOST", "www.test:8080", NULL
};

/* On memory of that size exactly, so that ASan sees a read beyond it. */
static enum head_verdict check(const unsigned char *bytes, size_t size)
{
	unsigned char *copy = malloc(size);

	if (size)
		memcpy(copy, bytes, size);
	enum head_verdict verdict = head_check(copy, size, &head);
	free(copy);
	return verdict;
}

static enum head_verdict check_wire(void)
{
	return check(wire.bytes, wire.size);
}

/* A good head, its parameters in records of `piece` bytes; returns where it ends. */
static size_t write_head(bool keep, size_t piece)
{
	const char *all[sizeof pairs / sizeof pairs[0]];
	static char cookie[301];

	memcpy(all, pairs, sizeof pairs);
	memset(cookie, 'c', 300);
	all[7] = cookie;
	all[10] = NULL;
	wire.size = 0;
	wire_begin(&wire, keep);
	wire_params(&wire, all, piece);
	return wire.size;
}

static void write_start(void)
{
	wire.size = 0;
	wire_begin(&wire, true);
}

START_TEST(good_head_is_found_with_its_length)
{
	size_t end = write_head(true, 1000);

	ck_assert_int_eq(check_wire(), HEAD_REQUEST);
	ck_assert_uint_eq(head.bytes, end);
	ck_assert_uint_eq(head.request_id, 1);
	ck_assert(head.keep);
	ck_assert(!head.has_whole_input);
	write_head(false, 1000);
	ck_assert_int_eq(check_wire(), HEAD_REQUEST);
	ck_assert(!head.keep);
}
END_TEST

START_TEST(head_cut_anywhere_is_a_part)
{
	for (size_t piece = 1; piece <= 1000; piece += piece < 20 ? 1 : 490) {
		size_t end = write_head(true, piece);
		for (size_t size = 0; size < end; size++)
			ck_assert_msg(check(wire.bytes, size) == HEAD_PART, "cut at %zu of %zu", size, end);
		ck_assert_int_eq(check_wire(), HEAD_REQUEST);
	}
}
END_TEST

START_TEST(body_cut_anywhere_does_not_change_the_head)
{
	size_t end = write_head(true, 1000);

	wire_record(&wire, FCGI_STDIN, 1, "body", 4, 3);
	wire_input(&wire, "more", 4, true);
	for (size_t size = end; size <= wire.size; size++) {
		ck_assert_int_eq(check(wire.bytes, size), HEAD_REQUEST);
		ck_assert_uint_eq(head.bytes, end);
		ck_assert(head.has_whole_input == (size == wire.size));
	}
}
END_TEST

START_TEST(padded_parameters_are_good)
{
	write_start();
	wire_record(&wire, FCGI_PARAMS, 1, "\x01\x01xy", 4, 4);
	wire_record(&wire, FCGI_PARAMS, 1, NULL, 0, 0);
	ck_assert_int_eq(check_wire(), HEAD_REQUEST);
}
END_TEST

START_TEST(head_without_parameters_is_good)
{
	write_start();
	wire_record(&wire, FCGI_PARAMS, 1, NULL, 0, 0);
	ck_assert_int_eq(check_wire(), HEAD_REQUEST);
}
END_TEST

#define ck_assert_broken(words)                                                                              \
	do {                                                                                                 \
		ck_assert_int_eq(check_wire(), HEAD_BROKEN);                                                 \
		ck_assert_str_eq(head.reason, words);                                                        \
	} while (0)

START_TEST(bytes_that_are_no_fastcgi_are_broken_from_the_first)
{
	wire.size = 1;
	for (int first = 0; first < 256; first++) {
		wire.bytes[0] = (unsigned char)first;
		ck_assert_int_eq(check_wire(), first == 1 ? HEAD_PART : HEAD_BROKEN);
	}
	ck_assert_str_eq(head.reason, "no FastCGI 1.0 record");
}
END_TEST

START_TEST(another_version_inside_is_broken)
{
	write_start();
	size_t second = wire.size;
	wire_record(&wire, FCGI_PARAMS, 1, NULL, 0, 0);
	wire.bytes[second] = 2;
	ck_assert_broken("a foreign record inside FCGI_PARAMS");
	write_start();
	wire_record(&wire, FCGI_PARAMS, 1, NULL, 0, 0);
	second = wire.size;
	wire_record(&wire, FCGI_STDIN, 1, NULL, 0, 0);
	wire.bytes[second] = 0;
	ck_assert_broken("a record of another request inside a request");
}
END_TEST

START_TEST(begin_must_be_as_the_specification_says)
{
	write_start();
	wire.bytes[3] = 0; /* the id of management records */
	ck_assert_broken("a malformed FCGI_BEGIN_REQUEST");
	wire.size = 0;
	wire_record(&wire, FCGI_BEGIN_REQUEST, 1, "\0\1\0\0\0\0\0\0", 8, 8);
	ck_assert_broken("a malformed FCGI_BEGIN_REQUEST");
	wire.size = 0;
	wire_record(&wire, FCGI_BEGIN_REQUEST, 1, "\0\1\0\0\0\0\0", 7, 0);
	ck_assert_broken("a malformed FCGI_BEGIN_REQUEST");
	for (char role = 0; role < 4; role++) {
		wire.size = 0;
		wire_record(&wire, FCGI_BEGIN_REQUEST, 1, (char[8]){ 0, role }, 8, 0);
		if (role == FCGI_RESPONDER)
			ck_assert_int_eq(check_wire(), HEAD_PART);
		else
			ck_assert_broken("a role other than responder");
	}
}
END_TEST

START_TEST(foreign_record_inside_the_parameters_is_broken)
{
	for (unsigned type = 0; type < 256; type++) {
		write_start();
		wire_record(&wire, type, 1, "\x01\x01xy", 4, 0);
		if (type == FCGI_PARAMS)
			ck_assert_int_eq(check_wire(), HEAD_PART);
		else
			ck_assert_broken("a foreign record inside FCGI_PARAMS");
	}
	write_start();
	wire_record(&wire, FCGI_PARAMS, 2, "\x01\x01xy", 4, 0);
	ck_assert_broken("a foreign record inside FCGI_PARAMS");
	write_start();
	wire_record(&wire, FCGI_PARAMS, 257, "\x01\x01xy", 4, 0);
	ck_assert_broken("a foreign record inside FCGI_PARAMS");
}
END_TEST

START_TEST(padded_end_of_the_parameters_is_broken)
{
	write_start();
	wire_record(&wire, FCGI_PARAMS, 1, NULL, 0, 8);
	ck_assert_broken("a padded end of FCGI_PARAMS");
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
			ck_assert_int_eq(check_wire(), HEAD_REQUEST);
		else
			ck_assert_broken("a parameter cut at the end of FCGI_PARAMS");
	}
}
END_TEST

START_TEST(parameter_past_all_sense_is_broken)
{
	write_start();
	wire_record(&wire, FCGI_PARAMS, 1, "\x01\x80\x00\x00", 4, 0);
	ck_assert_int_eq(check_wire(), HEAD_PART);
	write_start();
	wire_record(&wire, FCGI_PARAMS, 1, "\x01\x81\x00\x00\x01", 5, 0);
	ck_assert_broken("a parameter of more than 16 MiB");
	write_start();
	wire_record(&wire, FCGI_PARAMS, 1, "\xff\xff\xff\xff", 4, 0);
	ck_assert_broken("a parameter of more than 16 MiB");
}
END_TEST

START_TEST(record_of_another_request_in_the_body_is_broken)
{
	for (unsigned type = 0; type < 256; type++) {
		write_head(true, 1000);
		wire_record(&wire, type, 1, "x", 1, 0);
		if (type == FCGI_STDIN || type == FCGI_ABORT_REQUEST)
			ck_assert_int_eq(check_wire(), HEAD_REQUEST);
		else
			ck_assert_broken("a record of another request inside a request");
	}
	write_head(true, 1000);
	wire_record(&wire, FCGI_STDIN, 2, "x", 1, 0);
	ck_assert_broken("a record of another request inside a request");
}
END_TEST

START_TEST(second_request_before_the_answer_is_broken)
{
	write_head(true, 1000);
	wire_input(&wire, NULL, 0, true);
	wire_begin(&wire, true);
	ck_assert_broken("a second request before the first was answered");
}
END_TEST

START_TEST(abort_of_what_ended_is_ignored)
{
	wire.size = 0;
	wire_record(&wire, FCGI_ABORT_REQUEST, 1, NULL, 0, 0);
	ck_assert_int_eq(check_wire(), HEAD_IGNORE);
	ck_assert_uint_eq(head.bytes, wire.size);
	wire_begin(&wire, true); /* the next request waits behind it */
	ck_assert_int_eq(check_wire(), HEAD_IGNORE);
	ck_assert_uint_eq(head.bytes, 8);
}
END_TEST

START_TEST(record_outside_any_request_is_broken)
{
	for (unsigned type = 0; type < 256; type++) {
		if (type == FCGI_BEGIN_REQUEST || type == FCGI_ABORT_REQUEST)
			continue;
		wire.size = 0;
		wire_record(&wire, type, 1, NULL, 0, 0);
		ck_assert_broken("a record outside any request");
	}
}
END_TEST

START_TEST(management_record_is_get_values_or_broken)
{
	for (unsigned type = 0; type < 256; type++) {
		wire.size = 0;
		wire_record(&wire, type, 0, NULL, 0, 0);
		if (type == FCGI_GET_VALUES)
			ck_assert_int_eq(check_wire(), HEAD_VALUES);
		else if (type == FCGI_BEGIN_REQUEST)
			ck_assert_broken("a malformed FCGI_BEGIN_REQUEST");
		else
			ck_assert_broken("an unknown management record");
	}
}
END_TEST

START_TEST(get_values_cut_anywhere_is_a_part_and_bounded)
{
	static char content[1025];

	wire.size = 0;
	wire_record(&wire, FCGI_GET_VALUES, 0, content, 1024, 255);
	for (size_t size = 0; size < wire.size; size++)
		ck_assert_int_eq(check(wire.bytes, size), HEAD_PART);
	ck_assert_int_eq(check_wire(), HEAD_VALUES);
	ck_assert_uint_eq(head.bytes, wire.size);
	wire.size = 0;
	wire_record(&wire, FCGI_GET_VALUES, 0, content, 1025, 0);
	ck_assert_broken("an FCGI_GET_VALUES of more than 1 KiB");
}
END_TEST

/* The result's pairs as "NAME=VALUE ", from a query of these content bytes. */
static const char *values(const void *content, size_t length, unsigned padding)
{
	static char text[256];
	unsigned char result[HEAD_RESULT_MAX];
	size_t used = 0;

	wire.size = 0;
	wire_record(&wire, FCGI_GET_VALUES, 0, content, length, padding);
	ck_assert_int_eq(check_wire(), HEAD_VALUES);
	unsigned char *exact = malloc(wire.size);
	memcpy(exact, wire.bytes, wire.size);
	size_t size = head_values_result(exact, wire.size, 4294967295u, result);
	free(exact);
	ck_assert_uint_le(size, sizeof result);
	ck_assert_mem_eq(result, "\1\12\0\0\0", 5);
	ck_assert_uint_eq(result[5] + 8u + result[6], size);
	for (const unsigned char *p = result + 8; p < result + size; p += 2 + p[0] + p[1]) {
		memcpy(text + used, p + 2, p[0]);
		text[used += p[0]] = '=';
		memcpy(text + used + 1, p + 2 + p[0], p[1]);
		used += 1u + p[1];
		text[used++] = ' ';
	}
	text[used] = '\0';
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

START_TEST(query_of_values_that_lies_about_lengths_is_harmless)
{
	ck_assert_str_eq(values("\x7f\x7f", 2, 0), "");
	ck_assert_str_eq(values("\x0f", 1, 0), "");
	ck_assert_str_eq(values("\x0f\x00"
	                        "FCGI_MPXS_CONN",
	                        16, 1),
	                 "");
	ck_assert_str_eq(values("\xff\xff\xff\xff\xff\xff\xff\xff", 8, 0), "");
}
END_TEST

START_TEST(padding_is_no_part_of_a_query_of_values)
{
	unsigned char result[HEAD_RESULT_MAX];

	wire.size = 0;
	wire_record(&wire, FCGI_GET_VALUES, 0,
	            "\x0f\x00"
	            "FCGI_MPXS_CONN",
	            16, 1);
	wire.bytes[wire.size - 1] = 'S';
	ck_assert_uint_eq(head_values_result(wire.bytes, wire.size, 1, result), 8);
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

START_TEST(hundred_thousand_mutated_heads_do_no_harm)
{
	unsigned char result[HEAD_RESULT_MAX];
	unsigned seen[HEAD_BROKEN + 1] = { 0 };

	for (int round = 0; round < 100000; round++) {
		if (round % 8 == 0) {
			wire.size = 0;
			wire_record(&wire, FCGI_GET_VALUES, 0,
			            "\x0f\x00"
			            "FCGI_MPXS_CONNS",
			            17, 7);
		} else {
			write_head(true, 1 + random_below(700));
			wire_input(&wire, "body", random_below(5), random_below(2));
		}
		mutate();
		enum head_verdict verdict = check_wire();
		seen[verdict]++;
		if (verdict == HEAD_BROKEN) {
			ck_assert_ptr_nonnull(head.reason);
			continue;
		}
		size_t bytes = head.bytes;
		ck_assert_uint_le(bytes, wire.size);
		if (verdict == HEAD_VALUES)
			ck_assert_uint_le(head_values_result(wire.bytes, bytes, 1, result), sizeof result);
		else if (verdict ==
		         HEAD_REQUEST) /* what was approved is whole in these bytes, and no fewer */
			ck_assert_int_eq(check(wire.bytes, bytes - 1), HEAD_PART);
	}
	for (int verdict = 0; verdict <= HEAD_BROKEN; verdict++)
		ck_assert_msg(verdict == HEAD_IGNORE || seen[verdict] > 500, "verdict %d: %u", verdict,
		              seen[verdict]);
}
END_TEST

Suite *head_suite(void)
{
	const TTest *const tests[] = { good_head_is_found_with_its_length,
		                       head_cut_anywhere_is_a_part,
		                       body_cut_anywhere_does_not_change_the_head,
		                       padded_parameters_are_good,
		                       head_without_parameters_is_good,
		                       bytes_that_are_no_fastcgi_are_broken_from_the_first,
		                       another_version_inside_is_broken,
		                       begin_must_be_as_the_specification_says,
		                       foreign_record_inside_the_parameters_is_broken,
		                       padded_end_of_the_parameters_is_broken,
		                       parameter_cut_at_the_end_is_broken,
		                       parameter_past_all_sense_is_broken,
		                       record_of_another_request_in_the_body_is_broken,
		                       second_request_before_the_answer_is_broken,
		                       abort_of_what_ended_is_ignored,
		                       record_outside_any_request_is_broken,
		                       management_record_is_get_values_or_broken,
		                       get_values_cut_anywhere_is_a_part_and_bounded,
		                       values_that_are_asked_for_are_told,
		                       query_of_values_that_lies_about_lengths_is_harmless,
		                       padding_is_no_part_of_a_query_of_values,
		                       hundred_thousand_mutated_heads_do_no_harm,
		                       NULL };

	return suite_of("head", tests);
}
