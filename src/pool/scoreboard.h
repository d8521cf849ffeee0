/*
 * scoreboard - what each worker is doing, for the master to read.
 *
 * In shared memory, one slot a worker, written by that worker alone; the master
 * reads it after the worker's death, and resets it before the next one's birth.
 */
#ifndef PERCORE_SCOREBOARD_H
#define PERCORE_SCOREBOARD_H

#include <stdatomic.h>
#include <stdint.h>

enum worker_stage {
	WORKER_IDLE,    /* has read nothing from what it owns */
	WORKER_SERVING, /* has read from the connection in its slot */
};

struct worker_shm {
	_Alignas(64) _Atomic uint32_t stage; /* enum worker_stage */
	_Atomic uint32_t sent;               /* 1: a byte of the answer may have left */
	/*
	 * Odd while a descriptor exists that no claim word tells of: between accept
	 * and claim, and between a claim's end and close.  See queue_adopt.
	 */
	_Atomic uint32_t window;
};

#endif
