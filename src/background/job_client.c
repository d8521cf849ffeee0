/* SPDX-License-Identifier: ISC */
/* job_client - see job_client.h.  An offer carries its id, so that asking again keeps one job. */
#include "background/job_client.h"

#include "background/job_breaker.h"
#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PATIENCE_MS = 3000, PAUSE_NS = 20000000, ANSWER_S = 5 };

bool job_client_address(const struct background *b, struct sockaddr_un *address)
{
	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	int n = snprintf(address->sun_path, sizeof address->sun_path, "%s/jobs", b->place);
	return *b->place && n > 0 && (size_t)n < sizeof address->sun_path;
}

static bool send_all(int fd, const void *bytes, size_t length)
{
	const char *at = bytes;

	while (length > 0) {
		ssize_t n = send(fd, at, length, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		at += n;
		length -= (size_t)n;
	}
	return true;
}

static bool receive_all(int fd, void *bytes, size_t length)
{
	char *at = bytes;

	while (length > 0) {
		ssize_t n = recv(fd, at, length, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		at += n;
		length -= (size_t)n;
	}
	return true;
}

static bool converse(int fd, struct job_message *message, const char *input, char **text)
{
	if (!send_all(fd, message, sizeof *message) || !send_all(fd, input, message->length) ||
	    !receive_all(fd, message, sizeof *message) || message->length > JOB_MESSAGE_MAX)
		return false;
	*text = malloc(message->length + 1);
	if (!*text)
		percore_no_memory();
	(*text)[message->length] = '\0';
	if (receive_all(fd, *text, message->length))
		return true;
	free(*text);
	*text = NULL;
	return false;
}

/* False where it should be asked again. */
static bool ask_once(const struct sockaddr_un *address, struct job_message *message, const char *input,
                     char **text)
{
	const struct timeval limit = { .tv_sec = ANSWER_S };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return false;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
	bool good = connect(fd, (const struct sockaddr *)address, sizeof *address) == 0 &&
	            converse(fd, message, input, text);
	close(fd);
	return good;
}

static enum job_verdict ask(const struct background *b, struct job_message *message, const char *input,
                            char **text)
{
	const struct job_message question = *message;
	struct jobs_shm *shm = &b->shm->jobs;
	uint64_t until_ms = clock_coarse_ms() + PATIENCE_MS;
	struct sockaddr_un address;

	if (!job_client_address(b, &address) || !job_breaker_admits(shm, clock_coarse_ms()))
		return JOB_AWAY;
	while (!ask_once(&address, message, input, text)) {
		*message = question;
		if (clock_coarse_ms() >= until_ms) {
			job_breaker_note(shm, true, clock_coarse_ms());
			return JOB_AWAY;
		}
		nanosleep(&(struct timespec){ .tv_nsec = PAUSE_NS }, NULL);
	}
	job_breaker_note(shm, false, clock_coarse_ms());
	return message->kind <= JOB_AWAY ? (enum job_verdict)message->kind : JOB_AWAY;
}

enum job_verdict job_client_add(const struct background *b, struct job_offer *offer)
{
	struct job_message message = { .kind = JOB_ADD, .length = (uint32_t)strlen(offer->input) };
	char *text = NULL;

	memcpy(message.id, offer->id, sizeof message.id);
	memcpy(message.name, offer->name, sizeof message.name);
	memcpy(message.key, offer->key, sizeof message.key);
	enum job_verdict verdict = ask(b, &message, offer->input, &text);
	free(text);
	snprintf(offer->id, sizeof offer->id, "%.*s", JOB_ID_MAX - 1, message.id);
	return verdict;
}

enum job_verdict job_client_look(const struct background *b, const char *id, char **text)
{
	struct job_message message = { .kind = JOB_LOOK };

	snprintf(message.id, sizeof message.id, "%s", id);
	return ask(b, &message, "", text);
}
