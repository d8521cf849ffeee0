/* SPDX-License-Identifier: ISC */
/* percent - percent-encoded bytes, as RFC 3986, section 2.1, has them. */
#ifndef PERCORE_PERCENT_H
#define PERCORE_PERCENT_H

/* The byte that the % at `text` stands for with the two digits after it; -1: there are none. */
int percent_byte(const char *text);

#endif
