/* SPDX-License-Identifier: ISC */
/* The last 15 minutes: what a sample says, over generations, and to whoever reads while one is written. */
#include "exchange/route.h"
#include "percore.h"
#include "pool/history_sampler.h"
#include "state/user_metrics.h"
#include "unit.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { SLOTS = 64, EVERY = HISTORY_EVERY_MS };

static struct metrics m;
static struct routes routes;
static struct user_metrics user_metrics;
static struct pool_shm pool;
static struct overload_shm overload;
static struct worker_shm workers[SLOTS];
static struct history_shm *shm;
static struct history_sampler sampler;
static uint64_t now_ms, values[HISTORY_VALUES];

static void handle(struct percore_request *request)
{
	(void)request;
}

static void open_history(void)
{
	m = (struct metrics){ .route_at = routes_at,
		              .routes = &routes,
		              .user_metrics = &user_metrics,
		              .pool = &pool,
		              .workers = workers,
		              .overload = &overload };
	ck_assert_ptr_null(routes_add(&routes, &(struct percore_route){ .pattern = "/", .handler = handle }));
	metrics_measure(&m, SLOTS);
	void *memory = mmap(NULL, metrics_bytes(&m), PROT_READ | PROT_WRITE,
	                    MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	ck_assert_ptr_ne(memory, MAP_FAILED);
	metrics_open(&m, memory);
	atomic_store(&pool.slot_top, 2);
	shm = calloc(1, sizeof *shm);
	sampler = (struct history_sampler){ .shm = shm, .metrics = &m };
	now_ms = 1000;
}

static void close_history(void)
{
	munmap(m.shm, metrics_bytes(&m));
	routes_fini(&routes);
	routes = (struct routes){ 0 };
	free(shm);
}

/* In the slot's worker. */
static void serve(unsigned slot, int code, uint64_t ns)
{
	struct metrics_answer whole = { .is_whole = true };

	metrics_take_slot(&m, slot);
	metrics_idle(&m);
	metrics_begin(&m);
	metrics_note_route(&m, routes.all[0].entry, "GET");
	metrics_arm(&m, code);
	m.since_ns -= ns;
	metrics_count(&m, &whole);
}

static void look(unsigned busy)
{
	history_sampler_look(&sampler, now_ms, busy);
}

static void pass(uint64_t ms)
{
	now_ms += ms;
	look(0);
}

static bool is_about(uint64_t value_ns, uint64_t wanted_ns)
{
	return value_ns > wanted_ns / 100 * 97 && value_ns < wanted_ns / 100 * 103;
}

START_TEST(sample_tells_of_the_time_since_the_one_before)
{
	serve(0, 200, 1000000);
	look(0); /* what was before it is not shown as if it were new */
	ck_assert(!history_read(shm, 1, values));
	for (int i = 0; i < 98; i++)
		serve(i % 2, 200, 10000000);
	serve(1, 429, 10000000);
	serve(0, 503, 2000000000);
	serve(0, 500, 4000000000);
	atomic_store(&overload.refused, 1);
	atomic_store(&pool.exits[POOL_EXIT_SIGNAL], 2);
	atomic_store(&pool.exits[POOL_EXIT_TOLD], 7);
	pass(EVERY);
	ck_assert(history_read(shm, 1, values));
	ck_assert_uint_eq(values[HISTORY_ELAPSED_MS], EVERY);
	ck_assert_uint_eq(values[HISTORY_REQUESTS], 101);
	ck_assert_uint_eq(values[HISTORY_ERRORS], 1);
	ck_assert_uint_eq(values[HISTORY_SHED], 1);
	ck_assert_uint_eq(values[HISTORY_REFUSED], 1);
	ck_assert_uint_eq(values[HISTORY_DEATHS], 2);
	ck_assert(is_about(values[HISTORY_P50_NS], 10000000));
	ck_assert(is_about(values[HISTORY_P99_NS], 2000000000));
	ck_assert(is_about(values[HISTORY_P999_NS], 4000000000));
	pass(EVERY);
	ck_assert(history_read(shm, 2, values));
	ck_assert_uint_eq(values[HISTORY_REQUESTS] + values[HISTORY_DEATHS] + values[HISTORY_P999_NS], 0);
}
END_TEST

START_TEST(sample_has_the_most_seen_at_once)
{
	look(0);
	atomic_store(&pool.backlog, 9);
	look(5);
	atomic_store(&pool.backlog, 1);
	look(2);
	pass(EVERY);
	ck_assert(history_read(shm, 1, values));
	ck_assert_uint_eq(values[HISTORY_BUSY], 5);
	ck_assert_uint_eq(values[HISTORY_WAITING], 9);
	atomic_store(&pool.backlog, 0);
	pass(EVERY);
	ck_assert(history_read(shm, 2, values));
	ck_assert_uint_eq(values[HISTORY_BUSY] + values[HISTORY_WAITING], 0);
}
END_TEST

START_TEST(next_generation_goes_on)
{
	look(0);
	pass(EVERY);
	serve(0, 200, 1000);
	sampler = (struct history_sampler){ .shm = shm, .metrics = &m };
	pass(1000);
	ck_assert_uint_eq(shm->last, 1);
	serve(1, 200, 1000);
	pass(EVERY - 1000);
	ck_assert(history_read(shm, 2, values));
	ck_assert_uint_eq(values[HISTORY_REQUESTS], 2);
	ck_assert_uint_eq(values[HISTORY_ELAPSED_MS], EVERY);
}
END_TEST

START_TEST(old_samples_give_way)
{
	look(0);
	for (int i = 0; i < HISTORY_SAMPLES + 5; i++)
		pass(EVERY);
	ck_assert_uint_eq(shm->last, HISTORY_SAMPLES + 5);
	ck_assert(!history_read(shm, 5, values));
	ck_assert(history_read(shm, 6, values));
	ck_assert(history_read(shm, HISTORY_SAMPLES + 5, values));
	ck_assert(!history_read(shm, HISTORY_SAMPLES + 6, values));
	ck_assert(!history_read(shm, 0, values));
}
END_TEST

START_TEST(many_workers_are_read_some_at_a_look)
{
	atomic_store(&pool.slot_top, SLOTS + 100); /* a handler wrote it */
	look(0);
	look(0);
	look(0);
	ck_assert_uint_ne(shm->at_ms, 0);
	for (unsigned slot = 0; slot < SLOTS; slot++)
		serve(slot, 200, 1000);
	pass(EVERY);
	ck_assert_uint_eq(shm->last, 0);
	look(0);
	look(0);
	ck_assert(history_read(shm, 1, values));
	ck_assert_uint_eq(values[HISTORY_REQUESTS], SLOTS);
}
END_TEST

START_TEST(what_a_handler_scribbled_does_no_harm)
{
	look(0);
	memset(shm, 0xff, sizeof *shm);
	serve(0, 200, 1000);
	pass(EVERY);
	for (int i = 0; i < 3; i++)
		pass(EVERY);
	memset(shm, 0xff, sizeof *shm);
	sampler = (struct history_sampler){ .shm = shm, .metrics = &m };
	pass(EVERY);
	ck_assert_uint_eq(sampler.due_ms, now_ms + EVERY);
}
END_TEST

static Suite *with_history(Suite *suite, const TTest *const *tests)
{
	TCase *tcase = tcase_create("history");

	tcase_add_checked_fixture(tcase, open_history, close_history);
	for (; *tests; tests++)
		tcase_add_test(tcase, *tests);
	suite_add_tcase(suite, tcase);
	return suite;
}

Suite *history_suite(void)
{
	const TTest *const tests[] = { sample_tells_of_the_time_since_the_one_before,
		                       sample_has_the_most_seen_at_once,
		                       next_generation_goes_on,
		                       old_samples_give_way,
		                       many_workers_are_read_some_at_a_look,
		                       what_a_handler_scribbled_does_no_harm,
		                       NULL };

	return with_history(suite_create("history"), tests);
}
