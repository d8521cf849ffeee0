/* SPDX-License-Identifier: ISC */
/*
 * supervision - what a generation's master and the supervisor have from each other.
 *
 * The supervisor starts a generation by fork and exec of the program's file, with descriptors
 * and a line in the environment (struct inheritance).  Then both speak over one socket.
 */
#ifndef PERCORE_SUPERVISION_H
#define PERCORE_SUPERVISION_H

#include <stdbool.h>
#include <stdint.h>

enum { SUPERVISION_VERSION = 1, SUPERVISION_TEXT_MAX = 256, SUPERVISION_PLACE_MAX = 96 };

/* Of a generation.  Descriptors: -1 where there is none. */
struct inheritance {
	bool is_of_another_version;  /* a supervisor that we do not understand started us */
	bool is_generation;          /* else this is the first process, and all that follows is unset */
	uint32_t number;             /* the first is 1 */
	unsigned lane;               /* below GENERATIONS_MAX, of those that live the only one with it */
	int control;                 /* to the supervisor */
	int parcels_in, parcels_out; /* see handover.h */
	int listener, admin_listener;
	int memory;                        /* the shared memory of the generation before */
	unsigned watchdog_ms;              /* the supervisor wants a tick each so often; 0: it does not */
	char place[SUPERVISION_PLACE_MAX]; /* the pool's directory: see base/runtime_directory.h; "": none */
	char listen[SUPERVISION_TEXT_MAX], admin[SUPERVISION_TEXT_MAX]; /* the options that cannot change */
};

/* Reads the line, once; what the program starts does not find it any more. */
struct inheritance inheritance_take(void);

/* In the child, before exec: writes the line, and lets the descriptors through. */
void inheritance_pass(const struct inheritance *inheritance);

enum supervision_word {
	/* From the supervisor. */
	SUPERVISION_RETIRE,  /* the next generation serves */
	SUPERVISION_STOP,    /* finish the requests in hand */
	SUPERVISION_LAST,    /* no other generation is left that could hand something over */
	SUPERVISION_CUT,     /* end what is in hand */
	SUPERVISION_REOPEN,  /* the logs */
	SUPERVISION_REFUSED, /* the next generation did not come to serve: `text` says why */
	/* From the generation. */
	SUPERVISION_SERVES, /* with the shared memory's descriptor, and `text` the file of it */
	SUPERVISION_TICK,
	SUPERVISION_REFUSES, /* it will not serve: `text` says why */
};

enum supervision_flags {
	SUPERVISION_HAS_LOG = 1,     /* SERVES: it writes an access log */
	SUPERVISION_NEW_MEMORY = 2,  /* SERVES: of its own, not that of the generation before */
	SUPERVISION_LOG_GOES_ON = 4, /* RETIRE: the next one writes what is in the memory to its log */
	SUPERVISION_OTHERS = 8,      /* STOP: SUPERVISION_LAST is to come */
	SUPERVISION_DEVELOPS = 16,   /* SERVES: --develop is on */
};

struct supervision_message {
	uint32_t word, flags;
	uint64_t drain_timeout_ms, start_timeout_ms; /* SERVES: the options of now */
	uint32_t workers;                            /* SERVES */
	uint32_t supervisor_bytes; /* SERVES: of struct supervisor, as this program has it */
	char text[SUPERVISION_TEXT_MAX];
};

/* For a generation that ends before its master runs. */
void supervision_refuse(const struct inheritance *inheritance, const char *reason);

/* Never waits.  `fd`: -1 for none.  0 or -errno. */
int supervision_say(int control, const struct supervision_message *message, int fd);

/* 1; 0 at the other's end; -errno.  *fd: -1 where none came. */
int supervision_hear(int control, struct supervision_message *message, int *fd);

#endif
