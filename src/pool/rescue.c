/* SPDX-License-Identifier: ISC */
/*
 * rescue - see rescue.h.
 *
 * The master has a copy of each connection that is kept; of one that is not it finds a copy
 * in the lifeline (intake.h).
 *
 * What was sent is known but for one moment: a worker that dies around the one
 * write of a whole answer (IN_FLIGHT_ONE_WRITE) has sent all of it or nothing.  If the
 * peer has closed, or has sent its next request, it had the answer.  Otherwise the
 * fallback response is sent: to a peer that waits it is the answer, and one that does not
 * wait takes unasked bytes on an idle connection for its end.  No request is served
 * on that connection after it: should the peer have sent one just then, it took the
 * fallback response for its answer, and the true answer must not meet the request after it.
 *
 * A connection can be kept when the worker had read all of its request and nothing behind
 * it (has_whole_input).  Otherwise what comes is thrown away until the web server closes.
 *
 * A worker that dies between its first read and the check of the head leaves no word of
 * the request.  Web servers give it the number 1, so it is answered under that one.
 */
#include "pool/rescue.h"

#include "base/cookie.h"
#include "base/log.h"
#include "exchange/fallback_response.h"
#include "exchange/request.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum peer { PEER_WAITS, PEER_SENT, PEER_CLOSED };

enum { UNKNOWN_FCGI_ID = 1 };

/* A connection that the worker had. */
struct held {
	int fd;
	uint32_t slot, generation;
};

static enum peer look_at_peer(int fd)
{
	char byte;
	ssize_t got = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

	if (got > 0)
		return PEER_SENT;
	return got < 0 && errno == EAGAIN ? PEER_WAITS : PEER_CLOSED;
}

static void record(const struct rescue *r, enum access_fate fate, const char *id)
{
	access_complete(r->access, &(struct access_death){ .index = r->worker,
	                                                   .in_flight = &r->slot->in_flight,
	                                                   .id = id,
	                                                   .fate = fate,
	                                                   .status = r->status });
}

static void release(const struct rescue *r, const struct held *c)
{
	registry_release(r->registry, c->slot, c->generation);
	atomic_fetch_add(&r->pool->rescued_released, 1);
}

static void cut(const struct rescue *r, const struct held *c)
{
	registry_close(r->registry, c->slot);
	atomic_fetch_add(&r->pool->rescued_cut, 1);
}

/* The status, or 0 where it could not be sent. */
static int answer(const struct rescue *r, const struct held *c)
{
	const struct in_flight_shm *in_flight = &r->slot->in_flight;
	unsigned char bytes[FALLBACK_RESPONSE_MAX];
	char id[IN_FLIGHT_ID_MAX];

	memcpy(id, in_flight->id, sizeof id);
	id[sizeof id - 1] = '\0';
	if (!request_is_good_id(id))
		request_make_id(id);
	const struct fallback_response fallback = { .fcgi_id = in_flight->fcgi_id ? in_flight->fcgi_id
		                                                                  : UNKNOWN_FCGI_ID,
		                                    .status = r->status,
		                                    .detail = r->detail,
		                                    .reason = r->reason,
		                                    .id = id,
		                                    .is_head = strncmp(in_flight->method, "HEAD", 5) == 0 };
	size_t n = fallback_response_write(&fallback, bytes);
	record(r, ACCESS_FALLBACK, id);
	bool whole_input = in_flight->has_whole_input && in_flight->fcgi_id;

	if (send(c->fd, bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)n) {
		cut(r, c);
		return 0;
	}
	atomic_fetch_add(&r->pool->rescued_answered, 1);
	log_warning("request %s: %.*s %.*s: answered %d for worker %u", id, IN_FLIGHT_METHOD_MAX - 1,
	            in_flight->method, IN_FLIGHT_PATH_MAX - 1, in_flight->path, r->status, r->worker_id);
	/* Where the answer may have been there already, nothing may follow on this connection: see above. */
	if (whole_input && in_flight->keep && in_flight->sent == IN_FLIGHT_NOTHING) {
		registry_release(r->registry, c->slot, c->generation);
		return r->status;
	}
	shutdown(c->fd, SHUT_WR);
	connections_drop_part(r->registry->connections, c->slot);
	registry_release_to_discard(r->registry, c->slot, c->generation);
	return r->status;
}

/* The peer may wait no more, or be gone: what had left, it had. */
static bool had_answer(const struct in_flight_shm *in_flight, enum peer peer)
{
	return in_flight->sent == IN_FLIGHT_WHOLE ||
	       (in_flight->sent == IN_FLIGHT_ONE_WRITE &&
	        (peer == PEER_CLOSED || (peer == PEER_SENT && in_flight->has_whole_input)));
}

/* The status that it was answered with, or 0. */
static int rescue_request(const struct rescue *r, const struct held *c)
{
	const struct in_flight_shm *in_flight = &r->slot->in_flight;
	enum peer peer = look_at_peer(c->fd);

	if (had_answer(in_flight, peer))
		record(r, ACCESS_SENT, in_flight->id);
	if (peer == PEER_CLOSED)
		registry_close(r->registry, c->slot);
	else if (in_flight->sent == IN_FLIGHT_WHOLE && in_flight->keep && in_flight->has_whole_input)
		release(r, c);
	else if (in_flight->sent == IN_FLIGHT_WHOLE)
		registry_close(r->registry, c->slot);
	else if (in_flight->sent == IN_FLIGHT_ONE_WRITE && peer == PEER_SENT && in_flight->has_whole_input)
		release(r, c);
	else if (in_flight->sent == IN_FLIGHT_HEAD && peer == PEER_SENT)
		release(r, c); /* it had read nothing; or the rest is found broken */
	else if (in_flight->sent == IN_FLIGHT_PART)
		cut(r, c);
	else
		return answer(r, c);
	return 0;
}

/* ---- Which connections those are. */

/* It was about to take the lifeline's copy out. */
static bool is_same(int a, int b)
{
	uint64_t cookie = socket_cookie(a);

	return a >= 0 && b >= 0 && cookie && cookie == socket_cookie(b);
}

/* A new connection, which is in no slot yet.  False: there is no room for it, and it is closed. */
static bool adopt(const struct rescue *r, int fd, struct held *c)
{
	struct connections *table = r->registry->connections;

	*c = (struct held){ .fd = fd };
	if (!connections_take_slot(table, CONNECTIONS_MASTER, &c->slot, &c->generation)) {
		close(fd);
		atomic_fetch_add(&r->pool->rescued_cut, 1);
		return false;
	}
	registry_add(r->registry, c->slot, c->generation, fd);
	return registry_fd(r->registry, c->slot) == fd;
}

/* The status that a request was answered with, or 0. */
static int rescue_held(const struct rescue *r, const struct held *c, bool is_in_hand)
{
	if (is_in_hand && atomic_load(&r->slot->stage) == WORKER_SERVING)
		return rescue_request(r, c);
	release(r, c);
	return 0;
}

static int rescue_new(const struct rescue *r, int fd)
{
	struct held c;

	return adopt(r, fd, &c) ? rescue_held(r, &c, atomic_load(&r->slot->connection) == 0) : 0;
}

static int rescue_kept(const struct rescue *r, int *unregistered)
{
	const struct connections *table = r->registry->connections;
	uint32_t top = connections_top(table), in_hand = atomic_load(&r->slot->connection);
	struct connections_state state;
	int answered = 0;

	for (uint32_t slot = 0; slot < top; slot++) {
		if (!connections_look(table, slot, &state) || !state.is_owned || state.owner != r->worker)
			continue;
		const struct held c = { registry_fd(r->registry, slot), slot, state.generation };
		bool is_new = is_same(*unregistered, c.fd);
		if (is_new) {
			close(*unregistered);
			*unregistered = -1;
		}
		if (c.fd < 0) /* it was about to register it */
			registry_close(r->registry, slot);
		else
			answered += rescue_held(r, &c, is_new || in_hand == slot + 1);
	}
	return answered;
}

int rescue_worker(const struct rescue *r)
{
	int unregistered = r->unregistered;
	int answered = rescue_kept(r, &unregistered);

	if (unregistered >= 0)
		answered += rescue_new(r, unregistered);
	if (atomic_load(&r->slot->stage) == WORKER_SERVING) /* where none of these had it */
		record(r, ACCESS_BROKEN, "");
	access_reclaim(r->access, r->worker);
	registry_raise(r->registry);
	return answered;
}
