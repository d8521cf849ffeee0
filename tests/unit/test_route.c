/* SPDX-License-Identifier: ISC */
/* From REQUEST_URI to a line of the routing table. */
#include "exchange/route.h"
#include "unit.h"

#include <errno.h>
#include <math.h>
#include <string.h>

static struct routes table;

static const char *path_of(const char *uri)
{
	static char path[64];

	int error = route_path(uri, '/', path, sizeof path);

	return error == 0 ? path : error == -ENAMETOOLONG ? "too long" : "malformed";
}

static void handle(struct percore_request *request)
{
	(void)request;
}

static const char *add(const char *method, const char *pattern)
{
	return routes_add(&table,
	                  &(struct percore_route){ .method = method, .pattern = pattern, .handler = handle });
}

/* The pattern that serves it; "405", "404". */
static const char *serves(const char *method, const char *path)
{
	const struct route *known;
	const struct route *route =
		routes_find(&table, method, &(struct route_path){ .plain = path }, &known);

	return route ? route->spec.pattern : known ? "405" : "404";
}

START_TEST(path_is_decoded_once_and_resolved)
{
	ck_assert_str_eq(path_of("/data?x=/y"), "/data");
	ck_assert_str_eq(path_of("/data#x"), "/data");
	ck_assert_str_eq(path_of("/a/../d%61ta"), "/data");
	ck_assert_str_eq(path_of("/a/./b/.."), "/a/");
	ck_assert_str_eq(path_of("/a/."), "/a/");
	ck_assert_str_eq(path_of("/.../..x"), "/.../..x");
	ck_assert_str_eq(path_of("/%2564"), "/%64");
	ck_assert_str_eq(path_of("/a%2fb"), "/a/b");
	ck_assert_str_eq(path_of("/a//b"), "/a//b");
	ck_assert_str_eq(path_of("/%c3%A4"), "/\xc3\xa4");
	ck_assert_str_eq(path_of("/%ff"), "malformed");
	ck_assert_str_eq(path_of("/\xff"), "malformed");
}
END_TEST

START_TEST(encoded_dots_are_dots)
{
	ck_assert_str_eq(path_of("/a/%2e%2E/b"), "/b");
	ck_assert_str_eq(path_of("/%2e%2e/b"), "malformed");
	ck_assert_str_eq(path_of("/a%2f..%2f..%2fb"), "malformed");
}
END_TEST

START_TEST(absolute_form_loses_scheme_and_host)
{
	ck_assert_str_eq(path_of("http://host/data"), "/data");
	ck_assert_str_eq(path_of("http://host"), "/");
	ck_assert_str_eq(path_of("/a://b"), "/a://b");
}
END_TEST

START_TEST(malformed_path_is_refused)
{
	static const char *const bad[] = { "/%", "/%4",  "/%00", "/%zz", "/../x", "/a/../../x",
		                           "",   "data", "*",    "?x",   "%2fa/%" };

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		ck_assert_msg(strcmp(path_of(bad[i]), "malformed") == 0, "'%s' became '%s'", bad[i],
		              path_of(bad[i]));
}
END_TEST

START_TEST(path_that_is_too_long_is_refused)
{
	char uri[66] = "/";

	memset(uri + 1, 'x', 62);
	ck_assert_str_eq(path_of(uri), uri);
	uri[63] = 'x';
	ck_assert_str_eq(path_of(uri), "too long");
}
END_TEST

START_TEST(prefix_ends_at_a_slash)
{
	ck_assert_str_eq(route_below("/api/data", "/api"), "/data");
	ck_assert_str_eq(route_below("/api", "/api"), "/");
	ck_assert_str_eq(route_below("/api/", "/api"), "/");
	ck_assert_ptr_null(route_below("/apidata", "/api"));
	ck_assert_ptr_null(route_below("/", "/api"));
	ck_assert_str_eq(route_below("/data", ""), "/data");
	ck_assert_str_eq(route_below("/", ""), "/");
}
END_TEST

START_TEST(fixed_path_is_found_by_method)
{
	add("GET", "/data");
	add("POST", "/data");
	ck_assert_str_eq(serves("GET", "/data"), "/data");
	ck_assert_str_eq(serves("HEAD", "/data"), "/data");
	ck_assert_str_eq(serves("POST", "/data"), "/data");
	ck_assert_str_eq(serves("DELETE", "/data"), "405");
	ck_assert_str_eq(serves("OPTIONS", "/data"), "405");
	ck_assert_str_eq(serves("get", "/data"), "405");
	ck_assert_str_eq(serves("GET", "/data/"), "404");
	ck_assert_str_eq(serves("GET", "/dat"), "404");
	ck_assert_str_eq(serves("GET", "/"), "404");
}
END_TEST

START_TEST(head_is_served_by_get_only)
{
	add("POST", "/only-post");
	ck_assert_str_eq(serves("HEAD", "/only-post"), "405");
}
END_TEST

START_TEST(name_stands_for_one_segment_that_is_not_empty)
{
	add("GET", "/addresses/{city}");
	ck_assert_str_eq(serves("GET", "/addresses/Ulm"), "/addresses/{city}");
	ck_assert_str_eq(serves("GET", "/addresses/"), "404");
	ck_assert_str_eq(serves("GET", "/addresses"), "404");
	ck_assert_str_eq(serves("GET", "/addresses/Ulm/"), "404");
	ck_assert_str_eq(serves("GET", "/addresses/Ulm/x"), "404");
}
END_TEST

START_TEST(fixed_segment_wins_over_a_name)
{
	add("GET", "/{a}/{b}");
	add("GET", "/{a}/x");
	add("GET", "/y/{b}");
	add("GET", "/y/x");
	ck_assert_str_eq(serves("GET", "/1/2"), "/{a}/{b}");
	ck_assert_str_eq(serves("GET", "/1/x"), "/{a}/x");
	ck_assert_str_eq(serves("GET", "/y/2"), "/y/{b}");
	ck_assert_str_eq(serves("GET", "/y/x"), "/y/x");
}
END_TEST

START_TEST(precedence_does_not_depend_on_the_order_of_registration)
{
	add("GET", "/y/x");
	add("GET", "/y/{b}");
	add("GET", "/{a}/x");
	add("GET", "/{a}/{b}");
	ck_assert_str_eq(serves("GET", "/1/2"), "/{a}/{b}");
	ck_assert_str_eq(serves("GET", "/1/x"), "/{a}/x");
	ck_assert_str_eq(serves("GET", "/y/2"), "/y/{b}");
	ck_assert_str_eq(serves("GET", "/y/x"), "/y/x");
}
END_TEST

START_TEST(braces_in_a_path_are_only_characters)
{
	add("GET", "/{a}/x");
	add("GET", "/{a}/{b}");
	ck_assert_str_eq(serves("GET", "/{a}/x"), "/{a}/x");
	ck_assert_str_eq(serves("GET", "/{c}/x"), "/{a}/x");
	ck_assert_str_eq(serves("GET", "/{a}/{b}"), "/{a}/{b}");
	ck_assert_str_eq(serves("GET", "/q/{b}"), "/{a}/{b}");
}
END_TEST

START_TEST(allow_lists_what_the_path_takes)
{
	char allow[256];

	add("GET", "/data");
	add("POST", "/data");
	add("DELETE", "/{other}");
	routes_allow(&table, &(struct route_path){ .plain = "/data" }, allow, sizeof allow);
	ck_assert_str_eq(allow, "GET, HEAD, POST, OPTIONS");
	routes_allow(&table, &(struct route_path){ .plain = "/thing" }, allow, sizeof allow);
	ck_assert_str_eq(allow, "DELETE, OPTIONS");
}
END_TEST

/* What a name stands for in a path of the first route; "-": nothing. */
static const char *value_of(const struct route_path *path, const char *name)
{
	static char text[64];
	size_t length;
	const char *value = route_value(&table.all[0], path, name, &length);

	if (!value)
		return "-";
	memcpy(text, value, length);
	text[length] = '\0';
	return text;
}

START_TEST(name_lends_its_segment)
{
	const struct route_path path = { .plain = "/a/Ulm/b/Main Street" };

	add("GET", "/a/{city}/b/{street}");
	ck_assert_str_eq(value_of(&path, "street"), "Main Street");
	ck_assert_str_eq(value_of(&path, "city"), "Ulm");
	ck_assert_str_eq(value_of(&path, "cit"), "-");
	ck_assert_str_eq(value_of(&path, "a"), "-");
	ck_assert_str_eq(value_of(&path, ""), "-");
}
END_TEST

START_TEST(rest_stands_for_all_that_is_left)
{
	add("GET", "/files/{user}/{path...}");
	ck_assert_str_eq(serves("GET", "/files/ann/a/b.txt"), "/files/{user}/{path...}");
	ck_assert_str_eq(serves("GET", "/files/ann/"), "/files/{user}/{path...}");
	ck_assert_str_eq(serves("GET", "/files/ann"), "404");
	ck_assert_str_eq(serves("GET", "/files//x"), "404");
	ck_assert_str_eq(value_of(&(struct route_path){ .plain = "/files/ann/a/b.txt" }, "path"), "a/b.txt");
	ck_assert_str_eq(value_of(&(struct route_path){ .plain = "/files/ann/a/b.txt" }, "user"), "ann");
	ck_assert_str_eq(value_of(&(struct route_path){ .plain = "/files/ann/" }, "path"), "");
}
END_TEST

START_TEST(rest_gives_way_to_what_is_closer)
{
	add("GET", "/{all...}");
	add("GET", "/files/{path...}");
	add("GET", "/files/{name}");
	add("GET", "/files/x/y");
	ck_assert_str_eq(serves("GET", "/"), "/{all...}");
	ck_assert_str_eq(serves("GET", "/other/1"), "/{all...}");
	ck_assert_str_eq(serves("GET", "/files/1/2"), "/files/{path...}");
	ck_assert_str_eq(serves("GET", "/files/1"), "/files/{name}");
	ck_assert_str_eq(serves("GET", "/files/x/y"), "/files/x/y");
	ck_assert_str_eq(add("GET", "/files/{other...}"),
	                 "another route has this pattern with other {names}");
}
END_TEST

START_TEST(encoded_slash_is_part_of_a_value_where_a_route_takes_it)
{
	struct percore_route route = { .pattern = "/keys/{key}", .handler = handle, .takes_slashes = true };
	char plain[64], marked[64];
	const struct route_path path = { plain, marked };
	const struct route *known;

	ck_assert_ptr_null(routes_add(&table, &route));
	ck_assert_int_eq(route_path("/keys/a%2Fb", '/', plain, sizeof plain), 0);
	ck_assert_int_eq(route_path("/keys/a%2Fb", (char)ROUTE_SLASH, marked, sizeof marked), 0);
	ck_assert_ptr_nonnull(routes_find(&table, "GET", &path, &known));
	ck_assert_str_eq(value_of(&path, "key"), "a\xff"
	                                         "b");
	ck_assert_str_eq(serves("GET", "/keys/a/b"), "404");
	route.method = "POST";
	route.takes_slashes = false;
	ck_assert_str_eq(routes_add(&table, &route),
	                 "the routes of one pattern must be alike in takes_slashes");
	route.pattern = "/plain/{key}";
	ck_assert_ptr_null(routes_add(&table, &route));
	strcpy(plain, "/plain/a/b");
	strcpy(marked, "/plain/a\xff"
	               "b");
	ck_assert_ptr_null(routes_find(&table, "POST", &path, &known));
}
END_TEST

START_TEST(route_may_answer_options_itself)
{
	add("OPTIONS", "/x");
	ck_assert_str_eq(serves("OPTIONS", "/x"), "/x");
}
END_TEST

START_TEST(route_of_mistaken_bounds_is_refused)
{
	ck_assert_ptr_nonnull(routes_add(
		&table, &(struct percore_route){ .pattern = "/x", .handler = handle, .time_limit = -1 }));
	ck_assert_ptr_nonnull(routes_add(
		&table, &(struct percore_route){ .pattern = "/x", .handler = handle, .time_limit = NAN }));
	ck_assert_ptr_nonnull(routes_add(&table, &(struct percore_route){ .pattern = "/x" }));
	ck_assert_ptr_nonnull(routes_add(&table, &(struct percore_route){ .handler = handle }));
	ck_assert_ptr_null(routes_add(
		&table,
		&(struct percore_route){ .pattern = "/x", .handler = handle, .time_limit = INFINITY }));
	ck_assert_str_eq(table.all[0].spec.method, "GET");
}
END_TEST

START_TEST(mistakes_in_routes_are_said)
{
	static const char *const bad[] = { "",       "data",   "/a{b}",     "/{b}c", "/{}",    "/{", "/a}",
		                           "/{a{b}", "/{...}", "/{a...}/b", "/{a}}", "/{{a}}", "/}{" };

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		ck_assert_msg(add("GET", bad[i]) != NULL, "pattern '%s'", bad[i]);
	ck_assert_ptr_nonnull(add("", "/x"));
	ck_assert_ptr_nonnull(add("get", "/x"));
	ck_assert_ptr_nonnull(add("GET ", "/x"));
	ck_assert_ptr_nonnull(add("HEAD", "/x"));
	ck_assert_uint_eq(table.count, 0);
}
END_TEST

START_TEST(route_given_twice_is_refused)
{
	ck_assert_ptr_null(add("GET", "/a/{b}"));
	ck_assert_str_eq(add("GET", "/a/{b}"), "it is there already");
	ck_assert_str_eq(add("GET", "/a/{c}"), "another route has this pattern with other {names}");
	ck_assert_str_eq(add("POST", "/a/{c}"), "another route has this pattern with other {names}");
	ck_assert_ptr_null(add("POST", "/a/{b}"));
	ck_assert_ptr_null(add("GET", "/{a}/{b}"));
	ck_assert_ptr_null(add("GET", "/{a}"));
}
END_TEST

START_TEST(two_shapes_that_overlap_may_both_be_there)
{
	ck_assert_ptr_null(add("GET", "/{a}/x"));
	ck_assert_ptr_null(add("GET", "/y/{b}"));
	ck_assert_ptr_null(add("GET", "/"));
	ck_assert_ptr_null(add("GET", "/a/"));
	ck_assert_str_eq(serves("GET", "/"), "/");
	ck_assert_str_eq(serves("GET", "/a/"), "/a/");
}
END_TEST

Suite *route_suite(void)
{
	const TTest *const tests[] = { path_is_decoded_once_and_resolved,
		                       encoded_dots_are_dots,
		                       absolute_form_loses_scheme_and_host,
		                       malformed_path_is_refused,
		                       path_that_is_too_long_is_refused,
		                       prefix_ends_at_a_slash,
		                       fixed_path_is_found_by_method,
		                       head_is_served_by_get_only,
		                       name_stands_for_one_segment_that_is_not_empty,
		                       fixed_segment_wins_over_a_name,
		                       precedence_does_not_depend_on_the_order_of_registration,
		                       braces_in_a_path_are_only_characters,
		                       allow_lists_what_the_path_takes,
		                       name_lends_its_segment,
		                       rest_stands_for_all_that_is_left,
		                       rest_gives_way_to_what_is_closer,
		                       encoded_slash_is_part_of_a_value_where_a_route_takes_it,
		                       route_may_answer_options_itself,
		                       route_of_mistaken_bounds_is_refused,
		                       mistakes_in_routes_are_said,
		                       route_given_twice_is_refused,
		                       two_shapes_that_overlap_may_both_be_there,
		                       NULL };

	return suite_of("route", tests);
}
