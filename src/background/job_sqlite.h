/* SPDX-License-Identifier: ISC */
/*
 * job_sqlite - the jobs in a file: SQLite in WAL mode, each commit on disk before it returns.
 *
 * One process has it open.  All that is done from job_sqlite_begin to
 * job_sqlite_commit is kept, or none of it.  Times are the file's own (job_clock.h);
 * what a client is told is the wall clock's.
 */
#ifndef PERCORE_JOB_SQLITE_H
#define PERCORE_JOB_SQLITE_H

#include "background/job.h"

struct job_sqlite;

/*
 * Opens it, or makes it; a file that is damaged is renamed to FILE.corrupt-TIME, which is said,
 * and a new one made.  Jobs that were running when it was last used are queued again, or have
 * failed where they had `attempts`; not those that `claims` (NULL: none) says are held.  NULL, with the
 * problem: it cannot be had.
 */
struct job_sqlite *job_sqlite_open(const char *path, unsigned attempts, const struct jobs_shm *claims,
                                   char problem[BACKGROUND_REASON_MAX]);

/* The same of the jobs, when another process has let go of some. */
bool job_sqlite_take_up(struct job_sqlite *store);

void job_sqlite_close(struct job_sqlite *store);

/* False: nothing of it is kept. */
bool job_sqlite_begin(struct job_sqlite *store);
bool job_sqlite_commit(struct job_sqlite *store);

/* By the file's clock, as all that follows. */
uint64_t job_sqlite_now_ms(const struct job_sqlite *store);

/* Between them; where one fails, so will the commit. */
enum job_verdict job_sqlite_add(struct job_sqlite *store, struct job_offer *offer, uint64_t now_ms,
                                long queue_max);
enum job_verdict job_sqlite_look(struct job_sqlite *store, const char *id, char **text); /* free() */
bool job_sqlite_take(struct job_sqlite *store, uint64_t now_ms, struct job_entry *entry);
void job_sqlite_end(struct job_sqlite *store, const struct job_entry *entry, const struct job_end *end,
                    uint64_t now_ms);
/*
 * The oldest of those that have ended, while they are too old, too many or too large; not all at once.
 * `bytes` are those of results and reasons.
 */
struct job_bounds {
	uint64_t ended_before_ms, count, bytes;
};
void job_sqlite_forget(struct job_sqlite *store, const struct job_bounds *bounds);

/* True where they are too many or too large, as far as it is known. */
bool job_sqlite_is_over(const struct job_sqlite *store, const struct job_bounds *bounds);

/* Writes the clock down again where the wall clock was set.  Once in a while. */
void job_sqlite_keep_clock(struct job_sqlite *store);

/* Waiting jobs as of the last commit; and when the next of them is due: UINT64_MAX, none. */
uint64_t job_sqlite_queued(const struct job_sqlite *store);
uint64_t job_sqlite_next_ms(struct job_sqlite *store);

/* Why the last transaction failed. */
const char *job_sqlite_problem(const struct job_sqlite *store);

/* True when the file was found damaged while it was used: close and open it. */
bool job_sqlite_is_damaged(const struct job_sqlite *store);

#endif
