/* SPDX-License-Identifier: ISC */
/*
 * access_ring - the way of an access log's records from the workers to the writer process.
 *
 * In shared memory, a ring for each worker slot: one process writes it, one reads it.
 *
 *      read            head                 read + ACCESS_RING_BYTES
 *   ----|---------------|------------------------|----
 *       | A  | B  | C   | the draft |   free     |
 *
 * Positions only grow; a position's place is its remainder by the ring's size.  A
 * record begins only where ACCESS_RECORD_MAX bytes are left before the ring's end,
 * so it is never in two pieces: reader and writer skip the rest by the same rule.
 *
 * A record (8-byte aligned):
 *
 *   | position 8 | start 8 | duration 8 | body 8 | bytes 4 | status 2 | worker 2 |
 *   | limit 1 | flags 1 | length of each text 2 x ACCESS_TEXTS | the texts |
 *
 * It is drafted behind the head when a request begins.  The draft's own position is
 * written last, and so says that the draft is whole.  The head passes it when the
 * request has ended: that one store publishes it.  Whoever dies before leaves a
 * ring without half a record in it; the master completes the draft (rescue.c).
 *
 * `mark` is the head as of the request's start: where they differ, its record is
 * out.
 */
#ifndef PERCORE_ACCESS_RING_H
#define PERCORE_ACCESS_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

enum {
	/* Sparse, for thousands of slots: costs memory where it is written. */
	ACCESS_RING_BYTES = sizeof(void *) > 4 ? 256 << 10 : 16 << 10,
	ACCESS_RECORD_MAX = 2048,
};

enum access_text {
	ACCESS_METHOD,
	ACCESS_PATH, /* as the client sent it, without the query */
	ACCESS_CLIENT,
	ACCESS_ID,
	ACCESS_TRACEPARENT, /* not checked yet */
	ACCESS_PROTOCOL,    /* from here on for the combined format alone */
	ACCESS_REFERER,
	ACCESS_AGENT,
	ACCESS_TEXTS,
};

enum access_flags {
	ACCESS_DIED = 1, /* the worker died; the status is the master's answer */
	ACCESS_CUT = 2,  /* the answer was broken off */
};

struct access_record_shm {
	_Atomic uint64_t position; /* of its beginning */
	uint64_t start_ns;         /* monotonic */
	uint64_t duration_ns;
	uint64_t body_bytes; /* of the answer */
	uint32_t bytes;      /* of the record, the texts included */
	uint16_t status, worker;
	uint8_t limit; /* enum limit_verdict */
	uint8_t flags;
	uint16_t text_bytes[ACCESS_TEXTS];
	char texts[]; /* one after another, without NULs */
};

struct access_ring_shm {
	_Alignas(64) _Atomic uint64_t head; /* the worker's; the master's when that is dead */
	_Atomic uint64_t mark;
	_Atomic uint64_t dropped;           /* lines, for want of room */
	_Atomic uint32_t worker_pid;        /* who writes records here; 0: nobody */
	_Atomic uint32_t worker_id;         /* of that worker */
	_Alignas(64) _Atomic uint64_t read; /* the writer process's: up to here it is in the file */
	_Atomic uint64_t pending;           /* up to here, when the batch in hand is in the file */
	_Alignas(64) unsigned char bytes[ACCESS_RING_BYTES];
};

/* What the writer process is at: others ring where it sleeps. */
enum access_bell {
	ACCESS_AWAKE,
	ACCESS_NAPPING,  /* gathers a batch: wake it where a ring is half full */
	ACCESS_SLEEPING, /* wake it for any record */
};

/* The batch that is being written: for the next writer process, should this one be killed. */
struct access_batch_shm {
	_Atomic uint32_t is_open; /* 1: it may be in the file, or a part of it */
	uint64_t device, inode;   /* of the file */
	uint64_t offset, bytes;   /* where in the file, and how many */
	uint64_t lines_after;     /* `lines`, with it */
};

struct access_shm {
	_Atomic uint32_t bell;    /* enum access_bell; a futex */
	_Atomic uint32_t reopens; /* asked for; the master's */
	_Atomic uint32_t top;     /* one above the highest ring in use ever */
	_Atomic uint32_t failing; /* 1: the file takes nothing; nobody waits for room */
	_Atomic uint64_t lines, write_errors, damaged;
	uint64_t dropped_before; /* the file began to fail */
	struct access_batch_shm batch;
	struct access_ring_shm rings[]; /* one for each worker slot */
};

/* This process' own view of it: shared memory is no authority on its own size. */
struct access_rings {
	struct access_shm *shm; /* NULL: there is none */
	unsigned count;
};

static inline size_t access_bytes(unsigned rings)
{
	return sizeof(struct access_shm) + rings * sizeof(struct access_ring_shm);
}

/* For /metrics: since the pool began. */
struct log_counters {
	uint64_t lines;        /* written to the access log */
	uint64_t dropped;      /* not written, for want of room in a ring */
	uint64_t write_errors; /* writes that failed; their lines were tried again */
};

/* Any process. */
void log_counters(const struct access_rings *rings, struct log_counters *counters);

/* ---- The side of the worker; and of the master, when that worker is dead. */

/* A worker begins to write records into its ring, or ends to. */
void access_ring_enter(struct access_shm *shm, unsigned index, unsigned worker_id, pid_t pid);
void access_ring_leave(struct access_ring_shm *ring);

/* A request begins. */
static inline void access_ring_mark(struct access_ring_shm *ring)
{
	atomic_store_explicit(&ring->mark, atomic_load_explicit(&ring->head, memory_order_relaxed),
	                      memory_order_release);
}

/* True where the request's record is out. */
bool access_ring_is_out(const struct access_ring_shm *ring);

/* Waits until there is room for a record, or the file fails. */
void access_ring_wait(struct access_shm *shm, const struct access_ring_shm *ring);

/* Where the next record goes, to be filled but for its position.  NULL, and counted: no room. */
struct access_record_shm *access_ring_place(struct access_ring_shm *ring);

/* Adds a text, cut at `max` bytes, in the order of enum access_text; those left out, and NULL, are "". */
static inline void access_record_add(struct access_record_shm *record, enum access_text text,
                                     const char *value, size_t max)
{
	size_t left = ACCESS_RECORD_MAX - 8 - record->bytes;

	if (!value)
		return;
	size_t length = strnlen(value, max < left ? max : left);
	memcpy((char *)record + record->bytes, value, length);
	record->text_bytes[text] = (uint16_t)length;
	record->bytes += (uint32_t)length;
}

/* It is whole. */
void access_ring_draft(const struct access_ring_shm *ring, struct access_record_shm *record);

/* The draft of the request in hand, or NULL.  Bounds-checked. */
struct access_record_shm *access_ring_drafted(struct access_ring_shm *ring);

void access_ring_publish(struct access_shm *shm, struct access_ring_shm *ring,
                         const struct access_record_shm *record);

/* Master: wakes the writer process. */
void access_ring_wake(struct access_shm *shm);

/* ---- The side of the writer process. */

/* A record taken out of its ring: what is checked here does not change any more. */
union access_record {
	struct access_record_shm record;
	unsigned char bytes[ACCESS_RECORD_MAX];
};

/*
 * Copies the record at *position and moves that behind it.  False: there is none.  A
 * ring that cannot be right is skipped up to its head, and counted in shm->damaged.
 */
bool access_ring_next(struct access_shm *shm, const struct access_ring_shm *ring, uint64_t *position,
                      union access_record *copy);

/* Bytes between read and head; 0 also where they cannot be right. */
uint64_t access_ring_filled(const struct access_ring_shm *ring);

/* How many rings may hold something; bounded. */
unsigned access_ring_count(const struct access_rings *rings);

#endif
