/* SPDX-License-Identifier: ISC */
/* url - parses what the command line names; anything that it does not send as it stands is refused. */
#include "load/url.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *take_weight(const char *text, struct url *url)
{
	char *end;

	url->weight = 1;
	if (!isdigit((unsigned char)text[0]))
		return text;
	double weight = strtod(text, &end);
	if (*end != '@' || !(weight > 0 && weight < 1e9))
		return text;
	url->weight = weight;
	return end + 1;
}

static bool is_port(const char *text)
{
	char *end;
	long port = strtol(text, &end, 10);

	return isdigit((unsigned char)text[0]) && *end == '\0' && port > 0 && port < 65536;
}

/* Splits "host:port" or "[v6]:port" in place of url->host. */
static const char *split_authority(struct url *url)
{
	char *host = url->host, *colon;

	if (host[0] == '[') {
		char *end = strchr(host, ']');
		if (!end)
			return "the ] after the IPv6 address is missing";
		colon = end[1] == ':' ? end + 1 : NULL;
		if (!colon && end[1] != '\0')
			return "after ] comes :PORT or the path";
		if (colon)
			snprintf(url->port, sizeof url->port, "%.7s", colon + 1);
		*end = '\0';
		memmove(host, host + 1, strlen(host));
	} else if ((colon = strchr(host, ':'))) {
		snprintf(url->port, sizeof url->port, "%.7s", colon + 1);
		*colon = '\0';
	}
	if (host[0] == '\0')
		return "the host is missing";
	return is_port(url->port) ? NULL : "the port must be a number from 1 to 65535";
}

const char *url_parse(const char *text, struct url *url)
{
	*url = (struct url){ .text = text, .port = "80" };
	text = take_weight(text, url);
	if (strncasecmp(text, "https://", 8) == 0)
		return "TLS is not spoken here; measure behind it, with http://";
	if (strncasecmp(text, "http://", 7) != 0)
		return "must be [WEIGHT@]http://HOST[:PORT][/PATH]";
	text += 7;
	for (const char *c = text; *c; c++)
		if ((unsigned char)*c <= ' ' || *c == 0x7f || *c == '#')
			return "has a blank, a control character or a #fragment; write it percent-encoded";
	size_t authority = strcspn(text, "/?");
	if (authority >= sizeof url->host)
		return "the host is longer than 255 bytes";
	if (memchr(text, '@', authority))
		return "user and password are not sent from the URL; give --header 'Authorization: ...'";
	snprintf(url->authority, sizeof url->authority, "%.*s", (int)authority, text);
	snprintf(url->host, sizeof url->host, "%.*s", (int)authority, text);
	if (text[authority] == '?')
		return "the path before the ? is missing";
	url->target = text[authority] ? text + authority : "/";
	return split_authority(url);
}
