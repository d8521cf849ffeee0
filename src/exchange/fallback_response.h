/* SPDX-License-Identifier: ISC */
/* fallback - the answer to a request whose worker died, made by the master. */
#ifndef PERCORE_FALLBACK_RESPONSE_H
#define PERCORE_FALLBACK_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FALLBACK_RESPONSE_MAX = 1024 };

struct fallback_response {
	uint16_t fcgi_id;
	int status;         /* 500, 503, 504 */
	const char *detail; /* for the client; plain ASCII without quotes */
	const char *reason; /* what the log says, in any bytes; NULL: the client is not told */
	const char *id;     /* X-Request-ID, a good one */
	bool is_head;
};

/* Writes the whole FastCGI answer, FCGI_END_REQUEST included; returns its length.  No allocation. */
size_t fallback_response_write(const struct fallback_response *fallback,
                               unsigned char bytes[FALLBACK_RESPONSE_MAX]);

#endif
