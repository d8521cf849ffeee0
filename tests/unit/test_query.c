/* SPDX-License-Identifier: ISC */
/* Parameters of the query string, as HTML forms send them. */
#include "ask.h"
#include "unit.h"

#include <string.h>

static const char *wanted;

static void answer_value(struct percore_request *request)
{
	const char *value = percore_query(request, wanted);

	percore_answer_text(request, value ? 200 : 404, value ? value : "");
}

/* The value of `name`, or "none". */
static const char *value_in(const char *query, const char *name)
{
	wanted = name;
	const struct told *told = ask(&(struct ask){ .handler = answer_value, .query = query });

	return told->status == 200 ? told->body : "none";
}

START_TEST(value_is_found_by_name)
{
	ck_assert_str_eq(value_in("a=1&b=2", "a"), "1");
	ck_assert_str_eq(value_in("a=1&b=2", "b"), "2");
	ck_assert_str_eq(value_in("a=1&b=2", "c"), "none");
	ck_assert_str_eq(value_in("aa=1&a=2", "a"), "2");
	ck_assert_str_eq(value_in("", "a"), "none");
}
END_TEST

/* Two values and all pairs are there at a time, and whole. */
static void answer_all(struct percore_request *request)
{
	const char *user = percore_query(request, "user"), *word = percore_query(request, "word");
	char *text = percore_format(request, "%s %s", user, word);

	for (const struct percore_pair *pair = percore_query_all(request); pair->name; pair++)
		text = percore_format(request, "%s; %s=%s", text, pair->name, pair->value);
	percore_answer_text(request, 200, text);
}

START_TEST(all_values_last_until_the_handler_returns)
{
	const struct told *told = ask(&(struct ask){
		.handler = answer_all, .query = "user=ann&word=secret&n=1&n=2&bad=%zz&&n=%C3%A4" });

	ck_assert_str_eq(told->body, "ann secret; user=ann; word=secret; n=1; n=2; n=\xc3\xa4");
}
END_TEST

START_TEST(value_is_as_long_as_it_came)
{
	static char query[20002] = "a=";

	memset(query + 2, 'x', 19999);
	ck_assert_uint_eq(strlen(value_in(query, "a")), 19999);
}
END_TEST

START_TEST(first_value_counts)
{
	ck_assert_str_eq(value_in("a=1&a=2", "a"), "1");
}
END_TEST

START_TEST(value_may_be_empty_or_missing)
{
	ck_assert_str_eq(value_in("a=&b=2", "a"), "");
	ck_assert_str_eq(value_in("a&b=2", "a"), "");
	ck_assert_str_eq(value_in("b=2&a", "a"), "");
	ck_assert_str_eq(value_in("&&a=1&&", "a"), "1");
	ck_assert_str_eq(value_in("=x", ""), "x");
}
END_TEST

START_TEST(plus_and_escapes_are_decoded_once)
{
	ck_assert_str_eq(value_in("a=1+2%2B3%20%2520", "a"), "1 2+3 %20");
	ck_assert_str_eq(value_in("a=%26%3d%41", "a"), "&=A");
	ck_assert_str_eq(value_in("%61=x", "a"), "x");
	ck_assert_str_eq(value_in("a=b=c", "a"), "b=c");
	ck_assert_str_eq(value_in("a=%C3%A4", "a"), "\xc3\xa4");
}
END_TEST

START_TEST(bad_escape_gives_none)
{
	ck_assert_str_eq(value_in("a=%", "a"), "none");
	ck_assert_str_eq(value_in("a=%4", "a"), "none");
	ck_assert_str_eq(value_in("a=%4&b=1", "a"), "none");
	ck_assert_str_eq(value_in("a=%zz", "a"), "none");
	ck_assert_str_eq(value_in("a=x%00y", "a"), "none");
	ck_assert_str_eq(value_in("%zz=1&a=2", "a"), "2");
}
END_TEST

START_TEST(value_that_is_no_utf8_gives_none)
{
	ck_assert_str_eq(value_in("a=caf%E9", "a"), "none");
	ck_assert_str_eq(value_in("a=caf\xe9", "a"), "none");
	ck_assert_str_eq(value_in("a=%C3&b=1", "a"), "none");
	ck_assert_str_eq(value_in("%E9=1&a=2", "a"), "2");
}
END_TEST

Suite *query_suite(void)
{
	const TTest *const tests[] = { value_is_found_by_name,
		                       all_values_last_until_the_handler_returns,
		                       value_is_as_long_as_it_came,
		                       first_value_counts,
		                       value_may_be_empty_or_missing,
		                       plus_and_escapes_are_decoded_once,
		                       bad_escape_gives_none,
		                       value_that_is_no_utf8_gives_none,
		                       NULL };

	return suite_of("query", tests);
}
