/* SPDX-License-Identifier: ISC */
/* answer - compares, or keeps, the body as it comes. */
#include "load/answer.h"

#include <stdlib.h>

void body_copy_add(struct body_copy *copy, const char *bytes, size_t size)
{
	char *grown = realloc(copy->bytes, copy->size + size);

	if (!grown) {
		copy->failed = true;
		return;
	}
	memcpy(grown + copy->size, bytes, size);
	copy->bytes = grown;
	copy->size += size;
}

void answer_body(struct answer *answer, const char *bytes, size_t size)
{
	const struct expectation *expected = answer->expected;

	if (answer->copy && size > 0)
		body_copy_add(answer->copy, bytes, size);
	if (expected->check_body && !answer->differs &&
	    (size > expected->body_bytes - answer->body_bytes ||
	     memcmp(expected->body + answer->body_bytes, bytes, size) != 0))
		answer->differs = true;
	answer->body_bytes += size;
}
