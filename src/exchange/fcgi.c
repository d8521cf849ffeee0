/* SPDX-License-Identifier: ISC */
/*
 * fcgi - see fcgi.h.
 *
 * The answer leaves in fcgi_end, by closing libfcgi's two output streams; the connection
 * goes back in fcgi_finish, so that what was answered is counted and logged before
 * another worker may have the connection.
 */
#include "exchange/fcgi.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "exchange/fcgios.h"

#include <errno.h>
#include <fcgiapp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct fcgi {
	FCGX_Request request;
	struct fcgi_source source;
	struct fcgios os;
	struct fcgi_plain plain; /* plain CGI, or a test; out NULL: FastCGI */
	bool is_last;            /* what libfcgi sends now ends the answer */
	bool is_cut;
	struct input input;
};

static int accept_for_libfcgi(void *context)
{
	struct fcgi *fcgi = context;

	return fcgi->source.accept(fcgi->source.context, &fcgi->input);
}

static void close_for_libfcgi(void *context)
{
	struct fcgi *fcgi = context;
	const struct input *in = &fcgi->input;
	bool is_whole = fcgi->source.in_flight->sent == IN_FLIGHT_WHOLE && (in->has_end || in->is_aborted);

	fcgi->source.close(fcgi->source.context, &fcgi->input, is_whole && in->records.keep);
}

static void tell_sent(const struct fcgi *fcgi, enum in_flight_sent sent)
{
	atomic_store_explicit(&fcgi->source.in_flight->sent, sent, memory_order_release);
}

static void note_writing(void *context, const void *bytes, size_t size)
{
	const struct fcgi *fcgi = context;

	(void)bytes;
	(void)size;
	bool is_whole = fcgi->is_last && fcgi->source.in_flight->sent == IN_FLIGHT_NOTHING;
	tell_sent(fcgi, is_whole ? IN_FLIGHT_ONE_WRITE : IN_FLIGHT_PART);
}

struct fcgi *fcgi_new(const struct fcgi_source *source)
{
	struct fcgi *fcgi = malloc(sizeof *fcgi);

	if (!fcgi)
		return NULL;
	fcgi->source = *source;
	fcgi->plain = (struct fcgi_plain){ 0 };
	fcgi->is_last = false;
	fcgi->input.settings = source->input;
	input_open(&fcgi->input, -1);
	fcgi->os = (struct fcgios){ .input = &fcgi->input,
		                    .accept = accept_for_libfcgi,
		                    .writing = note_writing,
		                    .close = close_for_libfcgi,
		                    .context = fcgi };
	if (!fcgios_is_in_force() || FCGX_InitRequest(&fcgi->request, STDIN_FILENO, 0) != 0) {
		log_error("libfcgi does not use percore's system calls: the program was linked with libfcgi "
		          "before libpercore; put -lpercore before -lfcgi");
		free(fcgi);
		return NULL;
	}
	fcgios_use(&fcgi->os);
	return fcgi;
}

struct fcgi *fcgi_new_plain(const struct fcgi_plain *plain, struct in_flight_shm *in_flight)
{
	struct fcgi *fcgi = calloc(1, sizeof *fcgi);

	if (!fcgi)
		return NULL;
	fcgi->plain = *plain;
	fcgi->source.in_flight = in_flight;
	return fcgi;
}

static bool is_plain(const struct fcgi *fcgi)
{
	return fcgi->plain.out != NULL;
}

void fcgi_free(struct fcgi *fcgi)
{
	fcgios_use(NULL);
	free(fcgi);
}

struct in_flight_shm *fcgi_in_flight(const struct fcgi *fcgi)
{
	return fcgi->source.in_flight;
}

void fcgi_note_in_flight(const struct input *in, struct in_flight_shm *in_flight)
{
	atomic_store_explicit(&in_flight->fcgi_id, in->records.id, memory_order_relaxed);
	atomic_store_explicit(&in_flight->keep, in->records.keep, memory_order_relaxed);
	atomic_store_explicit(&in_flight->has_whole_input, in->has_end && !input_has_next(in),
	                      memory_order_relaxed);
	atomic_store_explicit(&in_flight->sent, IN_FLIGHT_NOTHING, memory_order_release);
}

bool fcgi_accept(struct fcgi *fcgi)
{
	fcgi->is_last = fcgi->is_cut = false;
	if (FCGX_Accept_r(&fcgi->request) != 0)
		return false;
	if (FCGX_GetError(fcgi->request.in) == 0)
		return true;
	log_error("libfcgi refused a request that was checked: this is a bug of percore");
	abort();
}

void fcgi_finish(struct fcgi *fcgi)
{
	if (fcgi->is_cut)
		FCGX_Free(&fcgi->request, 1); /* without a word to the web server */
	else
		FCGX_Finish_r(&fcgi->request);
}

/* The value of "NAME=VALUE" where it has this name.  Most differ in their first two bytes. */
static inline const char *value_of(const char *param, const char *name)
{
	size_t i = 0;

	if (param[0] != name[0] || param[1] != (name[1] ? name[1] : '='))
		return NULL;
	while (name[i] && param[i] == name[i])
		i++;
	return !name[i] && param[i] == '=' ? param + i + 1 : NULL;
}

static char **parameters(const struct fcgi *fcgi)
{
	if (is_plain(fcgi))
		return fcgi->plain.environment ? fcgi->plain.environment : environ;
	return fcgi->request.envp;
}

const char *fcgi_param(const struct fcgi *fcgi, const char *name)
{
	const char *value, *last = NULL;

	for (char **param = parameters(fcgi); *param; param++)
		if ((value = value_of(*param, name)))
			last = value;
	return last;
}

size_t fcgi_params(const struct fcgi *fcgi, const char *name, const char **values, size_t max)
{
	const char *value;
	size_t count = 0;

	for (char **param = parameters(fcgi); *param; param++) {
		if (!(value = value_of(*param, name)))
			continue;
		if (count == max)
			memmove(values, values + 1, --count * sizeof *values);
		values[count++] = value;
	}
	return count;
}

const char *const *fcgi_all_params(const struct fcgi *fcgi)
{
	return (const char *const *)parameters(fcgi);
}

ssize_t fcgi_read(struct fcgi *fcgi, void *buffer, size_t size)
{
	if (is_plain(fcgi)) {
		size_t taken = fread(buffer, 1, size, fcgi->plain.in);
		return ferror(fcgi->plain.in) ? -EPROTO : (ssize_t)taken;
	}
	int got = FCGX_GetStr(buffer, size > 1 << 20 ? 1 << 20 : (int)size, fcgi->request.in);
	int error = FCGX_GetError(fcgi->request.in);

	fault_point("mid-body");
	if (error)
		return error == EAGAIN ? -ETIMEDOUT : -EPROTO;
	return got;
}

bool fcgi_has_stdin(const struct fcgi *fcgi)
{
	return !is_plain(fcgi);
}

bool fcgi_length(const struct fcgi *fcgi, uint64_t *length)
{
	*length = fcgi->input.records.input_bytes;
	return fcgi->input.has_end;
}

int fcgi_await_body(struct fcgi *fcgi)
{
	if (input_await_body(&fcgi->input))
		return 0;
	return errno == EAGAIN ? -ETIMEDOUT : -EPROTO;
}

void fcgi_limit_body(struct fcgi *fcgi, uint64_t timeout_ms)
{
	input_limit_body(&fcgi->input, timeout_ms);
}

bool fcgi_is_given_up(struct fcgi *fcgi)
{
	return is_plain(fcgi) ? fcgi->plain.is_given_up : input_is_given_up(&fcgi->input);
}

uint64_t fcgi_drain(struct fcgi *fcgi, uint64_t max)
{
	if (is_plain(fcgi))
		return 0;
	input_drain(&fcgi->input, max);
	return fcgi->input.records.input_bytes;
}

bool fcgi_is_broken(const struct fcgi *fcgi)
{
	return !is_plain(fcgi) && fcgi->input.is_broken;
}

int fcgi_write(struct fcgi *fcgi, const void *bytes, size_t size)
{
	const char *next = bytes;
	FCGX_Stream *out = fcgi->request.out;

	if (size == 0) /* `bytes` may be NULL */
		return 0;
	if (is_plain(fcgi))
		return fwrite(bytes, 1, size, fcgi->plain.out) == size ? 0 : -EPIPE;
	while (size > 0) {
		int part = size > 1 << 20 ? 1 << 20 : (int)size;
		if (FCGX_PutStr(next, part, out) != part)
			return -EPIPE;
		next += part;
		size -= (size_t)part;
	}
	if (fcgi->source.in_flight->sent == IN_FLIGHT_PART)
		fault_point("mid-answer");
	return 0;
}

int fcgi_flush(struct fcgi *fcgi)
{
	if (is_plain(fcgi))
		return fflush(fcgi->plain.out) == 0 ? 0 : -EPIPE;
	return FCGX_FFlush(fcgi->request.out) == 0 ? 0 : -EPIPE;
}

bool fcgi_await_end(struct fcgi *fcgi, unsigned timeout_ms)
{
	if (!is_plain(fcgi))
		return input_await_end(&fcgi->input, timeout_ms);
	if (fcgi->plain.is_test)
		clock_ahead_ns += timeout_ms * UINT64_C(1000000);
	else
		poll(NULL, 0, (int)timeout_ms);
	return fcgi->plain.is_given_up;
}

void fcgi_end(struct fcgi *fcgi)
{
	FCGX_Request *r = &fcgi->request;

	if (is_plain(fcgi)) {
		if (fflush(fcgi->plain.out) == 0)
			tell_sent(fcgi, IN_FLIGHT_WHOLE);
		return;
	}
	bool sent = FCGX_FClose(r->err) == 0;

	fault_point("before-answer");
	fcgi->is_last = true;
	sent &= FCGX_FClose(r->out) == 0;
	fault_point("after-write");
	if (sent)
		tell_sent(fcgi, IN_FLIGHT_WHOLE);
}

void fcgi_abandon(struct fcgi *fcgi)
{
	fcgi->is_cut = true;
	if (!is_plain(fcgi))
		tell_sent(fcgi, IN_FLIGHT_PART);
}
