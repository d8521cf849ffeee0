/* request - its beginning, its id, and what a handler may ask of it. */
#include "exchange/request.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

/*
 * 32 hex digits, different in every process and request: 64 random bits of this
 * process and a counter, mixed so that neighbours do not look alike.  Not secret.
 */
static void make_id(char *id)
{
	static uint64_t seed[2];
	static pid_t owner;

	if (owner != getpid()) {
		owner = getpid();
		if (getrandom(seed, sizeof seed, 0) != sizeof seed)
			abort();
	}
	uint64_t mixed = seed[1] += UINT64_C(0x9e3779b97f4a7c15); /* splitmix64 */
	mixed = (mixed ^ mixed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
	const uint64_t words[2] = { seed[0], mixed ^ mixed >> 31 };
	for (int i = 0; i < 32; i++)
		id[i] = "0123456789abcdef"[words[i / 16] >> (60 - i % 16 * 4) & 15];
	id[32] = '\0';
}

static bool is_good_id(const char *id, size_t size)
{
	static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

	return id && *id && strlen(id) < size && id[strspn(id, good)] == '\0';
}

void request_init(struct percore_request *request, const struct exchange *exchange, struct fcgi *fcgi)
{
	memset(request, 0, offsetof(struct percore_request, id));
	request->exchange = exchange;
	request->fcgi = fcgi;
	const char *given = percore_param(request, "HTTP_X_REQUEST_ID");
	if (is_good_id(given, sizeof request->id))
		strcpy(request->id, given);
	else
		make_id(request->id);
}

void request_fini(struct percore_request *request)
{
	free(request->body);
}

const char *percore_method(const struct percore_request *request)
{
	return request->method;
}

const char *percore_path(const struct percore_request *request)
{
	return request->path;
}

const char *percore_id(const struct percore_request *request)
{
	return request->id;
}

const char *percore_path_value(struct percore_request *request, const char *name)
{
	size_t length;
	const char *value = request->route ? route_value(request->route, request->path, name, &length) : NULL;

	if (!value || length >= sizeof request->path_value)
		return NULL;
	memcpy(request->path_value, value, length);
	request->path_value[length] = '\0';
	return request->path_value;
}

const char *percore_param(const struct percore_request *request, const char *name)
{
	return fcgi_param(request->fcgi, name);
}

const char *percore_header(const struct percore_request *request, const char *name)
{
	char param[128] = "HTTP_";
	size_t n = 5;

	for (; *name && n + 1 < sizeof param; name++)
		param[n++] = *name == '-' ? '_' : (char)toupper((unsigned char)*name);
	if (*name || strcmp(param, "HTTP_PROXY") == 0) /* CVE-2016-5385 */
		return NULL;
	bool bare = strcmp(param + 5, "CONTENT_TYPE") == 0 || strcmp(param + 5, "CONTENT_LENGTH") == 0;
	const char *value = fcgi_param(request->fcgi, bare ? param + 5 : param);
	return value && *value ? value : NULL;
}
