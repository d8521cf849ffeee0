/* SPDX-License-Identifier: ISC */
/*
 * json_text - what json-c reads and writes is JSON (RFC 8259) but for two things: bytes
 * that are no UTF-8, and the numbers NaN and Infinity.
 */
#ifndef PERCORE_JSON_TEXT_H
#define PERCORE_JSON_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* NaN or Infinity stands outside of a string, at *at.  The text is JSON else. */
bool json_text_has_nan(const char *text, size_t length, size_t *at);

/* What is wrong with a text that json-c wrote, or NULL. */
const char *json_text_wrong(const char *text, size_t length);

#endif
