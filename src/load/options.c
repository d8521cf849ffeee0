/* SPDX-License-Identifier: ISC */
/*
 * options - one table says name, kind, range and help; getopt_long, the parser and
 * --help read it.
 */
#include "load/options.h"

#include "load/units.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum kind { HEADING, FLAG, COUNT, DURATION, RATE, RAMP, PERCENT, TEXT, CHECK, HEADER, SLO, LIMITS };

struct row {
	enum kind kind;
	const char *name, *argument, *help;
	void *value;
	long least, most; /* COUNT */
};

static int __attribute__((format(printf, 1, 2))) complain(const char *format, ...)
{
	va_list args;

	fputs("percore-load: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputs("\nTry: percore-load --help\n", stderr);
	return OPTIONS_EXIT_USAGE;
}

static int parse_count(const struct row *row, const char *text)
{
	char *end;

	errno = 0;
	long value = strtol(text, &end, 10);
	if (errno || end == text || *end || value < row->least || value > row->most)
		return complain("--%s %s: must be a whole number from %ld to %ld", row->name, text,
		                row->least, row->most);
	*(long *)row->value = value;
	return OPTIONS_GO_ON;
}

static int parse_percent(const struct row *row, const char *text)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || (*end && strcmp(end, "%") != 0) || !(value >= 0 && value <= 10000))
		return complain("--%s %s: must be a percentage, as 85", row->name, text);
	*(double *)row->value = value;
	return OPTIONS_GO_ON;
}

static int parse_ramp(struct options *options, const struct row *row, const char *text)
{
	char from[32];
	const char *dots = strstr(text, "..");

	snprintf(from, sizeof from, "%.*s", dots ? (int)(dots - text) : 0, text);
	/* From nothing is a fine place to start a ramp. */
	bool from_zero = strcmp(from, "0") == 0;
	if (!dots || (!from_zero && !units_parse_rate(from, &options->ramp_from_per_s)) ||
	    !units_parse_rate(dots + 2, &options->ramp_to_per_s))
		return complain("--%s %s: must be FROM..TO in requests/s, as 100..5k", row->name, text);
	if (from_zero)
		options->ramp_from_per_s = 0;
	return OPTIONS_GO_ON;
}

static int parse_header(struct options *options, const struct row *row, const char *text)
{
	const char *colon = strchr(text, ':');

	if (!colon || colon == text || strpbrk(text, "\r\n") || strcspn(text, " \t") < (size_t)(colon - text))
		return complain("--%s '%s': must be one line, 'Name: value'", row->name, text);
	if (options->header_count == OPTIONS_HEADERS)
		return complain("--%s: at most %d headers", row->name, OPTIONS_HEADERS);
	options->headers[options->header_count++] = text;
	return OPTIONS_GO_ON;
}

static int parse_limits(struct options *options, const struct row *row, const char *text)
{
	char item[32];

	options->knee_limit_count = 0;
	if (strcmp(text, "none") == 0)
		return OPTIONS_GO_ON;
	for (const char *at = text;; at++) {
		size_t length = strcspn(at, ",");
		snprintf(item, sizeof item, "%.*s", (int)length, at);
		if (options->knee_limit_count == OPTIONS_KNEE_LIMITS ||
		    !units_parse_duration(item, &options->knee_limits_ns[options->knee_limit_count++]))
			return complain("--%s %s: must be up to %d durations, as 2ms,5ms, or none", row->name,
			                text, OPTIONS_KNEE_LIMITS);
		at += length;
		if (*at == '\0')
			return OPTIONS_GO_ON;
	}
}

static int parse_slo(struct options *options, const struct row *row, const char *text)
{
	char term[SLO_TERM_BYTES];
	const char *wrong = slo_parse(text, &options->slo, term);

	return wrong ? complain("--%s: '%s': %s", row->name, term, wrong) : OPTIONS_GO_ON;
}

static int parse_value(struct options *options, const struct row *row, const char *text)
{
	switch (row->kind) {
	case FLAG:
		*(bool *)row->value = true;
		break;
	case COUNT:
		return parse_count(row, text);
	case DURATION:
		if (!units_parse_duration(text, row->value))
			return complain("--%s %s: must be a duration, as 500ms, 10s or 2m", row->name, text);
		break;
	case RATE:
		if (!units_parse_rate(text, row->value))
			return complain("--%s %s: must be a rate above 0, as 1500, 20k or 8/s", row->name,
			                text);
		break;
	case RAMP:
		return parse_ramp(options, row, text);
	case PERCENT:
		return parse_percent(row, text);
	case TEXT:
		*(const char **)row->value = text;
		break;
	case CHECK:
		options->check = true;
		options->check_file = text;
		break;
	case HEADER:
		return parse_header(options, row, text);
	case SLO:
		return parse_slo(options, row, text);
	case LIMITS:
		return parse_limits(options, row, text);
	case HEADING:
		break;
	}
	return OPTIONS_GO_ON;
}

enum { MOST_ROWS = 64, GIVE_HELP = 512, GIVE_VERSION };

/* The table; it ends with a row without help. */
static void fill_rows(struct options *o, struct row rows[MOST_ROWS])
{
	const struct row table[] = {
		{ .kind = HEADING,
		  .help = "How much: one of --rate, --ramp, --clients, --launch, --find-knee" },
		{ RATE, "rate", "R", "requests/s, whatever the server does (open model)", &o->rate_per_s, 0,
		  0 },
		{ RAMP, "ramp", "FROM..TO", "as --rate, rising or falling over the run", NULL, 0, 0 },
		{ FLAG, "even", NULL, "at even distances (default: Poisson arrivals)", &o->even, 0, 0 },
		{ COUNT, "clients", "N", "clients that each wait for their answer (closed model)",
		  &o->clients, 1, 1000000 },
		{ RATE, "launch", "R/s", "closed model, clients launched at this rate", &o->launch_per_s, 0,
		  0 },
		{ COUNT, "max-clients", "N", "with --launch: not more than these (500)", &o->max_clients, 1,
		  1000000 },
		{ COUNT, "connections", "N", "open model: connections at most (64)", &o->connections, 1,
		  1000000 },
		{ .kind = HEADING, .help = "How long: durations as 500ms, 10s, 2m" },
		{ DURATION, "duration", "T", "measured time (10s)", &o->duration_ns, 0, 0 },
		{ DURATION, "warmup", "T", "before it, not counted (0s)", &o->warmup_ns, 0, 0 },
		{ DURATION, "timeout", "T", "a request without an answer is an error (10s)", &o->timeout_ns,
		  0, 0 },
		{ DURATION, "drain", "T", "after it, wait for answers (2s)", &o->drain_ns, 0, 0 },
		{ .kind = HEADING, .help = "What is sent" },
		{ TEXT, "unix-socket", "PATH", "connect there, not to the URL's host", &o->unix_socket, 0,
		  0 },
		{ TEXT, "fcgi", "SOCKET", "speak FastCGI there: a path or HOST:PORT", &o->fcgi, 0, 0 },
		{ TEXT, "method", "NAME", "GET, or POST with a body", &o->method, 0, 0 },
		{ HEADER, "header", "'N: V'", "a header; may be repeated", NULL, 0, 0 },
		{ TEXT, "body", "FILE", "send what the file holds", &o->body_file, 0, 0 },
		{ FLAG, "no-keepalive", NULL, "a connection for each request", &o->no_keepalive, 0, 0 },
		{ COUNT, "seed", "N", "of the random arrivals (1)", &o->seed, 0, 2147483647 },
		{ .kind = HEADING, .help = "What is expected" },
		{ CHECK, "check", "[=FILE]", "the body is the file's bytes, or the first answer's", NULL, 0,
		  0 },
		{ COUNT, "expect-status", "N", "the status is this (default: 200 to 399)", &o->expect_status,
		  100, 599 },
		{ SLO, "slo", "TERMS", "as 'p99<10ms,errors=0'; exit status 2 if missed", NULL, 0, 0 },
		{ .kind = HEADING, .help = "What is told" },
		{ TEXT, "json", "FILE", "everything, each second and the whole histogram", &o->json_file, 0,
		  0 },
		{ TEXT, "hdr", "FILE", "the percentiles in HdrHistogram's format", &o->hdr_file, 0, 0 },
		{ FLAG, "quiet", NULL, "no progress line", &o->quiet, 0, 0 },
		{ .kind = HEADING, .help = "Searching the highest rate that holds --slo (p99<=10ms)" },
		{ FLAG, "find-knee", NULL, "by trials; --rate is where it begins", &o->find_knee, 0, 0 },
		{ DURATION, "trial", "T", "one trial (10s)", &o->trial_ns, 0, 0 },
		{ DURATION, "trial-warmup", "T", "of it, not counted (2s)", &o->trial_warmup_ns, 0, 0 },
		{ COUNT, "trials", "N", "valid trials a rate at most (5)", &o->trials, 1, 99 },
		{ COUNT, "trials-needed", "N", "of them must hold (4)", &o->trials_needed, 1, 99 },
		{ COUNT, "searches", "N", "the knee is their median (3)", &o->searches, 1, 99 },
		{ LIMITS, "knee-limits", "T,T...", "more limits of p99 (2ms,5ms,25ms), or none", NULL, 0, 0 },
		{ FLAG, "no-check", NULL, "do not --check: the answers differ", &o->no_check, 0, 0 },
		{ .kind = HEADING, .help = "What makes a result INVALID (exit status 3)" },
		{ DURATION, "max-lateness", "T", "p99 of starts behind schedule (1ms)", &o->max_lateness_ns,
		  0, 0 },
		{ PERCENT, "max-cpu", "%", "of a core used by percore-load (85)", &o->max_cpu_percent, 0, 0 },
		{ PERCENT, "max-steal", "%", "of CPU time taken by the hypervisor (2)", &o->max_steal_percent,
		  0, 0 },
		{ FLAG, "allow-invalid", NULL, "mark it, but do not exit with 3", &o->allow_invalid, 0, 0 },
		{ 0 },
	};

	static_assert(sizeof table / sizeof table[0] <= MOST_ROWS, "the table fits");
	memcpy(rows, table, sizeof table);
}

static void print_help(const struct row *rows)
{
	char left[40];

	puts("usage: percore-load [options] [WEIGHT@]http://HOST[:PORT][/PATH]...\n"
	     "\n"
	     "Sends requests and tells how long the answers took, counted from when each\n"
	     "request should have started.");
	for (; rows->help; rows++) {
		if (rows->kind == HEADING) {
			printf("\n%s\n", rows->help);
			continue;
		}
		snprintf(left, sizeof left, "%s%s%s", rows->name,
		         rows->argument && rows->kind != CHECK ? " " : "",
		         rows->argument ? rows->argument : "");
		printf("  --%-20s %s\n", left, rows->help);
	}
	puts("\n"
	     "  --help, --version\n"
	     "\n"
	     "Exit status: 0 success, 1 errors seen, 2 --slo missed, 3 the result is INVALID,\n"
	     "64 usage, 69 the server cannot be reached, 70 something failed here.");
}

static int check_urls(struct options *options, int count, char **texts)
{
	if (count == 0)
		return complain("no URL; give one, as http://127.0.0.1:8080/data");
	if (count > OPTIONS_URLS)
		return complain("%d URLs; at most %d", count, OPTIONS_URLS);
	for (int i = 0; i < count; i++) {
		struct url *url = &options->urls[options->url_count++];
		const char *wrong = url_parse(texts[i], url);
		if (wrong)
			return complain("%s: %s", texts[i], wrong);
		if (strcmp(url->host, options->urls[0].host) != 0 ||
		    strcmp(url->port, options->urls[0].port) != 0)
			return complain("%s: another server than %s; one run loads one server", texts[i],
			                options->urls[0].text);
	}
	return OPTIONS_GO_ON;
}

/* Options that contradict each other, or that mean nothing without another. */
static int check_together(struct options *o)
{
	int models = (o->rate_per_s > 0) + (o->ramp_to_per_s > 0) + (o->clients > 0) + (o->launch_per_s > 0) +
	             o->find_knee;

	if (models == 0)
		return complain("how much? give --rate, --ramp, --clients, --launch or --find-knee");
	if (models > 1 && !(models == 2 && o->find_knee && o->rate_per_s > 0))
		return complain("--rate, --ramp, --clients, --launch and --find-knee: only one of them");
	if (o->even && (o->clients > 0 || o->launch_per_s > 0))
		return complain(
			"--even is for --rate, --ramp and --find-knee; clients wait for their answers");
	if (o->max_clients > 0 && o->launch_per_s <= 0)
		return complain("--max-clients is for --launch; a fixed number is --clients");
	if (o->fcgi && o->unix_socket)
		return complain("--fcgi and --unix-socket: only one of them");
	if (o->duration_ns == 0 || o->timeout_ns == 0)
		return complain("--duration and --timeout must be above 0");
	if (o->duration_ns + o->warmup_ns > UINT64_C(7) * 24 * 3600 * 1000000000)
		return complain("--duration and --warmup: a week at most");
	if (!o->method)
		o->method = o->body_file ? "POST" : "GET";
	if (o->method[0] == '\0' || strspn(o->method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-") != strlen(o->method))
		return complain("--method %s: must be capitals, as GET", o->method);
	if (o->max_clients == 0)
		o->max_clients = 500;
	return OPTIONS_GO_ON;
}

/* What --find-knee needs beside. */
static int check_knee(struct options *o)
{
	if (!o->find_knee)
		return o->no_check ? complain("--no-check is for --find-knee; elsewhere leave out --check")
		                   : OPTIONS_GO_ON;
	if (o->trial_ns <= o->trial_warmup_ns)
		return complain("--trial must be longer than --trial-warmup");
	if (o->trials_needed > o->trials)
		return complain("--trials-needed must not be more than --trials");
	if (o->hdr_file)
		return complain("--hdr is for a single run; --find-knee has many");
	/* A fast wrong answer must not pass for a good one. */
	o->check = o->check || !o->no_check;
	return OPTIONS_GO_ON;
}

static void set_defaults(struct options *options, int argc, char **argv)
{
	*options = (struct options){
		.duration_ns = UINT64_C(10000000000),
		.timeout_ns = UINT64_C(10000000000),
		.drain_ns = UINT64_C(2000000000),
		.connections = 64,
		.trial_ns = UINT64_C(10000000000),
		.trial_warmup_ns = UINT64_C(2000000000),
		.trials = 5,
		.trials_needed = 4,
		.searches = 3,
		.knee_limits_ns = { 2000000, 5000000, 25000000 },
		.knee_limit_count = 3,
		.max_lateness_ns = 1000000,
		.max_cpu_percent = 85,
		.max_steal_percent = 2,
		.seed = 1,
		.argc = argc,
		.argv = argv,
	};
}

int options_parse(struct options *options, int argc, char **argv)
{
	struct row rows[MOST_ROWS];
	struct option longs[MOST_ROWS + 3] = { { 0 } };
	int count = 0;

	set_defaults(options, argc, argv);
	fill_rows(options, rows);
	for (int i = 0; rows[i].help; i++)
		if (rows[i].kind != HEADING)
			longs[count++] = (struct option){ rows[i].name,
				                          rows[i].kind == FLAG    ? no_argument
				                          : rows[i].kind == CHECK ? optional_argument
				                                                  : required_argument,
				                          NULL, i };
	longs[count++] = (struct option){ "help", no_argument, NULL, GIVE_HELP };
	longs[count] = (struct option){ "version", no_argument, NULL, GIVE_VERSION };
	for (int found; (found = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
		if (found == GIVE_HELP) {
			print_help(rows);
			return 0;
		}
		if (found == GIVE_VERSION) {
			puts("percore-load " PACKAGE_VERSION);
			return 0;
		}
		if (found == '?') {
			fputs("Try: percore-load --help\n", stderr);
			return OPTIONS_EXIT_USAGE;
		}
		int done = parse_value(options, &rows[found], optarg);
		if (done != OPTIONS_GO_ON)
			return done;
	}
	int done = check_together(options);
	if (done == OPTIONS_GO_ON)
		done = check_knee(options);
	return done != OPTIONS_GO_ON ? done : check_urls(options, argc - optind, argv + optind);
}
