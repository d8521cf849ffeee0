/* SPDX-License-Identifier: ISC */
/* connections - see connections.h. */
#include "pool/connections.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define PENDING           (UINT64_C(1) << 31)
#define OPEN              (UINT64_C(1) << 30)
#define OWNER             UINT64_C(0xffff)
#define CONNECTION_EVENTS (EPOLLIN | EPOLLRDHUP | EPOLLET)

static uint64_t free_word(uint32_t generation)
{
	return (uint64_t)generation << 32 | OPEN;
}

static uint64_t owned_word(uint32_t generation, unsigned owner)
{
	return free_word(generation) | (owner + 1);
}

static uint32_t generation_of(uint64_t word)
{
	return (uint32_t)(word >> 32);
}

uint32_t connections_now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (uint32_t)now.tv_sec + 1;
}

static void *map_shared(size_t bytes)
{
	void *memory =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

int connections_open(struct connections *c, const struct connections_settings *s)
{
	uint32_t slots = s->capacity < CONNECTIONS_SLOTS_MAX ? s->capacity : CONNECTIONS_SLOTS_MAX;

	*c = (struct connections){ .slots = slots,
		                   .capacity = slots,
		                   .listener = s->listener,
		                   .io_timeout_ms = s->io_timeout_ms,
		                   .is_pool = s->is_pool,
		                   .epoll = epoll_create1(EPOLL_CLOEXEC) };
	c->shm = map_shared(sizeof *c->shm + slots * sizeof c->shm->slots[0]);
	c->parts = map_shared(CONNECTIONS_PARTS * sizeof *c->parts);
	return c->epoll < 0 || !c->shm || !c->parts || connections_never_block(c) != 0 ? -errno : 0;
}

/* ---- The listening socket. */

int connections_never_block(const struct connections *c)
{
	int flags = fcntl(c->listener, F_GETFL);

	return flags & O_NONBLOCK ? 0 : fcntl(c->listener, F_SETFL, flags | O_NONBLOCK);
}

/*
 * One is to be woken by a new connection, not all.  In a pool the event disarms the socket until its taker
 * has accepted: level-triggered, the kernel would wake a second worker to an empty backlog.  A single process
 * beside others on one socket has an epoll of its own.
 */
static int arm(const struct connections *c, int how)
{
	struct epoll_event e = { .events = EPOLLIN | (c->is_pool ? EPOLLONESHOT : EPOLLEXCLUSIVE),
		                 .data.u64 = (uint32_t)c->listener };

	return epoll_ctl(c->epoll, how, c->listener, &e);
}

int connections_listen(const struct connections *c)
{
	if (arm(c, EPOLL_CTL_ADD) == 0 || (errno == EEXIST && (!c->is_pool || arm(c, EPOLL_CTL_MOD) == 0)))
		return 0;
	return -errno;
}

void connections_rearm(const struct connections *c)
{
	if (c->is_pool && connections_accepts(c))
		arm(c, EPOLL_CTL_MOD);
}

void connections_deafen(const struct connections *c)
{
	epoll_ctl(c->epoll, EPOLL_CTL_DEL, c->listener, NULL);
}

bool connections_accepts(const struct connections *c)
{
	return !atomic_load(&c->shm->draining) && !atomic_load(&c->shm->retired) &&
	       !atomic_load(&c->shm->paused);
}

/* ---- The claim. */

static void raise_top(struct connections_shm *shm, uint32_t slot)
{
	uint32_t top = atomic_load_explicit(&shm->top, memory_order_relaxed);

	while (top <= slot && !atomic_compare_exchange_weak(&shm->top, &top, slot + 1))
		;
}

uint32_t connections_top(const struct connections *c)
{
	uint32_t top = atomic_load(&c->shm->top);

	return top < c->slots ? top : c->slots; /* shared memory is no authority on its own size */
}

static bool take(struct connections *c, uint32_t slot, unsigned owner, uint32_t *generation)
{
	struct connection_shm *connection = &c->shm->slots[slot];
	uint64_t seen = atomic_load_explicit(&connection->word, memory_order_relaxed);

	*generation = generation_of(seen) + 1;
	*generation += *generation == 0;
	if (seen & OPEN ||
	    !atomic_compare_exchange_strong(&connection->word, &seen, owned_word(*generation, owner)))
		return false;
	raise_top(c->shm, slot);
	return true;
}

bool connections_take_slot(struct connections *c, unsigned owner, uint32_t *slot, uint32_t *generation)
{
	uint32_t from = atomic_load_explicit(&c->shm->hint, memory_order_relaxed);

	if (atomic_fetch_add(&c->shm->open, 1) < c->capacity)
		for (uint32_t i = 0; i < c->slots; i++) {
			*slot = (from + i) % c->slots;
			if (!take(c, *slot, owner, generation))
				continue;
			atomic_store_explicit(&c->shm->hint, *slot + 1, memory_order_relaxed);
			return true;
		}
	atomic_fetch_sub(&c->shm->open, 1);
	return false;
}

bool connections_has_room(const struct connections *c)
{
	return atomic_load_explicit(&c->shm->open, memory_order_relaxed) < c->capacity;
}

bool connections_claim(struct connections *c, uint32_t slot, uint32_t generation, unsigned owner)
{
	_Atomic uint64_t *word = &c->shm->slots[slot].word;
	uint64_t seen = free_word(generation);

	while (!atomic_compare_exchange_weak(word, &seen, seen & OWNER ? seen | PENDING : seen | (owner + 1)))
		if (generation_of(seen) != generation || !(seen & OPEN))
			return false;
	return !(seen & OWNER);
}

bool connections_let_go(struct connections *c, uint32_t slot, uint32_t generation, unsigned owner)
{
	uint64_t owned = owned_word(generation, owner), seen = owned;

	if (atomic_compare_exchange_strong(&c->shm->slots[slot].word, &seen, free_word(generation)))
		return true;
	atomic_store(&c->shm->slots[slot].word, owned);
	return false;
}

void connections_free(struct connections *c, uint32_t slot, uint32_t generation)
{
	atomic_store(&c->shm->slots[slot].word, free_word(generation));
}

void connections_forget(struct connections *c, uint32_t slot)
{
	struct connection_shm *connection = &c->shm->slots[slot];
	uint64_t word = atomic_load(&connection->word);

	if (!(word & OPEN))
		return;
	connections_drop_part(c, slot);
	atomic_store(&connection->part_since_s, 0);
	atomic_store(&connection->discards, 0);
	atomic_store(&connection->word, (uint64_t)generation_of(word) << 32);
	atomic_fetch_sub(&c->shm->open, 1);
	if (slot < atomic_load_explicit(&c->shm->hint, memory_order_relaxed)) /* the lowest are used first */
		atomic_store_explicit(&c->shm->hint, slot, memory_order_relaxed);
}

bool connections_look(const struct connections *c, uint32_t slot, struct connections_state *state)
{
	uint64_t word = slot < c->slots ? atomic_load(&c->shm->slots[slot].word) : 0;

	*state = (struct connections_state){ .generation = generation_of(word),
		                             .owner = (unsigned)(word & OWNER) - 1,
		                             .is_owned = (word & OWNER) != 0 };
	return word & OPEN;
}

bool connections_is_owned(const struct connections *c, uint32_t slot, uint32_t generation, unsigned owner)
{
	struct connections_state state;

	return connections_look(c, slot, &state) && state.generation == generation && state.is_owned &&
	       state.owner == owner;
}

/* ---- Heads that come in parts. */

struct input_part *connections_make_part(struct connections *c, uint32_t slot)
{
	struct input_part *had = connections_part(c, slot);

	if (had)
		return had;
	for (uint32_t i = 0; i < CONNECTIONS_PARTS; i++) {
		uint32_t none = 0;
		if (!atomic_compare_exchange_strong(&c->shm->parts[i], &none, slot + 1))
			continue;
		atomic_store(&c->shm->slots[slot].part, i + 1);
		return &c->parts[i];
	}
	return NULL;
}

struct input_part *connections_part(const struct connections *c, uint32_t slot)
{
	uint32_t part = atomic_load_explicit(&c->shm->slots[slot].part, memory_order_relaxed);

	return part > 0 && part <= CONNECTIONS_PARTS ? &c->parts[part - 1] : NULL;
}

void connections_drop_part(struct connections *c, uint32_t slot)
{
	const struct input_part *part = connections_part(c, slot);

	if (!part)
		return;
	atomic_store(&c->shm->slots[slot].part, 0);
	atomic_store(&c->shm->parts[part - c->parts], 0);
}

/* ---- The epoll. */

int connections_watch(const struct connections *c, int how, int fd, uint32_t slot, uint32_t generation)
{
	struct epoll_event e = { .events = CONNECTION_EVENTS, .data.u64 = (uint64_t)generation << 32 | slot };

	return epoll_ctl(c->epoll, how, fd, &e) == 0 ? 0 : -errno;
}
