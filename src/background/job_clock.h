/* SPDX-License-Identifier: ISC */
/*
 * job_clock - the clock of a jobs' file: steady, whatever is done to the wall clock.
 *
 * The file keeps one moment as three clocks showed it.  Within a boot its clock runs with
 * CLOCK_BOOTTIME, so a process that opens the file goes on where the last one was.
 * Over a boot only the wall clock tells how much time passed; where that was set back
 * none has, so no job waits longer than it still had to.
 */
#ifndef PERCORE_JOB_CLOCK_H
#define PERCORE_JOB_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* One moment. */
struct job_clock {
	char boot[48];               /* names the boot that steady_ms belongs to */
	uint64_t steady_ms, wall_ms; /* CLOCK_BOOTTIME; Unix time */
	uint64_t store_ms;           /* the file's own; 0: not known */
};

/* Now; without store_ms. */
void job_clock_read(struct job_clock *now);

/* What the file's clock shows at `now`, when it showed last->store_ms at `last`; it begins as the wall clock.
 */
uint64_t job_clock_at(const struct job_clock *last, const struct job_clock *now);

/* True where the wall clock was set between them, by more than a second. */
bool job_clock_was_set(const struct job_clock *last, const struct job_clock *now);

#endif
