/* request - one request's state, from its parameters to the end of its answer. */
#ifndef PERCORE_REQUEST_H
#define PERCORE_REQUEST_H

#include "exchange/exchange.h"

struct percore_request {
	const struct exchange *exchange;
	struct fcgi *fcgi;
	const struct route *route; /* NULL: none */
	const char *method;
	const char *path;
	size_t body_length, body_read; /* bytes */
	int body_error;                /* 0, -ETIMEDOUT or -EPROTO: no more of it comes */
	char *body;                    /* percore_body_bytes */
	size_t answer_left;            /* bytes announced and not yet written */
	size_t headers_length;
	bool answered, cut; /* cut: the answer cannot be completed */
	bool is_head, has_cache_control;
	/* request_init clears up to here: what follows is written before it is read. */
	char id[129];
	char headers[2048]; /* of percore_set_header: whole lines, headers_length bytes */
	char path_buffer[4096];
	char query[1024];      /* the value that percore_query lent last */
	char path_value[1024]; /* likewise percore_path_value */
};

void request_init(struct percore_request *request, const struct exchange *exchange, struct fcgi *fcgi);
void request_fini(struct percore_request *request);

#endif
