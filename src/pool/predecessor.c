/* predecessor - see predecessor.h. */
#include "pool/predecessor.h"

#include "log/log.h"
#include "pool/handover.h"
#include "pool/publish.h"
#include "pool/retire.h"
#include "pool/scribe.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

bool predecessor_is_there(const struct pool *pool)
{
	return pool->predecessor.pid != 0;
}

void predecessor_relieve(struct pool *pool)
{
	struct predecessor *p = &pool->predecessor;
	bool logs = pool->shared.is_inherited && pool->settings->settings->access_log;

	if (p->pid && !p->is_relieved)
		p->is_relieved =
			handover_say(p->socket, logs ? HANDOVER_SERVES : HANDOVER_SERVES_WITHOUT_LOG) == 0;
}

static void take_in(const struct pool *pool, const struct queue_parcel *parcel)
{
	if (queue_receive(pool->queue, parcel))
		return;
	close(parcel->fd);
	if (parcel->spool >= 0)
		close(parcel->spool);
}

static void leave_log(struct pool *pool)
{
	pool->predecessor.has_log = true;
	scribe_step_aside(pool);
	handover_say(pool->predecessor.socket, HANDOVER_LEAVES_LOG);
}

void predecessor_look(struct pool *pool)
{
	struct queue_parcel parcel;
	int got;

	if (!pool->predecessor.pid)
		return;
	while ((got = handover_receive(pool->predecessor.socket, &parcel)) != 0 && got != -EPIPE) {
		if (got == 1)
			take_in(pool, &parcel);
		else if (got == HANDOVER_ASKS_FOR_LOG)
			leave_log(pool);
		else if (got < 0)
			log_warning(
				"upgrade: %s: a connection of the program before is lost; raise ulimit -n",
				strerror(-got));
	}
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
}

/* A slot of a worker that is not ours. */
static bool is_its_slot(const struct pool *pool, unsigned index)
{
	return pool->processes[index].state == PROCESS_NONE &&
	       atomic_load(&pool->slots[index].life) != WORKER_NONE;
}

/* The master's copy should have outlived its workers: they are told to leave. */
static void tell_orphans(const struct pool *pool)
{
	for (unsigned i = 0; i < publish_slot_top(pool); i++) {
		siginfo_t child = { 0 };
		pid_t pid = (pid_t)atomic_load(&pool->slots[i].pid);
		if (is_its_slot(pool, i) && pid > 0 &&
		    waitid(P_PID, (id_t)pid, &child, WEXITED | WNOHANG | WNOWAIT) == 0)
			kill(pid, SIGTERM);
	}
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

static void free_slots(const struct pool *pool)
{
	for (unsigned i = 0; i < publish_slot_top(pool); i++)
		if (is_its_slot(pool, i))
			atomic_store(&pool->slots[i].life, WORKER_NONE);
}

/* It would hold up the end of its program; once it is dead, its request is answered for it. */
void predecessor_note_stop(const struct pool *pool, pid_t pid)
{
	if (!pool->predecessor.pid || (pid != pool->predecessor.pid && slot_of(pool, pid) < 0))
		return;
	log_warning("upgrade: a process of the program before (pid %d) is ended: a signal had stopped it",
	            (int)pid);
	kill(pid, SIGKILL);
}

void predecessor_note_exit(struct pool *pool, const siginfo_t *death)
{
	struct predecessor *p = &pool->predecessor;

	if (!p->pid)
		return;
	if (death->si_pid != p->pid) {
		say_death(pool, death);
		return;
	}
	if (death->si_code != CLD_EXITED || death->si_status != 0) {
		log_error("upgrade: the process that hands the connections over (pid %d) died: those that "
		          "it had are lost",
		          (int)death->si_pid);
		tell_orphans(pool);
	}
	predecessor_look(pool);
	close(p->socket);
	*p = (struct predecessor){ .pid = 0 };
	free_slots(pool);
}
