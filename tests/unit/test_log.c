/* SPDX-License-Identifier: ISC */
/* Unit tests of the logs: the ring, the lines, and the writer process, which is killed over and over. */
#include "access/access_format.h"
#include "access/access_ring.h"
#include "access/access_writer.h"
#include "base/clock.h"
#include "base/log.h"
#include "state/limit.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { RINGS = 64 };

static struct access_rings rings_of(struct access_shm *shm)
{
	return (struct access_rings){ .shm = shm, .count = RINGS };
}

static struct access_shm *shm_new(void)
{
	struct access_shm *shm = mmap(NULL, access_bytes(RINGS), PROT_READ | PROT_WRITE,
	                              MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	ck_assert_ptr_ne(shm, MAP_FAILED);
	access_ring_enter(shm, 0, 0, getpid());
	return shm;
}

static void shm_free(struct access_shm *shm)
{
	munmap(shm, access_bytes(RINGS));
}

/* All texts "", but for some. */
static struct access_record_shm *draft(struct access_ring_shm *ring, const char *path, const char *id)
{
	struct access_record_shm *record = access_ring_place(ring);

	if (!record)
		return NULL;
	record->status = 200;
	record->worker = 3;
	record->start_ns = clock_ns();
	record->duration_ns = 1234567;
	record->body_bytes = 49;
	access_record_add(record, ACCESS_PATH, path, ACCESS_RECORD_MAX);
	access_record_add(record, ACCESS_ID, id, ACCESS_RECORD_MAX);
	access_ring_draft(ring, record);
	return record;
}

static bool put(struct access_shm *shm, struct access_ring_shm *ring, const char *path, const char *id)
{
	access_ring_mark(ring);
	struct access_record_shm *record = draft(ring, path, id);

	if (record)
		access_ring_publish(shm, ring, record);
	return record != NULL;
}

/* The next record's id, or NULL. */
static const char *take(struct access_shm *shm, struct access_ring_shm *ring)
{
	static union access_record copy;
	static char id[64];
	uint64_t position = ring->read;
	size_t before = 0;

	if (!access_ring_next(shm, ring, &position, &copy)) {
		ring->read = position;
		return NULL;
	}
	ring->read = position;
	for (int i = 0; i < ACCESS_ID; i++)
		before += copy.record.text_bytes[i];
	snprintf(id, sizeof id, "%.*s", (int)copy.record.text_bytes[ACCESS_ID], copy.record.texts + before);
	return id;
}

/* ---- The ring. */

START_TEST(record_comes_out_once_and_in_order)
{
	struct access_shm *shm = shm_new();
	struct access_ring_shm *ring = &shm->rings[0];
	char id[32], path[700];

	memset(path, 'p', sizeof path);
	for (int i = 0; i < 20000; i++) { /* many rounds of the ring, with every length at its end */
		path[sizeof path - 1] = '\0';
		snprintf(id, sizeof id, "%d", i);
		ck_assert(put(shm, ring, path + (i * 7) % sizeof path, id));
		if (i % 3 == 0)
			continue;
		for (int n = i % 3 == 2 ? 2 : 1; n > 0; n--)
			ck_assert_ptr_nonnull(take(shm, ring));
		if (i % 3 == 2)
			ck_assert_ptr_null(take(shm, ring));
	}
	ck_assert_uint_eq(shm->damaged, 0);
	shm_free(shm);
}
END_TEST

START_TEST(half_a_record_is_not_seen)
{
	struct access_shm *shm = shm_new();
	struct access_ring_shm *ring = &shm->rings[0];

	ck_assert(put(shm, ring, "/", "first"));
	access_ring_mark(ring);
	struct access_record_shm *record = access_ring_place(ring);
	access_record_add(record, ACCESS_METHOD, "GET", 9);
	ck_assert_ptr_null(access_ring_drafted(ring)); /* the worker died here */
	ck_assert_str_eq(take(shm, ring), "first");
	ck_assert_ptr_null(take(shm, ring));
	ck_assert(put(shm, ring, "/", "second")); /* its successor */
	ck_assert_str_eq(take(shm, ring), "second");
	shm_free(shm);
}
END_TEST

START_TEST(draft_is_completed_by_another)
{
	struct access_shm *shm = shm_new();
	struct access_ring_shm *ring = &shm->rings[0];

	access_ring_mark(ring);
	draft(ring, "/", "unfinished");
	ck_assert_ptr_null(take(shm, ring));
	ck_assert(!access_ring_is_out(ring));
	struct access_record_shm *record = access_ring_drafted(ring);
	ck_assert_ptr_nonnull(record);
	access_ring_publish(shm, ring, record);
	ck_assert(access_ring_is_out(ring));
	ck_assert_str_eq(take(shm, ring), "unfinished");
	ck_assert_ptr_null(access_ring_drafted(ring));
	shm_free(shm);
}
END_TEST

START_TEST(full_ring_drops_and_counts_and_goes_on)
{
	struct access_shm *shm = shm_new();
	struct access_ring_shm *ring = &shm->rings[0];
	struct log_counters counters;
	struct access_rings rings = rings_of(shm);
	int fit = 0;

	while (put(shm, ring, "/", "x"))
		fit++;
	ck_assert_int_gt(fit, ACCESS_RING_BYTES / 128);
	ck_assert(!put(shm, ring, "/", "x"));
	log_counters(&rings, &counters);
	ck_assert_uint_eq(counters.dropped, 2);
	while (take(shm, ring))
		fit--;
	ck_assert_int_eq(fit, 0);
	ck_assert(put(shm, ring, "/", "after"));
	ck_assert_str_eq(take(shm, ring), "after");
	shm_free(shm);
}
END_TEST

START_TEST(damaged_ring_is_skipped_and_counted)
{
	struct access_shm *shm = shm_new();
	struct access_ring_shm *ring = &shm->rings[0];

	for (int round = 0; round < 2000; round++) {
		ck_assert(put(shm, ring, "/path", "id"));
		ck_assert(put(shm, ring, "/path", "id"));
		uint64_t at = ring->read % ACCESS_RING_BYTES;
		switch (round % 4) {
		case 0: /* bytes somewhere in the records */
			for (int i = 0; i < 8; i++)
				ring->bytes[(at + (size_t)rand() % 160) % ACCESS_RING_BYTES] =
					(unsigned char)rand();
			break;
		case 1:
			ring->head += 1 + (uint64_t)rand();
			break;
		case 2:
			ring->head = (uint64_t)rand() << 32;
			break;
		default:
			ring->head = ring->read - 8;
		}
		for (int n = 0; take(shm, ring); n++)
			ck_assert_int_lt(n, 10000);
		ck_assert_uint_eq(ring->read, ring->head);
		ring->read = ring->head = ring->head / 8 * 8;
	}
	ck_assert_uint_gt(shm->damaged, 1000);
	shm->top = UINT32_MAX;
	struct access_rings rings = rings_of(shm);
	ck_assert_uint_eq(access_ring_count(&rings), RINGS);
	shm_free(shm);
}
END_TEST

/* ---- The lines. */

static const char *line_of(bool combined, const char *const texts[ACCESS_TEXTS], int limit, int flags)
{
	static char line[ACCESS_LINE_MAX + 1];
	union access_record copy = { .record = { .start_ns = 1700000000123456789, .duration_ns = 1234567 } };
	struct access_format format = { .combined = combined };
	struct access_record_shm *record = &copy.record;

	record->status = 404;
	record->worker = 3;
	record->body_bytes = 49;
	record->limit = (uint8_t)limit;
	record->flags = (uint8_t)flags;
	record->bytes = offsetof(struct access_record_shm, texts);
	for (enum access_text text = 0; text < ACCESS_TEXTS; text++)
		access_record_add(record, text, texts[text], ACCESS_RECORD_MAX);
	size_t length = access_format_line(&format, record, line);
	ck_assert_uint_lt(length, ACCESS_LINE_MAX);
	line[length] = '\0';
	return line;
}

START_TEST(json_line_has_the_fields_of_the_conventions)
{
	const char *const texts[ACCESS_TEXTS] = {
		[ACCESS_METHOD] = "GET",
		[ACCESS_PATH] = "/data",
		[ACCESS_CLIENT] = "192.0.2.1",
		[ACCESS_ID] = "abc",
		[ACCESS_TRACEPARENT] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
	};

	ck_assert_str_eq(line_of(false, texts, LIMIT_REFUSED, 0),
	                 "{\"@timestamp\":\"2023-11-14T22:13:20.123Z\",\"http.request.method\":\"GET\","
	                 "\"http.response.status_code\":404,\"url.path\":\"/data\","
	                 "\"client.address\":\"192.0.2.1\",\"duration_ms\":1.234,\"worker\":3,"
	                 "\"request_id\":\"abc\",\"trace_id\":\"0af7651916cd43dd8448eb211c80319c\","
	                 "\"rate_limit\":\"refused\"}\n");
	ck_assert_str_eq(line_of(false, (const char *const[ACCESS_TEXTS]){ 0 }, 0, ACCESS_DIED),
	                 "{\"@timestamp\":\"2023-11-14T22:13:20.123Z\",\"http.response.status_code\":404,"
	                 "\"duration_ms\":1.234,\"worker\":3,\"error.type\":\"worker_died\"}\n");
}
END_TEST

START_TEST(combined_line_is_as_nginx_writes_it)
{
	const char *const texts[ACCESS_TEXTS] = { [ACCESS_METHOD] = "GET",
		                                  [ACCESS_PATH] = "/a\"b\\\n\xff",
		                                  [ACCESS_CLIENT] = "::1",
		                                  [ACCESS_PROTOCOL] = "HTTP/1.1",
		                                  [ACCESS_REFERER] = "http://x" };

	setenv("TZ", "UTC-5:30", 1);
	ck_assert_str_eq(
		line_of(true, texts, 0, 0),
		"::1 - - [15/Nov/2023:03:43:20 +0530] \"GET /a\\x22b\\x5C\\x0A\\xFF HTTP/1.1\" 404 49 "
		"\"http://x\" \"-\"\n");
}
END_TEST

START_TEST(hostile_texts_stay_one_valid_line)
{
	static char texts[ACCESS_TEXTS][400];
	const char *list[ACCESS_TEXTS];
	/* What is likely to break: quotes, ends of lines, beginnings of sequences. */
	static const char bytes[] =
		"\"\\\n\r\t\x01\x7f\xc2\x85\xe2\x80\xa8\xed\xa0\x80\xf4\x90\xff\xc3\xa9{}:,/%u";

	for (int round = 0; round < 20000; round++) {
		for (int t = 0; t < ACCESS_TEXTS; t++) {
			size_t length = (size_t)rand() % (round % 10 ? 20 : sizeof texts[t]);
			for (size_t i = 0; i < length; i++)
				texts[t][i] = (char)(round % 2 ? bytes[(size_t)rand() % (sizeof bytes - 1)]
				                               : rand() % 255 + 1);
			texts[t][length] = '\0';
			list[t] = texts[t];
		}
		for (int combined = 0; combined < 2; combined++) {
			const char *line = line_of(combined, list, round % 5, round % 4);
			size_t length = strlen(line);
			ck_assert_uint_eq(strcspn(line, "\n"), length - 1);
			bool is_clean = true;
			for (size_t i = 0; i + 1 < length; i++)
				is_clean &= (unsigned char)line[i] >= ' ' && line[i] != 127;
			ck_assert(is_clean);
			if (combined)
				continue;
			struct json_tokener *tokener = json_tokener_new();
			json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
			json_object *json = json_tokener_parse_ex(tokener, line, (int)length);
			ck_assert_msg(json != NULL, "%s", line);
			ck_assert_int_eq(json_object_get_int(
						 json_object_object_get(json, "http.response.status_code")),
			                 404);
			json_object_put(json);
			json_tokener_free(tokener);
		}
	}
}
END_TEST

START_TEST(trace_id_is_taken_where_the_header_is_valid)
{
	static const char good[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
	static const char *const bad[] = {
		"",
		"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0",
		"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-011",
		"01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
		"00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
		"00-00000000000000000000000000000000-b7ad6b7169203331-01",
		"00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
		"00-0af7651916cd43dd8448eb211c80319g-b7ad6b7169203331-01",
		"00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
		"00-0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331-01",
		"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331_01",
		"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0x",
	};

	ck_assert_ptr_eq(access_trace_id(good, strlen(good)), good + 3);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		ck_assert_msg(!access_trace_id(bad[i], strlen(bad[i])), "%s", bad[i]);
}
END_TEST

/* ---- The writer process. */

/* That all writers of a test obey. */
static struct order_shm *order_of_writers(void)
{
	static struct order_shm *order;

	if (!order)
		order = mmap(NULL, sizeof *order, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(order, MAP_FAILED);
	return order;
}

static pid_t start_locked_writer(struct access_shm *shm, const char *path, rlim_t file_bytes, int memory)
{
	const struct order_shm *order = order_of_writers();
	pid_t pid = fork();

	if (pid)
		return pid;
	setrlimit(RLIMIT_FSIZE, &(struct rlimit){ file_bytes, RLIM_INFINITY });
	_exit(access_writer_run(&(struct access_writer_settings){
		.rings = rings_of(shm), .order = order, .memory = memory, .path = path }));
}

static pid_t start_writer(struct access_shm *shm, const char *path, rlim_t file_bytes)
{
	return start_locked_writer(shm, path, file_bytes, -1);
}

static void end_writer(struct access_shm *shm, pid_t pid)
{
	int status;

	struct access_rings rings = rings_of(shm);

	for (unsigned i = 0; i < access_ring_count(&rings); i++)
		access_ring_leave(&shm->rings[i]);
	atomic_store(&order_of_writers()->order, ORDER_FINISH);
	access_ring_wake(shm);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}

/* Every id from 0 on, `count` of them, stands in the files `path` and `path`.1 ... once, in whole lines. */
static void check_lines(const char *path, int files, int count)
{
	unsigned char *seen = calloc((size_t)count, 1);
	char name[4096], line[4096];

	for (int f = 0; f <= files; f++) {
		snprintf(name, sizeof name, f ? "%s.%d" : "%s", path, f);
		FILE *file = fopen(name, "r");
		for (; file && fgets(line, sizeof line, file);) {
			json_object *json = json_tokener_parse(line);
			ck_assert_msg(json && strchr(line, '\n'), "torn: %s", line);
			int id = json_object_get_int(json_object_object_get(json, "request_id"));
			ck_assert_msg(id >= 0 && id < count && !seen[id], "twice: %s", line);
			seen[id] = 1;
			json_object_put(json);
		}
		if (file)
			fclose(file);
	}
	for (int id = 0; id < count; id++)
		ck_assert_msg(seen[id], "lost: %d of %d", id, count);
	free(seen);
}

static char *log_path(void)
{
	static char path[256];
	char directory[] = "/tmp/percore-unit-XXXXXX";

	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(path, sizeof path, "%s/log", directory);
	return path;
}

static void remove_logs(char *path, int files)
{
	char name[512];

	for (int f = 0; f <= files; f++) {
		snprintf(name, sizeof name, f ? "%s.%d" : "%s", path, f);
		unlink(name);
	}
	*strrchr(path, '/') = '\0';
	rmdir(path);
}

static void put_waiting(struct access_shm *shm, struct access_ring_shm *ring, int id)
{
	char text[16];

	snprintf(text, sizeof text, "%d", id);
	access_ring_wait(shm, ring);
	ck_assert(put(shm, ring, "/some/path", text));
}

START_TEST(writer_killed_over_and_over_writes_each_line_once)
{
	enum { LINES = 60000, KILL_EVERY = 150, TURN_EVERY = 7000 };
	struct access_shm *shm = shm_new();
	char *path = log_path(), turned[512];
	pid_t pid = start_writer(shm, path, RLIM_INFINITY);
	int files = 0;

	access_ring_enter(shm, 1, 1, getpid());
	for (int id = 0; id < LINES; id++) {
		put_waiting(shm, &shm->rings[id % 2], id);
		if (id % TURN_EVERY == TURN_EVERY - 1) { /* as logrotate does, and a kill on top of it */
			snprintf(turned, sizeof turned, "%s.%d", path, ++files);
			rename(path, turned);
			shm->reopens++;
			access_ring_wake(shm);
		}
		if (rand() % KILL_EVERY)
			continue;
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		pid = start_writer(shm, path, RLIM_INFINITY);
	}
	end_writer(shm, pid);
	check_lines(path, files, LINES);
	ck_assert_uint_eq(shm->lines, LINES);
	remove_logs(path, files);
	shm_free(shm);
}
END_TEST

START_TEST(full_file_tears_no_line_and_is_written_on_when_there_is_room)
{
	/* FIRST fit into the ring, and are more than fits below the limit. */
	enum { FIRST = ACCESS_RING_BYTES / 220, LIMIT = FIRST * 42 + 1, LINES = 3000 };
	struct access_shm *shm = shm_new();
	char *path = log_path();
	struct stat st;
	pid_t pid = start_writer(shm, path, LIMIT);

	for (int id = 0; id < FIRST; id++)
		put_waiting(shm, &shm->rings[0], id);
	for (int n = 0; n < 2000 && !atomic_load(&shm->failing); n++)
		usleep(5000);
	ck_assert_uint_eq(shm->failing, 1);
	for (int n = 0; n < 2000 && atomic_load(&shm->batch.is_open); n++)
		usleep(5000);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_le(st.st_size, LIMIT);
	ck_assert_uint_gt(shm->write_errors, 0);
	ck_assert_int_eq(prlimit(pid, RLIMIT_FSIZE, &(struct rlimit){ RLIM_INFINITY, RLIM_INFINITY }, NULL),
	                 0);
	for (int n = 0; n < 2000 && atomic_load(&shm->failing); n++)
		usleep(5000);
	for (int id = FIRST; id < LINES; id++)
		put_waiting(shm, &shm->rings[0], id);
	end_writer(shm, pid);
	check_lines(path, 0, LINES);
	remove_logs(path, 0);
	shm_free(shm);
}
END_TEST

START_TEST(two_writers_do_not_share_a_file)
{
	struct access_shm *one = shm_new(), *other = shm_new();
	char *path = log_path();
	pid_t first = start_writer(one, path, RLIM_INFINITY), second;

	put_waiting(one, &one->rings[0], 0);
	for (int n = 0; n < 2000 && atomic_load(&one->lines) == 0; n++)
		usleep(5000);
	second = start_writer(other, path, RLIM_INFINITY);
	put_waiting(other, &other->rings[0], 1);
	for (int n = 0; n < 2000 && !atomic_load(&other->failing); n++)
		usleep(5000);
	ck_assert_uint_eq(other->lines, 0);
	end_writer(one, first);
	end_writer(other, second); /* once more before it leaves: now it has the file */
	check_lines(path, 0, 2);
	remove_logs(path, 0);
	shm_free(one);
	shm_free(other);
}
END_TEST

/* ---- Diagnostics. */

START_TEST(level_is_a_ladder)
{
	enum log_level level;

	ck_assert(log_parse_level("warning", &level));
	ck_assert(!log_parse_level("warn", &level));
	log_set_level(level);
	ck_assert(log_says(LOG_LEVEL_ERROR) && log_says(LOG_LEVEL_WARNING) && !log_says(LOG_LEVEL_NOTICE));
	log_set_level(LOG_LEVEL_NOTICE);
}
END_TEST

Suite *log_suite(void)
{
	const TTest *const tests[] = { record_comes_out_once_and_in_order,
		                       half_a_record_is_not_seen,
		                       draft_is_completed_by_another,
		                       full_ring_drops_and_counts_and_goes_on,
		                       damaged_ring_is_skipped_and_counted,
		                       json_line_has_the_fields_of_the_conventions,
		                       combined_line_is_as_nginx_writes_it,
		                       hostile_texts_stay_one_valid_line,
		                       trace_id_is_taken_where_the_header_is_valid,
		                       writer_killed_over_and_over_writes_each_line_once,
		                       full_file_tears_no_line_and_is_written_on_when_there_is_room,
		                       two_writers_do_not_share_a_file,
		                       level_is_a_ladder,
		                       NULL };

	return suite_of("log", tests);
}
