/* SPDX-License-Identifier: ISC */
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
	bool is_open_ended;            /* body_length is the most it can be: FCGI_STDIN's end tells it */
	int body_error;                /* 0, or -ETIMEDOUT, -EPROTO, -EFBIG: no more of it comes */
	char *body;                    /* percore_body_bytes: all of it */
	struct joined *joined;         /* headers that came several times */
	int status;                    /* of the answer */
	size_t answer_length;          /* bytes announced, of its body */
	size_t answer_left;            /* of them, not yet written */
	size_t headers_length;
	size_t headers_before; /* of them, percore's own: set before the handler ran */
	bool answered, cut;    /* cut: the answer cannot be completed */
	bool is_replaced;      /* a 500 went instead of the handler's answer */
	bool is_head, has_cache_control;
	/* What the rate limits said, for the log: and which of them, or NULL. */
	enum limit_verdict limit_verdict;
	const char *limit_name;
	bool is_unlogged;                 /* leaves no line in the access log */
	struct access_record_shm *record; /* the draft of its line; NULL: none yet */
	/* request_init clears up to here: what follows is written before it is read. */
	char id[IN_FLIGHT_ID_MAX];
	char headers[2048]; /* of percore_set_header: whole lines, headers_length bytes */
	char path_buffer[4096];
	char query[1024];      /* the value that percore_query lent last */
	char path_value[1024]; /* likewise percore_path_value */
};

/* In each process before its first request. */
void request_seed(void);

/* Writes a new id of 32 hex digits. */
void request_make_id(char id[IN_FLIGHT_ID_MAX]);

/* `id`, NUL-terminated within its size, may stand in headers, JSON and logs: [A-Za-z0-9._-]{1,128}. */
bool request_is_good_id(const char *id);

void request_init(struct percore_request *request, const struct exchange *exchange, struct fcgi *fcgi);
void request_fini(struct percore_request *request);

/* Where only FCGI_STDIN's end tells the body's length: takes it as soon as that is here, read or not. */
void body_learn_length(struct percore_request *request);

/* percore_answer_problem with a type and a title of its own, and members beside (put); all may be NULL. */
struct answer_problem {
	int status;
	const char *type, *title, *detail;
	const char *member; /* its name, and its value */
	json_object *value;
};
void answer_problem(struct percore_request *request, const struct answer_problem *problem);

/* Before an answer that is not the handler's: drops the headers that it set for its own. */
void answer_forget_headers(struct percore_request *request);

/* The reason phrase of a status, as IANA's registry has it; "Unknown". */
const char *answer_reason(int status);

#endif
