/* SPDX-License-Identifier: ISC */
/*
 * json_check - is this text JSON, as RFC 8259 has it; where is it not; and what will it take as a document?
 *
 * json-c's own reader takes more than JSON (single quotes, "1.", control characters, overlong
 * UTF-8), and less: it cuts a name at U+0000 and rounds integers off without a word.  So
 * every text is looked at here before json-c has it (json_read.h), and before it leaves.
 *
 * Beyond the RFC, what a document of json-c could not hold is refused too: a name with
 * U+0000, a surrogate without its other half, an integer beyond 64 bits.
 */
#ifndef PERCORE_JSON_CHECK_H
#define PERCORE_JSON_CHECK_H

#include <stdbool.h>
#include <stddef.h>

enum { JSON_LEVELS_MAX = 1024 };

struct json_rules {
	unsigned levels;   /* of arrays and objects in one another; JSON_LEVELS_MAX at most */
	size_t memory;     /* bytes that the document may take */
	bool big_integers; /* those beyond 64 bits are no fault, but strings */
	bool unique_names; /* equal names in an object are a fault; json_read finds it */
};

enum json_verdict {
	JSON_GOOD,
	JSON_WRONG,
	JSON_TOO_LARGE, /* it would take more memory */
	JSON_NO_MEMORY, /* there was no more for it */
};

struct json_finding {
	size_t at;            /* the offset of the byte at fault */
	const char *expected; /* there: "a value" */
	size_t memory;        /* bytes that the document takes, or a little less */
};

/* Reads `length` bytes and none beyond. */
enum json_verdict json_check(const char *text, size_t length, const struct json_rules *rules,
                             struct json_finding *finding);

#endif
