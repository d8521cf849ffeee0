/* SPDX-License-Identifier: ISC */
/*
 * defer - jobs as requests see them: percore_defer, and GET /jobs/{id}.
 *
 * What is answered 202 is in the store, as a whole.  What the store cannot take now is
 * answered 503 with Retry-After and counted; a job that cannot be kept at all is the
 * handler's fault, and said.
 */
#include "exchange/defer.h"

#include "background/job_store.h"
#include "background/value.h"
#include "base/json_read.h"
#include "base/log.h"
#include "exchange/request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

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
	percore_json_add(answer, "id", json_object_new_string(id));
	percore_json_add(answer, "location", json_object_new_string(location));
	percore_answer_json(request, 202, answer);
}

static void offer(struct percore_request *request, const struct background *b, struct job_offer *offer)
{
	enum job_verdict verdict =
		make_id(offer->id) ? job_store_of(b->settings->jobs)->add(b, offer) : JOB_AWAY;

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

void defer_get(struct percore_request *request)
{
	const char *id = percore_path_value(request, "id");
	const struct background *b = background_with_jobs(request);
	enum job_verdict verdict = JOB_NONE;
	char *text = NULL;

	if (!b)
		return;
	if (is_id(id))
		verdict = job_store_of(b->settings->jobs)->look(b, id, &text);
	if (verdict == JOB_OK)
		percore_answer_bytes(request, 200, "application/json", text, strlen(text));
	else if (verdict == JOB_NONE)
		percore_answer_problem(request, 404, "There is no job of this id, or it is no longer kept.");
	else
		answer_away(request, verdict);
	free(text);
}
