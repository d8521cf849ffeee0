/* SPDX-License-Identifier: ISC */
/* handover - see handover.h. */
#include "pool/handover.h"

#include "base/log.h"
#include "base/message.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PARCEL_VERSION = 1 };

struct parcel {
	uint32_t version;
	uint32_t discards, part_since_s; /* as in struct connection_shm */
	uint32_t has_part;               /* a second descriptor: of memory that holds a struct input_part */
};

/* Only as far as it is filled. */
static size_t part_bytes(const struct input_part *part)
{
	return offsetof(struct input_part, bytes) + part->filled;
}

static int write_part(const struct input_part *part)
{
	int fd = memfd_create("percore-head", MFD_CLOEXEC);
	size_t bytes = part_bytes(part);

	if (fd >= 0 && bytes <= sizeof *part && pwrite(fd, part, bytes, 0) == (ssize_t)bytes)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

int handover_send(int parcels, const struct connections *c, uint32_t slot, int fd)
{
	const struct connection_shm *connection = &c->shm->slots[slot];
	const struct input_part *part = connections_part(c, slot);
	int fds[2] = { fd, part ? write_part(part) : -1 };
	const struct parcel parcel = { .version = PARCEL_VERSION,
		                       .discards = atomic_load(&connection->discards),
		                       .part_since_s = atomic_load(&connection->part_since_s),
		                       .has_part = part != NULL };

	if (part && fds[1] < 0)
		return -EMFILE;
	int error = message_send(parcels, &parcel, sizeof parcel, fds, part ? 2 : 1, false);
	if (part)
		close(fds[1]);
	return error;
}

/* Into the slot's own memory.  False: it is no part of a head, or there is no place for it. */
static bool read_part(struct connections *c, uint32_t slot, int fd)
{
	struct input_part *part = connections_make_part(c, slot);
	ssize_t bytes = part ? pread(fd, part, sizeof *part, 0) : -1;

	return bytes >= (ssize_t)offsetof(struct input_part, bytes) && (size_t)bytes == part_bytes(part);
}

static bool take_in(struct registry *r, const struct parcel *parcel, const int *fds, unsigned count)
{
	struct connections *c = r->connections;
	uint32_t slot, generation;
	bool has_part = parcel->has_part && count == 2;

	if (parcel->version != PARCEL_VERSION || count < 1 ||
	    !connections_take_slot(c, CONNECTIONS_MASTER, &slot, &generation))
		return false;
	if (has_part && !read_part(c, slot, fds[1])) {
		connections_forget(c, slot);
		return false;
	}
	atomic_store(&c->shm->slots[slot].part_since_s, parcel->part_since_s);
	atomic_store(&c->shm->slots[slot].discards, parcel->discards);
	connections_free(c, slot, generation);
	registry_add(r, slot, generation, fds[0]);
	if (has_part)
		close(fds[1]);
	return true;
}

bool handover_receive(int parcels, struct registry *r)
{
	struct parcel parcel;
	bool all = true;
	int fds[2], got;
	unsigned count = 2;

	for (; (got = message_receive(parcels, &parcel, sizeof parcel, fds, &count, false)) == 1 ||
	       got == -EMFILE || got == -EPROTO;
	     count = 2) {
		if (got == 1 && take_in(r, &parcel, fds, count))
			continue;
		if (got == 1 && count > 0)
			shutdown(fds[0], SHUT_RDWR); /* whoever has copies */
		while (got == 1 && count > 0)
			close(fds[--count]);
		log_warning("a connection of the generation before is lost: %s",
		            got == -EPROTO   ? "its parcel is broken"
		            : got == -EMFILE ? "no descriptor is free; raise ulimit -n"
		                             : "there is no room for it; raise ulimit -n");
		all = false;
	}
	return all;
}

bool handover_give_free(int parcels, struct registry *r, unsigned most)
{
	struct connections *c = r->connections;
	uint32_t top = connections_top(c);
	struct connections_state state;

	for (uint32_t slot = 0; slot < top; slot++) {
		if (r->fds[slot] < 0 || !connections_look(c, slot, &state) || state.is_owned)
			continue;
		if (most-- == 0)
			return true;
		if (!connections_claim(c, slot, state.generation, CONNECTIONS_MASTER))
			continue;
		int error = handover_send(parcels, c, slot, r->fds[slot]);
		if (error == 0)
			registry_forget(r, slot);
		else if (error == -EAGAIN || error == -EMFILE)
			registry_release(r, slot, state.generation);
		else
			registry_close(r, slot);
		if (error)
			return true;
	}
	return false;
}
