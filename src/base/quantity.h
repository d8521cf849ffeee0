/* SPDX-License-Identifier: ISC */
/* quantity - numbers, sizes and times as people write them. */
#ifndef PERCORE_QUANTITY_H
#define PERCORE_QUANTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum quantity {
	QUANTITY_NUMBER, /* 17, -17 */
	QUANTITY_BYTES,  /* 512, 64k, 64m, 1g: powers of 1024 */
	QUANTITY_TIME,   /* in milliseconds: 500ms, 30s, 2m, 1h, 1.5s; a bare number is in seconds */
};

/* False where the text is none, or beyond an int64_t. */
bool quantity_parse(enum quantity quantity, const char *text, int64_t *value);

/* In the largest unit that divides it; quantity_parse reads it back to the same value. */
void quantity_print(enum quantity quantity, int64_t value, char *text, size_t size);

#endif
