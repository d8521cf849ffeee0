/* SPDX-License-Identifier: ISC */
/* request - its beginning, its id, and what a handler may ask of it. */
#include "exchange/request.h"

#include "base/log.h"
#include "exchange/form.h"

#include <assert.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static_assert((int)PERCORE_LOG_DEBUG == (int)LOG_LEVEL_DEBUG, "the same ladder");

/* Of this process: request_seed. */
static uint64_t id_seed[2];

void request_seed(void)
{
	if (getrandom(id_seed, sizeof id_seed, 0) != sizeof id_seed)
		abort();
}

/*
 * 32 hex digits, different in every process and request: 64 random bits of this
 * process and a counter, mixed so that neighbours do not look alike.  Not secret.
 */
void request_make_id(char id[IN_FLIGHT_ID_MAX])
{
	uint64_t mixed = id_seed[1] += UINT64_C(0x9e3779b97f4a7c15); /* splitmix64 */

	mixed = (mixed ^ mixed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
	const uint64_t words[2] = { id_seed[0], mixed ^ mixed >> 31 };
	for (int i = 0; i < 32; i++)
		id[i] = "0123456789abcdef"[words[i / 16] >> (60 - i % 16 * 4) & 15];
	id[32] = '\0';
}

bool request_is_good_id(const char *id)
{
	static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	size_t length = strnlen(id, IN_FLIGHT_ID_MAX);

	return length > 0 && length < IN_FLIGHT_ID_MAX && id[strspn(id, good)] == '\0';
}

/* A document that is the request's to put. */
struct lent {
	struct lent *next;
	json_object *json;
};

/* A value of percore_keep: a hook or two keep some, so a list will do. */
struct kept {
	struct kept *next;
	const void *key;
	void *value;
};

void request_init(struct percore_request *request, const struct exchange *exchange, struct fcgi *fcgi)
{
	memset(request, 0, offsetof(struct percore_request, id));
	request->exchange = exchange;
	request->fcgi = fcgi;
	request->max_body = exchange->max_body;
	request->path_buffer[0] = '\0'; /* the access log may ask for it first */
	arena_init(&request->arena, request->first, sizeof request->first);
	const char *given = percore_param(request, "HTTP_X_REQUEST_ID");
	if (given && request_is_good_id(given))
		strcpy(request->id, given);
	else
		request_make_id(request->id);
	strcpy(fcgi_in_flight(fcgi)->id, request->id);
}

void request_fini(struct percore_request *request)
{
	form_fini(request->form);
	for (; request->lent; request->lent = request->lent->next)
		json_object_put(request->lent->json);
	free(request->body);
	arena_fini(&request->arena);
}

void percore_log(const struct percore_request *request, enum percore_log_level level, const char *format, ...)
{
	char text[1024];
	va_list arguments;

	if (!log_says((enum log_level)level))
		return;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	if (request)
		log_at((enum log_level)level, "request %s: %s", request->id, text);
	else
		log_at((enum log_level)level, "%s", text);
}

const char *request_find(const struct percore_pair *pairs, const char *name)
{
	for (; pairs->name; pairs++)
		if (strcmp(pairs->name, name) == 0)
			return pairs->value;
	return NULL;
}

bool request_is_token(const char *text)
{
	static const char token[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~";

	return *text && text[strspn(text, token)] == '\0';
}

void *percore_arg(const struct percore_request *request)
{
	return request->arg;
}

static struct kept *find_kept(const struct percore_request *request, const void *key)
{
	struct kept *kept = request->kept;

	while (kept && kept->key != key)
		kept = kept->next;
	return kept;
}

void percore_keep(struct percore_request *request, const void *key, void *value)
{
	struct kept *kept = find_kept(request, key);

	if (!kept) {
		kept = arena_take(&request->arena, sizeof *kept);
		*kept = (struct kept){ .next = request->kept, .key = key };
		request->kept = kept;
	}
	kept->value = value;
}

void *percore_kept(const struct percore_request *request, const void *key)
{
	const struct kept *kept = find_kept(request, key);

	return kept ? kept->value : NULL;
}

json_object *percore_lend(struct percore_request *request, json_object *json)
{
	struct lent *lent = arena_take(&request->arena, sizeof *lent);

	*lent = (struct lent){ request->lent, json };
	request->lent = lent;
	return json;
}

void *percore_alloc(struct percore_request *request, size_t bytes)
{
	return arena_take(&request->arena, bytes);
}

char *percore_format(struct percore_request *request, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	char *text = arena_format(&request->arena, format, arguments);
	va_end(arguments);
	return text;
}

const char *percore_method(const struct percore_request *request)
{
	return request->method;
}

const char *percore_prefix(const struct percore_request *request)
{
	return request->exchange->prefix;
}

const char *percore_path(const struct percore_request *request)
{
	return request->path.plain;
}

const char *percore_id(const struct percore_request *request)
{
	return request->id;
}

const char *percore_path_value(struct percore_request *request, const char *name)
{
	size_t length;
	const char *value = request->route && request->path.plain
	                            ? route_value(request->route, &request->path, name, &length)
	                            : NULL;

	if (!value)
		return NULL;
	char *text = arena_text(&request->arena, value, length);
	for (char *slash = text; request->path.marked && (slash = strchr(slash, ROUTE_SLASH));)
		*slash = '/';
	return text;
}
