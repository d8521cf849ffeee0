/* SPDX-License-Identifier: ISC */
/*
 * in_flight - what the master must know of the request that a worker has in hand.
 *
 * In shared memory, written by that worker alone.  If the worker dies, the master
 *answers from it, so it trusts nothing in it: text is read up to its size.
 */
#ifndef PERCORE_IN_FLIGHT_H
#define PERCORE_IN_FLIGHT_H

#include <stdatomic.h>
#include <stdint.h>

enum { IN_FLIGHT_ID_MAX = 129, IN_FLIGHT_METHOD_MAX = 16, IN_FLIGHT_PATH_MAX = 256 };

/* How much of the answer has left. */
enum in_flight_sent {
	IN_FLIGHT_NOTHING,
	IN_FLIGHT_HEAD,      /* none: the head is being read */
	IN_FLIGHT_ONE_WRITE, /* the whole answer is about to leave, or has left, in one write */
	IN_FLIGHT_PART,      /* a part has left */
	IN_FLIGHT_WHOLE,     /* all has left */
};

struct in_flight_shm {
	_Atomic uint32_t sent;
	_Atomic uint16_t fcgi_id; /* FastCGI's number of the request; 0: not known */
	/* Not 0: true.  A bool of any other byte is no bool, and a handler may write anywhere. */
	_Atomic uint8_t keep;            /* the web server wants to keep the connection */
	_Atomic uint8_t has_whole_input; /* all of the request was read, and nothing behind it */
	_Atomic uint64_t since_ms;       /* monotonic: when it was taken */
	_Atomic uint64_t deadline_ms;    /* monotonic: when its time limit is over; 0: never */
	char id[IN_FLIGHT_ID_MAX];       /* X-Request-ID; "" until it is known */
	char method[IN_FLIGHT_METHOD_MAX];
	char path[IN_FLIGHT_PATH_MAX];
};

#endif
