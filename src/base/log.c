/* SPDX-License-Identifier: ISC */
/* log - see log.h.  A line longer than 1 KiB is cut. */
#include "base/log.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct {
	const char *name;
	char priority; /* syslog's: sd-daemon(3) */
} levels[LOG_LEVELS] = {
	[LOG_LEVEL_ERROR] = { "error", '3' },   [LOG_LEVEL_WARNING] = { "warning", '4' },
	[LOG_LEVEL_NOTICE] = { "notice", '5' }, [LOG_LEVEL_INFO] = { "info", '6' },
	[LOG_LEVEL_DEBUG] = { "debug", '7' },
};

static char last[256], trouble[512];
static const char *log_name = "percore";
static enum log_level least = LOG_LEVEL_NOTICE;
static bool to_journal, never_stalls;

/* systemd says which device and inode its stream is: stderr may have been sent elsewhere since. */
static bool is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat st;

	return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
	       fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

void log_init(const char *name)
{
	log_name = name;
	to_journal = is_journal();
}

void log_set_level(enum log_level level)
{
	least = level;
}

void log_never_stall(void)
{
	never_stalls = true;
}

/* A pipe that has room at all has room for a line. */
static bool would_stall(void)
{
	struct pollfd poll_fd = { .fd = STDERR_FILENO, .events = POLLOUT };

	return never_stalls && poll(&poll_fd, 1, 0) == 0;
}

bool log_says(enum log_level level)
{
	return level <= least;
}

bool log_parse_level(const char *text, enum log_level *level)
{
	for (int i = 0; i < LOG_LEVELS; i++)
		if (strcmp(text, levels[i].name) == 0) {
			*level = (enum log_level)i;
			return true;
		}
	return false;
}

static void make_one_line(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 127)
			*text = '?';
}

void log_at_list(enum log_level level, const char *format, va_list arguments)
{
	char line[1024];
	int n;

	if (!log_says(level))
		return;
	if (to_journal)
		n = snprintf(line, sizeof line, "<%c>%s: ", levels[level].priority, log_name);
	else
		n = snprintf(line, sizeof line, "%s: ", log_name);
	if (n >= (int)sizeof line / 2) /* a name to be cut */
		n = (int)sizeof line / 2;
	int start = n;
	n += vsnprintf(line + n, sizeof line - (size_t)n, format, arguments);
	if (n >= (int)sizeof line)
		n = sizeof line - 1;
	make_one_line(line + start);
	snprintf(last, sizeof last, "%s", line + start);
	if (level <= LOG_LEVEL_WARNING)
		snprintf(trouble, sizeof trouble, "%s", line + start);
	line[n++] = '\n';
	if (would_stall())
		return;
	ssize_t written = write(STDERR_FILENO, line, (size_t)n);
	(void)written; /* stderr is gone: there is nobody to tell */
}

void log_at(enum log_level level, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	log_at_list(level, format, arguments);
	va_end(arguments);
}

const char *log_trouble(void)
{
	return trouble;
}

void log_forget(void)
{
	*trouble = '\0';
}

void log_last(char *text, unsigned long size)
{
	snprintf(text, size, "%s", last);
}
