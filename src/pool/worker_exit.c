/* SPDX-License-Identifier: ISC */
/* worker_exit - see worker_exit.h. */
#include "pool/worker_exit.h"

#include <stdio.h>
#include <string.h>

/* Those that a signal or a status explains have no words here. */
static const struct {
	enum log_level level;
	const char *words;
	struct worker_exit_answer answer;
} kinds[POOL_EXITS] = {
	[POOL_EXIT_TOLD] = { LOG_LEVEL_INFO, "left", { 0 } },
	[POOL_EXIT_RECYCLED] = { LOG_LEVEL_NOTICE,
	                         "reached --max-requests or --max-memory, and left",
	                         { 0 } },
	[POOL_EXIT_STOPPED] = { LOG_LEVEL_WARNING, "was ended: a signal had stopped it", { 0 } },
	[POOL_EXIT_TIMEOUT] = { LOG_LEVEL_WARNING,
	                        "was ended: its request took longer than its time limit",
	                        { 504, "The request took longer than the service allows." } },
	[POOL_EXIT_MEMORY] = { LOG_LEVEL_ERROR,
	                       "ran out of memory",
	                       { 503, "The service is short of memory now." } },
	[POOL_EXIT_CUT] = { LOG_LEVEL_WARNING,
	                    "was ended: the time to leave was over",
	                    { 503, "The service is restarting." } },
};

struct worker_exit_answer worker_exit_answer(enum pool_exit cause)
{
	return kinds[cause].answer.status
	               ? kinds[cause].answer
	               : (struct worker_exit_answer){ 500, "The request could not be completed." };
}

/* Between a head that is checked and the request's id libfcgi copies the parameters.  It aborts where it has
 * no memory for them, and for nothing else. */
static bool has_died_in_libfcgi(const struct worker_shm *slot, const siginfo_t *death)
{
	return death->si_code != CLD_EXITED && death->si_status == SIGABRT &&
	       atomic_load(&slot->stage) == WORKER_SERVING && atomic_load(&slot->in_flight.fcgi_id) != 0 &&
	       !slot->in_flight.id[0];
}

enum pool_exit worker_exit_cause(const struct process *p, const struct worker_shm *slot,
                                 const siginfo_t *death)
{
	bool has_exited = death->si_code == CLD_EXITED;

	switch (atomic_load(&slot->exit_reason)) {
	case WORKER_RECYCLED:
		return POOL_EXIT_RECYCLED;
	case WORKER_NO_MEMORY:
		return POOL_EXIT_MEMORY;
	case WORKER_LEFT:
		return has_exited ? POOL_EXIT_TOLD : POOL_EXIT_SIGNAL;
	default:
		break;
	}
	if (has_died_in_libfcgi(slot, death))
		return POOL_EXIT_MEMORY;
	if (p->state == PROCESS_KILLED)
		return p->cause;
	/* Before it could catch it. */
	if (p->state == PROCESS_LEAVING && !has_exited && death->si_status == SIGTERM)
		return POOL_EXIT_TOLD;
	if (!has_exited)
		return POOL_EXIT_SIGNAL;
	return p->state == PROCESS_LEAVING && death->si_status == 0 ? POOL_EXIT_TOLD : POOL_EXIT_STATUS;
}

enum log_level worker_exit_describe(const struct process *p, const struct worker_shm *slot,
                                    enum pool_exit cause, const siginfo_t *death,
                                    char text[WORKER_EXIT_WORDS])
{
	bool is_serving = atomic_load(&slot->stage) == WORKER_SERVING;
	const char *why = "";
	char words[128];

	if (kinds[cause].words) {
		snprintf(words, sizeof words, "%s", kinds[cause].words);
		why = cause == POOL_EXIT_CUT && is_serving ? ", with a request in hand" : "";
	} else if (death->si_code == CLD_EXITED) {
		snprintf(words, sizeof words, "left with exit status %d", death->si_status);
		if (atomic_load(&slot->exit_reason) == WORKER_BLIND)
			why = ": it could not serve; did a handler close a descriptor that was not its own?";
		else if (is_serving)
			why = ": a handler called exit";
	} else {
		snprintf(words, sizeof words, "died of signal %d (%s)", death->si_status,
		         strsignal(death->si_status));
		why = death->si_status == SIGSYS
		              ? ": the sandbox ended it for a system call that no handler makes"
		              : "";
	}
	snprintf(text, WORKER_EXIT_WORDS, "worker %u (pid %d) %s%s", p->worker_id, (int)p->pid, words, why);
	return kinds[cause].level;
}
