/* SPDX-License-Identifier: ISC */
/* work - see work.h. */
#include "background/work.h"

#include "base/log.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

void work_copy_text(char *to, const char *from, size_t size)
{
	size_t n = 0;

	for (; n + 1 < size && from[n]; n++)
		to[n] = (char)(from[n] >= ' ' && from[n] <= '~' ? from[n] : '?');
	to[n] = '\0';
}

bool percore_fail(struct percore_work *work, const char *format, ...)
{
	char text[BACKGROUND_REASON_MAX];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	work_copy_text(work->reason, text, sizeof work->reason);
	return false;
}

bool percore_rest(struct percore_work *work)
{
	work->rests = true;
	return true;
}

void percore_set_result(struct percore_work *work, json_object *result)
{
	json_object_put(work->result);
	work->result = result;
}

unsigned percore_attempt(const struct percore_work *work)
{
	return work->attempt;
}

static void do_nothing(int signal)
{
	(void)signal;
}

/* ^C at a terminal is for the supervisor.  Caught, not ignored: what a task starts has default actions. */
static void settle_signals(void)
{
	const struct sigaction action = { .sa_handler = do_nothing, .sa_flags = SA_RESTART };
	sigset_t set;

	for (const int *s = (const int[]){ SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGPIPE, SIGTERM, 0 };
	     *s; s++)
		sigaction(*s, &action, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM); /* waited for */
	sigprocmask(SIG_SETMASK, &set, NULL);
}

void work_settle(long nice_by)
{
	const struct sched_param none = { 0 };

	settle_signals();
	if (nice_by > 0 && setpriority(PRIO_PROCESS, 0, (int)nice_by) != 0)
		log_warning("background: nice %ld: %s", nice_by, strerror(errno));
	if (sched_setscheduler(0, SCHED_BATCH, &none) != 0)
		log_warning("background: SCHED_BATCH: %s", strerror(errno));
}
