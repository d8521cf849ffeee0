/* SPDX-License-Identifier: ISC */
/* watch - see watch.h. */
#include "supervisor/watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

enum { QUIET_MS = 100 };

/* A new file is whole when it was closed, or has its name.  One that is still written is none yet. */
enum {
	CHANGES = IN_CLOSE_WRITE | IN_MOVED_TO | IN_ATTRIB, /* chmod +x */
	EVENTS = CHANGES | IN_MODIFY | IN_MOVE_SELF | IN_ONLYDIR,
};

void watch_init(struct watch *w, const char *const *paths)
{
	memset(w, 0, sizeof *w);
	w->fd = -1;
	for (; *paths && w->count < WATCH_FILES_MAX; paths++)
		if (realpath(*paths, w->files[w->count].path))
			w->files[w->count++].folder = -1;
}

/* 0 or -errno. */
static int watch_folder(const struct watch *w, struct watched *file)
{
	char folder[PATH_MAX];

	strcpy(folder, file->path);
	strrchr(folder, '/')[1] = '\0';
	file->folder = inotify_add_watch(w->fd, folder, EVENTS);
	return file->folder < 0 ? -errno : 0;
}

int watch_open(struct watch *w)
{
	int error = w->count > 0 ? 0 : -ENOENT;

	w->due_ms = 0;
	w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (w->fd < 0)
		return -errno;
	for (unsigned i = 0; i < w->count && !error; i++)
		error = watch_folder(w, &w->files[i]);
	if (error)
		watch_close(w);
	return error;
}

void watch_close(struct watch *w)
{
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
}

static void note(struct watch *w, unsigned file, uint64_t now_ms)
{
	w->changed = file;
	w->due_ms = now_ms + QUIET_MS;
}

static void take_event(struct watch *w, const struct inotify_event *e, uint64_t now_ms)
{
	if (e->mask & IN_Q_OVERFLOW) /* it may have been among those that were lost */
		note(w, 0, now_ms);
	if (e->mask & IN_MOVE_SELF) /* its path is another's: IN_IGNORED follows */
		inotify_rm_watch(w->fd, e->wd);
	for (unsigned i = 0; i < w->count; i++) {
		struct watched *file = &w->files[i];
		if (file->folder != e->wd)
			continue;
		if (e->mask & IN_IGNORED)
			file->folder = -1;
		else if (e->len == 0 || strcmp(e->name, strrchr(file->path, '/') + 1) != 0)
			continue;
		else if (e->mask & CHANGES || w->due_ms)
			note(w, i, now_ms);
	}
}

static void read_events(struct watch *w, uint64_t now_ms)
{
	_Alignas(struct inotify_event) char events[4096];
	ssize_t got;

	while ((got = read(w->fd, events, sizeof events)) > 0)
		for (const char *at = events; at < events + got;) {
			const struct inotify_event *e = (const struct inotify_event *)at;
			take_event(w, e, now_ms);
			at += sizeof *e + e->len;
		}
}

const char *watch_take(struct watch *w, uint64_t now_ms)
{
	if (w->fd < 0)
		return NULL;
	read_events(w, now_ms);
	for (unsigned i = 0; i < w->count; i++)
		if (w->files[i].folder < 0 && watch_folder(w, &w->files[i]) == 0 &&
		    access(w->files[i].path, F_OK) == 0)
			note(w, i, now_ms);
	if (!w->due_ms || now_ms < w->due_ms)
		return NULL;
	w->due_ms = 0;
	return w->files[w->changed].path;
}
