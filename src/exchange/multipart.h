/* SPDX-License-Identifier: ISC */
/*
 * multipart - reads multipart/form-data (RFC 7578) as it comes, in pieces of any size.
 *
 * It knows no request and allocates nothing: what it holds back of a piece is at most a delimiter
 * or the head of a part.  The same bytes give the same events however they are cut; only
 * MULTIPART_BYTES come in other portions.
 *
 * What two readers could take for two different forms is a fault, never guessed at: a line
 * of a head that ends without CR, a header that comes twice, a boundary with more behind it.
 */
#ifndef PERCORE_MULTIPART_H
#define PERCORE_MULTIPART_H

#include <stdbool.h>
#include <stddef.h>

enum { MULTIPART_BOUNDARY_MAX = 70, MULTIPART_HEAD_MAX = 8192 };

enum multipart_event {
	MULTIPART_MORE,     /* the piece is used up: feed another, or finish */
	MULTIPART_PART,     /* a part begins */
	MULTIPART_BYTES,    /* of the part */
	MULTIPART_PART_END, /* it is whole */
	MULTIPART_END,      /* the form is */
	MULTIPART_FAULT,    /* it is none; and so at each call from now on */
};

enum multipart_state {
	MULTIPART_IN_PREAMBLE,
	MULTIPART_IN_BODY,
	MULTIPART_AT_BOUNDARY, /* just behind it */
	MULTIPART_AT_DASH,
	MULTIPART_AT_PADDING,
	MULTIPART_AT_CR,
	MULTIPART_IN_HEAD,
	MULTIPART_IN_EPILOGUE,
	MULTIPART_FAULTY,
};

struct multipart {
	/*
	 * MULTIPART_PART: UTF-8, until the next one.  filename is NULL for a plain field; else the last
	 * segment of what was sent, and "" where that is empty, "." or "..".  type: NULL for none.
	 */
	const char *name, *filename, *type;
	/* MULTIPART_BYTES, until the next call. */
	const char *bytes;
	size_t length;
	/* MULTIPART_FAULT: words for "The form is malformed: ...". */
	const char *fault;
	bool is_too_large; /* rather than malformed */

	/* Of the reader alone. */
	enum multipart_state state;
	bool is_finished;
	const char *piece;
	size_t left; /* of the piece */
	char delimiter[4 + MULTIPART_BOUNDARY_MAX + 1];
	size_t delimiter_length;
	size_t matched; /* of the delimiter, by the bytes before the piece */
	size_t unreal;  /* of these, such that nobody sent */
	size_t head_length;
	char head[MULTIPART_HEAD_MAX + 1];
};

/* multipart/form-data, whatever its parameters are? */
bool multipart_is_type(const char *content_type);

/* Begins with the boundary of such a type.  NULL; or what is wrong with it. */
const char *multipart_begin(struct multipart *m, const char *content_type);

/* The next piece, lent until MULTIPART_MORE comes; and that there is none. */
void multipart_feed(struct multipart *m, const char *piece, size_t length);
void multipart_finish(struct multipart *m);

enum multipart_event multipart_next(struct multipart *m);

#endif
