/* SPDX-License-Identifier: ISC */
/* request - one request's state, from its parameters to the end of its answer. */
#ifndef PERCORE_REQUEST_H
#define PERCORE_REQUEST_H

#include "base/arena.h"
#include "exchange/exchange.h"

enum { REQUEST_PATH_MAX = 4096, REQUEST_FIRST_BYTES = 4096 };

struct percore_request {
	const struct exchange *exchange;
	struct fcgi *fcgi;
	const struct route *route; /* NULL: none */
	void *arg;                 /* percore_arg */
	const char *method;
	struct route_path path; /* below the prefix; path.plain NULL: it is not known, or outside */
	size_t max_body;        /* bytes: the route's, or --max-body */
	size_t body_length, body_read;
	bool is_open_ended; /* body_length is the most it can be: FCGI_STDIN's end tells it */
	int body_error;     /* 0, or -ETIMEDOUT, -EPROTO, -EFBIG: no more of it comes */
	char *body;         /* percore_body_bytes: all of it */
	struct lent *lent;  /* what is put at the end */
	struct kept *kept;  /* percore_keep */
	json_object *json;  /* percore_body_json: its document */
	bool is_json_read;
	const struct joined *joined; /* headers that came several times */
	const struct percore_pair *cookies;
	const struct percore_pair *query; /* decoded; NULL: nobody has asked */
	struct form *form;                /* percore_body_form; NULL: nobody has asked */
	int status;                       /* of the answer */
	size_t answer_length;             /* bytes announced, of its body */
	size_t answer_left;               /* of them, not yet written */
	char *headers;                    /* of percore_set_header: whole lines */
	size_t headers_length, headers_room;
	size_t headers_before;   /* of them, percore's own: set before the handler ran */
	bool answered, has_head; /* has_head: its head was sent */
	bool cut;                /* cut: the answer cannot be completed */
	bool is_replaced;        /* a 500 went instead of the handler's answer */
	bool is_events;          /* text/event-stream: it ends as whole when the handler returns */
	uint64_t event_ms;       /* monotonic: when something was sent last */
	bool is_head, has_cache_control, has_etag;
	/* What the rate limits said, for the log: and which of them, or NULL. */
	enum limit_verdict limit_verdict;
	const char *limit_name;
	bool is_unlogged;                 /* leaves no line in the access log */
	struct access_record_shm *record; /* the draft of its line; NULL: none yet */
	/* request_init clears up to here: what follows is written before it is read. */
	char id[IN_FLIGHT_ID_MAX];
	char path_buffer[REQUEST_PATH_MAX];
	struct arena arena; /* of all that is lent until the handler returns */
	_Alignas(max_align_t) unsigned char first[REQUEST_FIRST_BYTES]; /* its first block */
};

/* The first value of a name in such a list; NULL: none. */
const char *request_find(const struct percore_pair *pairs, const char *name);

/* A token of RFC 9110, 5.6.2: not empty, letters, digits and some signs. */
bool request_is_token(const char *text);

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

/* Whole lines, each ended by CRLF, as they are.  False: there is no room for them. */
bool answer_add_lines(struct percore_request *request, const char *lines, size_t length);

/* RFC 9110, section 15; and 204 has no Content-Length: 8.6. */
bool answer_has_body(int status);

/* Has no control characters, which could end the line of a header. */
bool answer_is_printable(const char *value);

/* The status line and the headers; `length` may be PERCORE_LENGTH_UNKNOWN.  False: the web server is gone. */
bool answer_send_head(const struct percore_request *request, int status, const char *content_type,
                      size_t length);

/* The handler's answer cannot be sent as it is: a 500 goes instead. */
void answer_replace(struct percore_request *request);

/* Before an answer that is not the handler's: drops the headers that it set for its own. */
void answer_forget_headers(struct percore_request *request);

/* The reason phrase of a status, as IANA's registry has it; "Unknown". */
const char *answer_reason(int status);

#endif
