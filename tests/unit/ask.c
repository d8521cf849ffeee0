/* SPDX-License-Identifier: ISC */
/* ask - see ask.h. */
#include "ask.h"

#include "exchange/exchange.h"
#include "exchange/fcgi.h"
#include "exchange/request.h"
#include "wire.h"

#include <check.h>
#include <fastcgi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

static struct wire wire;

static const char *either(const char *given, const char *otherwise)
{
	return given ? given : otherwise;
}

static void write_request(const struct ask *ask, size_t body_bytes)
{
	const char *pairs[32] = { "REQUEST_METHOD", either(ask->method, "GET"),
		                  "REQUEST_URI",    either(ask->uri, "/"),
		                  "QUERY_STRING",   either(ask->query, "") };
	char length[32];
	size_t n = 6;

	if (ask->type) {
		pairs[n++] = "CONTENT_TYPE";
		pairs[n++] = ask->type;
	}
	snprintf(length, sizeof length, "%zu", body_bytes);
	pairs[n++] = "CONTENT_LENGTH";
	pairs[n++] = either(ask->length, length);
	for (size_t i = 0; ask->params[i]; i++)
		pairs[n++] = ask->params[i];
	wire.size = 0;
	wire_begin(&wire, true);
	wire_params(&wire, ask->other ? ask->other : pairs, 60000);
	for (size_t sent = 0; sent < body_bytes; sent += 60000)
		wire_input(&wire, ask->body + sent, body_bytes - sent < 60000 ? body_bytes - sent : 60000,
		           false);
	if (!ask->no_end)
		wire_input(&wire, NULL, 0, true);
}

/* Undoes the records; what libfcgi wrote is sound, so a bad one is a failure. */
static void read_answer(int fd, struct told *told)
{
	static unsigned char in[1 << 19], out[1 << 19];
	size_t size = 0, used = 0;
	ssize_t got;

	while ((got = recv(fd, in + size, sizeof in - size, MSG_DONTWAIT)) > 0)
		size += (size_t)got;
	for (size_t i = 0; i < size;) {
		size_t length = (size_t)in[i + 4] << 8 | in[i + 5];
		ck_assert_uint_le(i + 8 + length + in[i + 6], size);
		if (in[i + 1] == FCGI_STDOUT) {
			memcpy(out + used, in + i + 8, length);
			used += length;
		}
		told->is_ended |= in[i + 1] == FCGI_END_REQUEST;
		i += 8 + length + in[i + 6];
	}
	const unsigned char *end = memmem(out, used, "\r\n\r\n", 4);
	size_t head = end ? (size_t)(end - out) + 2 : used;
	ck_assert_uint_lt(head, sizeof told->head);
	memcpy(told->head, out, head);
	told->head[head] = '\0';
	told->body_bytes = end ? used - head - 2 : 0;
	ck_assert_uint_lt(told->body_bytes, sizeof told->body);
	memcpy(told->body, out + head + 2, told->body_bytes);
	told->body[told->body_bytes] = '\0';
	if (sscanf(told->head, "Status: %d", &told->status) != 1)
		told->status = 0;
}

/* ---- The connection, as a worker would have it. */

struct link {
	int fd;
	bool is_kept;
};

static struct in_flight_shm in_flight;

static int give_connection(void *context, struct input *in)
{
	const struct link *link = context;

	input_open(in, link->fd);
	ck_assert_int_eq(input_look(in), INPUT_REQUEST);
	fcgi_note_in_flight(in, &in_flight);
	return link->fd;
}

static void take_connection_back(void *context, struct input *in, bool is_open)
{
	struct link *link = context;

	link->is_kept = is_open;
	in->fd = -1;
}

static void serve(const struct exchange *exchange, struct link *link)
{
	const struct fcgi_source source = { .input = { .limits = { .head_bytes = INPUT_HEAD_MAX,
		                                                   .params = 1000 },
		                                       .io_timeout_ms = 1000,
		                                       .max_connections = 1 },
		                            .in_flight = &in_flight,
		                            .accept = give_connection,
		                            .close = take_connection_back,
		                            .context = link };
	struct fcgi *fcgi = fcgi_new(&source);

	ck_assert_ptr_nonnull(fcgi);
	request_seed();
	ck_assert(fcgi_accept(fcgi));
	exchange_run(exchange, fcgi);
	fcgi_finish(fcgi);
	fcgi_free(fcgi);
}

const struct told *ask(const struct ask *ask)
{
	static struct told told;
	const char *method = either(ask->method, "GET");
	struct routes routes = { 0 };
	int pair[2], room = 1 << 20;

	memset(&told, 0, sizeof told);
	if (strcmp(method, "HEAD") == 0)
		method = "GET";
	if (ask->handler) {
		struct percore_route route = ask->route;
		route.method = method;
		route.pattern = either(ask->pattern, "/");
		route.handler = ask->handler;
		ck_assert_ptr_null(routes_add(&routes, &route));
	}
	const struct exchange exchange = { .routes = &routes,
		                           .hooks = ask->hooks,
		                           .cors = ask->cors,
		                           .prefix = "",
		                           .max_body = ask->max_body ? ask->max_body : 1 << 20,
		                           .max_json_memory = 16384,
		                           .upload_dir = ask->upload_dir,
		                           .develops = ask->develops };
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	for (int i = 0; i < 2; i++)
		setsockopt(pair[i], SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room);
	write_request(ask, ask->body && !ask->body_bytes ? strlen(ask->body) : ask->body_bytes);
	ck_assert_int_eq(write(pair[0], wire.bytes, wire.size), (ssize_t)wire.size);
	struct link link = { .fd = pair[1] };
	serve(&exchange, &link);
	told.is_kept = link.is_kept;
	read_answer(pair[0], &told);
	close(pair[0]);
	close(pair[1]);
	routes_fini(&routes);
	return &told;
}

const char *told_header(const struct told *told, const char *name)
{
	static char value[1024];
	size_t length = strlen(name);

	for (const char *line = told->head; *line; line += strcspn(line, "\n"), line += *line == '\n')
		if (strncasecmp(line, name, length) == 0 && line[length] == ':') {
			line += length + 1 + strspn(line + length + 1, " ");
			snprintf(value, sizeof value, "%.*s", (int)strcspn(line, "\r\n"), line);
			return value;
		}
	return NULL;
}
