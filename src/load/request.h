/* SPDX-License-Identifier: ISC */
/*
 * request - the bytes of a request, built once before the run and sent as they are.
 */
#ifndef LOAD_REQUEST_H
#define LOAD_REQUEST_H

#include "load/url.h"

#include <stdbool.h>
#include <stddef.h>

struct request {
	const struct url *url;
	const char *method;
	const char *const *headers; /* "Name: value", NULL at the end */
	const char *body;           /* NULL: none */
	size_t body_bytes;
	bool keep; /* ask for the connection to be kept */
};

struct request_bytes {
	char *bytes; /* heap; free it */
	size_t size;
};

/* 0 or -errno. */
int request_build_http(const struct request *request, struct request_bytes *built);
int request_build_fcgi(const struct request *request, struct request_bytes *built);

/* Does the list name this header?  Case does not matter. */
bool request_has_header(const struct request *request, const char *name);

#endif
