/* SPDX-License-Identifier: ISC */
/* A request's id, path, headers, and what is answered before a handler is asked. */
#include "ask.h"
#include "unit.h"

#include <stdio.h>
#include <string.h>

/* Answers with what the request is. */
static void mirror(struct percore_request *request)
{
	char text[512];
	const char *name = percore_path_value(request, "name");

	snprintf(text, sizeof text, "%s %s [%s]", percore_method(request), percore_path(request),
	         name ? name : "");
	percore_answer_text(request, 200, text);
}

static const char *id_for(const char *given)
{
	const struct told *told =
		ask(&(struct ask){ .handler = mirror, .params = { "HTTP_X_REQUEST_ID", given } });

	return told_header(told, "X-Request-ID");
}

static bool is_made(const char *id)
{
	return strlen(id) == 32 && strspn(id, "0123456789abcdef") == 32;
}

START_TEST(good_id_is_taken)
{
	char longest[129];

	ck_assert_str_eq(id_for("abc-1._Z"), "abc-1._Z");
	ck_assert_str_eq(id_for("x"), "x");
	memset(longest, 'i', 128);
	longest[128] = '\0';
	ck_assert_str_eq(id_for(longest), longest);
}
END_TEST

START_TEST(bad_id_is_replaced)
{
	char long_one[130];

	ck_assert(is_made(id_for("")));
	ck_assert(is_made(id_for("a b")));
	ck_assert(is_made(id_for("a\r\nSet-Cookie: x")));
	ck_assert(is_made(id_for("caf\xc3\xa9")));
	memset(long_one, 'i', 129);
	long_one[129] = '\0';
	ck_assert(is_made(id_for(long_one)));
}
END_TEST

START_TEST(made_ids_differ)
{
	char ids[100][33];

	for (int i = 0; i < 100; i++) {
		strcpy(ids[i], id_for(""));
		for (int j = 0; j < i; j++)
			ck_assert_str_ne(ids[i], ids[j]);
	}
}
END_TEST

static void has_value(struct percore_request *request)
{
	const char *name = percore_path_value(request, "name");

	percore_answer_text(request, 200, name ? name : "none");
}

START_TEST(path_value_is_decoded_and_whole)
{
	char uri[3100] = "/a/";
	struct ask it = { .handler = has_value, .pattern = "/a/{name}", .uri = "/a/x%20y?z" };

	ck_assert_str_eq(ask(&it)->body, "x y");
	it.uri = uri;
	memset(uri + 3, 'v', 3000);
	ck_assert_uint_eq(ask(&it)->body_bytes, 3000);
}
END_TEST

static void two_values(struct percore_request *request)
{
	const char *name = percore_path_value(request, "name"), *rest = percore_path_value(request, "rest");

	percore_answer_text(request, 200,
	                    percore_format(request, "%s|%s|%s", percore_path(request), name, rest));
}

START_TEST(path_values_last_and_may_hold_slashes)
{
	struct ask it = { .handler = two_values, .pattern = "/a/{name}/{rest...}", .uri = "/a/x%2Fy/z%2Fw" };

	ck_assert_str_eq(ask(&it)->body, "/a/x/y/z/w|x|y/z/w");
	it.route.takes_slashes = true;
	ck_assert_str_eq(ask(&it)->body, "/a/x/y/z/w|x/y|z/w");
	it.uri = "/a/%2E%2e%2Fsecret/?q=%2F";
	ck_assert_str_eq(ask(&it)->body, "/secret/|../secret|");
}
END_TEST

static void tell_arg(struct percore_request *request)
{
	char *text = percore_alloc(request, 100000);

	memset(text, 'a', 99999);
	text[99999] = '\0';
	percore_answer_text(request, 200, strlen(text) == 99999 ? percore_arg(request) : "cut");
}

START_TEST(handler_has_its_arg_and_memory)
{
	ck_assert_str_eq(ask(&(struct ask){ .handler = tell_arg, .route = { .arg = (void *)"mine" } })->body,
	                 "mine");
}
END_TEST

static void headers(struct percore_request *request)
{
	char text[256];
	const char *agent = percore_header(request, "User-agent"),
		   *type = percore_header(request, "content-type"),
		   *empty = percore_header(request, "X-Empty"), *proxy = percore_header(request, "Proxy"),
		   *host = percore_param(request, "HTTP_HOST");

	snprintf(text, sizeof text, "%s %s %s %s %s", agent, type, empty ? "there" : "none",
	         proxy ? "there" : "none", host);
	percore_answer_text(request, 200, text);
}

START_TEST(headers_are_found_by_name_and_proxy_never)
{
	const struct told *told =
		ask(&(struct ask){ .handler = headers,
	                           .type = "text/x",
	                           .params = { "HTTP_USER_AGENT", "ua", "HTTP_PROXY", "http://evil",
	                                       "HTTP_X_EMPTY", "", "HTTP_HOST", "h" } });

	ck_assert_str_eq(told->body, "ua text/x none none h");
}
END_TEST

static const char *asked;

static void as_header(struct percore_request *request)
{
	const char *value = percore_header(request, asked), *again = percore_header(request, asked);

	ck_assert_ptr_eq(value, again); /* it is not joined anew */
	percore_answer_text(request, 200, value ? value : "none");
}

static void as_param(struct percore_request *request)
{
	const char *value = percore_param(request, asked);

	percore_answer_text(request, 200, value ? value : "none");
}

START_TEST(last_of_two_parameters_counts)
{
	struct ask it = { .handler = as_param, .params = { "A", "1", "AB", "2", "A", "3", "AA", "4" } };

	asked = "A";
	ck_assert_str_eq(ask(&it)->body, "3");
	asked = "";
	ck_assert_str_eq(ask(&it)->body, "none");
	const struct told *told = ask(&(struct ask){
		.handler = mirror, .pattern = "/a/{name}", .params = { "REQUEST_URI", "/a/b" } });
	ck_assert_str_eq(told->body, "GET /a/b [b]");
	asked = "Content-Type";
	ck_assert_str_eq(
		ask(&(struct ask){ .handler = as_header, .type = "a/b", .params = { "CONTENT_TYPE", "c/d" } })
			->body,
		"c/d");
}
END_TEST

START_TEST(header_that_came_twice_is_joined)
{
	struct ask it = { .handler = as_header,
		          .params = { "HTTP_ACCEPT", "a", "HTTP_COOKIE", "x=1", "HTTP_ACCEPT", "b",
		                      "HTTP_COOKIE", "y=2" } };

	asked = "accept";
	ck_assert_str_eq(ask(&it)->body, "a, b");
	asked = "Cookie";
	ck_assert_str_eq(ask(&it)->body, "x=1; y=2");
	it.handler = as_param;
	asked = "HTTP_ACCEPT";
	ck_assert_str_eq(ask(&it)->body, "a, b");
	/* Two ids are none. */
	const struct told *told = ask(&(struct ask){
		.handler = mirror, .params = { "HTTP_X_REQUEST_ID", "a", "HTTP_X_REQUEST_ID", "b" } });
	ck_assert(is_made(told_header(told, "X-Request-ID")));
}
END_TEST

START_TEST(header_that_came_very_often_has_its_last_values)
{
	static const char *pairs[2 * 70 + 3] = { "REQUEST_METHOD", "GET" };
	char wanted[64 * 3 + 1] = "";

	for (int i = 0; i < 70; i++) {
		pairs[2 + 2 * i] = "HTTP_A";
		pairs[3 + 2 * i] = i < 6 ? "0" : "1";
	}
	for (int i = 0; i < 64; i++)
		strcat(wanted, i ? ", 1" : "1");
	asked = "A";
	ck_assert_str_eq(ask(&(struct ask){ .handler = as_header, .other = pairs })->body, wanted);
}
END_TEST

static void long_name(struct percore_request *request)
{
	char name[200];

	memset(name, 'n', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	percore_answer_text(request, 200, percore_header(request, name) ? "found" : "none");
}

START_TEST(header_name_beyond_sense_is_not_found)
{
	ck_assert_str_eq(ask(&(struct ask){ .handler = long_name })->body, "none");
}
END_TEST

START_TEST(path_falls_back_to_script_name_and_path_info)
{
	static const char *const both[] = { "REQUEST_METHOD", "GET",     "SCRIPT_NAME", "/a",
		                            "PATH_INFO",      "/x y%20", NULL };
	static const char *const neither[] = { "REQUEST_METHOD", "GET", "REQUEST_URI", "", NULL };

	ck_assert_str_eq(ask(&(struct ask){ .handler = mirror, .pattern = "/a/{name}", .other = both })->body,
	                 "GET /a/x y%20 [x y%20]"); /* decoded by the web server already */
	ck_assert_str_eq(ask(&(struct ask){ .handler = mirror, .other = neither })->body, "GET / []");
}
END_TEST

START_TEST(path_that_lighttpd_rewrote_counts)
{
	struct ask it = { .handler = mirror,
		          .pattern = "/new/{name}",
		          .uri = "/old?a",
		          .params = { "REDIRECT_URI", "/new/%78?b", "SCRIPT_NAME", "/new/y" } };

	ck_assert_str_eq(ask(&it)->body, "GET /new/x [x]");
	it.params[1] = "";
	it.uri = "/new/z";
	ck_assert_str_eq(ask(&it)->body, "GET /new/z [z]");
}
END_TEST

START_TEST(request_without_a_method_names_the_missing_line)
{
	static const char *const none[] = { "REQUEST_URI", "/", NULL };
	const struct told *told = ask(&(struct ask){ .handler = mirror, .other = none });

	ck_assert_int_eq(told->status, 500);
	ck_assert_ptr_nonnull(strstr(told->body, "include fastcgi_params;"));
}
END_TEST

START_TEST(malformed_path_is_a_400)
{
	ck_assert_int_eq(ask(&(struct ask){ .handler = mirror, .uri = "/%zz" })->status, 400);
	ck_assert_int_eq(ask(&(struct ask){ .handler = mirror, .uri = "/../x" })->status, 400);
}
END_TEST

START_TEST(path_that_is_no_utf8_is_a_400)
{
	static const char *const script[] = { "REQUEST_METHOD", "GET", "SCRIPT_NAME", "/a/caf\xe9", NULL };

	ck_assert_int_eq(ask(&(struct ask){ .handler = mirror, .uri = "/caf%E9" })->status, 400);
	ck_assert_int_eq(ask(&(struct ask){ .handler = mirror, .uri = "/caf\xe9" })->status, 400);
	ck_assert_int_eq(ask(&(struct ask){ .handler = mirror, .uri = "/%ed%a0%80" })->status, 400);
	ck_assert_int_eq(ask(&(struct ask){ .handler = mirror, .other = script })->status, 400);
	ck_assert_str_eq(
		ask(&(struct ask){ .handler = has_value, .pattern = "/a/{name}", .uri = "/a/caf%C3%A9" })
			->body,
		"caf\xc3\xa9");
}
END_TEST

START_TEST(path_that_is_too_long_is_a_414)
{
	static char uri[4098] = "/";
	const char *const script[] = { "REQUEST_METHOD", "GET", "SCRIPT_NAME", uri, NULL };

	memset(uri + 1, 'x', 4094);
	ck_assert_int_eq(ask(&(struct ask){ .handler = mirror, .uri = uri })->status, 404);
	uri[4095] = 'x';
	const struct told *told = ask(&(struct ask){ .handler = mirror, .uri = uri });
	ck_assert_int_eq(told->status, 414);
	ck_assert_ptr_nonnull(strstr(told->body, "\"title\":\"URI Too Long\""));
	ck_assert_int_eq(ask(&(struct ask){ .handler = mirror, .other = script })->status, 414);
}
END_TEST

START_TEST(content_length_that_is_no_number_is_a_400)
{
	static const char *const bad[] = { "-2", "x", "1x", " 1", "1e3", "99999999999999999999" };

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		ck_assert_msg(ask(&(struct ask){ .handler = mirror, .length = bad[i] })->status == 400, "%s",
		              bad[i]);
	ck_assert_int_eq(ask(&(struct ask){ .handler = mirror, .length = "" })->status, 200);
}
END_TEST

START_TEST(problem_tells_what_rfc_9457_says)
{
	const struct told *told =
		ask(&(struct ask){ .uri = "/no/where?secret=1", .params = { "HTTP_X_REQUEST_ID", "id-1" } });

	ck_assert_int_eq(told->status, 404);
	ck_assert_str_eq(told_header(told, "Content-Type"), "application/problem+json");
	ck_assert_str_eq(told_header(told, "Cache-Control"), "no-store");
	ck_assert_str_eq(told->body, "{\"type\":\"about:blank\",\"title\":\"Not Found\",\"status\":404,"
	                             "\"detail\":\"Nothing is served at this path.\","
	                             "\"instance\":\"/no/where\",\"request_id\":\"id-1\"}");
}
END_TEST

START_TEST(instance_that_is_no_uri_is_left_out)
{
	const struct told *told = ask(&(struct ask){ .uri = "/\xc3\xa4" });

	ck_assert_int_eq(told->status, 404);
	ck_assert_ptr_null(strstr(told->body, "instance"));
}
END_TEST

START_TEST(other_methods_are_405_with_allow)
{
	static const char *const delete[] = { "REQUEST_METHOD", "DELETE", "REQUEST_URI", "/", NULL };
	const struct told *told = ask(&(struct ask){ .handler = mirror, .other = delete });

	ck_assert_int_eq(told->status, 405);
	ck_assert_str_eq(told_header(told, "Allow"), "GET, HEAD, OPTIONS");
}
END_TEST

START_TEST(options_is_204_with_allow_and_no_body)
{
	static const char *const options[] = { "REQUEST_METHOD", "OPTIONS", "REQUEST_URI", "/", NULL };
	const struct told *told = ask(&(struct ask){ .handler = mirror, .other = options });

	ck_assert_int_eq(told->status, 204);
	ck_assert_str_eq(told_header(told, "Allow"), "GET, HEAD, OPTIONS");
	ck_assert_ptr_null(told_header(told, "Content-Length"));
	ck_assert_ptr_null(told_header(told, "Content-Type"));
	ck_assert_uint_eq(told->body_bytes, 0);
}
END_TEST

START_TEST(head_is_get_without_the_body)
{
	const struct told *told = ask(&(struct ask){ .handler = mirror, .method = "HEAD" });

	ck_assert_int_eq(told->status, 200);
	ck_assert_str_eq(told_header(told, "Content-Length"), "9");
	ck_assert_uint_eq(told->body_bytes, 0);
	ck_assert(told->is_kept);
}
END_TEST

Suite *request_suite(void)
{
	const TTest *const tests[] = { good_id_is_taken,
		                       bad_id_is_replaced,
		                       made_ids_differ,
		                       path_value_is_decoded_and_whole,
		                       path_values_last_and_may_hold_slashes,
		                       handler_has_its_arg_and_memory,
		                       headers_are_found_by_name_and_proxy_never,
		                       header_name_beyond_sense_is_not_found,
		                       last_of_two_parameters_counts,
		                       header_that_came_twice_is_joined,
		                       header_that_came_very_often_has_its_last_values,
		                       path_falls_back_to_script_name_and_path_info,
		                       path_that_lighttpd_rewrote_counts,
		                       request_without_a_method_names_the_missing_line,
		                       malformed_path_is_a_400,
		                       path_that_is_no_utf8_is_a_400,
		                       path_that_is_too_long_is_a_414,
		                       content_length_that_is_no_number_is_a_400,
		                       problem_tells_what_rfc_9457_says,
		                       instance_that_is_no_uri_is_left_out,
		                       other_methods_are_405_with_allow,
		                       options_is_204_with_allow_and_no_body,
		                       head_is_get_without_the_body,
		                       NULL };

	return suite_of("request", tests);
}
