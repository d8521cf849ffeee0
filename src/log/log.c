/* log - see log.h.  A line longer than 1 KiB is cut. */
#include "log/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

static char last[256];
static const char *log_name = "percore";

void log_init(const char *name)
{
	log_name = name;
}

void log_line(const char *format, ...)
{
	char line[1024];
	va_list arguments;

	int n = snprintf(line, sizeof line, "%s: ", log_name), start = n;
	va_start(arguments, format);
	n += vsnprintf(line + n, sizeof line - (size_t)n, format, arguments);
	va_end(arguments);
	if (n >= (int)sizeof line)
		n = sizeof line - 1;
	snprintf(last, sizeof last, "%.*s", n - start, line + start);
	line[n++] = '\n';
	ssize_t written = write(STDERR_FILENO, line, (size_t)n);
	(void)written; /* stderr is gone: there is nobody to tell */
}

void log_last(char *text, unsigned long size)
{
	snprintf(text, size, "%s", last);
}
