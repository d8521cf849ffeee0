/* SPDX-License-Identifier: ISC */
/* decimal - numbers with a point, whatever the program's locale has: for JSON and for Prometheus. */
#ifndef PERCORE_DECIMAL_H
#define PERCORE_DECIMAL_H

#include <locale.h>
#include <stdbool.h>
#include <stdint.h>

enum { DECIMAL_MAX = 48 };

/* Six digits, as %g has them: "0.016476". */
void decimal_short(double value, char text[DECIMAL_MAX]);

/* As many as it takes; "+Inf", "-Inf", "NaN" as Prometheus writes them. */
void decimal_exact(double value, char text[DECIMAL_MAX]);

/* 15 digits at most, or as many more as give the value back: "0.1", "1e+30"; it is finite. */
void decimal_shortest(double value, char text[DECIMAL_MAX]);

/* count / per_unit, all digits: 1500 of 1000 is "1.500".  per_unit is a power of ten. */
void decimal_part(uint64_t count, uint64_t per_unit, char text[DECIMAL_MAX]);

/* From here on numbers have a point in this thread, until uselocale(*before).  False: there is no memory. */
bool decimal_use_point(locale_t *before);

#endif
