/* SPDX-License-Identifier: ISC */
/* numbers - numbers as a table has them: short, of a known width, whatever the locale. */
#ifndef PERCORE_TOP_NUMBERS_H
#define PERCORE_TOP_NUMBERS_H

enum { NUMBER_MAX = 24 };

/* What is not known (NAN) is "-". */

/* Of ns, 6 characters at most: "850ns", "1.23ms", "12.3s", "17m". */
const char *number_duration(double ns, char text[NUMBER_MAX]);

/* Of seconds, 6 characters at most: "45s", "12m", "3h05m", "4d02h", "250d". */
const char *number_span(double seconds, char text[NUMBER_MAX]);

/* A second, 6 characters at most: "0", "0.25", "12.5", "99999", "123k", "1.23M". */
const char *number_rate(double rate, char text[NUMBER_MAX]);

/* All digits up to 8, then "123M". */
const char *number_count(double count, char text[NUMBER_MAX]);

/* 6 characters at most: "0", "512", "12.3K", "1.50G", in powers of 1024. */
const char *number_bytes(double bytes, char text[NUMBER_MAX]);

#endif
