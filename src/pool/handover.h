/*
 * handover - connections on their way from the program before to the one after it.
 *
 * Each is a message on a socket pair, with the descriptors beside it (SCM_RIGHTS),
 * so neither program has to know the other's memory.  Beside them there are words.
 */
#ifndef PERCORE_HANDOVER_H
#define PERCORE_HANDOVER_H

#include "pool/queue.h"

enum handover_word {
	HANDOVER_MEETS = 'M', /* the new program has started, and has its own descriptors */
	/* The new program serves, and it writes the log: */
	HANDOVER_SERVES = 'S',             /* also what the old one's workers log */
	HANDOVER_SERVES_APART = 'A',       /* but not that, which is in memory that it does not have */
	HANDOVER_SERVES_WITHOUT_LOG = 'N', /* it does not: it has none */
	HANDOVER_REOPEN =
		'R', /* the new program does not serve yet; the old one's log is to be opened anew */
	/* The old one has no process for the log any more (but where it has to keep it) nor for probes. */
	HANDOVER_STEPS_ASIDE = 'O',
	HANDOVER_ASKS_FOR_LOG = '?', /* the old one's workers have left; may it write what they logged? */
	HANDOVER_LEAVES_LOG = 'L',   /* it may */
};

struct handover {
	int ends[2]; /* the old program's, and the new one's */
	uint64_t cookies[2];
};

/* Where it is open already, and no handler has closed it: nothing.  0 or -errno. */
int handover_open(struct handover *handover);

/* No handler has closed that end. */
bool handover_has(const struct handover *handover, int end);

/* 0; -EAGAIN: the other side has to read first; -errno. */
int handover_send(int socket, const struct queue_parcel *parcel);
int handover_say(int socket, enum handover_word word);

/* 1: the parcel's descriptors are the caller's; a word; 0: nothing has come; -EPIPE: no more will; -errno:
 * one was lost. */
int handover_receive(int socket, struct queue_parcel *parcel);

/* Waits wait_ms.  A word; 0: none yet; -EPIPE: none will come. */
int handover_hear(int socket, int wait_ms);

#endif
