/* SPDX-License-Identifier: ISC */
/* ascii - upper and lower case of A to Z alone, and their digits: toupper and strcasecmp follow the program's
 * locale (a Turkish i). */
#ifndef PERCORE_ASCII_H
#define PERCORE_ASCII_H

#include <stdbool.h>
#include <stddef.h>

static inline char ascii_upper(char c)
{
	return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

static inline char ascii_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* The value of a hexadecimal digit; -1: it is none. */
static inline int ascii_hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = ascii_upper(c);
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Is what begins here `word`, in any case? */
static inline bool ascii_begins(const char *text, const char *word)
{
	while (*word && ascii_upper(*text) == ascii_upper(*word)) {
		text++;
		word++;
	}
	return !*word;
}

static inline bool ascii_equals(const char *one, const char *other)
{
	while (*one && ascii_upper(*one) == ascii_upper(*other)) {
		one++;
		other++;
	}
	return ascii_upper(*one) == ascii_upper(*other);
}

#endif
