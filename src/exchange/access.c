/* SPDX-License-Identifier: ISC */
/* access - see access.h. */
#include "exchange/access.h"

#include "base/clock.h"
#include "base/fault.h"
#include "exchange/rate_limit.h"
#include "exchange/request.h"

#include <arpa/inet.h>
#include <string.h>
#include <unistd.h>

/* How much of each text is kept, in bytes. */
enum {
	METHOD_MAX = 32,
	PATH_MAX_KEPT = 768,
	CLIENT_MAX = 64,
	TRACE_MAX = 56,
	PROTOCOL_MAX = 16,
	FREE_MAX = 384
};

/* Of this worker. */
static struct access_ring_shm *ring; /* NULL: it writes no records */
static unsigned own_worker_id;

void access_enter(const struct access *access, unsigned index, unsigned worker_id)
{
	if (!access->rings.shm || !access->is_on || index >= access->rings.count)
		return;
	ring = &access->rings.shm->rings[index];
	own_worker_id = worker_id;
	access_ring_enter(access->rings.shm, index, worker_id, getpid());
}

void access_leave(void)
{
	if (ring)
		access_ring_leave(ring);
	ring = NULL;
}

void access_expect(const struct access *access)
{
	if (!ring)
		return;
	if (access->waits)
		access_ring_wait(access->rings.shm, ring);
	access_ring_mark(ring);
}

/* As the web server wrote it; where there are trusted proxies, the client behind them. */
static const char *client_of(const struct percore_request *request, char text[INET6_ADDRSTRLEN])
{
	const struct limit_policy *policy = &request->exchange->limit.policy;
	struct address client;

	if (!(policy->proxies_count || policy->trusts_unix) || !rate_limit_client(request, &client))
		return percore_param(request, "REMOTE_ADDR");
	if (address_is_ipv4(&client))
		return inet_ntop(AF_INET, client.bytes + 12, text, INET6_ADDRSTRLEN);
	return inet_ntop(AF_INET6, client.bytes, text, INET6_ADDRSTRLEN);
}

static bool is_skipped(const struct percore_request *request)
{
	const struct option_list *skip = request->exchange->access.skip;

	if (request->route && request->route->spec.is_probe)
		return true;
	for (size_t i = 0; i < skip->count; i++)
		if (request->path.plain && strcmp(skip->items[i], request->path.plain) == 0)
			return true;
	return false;
}

/* Without the query, which may hold secrets. */
static void add_path(const struct percore_request *request, struct access_record_shm *record)
{
	const char *uri = percore_param(request, "REQUEST_URI");

	if (!uri || !*uri)
		uri = *request->path_buffer ? request->path_buffer : "";
	size_t length = strcspn(uri, "?#");
	access_record_add(record, ACCESS_PATH, uri, length < PATH_MAX_KEPT ? length : PATH_MAX_KEPT);
}

static void add_for_combined(const struct percore_request *request, struct access_record_shm *record)
{
	access_record_add(record, ACCESS_PROTOCOL, percore_param(request, "SERVER_PROTOCOL"), PROTOCOL_MAX);
	access_record_add(record, ACCESS_REFERER, percore_param(request, "HTTP_REFERER"), FREE_MAX);
	access_record_add(record, ACCESS_AGENT, percore_param(request, "HTTP_USER_AGENT"), FREE_MAX);
}

void access_begin(struct percore_request *request)
{
	char client[INET6_ADDRSTRLEN];

	if (!ring || request->record || request->is_unlogged)
		return;
	struct access_record_shm *record = is_skipped(request) ? NULL : access_ring_place(ring);
	if (!record) {
		request->is_unlogged = true;
		return;
	}
	record->start_ns = request->exchange->metrics->since_ns;
	record->worker = (uint16_t)own_worker_id;
	access_record_add(record, ACCESS_METHOD, request->method, METHOD_MAX);
	add_path(request, record);
	access_record_add(record, ACCESS_CLIENT, client_of(request, client), CLIENT_MAX);
	access_record_add(record, ACCESS_ID, request->id, IN_FLIGHT_ID_MAX - 1);
	access_record_add(record, ACCESS_TRACEPARENT, percore_param(request, "HTTP_TRACEPARENT"), TRACE_MAX);
	if (request->exchange->access.is_combined)
		add_for_combined(request, record);
	access_ring_draft(ring, record);
	request->record = record;
}

void access_answer(struct percore_request *request, int status, size_t body_bytes)
{
	access_begin(request); /* the answer may come before a route is looked for */
	if (!request->record)
		return;
	request->record->status = (uint16_t)status;
	request->record->body_bytes = body_bytes;
}

void access_close(struct percore_request *request)
{
	if (!request->record)
		return;
	request->record->limit = (uint8_t)request->limit_verdict;
	if (request->answer_length > request->record->body_bytes) /* of unknown length */
		request->record->body_bytes = request->answer_length - request->answer_left;
	if (request->cut || request->answer_left > 0)
		request->record->flags |= ACCESS_CUT;
}

void access_end(const struct percore_request *request)
{
	if (!request->record)
		return;
	fault_point("before-record");
	request->record->duration_ns = request->exchange->metrics->elapsed_ns; /* of the same clock reading */
	access_ring_publish(request->exchange->access.rings.shm, ring, request->record);
	fault_point("after-record");
}

/* ---- The master, for the dead. */

/* From what is in hand: the worker died before it could draft, or it would have left no line. */
static struct access_record_shm *draft_from_hand(struct access_ring_shm *dead,
                                                 const struct access_death *death)
{
	struct access_record_shm *record = access_ring_place(dead);

	if (!record)
		return NULL;
	record->start_ns = atomic_load(&death->in_flight->since_ms) * 1000000;
	record->worker = (uint16_t)atomic_load(&dead->worker_id);
	access_record_add(record, ACCESS_METHOD, death->in_flight->method, IN_FLIGHT_METHOD_MAX - 1);
	access_record_add(record, ACCESS_PATH, death->in_flight->path, IN_FLIGHT_PATH_MAX - 1);
	access_record_add(record, ACCESS_ID, death->id, IN_FLIGHT_ID_MAX - 1);
	access_ring_draft(dead, record);
	return record;
}

void access_complete(const struct access *access, const struct access_death *death)
{
	uint64_t now_ns = clock_ns();

	if (!access || !access->rings.shm)
		return;
	struct access_ring_shm *dead = &access->rings.shm->rings[death->index];
	if (!atomic_load(&dead->worker_pid) || access_ring_is_out(dead))
		return;
	struct access_record_shm *record = access_ring_drafted(dead);
	if (!record && death->fate == ACCESS_FALLBACK)
		record = draft_from_hand(dead, death);
	if (!record)
		return;
	record->duration_ns = now_ns > record->start_ns ? now_ns - record->start_ns : 0;
	if (death->fate == ACCESS_FALLBACK || (death->fate == ACCESS_BROKEN && record->status == 0)) {
		record->status = (uint16_t)death->status;
		record->body_bytes = 0;
	}
	if (death->fate != ACCESS_SENT)
		record->flags |= ACCESS_DIED;
	access_ring_publish(access->rings.shm, dead, record);
}

void access_reclaim(const struct access *access, unsigned index)
{
	if (access && access->rings.shm)
		access_ring_leave(&access->rings.shm->rings[index]);
}
