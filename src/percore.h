/* SPDX-License-Identifier: ISC */
/*
 * percore.h - write JSON endpoints in C; percore serves them over FastCGI
 * with one worker process per core, behind lighttpd or nginx.
 *
 * A service is an app with routes, and a call to percore_run().  Handlers run
 * in worker processes: each has memory of its own and serves one request at a
 * time, so a handler may block and needs no locks.  What is set up before
 * percore_run() is there in every worker.
 *
 * Strings and bytes that a function returns for a request are lent until its handler
 * returns; so is the memory of percore_alloc.  Text is UTF-8, ends with a NUL and holds no other:
 * what would not fit into that is refused, never cut.
 *
 * Each worker is a process of its own, with descriptors of its own: what a handler opens,
 * locks or connects to ends with its worker.  Do not close what you did not open: a worker that
 * lost percore's descriptors is replaced.  Open with O_CLOEXEC, for the programs that
 * handlers start.
 *
 * What is before percore_run runs more than once: in the process that is started, which
 * never serves, and anew for each generation, as at a reload.  So set up there what
 * may be set up twice at a time; the rest in percore_on_worker.
 */
#ifndef PERCORE_H
#define PERCORE_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif
#if defined(__GNUC__)
#pragma GCC visibility push(default) /* libpercore is built with all else hidden */
#endif

/* ---- The app: before percore_run.  Mistakes here are reported by percore_run, so no call needs a check. */

struct percore_app;
struct percore_request;

/*
 * An endpoint: reads the request and answers it once.  Returning without an answer makes a 500.
 * Its `arg` is percore_arg(request).
 */
typedef void (*percore_handler)(struct percore_request *request);

/* `name` is the program's in messages and --version.  Strings are copied.  percore_run frees the app. */
struct percore_app *percore_app_new(const char *name, const char *version);

/* What serves a method at some paths.  All but pattern and handler may be left out. */
struct percore_route {
	const char *method; /* NULL: "GET", which serves HEAD too */
	const char *pattern;
	percore_handler handler;
	void *arg;         /* for percore_arg; lent for ever */
	size_t max_body;   /* bytes, 413 above; 0, or more than --max-body: that */
	double time_limit; /* seconds, 504 above; 0: --request-timeout; INFINITY: none */
	const char *limit; /* as "5/s burst=20, 100/h by=header:X-Key", in the words of --limit; 429 above */
	bool is_probe; /* for those who watch the service: no overload or limit refuses it; keep it cheap */
	bool takes_slashes; /* an encoded slash is part of a value; else it parts segments as any does */
	/* For percore_add_openapi: what it does in a few words, the body, and that of a good answer. */
	const char *summary;
	const struct percore_shape *takes, *gives;
};

/*
 * The pattern is "/data", or "/addresses/{city}" where {city} stands for one segment that is not
 * empty, or "/files/{path...}" where {path...} stands for all that is left, slashes and
 * all, or nothing: percore_path_value.  It is matched after percent-decoding, below
 * --prefix; fixed segments win over {names}, these over {rest...}.
 *
 * 404, 405 and OPTIONS are made for you; a route of the method OPTIONS answers that itself.
 * Where a route takes slashes a value may hold "../": build no file's path from it.
 * Strings are copied.
 */
void percore_add_route(struct percore_app *app, const struct percore_route *route);

/* A table of them, ended by one without a pattern. */
void percore_add_routes(struct percore_app *app, const struct percore_route *routes);

/*
 * What happens before and after the handlers at a path and below it.  Either may be NULL.
 *
 * The order: path and route are found; CORS' headers; overload (503); a preflight is answered; limits
 * (429); `before`, of each hook in the order in which they were added; 404, 413, 405; the handler.
 * A `before` that answers ends it there.  `after` runs in the opposite order as the head of an answer is
 * about to leave, whoever gave it, percore too: it may set headers, and no longer answer.  Where
 * no path is known, as where it is malformed, neither runs.
 *
 * Of the admin address and of probes they hold as of all others.
 */
struct percore_hook {
	const char *prefix; /* "/admin" and all below it, not "/administer"; NULL: all */
	percore_handler before;
	void (*after)(struct percore_request *request, int status);
	void *arg; /* for percore_arg; lent for ever */
};
void percore_add_hook(struct percore_app *app, const struct percore_hook *hook);

/*
 * Lets scripts of other origins use what is at a path and below it (CORS: https://fetch.spec.whatwg.org).
 * Preflights are answered with the methods of the routes, and take nothing from limits.  The closest prefix
 * counts.
 */
struct percore_cors {
	const char *prefix;         /* NULL: all */
	const char *const *origins; /* of a text like "https://a.example https://b.example:8443", or "*": any;
	                             * read for each request, so that percore_add_text may set it */
	const char *headers;  /* that scripts may send, "Content-Type, If-Match"; NULL: "Content-Type" */
	const char *exposed;  /* that they may read; NULL: ETag, Location, and those that percore sets */
	bool has_credentials; /* cookies go with it; not where any origin may */
	int max_age_s;        /* browsers ask again after it; 0: 600 */
};
void percore_add_cors(struct percore_app *app, const struct percore_cors *cors);

/*
 * Probes that percore answers itself, for the whole pool: Prometheus' text format as
 * "/metrics", JSON with exact percentiles as "/status", which is a page with charts where the Accept header
 * wants HTML more, as a browser's does.  They tell much: let the web server give them to local addresses
 * only, as the shipped configurations do.
 */
void percore_add_metrics(struct percore_app *app, const char *pattern);
void percore_add_status(struct percore_app *app, const char *pattern);

/*
 * The service in OpenAPI 3.1, for programs: its routes, their summary, what they take and give.  It is made
 * once in each worker.  Left out are probes, which are for the operator, and methods that OpenAPI has no word
 * for.
 */
struct percore_openapi {
	const char *pattern;     /* NULL: "/openapi.json" */
	const char *page;        /* "/api": the same as a page for people; NULL: none */
	const char *title;       /* NULL: the app's name */
	const char *description; /* in a few sentences; NULL: none */
};
void percore_add_openapi(struct percore_app *app, const struct percore_openapi *openapi);

/*
 * Options of the service's own: --NAME VALUE, or NAME = VALUE in the file.  A name has up to 40 of a-z, 0-9
 * and -, begins with a letter, and is none of percore's (--help lists them).  *value holds the default, and
 * after percore_run has begun what was given: the same in each handler and task.  Texts and lists that were
 * given are lent until percore_run returns.
 */
void percore_add_number(struct percore_app *app, const char *name, int64_t *value, int64_t min, int64_t max,
                        const char *help);
void percore_add_text(struct percore_app *app, const char *name, const char **value, const char *help);

/* In seconds, to the millisecond, up to 10^9: given as 500ms, 30s, 2m, 1h or, in seconds, 1.5. */
void percore_add_time(struct percore_app *app, const char *name, double *seconds, double min, double max,
                      const char *help);

/* In bytes: given as 512, 64k, 64m or 1g, in powers of 1024. */
void percore_add_size(struct percore_app *app, const char *name, int64_t *bytes, int64_t min, int64_t max,
                      const char *help);

/* Given as yes or no. */
void percore_add_flag(struct percore_app *app, const char *name, bool *value, const char *help);

/*
 * Texts: the option may be given again and again.  Those of the command line take the place of the file's,
 * and those of the file the place of the default, which is lent for ever.
 */
struct percore_list {
	const char *const *items;
	size_t count;
};
void percore_add_list(struct percore_app *app, const char *name, struct percore_list *list, const char *help);

/*
 * Metrics of the service's own, for /metrics: summed over workers, kept over respawn and
 * reload.  `name` may have labels: "shop_orders_total{kind=\"new\"}"; each set of
 * labels is a metric of its own.  A counter ends in _total, a histogram (of
 * durations) in _seconds.  The handle is never NULL and lasts as long as the app.
 *
 * A counter for what happens: it is kept, so it only grows.  A gauge for what a worker
 * itself holds now, as entries of its cache: it goes with the worker.  What outlives a worker, as
 * open orders, is no gauge: count what comes and what goes in two counters, and let Prometheus subtract.
 * A histogram for how long something takes.
 */
struct percore_counter;
struct percore_gauge;
struct percore_histogram;
struct percore_counter *percore_add_counter(struct percore_app *app, const char *name, const char *help);
struct percore_gauge *percore_add_gauge(struct percore_app *app, const char *name, const char *help);
struct percore_histogram *percore_add_histogram(struct percore_app *app, const char *name, const char *help);

/*
 * Called in each worker before its first request (false ends the worker; a generation
 * none of whose workers can start does not come to serve) and after its last.  The place for
 * what must not be shared by processes: database connections, libraries with threads.
 * Several are called in the order in which they were added, at the stop in the opposite one.  Each
 * may be NULL; `arg` is lent for ever.
 */
void percore_on_worker(struct percore_app *app, bool (*start)(void *arg), void (*stop)(void *arg), void *arg);

/*
 * What workers may still do under --sandbox, beside what every worker does: serve, read files, compute.
 * Before percore_run, or in percore_on_worker, after which the sandbox closes; without
 * --sandbox these change nothing.  A mistake keeps workers from starting, and is said.
 *
 * Writing: `path`, which exists, and what is below it.  A file's library
 * may make others beside it, as SQLite does: then the directory.
 * Connecting: "HOST:PORT" or "unix:PATH".  The kernel decides by the port, and whether Unix sockets may be
 * made at all; for a HOST that is a name also UDP may be sent, to look it up. Programs: handlers may execute
 * and load code, and signal other processes.
 *
 * Else what a handler will need is opened, connected and loaded in percore_on_worker: a
 * library that is loaded on first use, as by iconv_open, cannot be later.
 */
void percore_allow_write(const char *path);
void percore_allow_connect(const char *address);
void percore_allow_programs(void);

/*
 * Reads the options, finds the listening socket, serves until told to stop.
 * Returns the exit status for main: 0; 1; 64 for wrong usage; 78 for a wrong
 * configuration file.
 */
int percore_run(struct percore_app *app, int argc, char **argv);

/* ---- The request.  NULL where there is no such thing. */

/* Of its route, or of the hook that runs. */
void *percore_arg(const struct percore_request *request);

/*
 * What a hook has found out, for the hooks and the handler after it: percore_kept gives `value`, which is
 * yours, as from percore_alloc; NULL: nothing was kept.  The key is the address of something of yours, as of
 * a static variable, so that no two authors have the same one.  What is kept again takes the place of what
 * was.
 */
void percore_keep(struct percore_request *request, const void *key, void *value);
void *percore_kept(const struct percore_request *request, const void *key);

/* Puts `json` when the handler has returned.  Gives it back. */
json_object *percore_lend(struct percore_request *request, json_object *json);

/* Memory until the handler returns, not cleared.  Never NULL: without memory this is percore_no_memory(). */
void *percore_alloc(struct percore_request *request, size_t bytes);

/* A text made as printf makes it, in such memory. */
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
char *
percore_format(struct percore_request *request, const char *format, ...);

const char *percore_method(const struct percore_request *request);
const char *percore_path(const struct percore_request *request);   /* decoded, without the prefix */
const char *percore_prefix(const struct percore_request *request); /* --prefix, for links; "" */
const char *percore_id(const struct percore_request *request);     /* the X-Request-ID in force */

/*
 * A FastCGI parameter, as "REMOTE_ADDR"; and a header, as "Content-Type"; of neither HTTP_PROXY
 * (CVE-2016-5385). Of a parameter that comes twice the last counts; a header that does (HTTP_...) is joined
 * with ", ", Cookie with "; ".  Headers are as they came: not all clients send UTF-8.
 */
const char *percore_param(const struct percore_request *request, const char *name);
const char *percore_header(const struct percore_request *request, const char *name);

/* What stands for {name} or {name...} in the route's pattern, decoded. */
const char *percore_path_value(struct percore_request *request, const char *name);

/* A name and a value.  A list of them ends with one whose name is NULL. */
struct percore_pair {
	const char *name, *value;
};

/* The header traceparent, where it is valid (W3C Trace Context, 3.2), to be passed on. */
const char *percore_traceparent(const struct percore_request *request);

/*
 * Each header that came, in its order: names in lower case ("x-key": a web server tells no _ from -), and one
 * that came twice is there twice.
 */
const struct percore_pair *percore_header_all(struct percore_request *request);

/* Cookies, as they came but for quotes around a value: the first of a name, which is the one of the longest
 * path; or all. */
const char *percore_cookie(struct percore_request *request, const char *name);
const struct percore_pair *percore_cookie_all(struct percore_request *request);

/*
 * The query, decoded ("+" and %XX, as HTML forms send it): the first value of a name, or all of it in its
 * order.  What has a malformed escape, a NUL, or is no UTF-8 is not there.
 */
const char *percore_query(struct percore_request *request, const char *name);
const struct percore_pair *percore_query_all(struct percore_request *request);

/* ---- Its time. */

/*
 * Seconds until the time limit is over, by --request-timeout or the route's; 0: it is over; INFINITY: there
 * is none.  Whoever works on then is ended within a tenth of the limit or a quarter of a second, and the
 * client is answered 504.
 */
double percore_time_left(const struct percore_request *request);

/* From now on the limit is so many seconds from now; INFINITY: none. */
void percore_extend_time(struct percore_request *request, double seconds);

/*
 * True when the web server has said that nobody waits for the answer any more, or is gone.  nginx
 * says so as soon as its client hangs up, by closing (not under fastcgi_ignore_client_abort); lighttpd,
 * Apache and HAProxy say nothing until they have the answer, or a part of it that they pass on.
 * A handler that then returns without an answer is at no fault: 499 in logs and metrics.
 */
bool percore_client_is_gone(struct percore_request *request);

/* ---- The body.  What fails here is answered for you, when the handler returns without an answer. */

/*
 * In bytes; 0 without a body.  Of some the web server does not tell it, as of a chunked upload that it passes
 * on while it comes.  Then this waits for the first byte, and is the most that it may be, until
 * the end is here: read until percore_body_read returns 0, and ask again.
 */
size_t percore_body_length(const struct percore_request *request);

/*
 * Next bytes of the body: how many, 0 at its end, -1 if it broke off (400), did not come in time (408) or,
 * where its length was not told, is larger than --max-body (413).
 */
ssize_t percore_body_read(struct percore_request *request, void *buffer, size_t size);

/* The whole body as bytes, with a NUL after *length of them.  NULL when it broke off (400, 408), or is too
 * long and could not say so before (413). */
const char *percore_body_bytes(struct percore_request *request, size_t *length);

/*
 * The body as a JSON document (RFC 8259): strict, UTF-8 checked (RFC 3629), at most 32
 * levels.  *json is lent, and the same at each call; json_object_get() what is to last, as for
 * percore_answer_json(); the document "null" gives NULL.  False when it is none, and that was
 * answered: 415 for another Content-Type, 413 where it would take more memory than
 * --max-json-memory, 408, or 400 with the offset of the byte at fault and what was expected there.
 *
 * What a document of json-c cannot hold is refused too: a name with U+0000, half of a surrogate
 * pair, an integer beyond 64 bits.  -0 and numbers with a point or an exponent leave as
 * they came.  Of equal names in an object the last wins.  `flags`: 0, or some of
 */
enum percore_json_flags {
	PERCORE_JSON_UNIQUE_NAMES = 1, /* equal names in an object: 400 */
	PERCORE_JSON_BIG_INTEGERS = 2, /* an integer beyond 64 bits is a string of its digits */
};
bool percore_body_json(struct percore_request *request, unsigned flags, json_object **json);

/* The same for a text from elsewhere, as another service's answer.  False: it is logged, and nothing
 * answered. */
bool percore_read_json(struct percore_request *request, const void *bytes, size_t length, unsigned flags,
                       json_object **json);

/*
 * ---- A form, as a browser sends it: application/x-www-form-urlencoded or multipart/form-data.
 *
 * Names, plain values and file names are UTF-8, or the form is refused, as it is where it is malformed in any
 * way (400).  Of names that a browser escaped (%22, %0D, %0A) the characters are there.
 */

/* A file of a form, while it comes. */
struct percore_part {
	const char *name;
	const char *filename; /* the last segment of what was sent: no "/" or "\", and never "." or ".." */
	const char *content_type; /* what the client says; NULL: nothing */
};

/* A file of a form, whole. */
struct percore_upload {
	const char *name;
	const char *filename, *content_type; /* as of a percore_part */
	int fd; /* a file without a name, at its beginning; percore closes it when the handler returns */
	size_t length; /* bytes */
};

/* What a form may be; 413 above. */
struct percore_form_rules {
	size_t max_parts; /* names and values, and files; 0: 100 */
	size_t max_name;  /* bytes of each name and file name; 0: 1 KiB.  The head of a part: 8 KiB, always */
	size_t max_text;  /* bytes of all names and plain values; 0: 1 MiB */
	size_t max_file;  /* bytes of each file; 0: what the body may be */
	/*
	 * Takes the bytes of a file as they come, and once `length` 0, when it is whole.  The plain fields
	 * before it are there; `part` is lent until the handler returns.  False: enough; the handler answers.
	 * A form that is refused may have given some bytes before, so what came counts when percore_body_form
	 * is true.  NULL: files are kept for percore_form_files, in memory or in --upload-dir.
	 */
	bool (*part)(struct percore_request *request, const struct percore_part *part, const void *bytes,
	             size_t length, void *arg);
	void *arg;
};

/*
 * Reads the form; `rules` NULL: the defaults.  False when it is none, and that was answered: 415 for another
 * Content-Type, 413, 408, 400, or 503 where a file could not be kept, which is logged.  Later calls
 * give what the first one gave.
 */
bool percore_body_form(struct percore_request *request, const struct percore_form_rules *rules);

/* After that: the first value of a name, or all names and values in their order. */
const char *percore_form(struct percore_request *request, const char *name);
const struct percore_pair *percore_form_all(struct percore_request *request);

/*
 * And the first file of a name, or all in their order, ended by one whose name is NULL.  A field for a file
 * where none was chosen is not there: it comes with an empty file name and no bytes.
 */
const struct percore_upload *percore_form_file(struct percore_request *request, const char *name);
const struct percore_upload *percore_form_files(struct percore_request *request);

/*
 * ---- The answer: one of these, once.  A status other than 200 to 599 is logged and answered with 500; 204,
 * 205 and 304 have no body, whatever is given.
 */

/*
 * A header of the answer, before it.  False, nothing is set, and the log says why, where the name is no
 * token, the value has control characters, percore sets it itself (Status,
 * Content-Type, Content-Length, X-Request-ID), all together exceed 16 KiB, or
 * the answer was given.  Cache-Control is no-store unless set here.  Mind the web server's
 * own bound, as nginx's fastcgi_buffer_size: it answers 502 above it.
 */
bool percore_set_header(struct percore_request *request, const char *name, const char *value);

/* A cookie for the client to keep.  What is left out is as safe as it can be. */
struct percore_cookie {
	const char *name, *value;
	int64_t max_age_s;     /* 0: until the browser ends; below 0: it is removed */
	const char *path;      /* NULL: "/" */
	const char *domain;    /* NULL: the host that was asked, and no other */
	const char *same_site; /* NULL: "Lax"; or "Strict", "None" */
	bool is_for_scripts;   /* without HttpOnly */
	bool goes_without_tls; /* without Secure; browsers take http://localhost for safe enough */
};

/* Sets it, before the answer; several of them are several headers.  False, and the log says why: it cannot be
 * sent (RFC 6265, 4.1.1), or as percore_set_header. */
bool percore_set_cookie(struct percore_request *request, const struct percore_cookie *cookie);

/*
 * ETag: `etag` is what stands between its quotes, or "W/" and that for a weak one.  An answer with one has
 * Cache-Control: no-cache, unless another was set.
 */
bool percore_set_etag(struct percore_request *request, const char *etag);

/*
 * Conditional requests (RFC 9110, 13.2.2): compares If-Match and If-None-Match with the version that is there
 * now; NULL: there is none.  True: go on; on GET and HEAD the ETag is set.  False: answered, with 304,
 * 412, or where `must_match` holds and a request that changes something has neither If-Match nor
 * If-None-Match: *, 428 (RFC 6585).
 */
bool percore_check_etag(struct percore_request *request, const char *etag, bool must_match);

/* A tag for these bytes: the same bytes have the same one everywhere. */
const char *percore_etag(struct percore_request *request, const void *bytes, size_t length);

/* The same for a snapshot, whose tag is of its bytes. */
bool percore_check_snapshot(struct percore_request *request, const char *name);

/*
 * Elsewhere: 303 after a form, 307 and 308 to have the same method there.  `location` is a URI reference in
 * ASCII; below
 * --prefix say so yourself.
 */
void percore_answer_redirect(struct percore_request *request, int status, const char *location);

/*
 * The json is taken (put), whatever happens.  With a string that is no UTF-8, a double that is NaN or
 * infinite, or more than 1,024 levels it is no JSON that others read: that is logged and answered with 500.
 */
void percore_answer_json(struct percore_request *request, int status, json_object *json);

/*
 * Puts `value`, which is taken, into an object under this name, or with a name of NULL at the end of an
 * array.  Where one of them is NULL, since there was no memory for it, this is percore_no_memory():
 * json-c by itself leaves out what it has no memory for.  JSON's null is NULL to json-c:
 * add that by json_object_object_add().
 */
void percore_json_add(json_object *container, const char *name, json_object *value);
void percore_answer_text(struct percore_request *request, int status, const char *text);

/* A content_type of NULL sends none: with X-Accel-Redirect the web server knows it better
 * (examples/download.c). */
void percore_answer_bytes(struct percore_request *request, int status, const char *content_type,
                          const void *bytes, size_t length);

/* 204 No Content. */
void percore_answer_empty(struct percore_request *request);

/* An RFC 9457 problem; `detail` is for the client, so nothing internal; NULL for none. */
void percore_answer_problem(struct percore_request *request, int status, const char *detail);

/*
 * A streamed answer of exactly `length` bytes: begin, then write until all are
 * sent.  One that falls short is broken off, never ended as if whole.
 * Writing returns false when the client is gone: return from the handler.
 * A web server may read nothing before it has sent the body: read that first.
 */
void percore_stream_begin(struct percore_request *request, int status, const char *content_type,
                          size_t length);
bool percore_stream_write(struct percore_request *request, const void *bytes, size_t length);

/* What was written so far leaves now, else when some 8 KiB are full.  False as of writing. */
bool percore_stream_flush(struct percore_request *request);

/*
 * A `length` for an answer whose length nobody knows yet, ended by percore_stream_end(); a handler that
 * returns without that breaks it off.  nginx, Apache and HAProxy pass that on to clients of HTTP/1.1, who see
 * that the answer is not whole; lighttpd, Caddy, and nginx under fastcgi_buffering off or X-Accel-Buffering:
 * no, end it as if it were, as anybody does for HTTP/1.0.
 */
#define PERCORE_LENGTH_UNKNOWN ((size_t)-1)
void percore_stream_end(struct percore_request *request);

/*
 * Server-sent events, for EventSource in a browser.  The first call begins the answer, the handler's return
 * ends it. Each stream has a worker of its own for as long as it lasts: as many as --workers, and no other
 * request is served, nor refused; for many listeners take another server.
 *
 * percore_event sends one.  percore_event_wait waits so long for the next; then snapshots are the newest
 * ones, and what they lent before is gone.  False of either: return from the handler, for the client is gone,
 * the worker is to leave, or the time limit is nearly over: set the route's.  The browser comes back after a
 * quarter of a second, with Last-Event-ID; but after any status other than 200, as a 503, never:
 * examples/events.c.  In lighttpd: server.stream-response-body = 1; in Apache: flushpackets=auto.
 */
struct percore_event {
	const char *name; /* NULL: "message" */
	const char *id;   /* NULL: none */
	const char *data; /* lines of text */
};
bool percore_event(struct percore_request *request, const struct percore_event *event);
bool percore_event_wait(struct percore_request *request, double seconds);

/*
 * ---- JSON with a shape: a table says which members a document has, and where they are in a struct.  It
 * reads a body into the struct, writes the struct as JSON, and is the schema in the service's OpenAPI
 * document.  No service has to use it.  Tables are lent for ever.  A wrong one is said by percore_run where a
 * route names it, else at its first use: that is logged, and answered with 500.
 */

enum percore_type {
	PERCORE_NO_TYPE,
	PERCORE_TEXT,     /* const char *: a string without U+0000 */
	PERCORE_INTEGER,  /* int8_t to int64_t, whose bounds hold too; 1.0 and 1e3 are integers */
	PERCORE_UNSIGNED, /* uint8_t to uint64_t, to 2^63-1 at most; an enum, with `values` */
	PERCORE_NUMBER,   /* double */
	PERCORE_FLAG,     /* bool */
	PERCORE_OBJECT,   /* a struct, with a `shape` */
	PERCORE_JSON,     /* json_object *: anything; lent, as percore_body_json has it */
};

/* A member of the document: { PERCORE_FIELD(struct order, amount), .range = { 1, 100 } }. */
struct percore_field {
	const char *member; /* this and the next are for PERCORE_FIELD and PERCORE_ARRAY to set */
	enum percore_type type;
	bool is_array;
	size_t within, offset, size, count_offset; /* within: a struct of that size */

	const char *name;        /* in JSON; NULL: the member's */
	const char *description; /* for people */
	bool is_optional;        /* it may be missing; then it is 0 or NULL, and not told from that */
	size_t given;            /* PERCORE_GIVEN: a bool tells; an optional struct must have it */
	bool is_read_only;       /* it is written only; what a client sends for it is not looked at */
	struct {
		double min, max;
	} range; /* of a number, both included; { 0, INFINITY }: none above; { 0, 0 }: any */
	struct {
		size_t min, max;
	} length; /* of a text, in Unicode characters; a max of 0: any */
	struct {
		size_t min, max;
	} count;             /* of an array's items; a max of 0: PERCORE_COUNT_MAX */
	const char *pattern; /* of a text: see below */
	/* Ended by NULL.  A text is one of them; an integer is the place of one, so an enum has its names. */
	const char *const *values;
	const struct percore_shape *shape; /* of a struct, or of an array's structs */
};
#define PERCORE_COUNT_MAX 1000

/* A document; two that are not the same have not the same name. */
struct percore_shape {
	const char *name;                   /* of the schema: of A-Z a-z 0-9 . _ - */
	const struct percore_field *fields; /* of one struct, ended by one without a member */
	const char *description;
	bool allows_others; /* members that are not in the table are not looked at; else they are a fault */
};

/*
 * An array in a struct: PERCORE_ITEMS(const char *) tags; or PERCORE_ITEMS(struct email) emails;
 * Its `items` is NULL where an optional array was missing, and there only.
 */
#define PERCORE_ITEMS(type_of_one)                                                                           \
	struct {                                                                                             \
		type_of_one *items;                                                                          \
		size_t count;                                                                                \
	}

/* Of a member that is no array; of one that is; and beside these, optional, with the bool that tells. */
#ifndef __cplusplus
/* clang-format off */
#define PERCORE_FIELD(structure, part) \
	.member = #part, .type = PERCORE_TYPE_OF(&((structure *)0)->part), .within = sizeof(structure), \
	.offset = offsetof(structure, part), .size = sizeof(((structure *)0)->part)
#define PERCORE_ARRAY(structure, part) \
	.member = #part, .is_array = true, .type = PERCORE_TYPE_OF(((structure *)0)->part.items), \
	.within = sizeof(structure), .offset = offsetof(structure, part.items), \
	.size = sizeof(*((structure *)0)->part.items), \
	.count_offset = _Generic(&((structure *)0)->part.count, size_t *: offsetof(structure, part.count))
#define PERCORE_GIVEN(structure, has) \
	.is_optional = true, \
	.given = _Generic(&((structure *)0)->has, bool *: offsetof(structure, has) + 1)
#define PERCORE_TYPE_OF(pointer) \
	_Generic((pointer), const char **: PERCORE_TEXT, char **: PERCORE_TEXT, \
		signed char *: PERCORE_INTEGER, short *: PERCORE_INTEGER, int *: PERCORE_INTEGER, \
		long *: PERCORE_INTEGER, long long *: PERCORE_INTEGER, \
		unsigned char *: PERCORE_UNSIGNED, unsigned short *: PERCORE_UNSIGNED, \
		unsigned *: PERCORE_UNSIGNED, unsigned long *: PERCORE_UNSIGNED, \
		unsigned long long *: PERCORE_UNSIGNED, double *: PERCORE_NUMBER, \
		bool *: PERCORE_FLAG, json_object **: PERCORE_JSON, default: PERCORE_OBJECT)
/* clang-format on */
#endif

/*
 * A pattern is a regular expression of ECMA-262, as JSON Schema has it: it is found anywhere in the text, so
 * begin it with ^ and end it with $.  It may hold what all who read the schema agree on: characters,
 * . ( ) (?: ) | [abc] [a-z] [^a-z] ^ $ * + ? {2} {2,} {2,5}, \d \w \s, outside of brackets \D \W \S too,
 * \n \r \t \v \f, and a backslash before a sign that else has a meaning.  There are no back references and
 * no look-around, so a match takes no more than the text's length times the pattern's.
 *
 * percore_body_shape reads the body, as percore_body_json does with PERCORE_JSON_UNIQUE_NAMES, into *out, a
 * struct of the shape, which is cleared first.  Texts and items are lent.  False, and answered: 400, 413,
 * 415, or 422 with a member `errors`: of each fault, or the first 100, its `pointer` (RFC 6901) and a
 * `detail`.
 */
bool percore_body_shape(struct percore_request *request, const struct percore_shape *shape, void *out);

/*
 * The struct as JSON, to be put; or as an answer.  An optional member is left out where the bool of
 * PERCORE_GIVEN is false, or it is a NULL.  Ranges, lengths and patterns are not looked at.  NULL, and it is
 * logged, or 500, where the struct is no JSON: a text that is NULL and not optional, or no UTF-8; NaN; the
 * place of none of `values`; over 64 levels.
 */
json_object *percore_shape_json(const struct percore_shape *shape, const void *in);
void percore_answer_shape(struct percore_request *request, int status, const struct percore_shape *shape,
                          const void *in);

/*
 * ---- Metrics: a few nanoseconds, no system call, no lock.  From the worker's own
 * thread only, in handlers and in percore_on_worker.
 */

void percore_counter_add(struct percore_counter *counter, uint64_t n);

/*
 * Of this worker; what is shown is the sum over those that live.  It starts at 0 in each: one that only
 * goes down, for what another worker had counted up, shows less than nothing.
 */
void percore_gauge_set(struct percore_gauge *gauge, double value);
void percore_gauge_add(struct percore_gauge *gauge, double change);

/* Kept to 2 % from 1 microsecond to 1 hour. */
void percore_histogram_record(struct percore_histogram *histogram, double seconds);
/* ---- Beside the requests: in processes of their own, which yield to the workers. */

/* One run of a task or a job. */
struct percore_work;

/*
 * A task: false is a failure, best said as `return percore_fail(work, "...")`.
 * Its memory lasts from run to run, until its process is replaced: publish what is to last.
 */
typedef bool (*percore_task)(struct percore_work *work, void *arg);

/*
 * Before percore_run: runs `task` at the start and then every so many seconds, in the
 * one process that runs all tasks: one at a time, a missed run left out.  One that
 * crashes or outlasts --task-timeout has the process replaced; one that fails again
 * and again runs less often, 16 times at most.  While one makes another late, a fresh
 * process has the others; it never runs twice at once.  `arg` is lent for ever.  With
 * --workers 0 there is no such process: no task runs, nothing is published or deferred.
 */
void percore_every(struct percore_app *app, const char *name, double seconds, percore_task task, void *arg);

/* Notes why it failed, for the log, the status and the job's client.  Always false. */
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
bool percore_fail(struct percore_work *work, const char *format, ...);

/* A task that has nothing to do under these settings: not run again until the next reload.  Always true. */
bool percore_rest(struct percore_work *work);

/*
 * Publishes a value under a name for every process of the pool, from a task, a job or a
 * handler: at most 64 MiB, and 64 names in all.  It lasts until the pool stops.  False,
 * and said: it could not be, and the version before stays.
 */
bool percore_publish(const char *name, const void *bytes, size_t length);
/* Not taken.  False, and said, also for what no reader could read: over 64 levels, NaN, text not UTF-8. */
bool percore_publish_json(const char *name, json_object *json);

/*
 * The newest version, or NULL where there is none: never a torn one, and not copied.
 * In one request or run it is the same each time, once there is one.  The json is parsed once a version
 * in each process; it is lent, so do not change it, and json_object_get() before
 * percore_answer_json().  NULL also for what is no JSON, which is logged.  Numbers of versions rise, with
 * gaps; 0: none.
 */
const void *percore_snapshot(const char *name, size_t *length);
json_object *percore_snapshot_json(const char *name);
unsigned long long percore_snapshot_version(const char *name);

/*
 * A job: work that a handler deferred.  Each run is a process of its own, with no more
 * than what was set up before percore_run.  `input` is lent; NULL is the document null.
 */
typedef bool (*percore_job)(struct percore_work *work, json_object *input, void *arg);

/* Before percore_run; also makes GET /jobs/{id}, which tells how a job fares.  `arg` is lent for ever. */
void percore_add_job(struct percore_app *app, const char *name, percore_job job, void *arg);

/*
 * The job's result, taken; at most 1 MiB, and JSON as percore_publish_json has it, or the run has failed.
 * And which attempt this is: the first is 1.
 */
void percore_set_result(struct percore_work *work, json_object *result);
unsigned percore_attempt(const struct percore_work *work);

/*
 * Keeps a job in the store that --jobs names and answers the request: 202 with its
 * Location when it is on disk; 503 with Retry-After when the queue is full or the store
 * is away.  It runs at least once, whatever is killed, and again when it fails,
 * --job-attempts times at most.  The input is taken; at most 1 MiB as text (413), and
 * JSON as percore_publish_json has it (500, and said).  A
 * key (NULL: none), of 1 to 127 printable characters, makes one job of all that come with
 * it while the job is kept: the later ones are answered with that job.
 */
void percore_defer(struct percore_request *request, const char *name, json_object *input, const char *key);

/*
 * ---- Tests in a program's own process: requests to an app without a socket, and their answers.
 *
 * What a handler breaks, it breaks in the test; so let each test be a process, as Check does.
 * There are no other workers: a job cannot be deferred (503), and tasks run when the
 * test says so.  Time passes as the test says, beside the machine's own.
 */

struct percore_test;

/*
 * The app as percore_run would have it under these options, as { "--limit", "5/s", NULL }; NULL: none.  Calls
 * what percore_on_worker registered.  NULL, and said on stderr: a mistake, in the app or the options.
 */
struct percore_test *percore_test_new(struct percore_app *app, const char *const *options);

/* Likewise at a worker's end.  Frees the app too. */
void percore_test_free(struct percore_test *test);

struct percore_test_request {
	const char *method; /* NULL: "GET", or "POST" where there is a body */
	const char *target; /* "/hello?name=Ada" */
	const struct percore_pair *headers;
	const char *content_type;
	const char *body;   /* NULL: none */
	size_t body_length; /* bytes; 0: up to its NUL */
	const char *client; /* its address; NULL: "127.0.0.1" */
	bool is_gone;       /* percore_client_is_gone(): it has hung up */
};

struct percore_test_answer {
	int status; /* 0: there was none */
	const struct percore_pair *headers;
	const char *body; /* with a NUL behind it */
	size_t body_length;
	bool is_whole; /* not broken off */
};

/* Lent until the next request, or percore_test_free. */
const struct percore_test_answer *percore_test_send(struct percore_test *test,
                                                    const struct percore_test_request *request);

/* The first header of this name, in any case; NULL: none. */
const char *percore_test_header(const struct percore_test_answer *answer, const char *name);

/* So much time passes at once. */
void percore_test_wait(struct percore_test *test, double seconds);

/* Runs a task now, and a job on an input, which is taken; *result is yours to put.  What they return. */
bool percore_test_task(struct percore_test *test, const char *name);
bool percore_test_job(struct percore_test *test, const char *name, json_object *input, json_object **result);

/* ---- The process. */

/*
 * For want of memory: ends this worker, whose memory comes back with the next one.
 * The client is answered 503.
 */
#ifdef __cplusplus
[[noreturn]]
#else
_Noreturn
#endif
void percore_no_memory(void);

/*
 * A line on stderr, "NAME: request ID: text", where --log-level lets it through; one
 * line whatever the text holds.  request: NULL where there is none.
 */
enum percore_log_level {
	PERCORE_LOG_ERROR,
	PERCORE_LOG_WARNING,
	PERCORE_LOG_NOTICE,
	PERCORE_LOG_INFO,
	PERCORE_LOG_DEBUG,
};
#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
void percore_log(const struct percore_request *request, enum percore_log_level level, const char *format, ...);

/* True when the service is being stopped: a health check says so, and the balancer goes elsewhere. */
bool percore_is_draining(const struct percore_request *request);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif

#endif
