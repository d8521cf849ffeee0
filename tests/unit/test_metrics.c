/* SPDX-License-Identifier: ISC */
/*
 * What is counted: each request once, whatever kills the worker; percentiles
 * against a sorted list; counters that outlive processes and programs.
 */
#include "exchange/route.h"
#include "percore.h"
#include "state/user_metrics.h"
#include "status/metrics_view.h"
#include "unit.h"

#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SLOT = 3, SLOTS = 64, VALUES = 20000 };

static struct metrics m;
static struct routes routes;
static struct user_metrics user_metrics;
static struct pool_shm pool;
static struct worker_shm *workers;
static const struct metrics_answer whole = { .is_whole = true };

static void handle(struct percore_request *request)
{
	(void)request;
}

static void *zeroed(size_t size)
{
	void *memory =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	ck_assert_ptr_ne(memory, MAP_FAILED);
	return memory;
}

static void open_metrics(void)
{
	static struct worker_shm slots[SLOTS];

	workers = slots;
	m = (struct metrics){ .route_at = routes_at,
		              .routes = &routes,
		              .user_metrics = &user_metrics,
		              .service = "unit",
		              .service_version = "1",
		              .pool = &pool,
		              .workers = workers };
	ck_assert_ptr_null(
		routes_add(&routes, &(struct percore_route){ .pattern = "/data", .handler = handle }));
	ck_assert_ptr_null(routes_add(
		&routes, &(struct percore_route){ .pattern = "/a \"quoted\\ one", .handler = handle }));
	metrics_measure(&m, SLOTS);
	metrics_open(&m, zeroed(metrics_bytes(&m)));
	metrics_take_slot(&m, SLOT);
	atomic_store(&pool.slot_top, SLOT + 1);
}

static void close_metrics(void)
{
	munmap(m.shm, metrics_bytes(&m));
	routes_fini(&routes);
	routes = (struct routes){ 0 };
	user_metrics_fini(&user_metrics);
	user_metrics = (struct user_metrics){ 0 };
}

/* The number behind a line's name and labels, as it stands; -1: there is no such line. */
static double shown(const char *name)
{
	size_t length, size = strlen(name);
	char *text = metrics_text(&m, &length);
	double value = -1;

	ck_assert_ptr_nonnull(text);
	for (const char *line = text; line && *line;
	     line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
		if (strncmp(line, name, size) == 0 && line[size] == ' ')
			value = strtod(line + size, NULL);
	free(text);
	return value;
}

static double requests(const char *code)
{
	char name[128];

	snprintf(name, sizeof name, "percore_http_requests_total{route=\"/data\",method=\"GET\",code=\"%s\"}",
	         code);
	double value = shown(name);
	return value < 0 ? 0 : value;
}

/* A request up to a step of its way. */
enum step { TAKEN, ROUTED, ARMED, COUNTED };

static void take(enum step last)
{
	metrics_idle(&m);
	metrics_begin(&m);
	if (last >= ROUTED)
		metrics_note_route(&m, routes.all[0].entry, "GET");
	if (last >= ARMED)
		metrics_arm(&m, 200);
	if (last >= COUNTED)
		metrics_count(&m, &whole);
}

/* As the master does. */
static void note_exit(int answered)
{
	struct metrics master = m;

	metrics_take_slot(&master, metrics_master_slot(&master, 0));
	metrics_reclaim(&master,
	                &(struct metrics_death){
				.slot = SLOT, .answered = answered, .was_read = true, .elapsed_ms = 5 });
	metrics_take_slot(&m, SLOT); /* the next worker */
}

START_TEST(request_is_counted_by_route_method_and_code)
{
	for (int i = 0; i < 3; i++)
		take(COUNTED);
	ck_assert_double_eq(requests("200"), 3);
	ck_assert_double_eq(shown("percore_http_request_duration_seconds_count{route=\"/data\"}"), 3);
	ck_assert_double_eq(shown("percore_http_answers_broken_total"), 0);
}
END_TEST

START_TEST(request_of_a_dead_worker_is_counted_once)
{
	take(ROUTED);
	note_exit(500); /* died in the handler, the master answered */
	ck_assert_double_eq(requests("500"), 1);
	take(ARMED);
	note_exit(0); /* died after its answer had left */
	ck_assert_double_eq(requests("200"), 1);
	take(ARMED);
	note_exit(503); /* died before it left */
	ck_assert_double_eq(requests("503"), 1);
	take(COUNTED);
	note_exit(0);
	ck_assert_double_eq(requests("200"), 2);
	take(ROUTED);
	note_exit(0); /* cut */
	ck_assert_double_eq(requests("500"), 2);
	take(TAKEN);
	note_exit(500);
	ck_assert_double_eq(
		shown("percore_http_requests_total{route=\"other\",method=\"other\",code=\"500\"}"), 1);
	ck_assert_double_eq(shown("percore_http_request_duration_seconds_count{route=\"/data\"}"), 5);
}
END_TEST

/* Killed between any two of the stores that count it. */
START_TEST(death_in_mid_count_changes_nothing)
{
	struct metrics_slot_shm *slot = metrics_slot(&m, SLOT);

	for (int stored = 0; stored < 3; stored++) {
		take(COUNTED);
		unsigned entry = routes.all[0].entry;
		_Atomic uint64_t *const stores[] = {
			&slot->sums[entry].sum_ns,
			&slot->buckets[entry * HISTOGRAM_SIZE + slot->in_flight.bucket],
			&slot->series[slot->in_flight.series],
		};
		atomic_store(&slot->in_flight.phase, METRICS_TIMED);
		for (int i = 0; i < stored; i++)
			atomic_store(stores[i], i == 0 ? 0 : atomic_load(stores[i]) - 1);
		note_exit(0);
		ck_assert_double_eq(requests("200"), stored + 1);
		ck_assert_double_eq(shown("percore_http_request_duration_seconds_count{route=\"/data\"}"),
		                    stored + 1);
	}
}
END_TEST

START_TEST(garbage_in_a_dead_slot_is_no_index)
{
	struct metrics_slot_shm *slot = metrics_slot(&m, SLOT);

	atomic_store(&slot->in_flight.series, UINT32_MAX);
	atomic_store(&slot->in_flight.bucket, UINT32_MAX);
	atomic_store(&slot->in_flight.entry, UINT16_MAX);
	atomic_store(&slot->in_flight.phase, METRICS_TIMED);
	note_exit(0);
	ck_assert_double_eq(requests("200"), 0);
}
END_TEST

START_TEST(what_finds_no_room_counts_as_other)
{
	for (int code = 100; code < 100 + 2 * METRICS_SERIES_MAX; code++) {
		metrics_begin(&m);
		metrics_note_route(&m, routes.all[0].entry, "GET");
		metrics_arm(&m, code);
		metrics_count(&m, &whole);
	}
	ck_assert_double_eq(shown("percore_http_requests_total{route=\"other\",method=\"other\",code=\"0\"}"),
	                    METRICS_SERIES_MAX + 1);
	ck_assert_double_eq(shown("percore_worker_requests_total{worker=\"3\"}"), 2 * METRICS_SERIES_MAX);
}
END_TEST

/* Two processes meet new codes at the same time, each another one. */
START_TEST(series_is_there_once)
{
	enum { PROCESSES = 2, CODES = 900 };
	_Atomic int *ready = zeroed(CODES * sizeof *ready);
	struct metrics_series parts;
	unsigned count = 0;

	for (int p = 0; p < PROCESSES; p++)
		if (fork() == 0) {
			metrics_take_slot(&m, (unsigned)p);
			for (int i = 0; i < CODES; i++) {
				atomic_fetch_add(&ready[i], 1);
				for (int turns = 0; atomic_load(&ready[i]) < PROCESSES; turns++)
					if (turns > 100000)
						sched_yield();
				/* Whoever came last starts first: so wait a little, to meet in the middle. */
				for (volatile int wait = (i * (p + 1)) % 100; wait > 0; wait--)
					;
				metrics_note_route(&m, routes.all[0].entry, "GET");
				metrics_arm(&m, 100 + (i + p * 37) % CODES);
				metrics_count(&m, &whole);
			}
			_exit(0);
		}
	for (int status; wait(&status) > 0;)
		ck_assert_int_eq(status, 0);
	atomic_store(&pool.slot_top, PROCESSES);
	while (metrics_series_at(&m, count, &parts))
		count++;
	ck_assert_uint_eq(count, CODES + 1);
	for (int code = 100; code < 100 + CODES; code++) {
		char text[16];
		snprintf(text, sizeof text, "%d", code);
		ck_assert_double_eq(requests(text), PROCESSES);
	}
}
END_TEST

static int compare(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Microseconds to an hour, in shapes that have crowds, gaps and tails. */
static uint64_t draw(int shape)
{
	double u = drand48();

	switch (shape) {
	case 0:
		return (uint64_t)(1000 * pow(3.6e9, u)); /* as many in each decade */
	case 1:
		return (uint64_t)(-log(1 - u) * 2e6) + 1000;
	case 2:
		return u < .995 ? 50000 + (uint64_t)(u * 1000)
		                : 2000000000; /* a crowd, and far off the rest */
	default:
		return 1000 + (uint64_t)(u * 3.6e12);
	}
}

START_TEST(percentiles_are_within_two_percent_of_a_sorted_list)
{
	static const double shares[] = { .5, .75, .9, .99, .999, 1 };
	static uint64_t values[VALUES];

	srand48(_i);
	for (int i = 0; i < VALUES; i++) {
		values[i] = draw(_i % 4);
		metrics_record(metrics_slot(&m, (unsigned)(i % (SLOT + 1))), routes.all[0].entry, values[i]);
	}
	qsort(values, VALUES, sizeof values[0], compare);
	struct metrics_view *v = metrics_view_new(&m);
	const struct histogram *h = &v->entries[routes.all[0].entry];
	ck_assert_uint_eq(h->count, VALUES);
	for (size_t i = 0; i < sizeof shares / sizeof shares[0]; i++) {
		double exact = (double)values[(int)ceil(shares[i] * VALUES - 1e-9) - 1];
		double got = (double)histogram_quantile(h, shares[i]);
		ck_assert_msg(fabs(got - exact) <= .02 * exact, "share %g: %g, exact %g", shares[i], got,
		              exact);
	}
	metrics_view_free(v);
}
END_TEST

START_TEST(buckets_hold_what_is_below_them)
{
	metrics_record(m.own, routes.all[0].entry, 90000);
	metrics_record(m.own, routes.all[0].entry, 110000);
	metrics_record(m.own, routes.all[0].entry, 20000000000);
	ck_assert_double_eq(
		shown("percore_http_request_duration_seconds_bucket{route=\"/data\",le=\"0.0001\"}"), 1);
	ck_assert_double_eq(
		shown("percore_http_request_duration_seconds_bucket{route=\"/data\",le=\"0.00025\"}"), 2);
	ck_assert_double_eq(shown("percore_http_request_duration_seconds_bucket{route=\"/data\",le=\"10\"}"),
	                    2);
	ck_assert_double_eq(
		shown("percore_http_request_duration_seconds_bucket{route=\"/data\",le=\"+Inf\"}"), 3);
}
END_TEST

START_TEST(wait_of_nothing_is_counted)
{
	metrics_note_wait(&m, -1);
	metrics_note_wait(&m, 0);
	metrics_note_wait(&m, 7);
	ck_assert_double_eq(shown("percore_http_queue_wait_seconds_count"), 2);
	ck_assert_double_eq(shown("percore_http_queue_wait_seconds_sum"), .007);
}
END_TEST

START_TEST(label_is_escaped)
{
	metrics_note_route(&m, routes.all[1].entry, "GET");
	metrics_arm(&m, 200);
	metrics_count(&m, &whole);
	ck_assert_double_eq(shown("percore_http_requests_total{route=\"/a \\\"quoted\\\\ "
	                          "one\",method=\"GET\",code=\"200\"}"),
	                    1);
}
END_TEST

/* A new program with a route more, in another order. */
START_TEST(counters_are_found_by_name)
{
	struct routes others = { 0 };
	void *memory = m.shm;

	take(COUNTED);
	routes_add(&others, &(struct percore_route){ .pattern = "/new", .handler = handle });
	routes_add(&others, &(struct percore_route){ .pattern = "/data", .handler = handle });
	m = (struct metrics){ .route_at = routes_at,
		              .routes = &others,
		              .user_metrics = &user_metrics,
		              .service = "unit",
		              .service_version = "2",
		              .pool = &pool,
		              .workers = workers };
	metrics_measure(&m, SLOTS);
	metrics_open(&m, memory);
	metrics_take_slot(&m, SLOT);
	ck_assert_double_eq(requests("200"), 1);
	metrics_note_route(&m, others.all[1].entry, "GET");
	metrics_arm(&m, 200);
	metrics_count(&m, &whole);
	ck_assert_double_eq(requests("200"), 2);
	routes_fini(&others);
}
END_TEST

/* ---- Handlers' own. */

static const char *add(enum metrics_kind kind, const char *name)
{
	const char *wrong;

	user_metrics_add(&user_metrics, kind, name, "Help.", &wrong);
	return wrong;
}

START_TEST(name_that_prometheus_would_not_take_is_refused)
{
	static const char *const good[] = { "a_total", "a_b:c_total{k=\"v\"}", "a_total{k=\"v\",l=\"\"}" };
	static const char *const bad[] = {
		"",
		"1_total",
		"a-b_total",
		"a",
		"a_total{",
		"a_total{}",
		"a_total{k}",
		"a_total{k=\"v\"",
		"a_total{k=\"v\"}x",
		"a_total{k=\"\\\"}",
		"a_total{le=\"1\"}",
		"percore_a_total",
		"process_a_total",
		"a_total{k=\"v\",}",
	};

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		ck_assert_msg(add(METRICS_COUNTER, bad[i]) != NULL, "%s", bad[i]);
	close_metrics();
	open_metrics();
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		ck_assert_msg(add(METRICS_COUNTER, good[i]) == NULL, "%s", good[i]);
	ck_assert_ptr_nonnull(add(METRICS_COUNTER, "a_total"));
	ck_assert_ptr_nonnull(add(METRICS_GAUGE, "b_total"));
	ck_assert_ptr_nonnull(add(METRICS_HISTOGRAM, "b"));
	ck_assert_ptr_null(add(METRICS_HISTOGRAM, "b_seconds"));
	ck_assert_ptr_nonnull(add(METRICS_GAUGE, "b_seconds{k=\"v\"}"));
}
END_TEST

START_TEST(own_metrics_are_summed_over_workers)
{
	const char *wrong;
	struct percore_counter *counter = (struct percore_counter *)user_metrics_add(
		&user_metrics, METRICS_COUNTER, "a_total", "A.", &wrong);
	struct percore_gauge *gauge = (struct percore_gauge *)user_metrics_add(&user_metrics, METRICS_GAUGE,
	                                                                       "b{k=\"v\"}", "B.", &wrong);
	struct percore_histogram *histogram = (struct percore_histogram *)user_metrics_add(
		&user_metrics, METRICS_HISTOGRAM, "c_seconds{k=\"v\"}", "C.", &wrong);

	percore_counter_add(counter, 100); /* before there is a place for it: nowhere */
	percore_histogram_record(histogram, 1);
	metrics_measure(&m, SLOTS);
	metrics_open(&m, zeroed(metrics_bytes(&m)));
	for (unsigned slot = 0; slot <= SLOT; slot++) {
		atomic_store(&workers[slot].life, WORKER_LIVES);
		metrics_take_slot(&m, slot);
		percore_counter_add(counter, slot + 1);
		percore_gauge_set(gauge, 1.5);
		percore_gauge_add(gauge, -.5);
		percore_histogram_record(histogram, .25);
		percore_histogram_record(histogram, NAN);
		percore_histogram_record(histogram, -1);
	}
	ck_assert_double_eq(shown("a_total"), 10);
	ck_assert_double_eq(shown("b{k=\"v\"}"), 4);
	ck_assert_double_eq(shown("c_seconds_count{k=\"v\"}"), 4);
	ck_assert_double_eq(shown("c_seconds_bucket{k=\"v\",le=\"0.1\"}"), 0);
	atomic_store(&workers[0].life, WORKER_NONE); /* its counts stay, its gauge goes */
	ck_assert_double_eq(shown("a_total"), 10);
	ck_assert_double_eq(shown("b{k=\"v\"}"), 3);
	atomic_store(&workers[0].life, WORKER_LIVES);
	metrics_take_slot(&m, 0); /* another worker in its slot */
	ck_assert_double_eq(shown("a_total"), 10);
	ck_assert_double_eq(shown("b{k=\"v\"}"), 3);
}
END_TEST

START_TEST(name_that_a_handler_spoiled_is_utf8_again)
{
	take(COUNTED);
	memcpy(m.shm->entries[routes.all[0].entry].text, "/d\xe4t", 4);
	ck_assert_double_eq(shown("percore_http_requests_total{route=\"/d?ta\",method=\"GET\",code=\"200\"}"),
	                    1);
}
END_TEST

Suite *metrics_suite(void)
{
	Suite *suite = suite_create("metrics");
	TCase *tcase = tcase_create("metrics");

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, open_metrics, close_metrics);
	tcase_add_test(tcase, request_is_counted_by_route_method_and_code);
	tcase_add_test(tcase, request_of_a_dead_worker_is_counted_once);
	tcase_add_test(tcase, death_in_mid_count_changes_nothing);
	tcase_add_test(tcase, garbage_in_a_dead_slot_is_no_index);
	tcase_add_test(tcase, what_finds_no_room_counts_as_other);
	tcase_add_test(tcase, series_is_there_once);
	tcase_add_loop_test(tcase, percentiles_are_within_two_percent_of_a_sorted_list, 0, 20);
	tcase_add_test(tcase, buckets_hold_what_is_below_them);
	tcase_add_test(tcase, wait_of_nothing_is_counted);
	tcase_add_test(tcase, label_is_escaped);
	tcase_add_test(tcase, counters_are_found_by_name);
	tcase_add_test(tcase, name_that_prometheus_would_not_take_is_refused);
	tcase_add_test(tcase, own_metrics_are_summed_over_workers);
	tcase_add_test(tcase, name_that_a_handler_spoiled_is_utf8_again);
	suite_add_tcase(suite, tcase);
	return suite;
}
