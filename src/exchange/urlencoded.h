/* SPDX-License-Identifier: ISC */
/* urlencoded - names and values as application/x-www-form-urlencoded has them (WHATWG URL, section 5.1): of a
 * query, or of a form. */
#ifndef PERCORE_URLENCODED_H
#define PERCORE_URLENCODED_H

#include "base/arena.h"
#include "percore.h"

/* How many pairs there are, good ones or not. */
size_t urlencoded_count(const char *text, size_t length);

/*
 * All that are good, in their order.  One is not whose escape is malformed, or that has a NUL or is no UTF-8:
 * it is left out, and *wrong is the number of the first, from 1; 0: there is none.
 */
struct percore_pair *urlencoded_read(struct arena *arena, const char *text, size_t length, size_t *wrong);

#endif
