/* SPDX-License-Identifier: ISC */
/*
 * job_claim - which jobs the processes of this pool hold, in shared memory.
 *
 * At a reload the old process ends its runs while the new one starts others: by this the
 * new one knows what it must leave alone, and how many run.  Each process writes its own
 * claims; the master drops those of the dead.
 */
#ifndef PERCORE_JOB_CLAIM_H
#define PERCORE_JOB_CLAIM_H

#include "background/job.h"

#include <sys/types.h>

/* This process's.  False: there is no room. */
bool job_claim_make(struct jobs_shm *shm, const char *id);
void job_claim_drop(struct jobs_shm *shm, const char *id);

/* All of a process; and all of processes that are gone. */
void job_claim_drop_all(struct jobs_shm *shm, pid_t pid);
void job_claim_drop_dead(struct jobs_shm *shm);

bool job_claim_is_made(const struct jobs_shm *shm, const char *id);

/* How many there are, and how many of other processes than this. */
unsigned job_claim_count(const struct jobs_shm *shm);
unsigned job_claim_others(const struct jobs_shm *shm);

#endif
