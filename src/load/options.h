/* SPDX-License-Identifier: ISC */
/* options - the command line of percore-load. */
#ifndef LOAD_OPTIONS_H
#define LOAD_OPTIONS_H

#include "load/slo.h"
#include "load/url.h"

enum { OPTIONS_HEADERS = 64, OPTIONS_URLS = 64, OPTIONS_KNEE_LIMITS = 8 };

struct options {
	/* How much */
	double rate_per_s; /* each 0 if not given */
	double ramp_from_per_s, ramp_to_per_s;
	long clients;
	double launch_per_s;
	long max_clients;
	bool even;
	bool find_knee;
	/* How long */
	uint64_t duration_ns, warmup_ns, drain_ns, timeout_ns;
	/* What, and to whom */
	long connections;
	const char *unix_socket;
	const char *fcgi;
	const char *method;
	const char *headers[OPTIONS_HEADERS + 1];
	unsigned header_count;
	const char *body_file;
	bool no_keepalive;
	/* What is expected */
	bool check, no_check;
	const char *check_file; /* NULL: the first answer of each URL */
	long expect_status;
	struct slo slo;
	/* What is told */
	const char *json_file;
	const char *hdr_file;
	bool quiet;
	/* What spoils a result */
	uint64_t max_lateness_ns;
	double max_cpu_percent, max_steal_percent;
	bool allow_invalid;
	/* --find-knee */
	uint64_t trial_ns, trial_warmup_ns;
	long trials, trials_needed, searches;
	uint64_t knee_limits_ns[OPTIONS_KNEE_LIMITS];
	unsigned knee_limit_count;

	long seed;
	struct url urls[OPTIONS_URLS];
	unsigned url_count;
	int argc; /* the command line as given, for the records */
	char **argv;
};

enum { OPTIONS_GO_ON = -1, OPTIONS_EXIT_USAGE = 64 };

/* OPTIONS_GO_ON, or the exit status: 0 after --help and --version, 64 after a complaint on stderr. */
int options_parse(struct options *options, int argc, char **argv);

#endif
