/* SPDX-License-Identifier: ISC */
/* The body as a JSON document: strict, bounded, with the place of the fault. */
#include "ask.h"
#include "unit.h"

#include <stdio.h>
#include <string.h>

static unsigned flags;

static void mirror(struct percore_request *request)
{
	json_object *document;

	if (percore_body_json(request, flags, &document))
		percore_answer_json(request, 200, json_object_get(document));
	else
		ck_assert_ptr_null(document);
}

static const struct told *post(const char *text, size_t length)
{
	return ask(&(struct ask){ .handler = mirror,
	                          .method = "POST",
	                          .type = "application/json",
	                          .body = text,
	                          .body_bytes = length,
	                          .route = { .max_body = 1000 } });
}

/* What it was understood as; "400" for none. */
static const char *understood(const char *text)
{
	const struct told *told = post(text, strlen(text));

	ck_assert(told->status == 200 || told->status == 400);
	return told->status == 200 ? told->body : "400";
}

/* The offset that the 400 names. */
static long fault_of(const char *text, size_t length)
{
	const struct told *told = post(text, length);
	const char *see = strstr(told->body, "at byte ");
	long offset = -1;

	ck_assert_msg(told->status == 400 && see, "%s: %s", text, told->body);
	sscanf(see, "at byte %ld,", &offset);
	return offset;
}

START_TEST(every_kind_of_document_is_understood)
{
	static const char *const same[] = { "{}",      "[]",          "null", "true", "false",
		                            "0",       "-17",         "\"\"", "1.5",  "[1,[2,{\"a\":null}]]",
		                            "\"\\n\"", "\"\xc3\xa4\"" };

	for (size_t i = 0; i < sizeof same / sizeof same[0]; i++)
		ck_assert_str_eq(understood(same[i]), same[i]);
	ck_assert_str_eq(understood(" \t\r\n{ \"a\" : 1 } \r\n"), "{\"a\":1}");
	ck_assert_str_eq(understood("\"\\u00e4\\/\""), "\"\xc3\xa4/\"");
}
END_TEST

START_TEST(what_is_no_json_is_refused)
{
	static const char *const bad[] = {
		" ",      "{",    "[",       "[1",        "[1,]",  "{\"a\":1,}", "{a:1}",    "'a'",
		"tru",    "True", "NULL",    "01",        "+1",    ".5",         "1e",       "0x10",
		"-",      "\"",   "\"\\x\"", "\"\\u12\"", "[1 2]", "{\"a\" 1}",  "// x\n1",  "/**/1",
		"[1]//x", "nan",  "1 2",     "{}{}",      "{} x",  "[]]",        "{\"a\":}", "\xef\xbb\xbf{}",
	};

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		ck_assert_msg(strcmp(understood(bad[i]), "400") == 0, "%s was understood as %s", bad[i],
		              understood(bad[i]));
	ck_assert_int_eq(post("", 0)->status, 400);
}
END_TEST

START_TEST(number_that_is_none_is_refused)
{
	ck_assert_int_eq(fault_of("[NaN]", 5), 1);
	ck_assert_int_eq(fault_of("[\"a\\\"NaN\",-Infinity]", 20), 11);
	ck_assert_int_eq(fault_of("NaN", 3), 0);
	ck_assert_str_eq(understood("[\"NaN\",\"-Infinity\",1e999]"), "[\"NaN\",\"-Infinity\",1e999]");
}
END_TEST

START_TEST(offset_of_the_byte_at_fault_is_told)
{
	ck_assert_int_eq(fault_of("{\"a\":}", 6), 5);
	ck_assert_int_eq(fault_of("x", 1), 0);
	ck_assert_int_eq(fault_of("[1,]", 4), 3);
	ck_assert_int_eq(fault_of("[1", 2), 2); /* it ended too early */
	ck_assert_int_eq(fault_of("{\"a\":1} x", 9), 8);
}
END_TEST

START_TEST(nul_in_the_body_is_refused)
{
	ck_assert_int_eq(fault_of("{}\0", 3), 2);
	ck_assert_int_eq(fault_of("1\0", 2), 1);
	ck_assert_int_eq(post("\0{}", 3)->status, 400);
	ck_assert_int_eq(post("{\"a\0\":1}", 8)->status, 400);
	ck_assert_int_eq(post("[1\0]", 4)->status, 400);
}
END_TEST

START_TEST(invalid_utf_8_is_refused)
{
	static const char *const bad[] = {
		"\"\xff\"", "\"\xc3\"", "\"\x80\"", "\"\xe2\x82\"", "\"\xf8\x88\x80\x80\x80\"", "{\"\xff\":1}"
	};

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		ck_assert_msg(strcmp(understood(bad[i]), "400") == 0, "%s", bad[i]);
}
END_TEST

static const char *nested(int levels)
{
	static char text[256];

	memset(text, '[', (size_t)levels);
	memset(text + levels, ']', (size_t)levels);
	text[2 * levels] = '\0';
	return text;
}

START_TEST(document_may_be_32_levels_deep)
{
	ck_assert_str_eq(understood(nested(32)), nested(32));
	ck_assert_str_eq(understood(nested(33)), "400");
}
END_TEST

START_TEST(what_json_c_alone_would_take_is_refused)
{
	ck_assert_int_eq(fault_of("1.", 2), 2);
	ck_assert_int_eq(fault_of("{'a':1}", 7), 1);
	ck_assert_int_eq(fault_of("\"a\nb\"", 5), 2);
	ck_assert_int_eq(fault_of("{\"a\\u0000\":1}", 13), 3);
}
END_TEST

START_TEST(flags_of_the_call_hold)
{
	ck_assert_str_eq(understood("{\"a\":1,\"a\":2}"), "{\"a\":2}"); /* RFC 8259 leaves it open */
	ck_assert_int_eq(fault_of("18446744073709551616", 20), 0);
	flags = PERCORE_JSON_UNIQUE_NAMES;
	ck_assert_int_eq(fault_of("{\"a\":1,\"a\":2}", 13), 7);
	flags = PERCORE_JSON_BIG_INTEGERS;
	ck_assert_str_eq(understood("18446744073709551616"), "\"18446744073709551616\"");
	flags = 0;
}
END_TEST

START_TEST(document_that_would_take_too_much_memory_is_a_413)
{
	char text[62] = "[";

	for (int i = 0; i < 20; i++)
		memcpy(text + 1 + 3 * i, "{},", 3);
	text[60] = ']';
	ck_assert_int_eq(post(text, 61)->status, 413);
	ck_assert_ptr_nonnull(strstr(post(text, 61)->body, "more values than this service has memory for"));
	text[30] = ']';
	ck_assert_int_eq(post(text, 31)->status, 200);
}
END_TEST

START_TEST(only_json_types_are_taken)
{
	static const char *const types[][2] = {
		{ "application/json", "200" },
		{ "Application/JSON", "200" },
		{ "application/json; charset=utf-8", "200" },
		{ "application/json;charset=utf-8", "200" },
		{ "application/merge-patch+json", "200" },
		{ "text/json", "415" },
		{ "text/plain", "415" },
		{ "application/jsonx", "415" },
		{ "+json", "415" },
		{ "x-www-form-urlencoded", "415" },
	};
	char status[8];

	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
		const struct told *told = ask(&(struct ask){
			.handler = mirror, .method = "POST", .type = types[i][0], .body = "{}" });
		snprintf(status, sizeof status, "%d", told->status);
		ck_assert_msg(strcmp(status, types[i][1]) == 0, "%s: %s", types[i][0], status);
	}
	ck_assert_int_eq(ask(&(struct ask){ .handler = mirror, .method = "POST", .body = "{}" })->status,
	                 415);
}
END_TEST

START_TEST(document_beyond_max_is_a_413)
{
	char text[1002];

	memset(text, ' ', sizeof text);
	text[0] = '1';
	ck_assert_int_eq(post(text, 1000)->status, 200);
	ck_assert_int_eq(post(text, 1001)->status, 413);
}
END_TEST

Suite *json_suite(void)
{
	const TTest *const tests[] = { every_kind_of_document_is_understood,
		                       what_is_no_json_is_refused,
		                       number_that_is_none_is_refused,
		                       offset_of_the_byte_at_fault_is_told,
		                       nul_in_the_body_is_refused,
		                       invalid_utf_8_is_refused,
		                       document_may_be_32_levels_deep,
		                       what_json_c_alone_would_take_is_refused,
		                       flags_of_the_call_hold,
		                       document_that_would_take_too_much_memory_is_a_413,
		                       only_json_types_are_taken,
		                       document_beyond_max_is_a_413,
		                       NULL };

	return suite_of("json", tests);
}
