/* SPDX-License-Identifier: ISC */
/* cors - see cors.h. */
#include "exchange/cors.h"

#include <stdio.h>
#include <string.h>

enum { MAX_AGE_S = 600 };

/* What percore itself sets, and a client of an API wants. */
static const char default_exposed[] =
	"ETag, Location, RateLimit, RateLimit-Policy, Retry-After, X-Request-ID";

/* ---- Before the workers. */

static const char *copy(char to[CORS_TEXT_MAX], const char *given, const char *otherwise)
{
	const char *text = given ? given : otherwise;

	for (const char *c = text; *c; c++)
		if (*c < ' ' || *c >= 127)
			return "the headers must be names, parted by commas";
	return snprintf(to, CORS_TEXT_MAX, "%s", text) < CORS_TEXT_MAX ? NULL : "the headers are too many";
}

const char *cors_add(struct cors *cors, const struct percore_cors *spec)
{
	if (cors->count == CORS_MAX)
		return "there are too many";
	if (!spec->origins)
		return "it has no origins";
	struct cors_rule *rule = &cors->all[cors->count];
	const char *wrong = hook_prefix(spec->prefix, rule->prefix);
	if (!wrong)
		wrong = copy(rule->headers, spec->headers, "Content-Type");
	if (!wrong)
		wrong = copy(rule->exposed, spec->exposed, default_exposed);
	if (wrong)
		return wrong;
	rule->spec = *spec;
	cors->count++;
	return NULL;
}

/* As browsers write it (RFC 6454, 6.2): scheme, host, and a port that is not the scheme's. */
static bool is_origin(const char *text, size_t length)
{
	const char *host = memmem(text, length, "://", 3);

	if (length == 4 && memcmp(text, "null", 4) == 0)
		return true;
	if (!host || host == text || host + 3 == text + length)
		return false;
	for (size_t i = 0; i < length; i++)
		if (text[i] <= ' ' || text[i] >= 127 || (text[i] >= 'A' && text[i] <= 'Z'))
			return false;
	return !memchr(host + 3, '/', (size_t)(text + length - host - 3));
}

static bool is_any(const char *origins)
{
	return strcmp(origins, "*") == 0;
}

const char *cors_check(const struct cors *cors, const struct cors_rule **rule)
{
	for (size_t i = 0; i < cors->count; i++) {
		const char *at = *cors->all[i].spec.origins;
		*rule = &cors->all[i];
		if (at && is_any(at)) {
			if ((*rule)->spec.has_credentials)
				return "with credentials the origins must be named, not *";
			continue;
		}
		for (size_t length; at && *(at += strspn(at, " ")); at += length) {
			length = strcspn(at, " ");
			if (!is_origin(at, length))
				return "an origin must be SCHEME://HOST[:PORT] in lower case, without a "
				       "path; "
				       "or *, alone";
		}
	}
	return NULL;
}

/* ---- A request. */

/* The closest prefix. */
static const struct cors_rule *find_rule(const struct percore_request *request)
{
	const struct cors *cors = request->exchange->cors;
	const struct cors_rule *found = NULL;

	for (size_t i = 0; i < cors->count; i++)
		if (hook_is_below(request, cors->all[i].prefix) &&
		    (!found || strlen(cors->all[i].prefix) > strlen(found->prefix)))
			found = &cors->all[i];
	return found;
}

static bool is_listed(const char *origins, const char *origin)
{
	size_t wanted = strlen(origin), length;

	for (; *(origins += strspn(origins, " ")); origins += length) {
		length = strcspn(origins, " ");
		if (length == wanted && memcmp(origins, origin, length) == 0)
			return true;
	}
	return false;
}

/* The origin that may read the answer; NULL: the one that asks may not, or none asks. */
static const char *allowed_origin(const struct percore_request *request, const struct cors_rule *rule)
{
	const char *origin = percore_header(request, "Origin"), *origins = *rule->spec.origins;

	if (!origin || !origins)
		return NULL;
	if (is_any(origins))
		return "*";
	return is_listed(origins, origin) ? origin : NULL;
}

void cors_begin(struct percore_request *request)
{
	const struct cors_rule *rule = find_rule(request);

	if (!rule)
		return;
	const char *origin = allowed_origin(request, rule);
	if (*rule->spec.origins && !is_any(*rule->spec.origins))
		percore_set_header(request, "Vary", "Origin"); /* also where it may not: caches */
	if (!origin)
		return;
	percore_set_header(request, "Access-Control-Allow-Origin", origin);
	if (rule->spec.has_credentials)
		percore_set_header(request, "Access-Control-Allow-Credentials", "true");
	if (*rule->exposed)
		percore_set_header(request, "Access-Control-Expose-Headers", rule->exposed);
}

bool cors_answers_preflight(struct percore_request *request, const struct route *same_path)
{
	const struct cors_rule *rule =
		same_path && strcmp(request->method, "OPTIONS") == 0 ? find_rule(request) : NULL;
	char methods[256], seconds[24];

	if (!rule || !percore_header(request, "Access-Control-Request-Method") ||
	    !allowed_origin(request, rule))
		return false;
	routes_allow(request->exchange->routes, &request->path, methods, sizeof methods);
	percore_set_header(request, "Access-Control-Allow-Methods", methods);
	if (*rule->headers)
		percore_set_header(request, "Access-Control-Allow-Headers", rule->headers);
	snprintf(seconds, sizeof seconds, "%d", rule->spec.max_age_s ? rule->spec.max_age_s : MAX_AGE_S);
	percore_set_header(request, "Access-Control-Max-Age", seconds);
	percore_answer_empty(request);
	return true;
}
