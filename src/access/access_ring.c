/* SPDX-License-Identifier: ISC */
/* access_ring - see access_ring.h. */
#include "access/access_ring.h"

#include <assert.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { ROOM_NAP_NS = 1000000 };

static_assert(ACCESS_RING_BYTES % ACCESS_RECORD_MAX == 0, "a record fits before the end or there is none");
static_assert(offsetof(struct access_record_shm, texts) == 58, "no holes but at the end");
static_assert(sizeof(struct access_ring_shm) == 128 + ACCESS_RING_BYTES, "no hole");

/* The first place at or after `position` where a record may begin. */
static uint64_t beginning(uint64_t position)
{
	uint64_t left = ACCESS_RING_BYTES - position % ACCESS_RING_BYTES;

	return left < ACCESS_RECORD_MAX ? position + left : position;
}

/* Records begin at multiples of 8; a position that a handler wrote may not. */
static struct access_record_shm *record_at(const struct access_ring_shm *ring, uint64_t position)
{
	return (struct access_record_shm *)(ring->bytes + position % ACCESS_RING_BYTES / 8 * 8);
}

void log_counters(const struct access_rings *rings, struct log_counters *counters)
{
	const struct access_shm *shm = rings->shm;
	unsigned count = access_ring_count(rings);

	*counters = (struct log_counters){ .lines = atomic_load(&shm->lines),
		                           .dropped = atomic_load(&shm->damaged),
		                           .write_errors = atomic_load(&shm->write_errors) };
	for (unsigned i = 0; i < count; i++)
		counters->dropped += atomic_load_explicit(&shm->rings[i].dropped, memory_order_relaxed);
}

/* ---- Writing. */

void access_ring_enter(struct access_shm *shm, unsigned index, unsigned worker_id, pid_t pid)
{
	uint32_t top = atomic_load(&shm->top);

	while (top <= index && !atomic_compare_exchange_weak(&shm->top, &top, index + 1))
		;
	access_ring_mark(&shm->rings[index]);
	atomic_store(&shm->rings[index].worker_id, worker_id);
	atomic_store(&shm->rings[index].worker_pid, (uint32_t)pid);
}

void access_ring_leave(struct access_ring_shm *ring)
{
	atomic_store(&ring->worker_pid, 0);
}

bool access_ring_is_out(const struct access_ring_shm *ring)
{
	return atomic_load(&ring->head) != atomic_load(&ring->mark);
}

static bool has_room(const struct access_ring_shm *ring)
{
	uint64_t at = beginning(atomic_load_explicit(&ring->head, memory_order_relaxed));

	/* Acquire: what lay there has been read. */
	return at + ACCESS_RECORD_MAX - atomic_load_explicit(&ring->read, memory_order_acquire) <=
	       ACCESS_RING_BYTES;
}

void access_ring_wait(struct access_shm *shm, const struct access_ring_shm *ring)
{
	while (!has_room(ring) && !atomic_load(&shm->failing)) {
		access_ring_wake(shm);
		nanosleep(&(struct timespec){ .tv_nsec = ROOM_NAP_NS }, NULL);
	}
}

struct access_record_shm *access_ring_place(struct access_ring_shm *ring)
{
	if (!has_room(ring)) {
		uint64_t dropped = atomic_load_explicit(&ring->dropped, memory_order_relaxed);
		atomic_store_explicit(&ring->dropped, dropped + 1, memory_order_relaxed);
		return NULL;
	}
	struct access_record_shm *record = record_at(ring, beginning(atomic_load(&ring->head)));
	/* Should what lay there look like a draft of ours: no more. */
	atomic_store_explicit(&record->position, UINT64_MAX, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	record->bytes = offsetof(struct access_record_shm, texts);
	record->limit = record->flags = 0;
	memset(record->text_bytes, 0, sizeof record->text_bytes);
	return record;
}

void access_ring_draft(const struct access_ring_shm *ring, struct access_record_shm *record)
{
	record->bytes = (record->bytes + 7) / 8 * 8;
	atomic_store_explicit(&record->position, beginning(atomic_load(&ring->head)), memory_order_release);
}

static bool is_sound(const struct access_record_shm *record, uint64_t position)
{
	uint32_t bytes = record->bytes;
	size_t texts = offsetof(struct access_record_shm, texts);

	if (atomic_load_explicit(&record->position, memory_order_acquire) != position || bytes % 8 != 0 ||
	    bytes > ACCESS_RECORD_MAX)
		return false;
	for (int i = 0; i < ACCESS_TEXTS; i++)
		texts += record->text_bytes[i];
	return texts <= bytes;
}

struct access_record_shm *access_ring_drafted(struct access_ring_shm *ring)
{
	uint64_t position = beginning(atomic_load(&ring->head));
	struct access_record_shm *record = record_at(ring, position);

	return is_sound(record, position) ? record : NULL;
}

void access_ring_wake(struct access_shm *shm)
{
	if (atomic_exchange(&shm->bell, ACCESS_AWAKE) != ACCESS_AWAKE)
		syscall(SYS_futex, &shm->bell, FUTEX_WAKE, 1, NULL, NULL, 0);
}

void access_ring_publish(struct access_shm *shm, struct access_ring_shm *ring,
                         const struct access_record_shm *record)
{
	uint64_t head = atomic_load_explicit(&record->position, memory_order_relaxed) + record->bytes;

	atomic_store_explicit(&ring->head, head, memory_order_release);
	/* The head before the bell; the writer process does it the other way round (access_writer.c). */
	atomic_thread_fence(memory_order_seq_cst);
	uint32_t bell = atomic_load_explicit(&shm->bell, memory_order_relaxed);
	if (bell == ACCESS_SLEEPING ||
	    (bell == ACCESS_NAPPING && access_ring_filled(ring) > ACCESS_RING_BYTES / 2))
		access_ring_wake(shm);
}

/* ---- Reading. */

uint64_t access_ring_filled(const struct access_ring_shm *ring)
{
	uint64_t read = atomic_load_explicit(&ring->read, memory_order_relaxed);
	uint64_t filled = atomic_load_explicit(&ring->head, memory_order_acquire) - read;

	return filled <= ACCESS_RING_BYTES ? filled : 0;
}

unsigned access_ring_count(const struct access_rings *rings)
{
	unsigned top = atomic_load(&rings->shm->top);

	return top < rings->count ? top : rings->count;
}

/* Its length is read once, and what is checked is the copy: nobody changes that meanwhile. */
static bool copy_record(const struct access_ring_shm *ring, uint64_t position, union access_record *copy)
{
	const struct access_record_shm *record = record_at(ring, position);
	uint32_t bytes = *(const volatile uint32_t *)&record->bytes;

	if (bytes < offsetof(struct access_record_shm, texts) || bytes > ACCESS_RECORD_MAX)
		return false;
	memcpy(copy, record, bytes);
	return copy->record.bytes == bytes && is_sound(&copy->record, position);
}

bool access_ring_next(struct access_shm *shm, const struct access_ring_shm *ring, uint64_t *position,
                      union access_record *copy)
{
	uint64_t head = atomic_load_explicit(&ring->head, memory_order_acquire);
	uint64_t at = beginning(*position);

	if (*position == head)
		return false;
	if (head - *position <= ACCESS_RING_BYTES && copy_record(ring, at, copy) &&
	    at + copy->record.bytes - *position <= head - *position) {
		*position = at + copy->record.bytes;
		return true;
	}
	atomic_fetch_add(&shm->damaged, 1);
	*position = head;
	return false;
}
