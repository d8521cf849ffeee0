/* SPDX-License-Identifier: ISC */
/* parameters - what the web server tells of a request, and the client's headers among it. */
#include "access/access_format.h"
#include "base/ascii.h"
#include "exchange/request.h"

#include <string.h>

/* A header that came several times, made one when it is asked for: the parameter's name, a NUL, the value. */
struct joined {
	const struct joined *next;
	char text[];
};

enum { HEADER_MAX = 64 }; /* of one name: those before are not looked at */

static char *append(char *to, const char *text)
{
	size_t length = strlen(text);

	memcpy(to, text, length);
	return to + length;
}

/* RFC 9110, section 5.3; and RFC 6265 for Cookie. */
static struct joined *join(struct arena *arena, const char *name, const char *const *values, size_t count)
{
	const char *comma = strcmp(name, "HTTP_COOKIE") == 0 ? "; " : ", ";
	size_t bytes = strlen(name) + 2;

	for (size_t i = 0; i < count; i++)
		bytes += strlen(values[i]) + 2;
	struct joined *joined = arena_take(arena, sizeof *joined + bytes);
	char *end = append(joined->text, name);
	*end++ = '\0';
	for (size_t i = 0; i < count; i++)
		end = append(append(end, i > 0 ? comma : ""), values[i]);
	*end = '\0';
	return joined;
}

static const char *find_header(const struct percore_request *request, const char *name)
{
	struct percore_request *own = (struct percore_request *)request; /* none is made const */
	const char *values[HEADER_MAX];
	size_t count = fcgi_params(request->fcgi, name, values, HEADER_MAX);

	if (count == 0 || strcmp(name, "HTTP_PROXY") == 0) /* CVE-2016-5385 */
		return NULL;
	if (count == 1)
		return values[0];
	for (const struct joined *before = own->joined; before; before = before->next)
		if (strcmp(before->text, name) == 0)
			return before->text + strlen(name) + 1;
	struct joined *joined = join(&own->arena, name, values, count);
	joined->next = own->joined;
	own->joined = joined;
	return joined->text + strlen(name) + 1;
}

const char *percore_param(const struct percore_request *request, const char *name)
{
	return strncmp(name, "HTTP_", 5) == 0 ? find_header(request, name) : fcgi_param(request->fcgi, name);
}

const char *percore_header(const struct percore_request *request, const char *name)
{
	char param[128] = "HTTP_";
	size_t n = 5;

	for (; *name && n + 1 < sizeof param; name++)
		param[n++] = (char)(*name == '-' ? '_' : ascii_upper(*name));
	if (*name)
		return NULL;
	bool bare = strcmp(param + 5, "CONTENT_TYPE") == 0 || strcmp(param + 5, "CONTENT_LENGTH") == 0;
	const char *value = percore_param(request, bare ? param + 5 : param);
	return value && *value ? value : NULL;
}

const char *percore_traceparent(const struct percore_request *request)
{
	const char *value = percore_header(request, "traceparent");

	return value && access_trace_id(value, strlen(value)) ? value : NULL;
}

/* ---- All headers. */

static bool is_header(const char *param)
{
	return strncmp(param, "HTTP_", 5) == 0 && strncmp(param, "HTTP_PROXY=", 11) != 0; /* CVE-2016-5385 */
}

/* "HTTP_X_KEY" is x-key. */
static const char *name_of(struct arena *arena, const char *param, size_t length)
{
	char *name = arena_text(arena, param, length);

	for (char *c = name; *c; c++)
		*c = (char)(*c == '_' ? '-' : ascii_lower(*c));
	return name;
}

const struct percore_pair *percore_header_all(struct percore_request *request)
{
	static const char *const bare[] = { "CONTENT_TYPE", "CONTENT_LENGTH" };
	const char *const *params = fcgi_all_params(request->fcgi);
	size_t count = sizeof bare / sizeof bare[0];

	for (size_t i = 0; params[i]; i++)
		count += is_header(params[i]);
	struct percore_pair *pairs = percore_alloc(request, (count + 1) * sizeof *pairs), *next = pairs;
	for (size_t i = 0; i < sizeof bare / sizeof bare[0]; i++) {
		const char *value = percore_param(request, bare[i]);
		if (value && *value)
			*next++ = (struct percore_pair){ name_of(&request->arena, bare[i], strlen(bare[i])),
				                         value };
	}
	for (size_t i = 0; params[i]; i++) {
		size_t length = strcspn(params[i], "=");
		if (is_header(params[i]) && params[i][length])
			*next++ = (struct percore_pair){ name_of(&request->arena, params[i] + 5, length - 5),
				                         params[i] + length + 1 };
	}
	*next = (struct percore_pair){ 0 };
	return pairs;
}
