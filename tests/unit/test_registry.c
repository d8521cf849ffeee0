/* SPDX-License-Identifier: ISC */
/* The master's copies of the connections: what is told of, closed, given to others, and raised again. */
#include "table.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SLOTS = 16, WORKER = 3 };

static uint32_t slot, generation;

static bool is_told(uint32_t of, uint32_t use)
{
	uint32_t event_slot, event_generation;

	return table_event(&table, &event_slot, &event_generation) && event_slot == of &&
	       event_generation == use;
}

static bool is_told_of_nothing(void)
{
	uint32_t event_slot, event_generation;

	return !table_event(&table, &event_slot, &event_generation);
}

static bool is_open(uint32_t at)
{
	struct connections_state state;

	return connections_look(&table, at, &state);
}

static int open_with_one(unsigned io_timeout_ms)
{
	table_open(io_timeout_ms, SLOTS);
	return table_add(&slot, &generation);
}

static void claim(void)
{
	ck_assert(connections_claim(&table, slot, generation, WORKER));
}

/* ---- In and out. */

START_TEST(connection_that_is_added_is_told_of_with_its_slot_and_use)
{
	int client = open_with_one(30000);

	ck_assert_uint_eq(registry.count, 1);
	ck_assert(is_told_of_nothing());
	send(client, "x", 1, 0);
	ck_assert(is_told(slot, generation));
	ck_assert(is_told_of_nothing()); /* once */
	ck_assert_int_eq(registry_fd(&registry, slot + 1), -1);
	ck_assert_int_eq(registry_fd(&registry, SLOTS), -1);
	table_close();
}
END_TEST

START_TEST(input_that_was_there_before_is_told_of)
{
	int fd;

	table_open(30000, SLOTS);
	int client = table_accept(&fd);
	send(client, "x", 1, 0);
	ck_assert(registry_add_free(&registry, fd));
	ck_assert(is_told(0, 1));
	table_close();
}
END_TEST

START_TEST(end_of_a_connection_is_told_of)
{
	int client = open_with_one(30000);

	close(client);
	ck_assert(is_told(slot, generation));
	table_close();
}
END_TEST

START_TEST(connection_of_no_slot_is_closed)
{
	int fd, client = open_with_one(30000);

	uint32_t taken, use;
	ck_assert(connections_take_slot(&table, WORKER, &taken, &use));
	for (int how = 0; how < 4; how++) {
		int other = table_accept(&fd);
		if (how == 0)
			registry_add(&registry, taken + 1, 1, fd); /* nobody has taken it */
		else if (how == 1)
			registry_add(&registry, taken, use + 1, fd); /* another use */
		else if (how == 2)
			registry_add(&registry, slot, generation, fd); /* it is there */
		else
			registry_add(&registry, SLOTS + 7, 1, fd); /* beyond the table */
		ck_assert(table_is_closed(other));
		ck_assert_int_lt(fcntl(fd, F_GETFD), 0);
	}
	ck_assert(!table_is_closed(client));
	ck_assert_uint_eq(registry.count, 1);
	table_close();
}
END_TEST

START_TEST(connection_that_cannot_be_watched_is_closed)
{
	table_open(30000, SLOTS);
	int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(file, 0);
	ck_assert(registry_add_free(&registry, file));
	ck_assert_uint_eq(registry.count, 0);
	ck_assert_int_lt(fcntl(file, F_GETFD), 0);
	ck_assert(!is_open(0));
	ck_assert_uint_eq(atomic_load(&table.shm->open), 0);
	table_close();
}
END_TEST

START_TEST(connection_without_room_stays_the_callers)
{
	int fd, client;

	open_with_one(30000);
	table.capacity = 1;
	client = table_accept(&fd);
	ck_assert(!registry_add_free(&registry, fd));
	ck_assert(!table_is_closed(client));
	ck_assert_int_ge(fcntl(fd, F_GETFD), 0);
	table_close();
}
END_TEST

START_TEST(close_tells_the_peer_whoever_has_copies)
{
	int client = open_with_one(30000);

	ck_assert_int_ge(dup(registry_fd(&registry, slot)), 0);
	registry_close(&registry, slot);
	ck_assert(table_is_closed(client));
	ck_assert_uint_eq(registry.count, 0);
	ck_assert(!is_open(slot));
	ck_assert(is_told_of_nothing()); /* though a copy is open, the epoll has it no more */
	registry_close(&registry, slot);
	registry_close(&registry, SLOTS); /* as a worker may say */
	ck_assert_uint_eq(atomic_load(&table.shm->open), 0);
	table_close();
}
END_TEST

START_TEST(slot_without_a_descriptor_is_freed_by_a_close)
{
	table_open(30000, SLOTS);
	ck_assert(connections_take_slot(&table, WORKER, &slot, &generation));
	registry_close(&registry, slot);
	ck_assert(!is_open(slot));
	table_close();
}
END_TEST

START_TEST(forget_says_nothing_to_the_peer)
{
	int client = open_with_one(30000);
	int copy = dup(registry_fd(&registry, slot)); /* of the next generation */

	registry_forget(&registry, slot);
	ck_assert(!table_is_closed(client));
	ck_assert(!is_open(slot));
	send(client, "x", 1, 0);
	ck_assert(is_told_of_nothing());
	ck_assert_int_eq(recv(copy, &(char){ 0 }, 1, MSG_DONTWAIT), 1);
	table_close();
}
END_TEST

/* ---- Free again. */

START_TEST(release_raises_the_edge_that_its_owner_had)
{
	int client = open_with_one(30000);

	send(client, "x", 1, 0);
	ck_assert(is_told(slot, generation));
	claim();
	ck_assert(is_told_of_nothing());
	registry_release(&registry, slot, generation); /* it had read nothing */
	ck_assert(is_told(slot, generation));
	claim(); /* by anybody */
	table_close();
}
END_TEST

START_TEST(connection_to_be_discarded_is_marked_and_has_its_time)
{
	int client = open_with_one(30000);

	send(client, "x", 1, 0);
	ck_assert(is_told(slot, generation));
	claim();
	registry_release_to_discard(&registry, slot, generation);
	ck_assert(is_told(slot, generation)); /* what its owner left unread is thrown away too */
	ck_assert_uint_eq(table.shm->slots[slot].discards, 1);
	registry_tick(&registry);
	ck_assert(!table_is_closed(client));
	send(client, "x", 1, 0);
	ck_assert(is_told(slot, generation));
	table.io_timeout_ms = 0;
	registry_tick(&registry);
	ck_assert(table_is_closed(client));
	table_close();
}
END_TEST

START_TEST(edge_that_was_lost_is_raised_again)
{
	int client = open_with_one(30000);

	send(client, "x", 1, 0);
	ck_assert(is_told(slot, generation)); /* a worker takes it and dies */
	ck_assert(is_told_of_nothing());
	registry_raise(&registry);
	ck_assert(is_told(slot, generation));
	claim();
	registry_raise(&registry); /* an owner looks itself */
	ck_assert(is_told_of_nothing());
	table_close();
}
END_TEST

START_TEST(lost_edge_of_the_listening_socket_is_raised_again)
{
	table_open(30000, SLOTS);
	table_connect();
	ck_assert(is_told((uint32_t)table.listener, 0)); /* a worker takes it and dies */
	ck_assert(is_told_of_nothing());
	registry_raise(&registry);
	ck_assert(is_told((uint32_t)table.listener, 0));
	atomic_store(&table.shm->retired, 1);
	registry_raise(&registry);
	ck_assert(is_told_of_nothing());
	table_close();
}
END_TEST

/* ---- Each second. */

START_TEST(part_of_a_head_is_closed_after_its_time_and_nothing_else)
{
	int client = open_with_one(0);
	uint32_t other_slot, other_generation;
	int other = table_add(&other_slot, &other_generation);

	ck_assert_ptr_nonnull(connections_make_part(&table, slot));
	atomic_store(&table.shm->slots[slot].part_since_s, connections_now_s());
	registry_tick(&registry);
	ck_assert(table_is_closed(client));
	ck_assert(!is_open(slot));
	ck_assert(!table_is_closed(other)); /* which may wait for ever */
	for (int i = 0; i < CONNECTIONS_PARTS; i++)
		ck_assert_uint_eq(table.shm->parts[i], 0);
	table_close();
}
END_TEST

START_TEST(part_of_a_head_is_not_closed_before_its_time_nor_when_it_is_owned)
{
	int client = open_with_one(2000);
	_Atomic uint32_t *since = &table.shm->slots[slot].part_since_s;

	atomic_store(since, connections_now_s());
	registry_tick(&registry);
	ck_assert(!table_is_closed(client));
	atomic_store(since, connections_now_s() - 2);
	claim();
	registry_tick(&registry);
	ck_assert(!table_is_closed(client));
	ck_assert(connections_let_go(&table, slot, generation, WORKER)); /* without a mark */
	registry_tick(&registry);
	ck_assert(table_is_closed(client));
	table_close();
}
END_TEST

START_TEST(pause_of_accepting_ends)
{
	table_open(30000, SLOTS);
	connections_deafen(&table); /* as a worker does that has no descriptor */
	atomic_store(&table.shm->paused, 1);
	table_connect();
	ck_assert(is_told_of_nothing());
	registry_tick(&registry);
	ck_assert(is_told((uint32_t)table.listener, 0));
	ck_assert(connections_accepts(&table));
	atomic_store(&table.shm->paused, 1); /* and in a pool it has only not been armed again */
	registry_tick(&registry);
	ck_assert(is_told((uint32_t)table.listener, 0));
	table_close();
}
END_TEST

START_TEST(pause_does_not_end_where_nothing_is_accepted_any_more)
{
	table_open(30000, SLOTS);
	connections_deafen(&table);
	atomic_store(&table.shm->paused, 1);
	atomic_store(&table.shm->retired, 1);
	table_connect();
	registry_tick(&registry);
	ck_assert(is_told_of_nothing());
	table_close();
}
END_TEST

START_TEST(long_pause_gives_up_some_idle_connections)
{
	enum { BUSY = 2, IDLE = 10 };
	int clients[IDLE + BUSY];
	uint32_t slots[IDLE + BUSY], generations[IDLE + BUSY];
	unsigned closed = 0;

	table_open(30000, SLOTS);
	for (int i = 0; i < IDLE + BUSY; i++)
		clients[i] = table_add(&slots[i], &generations[i]);
	send(clients[0], "x", 1, 0);                                            /* has input */
	ck_assert(connections_claim(&table, slots[1], generations[1], WORKER)); /* is served */
	atomic_store(&table.shm->paused, 1);
	registry_tick(&registry);
	for (int i = 0; i < IDLE + BUSY; i++)
		ck_assert(!table_is_closed(clients[i]));
	atomic_store(&table.shm->paused, 1);
	registry_tick(&registry);
	ck_assert(!table_is_closed(clients[0]));
	ck_assert(!table_is_closed(clients[1]));
	for (int i = BUSY; i < IDLE + BUSY; i++)
		closed += table_is_closed(clients[i]);
	ck_assert_uint_eq(closed, 8);
	ck_assert(is_told(slots[0], generations[0]));
	table_close();
}
END_TEST

START_TEST(drain_takes_in_what_waits_and_accepts_no_more)
{
	int clients[3];
	uint32_t told[3];

	table_open(30000, SLOTS);
	for (int i = 0; i < 3; i++) {
		clients[i] = table_connect();
		send(clients[i], "x", 1, 0);
	}
	registry_drain(&registry);
	ck_assert_uint_eq(registry.count, 3);
	for (int i = 0; i < 3; i++) {
		ck_assert(table_event(&table, &told[i], &generation));
		ck_assert_uint_ne(generation, 0);
	}
	send(table_connect(), "x", 1, 0);
	registry_drain(&registry);
	registry_raise(&registry);
	connections_rearm(&table);
	while (table_event(&table, &slot, &generation))
		ck_assert_uint_ne(generation, 0);
	ck_assert_uint_eq(registry.count, 3);
	ck_assert(!connections_accepts(&table));
	table_close();
}
END_TEST

START_TEST(drain_of_a_full_table_leaves_nobody_waiting)
{
	int clients[3];

	table_open(30000, SLOTS);
	table.capacity = 2;
	for (int i = 0; i < 3; i++)
		clients[i] = table_connect();
	registry_drain(&registry);
	ck_assert_uint_eq(registry.count, 2);
	ck_assert(!table_is_closed(clients[1]));
	ck_assert(table_is_closed(clients[2]));
	table_close();
}
END_TEST

Suite *registry_suite(void)
{
	const TTest *const tests[] = {
		connection_that_is_added_is_told_of_with_its_slot_and_use,
		input_that_was_there_before_is_told_of,
		end_of_a_connection_is_told_of,
		connection_of_no_slot_is_closed,
		connection_that_cannot_be_watched_is_closed,
		connection_without_room_stays_the_callers,
		close_tells_the_peer_whoever_has_copies,
		slot_without_a_descriptor_is_freed_by_a_close,
		forget_says_nothing_to_the_peer,
		release_raises_the_edge_that_its_owner_had,
		connection_to_be_discarded_is_marked_and_has_its_time,
		edge_that_was_lost_is_raised_again,
		lost_edge_of_the_listening_socket_is_raised_again,
		part_of_a_head_is_closed_after_its_time_and_nothing_else,
		part_of_a_head_is_not_closed_before_its_time_nor_when_it_is_owned,
		pause_of_accepting_ends,
		pause_does_not_end_where_nothing_is_accepted_any_more,
		long_pause_gives_up_some_idle_connections,
		drain_takes_in_what_waits_and_accepts_no_more,
		drain_of_a_full_table_leaves_nobody_waiting,
		NULL,
	};

	return suite_of("registry", tests);
}
