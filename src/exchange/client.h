/* SPDX-License-Identifier: ISC */
/* client - who sent the request. */
#ifndef PERCORE_CLIENT_H
#define PERCORE_CLIENT_H

#include "base/cidr.h"

/* What the web server says of it. */
struct client_source {
	const char *remote;           /* REMOTE_ADDR, or NULL */
	const char *server;           /* SERVER_SOFTWARE, or NULL */
	const char *const *forwarded; /* X-Forwarded-For, as many times as it was sent */
	size_t forwarded_count;
	const struct cidr *proxies; /* that are trusted */
	size_t proxies_count;
	bool trusts_unix; /* a peer that has no address, as on a Unix socket, is a trusted proxy too */
};

/*
 * REMOTE_ADDR; where that is a trusted proxy's, the rightmost address of
 * X-Forwarded-For that is not.  What stands to the left of it, or of something that is no
 * address, anybody may have written.  False: there is no address, as on a Unix socket; or nobody
 * knows it: lighttpd 1.4.69 sends the header twice only where a client wrote X_Forwarded_For
 * beside it, and which of the two that is cannot be told.
 */
bool client_find(const struct client_source *source, struct address *client);

#endif
