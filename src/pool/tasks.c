/* SPDX-License-Identifier: ISC */
/* tasks - the helper that runs the program's tasks: see background/task.h. */
#include "background/task.h"

#include "background/work.h"
#include "pool/helpers.h"

static bool is_wanted(const struct helpers *h)
{
	return task_is_any(h->background);
}

static int run(const struct helpers *h, const struct order_shm *order)
{
	h->background->order = order;
	work_settle(h->settings->background_nice);
	return task_serve(h->background);
}

static bool is_overdue(const struct helpers *h, const struct helper *helper, uint64_t now_ms)
{
	const struct background_task *task = task_of(h->background, helper->pid);
	uint64_t limit_ms = (uint64_t)h->settings->task_timeout_ms;
	uint64_t since_ms = task ? task_since_ms(h->background, task) : 0;

	return since_ms && limit_ms && now_ms >= since_ms + limit_ms;
}

/* It ends the one that it runs, alone; a fresh process has the others. */
static bool is_in_the_way(const struct helpers *h, const struct helper *helper, uint64_t now_ms)
{
	return task_is_in_the_way(h->background, helper->pid, now_ms);
}

static void note_death(const struct helpers *h, const struct helper *helper, const char *reason)
{
	static const enum task_outcome outcomes[] = { [HELPER_OF_ITSELF] = TASK_CRASHED,
		                                      [HELPER_STOPPED] = TASK_CRASHED,
		                                      [HELPER_TIMEOUT] = TASK_TIMEOUT,
		                                      [HELPER_CUT] = TASK_CUT };
	const struct background_task *task = task_of(h->background, helper->pid);

	if (task)
		task_note_death(h->background, task, outcomes[helper->cause], reason);
}

const struct helper_kind helper_tasks = { .name = "tasks' process",
	                                  .process = "percore-tasks",
	                                  .is_wanted = is_wanted,
	                                  .run = run,
	                                  .is_overdue = is_overdue,
	                                  .is_in_the_way = is_in_the_way,
	                                  .note_death = note_death };
