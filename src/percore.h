/*
 * percore.h - write JSON endpoints in C; percore serves them over FastCGI
 * with one worker process per core, behind lighttpd or nginx.
 *
 * A service is a table of routes and a call to percore_run().  A handler
 * gets one request and answers it exactly once.  Handlers run in worker
 * processes: each has its own memory and serves one request at a time, so
 * a handler may block and needs no locks.
 *
 * Strings and bytes lent by a request live until its handler returns.
 */
#ifndef PERCORE_H
#define PERCORE_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct percore_request;

/* An endpoint: reads the request, answers it once.  Returning without an answer makes a 500. */
typedef void (*percore_handler)(struct percore_request *request);

/* One line of the routing table.  GET serves HEAD too; OPTIONS and 405 are made for you. */
struct percore_route {
	const char *method;
	const char *path; /* exact, after percent-decoding, below --prefix */
	percore_handler handler;
};

/* An option of the service's own: --NAME NUMBER. */
struct percore_option {
	const char *name;
	const char *help;
	long *value; /* holds the default; set before any worker starts */
	long min, max;
};

struct percore_service {
	const char *name;
	const char *version;
	const struct percore_route *routes;   /* ends with an all-zero entry */
	const struct percore_option *options; /* likewise; may be NULL */
};

/*
 * Parses the command line, finds the listening socket, serves until told to
 * stop.  Returns the exit status for main: 0, 1, or 64 for wrong usage.
 */
int percore_run(const struct percore_service *service, int argc, char **argv);

/* The request.  All lend; NULL where there is no such thing. */
const char *percore_method(const struct percore_request *request);
const char *percore_path(const struct percore_request *request); /* decoded, without the prefix */
const char *percore_id(const struct percore_request *request);   /* the X-Request-ID in force */
const char *percore_param(const struct percore_request *request, const char *name);  /* "REMOTE_ADDR" */
const char *percore_header(const struct percore_request *request, const char *name); /* "Content-Type" */

/*
 * The first value of a query parameter, decoded ("+" and %XX, as HTML forms
 * send it); NULL when there is none or its escapes are malformed.
 */
const char *percore_query(struct percore_request *request, const char *name);

/* CONTENT_LENGTH in bytes; 0 without a body. */
size_t percore_body_length(const struct percore_request *request);

/* Next bytes of the body: how many, 0 at its end, -1 if it broke off (the answer is made for you). */
ssize_t percore_body_read(struct percore_request *request, void *buffer, size_t size);

/*
 * The whole body as bytes: lent, NUL-terminated after *length bytes.  NULL when
 * it is longer than max bytes (413) or broke off (400): that is answered already.
 */
const char *percore_body_bytes(struct percore_request *request, size_t max, size_t *length);

/*
 * The body as a JSON document (RFC 8259): strict, UTF-8 checked, at most max
 * bytes and 32 levels.  *json is yours to put; a document "null" gives NULL.
 * False when it is none, and then answered already: 415 for another Content-Type,
 * 413, or 400 with the offset of the byte at fault.
 */
bool percore_body_json(struct percore_request *request, size_t max, json_object **json);

/* Whole answers.  The json is taken (put) whatever happens. */
void percore_answer_json(struct percore_request *request, int status, json_object *json);
void percore_answer_text(struct percore_request *request, int status, const char *text);

/* An RFC 9457 problem; detail may be NULL and must hold nothing internal. */
void percore_answer_problem(struct percore_request *request, int status, const char *detail);

/*
 * A streamed answer of exactly `length` bytes: begin, then write until they
 * are all sent.  One that falls short is broken off, never ended as if whole.
 * percore_stream_write returns 0, or -1 when the client is gone.
 */
void percore_stream_begin(struct percore_request *request, int status, const char *content_type,
                          size_t length);
int percore_stream_write(struct percore_request *request, const void *bytes, size_t length);

#ifdef __cplusplus
}
#endif

#endif
