/* SPDX-License-Identifier: ISC */
/* order - what a master wants of a helper process, in memory that both share.  SIGTERM says that it changed.
 */
#ifndef PERCORE_ORDER_H
#define PERCORE_ORDER_H

#include <stdatomic.h>
#include <stdint.h>

enum order {
	ORDER_RUN,
	ORDER_FINISH, /* start nothing new; leave when all is done */
	ORDER_LEAVE,  /* another takes its place: leave after what is in hand */
};

struct order_shm {
	_Atomic uint32_t order;       /* enum order */
	_Atomic uint64_t leave_by_ms; /* monotonic: what runs then is cut; UINT64_MAX: never */
};

#endif
