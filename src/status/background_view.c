/* SPDX-License-Identifier: ISC */
/* background_view - see background_view.h. */
#include "status/background_view.h"

#include "background/task.h"
#include "background/work.h"
#include "base/clock.h"
#include "base/decimal.h"
#include "base/json_read.h"

#include <stdio.h>
#include <time.h>

static const struct background *used;

void background_view_use(struct background *background)
{
	used = background;
}

static void add_number(json_object *to, const char *name, uint64_t value)
{
	percore_json_add(to, name, json_object_new_int64((int64_t)value));
}

/* From shared memory. */
static void add_text(json_object *to, const char *name, const char *shared, size_t size)
{
	char text[BACKGROUND_REASON_MAX];

	work_copy_text(text, shared, size < sizeof text ? size : sizeof text);
	json_add_text(to, name, text);
}

static void add_seconds(json_object *to, const char *name, uint64_t thousandths)
{
	char text[DECIMAL_MAX];

	decimal_short((double)thousandths / 1000, text);
	percore_json_add(to, name, json_object_new_double_s((double)thousandths / 1000, text));
}

static void add_time(json_object *to, const char *name, uint64_t wall_ms)
{
	time_t seconds = (time_t)(wall_ms / 1000);
	char text[32] = "";
	struct tm tm;

	if (wall_ms && gmtime_r(&seconds, &tm))
		strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
	json_add_text(to, name, text);
}

static const char *outcome_name(uint32_t outcome)
{
	static const char *const names[] = { "never", "good", "failed", "crashed", "timeout", "cut" };

	return outcome < sizeof names / sizeof names[0] ? names[outcome] : "unknown";
}

static const char *state_name(const struct task_shm *shm)
{
	if (atomic_load(&shm->since_ms))
		return "running";
	return atomic_load(&shm->rests) ? "resting" : "waiting";
}

static json_object *task(const struct background_task *task, const struct task_shm *shm)
{
	json_object *json = json_object_new_object();
	uint64_t due_ms = atomic_load(&shm->due_ms), now_ms = clock_coarse_ms();

	percore_json_add(json, "task", json_object_new_string(task->name));
	add_seconds(json, "every_s", task->period_ms);
	percore_json_add(json, "state", json_object_new_string(state_name(shm)));
	add_number(json, "runs", atomic_load(&shm->runs));
	add_number(json, "failures", atomic_load(&shm->failures));
	add_number(json, "failures_in_row", atomic_load(&shm->in_row));
	add_time(json, "last_run", atomic_load(&shm->wall_ms));
	percore_json_add(json, "last_outcome",
	                 json_object_new_string(outcome_name(atomic_load(&shm->outcome))));
	add_text(json, "last_reason", shm->reason, sizeof shm->reason);
	add_seconds(json, "last_duration_ms", atomic_load(&shm->duration_us));
	if (!atomic_load(&shm->rests))
		add_seconds(json, "next_run_s", due_ms > now_ms ? due_ms - now_ms : 0);
	return json;
}

static json_object *tasks(const struct background *b)
{
	json_object *list = json_object_new_array();

	for (size_t i = 0; i < b->task_count; i++)
		percore_json_add(list, NULL, task(&b->tasks[i], &b->shm->tasks[b->tasks[i].slot]));
	return list;
}

static json_object *snapshots(const struct background_shm *shm)
{
	json_object *list = json_object_new_array();

	for (int i = 0; i < SNAPSHOTS_MAX; i++) {
		const struct snapshot_shm *s = &shm->snapshots[i];
		if (!atomic_load(&s->key) || !atomic_load(&s->current))
			continue;
		json_object *one = json_object_new_object();
		add_text(one, "snapshot", s->name, sizeof s->name);
		add_number(one, "version", atomic_load(&s->current));
		add_number(one, "bytes", atomic_load(&s->bytes));
		add_time(one, "published", atomic_load(&s->wall_ms));
		percore_json_add(list, NULL, one);
	}
	return list;
}

static json_object *jobs(const struct jobs_shm *shm)
{
	json_object *json = json_object_new_object();

	add_number(json, "queued", atomic_load(&shm->queued));
	add_number(json, "running", atomic_load(&shm->running));
	add_number(json, "done", atomic_load(&shm->done));
	add_number(json, "failed", atomic_load(&shm->failed));
	add_number(json, "retried", atomic_load(&shm->retried));
	add_number(json, "refused", atomic_load(&shm->refused));
	percore_json_add(json, "store", json_object_new_string(atomic_load(&shm->is_away) ? "away" : "good"));
	if (atomic_load(&shm->is_away))
		add_text(json, "reason", shm->away_reason, sizeof shm->away_reason);
	return json;
}

void background_view_add(json_object *status)
{
	if (!used || !used->shm) {
		json_add_null(status, "background");
		return;
	}
	json_object *json = json_object_new_object();
	percore_json_add(status, "background", json);
	percore_json_add(json, "tasks", tasks(used));
	percore_json_add(json, "snapshots", snapshots(used->shm));
	if (used->settings->jobs)
		percore_json_add(json, "jobs", jobs(&used->shm->jobs));
	else
		json_add_null(json, "jobs");
}

/* ---- For /metrics. */

/* On the wall clock; what is due already is due now. */
static uint64_t next_ms(const struct task_shm *shm)
{
	uint64_t now_ms = clock_coarse_ms(), due_ms = atomic_load(&shm->due_ms);

	if (atomic_load(&shm->rests))
		return 0;
	return clock_read_ns(CLOCK_REALTIME) / 1000000 + (due_ms > now_ms ? due_ms - now_ms : 0);
}

static uint64_t task_number(const struct task_shm *shm, enum background_number number)
{
	switch (number) {
	case BACKGROUND_TASK_RUNS:
		return atomic_load(&shm->runs);
	case BACKGROUND_TASK_FAILURES:
		return atomic_load(&shm->failures);
	case BACKGROUND_TASK_IN_ROW:
		return atomic_load(&shm->in_row);
	case BACKGROUND_TASK_LAST_MS:
		return atomic_load(&shm->wall_ms);
	case BACKGROUND_TASK_NEXT_MS:
		return next_ms(shm);
	default:
		return atomic_load(&shm->duration_us);
	}
}

static void put_snapshots(enum background_number number,
                          void (*put)(void *to, const char *name, uint64_t value), void *to)
{
	char name[BACKGROUND_NAME_MAX];

	for (int i = 0; i < SNAPSHOTS_MAX; i++) {
		const struct snapshot_shm *s = &used->shm->snapshots[i];
		if (!atomic_load(&s->key) || !atomic_load(&s->current))
			continue;
		work_copy_text(name, s->name, sizeof name);
		put(to, name, atomic_load(number == BACKGROUND_SNAPSHOT_BYTES ? &s->bytes : &s->current));
	}
}

void background_view_put(enum background_number number,
                         void (*put)(void *to, const char *name, uint64_t value), void *to)
{
	if (!used || !used->shm)
		return;
	if (number == BACKGROUND_SNAPSHOT_VERSION || number == BACKGROUND_SNAPSHOT_BYTES) {
		put_snapshots(number, put, to);
		return;
	}
	for (size_t i = 0; i < used->task_count; i++)
		put(to, used->tasks[i].name, task_number(&used->shm->tasks[used->tasks[i].slot], number));
}

const struct jobs_shm *background_view_jobs(void)
{
	static const struct jobs_shm none;

	return used && used->shm ? &used->shm->jobs : &none;
}
