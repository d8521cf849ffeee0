/* SPDX-License-Identifier: ISC */
/* json - see lua_parts.h.  An error in Lua jumps out, so a value hangs on its container before there is
 * another.
 */
#include "lua_parts.h"

#include <string.h>

enum { MAX_DEPTH = 32 };

static void add(lua_State *L, json_object *to, const char *name, int depth);

/* What is in the table on the stack's top. */
static void fill(lua_State *L, json_object *to, int depth)
{
	size_t items = lua_rawlen(L, -1), names = 0;

	if (depth == MAX_DEPTH)
		luaL_error(L, "the tables are too deep, or hold themselves");
	luaL_checkstack(L, 4, NULL);
	for (size_t i = 1; i <= items; i++) {
		lua_rawgeti(L, -1, (lua_Integer)i);
		add(L, to, NULL, depth + 1);
	}
	for (lua_pushnil(L); lua_next(L, -2); names++) {
		if (items > 0)
			lua_pop(L, 1);
		else if (lua_type(L, -2) == LUA_TSTRING && strlen(lua_tostring(L, -2)) == lua_rawlen(L, -2))
			add(L, to, lua_tostring(L, -2), depth + 1);
		else
			luaL_error(L, "the names of a table must be texts");
	}
	if (items > 0 && names != items)
		luaL_error(L, "a table must be a list or have names, not both");
}

/* The value on the stack's top, which is taken off: to an object under the name, or to an array. */
static void add(lua_State *L, json_object *to, const char *name, int depth)
{
	int type = lua_type(L, -1);
	json_object *value = NULL;

	if (type == LUA_TTABLE)
		value = lua_rawlen(L, -1) > 0 ? json_object_new_array() : json_object_new_object();
	else if (type == LUA_TSTRING)
		value = json_object_new_string_len(lua_tostring(L, -1), (int)lua_rawlen(L, -1));
	else if (type == LUA_TBOOLEAN)
		value = json_object_new_boolean(lua_toboolean(L, -1));
	else if (lua_isinteger(L, -1))
		value = json_object_new_int64(lua_tointeger(L, -1));
	else if (type == LUA_TNUMBER)
		value = json_object_new_double(lua_tonumber(L, -1));
	else
		luaL_error(L, "a %s is no JSON", luaL_typename(L, -1));
	percore_json_add(to, name, value);
	if (type == LUA_TTABLE)
		fill(L, value, depth);
	lua_pop(L, 1);
}

json_object *json_take(lua_State *L, struct percore_request *request)
{
	json_object *holder = percore_lend(request, json_object_new_array());

	add(L, holder, NULL, 0);
	return json_object_get(json_object_array_get_idx(holder, 0));
}

static void push_array(lua_State *L, json_object *array)
{
	lua_newtable(L);
	for (size_t i = 0; i < json_object_array_length(array); i++) {
		json_push(L, json_object_array_get_idx(array, i));
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
}

static void push_object(lua_State *L, json_object *object)
{
	lua_newtable(L);
	json_object_object_foreach(object, name, value)
	{
		json_push(L, value);
		lua_setfield(L, -2, name);
	}
}

void json_push(lua_State *L, json_object *json)
{
	enum json_type type = json_object_get_type(json);

	luaL_checkstack(L, 4, NULL);
	if (type == json_type_boolean)
		lua_pushboolean(L, json_object_get_boolean(json));
	else if (type == json_type_int && json_object_get_uint64(json) <= INT64_MAX)
		lua_pushinteger(L, json_object_get_int64(json));
	else if (type == json_type_int || type == json_type_double)
		lua_pushnumber(L, json_object_get_double(json));
	else if (type == json_type_string)
		lua_pushlstring(L, json_object_get_string(json), (size_t)json_object_get_string_len(json));
	else if (type == json_type_array)
		push_array(L, json);
	else if (type == json_type_object)
		push_object(L, json);
	else
		lua_pushnil(L);
}
