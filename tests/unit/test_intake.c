/* SPDX-License-Identifier: ISC */
/*
 * A worker's side of the connections.  The test plays the master: what it does with a
 * worker's words is what pool/workers.c does.
 */
#include "base/descriptors.h"
#include "base/message.h"
#include "pool/handover.h"
#include "pool/intake.h"
#include "pool/rescue.h"
#include "table.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SLOTS = 64, WORKERS = 4 };

/* A worker, and the master's ends of its wires. */
static struct worker {
	struct intake in;
	int wire, lifeline;
	bool is_ready;
	unsigned freed;
} workers[WORKERS];

static struct worker_shm *slots;
static int parcels[2];

static struct intake_wires open_wires(struct worker *w)
{
	int wire[2], lifeline[2];

	ck_assert_int_eq(message_pair(wire), 0);
	ck_assert_int_eq(message_pair(lifeline), 0);
	w->wire = wire[0];
	w->lifeline = lifeline[1];
	w->is_ready = false;
	return (struct intake_wires){ .master = wire[1],
		                      .lifeline = { lifeline[0], lifeline[1] },
		                      .parcels = parcels[1] };
}

static void open_all(uint32_t capacity)
{
	table_open(30000, capacity);
	slots = table_shared(WORKERS * sizeof *slots);
	ck_assert_int_eq(message_pair(parcels), 0);
	for (unsigned i = 0; i < 2; i++) {
		const struct intake_wires wires = open_wires(&workers[i]);
		ck_assert_int_eq(intake_open(&workers[i].in, &table, &wires, &slots[i], i), 0);
	}
}

/* ---- The master. */

static void answer_ask(unsigned index, const struct intake_message *m)
{
	int fd = connections_is_owned(&table, m->slot, m->generation, index) ? registry_fd(&registry, m->slot)
	                                                                     : -1;

	message_send(workers[index].wire, m, sizeof *m, &fd, fd >= 0 ? 1 : 0, false);
}

/* One word; its number, or -1 where none waits. */
static int hear(unsigned index)
{
	struct intake_message m;
	unsigned count = 1;
	int fd = -1;

	if (message_receive(workers[index].wire, &m, sizeof m, &fd, &count, false) != 1)
		return -1;
	if (m.word == INTAKE_READY)
		workers[index].is_ready = true;
	else if (m.word == INTAKE_REGISTER && fd >= 0)
		registry_add(&registry, m.slot, m.generation, fd);
	else if (m.word == INTAKE_TAKEN_IN && fd >= 0) {
		registry_add(&registry, m.slot, m.generation, fd);
		registry_release(&registry, m.slot, m.generation);
	} else if (m.word == INTAKE_ASK)
		answer_ask(index, &m);
	else if (m.word == INTAKE_CLOSED && connections_is_owned(&table, m.slot, m.generation, index))
		registry_close(&registry, m.slot);
	workers[index].freed += m.word == INTAKE_FREED;
	return (int)m.word;
}

static _Atomic bool master_leaves;

static void *be_master(void *nothing)
{
	while (!atomic_load(&master_leaves)) {
		struct pollfd wires[2] = { { .fd = workers[0].wire, .events = POLLIN },
			                   { .fd = workers[1].wire, .events = POLLIN } };
		poll(wires, 2, 2);
		for (unsigned i = 0; i < 2; i++)
			while (hear(i) >= 0)
				;
	}
	return nothing;
}

/* With a master that answers meanwhile. */
static int take(unsigned worker, struct connection *c)
{
	pthread_t master;

	atomic_store(&master_leaves, false);
	ck_assert_int_eq(pthread_create(&master, NULL, be_master, NULL), 0);
	int taken = intake_take(&workers[worker].in, c, TABLE_SHORT_MS);
	atomic_store(&master_leaves, true);
	pthread_join(master, NULL);
	return taken;
}

/* The copy that the master would find in a lifeline; -1: none. */
static int take_from_lifeline(unsigned worker)
{
	unsigned count = 1;
	int fd = -1;
	char byte;

	return message_receive(workers[worker].lifeline, &byte, 1, &fd, &count, false) == 1 && count == 1
	               ? fd
	               : -1;
}

/* A new connection, which worker 0 has. */
static int accept_one(struct connection *c)
{
	int client = table_connect();

	ck_assert_int_eq(take(0, c), 1);
	return client;
}

/* As that, registered; and free. */
static int register_one(struct connection *c)
{
	int client = accept_one(c);

	ck_assert(intake_register(&workers[0].in, c, false));
	ck_assert_int_eq(hear(0), INTAKE_REGISTER);
	return client;
}

static int park_one(struct connection *c)
{
	int client = register_one(c);

	ck_assert(intake_park(&workers[0].in, c));
	return client;
}

static bool is_open(uint32_t slot)
{
	struct connections_state state;

	return connections_look(&table, slot, &state);
}

static char echo(int from, int to)
{
	char byte = 0;

	ck_assert_int_eq(send(from, "e", 1, MSG_NOSIGNAL), 1);
	recv(to, &byte, 1, MSG_DONTWAIT);
	return byte;
}

/* ---- New connections. */

START_TEST(new_connection_belongs_to_who_accepted_it_and_is_in_the_lifeline)
{
	struct connection c, other;
	int client;

	open_all(SLOTS);
	client = accept_one(&c);
	ck_assert(!c.is_registered);
	ck_assert_uint_eq(slots[0].connection, 0);
	send(client, "x", 1, 0);
	ck_assert_int_eq(take(1, &other), -ETIMEDOUT); /* the epoll does not know it */
	int copy = take_from_lifeline(0);
	ck_assert(table_is_same(copy, c.fd));
	ck_assert_int_ne(copy, c.fd);
	ck_assert_uint_eq(atomic_load(&table.shm->open), 0);
	table_close();
}
END_TEST

START_TEST(next_new_connection_goes_to_another)
{
	struct connection c, other;

	open_all(SLOTS);
	accept_one(&c);
	table_connect();
	ck_assert_int_eq(take(1, &other), 1);
	ck_assert(!table_is_same(c.fd, other.fd));
	ck_assert_int_eq(take(0, &c), -ETIMEDOUT);
	table_close();
}
END_TEST

START_TEST(connection_that_is_not_kept_costs_no_message_and_leaves_nothing)
{
	struct connection c;
	int client;

	open_all(SLOTS);
	client = accept_one(&c);
	intake_close(&workers[0].in, &c, false);
	ck_assert(table_is_closed(client)); /* no copy of it is left */
	ck_assert_int_eq(take_from_lifeline(0), -1);
	ck_assert_int_eq(hear(0), -1);
	ck_assert_int_lt(fcntl(c.fd, F_GETFD), 0);
	table_close();
}
END_TEST

START_TEST(lifeline_has_one_connection_at_a_time)
{
	struct connection c;

	open_all(SLOTS);
	for (int i = 0; i < 1000; i++) {
		int client = accept_one(&c);
		if (i % 3 == 0)
			ck_assert(intake_register(&workers[0].in, &c, false));
		intake_close(&workers[0].in, &c, i % 2);
		while (hear(0) >= 0)
			;
		close(client);
		ck_assert_int_eq(recv(workers[0].lifeline, &(char){ 0 }, 1, MSG_PEEK | MSG_DONTWAIT), -1);
	}
	table_close();
}
END_TEST

START_TEST(cut_ends_a_connection_that_a_child_has_a_copy_of)
{
	struct connection c;

	open_all(SLOTS);
	for (int cut = 0; cut < 2; cut++) {
		int client = accept_one(&c);
		ck_assert_int_ge(dup(c.fd), 0);
		intake_close(&workers[0].in, &c, cut);
		ck_assert(table_is_closed(client) == cut);
	}
	table_close();
}
END_TEST

/* ---- Registered ones. */

START_TEST(registered_connection_is_the_masters_too_and_out_of_the_lifeline)
{
	struct connection c;

	open_all(SLOTS);
	register_one(&c);
	ck_assert(c.is_registered);
	ck_assert(table_is_same(registry_fd(&registry, c.slot), c.fd));
	ck_assert(connections_is_owned(&table, c.slot, c.generation, 0));
	ck_assert_uint_eq(slots[0].connection, c.slot + 1);
	ck_assert_int_eq(take_from_lifeline(0), -1);
	ck_assert_uint_eq(atomic_load(&table.shm->registered), 1);
	table_close();
}
END_TEST

START_TEST(parked_connection_goes_to_any_worker_who_asks_for_it_once)
{
	struct connection c, again;
	int client;

	open_all(SLOTS);
	client = park_one(&c);
	ck_assert_uint_eq(slots[0].connection, 0);
	ck_assert_int_eq(take(1, &again), -ETIMEDOUT);
	for (int i = 0; i < 5; i++) {
		send(client, "x", 1, 0);
		ck_assert_int_eq(take(1, &again), 1);
		ck_assert(again.is_registered);
		ck_assert_uint_eq(again.slot, c.slot);
		ck_assert_uint_eq(again.generation, c.generation);
		ck_assert_uint_eq(slots[1].connection, c.slot + 1);
		ck_assert(table_is_same(again.fd, c.fd));
		ck_assert_int_eq(recv(again.fd, &(char){ 0 }, 1, 0), 1);
		ck_assert_int_eq(echo(again.fd, client), 'e');
		ck_assert(intake_park(&workers[1].in, &again));
	}
	ck_assert_uint_eq(atomic_load(&table.shm->asked), 1);
	send(client, "x", 1, 0);
	ck_assert_int_eq(take(0, &again), 1); /* who registered it has it still */
	ck_assert_int_eq(again.fd, c.fd);
	ck_assert_uint_eq(atomic_load(&table.shm->asked), 1);
	table_close();
}
END_TEST

START_TEST(input_that_comes_meanwhile_keeps_it)
{
	struct connection c, other;
	int client;
	char byte;

	open_all(SLOTS);
	client = park_one(&c);
	send(client, "x", 1, 0);
	ck_assert_int_eq(take(0, &c), 1);
	recv(c.fd, &byte, 1, 0);
	send(client, "y", 1, 0);
	ck_assert_int_eq(take(1, &other), 0); /* not theirs */
	ck_assert(!intake_park(&workers[0].in, &c));
	ck_assert_uint_eq(slots[0].connection, c.slot + 1);
	recv(c.fd, &byte, 1, 0);
	ck_assert_int_eq(byte, 'y');
	ck_assert(intake_park(&workers[0].in, &c));
	table_close();
}
END_TEST

START_TEST(new_connection_cannot_be_parked)
{
	struct connection c;

	open_all(SLOTS);
	accept_one(&c);
	ck_assert(!intake_park(&workers[0].in, &c));
	table_close();
}
END_TEST

START_TEST(closed_connection_is_closed_whoever_has_copies_and_its_slot_free)
{
	struct connection c, again;
	int client;

	open_all(SLOTS);
	client = park_one(&c);
	send(client, "x", 1, 0);
	ck_assert_int_eq(take(1, &again), 1);
	recv(again.fd, &(char){ 0 }, 1, 0);
	intake_close(&workers[1].in, &again, false); /* worker 0 and the master have it too */
	ck_assert(table_is_closed(client));
	ck_assert(is_open(c.slot)); /* until the master has heard of it */
	ck_assert_int_eq(hear(1), INTAKE_CLOSED);
	ck_assert(!is_open(c.slot));
	ck_assert_uint_eq(registry.count, 0);
	ck_assert_uint_eq(workers[1].in.copies, 0);
	ck_assert_uint_eq(slots[1].connection, 0);
	table_close();
}
END_TEST

/* Worker 1 has a copy of the slot's earlier connection. */
START_TEST(copy_of_an_earlier_use_of_the_slot_is_not_used)
{
	struct connection c, next, again;
	int client, next_client;

	open_all(SLOTS);
	client = park_one(&c);
	send(client, "x", 1, 0);
	ck_assert_int_eq(take(1, &again), 1);
	recv(again.fd, &(char){ 0 }, 1, 0);
	ck_assert(intake_park(&workers[1].in, &again));
	send(client, "x", 1, 0);
	ck_assert_int_eq(take(0, &c), 1);
	intake_close(&workers[0].in, &c, false);
	ck_assert_int_eq(hear(0), INTAKE_CLOSED);
	next_client = park_one(&next);
	ck_assert_uint_eq(next.slot, c.slot);
	ck_assert_uint_ne(next.generation, c.generation);
	send(next_client, "z", 1, 0);
	ck_assert_int_eq(take(1, &again), 1);
	ck_assert(table_is_same(again.fd, next.fd));
	ck_assert_int_eq(echo(again.fd, next_client), 'e');
	ck_assert_uint_eq(atomic_load(&table.shm->asked), 2);
	ck_assert_uint_eq(workers[1].in.copies, 1); /* the other one is closed */
	table_close();
}
END_TEST

START_TEST(connection_that_the_master_knows_nothing_of_is_given_up)
{
	struct connection c, again;
	int client;

	open_all(SLOTS);
	client = park_one(&c);
	send(client, "x", 1, 0);
	int fd = registry.fds[c.slot];
	registry.fds[c.slot] = -1;
	ck_assert_int_eq(take(1, &again), 0);
	ck_assert(!is_open(c.slot));
	ck_assert_uint_eq(workers[1].in.copies, 0);
	close(fd);
	table_close();
}
END_TEST

START_TEST(event_of_any_slot_does_no_harm)
{
	struct connection c;
	int client, fd;

	open_all(SLOTS);
	client = table_accept(&fd);
	ck_assert_int_eq(connections_watch(&table, 1 /* EPOLL_CTL_ADD */, fd, SLOTS + 1000, 5), 0);
	send(client, "x", 1, 0);
	ck_assert_int_eq(take(0, &c), 0);
	table_close();
}
END_TEST

/* ---- Lack of room. */

START_TEST(copies_are_given_up_where_there_are_too_many)
{
	struct connection c[6], again;
	int clients[6];

	open_all(SLOTS);
	workers[1].in.copies_max = 3;
	for (int i = 0; i < 6; i++)
		clients[i] = park_one(&c[i]);
	for (int round = 0; round < 3; round++)
		for (int i = 0; i < 6; i++) {
			send(clients[i], "x", 1, 0);
			ck_assert_int_eq(take(1, &again), 1);
			ck_assert(table_is_same(again.fd, c[i].fd)); /* the one in hand is kept */
			ck_assert_uint_le(workers[1].in.copies, 3);
			recv(again.fd, &(char){ 0 }, 1, 0);
			ck_assert(intake_park(&workers[1].in, &again));
		}
	table_close();
}
END_TEST

/* No more than are open now. */
static void lower_limit(struct rlimit *before)
{
	struct rlimit few;
	int next = dup(0);

	close(next);
	getrlimit(RLIMIT_NOFILE, before);
	few = *before;
	few.rlim_cur = (rlim_t)next;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
}

START_TEST(copies_are_given_up_for_a_new_connection)
{
	struct connection c, other;
	struct rlimit files;

	open_all(SLOTS);
	park_one(&c);
	int client = table_connect();
	lower_limit(&files);
	int taken = intake_take(&workers[0].in, &other, TABLE_SHORT_MS);
	setrlimit(RLIMIT_NOFILE, &files);
	ck_assert_int_eq(taken, 1);
	ck_assert_uint_eq(workers[0].in.copies, 0);
	ck_assert_int_eq(echo(other.fd, client), 'e');
	ck_assert(connections_accepts(&table));
	table_close();
}
END_TEST

START_TEST(accepting_pauses_where_no_descriptor_is_left)
{
	struct connection c;
	struct rlimit files;

	open_all(SLOTS);
	table_connect();
	lower_limit(&files);
	int taken = intake_take(&workers[0].in, &c, TABLE_SHORT_MS);
	setrlimit(RLIMIT_NOFILE, &files);
	ck_assert_int_eq(taken, 0);
	ck_assert(!connections_accepts(&table));
	ck_assert_uint_ne(atomic_load(&table.shm->full_s), 0);
	ck_assert_int_eq(take(1, &c), -ETIMEDOUT); /* nobody spins on it */
	registry_tick(&registry);
	ck_assert_int_eq(take(1, &c), 1);
	table_close();
}
END_TEST

START_TEST(connection_without_room_is_closed_unless_a_request_is_waited_for_and_comes)
{
	struct connection c;
	int client;

	open_all(SLOTS);
	table.capacity = 0;
	client = accept_one(&c);
	send(client, "x", 1, 0);
	ck_assert(intake_register(&workers[0].in, &c, true)); /* still ours, and no slot's */
	ck_assert(!c.is_registered);
	ck_assert(!table_is_closed(client));
	recv(c.fd, &(char){ 0 }, 1, 0);
	ck_assert(!intake_register(&workers[0].in, &c, true));
	ck_assert(table_is_closed(client));
	client = accept_one(&c);
	long since_ms = table_now_ms();
	ck_assert(!intake_register(&workers[0].in, &c, false)); /* its request is answered: nobody waits */
	ck_assert_int_lt(table_now_ms() - since_ms, 500);
	ck_assert(table_is_closed(client));
	ck_assert_int_eq(hear(0), -1);
	ck_assert_int_eq(take_from_lifeline(0), -1);
	ck_assert_uint_ne(atomic_load(&table.shm->full_s), 0);
	table_close();
}
END_TEST

START_TEST(socket_that_does_not_work_is_told)
{
	struct connection c;

	open_all(SLOTS);
	close(table.epoll);
	ck_assert_int_eq(take(0, &c), -EBADF);
	table_close();
}
END_TEST

/* ---- A long backlog. */

START_TEST(backlog_is_taken_in_where_it_is_long)
{
	enum { MANY = 5 };
	struct connection c;
	int clients[MANY];

	open_all(SLOTS);
	for (int i = 0; i < MANY; i++)
		clients[i] = table_connect();
	intake_take_in(&workers[0].in);
	ck_assert_uint_eq(atomic_load(&table.shm->open), 0);
	atomic_store(&table.shm->is_crowded, 1);
	intake_take_in(&workers[0].in);
	while (hear(0) >= 0)
		;
	ck_assert_uint_eq(registry.count, MANY);
	ck_assert_int_eq(take_from_lifeline(0), -1);
	for (int i = 0; i < MANY; i++) {
		send(clients[i], "x", 1, 0);
		ck_assert_int_eq(take(1, &c), 1);
		ck_assert(c.is_registered);
		ck_assert_int_eq(echo(c.fd, clients[i]), 'e');
		recv(c.fd, &(char){ 0 }, 1, 0);
		ck_assert(intake_park(&workers[1].in, &c));
	}
	table_close();
}
END_TEST

/* What a worker has in slot 0 stays its own, and whom there is no room for waits. */
START_TEST(backlog_beyond_the_table_takes_nothing_from_others)
{
	struct connection c, again;
	int client, late;

	open_all(SLOTS);
	client = park_one(&c);
	ck_assert_uint_eq(c.slot, 0);
	send(client, "x", 1, 0);
	ck_assert_int_eq(take(1, &again), 1);
	table.capacity = 1;
	late = table_connect();
	send(late, "x", 1, 0);
	atomic_store(&table.shm->is_crowded, 1);
	intake_take_in(&workers[0].in);
	ck_assert(connections_is_owned(&table, again.slot, again.generation, 1));
	ck_assert_uint_eq(registry.count, 1);
	ck_assert(!table_is_closed(late)); /* it waits in the backlog */
	table_close();
}
END_TEST

/* ---- At the end. */

START_TEST(answered_connections_are_closed_where_the_pool_drains)
{
	open_all(SLOTS);
	ck_assert(!intake_keeps_none(&workers[0].in));
	registry_drain(&registry);
	ck_assert(intake_keeps_none(&workers[0].in));
	table_close();
}
END_TEST

START_TEST(freed_connection_is_told_of_in_a_generation_that_retires)
{
	struct connection c;
	int client;

	open_all(SLOTS);
	client = park_one(&c);
	ck_assert_int_eq(hear(0), -1);
	send(client, "x", 1, 0);
	ck_assert_int_eq(take(0, &c), 1);
	atomic_store(&table.shm->retired, 1);
	recv(c.fd, &(char){ 0 }, 1, 0);
	ck_assert(intake_park(&workers[0].in, &c));
	ck_assert_int_eq(hear(0), INTAKE_FREED);
	table_close();
}
END_TEST

START_TEST(ready_worker_says_so)
{
	open_all(SLOTS);
	ck_assert(intake_say_ready(&workers[0].in));
	ck_assert_int_eq(hear(0), INTAKE_READY);
	ck_assert(workers[0].is_ready);
	close(workers[0].wire);
	ck_assert(!intake_say_ready(&workers[0].in));
	ck_assert(workers[0].in.is_orphan);
	table_close();
}
END_TEST

START_TEST(worker_without_a_master_leaves_connections_to_those_who_have_them)
{
	struct connection c, again;
	int client;

	open_all(SLOTS);
	client = park_one(&c);
	close(workers[0].wire);
	close(workers[1].wire);
	send(client, "x", 1, 0);
	ck_assert_int_eq(intake_take(&workers[1].in, &again, TABLE_SHORT_MS), 0);
	ck_assert(workers[1].in.is_orphan);
	ck_assert(connections_claim(&table, c.slot, c.generation, 0)); /* it was let go */
	table_close();
}
END_TEST

START_TEST(free_connections_of_a_dead_master_go_to_the_next_generation)
{
	struct connections next;
	struct registry next_registry;
	struct connection idle, busy, other;
	uint32_t slot, generation;
	int client, busy_client;

	open_all(SLOTS);
	client = park_one(&idle);
	busy_client = park_one(&busy);
	send(busy_client, "x", 1, 0);
	ck_assert_int_eq(take(1, &other), 1); /* another worker serves it */
	intake_give_all(&workers[0].in);
	ck_assert(!is_open(idle.slot));
	ck_assert(connections_is_owned(&table, busy.slot, busy.generation, 1));
	table_open_next(&next, &next_registry);
	ck_assert(handover_receive(parcels[0], &next_registry));
	ck_assert_uint_eq(next_registry.count, 1);
	send(client, "y", 1, 0);
	ck_assert(table_event(&next, &slot, &generation));
	ck_assert(table_is_same(registry_fd(&next_registry, slot), registry_fd(&registry, idle.slot)));
	intake_give_all(&workers[0].in);
	ck_assert(handover_receive(parcels[0], &next_registry));
	ck_assert_uint_eq(next_registry.count, 1);
	free(next_registry.fds);
	table_close();
}
END_TEST

START_TEST(single_process_is_its_own_master)
{
	const struct intake_wires none = { .master = -1, .lifeline = { -1, -1 }, .parcels = -1 };
	struct intake in;
	struct connection c;

	open_all(SLOTS);
	ck_assert_int_eq(intake_open(&in, &table, &none, &slots[2], 2), 0);
	in.registry = &registry;
	int client = table_connect();
	ck_assert_int_eq(intake_take(&in, &c, TABLE_SHORT_MS), 1);
	ck_assert(intake_register(&in, &c, false));
	ck_assert_int_eq(registry_fd(&registry, c.slot), c.fd);
	ck_assert(intake_park(&in, &c));
	send(client, "x", 1, 0);
	ck_assert_int_eq(intake_take(&in, &c, TABLE_SHORT_MS), 1);
	ck_assert_int_eq(echo(c.fd, client), 'e');
	intake_close(&in, &c, false);
	recv(client, &(char){ 0 }, 1, MSG_DONTWAIT);
	ck_assert(table_is_closed(client));
	ck_assert(!is_open(c.slot));
	intake_close_all(&in);
	table_close();
}
END_TEST

/* ---- Workers that are killed at any moment. */

/* Echoes a byte; every third time it closes then, as for a web server that keeps nothing. */
static void echo_work(struct intake *in)
{
	struct worker_shm *slot = in->slot;
	struct connection c;
	char byte;

	for (unsigned served = in->index;;) {
		if (intake_take(in, &c, -1) <= 0) {
			if (in->is_orphan)
				return;
			continue;
		}
		for (bool claimed = true; claimed;) {
			atomic_store(&slot->in_flight.sent, IN_FLIGHT_HEAD);
			atomic_store(&slot->stage, WORKER_SERVING);
			ssize_t got = recv(c.fd, &byte, 1, MSG_DONTWAIT);
			if (got == 1) {
				atomic_store(&slot->in_flight.sent, IN_FLIGHT_PART);
				send(c.fd, &byte, 1, MSG_NOSIGNAL);
				served++;
			}
			bool ends = got == 0 || (got == 1 && served % 3 == 0) || (got < 0 && errno != EAGAIN);
			if (ends) {
				intake_close(in, &c, false);
				atomic_store(&slot->stage, WORKER_IDLE);
				break;
			}
			atomic_store(&slot->stage, WORKER_IDLE);
			if (!c.is_registered && !intake_register(in, &c, false))
				break;
			claimed = !intake_park(in, &c);
		}
	}
}

static pid_t spawn(unsigned index)
{
	const struct intake_wires wires = open_wires(&workers[index]);
	pid_t parent = getpid();
	struct intake in;

	atomic_store(&slots[index].stage, WORKER_IDLE);
	atomic_store(&slots[index].connection, 0);
	pid_t pid = fork();
	if (pid == 0) {
		const int kept[] = { table.epoll, table.listener, wires.master, wires.lifeline[0],
			             wires.lifeline[1] };
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		descriptors_close_others(kept, 5);
		if (getppid() == parent && intake_open(&in, &table, &wires, &slots[index], index) == 0)
			echo_work(&in);
		_exit(1);
	}
	ck_assert_int_gt(pid, 0);
	close(wires.master);
	close(wires.lifeline[0]);
	return pid;
}

static void note_exit(unsigned index, struct pool_shm *counts)
{
	static const struct access no_log;

	while (hear(index) >= 0)
		;
	rescue_worker(&(struct rescue){ .registry = &registry,
	                                .pool = counts,
	                                .access = &no_log,
	                                .slot = &slots[index],
	                                .unregistered = take_from_lifeline(index),
	                                .worker = index,
	                                .status = 500 });
	close(workers[index].wire);
	close(workers[index].lifeline);
}

struct asker {
	int fd;
	long since_ms;
};

static void ask_again(struct asker *asker)
{
	if (asker->fd < 0)
		asker->fd = table_connect();
	if (send(asker->fd, "x", 1, MSG_NOSIGNAL) != 1) { /* closed since: a web server tries anew */
		close(asker->fd);
		asker->fd = table_connect();
		ck_assert_int_eq(send(asker->fd, "x", 1, MSG_NOSIGNAL), 1);
	}
	asker->since_ms = table_now_ms();
}

/* An answer, or the end of the connection; silence is what must not be. */
static void listen_to(struct asker *asker)
{
	char byte;
	ssize_t got = recv(asker->fd, &byte, 1, MSG_DONTWAIT);

	if (got < 0 && errno == EAGAIN) {
		ck_assert_msg(table_now_ms() - asker->since_ms < TABLE_WAIT_MS, "a connection is stranded");
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
	static struct pool_shm counts;
	struct asker askers[ASKERS];
	pid_t pids[WORKERS];
	unsigned seed = 1;

	open_all(SLOTS);
	for (unsigned i = 0; i < WORKERS; i++)
		pids[i] = spawn(i);
	for (int i = 0; i < ASKERS; i++) {
		askers[i].fd = -1;
		ask_again(&askers[i]);
	}
	for (int kills = 0; kills < KILLS;) {
		if (rand_r(&seed) % 50 == 0) {
			unsigned i = (unsigned)rand_r(&seed) % WORKERS;
			kill(pids[i], SIGKILL);
			waitpid(pids[i], NULL, 0);
			note_exit(i, &counts);
			pids[i] = spawn(i);
			kills++;
		}
		for (unsigned i = 0; i < WORKERS; i++)
			while (hear(i) >= 0)
				;
		for (int i = 0; i < ASKERS; i++)
			listen_to(&askers[i]);
	}
	for (int i = 0; i < ASKERS; i++) /* who was waiting at the last kill is answered too */
		for (long asked = askers[i].since_ms; askers[i].since_ms == asked;) {
			for (unsigned w = 0; w < WORKERS; w++)
				while (hear(w) >= 0)
					;
			listen_to(&askers[i]);
		}
	for (unsigned i = 0; i < WORKERS; i++) {
		kill(pids[i], SIGKILL);
		waitpid(pids[i], NULL, 0);
		note_exit(i, &counts);
	}
	/* What is left is what the askers have. */
	ck_assert_uint_le(atomic_load(&table.shm->open), ASKERS);
	ck_assert_uint_eq(atomic_load(&table.shm->open), registry.count);
	table_close();
}
END_TEST

Suite *intake_suite(void)
{
	const TTest *const tests[] = {
		new_connection_belongs_to_who_accepted_it_and_is_in_the_lifeline,
		next_new_connection_goes_to_another,
		connection_that_is_not_kept_costs_no_message_and_leaves_nothing,
		lifeline_has_one_connection_at_a_time,
		cut_ends_a_connection_that_a_child_has_a_copy_of,
		registered_connection_is_the_masters_too_and_out_of_the_lifeline,
		parked_connection_goes_to_any_worker_who_asks_for_it_once,
		input_that_comes_meanwhile_keeps_it,
		new_connection_cannot_be_parked,
		closed_connection_is_closed_whoever_has_copies_and_its_slot_free,
		copy_of_an_earlier_use_of_the_slot_is_not_used,
		connection_that_the_master_knows_nothing_of_is_given_up,
		event_of_any_slot_does_no_harm,
		copies_are_given_up_where_there_are_too_many,
		copies_are_given_up_for_a_new_connection,
		accepting_pauses_where_no_descriptor_is_left,
		connection_without_room_is_closed_unless_a_request_is_waited_for_and_comes,
		socket_that_does_not_work_is_told,
		backlog_is_taken_in_where_it_is_long,
		backlog_beyond_the_table_takes_nothing_from_others,
		answered_connections_are_closed_where_the_pool_drains,
		freed_connection_is_told_of_in_a_generation_that_retires,
		ready_worker_says_so,
		worker_without_a_master_leaves_connections_to_those_who_have_them,
		free_connections_of_a_dead_master_go_to_the_next_generation,
		single_process_is_its_own_master,
		killed_workers_strand_no_connection,
		NULL,
	};

	return suite_of("intake", tests);
}
