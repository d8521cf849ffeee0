/* job - see job.h. */
#include "background/job.h"

#include "background/job_client.h"
#include "background/job_redis.h"
#include "background/job_server.h"
#include "background/value.h"
#include "base/clock.h"
#include "base/redis_url.h"
#include "exchange/request.h"
#include "log/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

enum { DELAY_MAX_MS = 3600000, DOUBLINGS_MAX = 20, JITTER_PARTS = 10 };

uint64_t job_delay_ms(uint64_t first_ms, unsigned attempt, uint64_t random)
{
	unsigned doublings = attempt > 1 ? attempt - 1 : 0;
	uint64_t delay_ms = first_ms << (doublings < DOUBLINGS_MAX ? doublings : DOUBLINGS_MAX);

	delay_ms = delay_ms < DELAY_MAX_MS ? delay_ms : DELAY_MAX_MS;
	return delay_ms + random % (delay_ms / JITTER_PARTS + 1);
}

struct job_end job_judge(const struct settings *s, const struct job_entry *entry,
                         const struct job_outcome *outcome)
{
	if (!outcome->problem)
		return (struct job_end){ .state = JOB_DONE, .result = outcome->result, .reason = "" };
	if (outcome->cut)
		return (struct job_end){ .reason = outcome->problem, .uncounted = true };
	if (entry->attempt >= (unsigned long)s->job_attempts)
		return (struct job_end){ .state = JOB_FAILED, .reason = outcome->problem };
	return (struct job_end){ .delay_ms = job_delay_ms((uint64_t)s->job_retry_ms, entry->attempt,
		                                          clock_ns() / 1000),
		                 .reason = outcome->problem };
}

const struct background_job *job_find(const struct background *b, const char *name)
{
	for (size_t i = 0; i < b->job_count; i++)
		if (strcmp(b->jobs[i].name, name) == 0)
			return &b->jobs[i];
	return NULL;
}

bool job_is_redis(const char *store)
{
	return redis_url_is_meant(store);
}

bool job_check(const char *store)
{
	return job_is_redis(store) ? job_redis_check(store) : job_server_check(store);
}

int job_serve(const struct background *b)
{
	return job_is_redis(b->settings->jobs) ? job_redis_serve(b) : job_serve_file(b);
}

/* ---- What a client is told. */

static void add_time(json_object *to, const char *name, uint64_t wall_ms)
{
	time_t seconds = (time_t)(wall_ms / 1000);
	char text[40], whole[32];
	struct tm tm;

	if (!wall_ms || !gmtime_r(&seconds, &tm))
		return;
	strftime(whole, sizeof whole, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text, sizeof text, "%s.%03uZ", whole, (unsigned)(wall_ms % 1000));
	json_object_object_add(to, name, json_object_new_string(text));
}

/* One that an earlier percore kept and that cannot be read is said to be so, not told as null. */
static void add_result(json_object *to, const char *text)
{
	json_object *result = NULL;
	const char *wrong = text ? value_read(text, strlen(text), &result) : NULL;

	json_object_object_add(to, "result", result);
	if (wrong)
		json_object_object_add(to, "reason", json_object_new_string("the result cannot be read"));
}

json_object *job_report_json(const struct job_report *report)
{
	static const char *const names[JOB_STATES] = { "queued", "running", "done", "failed" };
	json_object *json = json_object_new_object();

	json_object_object_add(json, "id", json_object_new_string(report->id));
	json_object_object_add(json, "job", json_object_new_string(report->name));
	json_object_object_add(json, "status", json_object_new_string(names[report->state]));
	json_object_object_add(json, "attempts", json_object_new_int64(report->attempts));
	add_time(json, "created", report->created_ms);
	add_time(json, "started", report->started_ms);
	add_time(json, "ended", report->ended_ms);
	if (report->state == JOB_QUEUED && report->attempts > 0)
		add_time(json, "again", report->due_ms);
	if (report->state == JOB_DONE)
		add_result(json, report->result);
	if (report->reason && *report->reason)
		json_object_object_add(json, "reason", json_object_new_string(report->reason));
	return json;
}

/* ---- The handlers' side. */

static void answer_away(struct percore_request *request, enum job_verdict verdict)
{
	const struct background *b = request->exchange->background;

	if (b && b->shm)
		atomic_fetch_add(&b->shm->jobs.refused, 1);
	percore_set_header(request, "Retry-After", verdict == JOB_FULL ? "5" : "2");
	percore_answer_problem(request, 503,
	                       verdict == JOB_FULL ? "Too many jobs are waiting."
	                                           : "Jobs cannot be reached now.");
}

/* NULL, and answered: jobs are off. */
static const struct background *background_with_jobs(struct percore_request *request)
{
	const struct background *b = request->exchange->background;

	if (b && b->shm && b->settings->jobs)
		return b;
	percore_answer_problem(request, 503,
	                       "Jobs are off: the service runs without --jobs, or without a pool.");
	return NULL;
}

static bool make_id(char id[JOB_ID_MAX])
{
	unsigned char random[16];

	if (getrandom(random, sizeof random, 0) != sizeof random)
		return false;
	for (size_t i = 0; i < sizeof random; i++)
		snprintf(id + 2 * i, 3, "%02x", random[i]);
	return true;
}

static bool is_good_key(const char *key)
{
	size_t n = 0;

	while (n < JOB_KEY_MAX && key[n] > ' ' && key[n] <= '~')
		n++;
	return n > 0 && n < JOB_KEY_MAX && !key[n];
}

static void answer_accepted(struct percore_request *request, const char *id)
{
	char location[512];
	json_object *answer = json_object_new_object();

	snprintf(location, sizeof location, "%s/jobs/%s", request->exchange->prefix, id);
	percore_set_header(request, "Location", location);
	json_object_object_add(answer, "id", json_object_new_string(id));
	json_object_object_add(answer, "location", json_object_new_string(location));
	percore_answer_json(request, 202, answer);
}

static void offer(struct percore_request *request, const struct background *b, struct job_offer *offer)
{
	enum job_verdict verdict = !make_id(offer->id)               ? JOB_AWAY
	                           : job_is_redis(b->settings->jobs) ? job_redis_add(b, offer)
	                                                             : job_client_add(b, offer);

	if (verdict == JOB_OK)
		answer_accepted(request, offer->id);
	else
		answer_away(request, verdict);
}

void percore_defer(struct percore_request *request, const char *name, json_object *input, const char *key)
{
	const struct background *b = background_with_jobs(request);
	struct job_offer job = { 0 };
	size_t length;
	const char *wrong = value_write(input, &job.input, &length);

	if (b && !job_find(b, name)) {
		log_error("percore_defer: there is no job %s; percore_add_job makes one", name);
		percore_answer_problem(request, 500, NULL);
	} else if (b && !job.input) {
		percore_no_memory();
	} else if (b && wrong) {
		log_error("percore_defer: the input of job %s could not be read back: %s", name, wrong);
		percore_answer_problem(request, 500, NULL);
	} else if (b && length > JOB_TEXT_MAX) {
		percore_answer_problem(request, 413, "The job is larger than 1 MiB.");
	} else if (b && key && !is_good_key(key)) {
		percore_answer_problem(
			request, 400,
			"The idempotency key must be 1 to 127 printable characters without spaces.");
	} else if (b) {
		snprintf(job.name, sizeof job.name, "%s", name);
		snprintf(job.key, sizeof job.key, "%s", key ? key : "");
		offer(request, b, &job);
	}
	json_object_put(input);
}

static bool is_id(const char *id)
{
	return id && strlen(id) == JOB_ID_MAX - 1 && id[strspn(id, "0123456789abcdef")] == '\0';
}

void job_get(struct percore_request *request)
{
	const char *id = percore_path_value(request, "id");
	const struct background *b = background_with_jobs(request);
	enum job_verdict verdict = JOB_NONE;
	char *text = NULL;

	if (!b)
		return;
	if (is_id(id))
		verdict = job_is_redis(b->settings->jobs) ? job_redis_look(b, id, &text)
		                                          : job_client_look(b, id, &text);
	if (verdict == JOB_OK)
		percore_answer_bytes(request, 200, "application/json", text, strlen(text));
	else if (verdict == JOB_NONE)
		percore_answer_problem(request, 404, "There is no job of this id, or it is no longer kept.");
	else
		answer_away(request, verdict);
	free(text);
}
