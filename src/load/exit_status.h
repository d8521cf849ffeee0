/* SPDX-License-Identifier: ISC */
/* exit_status - what percore-load's exit status tells; the manual page has the same list. */
#ifndef LOAD_EXIT_STATUS_H
#define LOAD_EXIT_STATUS_H

enum exit_status {
	EXIT_GOOD = 0,
	EXIT_ERRORS = 1,  /* errors seen, or interrupted */
	EXIT_SLO = 2,     /* --slo missed, or no rate holds it */
	EXIT_INVALID = 3, /* the generator or the machine spoiled it */
	EXIT_USAGE = 64,
	EXIT_NO_SERVER = 69, /* nobody accepts connections, or the first answer is no good */
	EXIT_HERE = 70,      /* no memory, no descriptors, a file that cannot be read or written */
};

#endif
