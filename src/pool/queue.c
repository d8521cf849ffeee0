/*
 * queue - who serves which connection.
 *
 * A claim word:  generation (32) | pending (1) | open (1) | 14 unused | owner (16)
 *   owner 0 is free, else the worker's index + 1; not open: no such connection.
 * An epoll event: generation (32) | descriptor (32); the listening socket has generation 0.
 *
 * Why no request is lost and none is served twice:
 *
 * - A connection is edge-triggered, so an event reaches one worker.  That worker
 *   reads only after a compare-and-swap from free to its own.  Events that come
 *   twice are harmless: the second finds an owner, or no input.
 * - If it has an owner, the event becomes the pending mark.  The owner's swap back
 *   to free fails on the mark, and the owner looks again: no edge is dropped.
 * - Descriptor numbers are reused; accept gives each use a new generation, so an
 *   event of an earlier use claims nothing.
 * - A worker killed between epoll_wait and the swap took an edge that nobody else
 *   will see, and one killed before it has accepted leaves the listening socket
 *   disarmed.  queue_raise modifies each in the epoll set: the kernel raises the
 *   event again where input waits.
 * - A worker killed between accept and the claim word, or between the end of a
 *   claim and close, leaves a descriptor without a word.  Both spans are marked by
 *   an odd slot->window, so a connection that has no word while every living
 *   worker is outside its spans belongs to nobody: queue_adopt takes it in.
 */
#include "pool/queue.h"

#include "base/cookie.h"
#include "base/fault.h"
#include "log/log.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define PENDING           (UINT64_C(1) << 31)
#define OPEN              (UINT64_C(1) << 30)
#define OWNER             UINT64_C(0xffff)
#define MASTER            (QUEUE_GIVER + 1u) /* as an owner */
#define CONNECTION_EVENTS (EPOLLIN | EPOLLRDHUP | EPOLLET)

enum { DESCRIPTORS_MAX = 1 << 20, BACKLOG_MAX = 4096, TAKE_IN_MAX = 16, CALM_S = 10, GIVE_UP_MAX = 8 };

static uint64_t free_word(uint32_t generation)
{
	return (uint64_t)generation << 32 | OPEN;
}

static uint64_t owned_word(uint32_t generation, unsigned owner)
{
	return free_word(generation) | owner;
}

static uint32_t generation_of(uint64_t word)
{
	return (uint32_t)(word >> 32);
}

static uint32_t now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (uint32_t)now.tv_sec + 1; /* never 0 */
}

static int arm(const struct queue *q, int how, int fd, uint32_t generation)
{
	struct epoll_event e = { .events = CONNECTION_EVENTS,
		                 .data.u64 = (uint64_t)generation << 32 | (uint32_t)fd };

	return epoll_ctl(q->epoll, how, fd, &e);
}

/*
 * One is to be woken by a new connection, not all.  In a pool the event disarms the socket until its taker
 * has accepted: level-triggered, the kernel would wake a second worker to an empty backlog.  Alone beside
 * other processes on one socket, each has an epoll of its own.
 */
static int arm_listener(const struct queue *q, int how)
{
	struct epoll_event e = { .events = EPOLLIN | (q->settings.is_pool ? EPOLLONESHOT : EPOLLEXCLUSIVE),
		                 .data.u64 = (uint32_t)q->settings.listener };

	return epoll_ctl(q->epoll, how, q->settings.listener, &e);
}

/* Bounded: shared memory is no authority on its own size. */
static uint32_t top_of(const struct queue *q)
{
	uint32_t top = atomic_load(&q->top);

	return top < q->size ? top : q->size;
}

/* A connection of this pool's listening socket: accepted ones bear its name.  Others are a handler's own. */
static bool is_accepted(const struct queue *q, int fd)
{
	struct sockaddr_storage name = { 0 };
	socklen_t size = sizeof name;

	if (fd == q->settings.listener || getsockname(fd, (struct sockaddr *)&name, &size) != 0 ||
	    name.ss_family != q->name.ss_family)
		return false;
	if (name.ss_family == AF_UNIX)
		return memcmp(&name, &q->name, sizeof(struct sockaddr_un)) == 0;
	/* TCP over IPv4 or IPv6, whose ports lie at the same place.  The addresses differ where the
	 * listener's is any. */
	return ((struct sockaddr_in *)&name)->sin_port == ((const struct sockaddr_in *)&q->name)->sin_port;
}

uint32_t queue_descriptors(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur > DESCRIPTORS_MAX)
		return DESCRIPTORS_MAX;
	return (uint32_t)files.rlim_cur;
}

struct queue *queue_map(uint32_t descriptors)
{
	void *memory = mmap(NULL, sizeof(struct queue) + descriptors * sizeof(struct claim_shm),
	                    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

/* All that is open goes into the new epoll, free; the kernel raises an edge where input waits. */
static void take_over(struct queue *q)
{
	uint32_t top = top_of(q);

	for (uint32_t fd = 0; fd < top; fd++) {
		uint64_t word = atomic_load(&q->claims[fd].word);
		struct connection c = { .fd = (int)fd, .generation = generation_of(word) };
		if (!(word & OPEN))
			continue;
		if (is_accepted(q, (int)fd))
			queue_release(q, &c);
		else
			atomic_store(&q->claims[fd].word, word & ~OPEN);
	}
}

int queue_init(struct queue *q, uint32_t descriptors, const struct queue_settings *settings)
{
	socklen_t name_size = sizeof q->name;

	q->settings = *settings;
	q->size = descriptors;
	memset(&q->name, 0, sizeof q->name);
	atomic_store(&q->draining, 0);
	atomic_store(&q->retired, 0);
	atomic_store(&q->accept_paused, 0);
	atomic_store(&q->epoll, epoll_create1(EPOLL_CLOEXEC));
	if (q->epoll < 0 || getsockname(settings->listener, (struct sockaddr *)&q->name, &name_size) != 0 ||
	    fcntl(settings->listener, F_SETFL, fcntl(settings->listener, F_GETFL) | O_NONBLOCK) != 0 ||
	    fcntl(settings->listener, F_SETFD, FD_CLOEXEC) != 0 || arm_listener(q, EPOLL_CTL_ADD) != 0)
		return -errno;
	take_over(q);
	return 0;
}

static void raise_top(struct queue *q, uint32_t fd)
{
	uint32_t top = atomic_load_explicit(&q->top, memory_order_relaxed);

	while (top <= fd && !atomic_compare_exchange_weak(&q->top, &top, fd + 1))
		;
}

/* The descriptor is the caller's alone: no event of the new generation can exist yet. */
static struct connection claim_new(struct queue *q, int fd, unsigned owner)
{
	uint32_t generation = generation_of(atomic_load(&q->claims[fd].word)) + 1;

	generation += generation == 0;
	raise_top(q, (uint32_t)fd);
	atomic_store(&q->claims[fd].half_since_s, 0);
	atomic_store(&q->claims[fd].spool, 0);
	atomic_store(&q->claims[fd].discards, 0);
	atomic_store(&q->claims[fd].word, owned_word(generation, owner));
	return (struct connection){ .fd = fd, .generation = generation };
}

/* Stops listening until a descriptor is free: else a full table makes every worker spin on accept. */
static int accept_failed(struct queue *q, int error)
{
	if (error == EBADF || error == EINVAL || error == ENOTSOCK)
		return -error;
	if (error != EMFILE && error != ENFILE && error != ENOMEM && error != ENOBUFS)
		return 0; /* nobody there, or gone again */
	if (!atomic_exchange(&q->starved_s, now_s()))
		log_warning("accept: %s: new connections wait until descriptors are free; raise ulimit -n",
		            strerror(error));
	if (!atomic_exchange(&q->accept_paused, 1))
		epoll_ctl(q->epoll, EPOLL_CTL_DEL, q->settings.listener, NULL);
	return 0;
}

static bool accepts(const struct queue *q)
{
	return !atomic_load(&q->draining) && !atomic_load(&q->retired);
}

static void resume_accepting(struct queue *q)
{
	if (atomic_load_explicit(&q->accept_paused, memory_order_relaxed) &&
	    atomic_exchange(&q->accept_paused, 0) && accepts(q))
		arm_listener(q, EPOLL_CTL_ADD);
}

/* Where one worker pauses it as another resumes, the pause may come last, and nobody know of it. */
static void ensure_accepting(struct queue *q)
{
	if (!atomic_load(&q->accept_paused) && accepts(q))
		arm_listener(q, EPOLL_CTL_ADD); /* fails where it is there */
}

static int take_new(struct queue *q, unsigned worker, struct worker_shm *slot, struct connection *c)
{
	atomic_fetch_add(&slot->window, 1);
	int fd = accept4(q->settings.listener, NULL, NULL, SOCK_CLOEXEC);
	int error = fd < 0 ? errno : 0;

	fault_point("after-accept");
	if (fd >= 0 && (uint32_t)fd < q->size)
		*c = claim_new(q, fd, worker + 1);
	else if (fd >= 0) {
		close(fd);
		error = EMFILE;
	}
	atomic_fetch_add(&slot->window, 1);
	if (error)
		return accept_failed(q, error);
	return 1;
}

/* The listening socket has an event. */
static int answer_listener(struct queue *q, unsigned worker, struct worker_shm *slot, struct connection *c)
{
	int taken = take_new(q, worker, slot, c);

	if (q->settings.is_pool && taken >= 0)
		arm_listener(q, EPOLL_CTL_MOD); /* fails where accepting is paused */
	return taken;
}

void queue_take_in(struct queue *q, struct worker_shm *slot)
{
	struct connection c;

	if (!atomic_load_explicit(&q->is_crowded, memory_order_relaxed) || atomic_load(&q->accept_paused) ||
	    !accepts(q))
		return;
	for (int i = 0; i < TAKE_IN_MAX && take_new(q, QUEUE_GIVER, slot, &c) > 0; i++)
		queue_release(q, &c);
}

/* Claims, or leaves the pending mark for the owner; false when there is nothing for us. */
static bool claim(_Atomic uint64_t *word, uint32_t generation, unsigned owner)
{
	uint64_t seen = free_word(generation);

	while (!atomic_compare_exchange_weak(word, &seen, seen & OWNER ? seen | PENDING : seen | owner))
		if (generation_of(seen) != generation || !(seen & OPEN))
			return false;
	return !(seen & OWNER);
}

int queue_take(struct queue *q, unsigned worker, struct worker_shm *slot, struct connection *c,
               int timeout_ms, const sigset_t *mask)
{
	struct epoll_event e;
	int n = epoll_pwait(q->epoll, &e, 1, timeout_ms, mask);

	if (n <= 0)
		return n == 0 ? -ETIMEDOUT : errno == EINTR ? 0 : -errno;
	uint32_t generation = (uint32_t)(e.data.u64 >> 32);
	uint32_t fd = (uint32_t)e.data.u64;
	fault_point("before-claim");
	if (generation == 0)
		return answer_listener(q, worker, slot, c);
	if (fd >= q->size || !claim(&q->claims[fd].word, generation, worker + 1))
		return 0;
	*c = (struct connection){ .fd = (int)fd, .generation = generation, .is_known = true };
	return 1;
}

static bool give_back(struct queue *q, unsigned worker, struct connection *c)
{
	uint64_t owned = owned_word(c->generation, worker + 1), seen = owned;

	if (!c->is_known) {
		/* While still owned: an edge that comes now turns into the pending mark. */
		if (arm(q, EPOLL_CTL_ADD, c->fd, c->generation) != 0)
			log_warning("epoll: %s: a connection is served by one worker only", strerror(errno));
		c->is_known = true;
	}
	if (atomic_compare_exchange_strong(&q->claims[c->fd].word, &seen, free_word(c->generation)))
		return false;
	atomic_store(&q->claims[c->fd].word, owned);
	return true;
}

bool queue_keeps_none(const struct queue *q)
{
	return atomic_load_explicit(&q->draining, memory_order_relaxed) ||
	       atomic_load_explicit(&q->starved_s, memory_order_relaxed);
}

_Atomic uint32_t *queue_spool(struct queue *q, const struct connection *c)
{
	return &q->claims[c->fd].spool;
}

bool queue_park(struct queue *q, unsigned worker, struct connection *c)
{
	_Atomic uint32_t *half = &q->claims[c->fd].half_since_s;

	if (atomic_load_explicit(half, memory_order_relaxed))
		atomic_store(half, 0);
	return give_back(q, worker, c);
}

bool queue_park_half(struct queue *q, unsigned worker, struct connection *c)
{
	_Atomic uint32_t *half = &q->claims[c->fd].half_since_s;

	if (!atomic_load_explicit(half, memory_order_relaxed))
		atomic_store(half, now_s());
	return give_back(q, worker, c);
}

void queue_drop_spool(struct queue *q, const struct connection *c)
{
	uint32_t spool = atomic_exchange(&q->claims[c->fd].spool, 0);

	if (spool)
		close((int)spool - 1);
}

/* The claim ends before the number can be reused: we own it, so only a pending mark can be lost. */
static void close_owned(struct queue *q, const struct connection *c, bool cut)
{
	queue_drop_spool(q, c);
	atomic_store(&q->claims[c->fd].word, (uint64_t)c->generation << 32);
	if (c->is_known)
		epoll_ctl(q->epoll, EPOLL_CTL_DEL, c->fd, NULL);
	if (cut)
		shutdown(c->fd, SHUT_RDWR);
	close(c->fd);
}

void queue_close(struct queue *q, struct worker_shm *slot, struct connection *c, bool cut)
{
	atomic_fetch_add(&slot->window, 1);
	close_owned(q, c, cut);
	fault_point("after-close");
	atomic_fetch_add(&slot->window, 1);
	resume_accepting(q);
}

bool queue_discards(const struct queue *q, const struct connection *c)
{
	return atomic_load_explicit(&q->claims[c->fd].discards, memory_order_relaxed);
}

bool queue_next_of(const struct queue *q, unsigned worker, uint32_t *from, struct connection *c)
{
	uint32_t top = top_of(q);

	for (uint32_t fd = *from; fd < top; fd++) {
		uint64_t word = atomic_load(&q->claims[fd].word);
		if (!(word & OPEN) || (word & OWNER) != worker + 1)
			continue;
		*c = (struct connection){ .fd = (int)fd,
			                  .generation = generation_of(word),
			                  .is_known = true };
		*from = fd + 1;
		return true;
	}
	return false;
}

/* Free and in the epoll set, whatever it was before. */
void queue_release(struct queue *q, const struct connection *c)
{
	atomic_store(&q->claims[c->fd].word, free_word(c->generation));
	if (arm(q, EPOLL_CTL_MOD, c->fd, c->generation) != 0 && errno == ENOENT)
		arm(q, EPOLL_CTL_ADD, c->fd, c->generation);
}

void queue_release_to_discard(struct queue *q, const struct connection *c)
{
	atomic_store(&q->claims[c->fd].discards, 1);
	atomic_store(&q->claims[c->fd].half_since_s, now_s());
	queue_release(q, c);
}

void queue_close_of_dead(struct queue *q, const struct connection *c)
{
	close_owned(q, c, true);
}

void queue_raise(struct queue *q)
{
	uint32_t top = top_of(q);

	for (uint32_t fd = 0; fd < top; fd++) {
		uint64_t word = atomic_load(&q->claims[fd].word);
		if (word & OPEN && !(word & OWNER))
			arm(q, EPOLL_CTL_MOD, (int)fd, generation_of(word));
	}
	if (!atomic_load(&q->accept_paused) && accepts(q))
		arm_listener(q, EPOLL_CTL_MOD);
}

static bool are_outside_windows(const struct worker_shm *slots, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (atomic_load(&slots[i].window) & 1)
			return false;
	return true;
}

bool queue_adopt(struct queue *q, const struct worker_shm *slots, unsigned count)
{
	uint32_t top = q->size < 1 << 16 ? q->size : 1 << 16;

	for (uint32_t fd = 0; fd < top; fd++) {
		uint64_t word = atomic_load(&q->claims[fd].word);
		if (word & OPEN || !is_accepted(q, (int)fd))
			continue;
		uint64_t cookie = socket_cookie((int)fd);
		/*
		 * Any span that a worker enters after this check concerns another socket;
		 * if this one is still here, wordless and the same, it has no holder.
		 */
		if (!are_outside_windows(slots, count))
			return false;
		if (!cookie || socket_cookie((int)fd) != cookie || atomic_load(&q->claims[fd].word) != word)
			continue;
		fcntl((int)fd, F_SETFD, FD_CLOEXEC);
		struct connection c = claim_new(q, (int)fd, MASTER);
		queue_release(q, &c);
	}
	return true;
}

static bool has_input(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 || errno != EAGAIN;
}

/*
 * New connections have waited for descriptors through a whole tick.  Idle ones that
 * the web server keeps would hold them for ever, so some of those are given up.
 */
static void give_up_idle(struct queue *q)
{
	uint32_t top = top_of(q);
	int left = GIVE_UP_MAX;

	for (uint32_t fd = 0; fd < top && left > 0; fd++) {
		uint64_t word = atomic_load_explicit(&q->claims[fd].word, memory_order_relaxed);
		struct connection c = { .fd = (int)fd, .generation = generation_of(word), .is_known = true };
		if (!(word & OPEN) || word & OWNER || atomic_load(&q->claims[fd].half_since_s) ||
		    !claim(&q->claims[fd].word, c.generation, MASTER))
			continue;
		if (has_input(c.fd)) {
			queue_release(q, &c);
			continue;
		}
		close_owned(q, &c, true);
		left--;
	}
}

void queue_tick(struct queue *q)
{
	uint32_t top = top_of(q), now = now_s();

	for (uint32_t fd = 0; fd < top; fd++) {
		uint32_t since = atomic_load_explicit(&q->claims[fd].half_since_s, memory_order_relaxed);
		uint64_t word = atomic_load_explicit(&q->claims[fd].word, memory_order_relaxed);
		struct connection c = { .fd = (int)fd, .generation = generation_of(word), .is_known = true };

		if (since == 0 || (uint64_t)(now - since) * 1000 < q->settings.io_timeout_ms ||
		    !(word & OPEN) || word & OWNER)
			continue;
		if (!claim(&q->claims[fd].word, c.generation, MASTER))
			continue;
		if (atomic_load(&q->claims[fd].half_since_s) == since)
			close_owned(q, &c, true);
		else /* the rest came while we looked */
			queue_release(q, &c);
	}
	uint32_t starved_s = atomic_load(&q->starved_s);
	if (starved_s && now - starved_s >= CALM_S &&
	    atomic_compare_exchange_strong(&q->starved_s, &starved_s, 0))
		log_line("accept: descriptors are free again");
	if (atomic_load(&q->accept_paused) && q->was_paused)
		give_up_idle(q);
	q->was_paused = atomic_load(&q->accept_paused);
	resume_accepting(q);
	ensure_accepting(q);
}

bool queue_is_sound(const struct queue *q)
{
	struct sockaddr_storage name = { 0 };
	socklen_t size = sizeof name;

	if (getsockname(q->settings.listener, (struct sockaddr *)&name, &size) != 0 ||
	    memcmp(&name, &q->name, sizeof name) != 0)
		return false;
	return arm_listener(q, EPOLL_CTL_MOD) == 0 || errno == ENOENT; /* not there: paused or draining */
}

void queue_retire(struct queue *q)
{
	atomic_store(&q->retired, 1);
	epoll_ctl(q->epoll, EPOLL_CTL_DEL, q->settings.listener, NULL);
}

bool queue_claim_free(struct queue *q, uint32_t *from, struct connection *c)
{
	uint32_t top = top_of(q);

	for (uint32_t fd = *from; fd < top; fd++) {
		uint64_t word = atomic_load(&q->claims[fd].word);
		if (!(word & OPEN) || word & OWNER ||
		    !claim(&q->claims[fd].word, generation_of(word), MASTER))
			continue;
		*c = (struct connection){ .fd = (int)fd,
			                  .generation = generation_of(word),
			                  .is_known = true };
		*from = fd + 1;
		return true;
	}
	return false;
}

struct queue_parcel queue_parcel_of(const struct queue *q, const struct connection *c)
{
	const struct claim_shm *claim = &q->claims[c->fd];

	return (struct queue_parcel){ .fd = c->fd,
		                      .spool = (int)atomic_load(&claim->spool) - 1,
		                      .half_since_s = atomic_load(&claim->half_since_s),
		                      .discards = atomic_load(&claim->discards) != 0 };
}

void queue_forget(struct queue *q, const struct connection *c)
{
	close_owned(q, c, false);
}

bool queue_receive(struct queue *q, const struct queue_parcel *parcel)
{
	if ((uint32_t)parcel->fd >= q->size || !is_accepted(q, parcel->fd))
		return false;
	struct connection c = claim_new(q, parcel->fd, MASTER);
	atomic_store(&q->claims[c.fd].half_since_s, parcel->half_since_s);
	atomic_store(&q->claims[c.fd].spool, (uint32_t)(parcel->spool + 1));
	atomic_store(&q->claims[c.fd].discards, parcel->discards);
	queue_release(q, &c);
	return true;
}

unsigned queue_connections(const struct queue *q)
{
	uint32_t top = top_of(q);
	unsigned open = 0;

	for (uint32_t fd = 0; fd < top; fd++)
		open += (atomic_load_explicit(&q->claims[fd].word, memory_order_relaxed) & OPEN) != 0;
	return open;
}

void queue_drain(struct queue *q)
{
	if (atomic_exchange(&q->draining, 1))
		return;
	epoll_ctl(q->epoll, EPOLL_CTL_DEL, q->settings.listener, NULL);
	for (int i = 0; i < BACKLOG_MAX; i++) {
		int fd = accept4(q->settings.listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0)
			return;
		if ((uint32_t)fd >= q->size) {
			close(fd);
			return;
		}
		struct connection c = claim_new(q, fd, MASTER);
		queue_release(q, &c);
	}
}
