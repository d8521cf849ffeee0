/* SPDX-License-Identifier: ISC */
/* utf8 - is this text UTF-8, as RFC 3629 has it: no surrogates, nothing too long or past U+10FFFF? */
#ifndef PERCORE_UTF8_H
#define PERCORE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* The bytes of the character at `text`, of which `left` are there: 1 to 4, or 0 where it is none. */
size_t utf8_character(const unsigned char *text, size_t left);

bool utf8_is_valid(const char *text, size_t length);

/* In place: each byte that belongs to no character becomes '?'. */
void utf8_mend(char *text);

#endif
