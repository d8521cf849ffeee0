/* SPDX-License-Identifier: ISC */
/* targets - what the options ask for, made ready to be sent: address, requests, expected answers. */
#ifndef LOAD_TARGETS_H
#define LOAD_TARGETS_H

#include "load/options.h"
#include "load/run.h"

struct targets {
	struct address address;
	struct run_targets run; /* points into the rest */
	struct request_bytes requests[OPTIONS_URLS];
	struct expectation expectations[OPTIONS_URLS];
	double weights[OPTIONS_URLS];
	struct body_copy answers[OPTIONS_URLS]; /* what --check compares with */
	struct body_copy sent, wanted;          /* the files of --body and --check */
};

/* Each: true, or false after saying on stderr what is wrong. */

/* Reads the files and builds the requests; `targets` is zeroed before. */
bool targets_build(const struct options *options, struct targets *targets);

/* Finds the server, and with --check asks it once. */
bool targets_meet(const struct options *options, struct targets *targets);

void targets_fini(struct targets *targets);

#endif
