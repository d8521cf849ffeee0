/* SPDX-License-Identifier: ISC */
/*
 * log - diagnostics: one line each on stderr, "NAME: text".
 *
 *   error    something failed that should not: requests or the service suffer
 *   warning  something is wrong that percore copes with, or will go wrong
 *   notice   what an operator wants to see: starts, stops, reloads (the default)
 *   info     each of the ordinary things
 *   debug    for whoever looks for a fault
 *
 * Where stderr is systemd's journal (JOURNAL_STREAM), a line starts with "<N>", its
 * priority.
 */
#ifndef PERCORE_LOG_H
#define PERCORE_LOG_H

#include <stdarg.h>
#include <stdbool.h>

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_NOTICE,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
	LOG_LEVELS,
};

/* The service's name, for the front of every line; lent for ever.  Until then it is "percore". */
void log_init(const char *name);

/* What is not said: all below `level`. */
void log_set_level(enum log_level level);
bool log_says(enum log_level level);

/* This process must not wait: a line for which stderr has no room is left out. */
void log_never_stall(void);

/* "warning" and the like.  False: no such level. */
bool log_parse_level(const char *text, enum log_level *level);

/*
 * Any process.  One write(2) a line, so that lines of several processes do not mix;
 * control characters become '?', so that it stays one line.
 */
void log_at(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));
void log_at_list(enum log_level level, const char *format, va_list arguments);

#define log_error(...)   log_at(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_at(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...)  log_at(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...)    log_at(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)   log_at(LOG_LEVEL_DEBUG, __VA_ARGS__)

/* The last error or warning that this process wrote since log_forget(), without the name; "": none. */
const char *log_trouble(void);
void log_forget(void);

/* The last line that this process wrote, without the name. */
void log_last(char *text, unsigned long size);

#endif
