/* SPDX-License-Identifier: ISC */
/* units - numbers as people write them: 10ms, 1.5s, 20k, 85%. */
#ifndef LOAD_UNITS_H
#define LOAD_UNITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "250us", "10ms", "2s", "1m", "1h"; a bare number is seconds.  At most 1000 h. */
bool units_parse_duration(const char *text, uint64_t *ns);

/* "1500", "20k", "8/s", "8/m", "2.5k/s": per second, more than 0. */
bool units_parse_rate(const char *text, double *per_s);

/* A duration in four characters or so and its unit: "850 us", "12.3 ms", "1.95 s". */
const char *units_format_duration(uint64_t ns, char *text, size_t size);

#endif
