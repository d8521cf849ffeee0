/* SPDX-License-Identifier: ISC */
/* state - an interpreter whose memory is bounded, and whose errors say where they were. */
#include "lua_parts.h"

#include <lualib.h>
#include <stdlib.h>
#include <sys/random.h>

struct memory {
	const int64_t *max;
	int64_t used;
};

/* Without memory Lua collects its garbage, tries again, and raises an error that a script may catch. */
static void *allocate(void *context, void *old, size_t before, size_t bytes)
{
	struct memory *memory = context;
	int64_t more = (int64_t)bytes - (old ? (int64_t)before : 0);
	void *new = NULL;

	if (bytes == 0)
		free(old);
	else if ((more > 0 && memory->used + more > *memory->max) || !(new = realloc(old, bytes)))
		return NULL;
	memory->used += more;
	return new;
}

/* By itself Lua takes the time and an address: the same in all workers that start at a time. */
static int prepare(lua_State *L)
{
	lua_Integer seed;

	luaL_openlibs(L);
	if (getrandom(&seed, sizeof seed, 0) != sizeof seed ||
	    luaL_loadstring(L, "math.randomseed(...)") != LUA_OK)
		return luaL_error(L, "there are no random numbers");
	lua_pushinteger(L, seed);
	lua_call(L, 1, 0);
	return 0;
}

lua_State *state_open(const int64_t *max_bytes)
{
	static struct memory memory; /* of the one state of the process */

	memory = (struct memory){ .max = max_bytes };
	lua_State *L = lua_newstate(allocate, &memory);
	if (L && !state_call(L, prepare))
		return L;
	if (L)
		lua_close(L);
	return NULL;
}

static int trace(lua_State *L)
{
	luaL_traceback(L, L, luaL_tolstring(L, 1, NULL), 1);
	luaL_gsub(L, luaL_gsub(L, lua_tostring(L, -1), "\n\t", " | "), "\n", "; "); /* a line of the log */
	return 1;
}

const char *state_call(lua_State *L, lua_CFunction function)
{
	lua_settop(L, 0);
	lua_pushcfunction(L, trace);
	lua_pushcfunction(L, function);
	return lua_pcall(L, 0, 0, 1) == LUA_OK ? NULL : lua_tostring(L, -1);
}
