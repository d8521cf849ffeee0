/* SPDX-License-Identifier: ISC */
/* lua_parts - what examples/lua.c stands on: a state of Lua; requests and JSON in it. */
#ifndef LUA_PARTS_H
#define LUA_PARTS_H

#include <lauxlib.h>
#include <percore.h>

/* A state with Lua's libraries and random numbers of its own, which takes as many bytes at most.  NULL: no
 * memory. */
lua_State *state_open(const int64_t *max_bytes);

/* Calls the function, without arguments.  NULL, or what went wrong and where, until the state is used again.
 */
const char *state_call(lua_State *L, lua_CFunction function);

/* The request that is served; NULL: none is.  Asked for then, it is an error in Lua. */
void request_set(struct percore_request *request);
struct percore_request *request_now(lua_State *L);

/* Puts its object on top of the stack: request:path(NAME), :query(NAME), :header(NAME), :json(). */
void request_push(lua_State *L);

/* Its body was no JSON, and percore answers that. */
bool request_is_refused(void);

/*
 * Takes the value off the top of the stack: a table with items is an array, any other an object.  What is no
 * JSON is an error in Lua, and leaves nothing behind.
 */
json_object *json_take(lua_State *L, struct percore_request *request);

/* Puts one on top of it; null is nil. */
void json_push(lua_State *L, json_object *json);

#endif
