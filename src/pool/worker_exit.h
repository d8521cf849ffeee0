/* SPDX-License-Identifier: ISC */
/*
 * worker_exit - why a worker ended: from what it left in its slot, what it had been told,
 * and how its process died.
 */
#ifndef PERCORE_WORKER_EXIT_H
#define PERCORE_WORKER_EXIT_H

#include "base/log.h"
#include "pool/workers.h"

enum pool_exit worker_exit_cause(const struct process *process, const struct worker_shm *slot,
                                 const siginfo_t *death);

/* For the log. */
enum { WORKER_EXIT_WORDS = 256 };
enum log_level worker_exit_describe(const struct process *process, const struct worker_shm *slot,
                                    enum pool_exit cause, const siginfo_t *death,
                                    char words[WORKER_EXIT_WORDS]);

/* What its client is told. */
struct worker_exit_answer {
	int status;
	const char *detail;
};
struct worker_exit_answer worker_exit_answer(enum pool_exit cause);

#endif
