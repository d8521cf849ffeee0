/* log - diagnostics: one line each on stderr, "NAME: text". */
#ifndef PERCORE_LOG_H
#define PERCORE_LOG_H

/* The service's name, for the front of every line; lent for ever.  Until then it is "percore". */
void log_init(const char *name);

/* Any process.  One write(2) a line, so that lines of several processes do not mix. */
void log_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The last line that this process wrote, without the name. */
void log_last(char *text, unsigned long size);

#endif
