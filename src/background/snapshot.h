/* SPDX-License-Identifier: ISC */
/*
 * snapshot - values that one process publishes and all read, without a lock.
 *
 * A version is a file in the pool's directory (place.h), complete before the one
 * word that names it is written, and never changed after.  A reader maps it, so it
 * stays whole for as long as the reader wants it, also when it is superseded and
 * removed, and whoever dies.  The descriptor is closed at once: workers share one
 * table.
 */
#ifndef PERCORE_SNAPSHOT_H
#define PERCORE_SNAPSHOT_H

#include "background/background.h"
#include "base/etag.h"

enum { SNAPSHOT_BYTES_MAX = 64 << 20 };

/* Before there are other processes: where snapshots are kept, and their files; both are lent.  NULL: nowhere.
 */
void snapshot_use(struct background_shm *shm, const char *directory);

/*
 * A name for the bytes of the version that this request sees, as an ETag: the same on every host and after a
 * restart, as a number of a version would not be.  False: there is none.
 */
bool snapshot_tag(const char *name, char tag[ETAG_OF_MAX]);

/* At the start of each request or run: until the next, each name stays at the version first seen. */
void snapshot_begin(void);

#endif
