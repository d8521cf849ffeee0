/* SPDX-License-Identifier: ISC */
/* cookies - what the client sends back, and what it is given to keep (RFC 6265). */
#include "exchange/request.h"

#include <stdio.h>
#include <string.h>

/* ---- From the client. */

static const char *skip_blanks(const char *text)
{
	return text + strspn(text, " \t");
}

/* Without the blanks around it, and without the quotes that a value may have. */
static char *trim(struct arena *arena, const char *text, size_t length)
{
	while (length > 0 && (text[length - 1] == ' ' || text[length - 1] == '\t'))
		length--;
	if (length >= 2 && text[0] == '"' && text[length - 1] == '"')
		return arena_text(arena, text + 1, length - 2);
	return arena_text(arena, text, length);
}

static size_t count_parts(const char *header)
{
	size_t count = 1;

	for (; *header; header++)
		count += *header == ';';
	return count;
}

static const struct percore_pair *read_all(struct arena *arena, const char *header)
{
	struct percore_pair *pairs = arena_take(arena, (count_parts(header) + 1) * sizeof *pairs),
			    *next = pairs;

	for (size_t length; *header; header += length + (header[length] == ';')) {
		header = skip_blanks(header);
		length = strcspn(header, ";");
		size_t name = strcspn(header, "=");
		if (name == 0 || name >= length)
			continue;
		const char *value = skip_blanks(header + name + 1);
		next->name = trim(arena, header, name);
		next->value = trim(arena, value, (size_t)(header + length - value));
		next++;
	}
	*next = (struct percore_pair){ 0 };
	return pairs;
}

const struct percore_pair *percore_cookie_all(struct percore_request *request)
{
	const char *header = percore_header(request, "Cookie");

	if (!request->cookies)
		request->cookies = read_all(&request->arena, header ? header : "");
	return request->cookies;
}

const char *percore_cookie(struct percore_request *request, const char *name)
{
	return request_find(percore_cookie_all(request), name);
}

/* ---- To the client. */

/* cookie-octet of RFC 6265, 4.1.1: what every client sends back as it was. */
static bool is_value(const char *value)
{
	for (; *value; value++)
		if (*value <= ' ' || *value >= 127 || strchr("\",;\\", *value))
			return false;
	return true;
}

static bool is_attribute(const char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text >= 127 || *text == ';')
			return false;
	return true;
}

static bool is_same_site(const char *text)
{
	return strcmp(text, "Strict") == 0 || strcmp(text, "Lax") == 0 || strcmp(text, "None") == 0;
}

/* NULL, or why it cannot be sent. */
static const char *refusal(const struct percore_cookie *c)
{
	if (!c->name || !*c->name || !request_is_token(c->name))
		return "its name is no token of RFC 9110";
	if (!c->value || !is_value(c->value))
		return "its value must be printable ASCII without blanks, quotes, commas, semicolons and "
		       "backslashes; "
		       "encode it";
	if ((c->path && (*c->path != '/' || !is_attribute(c->path))) ||
	    (c->domain && !is_attribute(c->domain)))
		return "its path must begin with / and, as its domain, be ASCII without semicolons";
	if (c->same_site && !is_same_site(c->same_site))
		return "same_site must be Strict, Lax or None";
	if (c->same_site && strcmp(c->same_site, "None") == 0 && c->goes_without_tls)
		return "same_site None needs TLS";
	return NULL;
}

bool percore_set_cookie(struct percore_request *request, const struct percore_cookie *c)
{
	const char *wrong = refusal(c);
	char age[40] = "";

	if (wrong) {
		percore_log(request, PERCORE_LOG_WARNING, "the cookie %.64s is not sent: %s",
		            c->name ? c->name : "", wrong);
		return false;
	}
	if (c->max_age_s)
		snprintf(age, sizeof age, "; Max-Age=%lld", (long long)(c->max_age_s > 0 ? c->max_age_s : 0));
	const char *text =
		percore_format(request, "%s=%s; Path=%s%s%s%s%s%s; SameSite=%s", c->name, c->value,
	                       c->path ? c->path : "/", c->domain ? "; Domain=" : "",
	                       c->domain ? c->domain : "", age, c->goes_without_tls ? "" : "; Secure",
	                       c->is_for_scripts ? "" : "; HttpOnly", c->same_site ? c->same_site : "Lax");
	return percore_set_header(request, "Set-Cookie", text);
}
