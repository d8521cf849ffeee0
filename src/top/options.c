/* SPDX-License-Identifier: ISC */
/* options - see options.h. */
#include "top/options.h"

#include "base/quantity.h"

#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { INTERVAL_LEAST_MS = 100, INTERVAL_MOST_MS = 3600000 };

static const char usage[] =
	"percore-top shows what a service on libpercore does, from its shared memory: it costs no request.\n"
	"\n"
	"  percore-top [OPTIONS]           the only service that runs here\n"
	"  percore-top -p PID | -f FILE    another one\n"
	"\n"
	"  -p, --pid PID          the service that this process belongs to\n"
	"  -f, --file FILE        the service whose --state FILE this is\n"
	"  -d, --delay SECONDS    between two looks (1); also 500ms, 1m\n"
	"  -1, --once             print it once; with --delay: what happens in that time, else since the "
	"start\n"
	"      --json             the same as JSON\n"
	"  -s, --sort COLUMN      the order of rows (REQ/S); the titles of the tables\n"
	"      --help             this\n"
	"      --version\n"
	"\n"
	"Keys: q quit, w workers, r routes, t tasks, < > order, p pause, h help.\n"
	"It exits with 0; 1: the service has ended, or cannot be read; 64: wrong usage, or several "
	"services.\n";

static int __attribute__((format(printf, 1, 2))) complain(const char *format, ...)
{
	va_list arguments;

	fputs("percore-top: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputs("\nTry: percore-top --help\n", stderr);
	return EXIT_WRONG_USAGE;
}

static int read_pid(struct options *options, const char *text)
{
	int64_t pid;

	if (!quantity_parse(QUANTITY_NUMBER, text, &pid) || pid < 1 || pid > INT_MAX)
		return complain("--pid %s: must be the number of a process", text);
	options->pid = (pid_t)pid;
	return -1;
}

static int read_delay(struct options *options, const char *text)
{
	int64_t ms;

	if (!quantity_parse(QUANTITY_TIME, text, &ms) || ms < INTERVAL_LEAST_MS || ms > INTERVAL_MOST_MS)
		return complain("--delay %s: must be a time from 100ms to 1h, as 2 or 500ms", text);
	options->interval_ms = (uint64_t)ms;
	return -1;
}

static int read_column(struct options *options, const char *text)
{
	char titles[512];

	options->sorted = table_find_column(text);
	if (options->sorted != COLUMNS)
		return -1;
	table_titles(TABLES, titles, sizeof titles);
	return complain("--sort %s: there is no such column; there are: %s", text, titles);
}

static int print(const char *text)
{
	return fputs(text, stdout) != EOF && fflush(stdout) == 0 ? 0 : 1;
}

enum { GIVE_JSON = 256, GIVE_HELP, GIVE_VERSION };

static int read_option(struct options *options, int option)
{
	switch (option) {
	case 'p':
		return read_pid(options, optarg);
	case 'f':
		options->file = optarg;
		return -1;
	case 'd':
		return read_delay(options, optarg);
	case 's':
		return read_column(options, optarg);
	case GIVE_JSON:
		options->is_json = true;
		return -1;
	case '1':
		options->is_once = true;
		return -1;
	case GIVE_HELP:
		return print(usage);
	case GIVE_VERSION:
		return print("percore-top " PACKAGE_VERSION "\n");
	default:
		fputs("Try: percore-top --help\n", stderr);
		return EXIT_WRONG_USAGE;
	}
}

int options_read(struct options *options, int argc, char **argv)
{
	static const struct option names[] = {
		{ "pid", required_argument, NULL, 'p' },
		{ "file", required_argument, NULL, 'f' },
		{ "delay", required_argument, NULL, 'd' },
		{ "once", no_argument, NULL, '1' },
		{ "json", no_argument, NULL, GIVE_JSON },
		{ "sort", required_argument, NULL, 's' },
		{ "help", no_argument, NULL, GIVE_HELP },
		{ "version", no_argument, NULL, GIVE_VERSION },
		{ NULL, 0, NULL, 0 },
	};
	int option, status = -1;

	*options = (struct options){ .sorted = COLUMN_RATE };
	while (status < 0 && (option = getopt_long(argc, argv, "p:f:d:1s:", names, NULL)) != -1)
		status = read_option(options, option);
	if (status >= 0)
		return status;
	if (optind < argc)
		return complain("%s: takes no such argument; -p %s is a process, -f %s a file", argv[optind],
		                argv[optind], argv[optind]);
	if (options->pid && options->file)
		return complain("--pid and --file: one of them");
	return -1;
}
