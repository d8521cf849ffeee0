/* SPDX-License-Identifier: ISC */
/* etag - entity tags, and the lists of them in If-Match and If-None-Match (RFC 9110, 8.8.3 and 13.1). */
#ifndef PERCORE_ETAG_H
#define PERCORE_ETAG_H

#include <stdbool.h>
#include <stddef.h>

/* A tag as a program gives it: what is between the quotes, or W/ and that for a weak one. */
bool etag_is_good(const char *tag);

/*
 * Is the tag in the list?  "*" has every tag.  Strongly, two tags are the same when neither is weak.
 * From where a list is malformed it has no more tags.
 */
bool etag_list_has(const char *list, const char *tag, bool strongly);

/* A tag for these bytes, the same everywhere: 32 hex digits. */
enum { ETAG_OF_MAX = 33 };
void etag_of(const void *bytes, size_t length, char tag[ETAG_OF_MAX]);

#endif
