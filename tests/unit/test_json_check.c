/* SPDX-License-Identifier: ISC */
/* JSON text: what is taken, what is refused and where; the document's meaning; the memory that it takes. */
#include "allocation.h"
#include "base/json_read.h"
#include "unit.h"

#include <malloc.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct json_rules rules = { .levels = 32, .memory = SIZE_MAX };
static struct json_finding finding;

/* From memory of exactly that size, so that a sanitizer sees a read beyond it. */
static enum json_verdict check_bytes(const char *text, size_t length)
{
	char *copy = malloc(length ? length : 1);

	memcpy(copy, text, length);
	enum json_verdict verdict = json_check(copy, length, &rules, &finding);
	free(copy);
	return verdict;
}

static bool is_good(const char *text)
{
	return check_bytes(text, strlen(text)) == JSON_GOOD;
}

/* How it leaves again. */
static const char *again(const char *text, const struct json_rules *by)
{
	static char written[1024];
	json_object *json;

	if (json_read(text, strlen(text), by, &finding, &json) != JSON_GOOD)
		return finding.expected;
	snprintf(written, sizeof written, "%s",
	         json_object_to_json_string_ext(json,
	                                        JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(json);
	return written;
}

/* ---- What is JSON. */

static const char *const good[] = {
	"{}",
	"[]",
	"null",
	"true",
	"false",
	"0",
	"-0",
	"1",
	"-17",
	"1.5",
	"-0.0",
	"1e2",
	"1E+2",
	"1.25e-10",
	"0e1",
	"1e999",
	"123456789012345678901234567890.5",
	"18446744073709551615",
	"-9223372036854775808",
	"\"\"",
	"\"a\"",
	"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e4\"",
	"\"\\u0000\"",
	"\"\\uD834\\uDD1E\"",
	"\"\x7f\"",
	"\"\xc3\xa4\xe2\x82\xac\xf0\x9d\x84\x9e\"",
	"\"\xef\xbf\xbe\xf4\x8f\xbf\xbf\"",
	"\"01234567\\n89abcdef\"",
	" \t\r\n[ 1 , 2 ] \n",
	"[[],{},[[]],{\"a\":{}}]",
	"{\"a\":1,\"a\":2,\"\":null}",
	"{\"a\\u0001\":[true,false,null]}",
	"[\"[{,:}]\"]",
};

/* And where it is not, and what should be there. */
static const struct {
	const char *text;
	size_t at;
	const char *expected;
} bad[] = {
	{ "", 0, "a value" },
	{ "  ", 2, "a value" },
	{ "[", 1, "a value" },
	{ "[1", 2, "a comma or ]" },
	{ "[1,", 3, "a value" },
	{ "[1,]", 3, "a value" },
	{ "[,1]", 1, "a value" },
	{ "[1,,2]", 3, "a value" },
	{ "[1 2]", 3, "a comma or ]" },
	{ "[1}", 2, "a comma or ]" },
	{ "]", 0, "a value" },
	{ "[]]", 2, "the document's end" },
	{ "{} {}", 3, "the document's end" },
	{ "1 2", 2, "the document's end" },
	{ "[1]// c", 3, "the document's end" },
	{ "/**/1", 0, "a value" },
	{ "{", 1, "a name in double quotes" },
	{ "{a:1}", 1, "a name in double quotes" },
	{ "{'a':1}", 1, "a name in double quotes" },
	{ "{1:1}", 1, "a name in double quotes" },
	{ "{\"a\"}", 4, "a colon" },
	{ "{\"a\" 1}", 5, "a colon" },
	{ "{\"a\":}", 5, "a value" },
	{ "{\"a\":1", 6, "a comma or }" },
	{ "{\"a\":1]", 6, "a comma or }" },
	{ "{\"a\":1,}", 7, "a name in double quotes" },
	{ "{\"a\":1 \"b\":2}", 7, "a comma or }" },
	{ "'a'", 0, "a value" },
	{ "tru", 0, "a value" },
	{ "True", 0, "a value" },
	{ "nul\xc3\xa4", 0, "a value" },
	{ "truex", 4, "the document's end" },
	{ "NaN", 0, "a number, not NaN or Infinity" },
	{ "[-Infinity]", 2, "a number that is not infinite" },
	{ "+1", 0, "a value" },
	{ ".5", 0, "a value" },
	{ "-", 1, "a digit" },
	{ "--1", 1, "a digit" },
	{ "- 1", 1, "a digit" },
	{ "01", 1, "a number without a zero in front" },
	{ "-012", 2, "a number without a zero in front" },
	{ "1.", 2, "a digit" },
	{ "2.e3", 2, "a digit" },
	{ "1e", 2, "a digit" },
	{ "1e+", 3, "a digit" },
	{ "1eE2", 2, "a digit" },
	{ "0x10", 1, "the document's end" },
	{ "1_000", 1, "the document's end" },
	{ "[18446744073709551616]", 1, "an integer of 64 bits" },
	{ "-9223372036854775809", 0, "an integer of 64 bits" },
	{ "\"", 1, "the string's end" },
	{ "\"abcdefgh", 9, "the string's end" },
	{ "\"\\", 2, "one of \"\\/bfnrtu" },
	{ "\"\\x41\"", 2, "one of \"\\/bfnrtu" },
	{ "\"\\'\"", 2, "one of \"\\/bfnrtu" },
	{ "\"\\u12\"", 5, "four hexadecimal digits" },
	{ "\"\\u12g4\"", 5, "four hexadecimal digits" },
	{ "\"a\nb\"", 2, "a control character as an escape" },
	{ "\"tab\there...\"", 4, "a control character as an escape" },
	{ "\"\\ud800\"", 1, "a character, not half of a surrogate pair" },
	{ "[\"a\\udc00\"]", 3, "a character, not half of a surrogate pair" },
	{ "\"\\ud800\\u0041\"", 1, "a character, not half of a surrogate pair" },
	{ "\"\\ud800\\ud800\"", 1, "a character, not half of a surrogate pair" },
	{ "{\"a\":1,\"a\\u0000\":2}", 9, "a name without U+0000" },
	{ "\"\xff\"", 1, "UTF-8" },
	{ "\"\xc0\xaf\"", 1, "UTF-8" },
	{ "\"\xed\xa0\x80\"", 1, "UTF-8" },
	{ "\"\xf4\xbf\xbf\xbf\"", 1, "UTF-8" },
	{ "\"\xe2\x82", 1, "UTF-8" },
	{ "{\"\x80\":1}", 2, "UTF-8" },
	{ "\xef\xbb\xbf{}", 0, "a value" },
	{ "{\xa0}", 1, "a name in double quotes" },
};

START_TEST(json_is_taken)
{
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		ck_assert_msg(is_good(good[i]), "%s: at byte %zu, expected %s", good[i], finding.at,
		              finding.expected);
}
END_TEST

START_TEST(what_is_none_is_refused_with_its_place)
{
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		ck_assert_msg(!is_good(bad[i].text), "%s was taken", bad[i].text);
		ck_assert_msg(finding.at == bad[i].at && strcmp(finding.expected, bad[i].expected) == 0,
		              "%s: at byte %zu, expected %s", bad[i].text, finding.at, finding.expected);
	}
	for (int c = 0; c < ' '; c++) {
		const char text[] = { '"', (char)c, '"' };
		ck_assert_int_eq(check_bytes(text, sizeof text), JSON_WRONG);
		if (!c || !strchr("\t\n\r", c))
			ck_assert_int_eq(check_bytes((const char[]){ '1', (char)c }, 2), JSON_WRONG);
	}
	ck_assert_int_eq(check_bytes("[1]\0", 4), JSON_WRONG);
}
END_TEST

/* ---- Another reading of RFC 8259, one rule a function, that knows nothing of the first. */

static const char *rest; /* NULL: it was wrong */

static bool next_is(char c)
{
	return rest && *rest == c;
}

static void blanks(void)
{
	rest = rest ? rest + strspn(rest, " \t\n\r") : NULL;
}

static void take(const char *literal)
{
	rest = rest && strncmp(rest, literal, strlen(literal)) == 0 ? rest + strlen(literal) : NULL;
}

static void one_or_more(const char *set)
{
	size_t n = rest ? strspn(rest, set) : 0;

	rest = n ? rest + n : NULL;
}

static void number(void)
{
	if (next_is('-'))
		take("-");
	if (next_is('0'))
		take("0");
	else
		one_or_more("0123456789");
	if (next_is('.')) {
		take(".");
		one_or_more("0123456789");
	}
	if (next_is('e') || next_is('E')) {
		rest++;
		if (next_is('+') || next_is('-'))
			rest++;
		one_or_more("0123456789");
	}
}

/* The texts below have neither \u nor bytes beyond ASCII. */
static void string(void)
{
	take("\"");
	while (rest && *rest != '"') {
		if (*rest == '\\')
			rest = rest[1] && strchr("\"\\/bfnrt", rest[1]) ? rest + 2 : NULL;
		else
			rest = (unsigned char)*rest >= ' ' ? rest + 1 : NULL;
	}
	take("\"");
}

static void value(void);

static void list(const char *begin, const char *end, bool has_names)
{
	take(begin);
	blanks();
	while (rest && *rest != *end) {
		if (has_names) {
			blanks();
			string();
			blanks();
			take(":");
		}
		value();
		if (!next_is(','))
			break;
		take(",");
		blanks();
		if (next_is(*end))
			rest = NULL;
	}
	take(end);
}

static void value(void)
{
	blanks();
	if (next_is('{'))
		list("{", "}", true);
	else if (next_is('['))
		list("[", "]", false);
	else if (next_is('"'))
		string();
	else if (next_is('t') || next_is('f') || next_is('n'))
		take(next_is('t') ? "true" : next_is('f') ? "false" : "null");
	else
		number();
	blanks();
}

START_TEST(another_reading_of_the_rfc_agrees)
{
	static const char start[] = "{\"ab\":[1,-0.5e+3,true,{\"\":\"\\n\"},[ ]],\"c\":null} ";
	static const char letters[] = "{}[]:,\"\\ \t\n0159-+.eEtrufalsn/b";
	unsigned seed = 1, taken = 0;
	char text[sizeof start];

	for (int n = 0; n < 300000; n++) {
		size_t length = sizeof start - 1;
		memcpy(text, start, sizeof start);
		for (int changes = rand_r(&seed) % 3; changes >= 0; changes--) {
			size_t at = (unsigned)rand_r(&seed) % length;
			if (rand_r(&seed) % 3 == 0) {
				memmove(text + at, text + at + 1, length - at);
				length--;
			} else {
				text[at] = letters[(unsigned)rand_r(&seed) % (sizeof letters - 1)];
			}
		}
		rest = text;
		value();
		bool should = rest && !*rest;
		ck_assert_msg(is_good(text) == should, "%s: should be %d", text, should);
		taken += should;
	}
	ck_assert_uint_gt(taken, 10000);
}
END_TEST

START_TEST(no_beginning_of_a_document_is_one)
{
	static const char text[] = "{\"a\\u00e4\xc3\xa4\":[\"\\ud834\\udd1e\",[true,null],{\"b\":-0.5e-7}]}";

	for (size_t length = 0; length < sizeof text - 1; length++) {
		ck_assert_int_eq(check_bytes(text, length), JSON_WRONG);
		ck_assert_uint_le(finding.at, length);
	}
	ck_assert_int_eq(check_bytes(text, sizeof text - 1), JSON_GOOD);
}
END_TEST

/* ---- The document. */

START_TEST(document_means_what_the_text_says)
{
	static const char *const same[] = { "{}",
		                            "[]",
		                            "null",
		                            "true",
		                            "-0",
		                            "-0.0",
		                            "1.50",
		                            "1E400",
		                            "18446744073709551615",
		                            "-9223372036854775808",
		                            "9223372036854775807",
		                            "{\"a\":[1,{\"b\":null}],\"c\":\"\"}" };

	for (size_t i = 0; i < sizeof same / sizeof same[0]; i++)
		ck_assert_str_eq(again(same[i], &rules), same[i]);
	ck_assert_str_eq(again(" [ 1 , \"\\u00e4\\/\\uD834\\udd1e\\u20ac\\\"\" ] ", &rules),
	                 "[1,\"\xc3\xa4/\xf0\x9d\x84\x9e\xe2\x82\xac\\\"\"]");
	ck_assert_str_eq(again("[\"\\b\\f\\n\\r\\t\\\\\",\"a\\u0000b\"]", &rules),
	                 "[\"\\b\\f\\n\\r\\t\\\\\",\"a\\u0000b\"]");
	ck_assert_str_eq(again("{\"a\":{\"x\":1},\"\\u0061\":2}", &rules), "{\"a\":2}");
}
END_TEST

START_TEST(rules_of_the_call_hold)
{
	const struct json_rules unique = { .levels = 32, .memory = SIZE_MAX, .unique_names = true };
	const struct json_rules big = { .levels = 32, .memory = SIZE_MAX, .big_integers = true };

	ck_assert_str_eq(again("[{\"a\":1,\"b\":{\"a\":2}}]", &unique), "[{\"a\":1,\"b\":{\"a\":2}}]");
	ck_assert_str_eq(again("{\"a\":1,\"\\u0061\":2}", &unique), "a name that this object has not had");
	ck_assert_uint_eq(finding.at, 7);
	ck_assert_str_eq(again("[18446744073709551616,-9223372036854775809,1]", &big),
	                 "[\"18446744073709551616\",\"-9223372036854775809\",1]");
	ck_assert_str_eq(again("[[[[]]]]", &(struct json_rules){ .levels = 3, .memory = SIZE_MAX }),
	                 "fewer levels of arrays and objects");
	ck_assert_uint_eq(finding.at, 3);
}
END_TEST

/* `count` of them in an array. */
static char *many(const char *element, size_t count, size_t *length)
{
	size_t each = strlen(element) + 1;
	char *text = malloc(count * each + 2);

	text[0] = '[';
	for (size_t i = 0; i < count; i++) {
		memcpy(text + 1 + i * each, element, each - 1);
		text[(i + 1) * each] = ',';
	}
	*length = count * each + 1;
	text[*length - 1] = ']';
	return text;
}

/* As a program made it: what json-c writes may be no JSON. */
static bool is_written_well(json_object *value)
{
	json_object *json = json_object_new_object(), *list = json_object_new_array();
	size_t length;

	json_object_array_add(list, value);
	json_object_object_add(json, "list", list);
	const char *text = json_write(json, JSON_C_TO_STRING_PLAIN, &length);
	bool good = check_bytes(text, length) == JSON_GOOD;
	json_object_put(json);
	return good;
}

START_TEST(json_of_a_program_may_be_none)
{
	json_object *odd_key = json_object_new_object();

	ck_assert(!is_written_well(json_object_new_double(NAN)));
	ck_assert(!is_written_well(json_object_new_double(INFINITY)));
	ck_assert(!is_written_well(json_object_new_double(-INFINITY)));
	ck_assert(!is_written_well(json_object_new_string("caf\xe9")));
	json_object_object_add(odd_key, "\xff", NULL);
	ck_assert(!is_written_well(odd_key));
	ck_assert(is_written_well(json_object_new_double(-1.5)));
	ck_assert(is_written_well(json_object_new_string("NaN and -Infinity")));
	ck_assert(is_written_well(json_tokener_parse("[1e999, \"Infinity\"]")));
	ck_assert_int_eq(check_bytes("null", 4), JSON_GOOD);
}
END_TEST

/* In time: were it the square of the length, the test's own limit would end it. */
START_TEST(long_string_of_escapes_is_read)
{
	enum { ESCAPES = 4 << 20 };
	char *text = malloc(2 * ESCAPES + 2);
	json_object *json;

	for (size_t i = 0; i < ESCAPES; i++)
		memcpy(text + 1 + 2 * i, i + 1 < ESCAPES ? "\\n" : "\\\"", 2);
	text[0] = text[2 * ESCAPES + 1] = '"';
	ck_assert_int_eq(json_read(text, 2 * ESCAPES + 2, &rules, &finding, &json), JSON_GOOD);
	ck_assert_int_eq(json_object_get_string_len(json), ESCAPES);
	json_object_put(json);
	free(text);
}
END_TEST

START_TEST(memory_is_told_before_it_is_taken)
{
	static const char *const elements[] = {
		"{}",
		"[]",
		"{\"a\":1}",
		"{\"a\":1,\"bc\":\"text\",\"d\":1.5}",
		"[1,2,3]",
		"1",
		"true",
		"1.25",
		"\"ab\"",
		"\"a string of some length, as they are often met in documents that people send\"",
	};

	for (size_t i = 0; i < sizeof elements / sizeof elements[0]; i++) {
		size_t length;
		char *text = many(elements[i], 20000, &length);
		json_object *json;
		struct mallinfo2 before = mallinfo2();
		ck_assert_int_eq(json_read(text, length, &rules, &finding, &json), JSON_GOOD);
		struct mallinfo2 after = mallinfo2();
		size_t took = after.uordblks + after.hblkhd - before.uordblks - before.hblkhd;
		json_object_put(json);
		ck_assert_msg(took <= finding.memory, "%s: took %zu, told %zu", elements[i], took,
		              finding.memory);
#ifndef __SANITIZE_ADDRESS__
		ck_assert_msg(sizeof(void *) == 4 || took >= finding.memory / 2, "%s: took %zu, told %zu",
		              elements[i], took, finding.memory);
#endif
		const struct json_rules poor = { .levels = 32, .memory = finding.memory - 1 };
		ck_assert_int_eq(json_read(text, length, &poor, &finding, &json), JSON_TOO_LARGE);
		ck_assert_ptr_null(json);
		free(text);
	}
}
END_TEST

/* Each of its allocations fails in turn, alone and with all that follow. */
START_TEST(without_memory_there_is_no_document)
{
	static const char text[] =
		"{\"a\":[1,-0,1.5,{\"b\":\"x\\u00e4\",\"c\":null,\"d\":true},[],{}],\"18446744073709551615\":"
		"18446744073709551615,"
		"\"1\":1,\"2\":1,\"3\":1,\"4\":1,\"5\":1,\"6\":1,\"7\":1,\"8\":1,\"9\":1,\"a longer name "
		"than that\":["
		"0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5]}";
	long failed = 0;
	json_object *json;

	allocation_fail(0, false);
	ck_assert_int_eq(json_read(text, sizeof text - 1, &rules, &finding, &json), JSON_GOOD);
	long last = allocation_count();
	json_object_put(json);
	for (long n = 1; allocation_can_fail() && n <= last; n++)
		for (int all = 0; all < 2; all++) {
			allocation_fail(n, all);
			enum json_verdict verdict = json_read(text, sizeof text - 1, &rules, &finding, &json);
			allocation_fail(0, false);
			if (verdict == JSON_GOOD) /* json-c did without */
				ck_assert_str_eq(json_object_to_json_string_ext(json, JSON_C_TO_STRING_PLAIN),
				                 again(text, &rules));
			else
				ck_assert_int_eq(verdict, JSON_NO_MEMORY);
			ck_assert(verdict == JSON_GOOD || !json);
			failed += verdict == JSON_NO_MEMORY;
			json_object_put(json);
		}
	ck_assert(!allocation_can_fail() || failed > 150);
}
END_TEST

Suite *json_check_suite(void)
{
	const TTest *const tests[] = { json_is_taken,
		                       what_is_none_is_refused_with_its_place,
		                       another_reading_of_the_rfc_agrees,
		                       no_beginning_of_a_document_is_one,
		                       document_means_what_the_text_says,
		                       rules_of_the_call_hold,
		                       json_of_a_program_may_be_none,
		                       long_string_of_escapes_is_read,
		                       memory_is_told_before_it_is_taken,
		                       without_memory_there_is_no_document,
		                       NULL };

	return suite_of("json_check", tests);
}
