/* SPDX-License-Identifier: ISC */
/* knee_run - --find-knee: the trials, and what they found. */
#ifndef LOAD_KNEE_RUN_H
#define LOAD_KNEE_RUN_H

#include "load/exit_status.h"
#include "load/targets.h"

/*
 * Searches, prints and, with --json, writes the knee.
 *
 * A trial is an open-model run of --trial, of which the first --trial-warmup is not
 * counted.  It holds when no answer was wrong, 99 % of the planned requests were
 * answered and --slo (p99<=10ms) held.
 */
enum exit_status knee_run(const struct options *options, const struct targets *targets,
                          const volatile bool *interrupted);

#endif
