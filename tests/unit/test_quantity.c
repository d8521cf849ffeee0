/* SPDX-License-Identifier: ISC */
/* Numbers, sizes and times as people write them. */
#include "base/decimal.h"
#include "base/quantity.h"
#include "unit.h"

#include <inttypes.h>
#include <math.h>

static int64_t value_of(enum quantity quantity, const char *text)
{
	int64_t value = -1;

	return quantity_parse(quantity, text, &value) ? value : -1;
}

START_TEST(size_is_in_powers_of_1024)
{
	ck_assert_int_eq(value_of(QUANTITY_BYTES, "512"), 512);
	ck_assert_int_eq(value_of(QUANTITY_BYTES, "64k"), 65536);
	ck_assert_int_eq(value_of(QUANTITY_BYTES, "64M"), 64 << 20);
	ck_assert_int_eq(value_of(QUANTITY_BYTES, "1g"), 1 << 30);
}
END_TEST

START_TEST(time_is_in_milliseconds_and_bare_in_seconds)
{
	ck_assert_int_eq(value_of(QUANTITY_TIME, "500ms"), 500);
	ck_assert_int_eq(value_of(QUANTITY_TIME, "30s"), 30000);
	ck_assert_int_eq(value_of(QUANTITY_TIME, "30"), 30000);
	ck_assert_int_eq(value_of(QUANTITY_TIME, "2m"), 120000);
	ck_assert_int_eq(value_of(QUANTITY_TIME, "1h"), 3600000);
	ck_assert_int_eq(value_of(QUANTITY_TIME, "1.5s"), 1500);
}
END_TEST

START_TEST(fraction_of_a_time_is_rounded_to_milliseconds)
{
	ck_assert_int_eq(value_of(QUANTITY_TIME, "0.0015s"), 2);
	ck_assert_int_eq(value_of(QUANTITY_TIME, "0.0014s"), 1);
	ck_assert_int_eq(value_of(QUANTITY_TIME, "1.25m"), 75000);
	ck_assert_int_eq(value_of(QUANTITY_TIME, "0.1"), 100);
	ck_assert_int_eq(value_of(QUANTITY_TIME, "0.99999999999999999999999s"), 1000);
	ck_assert_int_eq(value_of(QUANTITY_TIME, "2562047788015.9h"), -1);
}
END_TEST

START_TEST(decimal_is_printed_whole)
{
	char text[DECIMAL_MAX];

	decimal_part(1500, 1000, text);
	ck_assert_str_eq(text, "1.500");
	decimal_part(7, 1000000000, text);
	ck_assert_str_eq(text, "0.000000007");
	decimal_part(UINT64_MAX, 1000000000, text);
	ck_assert_str_eq(text, "18446744073.709551615");
	decimal_exact(.1, text);
	ck_assert_str_eq(text, "0.10000000000000001");
	decimal_exact(-INFINITY, text);
	ck_assert_str_eq(text, "-Inf");
	decimal_exact(INFINITY, text);
	ck_assert_str_eq(text, "+Inf");
	decimal_exact(NAN, text);
	ck_assert_str_eq(text, "NaN");
	decimal_short(1. / 3, text);
	ck_assert_str_eq(text, "0.333333");
}
END_TEST

START_TEST(what_is_no_quantity_is_refused)
{
	static const char *const none[] = { "",     " ",   "-",  "--1", "-.5", "+1",  "1 ",  " 1",
		                            "0x10", "1e3", "k",  ".5",  "1.5", "1.k", "1kk", "ten",
		                            "1m1",  "1,5", "1_", "NaN", "inf", "1\n" };

	for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
		ck_assert_msg(value_of(QUANTITY_NUMBER, none[i]) == -1, "number '%s'", none[i]);
		ck_assert_msg(value_of(QUANTITY_BYTES, none[i]) == -1, "size '%s'", none[i]);
	}
	ck_assert_int_eq(value_of(QUANTITY_TIME, "1.2.3s"), -1);
	ck_assert_int_eq(value_of(QUANTITY_TIME, "1k"), -1);
	ck_assert_int_eq(value_of(QUANTITY_NUMBER, "1k"), -1);
	ck_assert_int_eq(value_of(QUANTITY_BYTES, "-1"), -1);
	ck_assert_int_eq(value_of(QUANTITY_NUMBER, "-17"), -17);
	ck_assert_int_eq(value_of(QUANTITY_NUMBER, "-9223372036854775808"), INT64_MIN);
	ck_assert_int_eq(value_of(QUANTITY_NUMBER, "-9223372036854775809"), -1);
}
END_TEST

START_TEST(quantity_beyond_64_bits_is_refused)
{
	ck_assert_int_eq(value_of(QUANTITY_NUMBER, "9223372036854775807"), INT64_MAX);
	ck_assert_int_eq(value_of(QUANTITY_NUMBER, "9223372036854775808"), -1);
	ck_assert_int_eq(value_of(QUANTITY_BYTES, "9223372036854775807k"), -1);
	ck_assert_int_eq(value_of(QUANTITY_TIME, "9223372036854775807"), -1);
	ck_assert_int_eq(value_of(QUANTITY_TIME, "999999999999999999999.5h"), -1);
}
END_TEST

START_TEST(printed_quantity_reads_back)
{
	static const int64_t values[] = {
		0,         1,      7, 1000, 1024, 1500, 60000, 3600000, 64 << 20, 65537, INT64_C(1) << 40,
		INT64_MAX, 1 << 30
	};
	char text[32];

	for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
		for (int q = QUANTITY_NUMBER; q <= QUANTITY_TIME; q++) {
			quantity_print((enum quantity)q, values[i], text, sizeof text);
			ck_assert_msg(value_of((enum quantity)q, text) == values[i], "%" PRId64 " as '%s'",
			              values[i], text);
		}
	quantity_print(QUANTITY_TIME, 90000, text, sizeof text);
	ck_assert_str_eq(text, "90s");
}
END_TEST

Suite *quantity_suite(void)
{
	const TTest *const tests[] = { fraction_of_a_time_is_rounded_to_milliseconds,
		                       decimal_is_printed_whole,
		                       size_is_in_powers_of_1024,
		                       time_is_in_milliseconds_and_bare_in_seconds,
		                       what_is_no_quantity_is_refused,
		                       quantity_beyond_64_bits_is_refused,
		                       printed_quantity_reads_back,
		                       NULL };

	return suite_of("quantity", tests);
}
