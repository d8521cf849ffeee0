/* SPDX-License-Identifier: ISC */
/* multipart_head - the header lines of one part of a form, and the parameters of their values. */
#ifndef PERCORE_MULTIPART_HEAD_H
#define PERCORE_MULTIPART_HEAD_H

#include <stddef.h>

struct multipart_head {
	const char *name;     /* never NULL */
	const char *filename; /* the last segment; NULL: none was sent */
	const char *type;     /* NULL: none */
};

/*
 * Reads `text`, lines that each end with CRLF, with a NUL behind `length` bytes.  It is written to: the
 * texts in *head are there.  NULL; or what is wrong.
 */
const char *multipart_head_read(struct multipart_head *head, char *text, size_t length);

/*
 * The parameter at *at, which stands behind a value or another parameter: "; name=value".  *name has
 * *name_length bytes; *value is NUL-terminated, decoded where it stands.  1; 0: no more; -1: malformed.
 */
int multipart_parameter(char **at, const char **name, size_t *name_length, char **value);

#endif
