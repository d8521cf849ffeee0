/* SPDX-License-Identifier: ISC */
/* percore-top: what two looks at a service's memory say, and that nothing in it does harm. */
#include "exchange/route.h"
#include "percore.h"
#include "state/history.h"
#include "state/shared.h"
#include "state/user_metrics.h"
#include "top/numbers.h"
#include "top/report.h"
#include "top/report_json.h"
#include "top/screen.h"
#include "top/text.h"
#include "unit.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SLOTS = 64, MS = 1000000 };

/* ---- Numbers and text. */

START_TEST(numbers_are_short)
{
	static const struct {
		const char *(*put)(double, char *);
		double value;
		const char *wanted;
	} cases[] = {
		{ number_duration, 0, "0" },
		{ number_duration, 850, "850ns" },
		{ number_duration, 1234, "1.23us" },
		{ number_duration, 999.6, "1.00us" },
		{ number_duration, 999.7e3, "1.00ms" },
		{ number_duration, 12.34e6, "12.3ms" },
		{ number_duration, 9.996e9, "10.0s" },
		{ number_duration, 123e9, "123s" },
		{ number_duration, 1020e9, "17m" },
		{ number_duration, NAN, "-" },
		{ number_duration, INFINITY, "-" },
		{ number_span, 59.9, "59s" },
		{ number_span, 11100, "3h05m" },
		{ number_span, 4 * 86400 + 7200, "4d02h" },
		{ number_span, 250 * 86400, "250d" },
		{ number_rate, .001, "0" },
		{ number_rate, .25, "0.25" },
		{ number_rate, 12.34, "12.3" },
		{ number_rate, 12345, "12345" },
		{ number_rate, 123456, "123k" },
		{ number_rate, 1234567, "1.23M" },
		{ number_count, 99999999, "99999999" },
		{ number_count, 123456789, "123M" },
		{ number_count, 18446744073709551615.0, "-" },
		{ number_bytes, 512, "512" },
		{ number_bytes, 12.3 * 1024 * 1024, "12.3M" },
	};
	char text[NUMBER_MAX];

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		ck_assert_str_eq(cases[i].put(cases[i].value, text), cases[i].wanted);
}
END_TEST

START_TEST(no_number_is_wider_than_its_column)
{
	char text[NUMBER_MAX];

	for (int i = 0; i < 900; i++) {
		double value = pow(1.07, i - 100);
		ck_assert_uint_le(strlen(number_duration(value, text)), 6);
		ck_assert_uint_le(strlen(number_span(value, text)), 6);
		ck_assert_uint_le(strlen(number_rate(value, text)), 6);
		ck_assert_uint_le(strlen(number_count(value, text)), 8);
		ck_assert_uint_le(strlen(number_bytes(value, text)), 6);
	}
}
END_TEST

START_TEST(text_is_plain)
{
	char text[16];

	text_plain(text, sizeof text, "/a\033[31m\r\n\x7f~ ");
	ck_assert_str_eq(text, "/a?[31m?"
	                       "?"
	                       "?~ ");
	text_plain(text, sizeof text, "/caf\xc3\xa9\xff\xe2\x80\xae!");
	ck_assert_str_eq(text, "/caf?"
	                       "?"
	                       "?!");
	text_plain(text, 5, "longer");
	ck_assert_str_eq(text, "long");
}
END_TEST

/* ---- Differences. */

START_TEST(a_difference_is_of_the_interval_alone)
{
	static struct histogram before, now;

	for (int i = 0; i < 1000; i++)
		histogram_record(&before, 900 * MS);
	now = before;
	for (int i = 0; i < 100; i++)
		histogram_record(&now, (uint64_t)(i + 1) * MS);
	histogram_subtract(&now, &before);
	ck_assert_uint_eq(now.count, 100);
	ck_assert_uint_eq(now.sum_ns, UINT64_C(5050) * MS);
	ck_assert_double_eq_tol((double)histogram_quantile(&now, .5), 50e6, 1e6);
	ck_assert_double_eq_tol((double)now.max_ns, 100e6, 3.2e6);
	ck_assert_uint_ge(now.max_ns, UINT64_C(100) * MS);
	/* The bucket's end is never above what was exact. */
	now = (struct histogram){ 0 };
	histogram_record(&now, 1234567);
	histogram_subtract(&now, &(struct histogram){ 0 });
	ck_assert_uint_eq(now.max_ns, 1234567);
}
END_TEST

START_TEST(counters_that_went_back_are_nothing)
{
	static struct histogram before, now;

	histogram_record(&before, MS);
	histogram_record(&before, 2 * MS);
	histogram_record(&now, 2 * MS);
	histogram_record(&now, 2 * MS);
	histogram_subtract(&now, &before);
	ck_assert_uint_eq(now.count, 1);
	histogram_subtract(&now, &before);
	ck_assert_uint_eq(now.count, 0);
	ck_assert_uint_eq(now.max_ns, 0);
}
END_TEST

/* ---- Tables. */

static struct row row_of(unsigned slot, double rate)
{
	struct row row = { .slot = slot };

	for (int i = 0; i < COLUMNS; i++)
		row.numbers[i] = NAN;
	row.numbers[COLUMN_RATE] = rate;
	row.numbers[COLUMN_WORKER] = slot;
	return row;
}

static void is_order(struct rows *rows, enum column column, bool reversed, const char *wanted)
{
	char got[16] = "";

	table_sort(rows, column, reversed);
	for (size_t i = 0; i < rows->count; i++)
		got[i] = (char)('0' + rows->all[i].slot);
	ck_assert_str_eq(got, wanted);
}

START_TEST(rows_are_sorted)
{
	struct row all[] = { row_of(0, 5), row_of(1, NAN), row_of(2, 50), row_of(3, 5) };
	struct rows rows = { all, 4 };

	strcpy(all[0].text, "/b");
	strcpy(all[2].text, "/a");
	is_order(&rows, COLUMN_RATE, false, "2031");
	is_order(&rows, COLUMN_RATE, true, "0321");
	is_order(&rows, COLUMN_WORKER, false, "0123");
	is_order(&rows, COLUMN_ROUTE, true, "0213");
}
END_TEST

START_TEST(columns_are_found_and_stepped_through)
{
	enum column column = COLUMN_RATE;
	int steps = 0;

	ck_assert_int_eq(table_find_column("p99"), COLUMN_P99);
	ck_assert_int_eq(table_find_column("p98"), COLUMNS);
	do {
		column = table_step(TABLE_ROUTES, column, 132, 1);
		ck_assert(table_has(TABLE_ROUTES, column));
		steps++;
	} while (column != COLUMN_RATE);
	ck_assert_int_eq(steps, 9);
	ck_assert_int_eq(table_step(TABLE_ROUTES, COLUMN_P99, 132, 1), COLUMN_MAX);
	ck_assert_int_eq(table_step(TABLE_ROUTES, COLUMN_P99, 80, 1), COLUMN_REQUESTS);
	ck_assert_int_eq(table_step(TABLE_ROUTES, COLUMN_RATE, 80, -1), COLUMN_ROUTE);
	ck_assert_int_eq(table_step(TABLE_TASKS, COLUMN_RATE, 80, 1), COLUMN_TASK);
}
END_TEST

/* ---- The memory of a service, and looks at it. */

static struct metrics m;
static struct routes routes;
static struct user_metrics user_metrics;
static struct shared shared;
static struct pool_shm *pool;
static struct worker_shm *workers;
static struct background_shm *background;
static struct copy copy;

static void handle(struct percore_request *request)
{
	(void)request;
}

static void open_memory(void)
{
	m = (struct metrics){ .route_at = routes_at, .routes = &routes, .user_metrics = &user_metrics };
	ck_assert_ptr_null(
		routes_add(&routes, &(struct percore_route){ .pattern = "/data", .handler = handle }));
	metrics_measure(&m, SLOTS);
	const size_t sizes[SHARED_SECTIONS] = { [SHARED_POOL] = sizeof(struct pool_shm),
		                                [SHARED_OVERLOAD] = sizeof(struct overload_shm),
		                                [SHARED_SLOTS] = SLOTS * sizeof(struct worker_shm),
		                                [SHARED_METRICS] = metrics_bytes(&m),
		                                [SHARED_LIMIT] = sizeof(struct limit_shm),
		                                [SHARED_LIMIT_TABLE] = limit_table_bytes(1000),
		                                [SHARED_ACCESS] = access_bytes(SLOTS),
		                                [SHARED_BACKGROUND] = sizeof(struct background_shm),
		                                [SHARED_HISTORY] = sizeof(struct history_shm) };
	ck_assert_int_eq(shared_create(&shared, NULL, sizes), 0);
	pool = shared_section(&shared, SHARED_POOL);
	workers = shared_section(&shared, SHARED_SLOTS);
	background = shared_section(&shared, SHARED_BACKGROUND);
	metrics_open(&m, shared_section(&shared, SHARED_METRICS));
	strcpy(pool->service, "shop");
	strcpy(pool->service_version, "1.2");
	atomic_store(&pool->slot_top, 2);
	atomic_store(&pool->workers, 2);
	atomic_store(&pool->generation, 3);
	for (unsigned slot = 0; slot < 2; slot++) {
		atomic_store(&workers[slot].life, WORKER_LIVES);
		atomic_store(&workers[slot].stage, WORKER_IDLE);
		atomic_store(&workers[slot].worker_id, slot);
		atomic_store(&workers[slot].generation, 3);
	}
}

static void close_memory(void)
{
	copy_fini(&copy);
	shared_close(&shared);
	routes_fini(&routes);
	routes = (struct routes){ 0 };
}

/* In the slot's worker. */
static void serve(unsigned slot, int code, int times)
{
	struct metrics worker = m;

	metrics_take_slot(&worker, slot);
	while (times--) {
		metrics_begin(&worker);
		metrics_note_route(&worker, 2, "GET");
		metrics_arm(&worker, code);
		metrics_count(&worker, &(struct metrics_answer){ .is_whole = true });
		metrics_idle(&worker);
	}
}

static struct sample *look(void)
{
	ck_assert_int_eq(copy_take(&copy, shared.fd), 0);
	struct sample *sample = sample_new(&copy);
	ck_assert_ptr_nonnull(sample);
	return sample;
}

static const struct row *row_named(const struct report *r, enum table table, const char *text)
{
	for (size_t i = 0; i < r->rows[table].count; i++)
		if (strcmp(r->rows[table].all[i].text, text) == 0)
			return &r->rows[table].all[i];
	return NULL;
}

START_TEST(the_first_look_is_since_the_start)
{
	serve(0, 200, 30);
	serve(1, 500, 10);
	struct sample *now = look();
	struct report *r = report_new(now, NULL);
	const struct row *row = row_named(r, TABLE_ROUTES, "/data");

	ck_assert(r->is_since_start);
	ck_assert(isnan(r->requests_s)); /* since when is not known */
	ck_assert_uint_eq(now->requests, 40);
	ck_assert_uint_eq(now->errors, 10);
	ck_assert_ptr_nonnull(row);
	ck_assert_double_eq(row->numbers[COLUMN_REQUESTS], 40);
	ck_assert_double_eq(row->numbers[COLUMN_ERRORS], 10);
	ck_assert(row->numbers[COLUMN_P50] > 0);
	ck_assert_uint_eq(r->rows[TABLE_WORKERS].count, 2);
	ck_assert_double_eq(r->rows[TABLE_WORKERS].all[1].numbers[COLUMN_ERRORS], 10);
	ck_assert_uint_eq(r->warning_count, 0);
	report_free(r);
	sample_free(now);
}
END_TEST

START_TEST(two_looks_are_an_interval)
{
	serve(0, 200, 30);
	struct sample *before = look();
	serve(0, 200, 20);
	serve(1, 503, 5);
	serve(1, 429, 5);
	struct sample *now = look();
	now->at_ns = before->at_ns + UINT64_C(2000) * MS;
	struct report *r = report_new(now, before);
	const struct rows *rows = &r->rows[TABLE_WORKERS];

	ck_assert(!copy.is_other);
	ck_assert(!r->is_since_start);
	ck_assert_double_eq(r->seconds, 2);
	ck_assert_double_eq(r->requests_s, 15);
	ck_assert_double_eq(r->errors_s, 2.5);
	ck_assert_double_eq(r->limited_s, 2.5);
	ck_assert_uint_eq(r->durations.count, 30);
	ck_assert_double_eq(rows->all[0].numbers[COLUMN_RATE], 10);
	ck_assert_double_eq(rows->all[1].numbers[COLUMN_RATE], 5);
	ck_assert_double_eq(rows->all[1].numbers[COLUMN_ERROR_RATE], 2.5);
	report_free(r);
	report_free(NULL);
	sample_free(before);
	sample_free(now);
}
END_TEST

static bool warns(const struct report *r, const char *text)
{
	for (unsigned i = 0; i < r->warning_count && i < WARNINGS_MAX; i++)
		if (strstr(r->warnings[i].what, text))
			return true;
	return false;
}

START_TEST(what_is_wrong_is_said)
{
	strcpy(pool->reload_error, "work = many: must be a number");
	atomic_store(&pool->workers, 3);
	atomic_store(&pool->sandbox_refused, 1);
	atomic_store(&background->jobs.is_away, 1);
	strcpy(background->jobs.away_reason, "no such host");
	strcpy(background->tasks[5].name, "rates");
	strcpy(background->tasks[5].reason, "told to fail");
	atomic_store(&background->tasks[5].in_row, 2);
	struct sample *now = look();
	struct report *r = report_new(now, NULL);

	ck_assert(warns(r, "generation 3 serves on: work = many: must be a number"));
	ck_assert(warns(r, "Only 2 of 3 workers are there."));
	ck_assert(warns(r, "The sandbox refused 1 system call since"));
	ck_assert(warns(r, "jobs are refused with 503: no such host"));
	ck_assert(warns(r, "Task rates failed 2 times in a row: told to fail"));
	ck_assert_uint_eq(r->warning_count, 5);
	ck_assert_uint_eq(r->rows[TABLE_TASKS].count, 1);
	report_free(r);
	sample_free(now);
}
END_TEST

/* ---- The screen. */

static void check_lines(const struct screen *screen)
{
	for (int i = 0; i < screen->count; i++) {
		const char *line = screen->lines[i].text;
		ck_assert_int_le((int)strlen(line), screen->width);
		for (; *line; line++)
			ck_assert(*line >= ' ' && *line <= '~');
	}
}

static void show_everywhere(struct report *r)
{
	struct view view = { .sorted = COLUMN_RATE };
	struct screen screen = { 0 };

	for (int width = 1; width < 1100; width += width < 200 ? 1 : 300) {
		for (int height = 1; height < 50; height += 1 + width % 7) {
			view.table = (enum table)(width % TABLES);
			view.shows_help = height % 5 == 0;
			view.first = (size_t)height;
			screen_begin(&screen, width, height);
			screen_live(&screen, &view, r);
			ck_assert_int_eq(screen.count, height);
			check_lines(&screen);
		}
	}
	view.first = 0;
	screen_begin(&screen, SCREEN_MOST_WIDTH, 0);
	screen_once(&screen, &view, r);
	check_lines(&screen);
	screen_fini(&screen);
}

START_TEST(no_line_is_too_long_nor_has_what_a_client_wrote_raw)
{
	struct in_flight_shm *hand = &workers[1].in_flight;

	atomic_store(&workers[1].stage, WORKER_SERVING);
	atomic_store(&hand->since_ms, 1);
	strcpy(hand->method, "GET");
	memset(hand->path, 'x', sizeof hand->path); /* without an end */
	memcpy(hand->path, "/\033]0;title\a", 11);
	struct sample *now = look();
	struct report *r = report_new(now, NULL);

	ck_assert(warns(r, "Worker 1 has had GET /"));
	show_everywhere(r);
	report_free(r);
	sample_free(now);
}
END_TEST

/* ---- Whatever stands in it. */

static void read_all(void)
{
	struct sample *before = look(), *now = look();
	struct report *r = report_new(now, before);
	char *text = NULL;
	size_t length;
	FILE *file = open_memstream(&text, &length);

	ck_assert(report_json(file, r, NULL, false));
	fclose(file);
	ck_assert_uint_gt(length, 100);
	free(text);
	struct screen screen = { 0 };
	screen_begin(&screen, 80, 24);
	screen_live(&screen, &(struct view){ .sorted = COLUMN_RATE }, r);
	check_lines(&screen);
	screen_fini(&screen);
	report_free(r);
	sample_free(before);
	sample_free(now);
}

START_TEST(wild_words_do_no_harm)
{
	static const enum shared_section sections[] = { SHARED_POOL,    SHARED_OVERLOAD,    SHARED_SLOTS,
		                                        SHARED_LIMIT,   SHARED_LIMIT_TABLE, SHARED_BACKGROUND,
		                                        SHARED_HISTORY, SHARED_METRICS };
	unsigned seed = 1;

	serve(0, 200, 3);
	for (int turn = 0; turn < 60; turn++) {
		for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++) {
			size_t bytes = shared_section_bytes(shared.fd, sections[i]);
			char *at = shared_section(&shared, sections[i]);
			bytes = sections[i] == SHARED_METRICS ? 1 << 17 : bytes;
			for (int n = 0; n < (turn < 30 ? 20 : 2000); n++)
				at[(size_t)rand_r(&seed) * 7 % bytes] =
					(char)(turn % 3 ? rand_r(&seed) : 0xff);
		}
		read_all();
	}
}
END_TEST

START_TEST(all_ones_do_no_harm)
{
	for (int i = 0; i < SHARED_SECTIONS; i++)
		if (i != SHARED_METRICS && i != SHARED_ACCESS)
			memset(shared_section(&shared, (enum shared_section)i), 0xff,
			       shared_section_bytes(shared.fd, (enum shared_section)i));
	memset(m.shm, 0xff, sizeof *m.shm);
	memset(metrics_slot(&m, 0), 0xff, metrics_slot_bytes(&m));
	memset(shared_section(&shared, SHARED_ACCESS), 0xff, sizeof(struct access_shm));
	read_all();
}
END_TEST

START_TEST(what_is_no_memory_of_ours_is_refused)
{
	char *bytes = shared.base;
	struct sample *now = look();

	sample_free(now);
	bytes[8]++; /* the version */
	ck_assert_int_eq(copy_take(&copy, shared.fd), -ENOTSUP);
	bytes[8]--;
	bytes[24 + 16 * SHARED_SLOTS + 8] ^= 64; /* the slots' size */
	ck_assert_int_eq(copy_take(&copy, shared.fd), -EPROTO);
	bytes[24 + 16 * SHARED_SLOTS + 8] ^= 64;
	ck_assert_int_eq(copy_take(&copy, shared.fd), 0);
	bytes[0]++;
	ck_assert_int_eq(copy_take(&copy, shared.fd), -EPROTO);
	bytes[0]--;
	ck_assert_int_eq(ftruncate(shared.fd, 100000), 0);
	ck_assert_int_eq(copy_take(&copy, shared.fd), -EPROTO);
	ck_assert_int_eq(ftruncate(shared.fd, 10), 0);
	ck_assert_int_eq(copy_take(&copy, shared.fd), -EPROTO);
}
END_TEST

Suite *top_suite(void)
{
	const TTest *const plain[] = { numbers_are_short,
		                       no_number_is_wider_than_its_column,
		                       text_is_plain,
		                       a_difference_is_of_the_interval_alone,
		                       counters_that_went_back_are_nothing,
		                       rows_are_sorted,
		                       columns_are_found_and_stepped_through,
		                       NULL };
	const TTest *const looks[] = { the_first_look_is_since_the_start,
		                       two_looks_are_an_interval,
		                       what_is_wrong_is_said,
		                       no_line_is_too_long_nor_has_what_a_client_wrote_raw,
		                       wild_words_do_no_harm,
		                       all_ones_do_no_harm,
		                       what_is_no_memory_of_ours_is_refused,
		                       NULL };
	Suite *suite = suite_of("top", plain);
	TCase *tcase = tcase_create("looks");

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, open_memory, close_memory);
	for (const TTest *const *test = looks; *test; test++)
		tcase_add_test(tcase, *test);
	suite_add_tcase(suite, tcase);
	return suite;
}
