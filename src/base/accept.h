/* SPDX-License-Identifier: ISC */
/* accept - how much a client wants a type of content, by its Accept header (RFC 9110, 12.5.1). */
#ifndef PERCORE_ACCEPT_H
#define PERCORE_ACCEPT_H

enum { ACCEPT_MOST = 1000 };

/*
 * Thousandths: 0 is not at all.  `type` is "text/html".  The closest range counts, as text/html before text/
 * and any; of several as close the one wanted most.  A range's own parameters, as level=1, are not looked
 * at.  Without a header (NULL) every type is wanted alike.
 */
unsigned accept_quality(const char *header, const char *type);

#endif
