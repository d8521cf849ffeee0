/* predecessor - see predecessor.h. */
#include "pool/predecessor.h"

#include "base/clock.h"
#include "base/proc.h"
#include "log/log.h"
#include "pool/admin.h"
#include "pool/background.h"
#include "pool/handover.h"
#include "pool/orphans.h"
#include "pool/publish.h"
#include "pool/retire.h"
#include "pool/scribe.h"
#include "pool/spawn.h"

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

void predecessor_meet(struct pool *pool)
{
	const struct inheritance *inherited = &pool->settings->inherited;

	if (inherited->retiring <= 0)
		return;
	pool->predecessor = (struct predecessor){ .stage = PREDECESSOR_SERVES,
		                                  .pid = inherited->retiring,
		                                  .socket = inherited->socket,
		                                  .state = inherited->state };
	pool->log_is_away = pool->probes_are_away = true;
	handover_say(inherited->socket, HANDOVER_MEETS);
}

bool predecessor_is_there(const struct pool *pool)
{
	return pool->predecessor.stage != PREDECESSOR_GONE;
}

bool predecessor_serves(const struct pool *pool)
{
	return pool->predecessor.stage == PREDECESSOR_SERVES;
}

static void close_state(struct pool *pool)
{
	struct predecessor *p = &pool->predecessor;

	if (p->state >= 0 && p->state != pool->shared.fd)
		close(p->state);
	p->state = -1;
}

void predecessor_relieve(struct pool *pool)
{
	struct predecessor *p = &pool->predecessor;
	enum handover_word word = HANDOVER_SERVES_WITHOUT_LOG;

	if (!predecessor_serves(pool))
		return;
	if (pool->settings->settings->access_log)
		word = pool->shared.is_inherited ? HANDOVER_SERVES : HANDOVER_SERVES_APART;
	if (handover_say(p->socket, word) != 0)
		return;
	p->keeps_log = word == HANDOVER_SERVES_WITHOUT_LOG;
	p->stage = PREDECESSOR_LEAVES;
	close_state(pool);
	admin_drop_legacy(pool);
}

static void take_in(const struct pool *pool, const struct queue_parcel *parcel)
{
	if (queue_receive(pool->queue, parcel))
		return;
	close(parcel->fd);
	if (parcel->spool >= 0)
		close(parcel->spool);
}

static void take_word(struct pool *pool, int word)
{
	switch (word) {
	case HANDOVER_STEPS_ASIDE:
		pool->probes_are_away = false;
		pool->log_is_away = pool->predecessor.keeps_log;
		break;
	case HANDOVER_ASKS_FOR_LOG:
		scribe_step_aside(pool);
		handover_say(pool->predecessor.socket, HANDOVER_LEAVES_LOG);
		break;
	default: /* of a version that we do not know: it would do without our answer */
		break;
	}
}

static void receive(struct pool *pool)
{
	struct queue_parcel parcel;
	int got;

	while ((got = handover_receive(pool->predecessor.socket, &parcel)) != 0 && got != -EPIPE) {
		if (got == 1)
			take_in(pool, &parcel);
		else if (got > 0)
			take_word(pool, got);
		else
			log_warning(
				"upgrade: %s: a connection of the program before is lost; raise ulimit -n",
				strerror(-got));
	}
}

/* A slot of a worker that is not ours. */
static bool is_its_slot(const struct pool *pool, unsigned index)
{
	return pool->processes[index].state == PROCESS_NONE &&
	       atomic_load(&pool->slots[index].life) != WORKER_NONE;
}

/* Nobody has it, and nothing is left of who had it. */
static void free_slots(const struct pool *pool)
{
	for (unsigned i = 0; i < publish_slot_top(pool); i++) {
		if (!is_its_slot(pool, i))
			continue;
		access_bury(&pool->settings->exchange->access, i);
		spawn_free_slot(pool, i);
	}
}

static void be_gone(struct pool *pool)
{
	free_slots(pool);
	close_state(pool);
	admin_drop_legacy(pool);
	background_sweep(pool);
	prctl(PR_SET_CHILD_SUBREAPER, 0);
	pool->predecessor = (struct predecessor){ .stage = PREDECESSOR_GONE, .socket = -1, .state = -1 };
	pool->log_is_away = pool->probes_are_away = false;
}

/*
 * The process that should have outlived them is dead: they are told to leave.  Those
 * that it had started itself are ours since (retire_start has made us the subreaper).
 */
static void orphan(struct pool *pool)
{
	struct predecessor *p = &pool->predecessor;

	p->stage = PREDECESSOR_ORPHANED;
	p->leave_by_ms = clock_coarse_ms() + (uint64_t)pool->settings->settings->drain_timeout_ms;
	if (pool->shared.is_inherited)
		scribe_dismiss(pool);
	orphans_signal(pool, SIGTERM);
}

static void look_at_orphans(struct pool *pool, uint64_t now_ms)
{
	bool late = now_ms >= pool->predecessor.leave_by_ms;
	struct orphans left = orphans_signal(pool, late ? SIGKILL : 0);

	pool->log_is_away = left.scribes > 0;
	pool->probes_are_away = left.admins > 0;
	if (left.workers + left.scribes + left.admins == 0)
		be_gone(pool);
}

void predecessor_look(struct pool *pool, uint64_t now_ms)
{
	if (pool->predecessor.stage == PREDECESSOR_ORPHANED)
		look_at_orphans(pool, now_ms);
	else if (predecessor_is_there(pool))
		receive(pool);
}

void predecessor_reopen(const struct pool *pool)
{
	if (predecessor_serves(pool))
		handover_say(pool->predecessor.socket, HANDOVER_REOPEN);
}

void predecessor_stop(const struct pool *pool)
{
	if (pool->predecessor.pid)
		kill(pool->predecessor.pid, SIGTERM);
}

void predecessor_cut(const struct pool *pool)
{
	if (pool->predecessor.pid)
		kill(pool->predecessor.pid, RETIRE_CUT);
	else if (predecessor_is_there(pool))
		orphans_signal(pool, SIGKILL);
}

/* The number of the slot that this process has; -1: none. */
static int slot_of(const struct pool *pool, pid_t pid)
{
	for (unsigned i = 0; i < publish_slot_top(pool); i++)
		if (is_its_slot(pool, i) && (pid_t)atomic_load(&pool->slots[i].pid) == pid)
			return (int)i;
	return -1;
}

static void say_death(const struct pool *pool, const siginfo_t *death)
{
	int slot = slot_of(pool, death->si_pid);

	if (slot >= 0 && death->si_code != CLD_EXITED)
		log_error("worker %u (pid %d) of the program before died of signal %d (%s)",
		          atomic_load(&pool->slots[slot].seat), (int)death->si_pid, death->si_status,
		          strsignal(death->si_status));
}

/* Its program's process looks after its workers; orphans have nobody, and would hold up the end. */
void predecessor_note_stop(const struct pool *pool, pid_t pid)
{
	const struct predecessor *p = &pool->predecessor;
	char name[PROC_NAME_MAX];

	if (predecessor_is_there(pool) && pid == p->pid)
		kill(pid, SIGCONT); /* it has what nobody else has */
	if (p->stage != PREDECESSOR_ORPHANED)
		return;
	proc_name(pid, name);
	if (strcmp(name, "percore-worker") != 0)
		return;
	log_warning("upgrade: a worker of the program before (pid %d) is ended: a signal had stopped it",
	            (int)pid);
	kill(pid, SIGKILL);
}

void predecessor_note_exit(struct pool *pool, const siginfo_t *death)
{
	struct predecessor *p = &pool->predecessor;

	if (!predecessor_is_there(pool))
		return;
	if (death->si_pid != p->pid) {
		say_death(pool, death);
		return;
	}
	receive(pool);
	close(p->socket);
	p->pid = 0;
	if (death->si_code == CLD_EXITED && death->si_status == 0) {
		be_gone(pool);
		return;
	}
	log_error("upgrade: the process that hands the connections over (pid %d) died: those that it had "
	          "are lost",
	          (int)death->si_pid);
	orphan(pool);
}
