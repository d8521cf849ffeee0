/* standin - the answer to a request whose worker died, made by the master. */
#ifndef PERCORE_STANDIN_H
#define PERCORE_STANDIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { STANDIN_MAX = 1024 };

struct standin {
	uint16_t fcgi_id;
	int status;         /* 500, 503, 504 */
	const char *detail; /* for the client; plain ASCII without quotes */
	const char *id;     /* X-Request-ID, a good one */
	bool is_head;
};

/* Writes the whole FastCGI answer, FCGI_END_REQUEST included; returns its length.  No allocation. */
size_t standin_write(const struct standin *standin, unsigned char bytes[STANDIN_MAX]);

#endif
