/* SPDX-License-Identifier: ISC */
/* The example lua, in the test's process. */
#include "example.h"

#define main lua_main
#include "../../examples/lua.c" /* NOLINT(bugprone-suspicious-include): it is what is tested */
#undef main

static const char *write_script(const char *lines)
{
	static char path[128];

	snprintf(path, sizeof path, "%s/test.lua", example_directory);
	FILE *stream = fopen(path, "w");
	ck_assert_ptr_nonnull(stream);
	fputs(lines, stream);
	fclose(stream);
	return path;
}

static struct percore_test *start_with(const char *lines)
{
	const char *path = write_script(lines);

	return example_start(lua_app(path),
	                     (const char *const[]){ "--script", path, "--memory", "4m", NULL });
}

/* A service of the one handler. */
static struct percore_test *start_handler(const char *body)
{
	static char lines[4096];

	snprintf(lines, sizeof lines, "route('GET', '/', function(request)\n%s\nend)\n", body);
	return start_with(lines);
}

static void answers(const char *body, int status, const char *wanted)
{
	struct percore_test *test = start_handler(body);
	const struct percore_test_answer *answer = example_get(test, "/?x=%C3%A4");

	ck_assert_msg(answer->status == status, "%s: %d", body, answer->status);
	ck_assert_str_eq(status == 200 ? answer->body : example_member(answer, "detail"), wanted);
	ck_assert_int_eq(example_get(test, "/none")->status, 404); /* it goes on */
	percore_test_free(test);
}

START_TEST(what_a_handler_returns_is_answered)
{
	answers("return {a = 'text'}", 200, "{\"a\":\"text\"}");
	answers("return {}", 200, "{}");
	answers("return {1, 2.5, true, 'x', {deep = {}}}", 200, "[1,2.5,true,\"x\",{\"deep\":{}}]");
	answers("return 'text'", 200, "\"text\"");
	answers("return 200, 'text'", 200, "\"text\"");
	answers("return 9007199254740993", 200, "9007199254740993");
	answers("return {x = request:query('x')}", 200, "{\"x\":\"\u00e4\"}");
	answers("return {y = request:query('y')}", 200, "{}");
	answers("return 404, 'There is no such thing.'", 404, "There is no such thing.");
	answers("return 403, nil", 403, "");
	answers("return 404, {detail = 'of a table'}", 404, "of a table");
	answers("return 201, {detail = 'made'}", 201, "made");
}
END_TEST

START_TEST(what_is_no_answer_is_an_error)
{
	static const char *const bad[] = {
		"",
		"return nil",
		"return print",
		"return {print}",
		"return {[1] = 1, a = 2}",
		"return {[{}] = 1}",
		"return {['a\\0b'] = 1}",
		"return {1, 2, nil, 4}",
		"return {[2.5] = 1}",
		"local t = {} t.t = t return t",
		"return '\\xff'",
		"return 0 / 0",
		"return 99, {}",
		"return 'x', {}",
		"error('no')",
		"error({})",
		"error(setmetatable({}, {__tostring = error}))",
		"return request.path(request)",
		"return request:path({})",
		"local s = {} while true do s[#s + 1] = {} end",
		"return string.rep('x', 1 << 30)",
		"local function f() return 1 + f() end return f()",
		"return setmetatable({}, {__index = error}).x",
	};

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		answers(bad[i], 500, "");
}
END_TEST

START_TEST(body_comes_as_tables)
{
	struct percore_test *test =
		start_with("route('POST', '/echo', function(request) return {request:json()} end)\n"
	                   "route('POST', '/try', function(request)\n"
	                   "  pcall(request.json, request)\n"
	                   "  return 'it went on'\n"
	                   "end)\n");
	const char *body = "{\"a\":[1,-1,2.5,\"\u00e4\",{}],\"n\":9007199254740993,\"t\":true}";
	json_object *wanted, *got;

	got = json_tokener_parse(example_send(test, "POST", "/echo", body, NULL)->body);
	wanted = json_tokener_parse(body);
	ck_assert(json_object_equal(json_object_array_get_idx(got, 0), wanted));
	json_object_put(got);
	json_object_put(wanted);
	ck_assert_str_eq(example_send(test, "POST", "/echo", "18446744073709551615", NULL)->body,
	                 "[1.8446744073709552e+19]");
	for (int i = 0; i < 2; i++) {
		const char *path = i ? "/try" : "/echo";
		const struct percore_test_answer *answer = example_send(test, "POST", path, "{", NULL);
		ck_assert_int_eq(answer->status, 400);
		ck_assert(answer->is_whole); /* and no other came behind it */
		ck_assert_int_eq(example_send(test, "PATCH", path, "{}", NULL)->status, 405);
		ck_assert_int_eq(percore_test_send(
					 test, &(struct percore_test_request){ .target = path,
		                                                               .body = "{}",
		                                                               .content_type = "text/plain" })
		                         ->status,
		                 415);
	}
	percore_test_free(test);
}
END_TEST

START_TEST(state_lasts_and_a_kept_request_is_the_next_one)
{
	struct percore_test *test =
		start_with("local kept, n = nil, 0\n"
	                   "route('GET', '/{name}', function(request)\n"
	                   "  n = n + 1\n"
	                   "  kept = kept or request\n"
	                   "  return {n = n, name = kept:path('name'), key = request:header('X-Key')}\n"
	                   "end)\n");
	const struct percore_pair headers[] = { { "X-Key", "k" }, { NULL, NULL } };

	ck_assert_str_eq(example_member(example_get(test, "/a"), "name"), "a");
	const struct percore_test_answer *answer = example_send(test, "GET", "/b", NULL, headers);
	ck_assert_str_eq(example_member(answer, "n"), "2");
	ck_assert_str_eq(example_member(answer, "name"), "b");
	ck_assert_str_eq(example_member(answer, "key"), "k");
	percore_test_free(test);
}
END_TEST

START_TEST(memory_is_bounded_and_comes_back)
{
	struct percore_test *test =
		start_with("route('GET', '/{n}', function(request)\n"
	                   "  return {#string.rep('x', math.tointeger(request:path('n')))}\n"
	                   "end)\n");

	for (int i = 0; i < 20; i++) {
		ck_assert_str_eq(example_get(test, "/1000000")->body, "[1000000]");
		ck_assert_int_eq(example_get(test, "/8000000")->status, 500);
	}
	percore_test_free(test);
}
END_TEST

START_TEST(limit_of_a_route_holds)
{
	struct percore_test *test =
		start_with("route('GET', '/', function() return {} end, {limit = '1/s burst=1'})\n");

	ck_assert_int_eq(example_get(test, "/")->status, 200);
	ck_assert_int_eq(example_get(test, "/")->status, 429);
	percore_test_wait(test, 1);
	ck_assert_int_eq(example_get(test, "/")->status, 200);
	percore_test_free(test);
}
END_TEST

START_TEST(script_is_the_last_that_the_command_line_names)
{
	char *none[] = { "lua", "--workers", "2", "--script" }, *apart[] = { "lua", "--script", "a.lua" },
	     *joined[] = { "lua", "--script", "a.lua", "--script=b.lua", "--workers", "2" };

	ck_assert_str_eq(script_of(4, none), "");
	ck_assert_str_eq(script_of(3, apart), "a.lua");
	ck_assert_str_eq(script_of(6, joined), "b.lua");
}
END_TEST

START_TEST(wrong_script_keeps_it_from_serving)
{
	static const char *const bad[] = {
		"",
		"route(",
		"error('no')",
		"route('GET', '/', 'no function')",
		"route('GET', 'x', print)", /* percore says it */
		"\x1bLua",                  /* compiled: what that may do Lua does not check */
	};

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		ck_assert_ptr_null(percore_test_new(lua_app(write_script(bad[i])), NULL));
	ck_assert_ptr_null(percore_test_new(lua_app("/nonexistent"), NULL));
	ck_assert_ptr_null(percore_test_new(lua_app(""), NULL));
}
END_TEST

int main(void)
{
	return example_run_tests(
		"lua",
		(const TTest *const[]){ what_a_handler_returns_is_answered, what_is_no_answer_is_an_error,
	                                body_comes_as_tables, state_lasts_and_a_kept_request_is_the_next_one,
	                                memory_is_bounded_and_comes_back, limit_of_a_route_holds,
	                                script_is_the_last_that_the_command_line_names,
	                                wrong_script_keeps_it_from_serving, NULL });
}
