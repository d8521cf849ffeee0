/* SPDX-License-Identifier: ISC */
/* wire - see wire.h. */
#include "wire.h"

#include <fastcgi.h>
#include <stdlib.h>
#include <string.h>

static void put(struct wire *wire, const void *bytes, size_t length)
{
	if (length > sizeof wire->bytes - wire->size)
		abort();
	if (length > 0)
		memcpy(wire->bytes + wire->size, bytes, length);
	wire->size += length;
}

void wire_record(struct wire *wire, unsigned type, unsigned id, const void *content, size_t length,
                 unsigned padding)
{
	const unsigned char header[FCGI_HEADER_LEN] = {
		FCGI_VERSION_1,        (unsigned char)type,          (unsigned char)(id >> 8),
		(unsigned char)id,     (unsigned char)(length >> 8), (unsigned char)length,
		(unsigned char)padding
	};
	static const char zeros[255];

	put(wire, header, sizeof header);
	put(wire, content, length);
	put(wire, zeros, padding);
}

void wire_begin(struct wire *wire, bool keep)
{
	const unsigned char body[8] = { 0, FCGI_RESPONDER, keep ? FCGI_KEEP_CONN : 0 };

	wire_record(wire, FCGI_BEGIN_REQUEST, 1, body, sizeof body, 0);
}

static void put_length(struct wire *wire, size_t length)
{
	const unsigned char four[4] = { (unsigned char)(length >> 24 | 0x80), (unsigned char)(length >> 16),
		                        (unsigned char)(length >> 8), (unsigned char)length };

	if (length < 128)
		put(wire, four + 3, 1);
	else
		put(wire, four, 4);
}

void wire_params(struct wire *wire, const char *const *pairs, size_t piece)
{
	struct wire *stream = calloc(1, sizeof *stream);

	for (; *pairs; pairs += 2) {
		put_length(stream, strlen(pairs[0]));
		put_length(stream, strlen(pairs[1]));
		put(stream, pairs[0], strlen(pairs[0]));
		put(stream, pairs[1], strlen(pairs[1]));
	}
	for (size_t sent = 0; sent < stream->size; sent += piece)
		wire_record(wire, FCGI_PARAMS, 1, stream->bytes + sent,
		            stream->size - sent < piece ? stream->size - sent : piece, 0);
	wire_record(wire, FCGI_PARAMS, 1, NULL, 0, 0);
	free(stream);
}

void wire_input(struct wire *wire, const void *bytes, size_t length, bool end)
{
	if (length > 0)
		wire_record(wire, FCGI_STDIN, 1, bytes, length, 0);
	if (end)
		wire_record(wire, FCGI_STDIN, 1, NULL, 0, 0);
}
