/* SPDX-License-Identifier: ISC */
/*
 * shared - the one mapping that all processes of a pool share.
 *
 * A header, then sections, each laid out by the file that owns it.  Made by the
 * master; kept over the ends of workers and, where the layout is the same, of generations.
 * Sections start at zero bytes, hold no pointer, and cost memory only where
 * they are touched.
 */
#ifndef PERCORE_SHARED_H
#define PERCORE_SHARED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum shared_section {
	SHARED_POOL,     /* struct pool_shm: the pool as a whole */
	SHARED_OVERLOAD, /* struct overload_shm */
	SHARED_SLOTS,    /* struct worker_shm[]: one a worker process */
	SHARED_METRICS,  /* struct metrics_shm, and struct metrics_slot_shm[] */
	SHARED_LIMIT,    /* struct limit_shm */
	SHARED_LIMIT_TABLE,
	SHARED_ACCESS,     /* struct access_shm: the access log's rings */
	SHARED_BACKGROUND, /* struct background_shm: tasks, snapshots, jobs */
	SHARED_HISTORY,    /* struct history_shm: the last 15 minutes */
	SHARED_SECTIONS,
};

struct shared {
	int fd;
	void *base;
	size_t bytes;
	size_t offsets[SHARED_SECTIONS]; /* not read from the memory, where a handler may write */
	const char *path;                /* lent; NULL: memory without a name */
	bool is_new;                     /* made here: as a file it has not got its name yet */
};

/*
 * Makes it: a file beside `path`, or memory without a name where that is NULL.  A file gets
 * its name by shared_publish: until then the one before has it.  0 or -errno; -EEXIST: `path`
 * is a file that is no shared memory of a percore.
 */
int shared_create(struct shared *shared, const char *path, const size_t sizes[SHARED_SECTIONS]);

/*
 * Takes over descriptor `fd` from the program before us.  -EPROTO: its layout is not
 * ours, or it is not (any more) the file that `path` names, where that is not NULL.
 */
int shared_attach(struct shared *shared, int fd, const char *path, const size_t sizes[SHARED_SECTIONS]);

int shared_publish(struct shared *shared);

/* As the memory behind `fd` says, which is input: to be checked.  0: it does not say. */
size_t shared_section_bytes(int fd, enum shared_section section);

/*
 * For who watches: the sizes and places of the sections behind `fd`, which are input.  0, and each lies
 * within the memory; -EPROTO: it is no shared memory of a percore, or a damaged one; -ENOTSUP: of another
 * version.
 */
int shared_inspect(int fd, size_t sizes[SHARED_SECTIONS], size_t offsets[SHARED_SECTIONS]);

void *shared_section(const struct shared *shared, enum shared_section section);

/* Ends the mapping and closes its descriptor. */
void shared_close(struct shared *shared);

#endif
