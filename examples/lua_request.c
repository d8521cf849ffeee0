/* SPDX-License-Identifier: ISC */
/* request - what a handler in Lua asks of its request.  An object that a script keeps speaks of the next one.
 */
#include "lua_parts.h"

static struct percore_request *current;
static bool is_refused;

void request_set(struct percore_request *request)
{
	current = request;
	is_refused = false;
}

bool request_is_refused(void)
{
	return is_refused;
}

struct percore_request *request_now(lua_State *L)
{
	if (!current)
		luaL_error(L, "there is no request now");
	return current;
}

static int path(lua_State *L)
{
	lua_pushstring(L, percore_path_value(request_now(L), luaL_checkstring(L, 2)));
	return 1;
}

static int query(lua_State *L)
{
	lua_pushstring(L, percore_query(request_now(L), luaL_checkstring(L, 2)));
	return 1;
}

static int header(lua_State *L)
{
	lua_pushstring(L, percore_header(request_now(L), luaL_checkstring(L, 2)));
	return 1;
}

static int json(lua_State *L)
{
	json_object *body;

	is_refused = !percore_body_json(request_now(L), 0, &body);
	if (is_refused)
		return luaL_error(L, "the body is refused");
	json_push(L, body);
	return 1;
}

void request_push(lua_State *L)
{
	static const luaL_Reg methods[] = {
		{ "path", path }, { "query", query }, { "header", header }, { "json", json }, { NULL, NULL }
	};

	lua_newtable(L);
	if (luaL_newmetatable(L, "request")) {
		luaL_newlib(L, methods);
		lua_setfield(L, -2, "__index");
	}
	lua_setmetatable(L, -2);
}
