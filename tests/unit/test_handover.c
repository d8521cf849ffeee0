/* SPDX-License-Identifier: ISC */
/* A connection's way from one generation to the next. */
#include "base/message.h"
#include "pool/handover.h"
#include "table.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SLOTS = 16, WORKER = 3 };

static struct connections next;
static struct registry next_registry;
static int parcels[2];
static uint32_t slot, generation; /* of a free connection in the table before */

static int open_both(void)
{
	table_open(30000, SLOTS);
	table_open_next(&next, &next_registry);
	ck_assert_int_eq(message_pair(parcels), 0);
	return table_add(&slot, &generation);
}

static bool give(void)
{
	return handover_give_free(parcels[1], &registry, 64);
}

static bool receive(void)
{
	return handover_receive(parcels[0], &next_registry);
}

static bool is_told(uint32_t *at)
{
	uint32_t use;

	return table_event(&next, at, &use) && connections_claim(&next, *at, use, WORKER);
}

START_TEST(free_connection_goes_over_and_its_peer_notices_nothing)
{
	int client = open_both();
	struct connections_state state;
	uint32_t at;

	ck_assert(!give());
	ck_assert_uint_eq(registry.count, 0);
	ck_assert(!connections_look(&table, slot, &state));
	ck_assert(receive());
	ck_assert_uint_eq(next_registry.count, 1);
	ck_assert(!is_told(&at)); /* nothing waits in it */
	send(client, "x", 1, 0);
	uint32_t old_slot, old_generation;
	ck_assert(!table_event(&table, &old_slot, &old_generation));
	ck_assert(is_told(&at));
	ck_assert_int_eq(send(registry_fd(&next_registry, at), "y", 1, MSG_NOSIGNAL), 1);
	ck_assert_int_eq(recv(client, &(char){ 0 }, 1, MSG_DONTWAIT), 1);
	ck_assert(!table_is_closed(client));
	ck_assert(!give());
	ck_assert(receive());
	ck_assert_uint_eq(next_registry.count, 1);
	table_close();
}
END_TEST

START_TEST(input_that_waits_is_told_of_in_the_next_generation)
{
	int client = open_both();
	uint32_t at, use;

	send(client, "x", 1, 0);
	ck_assert(table_event(&table, &at, &use)); /* and the edge was taken in the one before */
	ck_assert(!give());
	ck_assert(receive());
	ck_assert(is_told(&at));
	ck_assert_int_eq(recv(registry_fd(&next_registry, at), &(char){ 0 }, 1, MSG_DONTWAIT), 1);
	table_close();
}
END_TEST

START_TEST(busy_connection_stays_until_its_worker_gives_it_back)
{
	open_both();
	ck_assert(connections_claim(&table, slot, generation, WORKER));
	ck_assert(!give());
	ck_assert(receive());
	ck_assert_uint_eq(next_registry.count, 0);
	ck_assert(connections_let_go(&table, slot, generation, WORKER)); /* no mark is left on it */
	ck_assert(!give());
	ck_assert(receive());
	ck_assert_uint_eq(next_registry.count, 1);
	table_close();
}
END_TEST

START_TEST(part_of_a_head_goes_with_it)
{
	static struct input in;
	struct input_part *part, *there;
	uint32_t at;

	int client = open_both();
	part = connections_make_part(&table, slot);
	ck_assert_ptr_nonnull(part);
	in.filled = 777;
	in.checked = 500;
	in.records.phase = RECORDS_IN_PARAMS;
	in.records.id = 5;
	for (size_t i = 0; i < in.filled; i++)
		in.bytes[i] = (unsigned char)(i * 3);
	ck_assert(input_save(&in, part));
	atomic_store(&table.shm->slots[slot].part_since_s, 7);
	ck_assert(!give());
	ck_assert_uint_eq(table.shm->parts[0], 0); /* its place is free for others */
	ck_assert(receive());
	send(client, "x", 1, 0);
	ck_assert(is_told(&at));
	there = connections_part(&next, at);
	ck_assert_ptr_nonnull(there);
	ck_assert_uint_eq(next.shm->slots[at].part_since_s, 7);
	ck_assert_uint_eq(next.shm->slots[at].discards, 0);
	static struct input other;
	ck_assert(input_restore(&other, there));
	ck_assert_uint_eq(other.filled, 777);
	ck_assert_uint_eq(other.checked, 500);
	ck_assert_uint_eq(other.records.id, 5);
	ck_assert_mem_eq(other.bytes, in.bytes, 777);
	table_close();
}
END_TEST

START_TEST(part_of_the_largest_head_goes_with_it)
{
	struct input_part *part;

	open_both();
	part = connections_make_part(&table, slot);
	part->filled = part->checked = sizeof part->bytes;
	memset(part->bytes, 'h', sizeof part->bytes);
	ck_assert(!give());
	ck_assert(receive());
	ck_assert_ptr_nonnull(connections_part(&next, 0));
	ck_assert_mem_eq(connections_part(&next, 0), part, sizeof *part);
	table_close();
}
END_TEST

START_TEST(connection_to_be_discarded_stays_one)
{
	open_both();
	atomic_store(&table.shm->slots[slot].discards, 1);
	atomic_store(&table.shm->slots[slot].part_since_s, 9);
	ck_assert(!give());
	ck_assert(receive());
	ck_assert_uint_eq(next.shm->slots[0].discards, 1);
	ck_assert_uint_eq(next.shm->slots[0].part_since_s, 9);
	ck_assert_ptr_null(connections_part(&next, 0));
	table_close();
}
END_TEST

START_TEST(parcels_wait_where_nobody_reads_and_no_connection_is_lost)
{
	int clients[SLOTS];
	unsigned left;

	clients[0] = open_both();
	for (int i = 1; i < SLOTS; i++)
		clients[i] = table_add(&slot, &generation);
	ck_assert(handover_give_free(parcels[1], &registry, 5)); /* some at a time */
	ck_assert_uint_eq(registry.count, SLOTS - 5);
	struct connections_state state;
	int full = 0, error;
	while ((error = message_send(parcels[1], "full", 4, NULL, 0, false)) == 0)
		full++;
	ck_assert_int_eq(error, -EAGAIN);
	left = registry.count;
	ck_assert(give()); /* no room: again later */
	ck_assert_uint_eq(registry.count, left);
	for (uint32_t i = 0; i < SLOTS; i++)
		if (registry_fd(&registry, i) >= 0)
			ck_assert(connections_look(&table, i, &state) && !state.is_owned);
	ck_assert(!receive()); /* with what is no parcel, and is said */
	ck_assert(!give());
	ck_assert(receive());
	ck_assert_uint_eq(registry.count, 0);
	ck_assert_uint_eq(next_registry.count, SLOTS);
	for (int i = 0; i < SLOTS; i++)
		ck_assert(!table_is_closed(clients[i]));
	ck_assert_int_gt(full, 0);
	table_close();
}
END_TEST

START_TEST(connection_that_finds_no_room_is_closed_and_said)
{
	int client = open_both();

	next.capacity = 0;
	ck_assert(!give());
	ck_assert(!receive());
	ck_assert(table_is_closed(client));
	ck_assert_uint_eq(next_registry.count, 0);
	ck_assert_uint_eq(atomic_load(&next.shm->open), 0);
	table_close();
}
END_TEST

/* A worker of the generation before may have a copy still. */
START_TEST(peer_of_a_connection_without_room_is_told_whoever_has_copies)
{
	int client = open_both();

	ck_assert_int_ge(dup(registry_fd(&registry, slot)), 0);
	next.capacity = 0;
	ck_assert(!give());
	ck_assert(!receive());
	ck_assert(table_is_closed(client));
	table_close();
}
END_TEST

START_TEST(part_that_finds_no_room_closes_its_connection)
{
	int client = open_both();

	connections_make_part(&table, slot)->filled = 10;
	for (int i = 0; i < CONNECTIONS_PARTS; i++)
		atomic_store(&next.shm->parts[i], 1);
	ck_assert(!give());
	ck_assert(!receive());
	ck_assert(table_is_closed(client));
	ck_assert_uint_eq(atomic_load(&next.shm->open), 0);
	table_close();
}
END_TEST

START_TEST(lack_of_a_descriptor_is_said_and_the_next_one_comes)
{
	struct rlimit files, few;
	uint32_t other_slot, other_generation;

	open_both();
	table_add(&other_slot, &other_generation);
	int copy = dup(registry_fd(&registry, slot)), other = dup(registry_fd(&registry, other_slot));
	ck_assert(connections_claim(&table, slot, generation, CONNECTIONS_MASTER));
	ck_assert_int_eq(handover_send(parcels[1], &table, slot, copy), 0);
	ck_assert_int_eq(handover_send(parcels[1], &table, other_slot, other), 0);
	getrlimit(RLIMIT_NOFILE, &files);
	few = (struct rlimit){ .rlim_cur = (rlim_t)other + 1, .rlim_max = files.rlim_max };
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	bool all = receive();
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &files), 0);
	ck_assert(!all);
	ck_assert_uint_eq(next_registry.count, 0);
	ck_assert_int_eq(handover_send(parcels[1], &table, other_slot, other), 0);
	ck_assert(receive());
	ck_assert_uint_eq(next_registry.count, 1);
	table_close();
}
END_TEST

START_TEST(parcel_of_another_version_is_refused)
{
	uint32_t words[4] = { 0 };
	int fd;

	open_both();
	for (uint32_t version = 0; version < 4; version++) {
		int client = table_accept(&fd);
		words[0] = version;
		ck_assert_int_eq(message_send(parcels[1], words, sizeof words, &fd, 1, false), 0);
		close(fd);
		ck_assert(receive() == (version == 1));
		ck_assert(table_is_closed(client) == (version != 1));
	}
	words[0] = 1; /* of ours, but without a connection */
	ck_assert_int_eq(message_send(parcels[1], words, sizeof words, NULL, 0, false), 0);
	ck_assert(!receive());
	ck_assert_uint_eq(next_registry.count, 1);
	table_close();
}
END_TEST

/* It says to be longer, or shorter, than it is. */
START_TEST(part_whose_length_is_wrong_is_refused)
{
	static const uint32_t words[4] = { 1, 0, 0, 1 };
	static struct input_part part;
	int fds[2];

	open_both();
	for (unsigned wrong = 0; wrong < 3; wrong++) {
		int client = table_accept(&fds[0]);
		part.filled = 1000;
		size_t bytes = offsetof(struct input_part, bytes) + 1000 + (wrong == 1) - (wrong == 2);
		fds[1] = memfd_create("part", MFD_CLOEXEC);
		ck_assert_int_eq(pwrite(fds[1], &part, bytes, 0), (ssize_t)bytes);
		ck_assert_int_eq(message_send(parcels[1], words, sizeof words, fds, 2, false), 0);
		close(fds[0]);
		close(fds[1]);
		ck_assert(receive() == !wrong);
		ck_assert(table_is_closed(client) == (wrong != 0));
		ck_assert_uint_eq(next_registry.count, 1);
		ck_assert_uint_eq(atomic_load(&next.shm->open), 1);
	}
	table_close();
}
END_TEST

START_TEST(part_of_any_bytes_is_refused_or_does_no_harm)
{
	struct input_part *part;

	for (unsigned seed = 1; seed < 60; seed++) {
		unsigned state = seed;
		open_both();
		part = connections_make_part(&table, slot);
		part->filled = seed % 4 ? (uint32_t)rand_r(&state) % (2 * INPUT_HEAD_MAX) : UINT32_MAX - seed;
		part->checked = (uint32_t)rand_r(&state);
		give();
		receive();
		ck_assert_uint_eq(next_registry.count, atomic_load(&next.shm->open));
		if (connections_part(&next, 0))
			ck_assert_uint_le(connections_part(&next, 0)->filled, INPUT_HEAD_MAX);
		registry_close(&registry, slot);
		free(next_registry.fds);
		table_close();
	}
}
END_TEST

Suite *handover_suite(void)
{
	const TTest *const tests[] = {
		free_connection_goes_over_and_its_peer_notices_nothing,
		input_that_waits_is_told_of_in_the_next_generation,
		busy_connection_stays_until_its_worker_gives_it_back,
		part_of_a_head_goes_with_it,
		part_of_the_largest_head_goes_with_it,
		connection_to_be_discarded_stays_one,
		parcels_wait_where_nobody_reads_and_no_connection_is_lost,
		connection_that_finds_no_room_is_closed_and_said,
		peer_of_a_connection_without_room_is_told_whoever_has_copies,
		part_that_finds_no_room_closes_its_connection,
		lack_of_a_descriptor_is_said_and_the_next_one_comes,
		parcel_of_another_version_is_refused,
		part_whose_length_is_wrong_is_refused,
		part_of_any_bytes_is_refused_or_does_no_harm,
		NULL,
	};

	return suite_of("handover", tests);
}
