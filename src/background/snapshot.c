/* SPDX-License-Identifier: ISC */
/*
 * snapshot - see snapshot.h.
 *
 * A version's file is PLACE/KEY.VERSION.  A publisher takes the next number, writes
 * the file, then raises `current` to it, and removes what is older than the one
 * that was current: so a reader that has read `current` has time for one more
 * publication to open its file, and looks again where it came too late.  What a
 * publisher leaves that dies in between, the next one removes.
 */
#include "background/snapshot.h"

#include "background/value.h"
#include "background/work.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TRIES = 1000, FILE_MAX = RUNTIME_DIRECTORY_MAX + 48 };

/* What this process holds of a name. */
struct view {
	uint64_t version, seen; /* `seen`: the request or run that looked last */
	const void *bytes;
	size_t length;
	json_object *json;     /* parsed on demand, once a version */
	char tag[ETAG_OF_MAX]; /* likewise made on demand; "" */
	bool is_parsed;
};

static struct background_shm *shared;
static const char *place = ""; /* the files' directory; in no handler's reach */
static struct view views[SNAPSHOTS_MAX];
static uint64_t epoch = 1;

void snapshot_use(struct background_shm *shm, const char *directory)
{
	shared = shm;
	place = directory;
}

void snapshot_begin(void)
{
	epoch++;
}

/* FNV-1a.  Names are the program's, so nobody makes them collide. */
static uint64_t key_of(const char *name)
{
	uint64_t key = UINT64_C(0xcbf29ce484222325);

	for (; *name; name++)
		key = (key ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
	return key ? key : 1;
}

/* The name's place, which it gets where `make`.  SNAPSHOTS_MAX: none. */
static unsigned find(const char *name, bool make)
{
	uint64_t key = key_of(name);

	for (unsigned i = 0; i < SNAPSHOTS_MAX; i++) {
		struct snapshot_shm *s = &shared->snapshots[i];
		uint64_t found = atomic_load_explicit(&s->key, memory_order_acquire);
		if (!found && !make)
			break;
		if (!found && atomic_compare_exchange_strong(&s->key, &found, key)) {
			work_copy_text(s->name, name, sizeof s->name);
			found = key;
		}
		if (found == key)
			return i;
	}
	return SNAPSHOTS_MAX;
}

static void name_file(char path[FILE_MAX], const struct snapshot_shm *s, uint64_t version)
{
	snprintf(path, FILE_MAX, "%s/%016" PRIx64 ".%" PRIu64, place, atomic_load(&s->key), version);
}

/* ---- Publishing. */

static int write_all(int fd, const char *bytes, size_t length)
{
	while (length > 0) {
		ssize_t n = write(fd, bytes, length);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		bytes += n;
		length -= (size_t)n;
	}
	return 0;
}

static int write_file(const char *path, const void *bytes, size_t length)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0400);

	if (fd < 0)
		return -errno;
	fault_point("snapshot-open");
	int error = write_all(fd, bytes, length);
	if (close(fd) != 0 && !error)
		error = -errno;
	if (error)
		unlink(path);
	return error;
}

static void remove_older(const struct snapshot_shm *s, uint64_t than)
{
	DIR *directory = opendir(place);
	const struct dirent *entry;
	uint64_t key, version;
	char path[FILE_MAX];

	if (!directory)
		return;
	while ((entry = readdir(directory)))
		if (sscanf(entry->d_name, "%16" SCNx64 ".%" SCNu64, &key, &version) == 2 &&
		    key == atomic_load(&s->key) && version < than) {
			name_file(path, s, version);
			unlink(path);
		}
	closedir(directory);
}

static int publish(const char *name, const void *bytes, size_t length)
{
	char path[FILE_MAX];

	if (!shared || !*place)
		return -ENOTSUP;
	if (length > SNAPSHOT_BYTES_MAX)
		return -EFBIG;
	unsigned index = find(name, true);
	if (index == SNAPSHOTS_MAX)
		return -ENOSPC;
	struct snapshot_shm *s = &shared->snapshots[index];
	uint64_t version = atomic_fetch_add(&s->next, 1) + 1, before = atomic_load(&s->current);
	name_file(path, s, version);
	int error = write_file(path, bytes, length);
	if (error)
		return error;
	fault_point("snapshot-written");
	while (before < version && !atomic_compare_exchange_weak(&s->current, &before, version))
		;
	if (before < version) {
		atomic_store(&s->bytes, length);
		atomic_store(&s->wall_ms, clock_read_ns(CLOCK_REALTIME) / 1000000);
	}
	/* Where another was faster with a later version, ours is older than that. */
	remove_older(s, before);
	return 0;
}

bool percore_publish(const char *name, const void *bytes, size_t length)
{
	int error = publish(name, bytes, length);

	if (error)
		log_error("snapshot %s of %zu bytes: %s; the version before stays", name, length,
		          error == -ENOTSUP ? "there is no pool that keeps it (--workers 0, or --runtime-dir)"
		                            : strerror(-error));
	return error == 0;
}

bool percore_publish_json(const char *name, json_object *json)
{
	size_t length;
	const char *text, *wrong = value_write(json, &text, &length);

	if (wrong)
		log_error("snapshot %s: its JSON could not be read back (%s); the version before stays", name,
		          wrong);
	return !wrong && percore_publish(name, text, length);
}

/* ---- Reading. */

static void drop(struct view *view)
{
	json_object_put(view->json);
	if (view->length > 0)
		munmap((void *)view->bytes, view->length);
	*view = (struct view){ 0 };
}

/* 0, -ENOENT where it was superseded meanwhile, or -errno. */
static int map_version(const struct snapshot_shm *s, uint64_t version, struct view *view)
{
	char path[FILE_MAX];
	struct stat st;

	name_file(path, s, version);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	int error = fstat(fd, &st) == 0 ? 0 : -errno;
	*view = (struct view){ .version = version, .bytes = "", .length = error ? 0 : (size_t)st.st_size };
	if (view->length > 0)
		view->bytes = mmap(NULL, view->length, PROT_READ, MAP_SHARED, fd, 0);
	if (view->bytes == MAP_FAILED)
		error = -errno;
	close(fd);
	return error;
}

/* A newer one takes the old one's place; where it cannot be had, the old one stays. */
static void look(const struct snapshot_shm *s, struct view *view)
{
	struct view fresh;
	int error = -ENOENT;

	for (int i = 0; i < TRIES && error == -ENOENT; i++) {
		uint64_t version = atomic_load_explicit(&s->current, memory_order_acquire);
		if (version == view->version)
			return;
		error = map_version(s, version, &fresh);
	}
	if (error) {
		log_error("snapshot %.*s cannot be read: %s", BACKGROUND_NAME_MAX - 1, s->name,
		          strerror(-error));
		return;
	}
	drop(view);
	*view = fresh;
}

/* NULL: there is none. */
static struct view *view_of(const char *name)
{
	unsigned index = shared ? find(name, false) : SNAPSHOTS_MAX;

	if (index == SNAPSHOTS_MAX)
		return NULL;
	struct view *view = &views[index];
	if (view->seen != epoch)
		look(&shared->snapshots[index], view);
	view->seen = epoch;
	return view->version ? view : NULL;
}

const void *percore_snapshot(const char *name, size_t *length)
{
	const struct view *view = view_of(name);

	*length = view ? view->length : 0;
	return view ? view->bytes : NULL;
}

static json_object *parse(const char *name, const struct view *view)
{
	json_object *json;
	const char *wrong = value_read(view->bytes, view->length, &json);

	if (wrong)
		log_error("snapshot %s: version %" PRIu64 " is no JSON (%s)", name, view->version, wrong);
	return json;
}

json_object *percore_snapshot_json(const char *name)
{
	struct view *view = view_of(name);

	if (!view)
		return NULL;
	if (!view->is_parsed)
		view->json = parse(name, view);
	view->is_parsed = true;
	return view->json;
}

bool snapshot_tag(const char *name, char tag[ETAG_OF_MAX])
{
	struct view *view = view_of(name);

	if (!view)
		return false;
	if (!*view->tag)
		etag_of(view->bytes, view->length, view->tag);
	memcpy(tag, view->tag, sizeof view->tag);
	return true;
}

unsigned long long percore_snapshot_version(const char *name)
{
	const struct view *view = view_of(name);

	return view ? view->version : 0;
}
