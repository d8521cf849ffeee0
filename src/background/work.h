/* SPDX-License-Identifier: ISC */
/* work - one run of a task or a job, as its function sees it. */
#ifndef PERCORE_WORK_H
#define PERCORE_WORK_H

#include "background/background.h"

struct percore_work {
	const char *id;   /* of the job; NULL: a task */
	unsigned attempt; /* the first is 1 */
	bool rests;       /* percore_rest */
	char reason[BACKGROUND_REASON_MAX];
	json_object *result;
};

/* Copies text from or to shared memory: ended, and printable ASCII alone, whatever it was. */
void work_copy_text(char *to, const char *from, size_t size);

/* A process of its own: lower priority, no signal but SIGTERM, which it waits for. */
void work_settle(long nice_by);

#endif
