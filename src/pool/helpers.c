/* SPDX-License-Identifier: ISC */
/* helpers - see helpers.h. */
#include "pool/helpers.h"

#include "access/access_ring.h"
#include "base/backoff.h"
#include "base/clock.h"
#include "base/descriptors.h"
#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { QUICK_MS = 1000, AGAIN_MS = 2000 };

static const struct helper_kind *const kinds[HELPER_ROLES] = {
	[HELPER_LOG_WRITER] = &helper_log_writer,
	[HELPER_ADMIN] = &helper_admin,
	[HELPER_TASKS] = &helper_tasks,
	[HELPER_JOBS] = &helper_jobs,
};

int helpers_open(struct helpers *h)
{
	h->orders = mmap(NULL, HELPERS_MAX * sizeof *h->orders, PROT_READ | PROT_WRITE,
	                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (int role = 0; role < HELPER_ROLES; role++)
		h->posts[role].current = -1;
	return h->orders == MAP_FAILED ? -errno : 0;
}

static int index_of(const struct helpers *h, const struct helper *helper)
{
	return (int)(helper - h->all);
}

/* ---- Birth. */

static _Noreturn void be_helper(const struct helpers *h, const struct helper *helper, pid_t master)
{
	const struct helper_kind *kind = kinds[helper->role];
	int kept[2];
	sigset_t none;

	prctl(PR_SET_NAME, kind->process);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	descriptors_close_others(kept, kind->keep ? kind->keep(h, kept) : 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (getppid() != master)
		_exit(0);
	int status = kind->run(h, &h->orders[index_of(h, helper)]);
	fflush(NULL);
	_exit(status);
}

static struct helper *find_free(struct helpers *h)
{
	for (int i = 0; i < HELPERS_MAX; i++)
		if (!h->all[i].pid)
			return &h->all[i];
	return NULL;
}

void helpers_start(struct helpers *h, enum helper_role role, uint64_t now_ms)
{
	struct helper_post *post = &h->posts[role];
	struct helper *helper = find_free(h);
	pid_t master = getpid();

	post->start_at_ms = now_ms + AGAIN_MS;
	if (!helper)
		return;
	*helper = (struct helper){ .role = role, .born_ms = now_ms };
	atomic_store(&h->orders[index_of(h, helper)].order, ORDER_RUN);
	atomic_store(&h->orders[index_of(h, helper)].leave_by_ms, UINT64_MAX);
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0)
		be_helper(h, helper, master);
	if (pid < 0) {
		log_error("cannot start the %s: %s; trying again in %d ms", kinds[role]->name,
		          strerror(errno), AGAIN_MS);
		return;
	}
	helper->pid = pid;
	post->current = index_of(h, helper);
}

/* ---- Time. */

static void kill_for(struct helper *helper, enum helper_cause cause)
{
	if (!helper->pid || helper->cause != HELPER_OF_ITSELF)
		return;
	helper->cause = cause;
	kill(helper->pid, SIGKILL);
}

static void end_overdue(struct helpers *h, struct helper *helper, uint64_t now_ms)
{
	const struct helper_kind *kind = kinds[helper->role];
	uint64_t leave_by_ms = atomic_load(&h->orders[index_of(h, helper)].leave_by_ms);

	if (kind->is_overdue && kind->is_overdue(h, helper, now_ms))
		kill_for(helper, HELPER_TIMEOUT);
	if (leave_by_ms < UINT64_MAX && now_ms >= leave_by_ms + kind->extra_ms)
		kill_for(helper, HELPER_CUT);
}

static void tell(struct helpers *h, struct helper *helper, enum order order, uint64_t leave_by_ms)
{
	struct order_shm *shm = &h->orders[index_of(h, helper)];

	helper->is_told = true;
	if (leave_by_ms < atomic_load(&shm->leave_by_ms))
		atomic_store(&shm->leave_by_ms, leave_by_ms);
	atomic_store(&shm->order, order);
	kill(helper->pid, SIGTERM); /* out of its wait */
}

/* It ends what it has begun, and leaves; another takes its place at once. */
static void set_aside_where_in_the_way(struct helpers *h, enum helper_role role, uint64_t now_ms)
{
	struct helper_post *post = &h->posts[role];
	struct helper *helper = post->current >= 0 ? &h->all[post->current] : NULL;

	if (!helper || !kinds[role]->is_in_the_way || !kinds[role]->is_in_the_way(h, helper, now_ms) ||
	    !find_free(h))
		return;
	tell(h, helper, ORDER_FINISH, UINT64_MAX);
	post->current = -1;
	post->start_at_ms = 0;
}

void helpers_look(struct helpers *h, uint64_t now_ms, bool may_start)
{
	for (int i = 0; i < HELPERS_MAX; i++)
		if (h->all[i].pid)
			end_overdue(h, &h->all[i], now_ms);
	for (int role = 0; may_start && role < HELPER_ROLES; role++) {
		const struct helper_post *post = &h->posts[role];
		set_aside_where_in_the_way(h, role, now_ms);
		if (post->current < 0 && now_ms >= post->start_at_ms && kinds[role]->is_wanted(h))
			helpers_start(h, role, now_ms);
	}
}

uint64_t helpers_next_ms(const struct helpers *h)
{
	uint64_t next_ms = UINT64_MAX;

	for (int role = 0; role < HELPER_ROLES; role++) {
		const struct helper_post *post = &h->posts[role];
		if (post->current < 0 && post->start_at_ms < next_ms && kinds[role]->is_wanted(h))
			next_ms = post->start_at_ms;
	}
	return next_ms;
}

/* ---- Death. */

static void describe(const struct helper *helper, const siginfo_t *death, char *text, size_t size)
{
	if (helper->cause == HELPER_TIMEOUT)
		snprintf(text, size, "it took longer than --task-timeout");
	else if (helper->cause == HELPER_CUT)
		snprintf(text, size, "it did not end within --drain-timeout");
	else if (helper->cause == HELPER_STOPPED)
		snprintf(text, size, "a signal had stopped it");
	else if (death->si_code == CLD_EXITED)
		snprintf(text, size, "it left with exit status %d", death->si_status);
	else
		snprintf(text, size, "it died of signal %d (%s)", death->si_status,
		         strsignal(death->si_status));
}

static void note_death(struct helpers *h, struct helper *helper, const siginfo_t *death, uint64_t now_ms)
{
	struct helper_post *post = &h->posts[helper->role];
	const struct helper_kind *kind = kinds[helper->role];
	bool is_good = death->si_code == CLD_EXITED && death->si_status == 0;
	bool is_told = helper->is_told && (is_good || helper->cause == HELPER_OF_ITSELF);
	char reason[128];

	describe(helper, death, reason, sizeof reason);
	if (!is_good && !(is_told && death->si_status == SIGTERM))
		log_warning("the %s (pid %d) %s: %s", kind->name, (int)helper->pid,
		            helper->is_told ? "ended" : "is replaced", reason);
	if (kind->note_death)
		kind->note_death(h, helper, reason);
	if (post->current == index_of(h, helper)) {
		post->current = -1;
		post->quick_deaths =
			!is_good && now_ms - helper->born_ms < QUICK_MS ? post->quick_deaths + 1 : 0;
		post->start_at_ms = now_ms + backoff_ms(post->quick_deaths);
	}
	helper->pid = 0;
}

bool helpers_note(struct helpers *h, const siginfo_t *event, uint64_t now_ms)
{
	struct helper *helper = NULL;

	for (int i = 0; i < HELPERS_MAX && !helper; i++)
		if (h->all[i].pid == event->si_pid)
			helper = &h->all[i];
	if (!helper)
		return false;
	if (event->si_code == CLD_STOPPED && !kinds[helper->role]->may_stand_still)
		kill_for(helper, HELPER_STOPPED);
	else if (event->si_code != CLD_STOPPED && event->si_code != CLD_CONTINUED)
		note_death(h, helper, event, now_ms);
	return true;
}

/* ---- Leaving. */

void helpers_tell(struct helpers *h, enum helper_role role, enum order order, uint64_t leave_by_ms)
{
	for (int i = 0; i < HELPERS_MAX; i++)
		if (h->all[i].pid && h->all[i].role == role)
			tell(h, &h->all[i], order, leave_by_ms);
}

bool helpers_has(const struct helpers *h, enum helper_role role)
{
	for (int i = 0; i < HELPERS_MAX; i++)
		if (h->all[i].pid && h->all[i].role == role)
			return true;
	return false;
}

bool helpers_has_any(const struct helpers *h)
{
	for (int i = 0; i < HELPERS_MAX; i++)
		if (h->all[i].pid)
			return true;
	return false;
}
