/* SPDX-License-Identifier: ISC */
/* fuzz - what the targets share.  Each is a function that libFuzzer calls with one input after another. */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

/* Else it is a finding. */
#define must(holds)                                                                                          \
	do {                                                                                                 \
		if (!(holds)) {                                                                              \
			fprintf(stderr, "%s:%d: must hold: %s\n", __FILE__, __LINE__, #holds);               \
			abort();                                                                             \
		}                                                                                            \
	} while (0)

/* The input, taken from its front. */
struct fuzz {
	const uint8_t *data;
	size_t size;
};

static inline uint32_t fuzz_number(struct fuzz *f)
{
	uint32_t number = 0;

	for (int i = 0; i < 4; i++) {
		number = number << 8 | (f->size ? *f->data : 0);
		f->data += f->size > 0;
		f->size -= f->size > 0;
	}
	return number;
}

static inline uint8_t fuzz_byte(struct fuzz *f)
{
	uint8_t byte = f->size ? *f->data : 0;

	f->data += f->size > 0;
	f->size -= f->size > 0;
	return byte;
}

/* Up to the next zero byte, as a string in `text` of `room` bytes. */
static inline const char *fuzz_text(struct fuzz *f, char *text, size_t room)
{
	size_t n = 0;

	while (f->size > 0) {
		char c = (char)fuzz_byte(f);
		if (!c)
			break;
		if (n + 1 < room)
			text[n++] = c;
	}
	text[n] = '\0';
	return text;
}

#endif
