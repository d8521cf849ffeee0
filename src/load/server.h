/* SPDX-License-Identifier: ISC */
/* server - whom the load is for: finding the address, and asking once before the run. */
#ifndef LOAD_SERVER_H
#define LOAD_SERVER_H

#include "load/connection.h"

/* Each: true, or false after saying on stderr what is wrong and what helps. */
bool server_resolve(const char *host, const char *port, struct address *address);
bool server_at_unix(const char *path, struct address *address);

/* Does anybody accept connections there? */
bool server_is_there(const struct address *address);

/* One request and its whole answer, for --check; the caller frees copy->bytes. */
bool server_ask(const struct address *address, const struct protocol *protocol,
                const struct request_bytes *request, struct answer *answer, uint64_t timeout_ns);

#endif
