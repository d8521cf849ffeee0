/* SPDX-License-Identifier: ISC */
/* What a client wants by its Accept header. */
#include "base/accept.h"
#include "unit.h"

static void wants(const char *header, unsigned html, unsigned json)
{
	ck_assert_msg(accept_quality(header, "text/html") == html, "html of %s: %u", header,
	              accept_quality(header, "text/html"));
	ck_assert_msg(accept_quality(header, "application/json") == json, "json of %s: %u", header,
	              accept_quality(header, "application/json"));
}

START_TEST(browser_wants_html)
{
	wants("text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8", 1000,
	      800);
	wants("text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/"
	      "*;q=0.8,"
	      "application/signed-exchange;v=b3;q=0.7",
	      1000, 800);
}
END_TEST

START_TEST(who_takes_anything_wants_none_more)
{
	wants(NULL, 1000, 1000);
	wants("*/*", 1000, 1000);
	wants("", 0, 0);
}
END_TEST

START_TEST(closest_range_counts)
{
	wants("text/html;q=0.1, text/*;q=0.9, */*;q=0.5", 100, 500);
	wants("*/*;q=0.5, text/*;q=0.25", 250, 500);
	wants("text/html;level=1;q=0.3, text/html;q=0.7, application/*;q=0.001", 700, 1);
	wants("application/json", 0, 1000);
	wants("TEXT/Html;Q=0.5,application/JSON ; q=1.000", 500, 1000);
	wants("text/html2, texthtml, text/, text, */html, application/json5;q=1", 0, 0);
	wants("text/html;q=0, */*", 0, 1000);
}
END_TEST

START_TEST(quoted_comma_ends_nothing)
{
	wants("a/b;x=\"1,text/html;q=1\\\",\", application/json;q=0.4", 0, 400);
	wants("text/html;x=\";q=0.1\";q=0.2", 200, 0);
	wants("text/html;x=\"", 1000, 0);
}
END_TEST

START_TEST(what_is_no_header_is_survived)
{
	wants(",,;;q=,text/html;q=x", 1000, 0);
	wants("text/html;q=", 1000, 0);
	wants("text/html;q=0.", 0, 0);
	wants("text/html;q=0.99999,\\", 999, 0);
	wants("t", 0, 0);
}
END_TEST

Suite *accept_suite(void)
{
	const TTest *const tests[] = {
		browser_wants_html,        who_takes_anything_wants_none_more, closest_range_counts,
		quoted_comma_ends_nothing, what_is_no_header_is_survived,      NULL
	};

	return suite_of("accept", tests);
}
