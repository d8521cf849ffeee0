/*
 * rescue - see rescue.h.
 *
 * What was sent is known but for one moment: a worker that dies around the one
 * write of a whole answer (INHAND_ONE_WRITE) has sent all of it or nothing.  If the
 * peer has closed, or has sent its next request, it had the answer.  Otherwise the
 * stand-in is sent: to a peer that waits it is the answer, and one that does not
 * wait takes unasked bytes on an idle connection for its end.  No request is served
 * on that connection after it: should the peer have sent one just then, it took the
 * stand-in for its answer, and the true answer must not meet the request after it.
 *
 * A connection can be kept when all of its request had come before the worker
 * read (has_whole_input): then what waits in it belongs to that request, since a
 * web server sends the next one only after the answer.  Where more of the body
 * may come, it is read and thrown away until the web server closes.
 */
#include "pool/rescue.h"

#include "exchange/request.h"
#include "exchange/standin.h"
#include "log/log.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

enum peer { PEER_WAITS, PEER_SENT, PEER_CLOSED };

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
	                                                   .hand = &r->slot->hand,
	                                                   .id = id,
	                                                   .fate = fate,
	                                                   .status = r->status });
}

static void release(const struct rescue *r, const struct connection *c)
{
	queue_release(r->queue, c);
	atomic_fetch_add(&r->pool->rescued_released, 1);
}

static void cut(const struct rescue *r, const struct connection *c)
{
	queue_close_of_dead(r->queue, c);
	atomic_fetch_add(&r->pool->rescued_cut, 1);
}

static void discard_waiting(int fd)
{
	char waste[16384];

	while (recv(fd, waste, sizeof waste, MSG_DONTWAIT) > 0)
		;
}

/* The status, or 0 where it could not be sent. */
static int answer(const struct rescue *r, const struct connection *c)
{
	const struct inhand_shm *hand = &r->slot->hand;
	unsigned char bytes[STANDIN_MAX];
	char id[INHAND_ID_MAX];

	memcpy(id, hand->id, sizeof id);
	id[sizeof id - 1] = '\0';
	if (!request_is_good_id(id))
		request_make_id(id);
	const struct standin standin = { .fcgi_id = hand->fcgi_id,
		                         .status = r->status,
		                         .detail = r->detail,
		                         .id = id,
		                         .is_head = strncmp(hand->method, "HEAD", 5) == 0 };
	size_t n = standin_write(&standin, bytes);
	record(r, ACCESS_STOOD_IN, id);
	bool whole_input = hand->has_whole_input;

	queue_drop_spool(r->queue, c);
	if (whole_input)
		discard_waiting(c->fd);
	if (send(c->fd, bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)n) {
		cut(r, c);
		return 0;
	}
	atomic_fetch_add(&r->pool->rescued_answered, 1);
	log_warning("request %s: %.*s %.*s: answered %d for worker %u", id, INHAND_METHOD_MAX - 1,
	            hand->method, INHAND_PATH_MAX - 1, hand->path, r->status, r->seat);
	/* Where the answer may have been there already, nothing may follow on this connection: see above. */
	if (whole_input && hand->keep && hand->sent == INHAND_NOTHING) {
		queue_release(r->queue, c);
		return r->status;
	}
	shutdown(c->fd, SHUT_WR);
	queue_release_to_discard(r->queue, c);
	return r->status;
}

/* The peer may wait no more, or be gone: what had left, it had. */
static bool had_answer(const struct inhand_shm *hand, enum peer peer)
{
	return hand->sent == INHAND_WHOLE ||
	       (hand->sent == INHAND_ONE_WRITE &&
	        (peer == PEER_CLOSED || (peer == PEER_SENT && hand->has_whole_input)));
}

/* The status that it was answered with, or 0. */
static int rescue_request(const struct rescue *r, const struct connection *c)
{
	const struct inhand_shm *hand = &r->slot->hand;
	enum peer peer = look_at_peer(c->fd);

	if (had_answer(hand, peer))
		record(r, ACCESS_SENT, hand->id);
	if (peer == PEER_CLOSED)
		queue_close_of_dead(r->queue, c);
	else if (hand->sent == INHAND_WHOLE && hand->keep)
		release(r, c);
	else if (hand->sent == INHAND_WHOLE)
		queue_close_of_dead(r->queue, c);
	else if (hand->sent == INHAND_ONE_WRITE && peer == PEER_SENT && hand->has_whole_input)
		release(r, c);
	else if (hand->sent == INHAND_PART || hand->fcgi_id == 0)
		cut(r, c);
	else
		return answer(r, c);
	return 0;
}

int rescue_worker(const struct rescue *r)
{
	struct connection c;
	int answered = 0;

	for (uint32_t from = 0; queue_next_of(r->queue, r->worker, &from, &c);) {
		if (r->slot->stage == WORKER_SERVING)
			answered = rescue_request(r, &c);
		else
			release(r, &c);
	}
	if (r->slot->stage == WORKER_SERVING) /* where none of these had it */
		record(r, ACCESS_BROKEN, "");
	access_bury(r->access, r->worker);
	queue_raise(r->queue);
	return answered;
}
