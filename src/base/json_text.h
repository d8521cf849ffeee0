/* SPDX-License-Identifier: ISC */
/* json_text - what json-c writes is JSON (RFC 8259) but for what a program put in: bytes that are no UTF-8,
 * NaN. */
#ifndef PERCORE_JSON_TEXT_H
#define PERCORE_JSON_TEXT_H

#include <json-c/json.h>
#include <stddef.h>

/* What is wrong with `text`, which json-c made of `json`, or NULL. */
const char *json_text_wrong(json_object *json, const char *text, size_t length);

#endif
