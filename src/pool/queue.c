/*
 * queue - who serves which connection.
 *
 * A claim word:  generation (32) | pending (1) | ... | owner (16); owner 0 is free, else worker + 1.
 * An epoll event: generation (32) | descriptor (32); the listening socket has generation 0.
 *
 * A connection is edge-triggered, so its event reaches one worker.  That worker
 * owns the connection only after a compare-and-swap from free to itself, so two
 * events for one connection (a doubled edge, a re-arm) are served once.  If it
 * is owned already the event is not lost: it becomes the pending mark, and the
 * owner's swap back to free fails on it, which makes the owner look once more.
 * Descriptor numbers are reused; an event of an older generation claims nothing.
 *
 * A worker killed between epoll_wait and the swap has taken an edge that nobody
 * else will see: queue_recover modifies every free connection in the epoll set,
 * which raises the edge again where input waits.
 */
#include "pool/queue.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define PENDING (UINT64_C(1) << 31)
#define OWNER_MASK UINT64_C(0xffff)
#define CONNECTION_EVENTS (EPOLLIN | EPOLLRDHUP | EPOLLET)

static uint64_t claim_word(uint32_t generation, unsigned worker_plus_1)
{
	return (uint64_t)generation << 32 | worker_plus_1;
}

static int arm(const struct queue *q, int how, int fd, uint32_t generation)
{
	struct epoll_event e = { .events = CONNECTION_EVENTS,
		                 .data.u64 = (uint64_t)generation << 32 | (uint32_t)fd };

	return epoll_ctl(q->epoll, how, fd, &e);
}

struct queue *queue_open(int listener, unsigned io_timeout_s)
{
	struct rlimit files;
	if (getrlimit(RLIMIT_NOFILE, &files) != 0)
		return NULL;
	uint32_t size = files.rlim_cur > 1 << 20 ? 1 << 20 : (uint32_t)files.rlim_cur;
	struct queue *q = mmap(NULL, sizeof *q + size * sizeof q->claims[0], PROT_READ | PROT_WRITE,
	                       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (q == MAP_FAILED)
		return NULL;
	q->listener = listener;
	q->io_timeout_s = io_timeout_s;
	q->size = size;
	q->epoll = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event e = { .events = EPOLLIN, .data.u64 = (uint32_t)listener };
	if (q->epoll < 0 || fcntl(listener, F_SETFL, fcntl(listener, F_GETFL) | O_NONBLOCK) != 0 ||
	    epoll_ctl(q->epoll, EPOLL_CTL_ADD, listener, &e) != 0)
		return NULL;
	return q;
}

static int take_new(struct queue *q, unsigned worker, struct connection *c)
{
	int fd = accept4(q->listener, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0)
		return errno == EAGAIN || errno == EINTR || errno == ECONNABORTED ? 0 : -errno;
	if ((uint32_t)fd >= q->size) {
		close(fd);
		return 0;
	}
	/* The descriptor is ours alone: no event of the new generation can exist yet. */
	uint32_t generation = (uint32_t)(atomic_load(&q->claims[fd]) >> 32) + 1;
	generation += generation == 0;
	atomic_store(&q->claims[fd], claim_word(generation, worker + 1));
	*c = (struct connection){ .fd = fd, .generation = generation };
	struct timeval limit = { .tv_sec = q->io_timeout_s };
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
	return 1;
}

/* Claims, or leaves the pending mark for the owner; false when there is nothing for us. */
static bool claim(_Atomic uint64_t *word, uint32_t generation, unsigned worker)
{
	uint64_t seen = claim_word(generation, 0);

	while (!atomic_compare_exchange_weak(word, &seen,
	                                     (seen & OWNER_MASK) == 0
	                                             ? claim_word(generation, worker + 1)
	                                             : seen | PENDING))
		if (seen >> 32 != generation)
			return false;
	return (seen & OWNER_MASK) == 0;
}

int queue_take(struct queue *q, unsigned worker, struct connection *c)
{
	struct epoll_event e;
	int n = epoll_wait(q->epoll, &e, 1, -1);

	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	if (n == 0)
		return 0;
	uint32_t generation = (uint32_t)(e.data.u64 >> 32);
	uint32_t fd = (uint32_t)e.data.u64;
	if (generation == 0)
		return take_new(q, worker, c);
	if (fd >= q->size || !claim(&q->claims[fd], generation, worker))
		return 0;
	*c = (struct connection){ .fd = (int)fd, .generation = generation, .parked_before = true };
	return 1;
}

bool queue_park(struct queue *q, unsigned worker, struct connection *c)
{
	uint64_t owned = claim_word(c->generation, worker + 1);

	if (!c->parked_before) {
		c->parked_before = true;
		/* While still owned: an edge that comes now turns into the pending mark. */
		if (arm(q, EPOLL_CTL_ADD, c->fd, c->generation) != 0)
			return true;
	}
	uint64_t seen = owned;
	if (atomic_compare_exchange_strong(&q->claims[c->fd], &seen, claim_word(c->generation, 0)))
		return false;
	atomic_store(&q->claims[c->fd], owned);
	return true;
}

void queue_close(struct queue *q, unsigned worker, struct connection *c, bool closed)
{
	/* Retire the word before the number can be reused. */
	uint64_t owned = claim_word(c->generation, worker + 1);
	uint64_t seen = owned;

	if (!atomic_compare_exchange_strong(&q->claims[c->fd], &seen,
	                                    claim_word(c->generation + 1, 0)) &&
	    seen == (owned | PENDING))
		atomic_compare_exchange_strong(&q->claims[c->fd], &seen,
		                               claim_word(c->generation + 1, 0));
	if (closed)
		return;
	if (c->parked_before)
		epoll_ctl(q->epoll, EPOLL_CTL_DEL, c->fd, NULL);
	close(c->fd);
}

void queue_recover(struct queue *q, unsigned worker, bool was_reading)
{
	for (uint32_t fd = 0; fd < q->size; fd++) {
		uint64_t word = atomic_load(&q->claims[fd]);
		uint32_t generation = (uint32_t)(word >> 32);
		unsigned owner = (unsigned)(word & OWNER_MASK);

		if (generation == 0 || (owner != 0 && owner != worker + 1))
			continue;
		if (owner != 0 && was_reading) {
			struct connection c = { .fd = (int)fd, .generation = generation, .parked_before = true };
			shutdown((int)fd, SHUT_RDWR);
			queue_close(q, worker, &c, false);
			continue;
		}
		if (owner != 0)
			atomic_store(&q->claims[fd], claim_word(generation, 0));
		if (arm(q, EPOLL_CTL_MOD, (int)fd, generation) != 0 && errno == ENOENT && owner != 0)
			arm(q, EPOLL_CTL_ADD, (int)fd, generation);
	}
}
