/* options - the command line. */
#ifndef PERCORE_OPTIONS_H
#define PERCORE_OPTIONS_H

#include "percore.h"

struct options {
	long workers; /* -1: auto */
	long io_timeout_s;
	long max_body; /* bytes */
	const char *listen;
	const char *prefix;
};

/* -1: go on; else the exit status. */
int options_parse(struct options *options, const struct percore_service *service, int argc, char **argv);

#endif
