/* SPDX-License-Identifier: ISC */
/*
 * json_read - JSON text as a document of json-c, and back, whatever the program's locale.
 *
 * What json_check finds good becomes a document of the same meaning; nothing else becomes one.
 * -0 stays -0, and any number with a point or an exponent leaves as it was written.  Of equal
 * names the last wins (json_rules.unique_names: they are a fault).  Where memory runs out there is no
 * document, rather than one with members missing.
 */
#ifndef PERCORE_JSON_READ_H
#define PERCORE_JSON_READ_H

#include "base/json_check.h"

#include <json-c/json.h>

/*
 * JSON_GOOD: *json is the document, to be put; that of "null" is NULL.  Else it is NULL, and
 * *finding says what is wrong.
 */
enum json_verdict json_read(const char *text, size_t length, const struct json_rules *rules,
                            struct json_finding *finding, json_object **json);

/* The document's text, lent by it; `flags` as json-c has them.  NULL: no memory. */
const char *json_write(json_object *json, int flags, size_t *length);

/* A string; null where the text is "".  Where there is no memory for it, as below. */
void json_add_text(json_object *object, const char *name, const char *text);

/* The value null.  Where there is no memory for the name, as below. */
void json_add_null(json_object *object, const char *name);

/* As percore.h declares it. */
__attribute__((visibility("default"))) void percore_json_add(json_object *container, const char *name,
                                                             json_object *value);

#endif
