/* Unit tests: what needs no process and no socket. */
#include "base/cpu.h"
#include "exchange/route.h"

#include <check.h>

static const char *path_of(const char *uri)
{
	static char path[64];

	return route_path(uri, path, sizeof path) ? path : "malformed";
}

START_TEST(path_is_decoded_once_and_resolved)
{
	ck_assert_str_eq(path_of("/data?x=/y"), "/data");
	ck_assert_str_eq(path_of("/a/../d%61ta"), "/data");
	ck_assert_str_eq(path_of("/a/./b/.."), "/a/");
	ck_assert_str_eq(path_of("/%2564"), "/%64");
	ck_assert_str_eq(path_of("http://host/data"), "/data");
}
END_TEST

START_TEST(malformed_path_is_refused)
{
	ck_assert_str_eq(path_of("/%"), "malformed");
	ck_assert_str_eq(path_of("/%4"), "malformed");
	ck_assert_str_eq(path_of("/%00"), "malformed");
	ck_assert_str_eq(path_of("/../x"), "malformed");
	ck_assert_str_eq(path_of("data"), "malformed");
}
END_TEST

START_TEST(prefix_ends_at_a_slash)
{
	ck_assert_str_eq(route_below("/api/data", "/api"), "/data");
	ck_assert_str_eq(route_below("/api", "/api"), "/");
	ck_assert_ptr_null(route_below("/apidata", "/api"));
}
END_TEST

START_TEST(quota_is_rounded_up)
{
	ck_assert_uint_eq(cpu_quota("200000 100000\n"), 2);
	ck_assert_uint_eq(cpu_quota("150000 100000\n"), 2);
	ck_assert_uint_eq(cpu_quota("max 100000\n"), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("percore");
	TCase *route = tcase_create("route");
	SRunner *runner = srunner_create(suite);

	tcase_add_test(route, path_is_decoded_once_and_resolved);
	tcase_add_test(route, malformed_path_is_refused);
	tcase_add_test(route, prefix_ends_at_a_slash);
	tcase_add_test(route, quota_is_rounded_up);
	suite_add_tcase(suite, route);
	srunner_run_all(runner, CK_VERBOSE);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
