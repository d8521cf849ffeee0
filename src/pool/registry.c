/* SPDX-License-Identifier: ISC */
/* registry - see registry.h. */
#include "pool/registry.h"

#include "base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CALM_S = 10, BACKLOG_MAX = 4096, IDLE_CLOSED_MAX = 8 };

int registry_open(struct registry *r, struct connections *connections)
{
	*r = (struct registry){ .connections = connections,
		                .fds = malloc(connections->slots * sizeof *r->fds) };
	if (!r->fds)
		return -ENOMEM;
	memset(r->fds, -1, connections->slots * sizeof *r->fds);
	return 0;
}

static void close_fd(int fd)
{
	shutdown(fd, SHUT_RDWR);
	close(fd);
}

void registry_add(struct registry *r, uint32_t slot, uint32_t generation, int fd)
{
	struct connections_state state;

	if (!connections_look(r->connections, slot, &state) || state.generation != generation ||
	    r->fds[slot] >= 0) {
		close_fd(fd); /* a worker wrote where it should not have */
		return;
	}
	r->fds[slot] = fd;
	r->count++;
	int error = connections_watch(r->connections, EPOLL_CTL_ADD, fd, slot, generation);
	if (!error)
		return;
	log_warning("epoll: %s: a connection that the web server keeps is closed", strerror(-error));
	registry_close(r, slot);
}

void registry_lose(struct registry *r, uint32_t slot, uint32_t generation)
{
	struct connections_state state;

	if (connections_look(r->connections, slot, &state) && state.generation == generation &&
	    r->fds[slot] < 0)
		connections_forget(r->connections, slot);
}

bool registry_add_free(struct registry *r, int fd)
{
	uint32_t slot, generation;

	if (!connections_take_slot(r->connections, CONNECTIONS_MASTER, &slot, &generation))
		return false;
	connections_free(r->connections, slot, generation);
	registry_add(r, slot, generation, fd);
	return true;
}

int registry_fd(const struct registry *r, uint32_t slot)
{
	return slot < r->connections->slots ? r->fds[slot] : -1;
}

static int take_out(struct registry *r, uint32_t slot)
{
	int fd = registry_fd(r, slot);

	if (fd >= 0) {
		epoll_ctl(r->connections->epoll, EPOLL_CTL_DEL, fd, NULL);
		r->fds[slot] = -1;
		r->count--;
	}
	return fd;
}

void registry_close(struct registry *r, uint32_t slot)
{
	int fd = take_out(r, slot);

	if (fd >= 0)
		close_fd(fd);
	if (slot < r->connections->slots)
		connections_forget(r->connections, slot);
}

void registry_forget(struct registry *r, uint32_t slot)
{
	int fd = take_out(r, slot);

	if (fd >= 0)
		close(fd);
	connections_forget(r->connections, slot);
}

void registry_release(struct registry *r, uint32_t slot, uint32_t generation)
{
	connections_free(r->connections, slot, generation);
	if (connections_watch(r->connections, EPOLL_CTL_MOD, r->fds[slot], slot, generation) != 0)
		registry_close(r, slot);
}

void registry_release_to_discard(struct registry *r, uint32_t slot, uint32_t generation)
{
	atomic_store(&r->connections->shm->slots[slot].discards, 1);
	atomic_store(&r->connections->shm->slots[slot].part_since_s, connections_now_s());
	registry_release(r, slot, generation);
}

void registry_raise(const struct registry *r)
{
	uint32_t top = connections_top(r->connections);
	struct connections_state state;

	/* The word after the descriptor: it says which generation that is of. */
	for (uint32_t slot = 0; slot < top; slot++)
		if (r->fds[slot] >= 0 && connections_look(r->connections, slot, &state) && !state.is_owned)
			connections_watch(r->connections, EPOLL_CTL_MOD, r->fds[slot], slot,
			                  state.generation);
	connections_rearm(r->connections);
}

/* What held part of a head for longer than --io-timeout. */
static void close_overdue(struct registry *r)
{
	struct connections *c = r->connections;
	uint32_t top = connections_top(c), now = connections_now_s();
	struct connections_state state;

	for (uint32_t slot = 0; slot < top; slot++) {
		const _Atomic uint32_t *since_of = &c->shm->slots[slot].part_since_s;
		uint32_t since = atomic_load_explicit(since_of, memory_order_relaxed);
		if (since == 0 || (int64_t)(int32_t)(now - since) * 1000 < (int64_t)c->io_timeout_ms ||
		    !connections_look(c, slot, &state) || state.is_owned ||
		    !connections_claim(c, slot, state.generation, CONNECTIONS_MASTER))
			continue;
		if (atomic_load(since_of) == since)
			registry_close(r, slot);
		else /* the rest came while we looked */
			registry_release(r, slot, state.generation);
	}
}

static bool has_input(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 || errno != EAGAIN;
}

void registry_close_idle(struct registry *r, unsigned most)
{
	struct connections *c = r->connections;
	uint32_t top = connections_top(c);
	struct connections_state state;

	for (uint32_t slot = 0; slot < top && most > 0; slot++) {
		if (r->fds[slot] < 0 || !connections_look(c, slot, &state) || state.is_owned ||
		    atomic_load(&c->shm->slots[slot].part_since_s) ||
		    !connections_claim(c, slot, state.generation, CONNECTIONS_MASTER))
			continue;
		if (has_input(r->fds[slot])) {
			registry_release(r, slot, state.generation);
			continue;
		}
		registry_close(r, slot);
		most--;
	}
}

void registry_tick(struct registry *r)
{
	struct connections_shm *shm = r->connections->shm;
	uint32_t full_s = atomic_load(&shm->full_s);

	connections_never_block(r->connections);
	close_overdue(r);
	if (full_s && connections_now_s() - full_s >= CALM_S &&
	    atomic_compare_exchange_strong(&shm->full_s, &full_s, 0))
		log_notice("connections: there is room again");
	bool is_paused = atomic_load(&shm->paused);
	if (is_paused && r->was_paused) /* new ones waited for descriptors through a whole tick */
		registry_close_idle(r, IDLE_CLOSED_MAX);
	r->was_paused = is_paused;
	if (!is_paused)
		return;
	atomic_store(&shm->paused, 0);
	if (connections_accepts(r->connections))
		connections_listen(r->connections);
}

static bool accept_one(struct registry *r)
{
	int fd = accept4(r->connections->listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd >= 0 && !registry_add_free(r, fd))
		close_fd(fd);
	return fd >= 0;
}

void registry_drain(struct registry *r)
{
	const struct connections *c = r->connections;

	if (atomic_exchange(&c->shm->draining, 1))
		return;
	connections_deafen(c);
	connections_never_block(c);
	for (int i = 0; i < BACKLOG_MAX && accept_one(r); i++)
		;
}
