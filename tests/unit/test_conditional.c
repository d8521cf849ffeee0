/* SPDX-License-Identifier: ISC */
/* Conditional requests: lists of entity tags, and what is answered (RFC 9110, 13). */
#include "ask.h"
#include "base/etag.h"
#include "unit.h"

#include <string.h>

START_TEST(lists_of_tags_are_read)
{
	ck_assert(etag_list_has("\"a\"", "a", true));
	ck_assert(etag_list_has("\"x\", \"a\"", "a", true));
	ck_assert(etag_list_has(" ,, \"x\" ,\t\"a\",", "a", true));
	ck_assert(etag_list_has("\"a,b\"", "a,b", true));
	ck_assert(etag_list_has("\"\"", "", true));
	ck_assert(etag_list_has("*", "a", true));
	ck_assert(etag_list_has(" * ", "a", true));
	ck_assert(!etag_list_has("", "a", false));
	ck_assert(!etag_list_has("\"ab\"", "a", false));
	ck_assert(!etag_list_has("\"A\"", "a", false));
	ck_assert(!etag_list_has("a", "a", false));
	ck_assert(!etag_list_has("\"a", "a", false));
	ck_assert(!etag_list_has("x, \"a\"", "a", false));
	ck_assert(!etag_list_has("*, \"a\"", "b", false));
	ck_assert(!etag_list_has("w/\"a\"", "a", false));
}
END_TEST

/* The table of RFC 9110, 8.8.3.2. */
START_TEST(weak_tags_are_the_same_weakly_only)
{
	ck_assert(!etag_list_has("W/\"1\"", "W/1", true));
	ck_assert(etag_list_has("W/\"1\"", "W/1", false));
	ck_assert(!etag_list_has("W/\"1\"", "W/2", false));
	ck_assert(!etag_list_has("W/\"1\"", "1", true));
	ck_assert(etag_list_has("W/\"1\"", "1", false));
	ck_assert(etag_list_has("\"1\"", "1", true));
	ck_assert(!etag_list_has("\"1\"", "W/1", true));
}
END_TEST

static const char *tag;
static bool must_match;

static void handle(struct percore_request *request)
{
	if (percore_check_etag(request, tag, must_match))
		percore_answer_text(request, 200, "new");
}

static const struct told *told;

static int status_of(const char *method, const char *header, const char *value)
{
	told = ask(&(struct ask){ .handler = handle, .method = method, .params = { header, value } });
	return told->status;
}

#define MATCH      "HTTP_IF_MATCH"
#define NONE_MATCH "HTTP_IF_NONE_MATCH"

START_TEST(reader_of_the_newest_version_is_told_so)
{
	tag = "v1";
	ck_assert_int_eq(status_of("GET", NULL, NULL), 200);
	ck_assert_str_eq(told_header(told, "ETag"), "\"v1\"");
	ck_assert_str_eq(told_header(told, "Cache-Control"), "no-cache");
	ck_assert_int_eq(status_of("GET", NONE_MATCH, "\"v1\""), 304);
	ck_assert_str_eq(told_header(told, "ETag"), "\"v1\"");
	ck_assert_uint_eq(told->body_bytes, 0);
	ck_assert_int_eq(status_of("HEAD", NONE_MATCH, "\"v0\", W/\"v1\""), 304);
	ck_assert_int_eq(status_of("GET", NONE_MATCH, "*"), 304);
	ck_assert_int_eq(status_of("GET", NONE_MATCH, "\"v0\""), 200);
	ck_assert_int_eq(status_of("GET", MATCH, "\"v0\""), 412);
	tag = "W/v1";
	ck_assert_int_eq(status_of("GET", NONE_MATCH, "\"v1\""), 304);
	ck_assert_str_eq(told_header(told, "ETag"), "W/\"v1\"");
}
END_TEST

START_TEST(writer_of_another_version_is_refused)
{
	tag = "v2";
	ck_assert_int_eq(status_of("PUT", MATCH, "\"v2\""), 200);
	ck_assert_ptr_null(told_header(told, "ETag")); /* the new one is the handler's to tell */
	ck_assert_int_eq(status_of("PUT", MATCH, "\"v1\""), 412);
	ck_assert_str_eq(told_header(told, "ETag"), "\"v2\"");
	ck_assert_int_eq(status_of("PUT", MATCH, "W/\"v2\""), 412);
	ck_assert_int_eq(status_of("PUT", MATCH, "*"), 200);
	ck_assert_int_eq(status_of("PUT", NONE_MATCH, "*"), 412);
	ck_assert_int_eq(status_of("DELETE", NULL, NULL), 200);
}
END_TEST

START_TEST(what_is_not_there_has_no_version)
{
	tag = NULL;
	ck_assert_int_eq(status_of("PUT", NONE_MATCH, "*"), 200);
	ck_assert_int_eq(status_of("PUT", MATCH, "*"), 412);
	ck_assert_int_eq(status_of("GET", NONE_MATCH, "\"v1\""), 200);
	ck_assert_ptr_null(told_header(told, "ETag"));
}
END_TEST

START_TEST(writer_must_say_what_he_knows_where_that_is_wanted)
{
	tag = "v1";
	must_match = true;
	ck_assert_int_eq(status_of("PATCH", NULL, NULL), 428);
	ck_assert_int_eq(status_of("PATCH", MATCH, "\"v1\""), 200);
	ck_assert_int_eq(status_of("PUT", NONE_MATCH, "\"v0\""), 428); /* says nothing of what is there */
	ck_assert_int_eq(status_of("PUT", NONE_MATCH, "*"), 412);
	tag = NULL;
	ck_assert_int_eq(status_of("PUT", NONE_MATCH, "*"), 200);
	ck_assert_int_eq(status_of("GET", NULL, NULL), 200);
}
END_TEST

START_TEST(mistaken_tag_is_the_handlers_fault)
{
	tag = "a b";
	ck_assert_int_eq(status_of("GET", NULL, NULL), 500);
	tag = "a\"";
	ck_assert_int_eq(status_of("GET", NONE_MATCH, "*"), 500);
}
END_TEST

Suite *conditional_suite(void)
{
	return suite_of("conditional",
	                (const TTest *const[]){ lists_of_tags_are_read, weak_tags_are_the_same_weakly_only,
	                                        reader_of_the_newest_version_is_told_so,
	                                        writer_of_another_version_is_refused,
	                                        what_is_not_there_has_no_version,
	                                        writer_must_say_what_he_knows_where_that_is_wanted,
	                                        mistaken_tag_is_the_handlers_fault, NULL });
}
