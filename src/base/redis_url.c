/* SPDX-License-Identifier: ISC */
/* redis_url - see redis_url.h. */
#include "base/redis_url.h"

#include "base/percent.h"

#include <stdio.h>
#include <string.h>

enum { DEFAULT_PORT = 6379, DIGITS_MAX = 7 };

#define FORMS                                                                                                \
	"must be redis://[[USER]:PASSWORD@]HOST[:PORT][/DB] or redis+unix://[[USER]:PASSWORD@]/PATH[?db=DB]"

/* A part of the text. */
struct span {
	const char *start, *end;
};

/* redis+unix has no host: what is before its path is the user and the password. */
struct parts {
	bool is_unix;
	const char *start;       /* of what follows the scheme */
	struct span credentials; /* as USER:PASSWORD; start NULL: there is no @ */
	struct span host;        /* and port */
	const char *rest;        /* from the / or ? on */
};

static const struct {
	const char *error, *meaning; /* how it begins */
} refusals[] = {
	{ "WRONGPASS", "WRONGPASS: Redis does not take the user or the password of the URL" },
	{ "ERR invalid password", "ERR invalid password: Redis does not take the password of the URL" },
	{ "NOAUTH", "NOAUTH: Redis wants a password; write it into the URL, as :PASSWORD@ before the host" },
	{ "ERR AUTH <password> called without any password",
	  "ERR: Redis has no password; leave it out of the URL" },
	{ "ERR Client sent AUTH, but no password is set",
	  "ERR: Redis has no password; leave it out of the URL" },
	{ "ERR wrong number of arguments for 'auth'",
	  "ERR: this Redis knows no users, being older than 6; leave the user out of the URL" },
};

bool redis_url_is_meant(const char *text)
{
	size_t scheme = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.");

	return scheme > 0 && strncmp(text + scheme, "://", 3) == 0;
}

static size_t length_of(struct span span)
{
	return (size_t)(span.end - span.start);
}

/* The last @ of what is before the path ends the user and the password: one in them does no harm. */
static bool split(const char *text, struct parts *parts)
{
	*parts = (struct parts){ .is_unix = strncmp(text, "redis+unix://", 13) == 0 };
	if (!parts->is_unix && strncmp(text, "redis://", 8) != 0)
		return false;
	parts->start = text + (parts->is_unix ? 13 : 8);
	parts->rest = parts->start + strcspn(parts->start, "/?#");
	parts->host = (struct span){ parts->start, parts->rest };
	const char *at = memrchr(parts->start, '@', (size_t)(parts->rest - parts->start));
	if (at) {
		parts->credentials = (struct span){ parts->start, at };
		parts->host.start = at + 1;
	}
	return true;
}

/* ---- The parts. */

/* NULL, or what is wrong: too_long is said of what does not fit. */
static const char *decode(struct span span, char *to, size_t size, const char *too_long)
{
	size_t used = 0;

	for (const char *c = span.start; c < span.end; c++) {
		if (used + 1 >= size)
			return too_long;
		if (*c != '%') {
			to[used++] = *c;
			continue;
		}
		int byte = span.end - c < 3 ? -1 : percent_byte(c);
		if (byte < 0)
			return "after a % come two hexadecimal digits; the % itself is written %25";
		if (byte == 0)
			return "%00 can be in no user, password or path";
		to[used++] = (char)byte;
		c += 2;
	}
	to[used] = '\0';
	return NULL;
}

/* Digits alone. */
static bool read_number(struct span span, unsigned max, unsigned *number)
{
	if (length_of(span) == 0 || length_of(span) > DIGITS_MAX)
		return false;
	*number = 0;
	for (const char *c = span.start; c < span.end; c++) {
		if (*c < '0' || *c > '9')
			return false;
		*number = *number * 10 + (unsigned)(*c - '0');
	}
	return *number <= max;
}

/* One word alone is the password to some clients and the user to others, so it is refused. */
static const char *read_credentials(struct span span, struct redis_url *url)
{
	if (!span.start)
		return NULL;
	const char *colon = memchr(span.start, ':', length_of(span));
	if (!colon || length_of(span) == 1)
		return "before the @ must come USER:PASSWORD, or :PASSWORD for the default user";
	const char *wrong = decode((struct span){ span.start, colon }, url->user, sizeof url->user,
	                           "the user must be at most 127 bytes");
	return wrong ? wrong
	             : decode((struct span){ colon + 1, span.end }, url->password, sizeof url->password,
	                      "the password must be at most 255 bytes");
}

static const char *read_host(struct span span, struct redis_url *url)
{
	bool has_bracket = span.start < span.end && *span.start == '[';
	struct span host = { span.start + has_bracket, NULL };

	host.end = memchr(host.start, has_bracket ? ']' : ':', (size_t)(span.end - host.start));
	if (!host.end && has_bracket)
		return "the ] after the IPv6 address is missing";
	if (!host.end)
		host.end = span.end;
	const char *after = host.end + has_bracket;
	if (!has_bracket && after < span.end && memchr(after + 1, ':', (size_t)(span.end - after - 1)))
		return "an IPv6 address is written in brackets, as [::1]";
	if (length_of(host) == 0)
		return "the host is missing";
	if (length_of(host) >= sizeof url->host)
		return "the host must be at most 255 bytes";
	memcpy(url->host, host.start, length_of(host));
	url->host[length_of(host)] = '\0';
	if (after == span.end)
		return NULL;
	if (*after != ':')
		return "after the ] comes :PORT or /DB";
	return read_number((struct span){ after + 1, span.end }, 65535, &url->port) && url->port > 0
	               ? NULL
	               : "the port must be a number from 1 to 65535";
}

static const char *read_database(const char *text, struct redis_url *url)
{
	return read_number((struct span){ text, text + strlen(text) }, 9999999, &url->database)
	               ? NULL
	               : "the database must be a number from 0 to 9999999";
}

/* As the clients of other languages have it: what follows the ? is db=DB, and the path is encoded. */
static const char *read_path(const char *text, struct redis_url *url)
{
	const char *end = text + strcspn(text, "?");
	const char *wrong = decode((struct span){ text, end }, url->path, sizeof url->path,
	                           "the path must be at most 107 bytes, as the system has it");

	if (wrong || !*end)
		return wrong;
	if (strncmp(end, "?db=", 4) != 0)
		return "after the ? comes db=DB and nothing else; user and password come before an @; "
		       "a ? of the path is written %3F";
	return read_database(end + 4, url);
}

const char *redis_url_parse(const char *text, struct redis_url *url)
{
	struct parts parts;

	*url = (struct redis_url){ .port = DEFAULT_PORT };
	if (strncmp(text, "rediss://", 9) == 0)
		return "TLS is not spoken here; write redis:// and let a tunnel encrypt, such as stunnel";
	if (!split(text, &parts))
		return FORMS;
	if (!parts.credentials.start && length_of(parts.host) > 0 && strchr(parts.rest, '@'))
		return "a / ? or # in the user or the password must be written %2F %3F or %23";
	const char *wrong = read_credentials(parts.credentials, url);
	if (wrong)
		return wrong;
	if (parts.is_unix)
		return length_of(parts.host) > 0 || *parts.rest != '/' ? FORMS : read_path(parts.rest, url);
	wrong = read_host(parts.host, url);
	if (wrong || !*parts.rest || strcmp(parts.rest, "/") == 0)
		return wrong;
	return *parts.rest == '/' ? read_database(parts.rest + 1, url)
	                          : "after HOST[:PORT] comes /DB and nothing else";
}

/* ---- What may be read by anyone. */

/* Anything before the last @ may be of a password; without an @ what follows a colon, and always what follows
 * a ?. */
static void print_wrong(const char *text, char *shown, size_t size)
{
	size_t scheme = redis_url_is_meant(text) ? strcspn(text, ":") + 3 : 0;
	const char *at = strrchr(text + scheme, '@'), *tail = at ? at : text + scheme;
	size_t length = strcspn(tail, at ? "?" : "?:");

	snprintf(shown, size, "%.*s%s%.*s%s", (int)scheme, text, at ? "***" : "",
	         (int)length + (tail[length] != '\0'), tail, tail[length] ? "***" : "");
}

void redis_url_print(const char *text, char *shown, size_t size)
{
	struct redis_url url;
	struct parts parts;

	if (redis_url_parse(text, &url) || !split(text, &parts))
		print_wrong(text, shown, size);
	else if (!parts.credentials.start)
		snprintf(shown, size, "%s", text);
	else
		snprintf(shown, size, "%.*s:***%s",
		         (int)strcspn(parts.start, ":") + (int)(parts.start - text), text,
		         parts.credentials.end);
}

/* ---- What Redis is told, and answers. */

int redis_url_auth(const struct redis_url *url, const char *words[REDIS_URL_AUTH_MAX])
{
	int count = 0;

	if (!*url->user && !*url->password)
		return 0;
	words[count++] = "AUTH";
	if (*url->user)
		words[count++] = url->user;
	words[count++] = url->password;
	return count;
}

const char *redis_url_refusal(const char *error)
{
	for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++)
		if (strncmp(error, refusals[i].error, strlen(refusals[i].error)) == 0)
			return refusals[i].meaning;
	return NULL;
}
