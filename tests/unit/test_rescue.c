/* SPDX-License-Identifier: ISC */
/* What becomes of the connections of a worker that is dead. */
#include "exchange/fallback_response.h"
#include "pool/rescue.h"
#include "table.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SLOTS = 16, DEAD = 0, OTHER = 1 };

static struct worker_shm *worker;
static struct pool_shm counts;
static uint32_t slot, generation;

static void open_table(void)
{
	table_open(30000, SLOTS);
	worker = table_shared(sizeof *worker);
}

static const char *reason; /* --develop */

/* `unregistered`: what was in the lifeline. */
static int rescue_with(int unregistered)
{
	static const struct access no_log;

	return rescue_worker(&(struct rescue){ .registry = &registry,
	                                       .pool = &counts,
	                                       .access = &no_log,
	                                       .slot = worker,
	                                       .unregistered = unregistered,
	                                       .worker = DEAD,
	                                       .worker_id = DEAD,
	                                       .status = 500,
	                                       .detail = "Sorry.",
	                                       .reason = reason });
}

static int rescue(void)
{
	return rescue_with(-1);
}

/* It died of a request that came whole, on a connection to keep; so much of its answer was sent. */
static void set_hand(enum in_flight_sent sent)
{
	struct in_flight_shm *in_flight = &worker->in_flight;

	atomic_store(&worker->stage, WORKER_SERVING);
	in_flight->fcgi_id = 1;
	in_flight->keep = in_flight->has_whole_input = true;
	in_flight->sent = sent;
	strcpy(in_flight->id, "the-id");
}

static int die_serving(enum in_flight_sent sent)
{
	open_table();
	int client = table_add(&slot, &generation);
	ck_assert(connections_claim(&table, slot, generation, DEAD));
	atomic_store(&worker->connection, slot + 1);
	set_hand(sent);
	return client;
}

static bool is_free(void)
{
	struct connections_state state;

	return connections_look(&table, slot, &state) && !state.is_owned && state.generation == generation;
}

static bool is_told(void)
{
	uint32_t event_slot, event_generation;

	return table_event(&table, &event_slot, &event_generation) && event_slot == slot &&
	       event_generation == generation;
}

static bool has_answer(int client)
{
	char answer[1024] = "";
	ssize_t got = recv(client, answer, sizeof answer - 1, MSG_DONTWAIT);

	return got > 8 && memmem(answer, (size_t)got, "Status: 500 ", 12) &&
	       memmem(answer, (size_t)got, "X-Request-ID: the-id\r\n", 22);
}

static bool hears_nothing(int client)
{
	return recv(client, &(char){ 0 }, 1, MSG_DONTWAIT) == -1 && errno == EAGAIN;
}

START_TEST(connection_that_it_had_not_read_from_goes_to_another)
{
	int client;

	open_table();
	client = table_add(&slot, &generation);
	send(client, "x", 1, 0);
	ck_assert(is_told());
	ck_assert(connections_claim(&table, slot, generation, DEAD)); /* before it said anything */
	atomic_store(&worker->stage, WORKER_IDLE);
	ck_assert_int_eq(rescue(), 0);
	ck_assert(is_told());
	ck_assert(is_free());
	ck_assert_uint_eq(counts.rescued_released, 1);
	table_close();
}
END_TEST

START_TEST(request_without_an_answer_is_answered)
{
	int client = die_serving(IN_FLIGHT_NOTHING);

	ck_assert_int_eq(rescue(), 500);
	ck_assert(has_answer(client));
	ck_assert(is_free()); /* and may carry the next */
	ck_assert(!table_is_closed(client));
	ck_assert_uint_eq(table.shm->slots[slot].discards, 0);
	ck_assert_uint_eq(counts.rescued_answered, 1);
	table_close();
}
END_TEST

START_TEST(reason_is_told_where_it_is_given_and_is_always_json)
{
	char answer[1025], *body;

	reason = "worker 1 died of \"\\\xff\x01";
	for (int i = 0; i < 2; i++, reason = NULL) {
		int client = die_serving(IN_FLIGHT_NOTHING);
		ck_assert_int_eq(rescue(), 500);
		ssize_t got = recv(client, answer, sizeof answer - 1, MSG_DONTWAIT);
		ck_assert_int_gt(got, 8);
		for (ssize_t n = 0; n < got; n++)
			if (!answer[n])
				answer[n] = ' ';
		answer[got] = '\0';
		body = strstr(answer, "\r\n\r\n");
		ck_assert_ptr_nonnull(body);
		const char *told = strstr(body, ",\"reason\":\"worker 1 died of ????\"}");
		ck_assert(reason ? told != NULL : !strstr(body, "reason"));
		table_close();
	}
}
END_TEST

START_TEST(longest_answer_has_room)
{
	static char long_reason[400], id[IN_FLIGHT_ID_MAX];
	unsigned char answer[FALLBACK_RESPONSE_MAX];
	char text[FALLBACK_RESPONSE_MAX + 1] = "";

	memset(long_reason, 'r', sizeof long_reason - 1);
	memset(id, 'i', sizeof id - 1);
	size_t n = fallback_response_write(
		&(struct fallback_response){ .fcgi_id = 1,
	                                     .status = 503,
	                                     .detail = "The request took longer than the service allows.",
	                                     .reason = long_reason,
	                                     .id = id },
		answer);
	ck_assert_uint_le(n, sizeof answer);
	memcpy(text, answer + 8, n - 8);
	const char *length = strstr(text, "Content-Length: "), *body = strstr(text, "\r\n\r\n") + 4;
	size_t bytes = strtoul(length + 16, NULL, 10);
	ck_assert_str_eq(body + bytes - 3,
	                 "r\"}\x01\x06"); /* then the next record; the reason alone is cut */
}
END_TEST

START_TEST(connection_that_it_had_beside_the_one_in_hand_is_only_released)
{
	int client = die_serving(IN_FLIGHT_NOTHING);
	uint32_t other_slot, other_generation;
	int other = table_add(&other_slot, &other_generation);

	ck_assert(connections_claim(&table, other_slot, other_generation, DEAD));
	ck_assert_int_eq(rescue(), 500);
	ck_assert(has_answer(client));
	ck_assert(hears_nothing(other));
	ck_assert(!connections_is_owned(&table, other_slot, other_generation, DEAD));
	ck_assert_uint_eq(counts.rescued_released, 1);
	table_close();
}
END_TEST

START_TEST(answer_that_has_left_in_part_is_cut)
{
	int client = die_serving(IN_FLIGHT_PART);
	uint32_t other_slot, other_generation;
	int other = table_add(&other_slot, &other_generation);

	ck_assert(connections_claim(&table, other_slot, other_generation, OTHER));
	ck_assert_int_eq(rescue(), 0);
	ck_assert(table_is_closed(client));
	ck_assert(!table_is_closed(other)); /* that worker lives */
	ck_assert(connections_is_owned(&table, other_slot, other_generation, OTHER));
	ck_assert_uint_eq(counts.rescued_cut, 1);
	table_close();
}
END_TEST

START_TEST(answer_that_has_left_whole_is_not_answered_again)
{
	for (int keep = 0; keep < 2; keep++) {
		int client = die_serving(IN_FLIGHT_WHOLE);
		worker->in_flight.keep = keep;
		ck_assert_int_eq(rescue(), 0);
		ck_assert(is_free() == keep);
		if (keep)
			ck_assert(hears_nothing(client));
		else
			ck_assert(table_is_closed(client));
		table_close();
	}
}
END_TEST

START_TEST(peer_that_sent_its_next_request_had_the_answer)
{
	int client = die_serving(IN_FLIGHT_ONE_WRITE);

	send(client, "x", 1, 0);
	ck_assert(is_told()); /* the event, to a worker that leaves its mark */
	ck_assert(!connections_claim(&table, slot, generation, OTHER));
	ck_assert_int_eq(rescue(), 0);
	ck_assert(is_told()); /* its next request is served */
	ck_assert(is_free());
	ck_assert(hears_nothing(client));
	table_close();
}
END_TEST

START_TEST(peer_that_waits_for_one_write_is_answered_and_the_connection_ends)
{
	int client = die_serving(IN_FLIGHT_ONE_WRITE);

	ck_assert_int_eq(rescue(), 500);
	ck_assert(has_answer(client));
	ck_assert(table_is_closed(client));
	ck_assert_uint_eq(table.shm->slots[slot].discards, 1);
	table_close();
}
END_TEST

START_TEST(rest_of_an_answered_request_is_thrown_away)
{
	int client = die_serving(IN_FLIGHT_NOTHING);

	worker->in_flight.has_whole_input = false;
	ck_assert_ptr_nonnull(connections_make_part(&table, slot));
	ck_assert_int_eq(rescue(), 500);
	ck_assert(has_answer(client));
	ck_assert(table_is_closed(client)); /* no more comes */
	ck_assert_uint_eq(table.shm->slots[slot].discards, 1);
	ck_assert_ptr_null(connections_part(&table, slot));
	ck_assert_int_eq(send(client, "rest", 4, MSG_NOSIGNAL), 4); /* but may be sent */
	ck_assert(is_told());
	table_close();
}
END_TEST

START_TEST(head_in_the_reading_is_answered_under_the_usual_number_or_read_by_another)
{
	int client = die_serving(IN_FLIGHT_HEAD);
	unsigned char answer[1024];

	worker->in_flight.fcgi_id = 0;
	worker->in_flight.id[0] = '\0';
	send(client, "x", 1, 0); /* not read yet */
	ck_assert_int_eq(rescue(), 0);
	ck_assert(is_told());
	ck_assert(hears_nothing(client));
	table_close();
	client = die_serving(IN_FLIGHT_HEAD);
	worker->in_flight.fcgi_id = 0;
	ck_assert_int_eq(rescue(), 500);
	ck_assert_int_gt(recv(client, answer, sizeof answer, MSG_DONTWAIT), 8);
	ck_assert_uint_eq(answer[3], 1);
	ck_assert(table_is_closed(client));
	table_close();
}
END_TEST

START_TEST(peer_that_is_gone_is_not_answered)
{
	int client = die_serving(IN_FLIGHT_NOTHING);
	struct connections_state state;

	close(client);
	ck_assert_int_eq(rescue(), 0);
	ck_assert(!connections_look(&table, slot, &state));
	ck_assert_uint_eq(registry.count, 0);
	table_close();
}
END_TEST

/* ---- Connections that are in no slot. */

START_TEST(new_connection_is_answered_by_the_copy_in_the_lifeline)
{
	int fd, client;

	open_table();
	client = table_accept(&fd);
	set_hand(IN_FLIGHT_NOTHING);
	atomic_store(&worker->connection, 0);
	ck_assert_int_eq(rescue_with(fd), 500);
	ck_assert(has_answer(client));
	ck_assert_uint_eq(registry.count, 1); /* and it is kept as others are */
	send(client, "x", 1, 0);
	slot = 0;
	generation = 1;
	ck_assert(is_told());
	ck_assert(is_free());
	table_close();
}
END_TEST

START_TEST(new_connection_that_was_not_read_from_goes_to_another)
{
	int fd, client;

	open_table();
	client = table_accept(&fd);
	atomic_store(&worker->stage, WORKER_IDLE);
	send(client, "x", 1, 0);
	ck_assert_int_eq(rescue_with(fd), 0);
	slot = 0;
	generation = 1;
	ck_assert(is_told());
	ck_assert(hears_nothing(client));
	table_close();
}
END_TEST

START_TEST(connection_in_slot_and_lifeline_is_one)
{
	int client = die_serving(IN_FLIGHT_NOTHING); /* registered; then it died, before its copy was out */

	atomic_store(&worker->connection, 0);
	int copy = dup(registry_fd(&registry, slot));
	ck_assert_int_eq(rescue_with(copy), 500);
	ck_assert(has_answer(client));
	ck_assert(hears_nothing(client)); /* once */
	ck_assert_uint_eq(registry.count, 1);
	ck_assert_uint_eq(atomic_load(&table.shm->open), 1);
	ck_assert_int_lt(fcntl(copy, F_GETFD), 0);
	table_close();
}
END_TEST

START_TEST(slot_that_it_was_about_to_register_is_free_and_the_lifeline_has_the_connection)
{
	int fd, client;

	open_table();
	client = table_accept(&fd);
	ck_assert(connections_take_slot(&table, DEAD, &slot, &generation));
	atomic_store(&worker->stage, WORKER_IDLE);
	send(client, "x", 1, 0);
	ck_assert_int_eq(rescue_with(fd), 0);
	ck_assert_uint_eq(atomic_load(&table.shm->open), 1); /* another slot, or another use of it */
	ck_assert_uint_eq(registry.count, 1);
	ck_assert(table_event(&table, &slot, &generation));
	ck_assert(is_free());
	ck_assert(!table_is_closed(client));
	table_close();
}
END_TEST

START_TEST(connection_without_room_is_closed)
{
	int fd, client;

	open_table();
	table.capacity = 0;
	client = table_accept(&fd);
	set_hand(IN_FLIGHT_NOTHING);
	ck_assert_int_eq(rescue_with(fd), 0);
	ck_assert(table_is_closed(client));
	table_close();
}
END_TEST

START_TEST(edge_that_died_with_a_worker_is_raised_again)
{
	int client;

	open_table();
	client = table_add(&slot, &generation);
	send(client, "x", 1, 0);
	ck_assert(is_told()); /* it takes the event and dies, before it claims */
	ck_assert(!is_told());
	rescue();
	ck_assert(is_told());
	table_close();
}
END_TEST

START_TEST(hand_of_any_bytes_does_no_harm)
{
	for (unsigned seed = 1; seed < 500; seed++) {
		unsigned state = seed;
		die_serving(IN_FLIGHT_NOTHING);
		for (size_t i = 0; i < sizeof worker->in_flight; i++)
			((unsigned char *)&worker->in_flight)[i] = (unsigned char)rand_r(&state);
		worker->in_flight.sent = seed % 7;
		atomic_store(&worker->connection, seed % 3 ? slot + 1 : (uint32_t)rand_r(&state));
		rescue();
		ck_assert(!connections_is_owned(&table, slot, generation, DEAD));
		registry_close(&registry, slot);
		close(table.epoll);
		close(table.listener);
		table_close();
	}
}
END_TEST

Suite *rescue_suite(void)
{
	const TTest *const tests[] = {
		connection_that_it_had_not_read_from_goes_to_another,
		request_without_an_answer_is_answered,
		reason_is_told_where_it_is_given_and_is_always_json,
		longest_answer_has_room,
		connection_that_it_had_beside_the_one_in_hand_is_only_released,
		answer_that_has_left_in_part_is_cut,
		answer_that_has_left_whole_is_not_answered_again,
		peer_that_sent_its_next_request_had_the_answer,
		peer_that_waits_for_one_write_is_answered_and_the_connection_ends,
		rest_of_an_answered_request_is_thrown_away,
		head_in_the_reading_is_answered_under_the_usual_number_or_read_by_another,
		peer_that_is_gone_is_not_answered,
		new_connection_is_answered_by_the_copy_in_the_lifeline,
		new_connection_that_was_not_read_from_goes_to_another,
		connection_in_slot_and_lifeline_is_one,
		slot_that_it_was_about_to_register_is_free_and_the_lifeline_has_the_connection,
		connection_without_room_is_closed,
		edge_that_died_with_a_worker_is_raised_again,
		hand_of_any_bytes_does_no_harm,
		NULL,
	};

	return suite_of("rescue", tests);
}
