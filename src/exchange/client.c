/* SPDX-License-Identifier: ISC */
/* client - see client.h. */
#include "exchange/client.h"

#include <string.h>

enum { HOPS_MAX = 32 }; /* a client may send thousands */

static bool is_trusted(const struct client_source *source, const struct address *address)
{
	for (size_t i = 0; i < source->proxies_count; i++)
		if (cidr_has(&source->proxies[i], address))
			return true;
	return false;
}

static bool is_port(const char *text, const char *end)
{
	size_t length = (size_t)(end - text);

	return length >= 2 && length <= 6 && *text == ':' && strspn(text + 1, "0123456789") >= length - 1;
}

/* A peer on a Unix socket: nginx writes "unix:", HAProxy "unix", lighttpd the socket's path. */
static bool is_unix(const char *remote)
{
	return remote && (!*remote || strncmp(remote, "unix", 4) == 0 || *remote == '/' || *remote == '@');
}

static bool is_forged(const struct client_source *source)
{
	return source->forwarded_count > 1 && source->server && strncmp(source->server, "lighttpd", 8) == 0;
}

/* "192.0.2.1", "192.0.2.1:80", "2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:80". */
static bool parse_hop(const char *text, const char *end, struct address *address)
{
	while (text < end && (*text == ' ' || *text == '\t'))
		text++;
	while (text < end && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	size_t length = (size_t)(end - text);
	if (length > 0 && *text == '[') {
		const char *close = memchr(text, ']', length);
		return close && (close + 1 == end || is_port(close + 1, end)) &&
		       memchr(text, ':', (size_t)(close - text)) &&
		       address_parse(text + 1, (size_t)(close - text - 1), address);
	}
	const char *colon = memchr(text, ':', length);
	if (colon && !memchr(colon + 1, ':', (size_t)(end - colon - 1))) { /* one colon: IPv4 and a port */
		if (!is_port(colon, end))
			return false;
		end = colon;
	}
	return address_parse(text, (size_t)(end - text), address);
}

/* The hop that ends at `end`; *start is where it begins. */
static const char *hop_start(const char *line, const char *end)
{
	while (end > line && end[-1] != ',')
		end--;
	return end;
}

bool client_find(const struct client_source *source, struct address *client)
{
	size_t line = source->forwarded_count;
	const char *end = NULL; /* of the hop to come; NULL: the line before is next */
	struct address hop;

	bool is_known = source->remote && address_parse(source->remote, strlen(source->remote), client);
	if (!is_known && !(source->trusts_unix && is_unix(source->remote)))
		return false;
	if (is_forged(source) && (!is_known || is_trusted(source, client)))
		return false;
	for (unsigned hops = 0; hops < HOPS_MAX && (!is_known || is_trusted(source, client)); hops++) {
		if (!end) {
			if (line == 0)
				break;
			end = source->forwarded[--line];
			end += strlen(end);
		}
		const char *start = hop_start(source->forwarded[line], end);
		if (!parse_hop(start, end, &hop))
			break;
		*client = hop;
		is_known = true;
		end = start > source->forwarded[line] ? start - 1 : NULL;
	}
	return is_known;
}
