/* SPDX-License-Identifier: ISC */
/*
 * pattern - regular expressions as ECMA-262 and JSON Schema have them, in a part that all readers agree on.
 *
 * percore.h lists that part.  Characters are Unicode's, whatever the program's locale: regcomp's are the
 * locale's, and it knows no \d.  The time of a match grows with the text's length times the pattern's,
 * whatever they are; none takes memory.
 */
#ifndef PERCORE_PATTERN_H
#define PERCORE_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

struct pattern;

/* To be freed.  NULL: it is none, and *wrong says why. */
struct pattern *pattern_compile(const char *text, const char **wrong);
void pattern_free(struct pattern *pattern);

/* Is it found in this text, which is UTF-8? */
bool pattern_matches(const struct pattern *pattern, const char *text, size_t length);

#endif
