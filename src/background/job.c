/* SPDX-License-Identifier: ISC */
/* job - see job.h. */
#include "background/job.h"

#include "background/value.h"
#include "base/clock.h"
#include "base/json_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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
	percore_json_add(to, name, json_object_new_string(text));
}

/* One that an earlier percore kept and that cannot be read is said to be so, not told as null. */
static void add_result(json_object *to, const char *text)
{
	json_object *result = NULL;
	const char *wrong = text ? value_read(text, strlen(text), &result) : NULL;

	if (result)
		percore_json_add(to, "result", result);
	else
		json_add_null(to, "result");
	if (wrong)
		percore_json_add(to, "reason", json_object_new_string("the result cannot be read"));
}

static json_object *make_report(const struct job_report *report)
{
	static const char *const names[JOB_STATES] = { "queued", "running", "done", "failed" };
	json_object *json = json_object_new_object();

	percore_json_add(json, "id", json_object_new_string(report->id));
	percore_json_add(json, "job", json_object_new_string(report->name));
	percore_json_add(json, "status", json_object_new_string(names[report->state]));
	percore_json_add(json, "attempts", json_object_new_int64(report->attempts));
	add_time(json, "created", report->created_ms);
	add_time(json, "started", report->started_ms);
	add_time(json, "ended", report->ended_ms);
	if (report->state == JOB_QUEUED && report->attempts > 0)
		add_time(json, "again", report->due_ms);
	if (report->state == JOB_DONE)
		add_result(json, report->result);
	if (report->reason && *report->reason)
		percore_json_add(json, "reason", json_object_new_string(report->reason));
	return json;
}

char *job_report_text(const struct job_report *report)
{
	json_object *json = make_report(report);
	size_t length;
	const char *lent = json_write(json, JSON_C_TO_STRING_PLAIN, &length);
	char *text = lent ? strdup(lent) : NULL;

	if (!text)
		percore_no_memory();
	json_object_put(json);
	return text;
}
