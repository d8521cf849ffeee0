/* SPDX-License-Identifier: ISC */
/*
 * lua - handlers in Lua 5.4: route(METHOD, PATTERN, FUNCTION [, {limit =, time_limit =}]), see
 * examples/hello.lua.
 *
 *     examples/lua --listen unix:/run/lua.sock --script examples/hello.lua
 *
 * The function has request:path(NAME), request:query(NAME), request:header(NAME) and request:json(), and
 * returns what is answered as JSON: VALUE, or STATUS, VALUE, of which a text from 400 on is a problem's
 * detail. The script runs once for its routes, and in each worker, where what it keeps lasts from request to
 * request.
 */
#include "lua_parts.h"

#include <stdio.h>
#include <string.h>

enum { MAX_SCRIPT = 1 << 20, MIN_MEMORY = 1 << 20 };

static const char *script = "";
static char text[MAX_SCRIPT]; /* what the routes are from: workers run the same, whatever the file is now */
static size_t length;
static int64_t memory = 64 << 20;
static struct percore_app *unrouted; /* takes the routes; NULL: in a worker */
static lua_State *lua;

/* ---- A request. */

static int answer(lua_State *L)
{
	luaL_getsubtable(L, LUA_REGISTRYINDEX, "handlers");
	lua_rawgeti(L, -1, (intptr_t)percore_arg(request_now(L)));
	int before = lua_gettop(L);
	request_push(L);
	lua_call(L, 1, LUA_MULTRET);
	if (lua_gettop(L) < before)
		lua_pushnil(L); /* which is no JSON */
	int status = lua_gettop(L) > before ? (int)lua_tointeger(L, before) : 200;
	if (request_is_refused())
		; /* percore answers */
	else if (status >= 400 && !lua_istable(L, -1))
		percore_answer_problem(request_now(L), status, lua_tostring(L, -1));
	else
		percore_answer_json(request_now(L), status, json_take(L, request_now(L)));
	return 0;
}

static void handle(struct percore_request *request)
{
	request_set(request);
	const char *wrong = state_call(lua, answer);
	if (wrong && !request_is_refused()) {
		percore_log(request, PERCORE_LOG_ERROR, "%s", wrong);
		percore_answer_problem(request, 500, NULL);
	}
	request_set(NULL);
}

/* ---- The script. */

static int route(lua_State *L)
{
	struct percore_route spec = { .method = luaL_checkstring(L, 1),
		                      .pattern = luaL_checkstring(L, 2),
		                      .handler = handle };

	luaL_checktype(L, 3, LUA_TFUNCTION);
	if (lua_istable(L, 4)) {
		lua_getfield(L, 4, "limit");
		lua_getfield(L, 4, "time_limit");
		spec.limit = lua_tostring(L, -2);
		spec.time_limit = lua_tonumber(L, -1);
	}
	luaL_getsubtable(L, LUA_REGISTRYINDEX, "handlers");
	lua_pushvalue(L, 3);
	spec.arg = (void *)(intptr_t)luaL_ref(L, -2); /* the same number in each process */
	if (unrouted)
		percore_add_route(unrouted, &spec);
	return 0;
}

static int run(lua_State *L)
{
	lua_register(L, "route", route);
	if (luaL_loadbufferx(L, text, length, lua_pushfstring(L, "@%s", script), "t") != LUA_OK)
		return lua_error(L);
	lua_call(L, 0, 0);
	return 0;
}

/* NULL, or what is wrong with the script. */
static const char *load(void)
{
	if (length == 0)
		return "there is no script: give --script FILE on the command line";
	if (length == sizeof text)
		return "the script is too long";
	if (lua)
		lua_close(lua); /* which had the routes */
	lua = state_open(&memory);
	return lua ? state_call(lua, run) : "there is no memory";
}

static bool start(void *arg)
{
	(void)arg;
	const char *wrong = load();

	if (wrong)
		percore_log(NULL, PERCORE_LOG_ERROR, "%s", wrong);
	return !wrong;
}

static struct percore_app *lua_app(const char *file)
{
	struct percore_app *app = percore_app_new("lua", "1");
	FILE *stream = fopen(file, "re");

	script = file;
	length = stream ? fread(text, 1, sizeof text, stream) : 0;
	if (stream)
		fclose(stream);
	unrouted = app;
	load(); /* what is wrong, workers will say */
	unrouted = NULL;
	percore_add_text(app, "script", &script, "what to serve");
	percore_add_size(app, "memory", &memory, MIN_MEMORY, INT64_MAX, "what it may take in a worker");
	percore_on_worker(app, start, NULL, NULL);
	return app;
}

/* As percore will read it: the last one counts. */
static const char *script_of(int argc, char **argv)
{
	const char *file = "";

	for (int i = 1; i < argc; i++)
		if (strncmp(argv[i], "--script=", 9) == 0)
			file = argv[i] + 9;
		else if (strcmp(argv[i], "--script") == 0 && i + 1 < argc)
			file = argv[i + 1];
	return file;
}

int main(int argc, char **argv)
{
	return percore_run(lua_app(script_of(argc, argv)), argc, argv);
}
