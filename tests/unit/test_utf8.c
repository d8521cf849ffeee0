/* SPDX-License-Identifier: ISC */
/* What is UTF-8 and what is not (RFC 3629). */
#include "base/utf8.h"
#include "unit.h"

#include <stdlib.h>
#include <string.h>

static bool is_valid(const char *text)
{
	return utf8_is_valid(text, strlen(text));
}

START_TEST(utf8_is_taken)
{
	static const char *const good[] = { "",
		                            "plain",
		                            "12345678",
		                            "caf\xc3\xa9",
		                            "\xc2\x80",
		                            "\xdf\xbf",
		                            "\xe0\xa0\x80",
		                            "\xed\x9f\xbf",
		                            "\xee\x80\x80",
		                            "\xef\xbf\xbf",
		                            "\xf0\x90\x80\x80",
		                            "\xf4\x8f\xbf\xbf",
		                            "12345678\xc3\xa9" };

	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		ck_assert_msg(is_valid(good[i]), "%zu", i);
}
END_TEST

START_TEST(what_is_no_utf8_is_refused)
{
	static const char *const bad[] = { "\x80",
		                           "\xbf",
		                           "\xc3",
		                           "\xc3z",
		                           "\xc0\x80",
		                           "\xc1\xbf",
		                           "\xe0\x9f\xbf",
		                           "\xe2\x82",
		                           "\xed\xa0\x80" /* a surrogate */,
		                           "\xed\xbf\xbf",
		                           "\xf0\x8f\xbf\xbf",
		                           "\xf0\x90\x80",
		                           "\xf4\x90\x80\x80",
		                           "\xf5\x80\x80\x80",
		                           "\xff",
		                           "\xfe",
		                           "12345678\xe9",
		                           "caf\xe9 au lait",
		                           "\xe2\x28\xa1",
		                           "\xf0\x90\x28\xbc" };

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		ck_assert_msg(!is_valid(bad[i]), "%zu", i);
}
END_TEST

/* Against a plain reading of each code point. */
START_TEST(every_code_point_and_nothing_else_is_taken)
{
	for (unsigned code = 0x80; code < 0x120000; code++) {
		unsigned char text[4];
		size_t n = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
		for (size_t i = n - 1, rest = code; i < n; i--, rest >>= 6)
			text[i] = (unsigned char)(i > 0    ? 0x80 | (rest & 0x3f)
			                          : n == 2 ? 0xc0 | rest
			                          : n == 3 ? 0xe0 | rest
			                                   : 0xf0 | rest);
		bool wanted = code < 0x110000 && (code < 0xd800 || code > 0xdfff);
		ck_assert_msg(utf8_is_valid((char *)text, n) == wanted, "U+%X", code);
		ck_assert(!utf8_is_valid((char *)text, n - 1));
	}
}
END_TEST

START_TEST(mended_text_is_utf8)
{
	char text[] = "caf\xe9 \xc3\xa9 \xed\xa0\x80 \xe2\x82";

	utf8_mend(text);
	ck_assert_str_eq(text, "caf? \xc3\xa9 ??? ??");
}
END_TEST

Suite *utf8_suite(void)
{
	const TTest *const tests[] = { utf8_is_taken, what_is_no_utf8_is_refused,
		                       every_code_point_and_nothing_else_is_taken, mended_text_is_utf8,
		                       NULL };

	return suite_of("utf8", tests);
}
