/* SPDX-License-Identifier: ISC */
/*
 * job_server - the jobs' process where a file has the jobs: takes them in, runs them, tells how they fare.
 *
 * One process has the file and workers send it messages (job_client.h), so that many
 * requests share one write to the disk.
 *
 * One round: wait; read what workers ask; then, in one transaction, keep what
 * they hand over, write what ended and take what is due; and when that is on disk,
 * answer them and start what was taken.
 */
#include "background/job_store.h"

#ifdef HAVE_SQLITE
#include "background/job_away.h"
#include "background/job_breaker.h"
#include "background/job_claim.h"
#include "background/job_client.h"
#include "background/job_pool.h"
#include "background/job_sqlite.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	CLIENTS_MAX = 256,
	CLIENT_MS = 10000,
	FORGET_EVERY_MS = 10000,
	LOCK_PATIENCE_MS = 1600,
	BACKLOG = 1024
};

/* A worker's connection: one question, one answer. */
struct client {
	int fd; /* -1: free */
	uint64_t since_ms;
	struct job_message message; /* the question, then the answer */
	char *text;                 /* what follows it, message.length bytes */
	size_t moved;               /* bytes of both read, then written */
	bool is_asked, is_answered;
};

struct server {
	const struct background *background;
	struct job_sqlite *store; /* NULL: it cannot be opened yet */
	int listener, lock;       /* -1: another has it */
	struct job_away away;
	unsigned others;       /* jobs that the generation before holds */
	uint64_t forget_at_ms; /* monotonic; likewise */
	uint64_t away_until_ms;
	uint64_t next_due_ms; /* by the file's clock */
	struct client clients[CLIENTS_MAX];
	struct job_pool pool;
};

static uint64_t steady_ms(void)
{
	return clock_ns() / 1000000;
}

/* ---- Clients. */

static void hang_up(struct client *c)
{
	close(c->fd);
	free(c->text);
	*c = (struct client){ .fd = -1 };
}

static void accept_all(struct server *server)
{
	for (int i = 0; i < CLIENTS_MAX; i++) {
		struct client *c = &server->clients[i];
		if (c->fd >= 0)
			continue;
		int fd = accept4(server->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0)
			return;
		*c = (struct client){ .fd = fd, .since_ms = steady_ms() };
	}
}

/* Into the head, then into the text.  False where it is to be hung up. */
static bool read_more(struct client *c)
{
	size_t head = sizeof c->message;
	char *to = c->moved < head ? (char *)&c->message + c->moved : c->text + (c->moved - head);
	size_t wanted = c->moved < head ? head - c->moved : head + c->message.length - c->moved;
	ssize_t got = recv(c->fd, to, wanted, 0);

	if (got < 0)
		return errno == EAGAIN || errno == EINTR;
	c->moved += (size_t)got;
	return got > 0;
}

static bool take_head(struct client *c)
{
	struct job_message *m = &c->message;

	m->id[sizeof m->id - 1] = m->name[sizeof m->name - 1] = m->key[sizeof m->key - 1] = '\0';
	if (m->length > JOB_TEXT_MAX || (m->kind != JOB_ADD && m->kind != JOB_LOOK))
		return false;
	c->text = malloc(m->length + 1);
	if (c->text)
		c->text[m->length] = '\0';
	return c->text != NULL;
}

static void read_client(struct client *c)
{
	size_t head = sizeof c->message;

	for (size_t before = SIZE_MAX; !c->is_asked && before != c->moved;) {
		before = c->moved;
		if (!read_more(c) || (c->moved == head && !c->text && !take_head(c))) {
			hang_up(c);
			return;
		}
		c->is_asked = c->moved >= head && c->moved == head + c->message.length;
	}
}

static void write_client(struct client *c)
{
	size_t head = sizeof c->message;

	while (c->moved < head + c->message.length) {
		const char *from =
			c->moved < head ? (char *)&c->message + c->moved : c->text + (c->moved - head);
		size_t left = c->moved < head ? head - c->moved : head + c->message.length - c->moved;
		ssize_t n = send(c->fd, from, left, MSG_NOSIGNAL);
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0)
			break;
		c->moved += (size_t)n;
	}
	hang_up(c);
}

/* `text` is the client's to free; NULL: none. */
static void answer(struct client *c, enum job_verdict verdict, char *text)
{
	free(c->text);
	c->text = text;
	c->message.kind = verdict;
	c->message.length = text ? (uint32_t)strlen(text) : 0;
	c->moved = 0;
}

static void attend_clients(struct server *server)
{
	uint64_t now_ms = steady_ms();

	accept_all(server);
	for (int i = 0; i < CLIENTS_MAX; i++) {
		struct client *c = &server->clients[i];
		if (c->fd >= 0 && !c->is_asked)
			read_client(c);
		else if (c->fd >= 0 && c->is_answered)
			write_client(c);
		/* A dead worker's descriptor stays open in the table it shared. */
		if (c->fd >= 0 && now_ms >= c->since_ms + CLIENT_MS)
			hang_up(c);
	}
}

/* ---- The transaction. */

static bool is_open_question(const struct client *c)
{
	return c->fd >= 0 && c->is_asked && !c->is_answered;
}

static enum job_verdict add(struct server *server, struct client *c)
{
	struct job_offer offer = { .input = c->text };

	memcpy(offer.id, c->message.id, sizeof offer.id);
	memcpy(offer.name, c->message.name, sizeof offer.name);
	memcpy(offer.key, c->message.key, sizeof offer.key);
	enum job_verdict verdict = job_sqlite_add(server->store, &offer, job_sqlite_now_ms(server->store),
	                                          server->background->settings->job_queue);
	memcpy(c->message.id, offer.id, sizeof offer.id);
	return verdict;
}

static void handle(struct server *server, struct client *c)
{
	char *text = NULL;
	enum job_verdict verdict = c->message.kind == JOB_ADD
	                                   ? add(server, c)
	                                   : job_sqlite_look(server->store, c->message.id, &text);

	answer(c, verdict, text);
}

static void write_ends(struct server *server)
{
	for (unsigned i = 0; i < server->pool.size; i++) {
		const struct job_run *run = &server->pool.runs[i];
		if (!job_pool_has_ended(run))
			continue;
		const struct job_outcome outcome = job_run_outcome(run);
		const struct job_end end = job_judge(server->background->settings, &run->entry, &outcome);
		job_sqlite_end(server->store, &run->entry, &end, job_sqlite_now_ms(server->store));
	}
}

/* What is written is over. */
static void clear_ends(struct server *server)
{
	for (unsigned i = 0; i < server->pool.size; i++) {
		struct job_run *run = &server->pool.runs[i];
		if (!job_pool_has_ended(run))
			continue;
		const struct job_outcome outcome = job_run_outcome(run);
		const struct job_end end = job_judge(server->background->settings, &run->entry, &outcome);
		job_pool_clear(&server->pool, run, &end);
	}
}

/* Into places that are free; those whose jobs just ended are free in the next round. */
static void take_due(struct server *server)
{
	struct job_run *run;

	while (job_pool_may_start(&server->pool) && (run = job_pool_free(&server->pool))) {
		if (!job_sqlite_take(server->store, job_sqlite_now_ms(server->store), &run->entry))
			return;
		job_pool_take(&server->pool, run);
	}
}

static void give_up_taken(struct server *server)
{
	for (unsigned i = 0; i < server->pool.size; i++)
		if (server->pool.runs[i].is_taken && !server->pool.runs[i].since_ms)
			job_pool_give_up(&server->pool, &server->pool.runs[i]);
}

static void settle_clients(struct server *server, bool is_kept)
{
	struct jobs_shm *shm = &server->background->shm->jobs;

	for (int i = 0; i < CLIENTS_MAX; i++) {
		struct client *c = &server->clients[i];
		if (!is_open_question(c))
			continue;
		if (!is_kept)
			answer(c, JOB_AWAY, NULL);
		c->is_answered = true;
		write_client(c);
	}
	if (server->store && !job_pool_leaves(&server->pool))
		atomic_store(&shm->queued, job_sqlite_queued(server->store));
	atomic_store(&shm->running, job_claim_count(shm));
}

static bool has_work(const struct server *server)
{
	for (int i = 0; i < CLIENTS_MAX; i++)
		if (is_open_question(&server->clients[i]))
			return true;
	for (unsigned i = 0; i < server->pool.size; i++)
		if (job_pool_has_ended(&server->pool.runs[i]))
			return true;
	return job_sqlite_now_ms(server->store) >= server->next_due_ms || steady_ms() >= server->forget_at_ms;
}

static void forget_old(struct server *server)
{
	const struct settings *s = server->background->settings;
	uint64_t keep_ms = (uint64_t)s->job_keep_ms, now_ms = job_sqlite_now_ms(server->store);
	const struct job_bounds bounds = { .ended_before_ms = now_ms > keep_ms ? now_ms - keep_ms : 0,
		                           .count = (uint64_t)s->job_keep_count,
		                           .bytes = (uint64_t)s->job_keep_bytes };

	if (steady_ms() < server->forget_at_ms && !job_sqlite_is_over(server->store, &bounds))
		return;
	server->forget_at_ms = steady_ms() + (keep_ms < FORGET_EVERY_MS ? keep_ms : FORGET_EVERY_MS);
	job_sqlite_forget(server->store, &bounds);
	job_sqlite_keep_clock(server->store);
}

static void note_away(struct server *server, const char *problem)
{
	server->away_until_ms = steady_ms() + job_away_note(&server->away, &server->background->shm->jobs,
	                                                    problem, steady_ms());
}

static void note_good(struct server *server)
{
	server->away_until_ms = 0;
	job_away_end(&server->away, &server->background->shm->jobs);
}

static void transact(struct server *server)
{
	bool is_kept = job_sqlite_begin(server->store);

	if (is_kept) {
		for (int i = 0; i < CLIENTS_MAX; i++)
			if (is_open_question(&server->clients[i]))
				handle(server, &server->clients[i]);
		write_ends(server);
		take_due(server);
		forget_old(server);
		fault_point("job-written");
	}
	is_kept = job_sqlite_commit(server->store) && is_kept;
	fault_point("job-kept");
	if (is_kept)
		clear_ends(server);
	else
		give_up_taken(server);
	settle_clients(server, is_kept);
	job_pool_start(&server->pool);
	if (is_kept)
		note_good(server);
	else
		note_away(server, job_sqlite_problem(server->store));
}

/* ---- The process. */

static int listen_here(const struct background *b)
{
	struct sockaddr_un address;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (!job_client_address(b, &address) || fd < 0)
		return -1;
	unlink(address.sun_path);
	if (bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	log_error("jobs: %s: %s", address.sun_path, strerror(errno));
	return -1;
}

/* Two pools on one file would run each other's jobs. */
static bool lock(struct server *server, const char *path, char problem[BACKGROUND_REASON_MAX])
{
	char name[4096];

	if (server->lock >= 0)
		return true;
	snprintf(name, sizeof name, "%s.lock", path);
	int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0) {
		server->lock = fd;
		return true;
	}
	snprintf(problem, BACKGROUND_REASON_MAX, "%.100s: %s", fd < 0 ? name : path,
	         fd < 0 ? strerror(errno) : "another pool uses this file; give each its own");
	if (fd >= 0)
		close(fd);
	return false;
}

/* True where it is open; else it is tried again after a while that grows. */
static bool open_store(struct server *server)
{
	const struct settings *s = server->background->settings;
	char problem[BACKGROUND_REASON_MAX] = "";

	if (server->store || steady_ms() < server->away_until_ms)
		return server->store != NULL;
	if (lock(server, s->jobs, problem))
		server->store = job_sqlite_open(s->jobs, (unsigned)s->job_attempts,
		                                &server->background->shm->jobs, problem);
	if (server->store)
		note_good(server);
	else if (server->lock < 0 && access(s->jobs, F_OK) == 0 && server->away.pause_ms < LOCK_PATIENCE_MS)
		server->away_until_ms =
			steady_ms() + job_away_pause_ms(&server->away); /* it may be leaving */
	else
		note_away(server, problem);
	return server->store != NULL;
}

static int timeout_ms(const struct server *server)
{
	uint64_t steady = steady_ms();

	if (server->away_until_ms > steady)
		return (int)(server->away_until_ms - steady);
	if (!server->store || !job_pool_may_start(&server->pool))
		return -1;
	uint64_t now_ms = job_sqlite_now_ms(server->store);
	uint64_t left_ms = server->next_due_ms > now_ms ? server->next_due_ms - now_ms : 0;
	return left_ms < 60000 ? (int)left_ms : -1;
}

static void wait_for_work(struct server *server)
{
	static struct pollfd fds[1 + CLIENTS_MAX + 1 + JOB_POOL_MAX];
	nfds_t count = 0;

	fds[count++] = (struct pollfd){ .fd = server->listener, .events = POLLIN };
	for (int i = 0; i < CLIENTS_MAX; i++) {
		const struct client *c = &server->clients[i];
		if (c->fd >= 0)
			fds[count++] =
				(struct pollfd){ .fd = c->fd, .events = c->is_answered ? POLLOUT : POLLIN };
	}
	job_pool_wait(&server->pool, fds, count, timeout_ms(server));
}

/* The next that is due, where there is room for it. */
static void look_ahead(struct server *server)
{
	server->next_due_ms = UINT64_MAX;
	if (server->store && job_pool_may_start(&server->pool) && job_pool_free(&server->pool))
		server->next_due_ms = job_sqlite_next_ms(server->store);
}

/* Another generation has the file, the clients and all that has not begun. */
static void retire(struct server *server)
{
	if (server->listener >= 0)
		close(server->listener);
	if (server->lock >= 0)
		close(server->lock);
	server->listener = server->lock = -1;
}

/* What the generation before let go of: its end is in the file, or it runs again. */
static void look_at_others(struct server *server)
{
	unsigned others = job_claim_others(&server->background->shm->jobs);

	if (server->store && others < server->others && !job_pool_leaves(&server->pool))
		job_sqlite_take_up(server->store);
	server->others = others;
}

static bool live(struct server *server)
{
	while (!job_pool_leaves(&server->pool) || job_pool_busy(&server->pool) > 0) {
		if (job_pool_leaves(&server->pool))
			retire(server);
		look_at_others(server);
		look_ahead(server);
		wait_for_work(server);
		attend_clients(server);
		if (open_store(server) && steady_ms() >= server->away_until_ms && has_work(server))
			transact(server);
		else if (*server->away.reason)
			settle_clients(server, false);
		if (server->store && job_sqlite_is_damaged(server->store))
			return false;
	}
	return true;
}

static int serve(const struct background *b)
{
	static struct server server;

	server.background = b;
	server.lock = -1;
	for (int i = 0; i < CLIENTS_MAX; i++)
		server.clients[i].fd = -1;
	if (job_pool_init(&server.pool, b) != 0)
		return 1;
	signal(SIGXFSZ, SIG_IGN); /* a full disk is an error, not a death */
	server.listener = listen_here(b);
	if (server.listener < 0)
		return 1;
	job_breaker_close(&b->shm->jobs); /* the process before may have been the one that did not answer */
	bool good = live(&server);
	if (server.store)
		job_sqlite_close(server.store);
	return good ? 0 : 1;
}

static bool check(const char *path)
{
	(void)path;
	return true;
}
#else
#include "background/job_client.h"
#include "base/log.h"

static bool check(const char *path)
{
	log_error("jobs %s: this percore was built without SQLite; build it with libsqlite3-dev, or use "
	          "redis://",
	          path);
	return false;
}

static int serve(const struct background *b)
{
	(void)b;
	return 1;
}
#endif

const struct job_store job_store_file = {
	.check = check, .add = job_client_add, .look = job_client_look, .serve = serve, .is_local = true
};
