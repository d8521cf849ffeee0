/* SPDX-License-Identifier: ISC */
/* wire - FastCGI records as a web server sends them, well or badly. */
#ifndef WIRE_H
#define WIRE_H

#include <stdbool.h>
#include <stddef.h>

struct wire {
	size_t size;
	unsigned char bytes[1 << 18];
};

void wire_record(struct wire *wire, unsigned type, unsigned id, const void *content, size_t length,
                 unsigned padding);
void wire_begin(struct wire *wire, bool keep);

/* `pairs` are name, value, …, NULL; in records of at most `piece` bytes, and the stream's end. */
void wire_params(struct wire *wire, const char *const *pairs, size_t piece);

/* FCGI_STDIN, with its end if `end`. */
void wire_input(struct wire *wire, const void *bytes, size_t length, bool end);

#endif
