/* SPDX-License-Identifier: ISC */
/* intake - see intake.h. */
#include "pool/intake.h"

#include "base/fault.h"
#include "base/log.h"
#include "base/message.h"
#include "pool/handover.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TAKE_IN_MAX = 16, SWEEP_MS = 5000, ROOM_MS = 1000, GIVE_MS = 5000, HEADROOM = 64 };

/* Handlers open descriptors too. */
static uint32_t most_copies(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) != 0)
		return HEADROOM;
	uint32_t limit = files.rlim_cur < UINT32_MAX ? (uint32_t)files.rlim_cur : UINT32_MAX;
	return limit > 4 * HEADROOM ? limit - 2 * HEADROOM : limit / 2;
}

/* Zeroed, and costs nothing where it is not touched: malloc might clear what was used before. */
static void *map_private(size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

int intake_open(struct intake *in, struct connections *connections, const struct intake_wires *wires,
                struct worker_shm *slot, unsigned index)
{
	*in = (struct intake){ .connections = connections,
		               .wires = *wires,
		               .slot = slot,
		               .index = index,
		               .copies_max = most_copies(),
		               .fds = map_private(connections->slots * sizeof *in->fds),
		               .generations = map_private(connections->slots * sizeof *in->generations) };
	if (!in->fds || !in->generations)
		return -ENOMEM;
	return 0;
}

void intake_close_all(struct intake *in)
{
	munmap(in->fds, in->connections->slots * sizeof *in->fds);
	munmap(in->generations, in->connections->slots * sizeof *in->generations);
}

static void set_connection(const struct intake *in, const struct connection *c)
{
	atomic_store_explicit(&in->slot->connection, c && c->is_registered ? c->slot + 1 : 0,
	                      memory_order_release);
}

/* ---- Words to the master. */

/* False: it is gone. */
static bool say(struct intake *in, enum intake_word word, uint32_t slot, uint32_t generation, const int *fd)
{
	const struct intake_message message = { .word = word, .slot = slot, .generation = generation };

	if (!in->is_orphan &&
	    message_send(in->wires.master, &message, sizeof message, fd, fd ? 1 : 0, true) != 0)
		in->is_orphan = true;
	return !in->is_orphan;
}

bool intake_say_ready(struct intake *in)
{
	return say(in, INTAKE_READY, 0, 0, NULL);
}

/* ---- The lifeline.  Where there is no room, we do without. */

static void lifeline_in(struct intake *in, int fd)
{
	in->has_lifeline =
		in->wires.lifeline[0] >= 0 && message_send(in->wires.lifeline[0], "", 1, &fd, 1, false) == 0;
}

/* The kernel closes the copy, since nobody asks for it.  A copy that stays would keep the connection open. */
static void lifeline_out(struct intake *in, int fd)
{
	char byte;

	if (in->has_lifeline && recv(in->wires.lifeline[1], &byte, 1, MSG_DONTWAIT) != 1) {
		shutdown(fd, SHUT_RDWR);
		in->is_spoilt = true;
	}
	in->has_lifeline = false;
}

/* ---- Copies. */

static void drop_copy(struct intake *in, uint32_t slot)
{
	if (!in->fds[slot])
		return;
	close(in->fds[slot] - 1);
	in->fds[slot] = 0;
	in->copies--;
}

static void drop_all_copies(struct intake *in)
{
	for (uint32_t slot = 0; slot < in->connections->slots && in->copies > 0; slot++)
		drop_copy(in, slot);
}

static bool is_current(const struct intake *in, uint32_t slot)
{
	struct connections_state state;

	return connections_look(in->connections, slot, &state) && state.generation == in->generations[slot];
}

/* Those of connections that are gone. */
static void sweep_copies(struct intake *in)
{
	uint32_t top = connections_top(in->connections);

	for (uint32_t slot = 0; slot < top; slot++)
		if (in->fds[slot] && !is_current(in, slot))
			drop_copy(in, slot);
}

static void make_room_for_copy(struct intake *in)
{
	uint32_t top = connections_top(in->connections);

	while (in->copies >= in->copies_max && in->copies > 0 && top > 0)
		drop_copy(in, in->clock_hand++ % top);
}

static void keep_copy(struct intake *in, const struct connection *c)
{
	drop_copy(in, c->slot); /* of an earlier generation */
	make_room_for_copy(in);
	in->fds[c->slot] = c->fd + 1;
	in->generations[c->slot] = c->generation;
	in->copies++;
}

/* The descriptor; -1: the master has none either; -EPIPE: it is gone. */
static int ask(struct intake *in, const struct connection *c)
{
	struct intake_message answer;
	unsigned count = 1;
	int fd = -1, got = -EPIPE;

	fault_point("before-ask");
	if (say(in, INTAKE_ASK, c->slot, c->generation, NULL))
		got = message_receive(in->wires.master, &answer, sizeof answer, &fd, &count, true);
	fault_point("after-ask");
	if (got == 0 || got == -EPIPE) {
		in->is_orphan = true;
		return -EPIPE;
	}
	return got == 1 && count == 1 ? fd : got < 0 ? got : -1;
}

/* Of a connection that we have claimed.  False: it cannot be had. */
static bool find_descriptor(struct intake *in, struct connection *c)
{
	if (in->registry) {
		c->fd = registry_fd(in->registry, c->slot);
		return c->fd >= 0;
	}
	if (in->fds[c->slot] && in->generations[c->slot] == c->generation) {
		c->fd = in->fds[c->slot] - 1;
		return true;
	}
	c->fd = ask(in, c);
	if (c->fd == -EMFILE) {
		drop_all_copies(in);
		c->fd = ask(in, c);
	}
	if (c->fd < 0)
		return false;
	atomic_fetch_add_explicit(&in->connections->shm->asked, 1, memory_order_relaxed);
	keep_copy(in, c);
	return true;
}

/* ---- Taking. */

static void say_full(struct connections_shm *shm, const char *what)
{
	if (!atomic_exchange(&shm->full_s, connections_now_s()))
		log_warning("connections: %s; raise ulimit -n", what);
}

/* No more for now: else a full table makes every worker spin on accept. */
static void pause_accepting(struct connections *c)
{
	say_full(c->shm, "no descriptor is free, so new ones wait");
	atomic_store(&c->shm->paused, 1);
	if (!c->is_pool)
		connections_deafen(c);
}

/* 0: nobody there, or gone again, or no room; -errno: the socket does not work. */
static int accept_failed(struct intake *in, int error)
{
	if (error == EBADF || error == EINVAL || error == ENOTSOCK)
		return -error;
	if (error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS)
		pause_accepting(in->connections);
	return 0;
}

static int accept_one(struct intake *in)
{
	int fd = accept4(in->connections->listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0 && errno == EMFILE && in->copies > 0) {
		drop_all_copies(in);
		fd = accept4(in->connections->listener, NULL, NULL, SOCK_CLOEXEC);
	}
	return fd;
}

static int take_new(struct intake *in, struct connection *c)
{
	set_connection(in, NULL);
	int fd = accept_one(in);
	int error = fd < 0 ? errno : 0;

	fault_point("after-accept");
	if (fd >= 0)
		lifeline_in(in, fd);
	fault_point("after-lifeline");
	if (error)
		error = accept_failed(in, error);
	fault_point("before-rearm");
	connections_rearm(in->connections);
	*c = (struct connection){ .fd = fd };
	return fd >= 0 ? 1 : error;
}

/* It is claimed, but there is no descriptor: of a slot that the master knows nothing of. */
static int let_lost_go(struct intake *in, const struct connection *c)
{
	if (in->registry)
		registry_close(in->registry, c->slot);
	else if (in->is_orphan)
		connections_let_go(in->connections, c->slot, c->generation, in->index);
	else
		say(in, INTAKE_CLOSED, c->slot, c->generation, NULL);
	return 0;
}

static int take_kept(struct intake *in, struct connection *c)
{
	if (c->slot >= in->connections->slots ||
	    !connections_claim(in->connections, c->slot, c->generation, in->index))
		return 0;
	fault_point("after-claim");
	if (!find_descriptor(in, c))
		return let_lost_go(in, c);
	set_connection(in, c);
	return 1;
}

int intake_take(struct intake *in, struct connection *c, int timeout_ms)
{
	struct epoll_event e;
	bool sweeps = timeout_ms < 0 && in->copies > 0;
	int n = epoll_wait(in->connections->epoll, &e, 1, sweeps ? SWEEP_MS : timeout_ms);

	if (n == 0 && sweeps) {
		sweep_copies(in);
		n = epoll_wait(in->connections->epoll, &e, 1, timeout_ms);
	}
	if (n <= 0)
		return n == 0 ? -ETIMEDOUT : errno == EINTR ? 0 : -errno;
	fault_point("before-claim");
	*c = (struct connection){ .fd = -1,
		                  .slot = (uint32_t)e.data.u64,
		                  .generation = (uint32_t)(e.data.u64 >> 32),
		                  .is_registered = true };
	return c->generation == 0 ? take_new(in, c) : take_kept(in, c);
}

/* ---- Giving back. */

static bool has_input_soon(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

	return poll(&poll_fd, 1, ROOM_MS) > 0;
}

bool intake_register(struct intake *in, struct connection *c, bool is_waited_for)
{
	if (!connections_take_slot(in->connections, in->index, &c->slot, &c->generation)) {
		say_full(in->connections->shm,
		         "there is no room to keep more, so further ones are closed after each answer");
		bool is_ours = is_waited_for && has_input_soon(c->fd);
		if (!is_ours)
			intake_close(in, c, is_waited_for);
		return is_ours;
	}
	c->is_registered = true;
	atomic_fetch_add_explicit(&in->connections->shm->registered, 1, memory_order_relaxed);
	fault_point("before-register");
	if (in->registry) {
		registry_add(in->registry, c->slot, c->generation, c->fd);
	} else {
		keep_copy(in, c);
		say(in, INTAKE_REGISTER, c->slot, c->generation, &c->fd);
	}
	fault_point("after-register");
	set_connection(in, c);
	lifeline_out(in, c->fd);
	return true;
}

bool intake_park(struct intake *in, const struct connection *c)
{
	if (!c->is_registered || !connections_let_go(in->connections, c->slot, c->generation, in->index))
		return false;
	set_connection(in, NULL);
	if (atomic_load(&in->connections->shm->retired))
		say(in, INTAKE_FREED, c->slot, c->generation, NULL);
	return true;
}

static void close_registered(struct intake *in, const struct connection *c)
{
	shutdown(c->fd, SHUT_RDWR); /* whoever has copies */
	fault_point("after-shutdown");
	if (in->registry) {
		registry_close(in->registry, c->slot);
		return;
	}
	if (!say(in, INTAKE_CLOSED, c->slot, c->generation, NULL))
		connections_forget(in->connections, c->slot);
	drop_copy(in, c->slot);
}

void intake_close(struct intake *in, const struct connection *c, bool cut)
{
	if (c->is_registered) {
		close_registered(in, c);
	} else {
		if (cut)
			shutdown(c->fd, SHUT_RDWR);
		lifeline_out(in, c->fd);
		close(c->fd);
	}
	set_connection(in, NULL);
	fault_point("after-close");
}

/* The master frees it when it has the descriptor: an event that came before would be lost on us. */
static void hand_in(struct intake *in, int fd)
{
	struct connection c = { .fd = fd, .is_registered = true };

	if (!connections_take_slot(in->connections, in->index, &c.slot, &c.generation)) {
		close(fd);
		return;
	}
	keep_copy(in, &c);
	say(in, INTAKE_TAKEN_IN, c.slot, c.generation, &fd);
}

void intake_take_in(struct intake *in)
{
	const struct connections *table = in->connections;

	if (!atomic_load_explicit(&table->shm->is_crowded, memory_order_relaxed) || in->registry ||
	    in->is_orphan)
		return;
	for (int i = 0; i < TAKE_IN_MAX && connections_accepts(table) && connections_has_room(table); i++) {
		int fd = accept4(table->listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0)
			return;
		hand_in(in, fd);
	}
}

bool intake_keeps_none(const struct intake *in)
{
	return atomic_load_explicit(&in->connections->shm->draining, memory_order_relaxed);
}

/* ---- To the next generation. */

static void give(const struct intake *in, uint32_t slot)
{
	struct pollfd room = { .fd = in->wires.parcels, .events = POLLOUT };
	int error, tries = 0;

	while ((error = handover_send(in->wires.parcels, in->connections, slot, in->fds[slot] - 1)) ==
	               -EAGAIN &&
	       tries++ < GIVE_MS / 100)
		poll(&room, 1, 100);
	if (error)
		log_warning("a connection is lost on its way to the next generation: %s", strerror(-error));
}

void intake_give_all(struct intake *in)
{
	uint32_t top = connections_top(in->connections);

	for (uint32_t slot = 0; slot < top; slot++) {
		if (!in->fds[slot] || !is_current(in, slot) ||
		    !connections_claim(in->connections, slot, in->generations[slot], in->index))
			continue;
		give(in, slot);
		drop_copy(in, slot);
		connections_forget(in->connections, slot);
	}
}
