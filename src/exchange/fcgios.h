/* SPDX-License-Identifier: ISC */
/*
 * fcgios - percore is libfcgi's operating system.
 *
 * libfcgi keeps its system calls apart in a layer of its own (fcgios.h, "OS_Accept" and so
 * on), exports it, and calls it through the PLT.  The functions of these names in
 * fcgios.c take its place: so libfcgi accepts from percore's one queue, reads only bytes
 * that were checked (records.h) and not one beyond the end of the request, and gives the
 * connection back instead of waiting for its peer to close.  A worker is then the loop
 * that every FastCGI programmer knows: FCGX_Accept_r, FCGX_Finish_r.
 *
 * They must be found before libfcgi's own: libpercore before libfcgi on the linker's
 * line.  fcgios_is_in_force tries it.
 */
#ifndef PERCORE_FCGIOS_H
#define PERCORE_FCGIOS_H

#include "exchange/input.h"

/* What a process serves from.  Lent as long as it serves. */
struct fcgios {
	struct input *input;
	int (*accept)(void *context); /* a connection whose head `input` has; -1: leave */
	void (*writing)(void *context, const void *bytes, size_t n); /* these are about to leave */
	void (*close)(void *context); /* its request is over: keep it or close it */
	void *context;
};

void fcgios_use(const struct fcgios *os);

/* Whether libfcgi calls our layer. */
bool fcgios_is_in_force(void);

#endif
