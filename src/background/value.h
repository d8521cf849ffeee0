/* SPDX-License-Identifier: ISC */
/*
 * value - JSON that is kept as text: jobs' inputs and results, and what is published.
 *
 * One reader and one writer, so that whatever is kept can be read back whole: the
 * writer refuses what the reader would.
 */
#ifndef PERCORE_VALUE_H
#define PERCORE_VALUE_H

#include <json-c/json.h>
#include <stddef.h>

/* Twice what a request's body may have: a handler may wrap what a client sent. */
enum { VALUE_LEVELS_MAX = 64 };

/*
 * NULL: *json is the document, to be put; that of "null" is NULL.  Else what is wrong with
 * the text, lent until the next call, and *json is NULL.  The text needs no NUL.
 */
const char *value_read(const char *text, size_t length, json_object **json);

/*
 * NULL: *text is `length` bytes, which value_read reads; lent by the json.  Else why it cannot be
 * kept, lent until the next call; where *text is NULL too there is no memory.
 */
const char *value_write(json_object *json, const char **text, size_t *length);

#endif
