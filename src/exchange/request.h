/* request - one request's state, from its parameters to the end of its answer. */
#ifndef PERCORE_REQUEST_H
#define PERCORE_REQUEST_H

#include "exchange/exchange.h"

struct percore_request {
	const struct exchange *exchange;
	struct fcgi *fcgi;
	const char *method;
	const char *path;
	size_t body_length, body_read;
	size_t answer_left; /* bytes announced and not yet written */
	char *body; /* percore_body_bytes */
	bool answered, broken, head;
	/* request_init does not clear from here on. */
	char id[129];
	char allow[128]; /* "" or the Allow header's value */
	char path_buffer[4096];
	char query[1024];   /* the value that percore_query lent last */
};

/* Clears what must start empty; the large buffers are written before they are read. */
static inline void request_init(struct percore_request *request, const struct exchange *exchange,
                                struct fcgi *fcgi)
{
	__builtin_memset(request, 0, offsetof(struct percore_request, id));
	request->exchange = exchange;
	request->fcgi = fcgi;
	request->id[0] = request->allow[0] = '\0';
}

#endif
