/* SPDX-License-Identifier: ISC */
/* options - percore-top's command line. */
#ifndef PERCORE_TOP_OPTIONS_H
#define PERCORE_TOP_OPTIONS_H

#include "top/table.h"

#include <stdint.h>
#include <sys/types.h>

enum { EXIT_WRONG_USAGE = 64 };

struct options {
	pid_t pid;            /* 0: not given */
	const char *file;     /* NULL: not given */
	uint64_t interval_ms; /* 0: not given */
	bool is_once, is_json;
	enum column sorted;
};

/* -1: go on.  Else the status to exit with; all is said. */
int options_read(struct options *options, int argc, char **argv);

#endif
