/*
 * The one queue of all workers, with real sockets and real processes on one
 * descriptor table: who owns a connection, and that nothing is stranded.
 */
#include "pool/handover.h"
#include "pool/queue.h"
#include "pool/rescue.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { WORKERS = 4, DESCRIPTORS = 1024, WAIT_MS = 10000, SHORT_MS = 50 };

static struct queue *q;
static struct worker_shm *slots;
static struct pool_shm counts;
static struct sockaddr_un name = { .sun_family = AF_UNIX };
static sigset_t none;

static void *shared(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(memory, MAP_FAILED);
	return memory;
}

static void open_queue(unsigned io_timeout_ms)
{
	char path[] = "/tmp/percore-queue-XXXXXX";
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_ptr_nonnull(mkdtemp(path));
	snprintf(name.sun_path, sizeof name.sun_path, "%s/s", path);
	ck_assert_int_eq(bind(listener, (struct sockaddr *)&name, sizeof name), 0);
	ck_assert_int_eq(listen(listener, 64), 0);
	slots = shared(WORKERS * sizeof *slots);
	q = queue_map(DESCRIPTORS);
	ck_assert_ptr_nonnull(q);
	const struct queue_settings settings = { .listener = listener,
		                                 .io_timeout_ms = io_timeout_ms,
		                                 .is_pool = true };
	ck_assert_int_eq(queue_init(q, DESCRIPTORS, &settings), 0);
}

static void close_queue(void)
{
	char *slash = strrchr(name.sun_path, '/');

	unlink(name.sun_path);
	*slash = '\0';
	rmdir(name.sun_path);
}

static int connect_client(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(connect(fd, (struct sockaddr *)&name, sizeof name), 0);
	return fd;
}

static int take(unsigned worker, struct connection *c)
{
	return queue_take(q, worker, &slots[worker], c, SHORT_MS, &none);
}

/* A connection that worker 0 accepted and holds; the client's end in *client. */
static struct connection accept_one(int *client)
{
	struct connection c;

	*client = connect_client();
	ck_assert_int_eq(take(0, &c), 1);
	return c;
}

/* What the master does when a worker is dead. */
static void rescue(unsigned worker)
{
	rescue_worker(&(struct rescue){ .queue = q,
	                                .pool = &counts,
	                                .slot = &slots[worker],
	                                .worker = worker,
	                                .seat = worker,
	                                .status = 500 });
}

static bool is_closed(int client)
{
	char byte;

	return recv(client, &byte, 1, MSG_DONTWAIT) == 0 || errno == ECONNRESET;
}

START_TEST(new_connection_belongs_to_who_accepted_it)
{
	struct connection c, other;
	int client;

	open_queue(30000);
	c = accept_one(&client);
	send(client, "x", 1, 0);
	ck_assert_int_eq(take(1, &other), -ETIMEDOUT); /* epoll does not know it yet */
	ck_assert(!c.is_known);
	close_queue();
}
END_TEST

START_TEST(parked_connection_goes_to_any_worker)
{
	struct connection c, again;
	int client;

	open_queue(30000);
	c = accept_one(&client);
	ck_assert(!queue_park(q, 0, &c));
	ck_assert_int_eq(take(1, &again), -ETIMEDOUT);
	send(client, "x", 1, 0);
	ck_assert_int_eq(take(1, &again), 1);
	ck_assert_int_eq(again.fd, c.fd);
	ck_assert_uint_eq(again.generation, c.generation);
	ck_assert(again.is_known);
	close_queue();
}
END_TEST

START_TEST(event_for_an_owned_connection_becomes_a_pending_mark)
{
	struct connection c, other;
	int client;
	char byte;

	open_queue(30000);
	c = accept_one(&client);
	ck_assert(!queue_park(q, 0, &c));
	send(client, "x", 1, 0);
	ck_assert_int_eq(take(0, &c), 1);
	recv(c.fd, &byte, 1, 0);
	send(client, "y", 1, 0);
	ck_assert_int_eq(take(1, &other), 0); /* not theirs */
	ck_assert(queue_park(q, 0, &c));      /* still ours: look again */
	recv(c.fd, &byte, 1, 0);
	ck_assert_int_eq(byte, 'y');
	ck_assert(!queue_park(q, 0, &c));
	close_queue();
}
END_TEST

START_TEST(event_of_an_earlier_generation_is_refused)
{
	struct connection c, other;
	struct epoll_event stale;
	int client, next;

	open_queue(30000);
	c = accept_one(&client);
	stale = (struct epoll_event){ .events = EPOLLIN | EPOLLET,
		                      .data.u64 = (uint64_t)c.generation << 32 | (uint32_t)c.fd };
	next = connect_client();
	queue_close(q, &slots[0], &c, false);
	ck_assert(is_closed(client));
	ck_assert_int_eq(take(0, &c), 1); /* the number is used again */
	ck_assert_uint_eq((uint32_t)c.fd, (uint32_t)stale.data.u64);
	ck_assert_uint_ne(c.generation, stale.data.u64 >> 32);
	ck_assert(!queue_park(q, 0, &c));
	ck_assert_int_eq(epoll_ctl(q->epoll, EPOLL_CTL_MOD, c.fd, &stale), 0);
	send(next, "x", 1, 0);
	ck_assert_int_eq(take(1, &other), 0);
	ck_assert_uint_eq(atomic_load(&q->claims[c.fd].word) & 0xffff, 0); /* and it is free as before */
	close_queue();
}
END_TEST

START_TEST(event_of_a_closed_connection_is_refused)
{
	struct connection c, other;
	struct epoll_event stale;
	int client;

	open_queue(30000);
	c = accept_one(&client);
	int copy = fcntl(c.fd, F_DUPFD_CLOEXEC, 100); /* keeps it in the epoll set, as a fork's copy would */
	stale = (struct epoll_event){ .events = EPOLLIN | EPOLLET,
		                      .data.u64 = (uint64_t)c.generation << 32 | (uint32_t)c.fd };
	ck_assert_int_eq(epoll_ctl(q->epoll, EPOLL_CTL_ADD, copy, &stale), 0);
	queue_close(q, &slots[0], &c, false);
	send(client, "x", 1, 0);
	ck_assert_int_eq(take(1, &other), 0);
	close_queue();
}
END_TEST

START_TEST(cut_ends_a_connection_that_a_child_has_a_copy_of)
{
	struct connection c;
	int client;

	open_queue(30000);
	c = accept_one(&client);
	ck_assert_int_ge(dup(c.fd), 0);
	queue_close(q, &slots[0], &c, true);
	ck_assert(is_closed(client));
	close_queue();
}
END_TEST

START_TEST(connection_of_an_idle_dead_worker_is_free_again)
{
	struct connection c, again;
	int client;

	open_queue(30000);
	c = accept_one(&client);
	send(client, "x", 1, 0);
	atomic_store(&slots[0].stage, WORKER_IDLE); /* it died before it read */
	rescue(0);
	ck_assert_int_eq(take(1, &again), 1);
	ck_assert_int_eq(again.fd, c.fd);
	close_queue();
}
END_TEST

/* Worker 0 died of a request that came whole, on a connection to keep; so much of its answer was sent. */
static struct connection die_serving(int *client, enum inhand_sent sent)
{
	struct connection c = accept_one(client);
	struct inhand_shm *hand = &slots[0].hand;

	atomic_store(&slots[0].stage, WORKER_SERVING);
	hand->fcgi_id = 1;
	hand->keep = hand->has_whole_input = true;
	hand->sent = sent;
	strcpy(hand->id, "the-id");
	return c;
}

static bool is_free(const struct connection *c)
{
	return (atomic_load(&q->claims[c->fd].word) & 0xffff) == 0;
}

START_TEST(request_without_an_answer_is_answered_for_the_dead_worker)
{
	char answer[1024] = "";
	int client;

	open_queue(30000);
	struct connection c = die_serving(&client, INHAND_NOTHING);
	rescue(0);
	ssize_t got = recv(client, answer, sizeof answer - 1, MSG_DONTWAIT);
	ck_assert_int_gt(got, 8);
	ck_assert_ptr_nonnull(memmem(answer, (size_t)got, "Status: 500 ", 12));
	ck_assert_ptr_nonnull(memmem(answer, (size_t)got, "X-Request-ID: the-id\r\n", 22));
	ck_assert(is_free(&c)); /* and may carry the next */
	ck_assert(!is_closed(client));
	ck_assert_uint_eq(counts.rescued_answered, 1);
	close_queue();
}
END_TEST

START_TEST(answer_that_has_left_in_part_is_cut)
{
	int client, other_client;
	struct connection other;

	open_queue(30000);
	die_serving(&client, INHAND_PART);
	other_client = connect_client();
	ck_assert_int_eq(take(1, &other), 1);
	rescue(0);
	ck_assert(is_closed(client));
	ck_assert(!is_closed(other_client)); /* worker 1 lives */
	ck_assert_uint_eq(counts.rescued_cut, 1);
	close_queue();
}
END_TEST

START_TEST(answer_that_has_left_whole_is_not_answered_again)
{
	int client;

	open_queue(30000);
	struct connection c = die_serving(&client, INHAND_WHOLE);
	rescue(0);
	ck_assert(is_free(&c));
	ck_assert(!is_closed(client));
	ck_assert_int_eq(recv(client, &(char){ 0 }, 1, MSG_DONTWAIT), -1);
	close_queue();
}
END_TEST

START_TEST(peer_that_sent_its_next_request_had_the_answer)
{
	struct connection again;
	int client;

	open_queue(30000);
	die_serving(&client, INHAND_ONE_WRITE);
	send(client, "x", 1, 0);
	rescue(0);
	ck_assert_int_eq(take(1, &again), 1); /* its next request is served */
	ck_assert_int_eq(recv(client, &(char){ 0 }, 1, MSG_DONTWAIT), -1);
	close_queue();
}
END_TEST

START_TEST(rest_of_an_answered_request_is_thrown_away)
{
	char answer[1024];
	struct connection again;
	int client;

	open_queue(30000);
	struct connection c = die_serving(&client, INHAND_NOTHING);
	slots[0].hand.has_whole_input = false;
	rescue(0);
	ck_assert_int_gt(recv(client, answer, sizeof answer, MSG_DONTWAIT), 8);
	ck_assert(is_closed(client)); /* for reading: no more comes */
	ck_assert(queue_discards(q, &c));
	ck_assert_int_eq(send(client, "rest", 4, MSG_NOSIGNAL), 4);
	ck_assert_int_eq(take(1, &again), 1);
	ck_assert(queue_discards(q, &again));
	close_queue();
}
END_TEST

START_TEST(edge_that_died_with_a_worker_is_raised_again)
{
	struct connection c;
	struct epoll_event e;
	int client;

	open_queue(30000);
	c = accept_one(&client);
	ck_assert(!queue_park(q, 0, &c));
	send(client, "x", 1, 0);
	ck_assert_int_eq(epoll_wait(q->epoll, &e, 1, WAIT_MS), 1); /* worker 2 takes it and dies */
	ck_assert_int_eq(take(1, &c), -ETIMEDOUT);
	rescue(2);
	ck_assert_int_eq(take(1, &c), 1);
	close_queue();
}
END_TEST

START_TEST(accepted_socket_without_a_word_is_adopted)
{
	struct connection c;
	int client;

	open_queue(30000);
	client = connect_client();
	int fd = accept4(q->settings.listener, NULL, NULL, SOCK_CLOEXEC); /* and then it died */
	ck_assert(queue_adopt(q, slots, WORKERS));
	send(client, "x", 1, 0);
	ck_assert_int_eq(take(1, &c), 1);
	ck_assert_int_eq(c.fd, fd);
	close_queue();
}
END_TEST

START_TEST(nothing_is_adopted_while_a_worker_is_in_its_window)
{
	int client;

	open_queue(30000);
	client = connect_client();
	int fd = accept4(q->settings.listener, NULL, NULL, SOCK_CLOEXEC);
	atomic_store(&slots[3].window, 1);
	ck_assert(!queue_adopt(q, slots, WORKERS));
	ck_assert_uint_eq(atomic_load(&q->claims[fd].word), 0);
	atomic_store(&slots[3].window, 2);
	ck_assert(queue_adopt(q, slots, WORKERS));
	ck_assert_uint_ne(atomic_load(&q->claims[fd].word), 0);
	close(client);
	close_queue();
}
END_TEST

START_TEST(sockets_of_a_handler_are_not_adopted)
{
	int pair[2], client;

	open_queue(30000);
	client = connect_client(); /* its own end has no name */
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	int inet = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert(queue_adopt(q, slots, WORKERS));
	for (int fd = 0; fd <= inet; fd++)
		ck_assert_uint_eq(atomic_load(&q->claims[fd].word), 0);
	close(client);
	close_queue();
}
END_TEST

START_TEST(half_a_head_is_closed_after_its_time)
{
	struct connection c;
	int client, other;

	open_queue(0);
	c = accept_one(&other);
	ck_assert(!queue_park(q, 0, &c));
	c = accept_one(&client);
	ck_assert(!queue_park_half(q, 0, &c));
	queue_tick(q);
	ck_assert(is_closed(client));
	ck_assert(!is_closed(other)); /* which may wait for ever */
	close_queue();
}
END_TEST

START_TEST(half_a_head_is_not_closed_before_its_time_nor_when_it_is_owned)
{
	struct connection c;
	int client;

	open_queue(30000);
	c = accept_one(&client);
	ck_assert(!queue_park_half(q, 0, &c));
	queue_tick(q);
	ck_assert(!is_closed(client));
	q->settings.io_timeout_ms = 0;
	send(client, "x", 1, 0);
	ck_assert_int_eq(take(1, &c), 1);
	queue_tick(q);
	ck_assert(!is_closed(client));
	ck_assert(!queue_park(q, 1, &c)); /* the head came: its time is forgotten */
	queue_tick(q);
	ck_assert(!is_closed(client));
	close_queue();
}
END_TEST

START_TEST(drain_takes_in_what_waits_and_accepts_no_more)
{
	struct connection c;
	int clients[3];

	open_queue(30000);
	for (int i = 0; i < 3; i++) {
		clients[i] = connect_client();
		send(clients[i], "x", 1, 0);
	}
	queue_drain(q);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(take((unsigned)i, &c), 1);
	int late = connect_client();
	send(late, "x", 1, 0);
	ck_assert_int_eq(take(0, &c), -ETIMEDOUT);
	close_queue();
}
END_TEST

/* ---- Processes. */

struct race {
	_Atomic unsigned taken;            /* bytes read from connections */
	_Atomic unsigned twice;            /* owners beyond one */
	_Atomic unsigned holders[1 << 10]; /* by descriptor */
};

static struct race *race;

static pid_t spawn(unsigned worker, void (*work)(unsigned))
{
	pid_t parent = getpid();

	atomic_store(&slots[worker].stage, WORKER_IDLE);
	atomic_store(&slots[worker].window, 0);
	pid_t pid = (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, NULL, NULL, NULL, 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() == parent)
			work(worker);
		_exit(0);
	}
	ck_assert_int_gt(pid, 0);
	return pid;
}

static unsigned read_all(int fd)
{
	char bytes[64];
	unsigned all = 0;
	ssize_t got;

	while ((got = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT)) > 0)
		all += (unsigned)got;
	return all;
}

static void race_work(unsigned worker)
{
	struct connection c;

	for (;;) {
		if (queue_take(q, worker, &slots[worker], &c, -1, &none) <= 0)
			continue;
		do {
			if (atomic_fetch_add(&race->holders[c.fd], 1) != 0)
				atomic_fetch_add(&race->twice, 1);
			unsigned got = read_all(c.fd);
			atomic_fetch_sub(&race->holders[c.fd], 1);
			atomic_fetch_add(&race->taken, got);
		} while (queue_park(q, worker, &c));
	}
}

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void wait_for_taken(unsigned wanted)
{
	long end = now_ms() + WAIT_MS;

	while (atomic_load(&race->taken) != wanted) {
		ck_assert_msg(now_ms() < end, "%u bytes of %u were read: an edge was lost",
		              atomic_load(&race->taken), wanted);
		sched_yield();
	}
}

static void end_workers(const pid_t *pids)
{
	for (unsigned i = 0; i < WORKERS; i++) {
		kill(pids[i], SIGKILL);
		waitpid(pids[i], NULL, 0);
	}
}

/* Bytes come while their connection is taken, read, given back: each is read, by one owner at a time. */
START_TEST(racing_workers_own_a_connection_one_at_a_time_and_lose_no_edge)
{
	enum { CLIENTS = 3, ROUNDS = 20000 };
	int clients[CLIENTS];
	pid_t pids[WORKERS];
	unsigned sent = 0, seed = 1;

	open_queue(30000);
	race = shared(sizeof *race);
	for (unsigned i = 0; i < WORKERS; i++)
		pids[i] = spawn(i, race_work);
	for (int i = 0; i < CLIENTS; i++)
		clients[i] = connect_client();
	for (int round = 0; round < ROUNDS; round++) {
		for (unsigned burst = 1 + (unsigned)rand_r(&seed) % 4; burst > 0; burst--, sent++) {
			ck_assert_int_eq(send(clients[(unsigned)rand_r(&seed) % CLIENTS], "x", 1, 0), 1);
			for (volatile int spin = rand_r(&seed) % 2000; spin > 0; spin--)
				;
		}
		wait_for_taken(sent);
	}
	end_workers(pids);
	ck_assert_uint_eq(atomic_load(&race->twice), 0);
	close_queue();
}
END_TEST

/* Echoes a byte; every third time it closes then, as for a web server that keeps nothing. */
static void echo_work(unsigned worker)
{
	struct worker_shm *slot = &slots[worker];
	struct connection c;
	char byte;

	for (unsigned served = 0;;) {
		if (queue_take(q, worker, slot, &c, -1, &none) <= 0)
			continue;
		for (bool claimed = true; claimed;) {
			ssize_t got = recv(c.fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK);
			if (got < 0) {
				claimed = queue_park(q, worker, &c);
				continue;
			}
			atomic_store(&slot->stage, WORKER_SERVING);
			if (got > 0) {
				recv(c.fd, &byte, 1, MSG_DONTWAIT);
				send(c.fd, &byte, 1, MSG_NOSIGNAL);
			}
			if (got == 0 || ++served % 3 == 0) {
				queue_close(q, slot, &c, false);
				claimed = false;
			}
			atomic_store(&slot->stage, WORKER_IDLE);
			if (claimed)
				claimed = queue_park(q, worker, &c);
		}
	}
}

struct asker {
	int fd;
	long since_ms;
};

static void ask_again(struct asker *asker)
{
	if (asker->fd < 0)
		asker->fd = connect_client();
	if (send(asker->fd, "x", 1, MSG_NOSIGNAL) != 1) { /* closed since: a web server tries anew */
		close(asker->fd);
		asker->fd = connect_client();
		ck_assert_int_eq(send(asker->fd, "x", 1, MSG_NOSIGNAL), 1);
	}
	asker->since_ms = now_ms();
}

/* An answer, or the end of the connection; silence is what must not be. */
static void hear(struct asker *asker)
{
	char byte;
	ssize_t got = recv(asker->fd, &byte, 1, MSG_DONTWAIT);

	if (got < 0 && errno == EAGAIN) {
		ck_assert_msg(now_ms() - asker->since_ms < WAIT_MS, "a connection is stranded");
		return;
	}
	if (got <= 0) {
		close(asker->fd);
		asker->fd = -1;
	}
	ask_again(asker);
}

START_TEST(killed_workers_strand_no_connection)
{
	enum { ASKERS = 8, KILLS = 400 };
	struct asker askers[ASKERS];
	pid_t pids[WORKERS];
	bool adopting = false;
	unsigned seed = 1;

	open_queue(30000);
	for (unsigned i = 0; i < WORKERS; i++)
		pids[i] = spawn(i, echo_work);
	for (int i = 0; i < ASKERS; i++) {
		askers[i].fd = -1;
		ask_again(&askers[i]);
	}
	for (int kills = 0; kills < KILLS;) {
		if (rand_r(&seed) % 50 == 0) {
			unsigned i = (unsigned)rand_r(&seed) % WORKERS;
			kill(pids[i], SIGKILL);
			waitpid(pids[i], NULL, 0);
			rescue(i);
			pids[i] = spawn(i, echo_work);
			adopting = true;
			kills++;
		}
		if (adopting)
			adopting = !queue_adopt(q, slots, WORKERS);
		for (int i = 0; i < ASKERS; i++)
			hear(&askers[i]);
	}
	for (int i = 0; i < ASKERS; i++) /* who was waiting at the last kill is answered too */
		for (long asked = askers[i].since_ms; askers[i].since_ms == asked;) {
			if (adopting)
				adopting = !queue_adopt(q, slots, WORKERS);
			hear(&askers[i]);
		}
	end_workers(pids);
	close_queue();
}
END_TEST

START_TEST(new_connection_wakes_one_and_the_next_another)
{
	struct connection c;
	struct epoll_event e;

	open_queue(30000);
	connect_client();
	connect_client();
	ck_assert_int_eq(epoll_wait(q->epoll, &e, 1, SHORT_MS), 1); /* a worker, before it accepts */
	ck_assert_int_eq(take(1, &c), -ETIMEDOUT);
	queue_raise(q); /* the master, when that worker is dead */
	ck_assert_int_eq(take(1, &c), 1);
	ck_assert_int_eq(take(2, &c), 1);
	ck_assert_int_eq(take(3, &c), -ETIMEDOUT);
	close_queue();
}
END_TEST

START_TEST(pause_of_accepting_that_came_last_ends)
{
	struct connection c;

	open_queue(30000);
	ck_assert_int_eq(epoll_ctl(q->epoll, EPOLL_CTL_DEL, q->settings.listener, NULL), 0);
	connect_client();
	ck_assert_int_eq(take(0, &c), -ETIMEDOUT);
	queue_tick(q);
	ck_assert_int_eq(take(0, &c), 1);
	close_queue();
}
END_TEST

/* ---- From the queue of one program to that of the next. */

static struct queue *next_queue(void)
{
	struct queue *next = queue_map(DESCRIPTORS);

	ck_assert_ptr_nonnull(next);
	ck_assert_int_eq(queue_init(next, DESCRIPTORS, &q->settings), 0);
	return next;
}

/* As two programs, each with a descriptor table of its own, would; 1, 0 or -errno: what came. */
static int hand_over(struct queue *next, const struct connection *c)
{
	struct queue_parcel parcel = queue_parcel_of(q, c);
	struct handover handover = { 0 };
	const int *ends = handover.ends;

	ck_assert_int_eq(handover_open(&handover), 0);
	ck_assert_int_eq(handover_send(ends[0], &parcel), 0);
	queue_forget(q, c);
	int got = handover_receive(ends[1], &parcel);
	if (got == 1)
		ck_assert(queue_receive(next, &parcel));
	close(ends[0]);
	ck_assert_int_eq(handover_receive(ends[1], &parcel), -EPIPE);
	close(ends[1]);
	return got;
}

static int take_from(struct queue *from, unsigned worker, struct connection *c)
{
	return queue_take(from, worker, &slots[worker], c, SHORT_MS, &none);
}

START_TEST(free_connection_goes_to_the_next_queue_and_its_peer_notices_nothing)
{
	struct connection c, free, other = { 0 };
	uint32_t from = 0;
	int client;

	open_queue(30000);
	c = accept_one(&client);
	queue_park(q, 0, &c);
	struct queue *next = next_queue();
	ck_assert(queue_claim_free(q, &from, &free));
	ck_assert_int_eq(free.fd, c.fd);
	ck_assert_int_eq(hand_over(next, &free), 1);
	ck_assert(!queue_claim_free(q, &(uint32_t){ 0 }, &other));
	ck_assert_uint_eq(queue_connections(q), 0);
	ck_assert_int_eq(take_from(next, 1, &c), -ETIMEDOUT);
	send(client, "x", 1, 0);
	ck_assert_int_eq(take(2, &other), -ETIMEDOUT);
	ck_assert_int_eq(take_from(next, 1, &c), 1);
	send(c.fd, "y", 1, 0);
	ck_assert_int_eq(recv(client, &(char){ 0 }, 1, 0), 1);
	ck_assert(!is_closed(client));
	close_queue();
}
END_TEST

START_TEST(input_that_waits_at_the_handover_is_raised_in_the_next_queue)
{
	struct connection c;
	int client;

	open_queue(30000);
	c = accept_one(&client);
	queue_park(q, 0, &c);
	struct queue *next = next_queue();
	send(client, "x", 1, 0);
	ck_assert_int_eq(take(QUEUE_GIVER, &c), 1);
	ck_assert_int_eq(hand_over(next, &c), 1);
	ck_assert_int_eq(take_from(next, 1, &c), 1);
	close_queue();
}
END_TEST

START_TEST(busy_connection_is_not_handed_over_until_its_worker_gives_it_back)
{
	struct connection c, free;
	uint32_t from = 0;
	int client;

	open_queue(30000);
	c = accept_one(&client);
	ck_assert(!queue_claim_free(q, &from, &free));
	queue_park(q, 0, &c);
	from = 0;
	ck_assert(queue_claim_free(q, &from, &free));
	close_queue();
}
END_TEST

START_TEST(what_a_connection_has_goes_with_it)
{
	struct connection c, free;
	uint32_t from = 0;
	char byte = 0;
	int client, spool[2];

	open_queue(30000);
	c = accept_one(&client);
	ck_assert_int_eq(pipe(spool), 0);
	atomic_store(queue_spool(q, &c), (uint32_t)spool[0] + 1);
	queue_park_half(q, 0, &c);
	queue_release_to_discard(q, &c);
	atomic_store(&q->claims[c.fd].half_since_s, 7);
	struct queue *next = next_queue();
	ck_assert(queue_claim_free(q, &from, &free));
	ck_assert_int_eq(hand_over(next, &free), 1);
	send(client, "x", 1, 0);
	ck_assert_int_eq(take_from(next, 1, &c), 1);
	ck_assert(queue_discards(next, &c));
	ck_assert_uint_eq(atomic_load(&next->claims[c.fd].half_since_s), 7);
	ck_assert_int_eq(write(spool[1], "s", 1), 1);
	ck_assert_int_eq(read((int)atomic_load(queue_spool(next, &c)) - 1, &byte, 1), 1);
	ck_assert_int_eq(byte, 's');
	close_queue();
}
END_TEST

START_TEST(retired_queue_accepts_no_more)
{
	struct connection c;

	open_queue(30000);
	struct queue *next = next_queue();
	queue_retire(q);
	queue_tick(q);
	queue_raise(q);
	connect_client();
	ck_assert_int_eq(take(0, &c), -ETIMEDOUT);
	ck_assert_int_eq(take_from(next, 0, &c), 1);
	close_queue();
}
END_TEST

START_TEST(parcel_that_is_no_connection_of_the_listener_is_refused)
{
	int pair[2];

	open_queue(30000);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	ck_assert(!queue_receive(q, &(struct queue_parcel){ .fd = pair[0], .spool = -1 }));
	ck_assert(!queue_receive(q, &(struct queue_parcel){ .fd = DESCRIPTORS, .spool = -1 }));
	ck_assert(!queue_receive(q, &(struct queue_parcel){ .fd = q->settings.listener, .spool = -1 }));
	close_queue();
}
END_TEST

START_TEST(handover_without_a_free_descriptor_says_so_and_goes_on)
{
	struct queue_parcel parcel;
	struct handover handover = { 0 };
	const int *ends = handover.ends;
	struct rlimit files, few;
	int client;

	open_queue(30000);
	struct connection c = accept_one(&client);
	ck_assert_int_eq(handover_open(&handover), 0);
	parcel = queue_parcel_of(q, &c);
	ck_assert_int_eq(handover_send(ends[0], &parcel), 0);
	ck_assert_int_eq(handover_send(ends[0], &parcel), 0);
	ck_assert_int_eq(handover_say(ends[0], HANDOVER_ASKS_FOR_LOG), 0);
	getrlimit(RLIMIT_NOFILE, &files);
	few = (struct rlimit){ .rlim_cur = (rlim_t)ends[1] + 1, .rlim_max = files.rlim_max };
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	ck_assert_int_eq(handover_receive(ends[1], &parcel), -EMFILE);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &files), 0);
	ck_assert_int_eq(handover_receive(ends[1], &parcel), 1);
	ck_assert_int_eq(handover_receive(ends[1], &parcel), HANDOVER_ASKS_FOR_LOG);
	ck_assert_int_eq(handover_receive(ends[1], &parcel), 0);
	close_queue();
}
END_TEST

START_TEST(words_are_heard_in_their_order_and_the_end_after_them)
{
	struct handover handover = { 0 };
	const int *ends = handover.ends;

	ck_assert_int_eq(handover_open(&handover), 0);
	ck_assert_int_eq(handover_hear(ends[0], 0), 0);
	ck_assert_int_eq(handover_say(ends[1], HANDOVER_SERVES_WITHOUT_LOG), 0);
	ck_assert_int_eq(handover_say(ends[1], HANDOVER_LEAVES_LOG), 0);
	close(ends[1]);
	ck_assert_int_eq(handover_hear(ends[0], 0), HANDOVER_SERVES_WITHOUT_LOG);
	ck_assert_int_eq(handover_hear(ends[0], 0), HANDOVER_LEAVES_LOG);
	ck_assert_int_eq(handover_hear(ends[0], 0), -EPIPE);
	ck_assert_int_lt(handover_send(ends[0], &(struct queue_parcel){ .fd = ends[0], .spool = -1 }), 0);
}
END_TEST

START_TEST(handover_stays_open_and_is_opened_anew_where_a_handler_closed_it)
{
	struct handover handover = { 0 };

	ck_assert_int_eq(handover_open(&handover), 0);
	const struct handover first = handover;
	ck_assert_int_eq(handover_open(&handover), 0);
	ck_assert_mem_eq(&handover, &first, sizeof first);
	close(handover.ends[0]);
	ck_assert_int_eq(dup(STDERR_FILENO), first.ends[0]);
	ck_assert_int_eq(handover_open(&handover), 0);
	ck_assert_int_ne(handover.ends[0], first.ends[0]);
	ck_assert_int_eq(handover_say(handover.ends[1], HANDOVER_SERVES), 0);
	ck_assert_int_eq(handover_hear(handover.ends[0], 0), HANDOVER_SERVES);
	close(first.ends[0]);
	close(first.ends[1]);
	close(handover.ends[0]);
	close(handover.ends[1]);
}
END_TEST

Suite *queue_suite(void)
{
	const TTest *const tests[] = {
		new_connection_belongs_to_who_accepted_it,
		parked_connection_goes_to_any_worker,
		event_for_an_owned_connection_becomes_a_pending_mark,
		event_of_an_earlier_generation_is_refused,
		event_of_a_closed_connection_is_refused,
		cut_ends_a_connection_that_a_child_has_a_copy_of,
		connection_of_an_idle_dead_worker_is_free_again,
		request_without_an_answer_is_answered_for_the_dead_worker,
		answer_that_has_left_in_part_is_cut,
		answer_that_has_left_whole_is_not_answered_again,
		peer_that_sent_its_next_request_had_the_answer,
		rest_of_an_answered_request_is_thrown_away,
		edge_that_died_with_a_worker_is_raised_again,
		accepted_socket_without_a_word_is_adopted,
		nothing_is_adopted_while_a_worker_is_in_its_window,
		sockets_of_a_handler_are_not_adopted,
		half_a_head_is_closed_after_its_time,
		half_a_head_is_not_closed_before_its_time_nor_when_it_is_owned,
		new_connection_wakes_one_and_the_next_another,
		pause_of_accepting_that_came_last_ends,
		drain_takes_in_what_waits_and_accepts_no_more,
		racing_workers_own_a_connection_one_at_a_time_and_lose_no_edge,
		killed_workers_strand_no_connection,
		free_connection_goes_to_the_next_queue_and_its_peer_notices_nothing,
		input_that_waits_at_the_handover_is_raised_in_the_next_queue,
		busy_connection_is_not_handed_over_until_its_worker_gives_it_back,
		what_a_connection_has_goes_with_it,
		retired_queue_accepts_no_more,
		parcel_that_is_no_connection_of_the_listener_is_refused,
		handover_without_a_free_descriptor_says_so_and_goes_on,
		words_are_heard_in_their_order_and_the_end_after_them,
		handover_stays_open_and_is_opened_anew_where_a_handler_closed_it,
		NULL,
	};

	return suite_of("queue", tests);
}
