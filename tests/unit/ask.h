/* SPDX-License-Identifier: ISC */
/* ask - one request to a handler through the real libfcgi, over a socket pair, and its whole answer. */
#ifndef ASK_H
#define ASK_H

#include "exchange/cors.h"
#include "exchange/hooks.h"

struct ask {
	percore_handler handler;   /* at `pattern`, for any method asked */
	const char *method;        /* NULL: GET */
	const char *pattern, *uri; /* NULL: "/" */
	const char *query;         /* QUERY_STRING */
	const char *type;          /* CONTENT_TYPE */
	const char *body;          /* of body_bytes, or of strlen where those are 0 */
	size_t body_bytes;
	const char *length;         /* CONTENT_LENGTH; NULL: of the body */
	const char *params[9];      /* more of them: name, value, ..., NULL */
	struct percore_route route; /* the rest of it */
	const struct hooks *hooks;
	const struct cors *cors;
	bool develops;
	bool no_end;              /* FCGI_STDIN is left open: a read beyond it times out */
	size_t max_body;          /* 0: 1 MiB */
	const char *upload_dir;   /* NULL: in memory */
	const char *const *other; /* instead of all that: parameters as they are */
};

struct told {
	int status;
	char head[20480]; /* lines end in \r\n */
	char body[1 << 18];
	size_t body_bytes;
	bool is_kept;  /* the connection may carry another request */
	bool is_ended; /* FCGI_END_REQUEST came */
};

/* The answer is lent until the next call. */
const struct told *ask(const struct ask *ask);

/* Text of a header's value, lent until the next call; NULL: none. */
const char *told_header(const struct told *told, const char *name);

#endif
