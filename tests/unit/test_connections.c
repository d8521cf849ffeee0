/* SPDX-License-Identifier: ISC */
/* The table of connections: who may have one, in which use of its slot, and that no event is lost. */
#include "table.h"
#include "unit.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SLOTS = 16, FIRST = 0, SECOND = 1, WORKERS = 4 };

static uint32_t slot, generation;

/* A slot that the first worker has. */
static void open_with_one(void)
{
	table_open(30000, SLOTS);
	ck_assert(connections_take_slot(&table, FIRST, &slot, &generation));
}

static bool is_free(void)
{
	struct connections_state state;

	return connections_look(&table, slot, &state) && !state.is_owned;
}

/* ---- The claim. */

START_TEST(new_slot_is_its_takers)
{
	struct connections_state state;

	open_with_one();
	ck_assert_uint_ne(generation, 0);
	ck_assert(connections_look(&table, slot, &state));
	ck_assert(state.is_owned);
	ck_assert_uint_eq(state.owner, FIRST);
	ck_assert_uint_eq(state.generation, generation);
	ck_assert(connections_is_owned(&table, slot, generation, FIRST));
	ck_assert(!connections_is_owned(&table, slot, generation, SECOND));
	ck_assert(!connections_is_owned(&table, slot, generation + 1, FIRST));
	ck_assert_uint_eq(connections_top(&table), slot + 1);
	ck_assert_uint_eq(atomic_load(&table.shm->open), 1);
	ck_assert(!connections_look(&table, slot + 1, &state));
	ck_assert(!connections_look(&table, SLOTS, &state)); /* beyond the table */
	table_close();
}
END_TEST

START_TEST(free_connection_is_claimed_by_one)
{
	open_with_one();
	ck_assert(connections_let_go(&table, slot, generation, FIRST));
	ck_assert(is_free());
	ck_assert(connections_claim(&table, slot, generation, SECOND));
	ck_assert(!connections_claim(&table, slot, generation, FIRST));
	ck_assert(connections_is_owned(&table, slot, generation, SECOND));
	table_close();
}
END_TEST

START_TEST(event_for_an_owned_connection_makes_its_owner_look_again)
{
	open_with_one();
	ck_assert(!connections_claim(&table, slot, generation, SECOND));
	ck_assert(!connections_claim(&table, slot, generation, SECOND));
	ck_assert(!connections_claim(&table, slot, generation, CONNECTIONS_MASTER));
	ck_assert(!connections_let_go(&table, slot, generation, FIRST)); /* once, however many came */
	ck_assert(connections_is_owned(&table, slot, generation, FIRST));
	ck_assert(connections_let_go(&table, slot, generation, FIRST));
	ck_assert(is_free());
	table_close();
}
END_TEST

START_TEST(free_takes_the_pending_mark_with_it)
{
	open_with_one();
	ck_assert(!connections_claim(&table, slot, generation, SECOND));
	connections_free(&table, slot, generation);
	ck_assert(is_free());
	ck_assert(connections_claim(&table, slot, generation, SECOND));
	ck_assert(connections_let_go(&table, slot, generation, SECOND));
	table_close();
}
END_TEST

START_TEST(any_owner_is_told_from_any_other)
{
	static const unsigned owners[] = { 0, 1, 255, 256, 8191, CONNECTIONS_MASTER };
	struct connections_state state;

	open_with_one();
	connections_free(&table, slot, generation);
	for (size_t i = 0; i < sizeof owners / sizeof owners[0]; i++) {
		ck_assert(connections_claim(&table, slot, generation, owners[i]));
		ck_assert(connections_look(&table, slot, &state));
		ck_assert_uint_eq(state.owner, owners[i]);
		ck_assert_uint_eq(state.generation, generation);
		ck_assert(connections_let_go(&table, slot, generation, owners[i]));
	}
	table_close();
}
END_TEST

/* ---- Uses of a slot. */

START_TEST(event_of_a_closed_connection_claims_nothing)
{
	open_with_one();
	connections_let_go(&table, slot, generation, FIRST);
	connections_forget(&table, slot);
	ck_assert(!connections_claim(&table, slot, generation, SECOND));
	ck_assert(!connections_is_owned(&table, slot, generation, SECOND));
	ck_assert(connections_take_slot(&table, FIRST, &slot,
	                                &generation)); /* and the slot is as good as before */
	ck_assert_uint_eq(slot, 0);
	table_close();
}
END_TEST

/* The order that a slow worker makes: it has the event, the connection is closed, its slot is used again. */
START_TEST(event_of_an_earlier_use_claims_nothing_and_leaves_no_mark)
{
	open_with_one();
	uint32_t old = generation, old_slot = slot;
	connections_let_go(&table, slot, generation, FIRST);
	connections_forget(&table, slot);
	ck_assert(connections_take_slot(&table, FIRST, &slot, &generation));
	ck_assert_uint_eq(slot, old_slot);
	ck_assert_uint_ne(generation, old);
	ck_assert(!connections_claim(&table, slot, old, SECOND)); /* while it is owned */
	ck_assert(connections_let_go(&table, slot, generation, FIRST));
	ck_assert(!connections_claim(&table, slot, old, SECOND)); /* and while it is free */
	ck_assert(is_free());
	ck_assert(!connections_claim(&table, slot, 0, SECOND));
	ck_assert(connections_claim(&table, slot, generation, SECOND));
	table_close();
}
END_TEST

/* The same through the epoll. */
START_TEST(stale_event_is_told_from_one_of_the_use_of_now)
{
	uint32_t old_slot, old, event_slot;

	table_open(30000, SLOTS);
	int client = table_add(&old_slot, &old);
	send(client, "x", 1, 0);
	ck_assert(table_event(&table, &event_slot, &old)); /* a worker has it, and is slow */
	registry_close(&registry, old_slot);
	int next = table_add(&slot, &generation);
	ck_assert_uint_eq(slot, old_slot);
	ck_assert(!connections_claim(&table, event_slot, old, SECOND));
	send(next, "y", 1, 0);
	uint32_t event_generation;
	ck_assert(table_event(&table, &event_slot, &event_generation));
	ck_assert_uint_eq(event_generation, generation);
	ck_assert(connections_claim(&table, event_slot, event_generation, SECOND));
	table_close();
}
END_TEST

START_TEST(generation_is_never_that_of_the_listening_socket)
{
	table_open(30000, SLOTS);
	for (uint32_t i = 0; i < SLOTS; i++)
		atomic_store(&table.shm->slots[i].word, (uint64_t)UINT32_MAX << 32);
	ck_assert(connections_take_slot(&table, FIRST, &slot, &generation));
	ck_assert_uint_eq(generation, 1);
	table_close();
}
END_TEST

START_TEST(full_table_takes_no_more_until_one_is_forgotten)
{
	uint32_t slots[SLOTS], generations[SLOTS];
	bool seen[SLOTS] = { false };

	table_open(30000, SLOTS);
	for (int i = 0; i < SLOTS; i++) {
		ck_assert(connections_take_slot(&table, FIRST, &slots[i], &generations[i]));
		ck_assert_uint_lt(slots[i], SLOTS);
		ck_assert(!seen[slots[i]]);
		seen[slots[i]] = true;
	}
	ck_assert_uint_eq(connections_top(&table), SLOTS);
	for (int i = 0; i < 3; i++)
		ck_assert(!connections_take_slot(&table, SECOND, &slot, &generation));
	for (int i = 0; i < SLOTS; i++)
		ck_assert(connections_is_owned(&table, slots[i], generations[i], FIRST));
	ck_assert_uint_eq(atomic_load(&table.shm->open), SLOTS);
	connections_forget(&table, 5);
	connections_forget(&table, 5); /* which says nothing new */
	ck_assert_uint_eq(atomic_load(&table.shm->open), SLOTS - 1);
	ck_assert(connections_take_slot(&table, SECOND, &slot, &generation));
	ck_assert_uint_eq(slot, 5);
	ck_assert(!connections_take_slot(&table, SECOND, &slot, &generation));
	table_close();
}
END_TEST

START_TEST(capacity_is_less_than_the_table_where_it_is_said)
{
	table_open(30000, SLOTS);
	table.capacity = 3;
	for (int i = 0; i < 3; i++)
		ck_assert(connections_take_slot(&table, FIRST, &slot, &generation));
	ck_assert(!connections_take_slot(&table, FIRST, &slot, &generation));
	connections_forget(&table, slot);
	ck_assert(connections_take_slot(&table, FIRST, &slot, &generation));
	table_close();
	table_open(30000, CONNECTIONS_SLOTS_MAX + 5);
	ck_assert_uint_eq(table.slots, CONNECTIONS_SLOTS_MAX);
	ck_assert_uint_eq(table.capacity, CONNECTIONS_SLOTS_MAX);
	table_close();
}
END_TEST

START_TEST(low_slots_are_used_first)
{
	table_open(30000, SLOTS);
	for (int i = 0; i < 6; i++)
		connections_take_slot(&table, FIRST, &slot, &generation);
	connections_forget(&table, 4);
	connections_forget(&table, 1);
	ck_assert(connections_take_slot(&table, FIRST, &slot, &generation));
	ck_assert_uint_eq(slot, 1);
	ck_assert(connections_take_slot(&table, FIRST, &slot, &generation));
	ck_assert_uint_eq(slot, 4);
	ck_assert_uint_eq(connections_top(&table), 6);
	table_close();
}
END_TEST

START_TEST(top_of_any_value_stays_within_the_table)
{
	table_open(30000, SLOTS);
	atomic_store(&table.shm->top, UINT32_MAX);
	ck_assert_uint_eq(connections_top(&table), SLOTS);
	table_close();
}
END_TEST

START_TEST(what_a_slot_had_is_forgotten_with_it)
{
	open_with_one();
	ck_assert_ptr_nonnull(connections_make_part(&table, slot));
	atomic_store(&table.shm->slots[slot].part_since_s, 7);
	atomic_store(&table.shm->slots[slot].discards, 1);
	connections_forget(&table, slot);
	ck_assert(connections_take_slot(&table, FIRST, &slot, &generation));
	ck_assert_ptr_null(connections_part(&table, slot));
	ck_assert_uint_eq(table.shm->slots[slot].part_since_s, 0);
	ck_assert_uint_eq(table.shm->slots[slot].discards, 0);
	table_close();
}
END_TEST

/* ---- Heads in parts. */

START_TEST(parts_are_each_ones_own_and_as_many_as_there_are)
{
	enum { MANY = CONNECTIONS_PARTS + 1 };
	static struct input_part *parts[MANY];

	table_open(30000, MANY);
	for (uint32_t i = 0; i < MANY; i++) {
		ck_assert(connections_take_slot(&table, FIRST, &slot, &generation));
		ck_assert_ptr_null(connections_part(&table, i));
	}
	for (uint32_t i = 0; i < CONNECTIONS_PARTS; i++) {
		parts[i] = connections_make_part(&table, i);
		ck_assert_ptr_nonnull(parts[i]);
		for (uint32_t other = 0; other < i; other++)
			ck_assert_ptr_ne(parts[i], parts[other]);
	}
	for (uint32_t i = 0; i < CONNECTIONS_PARTS; i++) {
		ck_assert_ptr_eq(connections_make_part(&table, i), parts[i]); /* it has one */
		ck_assert_ptr_eq(connections_part(&table, i), parts[i]);
	}
	ck_assert_ptr_null(connections_make_part(&table, MANY - 1));
	ck_assert_ptr_null(connections_part(&table, MANY - 1));
	connections_drop_part(&table, 9);
	connections_drop_part(&table, 9);
	ck_assert_ptr_null(connections_part(&table, 9));
	ck_assert_ptr_eq(connections_make_part(&table, MANY - 1), parts[9]);
	ck_assert_ptr_null(connections_make_part(&table, 9));
	table_close();
}
END_TEST

START_TEST(part_that_cannot_be_is_none)
{
	open_with_one();
	for (uint32_t part = CONNECTIONS_PARTS + 1; part; part <<= 1) {
		atomic_store(&table.shm->slots[slot].part, part);
		ck_assert_ptr_null(connections_part(&table, slot));
		connections_drop_part(&table, slot);
	}
	table_close();
}
END_TEST

/* ---- The listening socket. */

static bool is_told_of_new_connections(void)
{
	return table_event(&table, &slot, &generation) && generation == 0;
}

START_TEST(new_connection_wakes_one_and_the_next_another)
{
	table_open(30000, SLOTS);
	ck_assert(!is_told_of_new_connections());
	table_connect();
	table_connect();
	ck_assert(is_told_of_new_connections());
	ck_assert(!is_told_of_new_connections()); /* until its taker has accepted */
	connections_rearm(&table);
	ck_assert(is_told_of_new_connections());
	ck_assert_int_eq(connections_listen(&table), 0); /* which raises it too */
	ck_assert(is_told_of_new_connections());
	table_close();
}
END_TEST

START_TEST(socket_is_not_armed_again_where_nothing_is_accepted)
{
	_Atomic uint32_t *whys[3];

	table_open(30000, SLOTS);
	table_connect();
	whys[0] = &table.shm->draining;
	whys[1] = &table.shm->retired;
	whys[2] = &table.shm->paused;
	ck_assert(is_told_of_new_connections());
	for (int i = 0; i < 3; i++) {
		ck_assert(connections_accepts(&table));
		atomic_store(whys[i], 1);
		ck_assert(!connections_accepts(&table));
		connections_rearm(&table);
		ck_assert(!is_told_of_new_connections());
		atomic_store(whys[i], 0);
	}
	connections_deafen(&table);
	connections_rearm(&table);
	ck_assert(!is_told_of_new_connections());
	ck_assert_int_eq(connections_listen(&table), 0);
	ck_assert(is_told_of_new_connections());
	table_close();
}
END_TEST

/* ---- Processes. */

struct race {
	_Atomic unsigned taken; /* bytes read from connections */
	_Atomic unsigned twice; /* owners beyond one */
	_Atomic unsigned holders[SLOTS];
};

static struct race *race;

static unsigned read_all(int fd)
{
	char bytes[64];
	unsigned all = 0;
	ssize_t got;

	while ((got = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT)) > 0)
		all += (unsigned)got;
	return all;
}

/* With the descriptors that the parent had. */
static void race_work(unsigned worker)
{
	struct epoll_event e;

	for (;;) {
		if (epoll_wait(table.epoll, &e, 1, -1) != 1)
			continue;
		uint32_t at = (uint32_t)e.data.u64, use = (uint32_t)(e.data.u64 >> 32);
		if (use == 0 || !connections_claim(&table, at, use, worker))
			continue;
		do {
			if (atomic_fetch_add(&race->holders[at], 1) != 0)
				atomic_fetch_add(&race->twice, 1);
			unsigned got = read_all(registry_fd(&registry, at));
			atomic_fetch_sub(&race->holders[at], 1);
			atomic_fetch_add(&race->taken, got);
		} while (!connections_let_go(&table, at, use, worker));
	}
}

static pid_t spawn(unsigned worker)
{
	pid_t parent = getpid(), pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() == parent)
			race_work(worker);
		_exit(0);
	}
	ck_assert_int_gt(pid, 0);
	return pid;
}

static void wait_for_taken(unsigned wanted)
{
	long end = table_now_ms() + TABLE_WAIT_MS;

	while (atomic_load(&race->taken) != wanted) {
		ck_assert_msg(table_now_ms() < end, "%u bytes of %u were read: an edge was lost",
		              atomic_load(&race->taken), wanted);
		sched_yield();
	}
}

/* Bytes come while their connection is taken, read, given back: each is read, by one owner at a time. */
START_TEST(racing_workers_own_a_connection_one_at_a_time_and_lose_no_edge)
{
	enum { CLIENTS = 3, ROUNDS = 20000 };
	int clients[CLIENTS];
	pid_t pids[WORKERS];
	unsigned sent = 0, seed = 1;

	table_open(30000, SLOTS);
	race = table_shared(sizeof *race);
	for (int i = 0; i < CLIENTS; i++)
		clients[i] = table_add(&slot, &generation);
	for (unsigned i = 0; i < WORKERS; i++)
		pids[i] = spawn(i);
	for (int round = 0; round < ROUNDS; round++) {
		for (unsigned burst = 1 + (unsigned)rand_r(&seed) % 4; burst > 0; burst--, sent++) {
			ck_assert_int_eq(send(clients[(unsigned)rand_r(&seed) % CLIENTS], "x", 1, 0), 1);
			for (volatile int spin = rand_r(&seed) % 2000; spin > 0; spin--)
				;
		}
		wait_for_taken(sent);
	}
	for (unsigned i = 0; i < WORKERS; i++) {
		kill(pids[i], SIGKILL);
		waitpid(pids[i], NULL, 0);
	}
	ck_assert_uint_eq(atomic_load(&race->twice), 0);
	table_close();
}
END_TEST

/* Slots are taken, let go, claimed by others, and forgotten by their owner: never two have one. */
static void slot_work(unsigned worker)
{
	unsigned seed = worker + 1;

	for (int i = 0; i < 300000; i++) {
		struct connections_state state;
		uint32_t at = 0, use = 0;
		if (rand_r(&seed) % 2) {
			if (!connections_take_slot(&table, worker, &at, &use))
				continue;
		} else {
			at = (unsigned)rand_r(&seed) % table.slots;
			if (!connections_look(&table, at, &state) ||
			    !connections_claim(&table, at, state.generation, worker))
				continue;
			use = state.generation;
		}
		if (atomic_fetch_add(&race->holders[at], 1) != 0)
			atomic_fetch_add(&race->twice, 1);
		if (!connections_is_owned(&table, at, use, worker))
			atomic_fetch_add(&race->twice, 1);
		atomic_fetch_add(&race->taken, 1);
		atomic_fetch_sub(&race->holders[at], 1);
		if (rand_r(&seed) % 2)
			connections_forget(&table, at);
		else
			while (!connections_let_go(&table, at, use, worker))
				;
	}
	_exit(0);
}

START_TEST(racing_workers_take_and_forget_slots_one_at_a_time)
{
	int status;

	table_open(30000, 4);
	race = table_shared(sizeof *race);
	for (unsigned i = 0; i < WORKERS; i++)
		if (fork() == 0)
			slot_work(i);
	for (unsigned i = 0; i < WORKERS; i++) {
		ck_assert_int_gt(wait(&status), 0);
		ck_assert_int_eq(status, 0);
	}
	ck_assert_uint_eq(atomic_load(&race->twice), 0);
	ck_assert_uint_gt(atomic_load(&race->taken), 10000);
	for (uint32_t i = 0; i < 4; i++)
		connections_forget(&table, i);
	ck_assert_uint_eq(atomic_load(&table.shm->open), 0);
	table_close();
}
END_TEST

Suite *connections_suite(void)
{
	const TTest *const tests[] = {
		new_slot_is_its_takers,
		free_connection_is_claimed_by_one,
		event_for_an_owned_connection_makes_its_owner_look_again,
		free_takes_the_pending_mark_with_it,
		any_owner_is_told_from_any_other,
		event_of_a_closed_connection_claims_nothing,
		event_of_an_earlier_use_claims_nothing_and_leaves_no_mark,
		stale_event_is_told_from_one_of_the_use_of_now,
		generation_is_never_that_of_the_listening_socket,
		full_table_takes_no_more_until_one_is_forgotten,
		capacity_is_less_than_the_table_where_it_is_said,
		low_slots_are_used_first,
		top_of_any_value_stays_within_the_table,
		what_a_slot_had_is_forgotten_with_it,
		parts_are_each_ones_own_and_as_many_as_there_are,
		part_that_cannot_be_is_none,
		new_connection_wakes_one_and_the_next_another,
		socket_is_not_armed_again_where_nothing_is_accepted,
		racing_workers_own_a_connection_one_at_a_time_and_lose_no_edge,
		racing_workers_take_and_forget_slots_one_at_a_time,
		NULL,
	};

	return suite_of("connections", tests);
}
