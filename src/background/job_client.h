/* SPDX-License-Identifier: ISC */
/* job_client - a worker's messages to the jobs' process, over the socket in the pool's directory. */
#ifndef PERCORE_JOB_CLIENT_H
#define PERCORE_JOB_CLIENT_H

#include "background/job.h"

#include <sys/un.h>

enum job_question { JOB_ADD = 1, JOB_LOOK = 2 };

/* One to ask and one to answer, each followed by `length` bytes of text; then the connection is closed. */
struct job_message {
	uint32_t kind;   /* enum job_question or, in an answer, enum job_verdict */
	uint32_t length; /* JOB_MESSAGE_MAX at most */
	char id[JOB_ID_MAX], name[BACKGROUND_NAME_MAX], key[JOB_KEY_MAX];
};

enum { JOB_MESSAGE_MAX = JOB_TEXT_MAX + 4096 };

/* The socket's address.  False: there is no directory. */
bool job_client_address(const struct background *background, struct sockaddr_un *address);

/* Worker.  While the jobs' process is replaced, they wait and ask again, for some seconds. */
enum job_verdict job_client_add(const struct background *background, struct job_offer *offer);

/* *text: how it fares, as JSON; free(). */
enum job_verdict job_client_look(const struct background *background, const char *id, char **text);

#endif
