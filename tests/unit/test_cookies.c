/* SPDX-License-Identifier: ISC */
/* Cookies in and out, all headers, redirects. */
#include "ask.h"
#include "unit.h"

#include <string.h>

static void list_cookies(struct percore_request *request)
{
	const char *text = "", *a = percore_cookie(request, "a");

	for (const struct percore_pair *pair = percore_cookie_all(request); pair->name; pair++)
		text = percore_format(request, "%s[%s=%s]", text, pair->name, pair->value);
	percore_answer_text(request, 200, percore_format(request, "%s %s", a ? a : "none", text));
}

static const char *cookies_in(const char *header)
{
	return ask(&(struct ask){ .handler = list_cookies, .params = { "HTTP_COOKIE", header } })->body;
}

START_TEST(cookies_are_read)
{
	ck_assert_str_eq(cookies_in("a=1"), "1 [a=1]");
	ck_assert_str_eq(cookies_in("b=2; a=1;a=3"), "1 [b=2][a=1][a=3]");
	ck_assert_str_eq(cookies_in("a = x y ; b=\"q\""), "x y [a=x y][b=q]");
	ck_assert_str_eq(cookies_in("a=b=c"), "b=c [a=b=c]");
	ck_assert_str_eq(cookies_in("a="), " [a=]");
	ck_assert_str_eq(cookies_in("a=\""), "\" [a=\"]");
	ck_assert_str_eq(cookies_in("a; =x; ;; b=2; A=9"), "none [b=2][A=9]");
	ck_assert_str_eq(cookies_in(""), "none ");
}
END_TEST

START_TEST(cookies_of_several_headers_are_one_list)
{
	const struct told *told = ask(&(struct ask){
		.handler = list_cookies, .params = { "HTTP_COOKIE", "a=1", "HTTP_COOKIE", "b=2" } });

	ck_assert_str_eq(told->body, "1 [a=1][b=2]");
}
END_TEST

static struct percore_cookie cookie;
static bool was_set;

static void set(struct percore_request *request)
{
	was_set = percore_set_cookie(request, &cookie);
	percore_answer_empty(request);
}

static const char *set_cookie(void)
{
	const char *header = told_header(ask(&(struct ask){ .handler = set }), "Set-Cookie");

	ck_assert_int_eq(was_set, header != NULL);
	return header ? header : "none";
}

START_TEST(cookie_is_safe_unless_told_otherwise)
{
	cookie = (struct percore_cookie){ .name = "s", .value = "x1" };
	ck_assert_str_eq(set_cookie(), "s=x1; Path=/; Secure; HttpOnly; SameSite=Lax");
	cookie = (struct percore_cookie){ .name = "s",
		                          .value = "",
		                          .max_age_s = -1,
		                          .path = "/a",
		                          .domain = "example.com",
		                          .same_site = "Strict",
		                          .is_for_scripts = true,
		                          .goes_without_tls = true };
	ck_assert_str_eq(set_cookie(), "s=; Path=/a; Domain=example.com; Max-Age=0; SameSite=Strict");
	cookie = (struct percore_cookie){ .name = "s", .value = "1", .max_age_s = 3600 };
	ck_assert_str_eq(set_cookie(), "s=1; Path=/; Max-Age=3600; Secure; HttpOnly; SameSite=Lax");
}
END_TEST

START_TEST(cookie_that_would_be_cut_or_mean_more_is_refused)
{
	static const struct percore_cookie bad[] = {
		{ .name = "", .value = "x" },
		{ .name = "a b", .value = "x" },
		{ .name = "a=", .value = "x" },
		{ .name = "a" },
		{ .value = "x" },
		{ .name = "a", .value = "x;y" },
		{ .name = "a", .value = "x y" },
		{ .name = "a", .value = "\"x\"" },
		{ .name = "a", .value = "\xc3\xa4" },
		{ .name = "a", .value = "x\r\nX: y" },
		{ .name = "a", .value = "x", .path = "x" },
		{ .name = "a", .value = "x", .path = "/;Secure" },
		{ .name = "a", .value = "x", .domain = "a;b" },
		{ .name = "a", .value = "x", .same_site = "lax" },
		{ .name = "a", .value = "x", .same_site = "None", .goes_without_tls = true },
	};

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		cookie = bad[i];
		ck_assert_msg(strcmp(set_cookie(), "none") == 0, "cookie %zu", i);
	}
}
END_TEST

static void list_headers(struct percore_request *request)
{
	const char *text = "";

	for (const struct percore_pair *pair = percore_header_all(request); pair->name; pair++)
		text = percore_format(request, "%s%s: %s\n", text, pair->name, pair->value);
	percore_answer_text(request, 200, text);
}

START_TEST(all_headers_are_told_but_proxy)
{
	const struct told *told =
		ask(&(struct ask){ .handler = list_headers,
	                           .type = "text/x",
	                           .params = { "HTTP_X_KEY", "1", "HTTP_PROXY", "http://evil", "HTTP_X_KEY",
	                                       "2", "REMOTE_ADDR", "::1" } });

	ck_assert_str_eq(told->body, "content-type: text/x\ncontent-length: 0\nx-key: 1\nx-key: 2\n");
}
END_TEST

static int status;
static const char *location;

static void redirect(struct percore_request *request)
{
	percore_answer_redirect(request, status, location);
}

static int redirected(int wanted, const char *to)
{
	status = wanted;
	location = to;
	return ask(&(struct ask){ .handler = redirect })->status;
}

START_TEST(redirect_has_its_location_or_is_a_500)
{
	ck_assert_int_eq(redirected(303, "/a?b=%20"), 303);
	const struct told *told = ask(&(struct ask){ .handler = redirect });
	ck_assert_str_eq(told_header(told, "Location"), "/a?b=%20");
	ck_assert_ptr_null(told_header(told, "Content-Type"));
	ck_assert_uint_eq(told->body_bytes, 0);
	ck_assert_int_eq(redirected(308, "https://b.example/"), 308);
	ck_assert_int_eq(redirected(304, "/a"), 500);
	ck_assert_int_eq(redirected(200, "/a"), 500);
	ck_assert_int_eq(redirected(303, "/a\r\nX: y"), 500);
	ck_assert_int_eq(redirected(303, "/\xc3\xa4"), 500);
	ck_assert_int_eq(redirected(303, "/a b"), 500);
}
END_TEST

Suite *cookies_suite(void)
{
	return suite_of("cookies",
	                (const TTest *const[]){ cookies_are_read, cookies_of_several_headers_are_one_list,
	                                        cookie_is_safe_unless_told_otherwise,
	                                        cookie_that_would_be_cut_or_mean_more_is_refused,
	                                        all_headers_are_told_but_proxy,
	                                        redirect_has_its_location_or_is_a_500, NULL });
}
