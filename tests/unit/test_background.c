/* SPDX-License-Identifier: ISC */
/* Tasks under a fake clock; snapshots with readers and killed writers; the jobs' file. */
#include "background/job_away.h"
#include "background/job_breaker.h"
#include "background/job_claim.h"
#include "background/job_client.h"
#include "background/job_clock.h"
#include "background/job_redis.h"
#include "background/job_run.h"
#include "background/job_sqlite.h"
#include "background/snapshot.h"
#include "background/task.h"
#include "background/value.h"
#include "base/clock.h"
#include "base/runtime_directory.h"
#include "status/background_view.h"
#include "unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef HAVE_SQLITE
#include <sqlite3.h>
#endif

/* ---- The schedule. */

START_TEST(run_is_due_on_the_grid_of_its_period)
{
	ck_assert_uint_eq(task_next_ms(&(struct task_run){ 10000, 10300, 1000, 0 }), 11000);
	ck_assert_uint_eq(task_next_ms(&(struct task_run){ 10000, 11000, 1000, 0 }), 12000);
	/* The first has no grid yet. */
	ck_assert_uint_eq(task_next_ms(&(struct task_run){ 0, 10300, 1000, 0 }), 11300);
}
END_TEST

START_TEST(runs_do_not_drift)
{
	uint64_t grid_ms = 5000;

	for (unsigned i = 1; i <= 1000; i++) {
		uint64_t ended_ms = grid_ms + task_jitter_ms(1000, i * 7919) + i % 300;
		grid_ms = task_next_ms(&(struct task_run){ grid_ms, ended_ms, 1000, 0 });
		ck_assert_uint_eq(grid_ms, 5000 + i * 1000);
	}
}
END_TEST

START_TEST(missed_runs_are_left_out)
{
	uint64_t now_ms = 10000 + 3600000 + 1, grid_ms = 10000;
	unsigned runs = 0;

	/* An hour asleep, then a minute of life: one run that was late, then one a second. */
	for (uint64_t end_ms = now_ms + 60000; now_ms < end_ms; now_ms++)
		if (grid_ms <= now_ms) {
			runs++;
			grid_ms = task_next_ms(&(struct task_run){ grid_ms, now_ms, 1000, 0 });
		}
	ck_assert_uint_eq(runs, 61);
}
END_TEST

START_TEST(failing_runs_less_often_but_16_times_at_most)
{
	const unsigned times[] = { 1, 1, 2, 4, 8, 16, 16, 16 };

	for (unsigned in_row = 0; in_row < 8; in_row++)
		ck_assert_uint_eq(task_spacing_ms(1000, in_row), times[in_row] * 1000);
	ck_assert_uint_eq(task_spacing_ms(1000, 4000000000U), 16000);
	ck_assert_uint_eq(task_next_ms(&(struct task_run){ 10000, 10100, 1000, 4 }), 18000);
}
END_TEST

START_TEST(jitter_is_a_tenth_at_most)
{
	uint64_t most_ms = 0;

	for (uint64_t random = 0; random < 100000; random += 37) {
		uint64_t jitter_ms = task_jitter_ms(1000, random);
		most_ms = jitter_ms > most_ms ? jitter_ms : most_ms;
	}
	ck_assert_uint_eq(most_ms, 100);
	ck_assert_uint_eq(task_jitter_ms(5, 12345), 0);
}
END_TEST

START_TEST(task_keeps_its_place_under_another_program)
{
	static struct background_shm shm;
	struct background old = { .shm = &shm,
		                  .task_count = 2,
		                  .tasks = { { .name = (char *)"a" }, { .name = (char *)"b" } } };
	struct background new = { .shm = &shm,
		                  .task_count = 2,
		                  .tasks = { { .name = (char *)"c" }, { .name = (char *)"b" } } };

	memset(&shm, 0, sizeof shm);
	task_bind(&old);
	atomic_store(&shm.tasks[old.tasks[1].slot].runs, 7);
	atomic_store(&shm.tasks[old.tasks[0].slot].runs, 5);
	task_bind(&new);
	ck_assert_uint_eq(shm.tasks[new.tasks[1].slot].runs, 7);
	ck_assert_uint_eq(shm.tasks[new.tasks[0].slot].runs, 0);
}
END_TEST

static struct background two_tasks(struct background_shm *shm)
{
	struct background b = { .shm = shm,
		                .task_count = 2,
		                .tasks = { { .name = (char *)"a", .period_ms = 1000 },
		                           { .name = (char *)"b", .period_ms = 1000 } } };

	memset(shm, 0, sizeof *shm);
	task_bind(&b);
	return b;
}

START_TEST(dead_process_costs_the_task_that_ran)
{
	static struct background_shm shm;
	struct background b = two_tasks(&shm);

	ck_assert(!task_of(&b, 77));
	atomic_store(&shm.tasks[1].runner, 77);
	atomic_store(&shm.tasks[1].since_ms, 1);
	const struct background_task *task = task_of(&b, 77);
	ck_assert_str_eq(task->name, "b");
	task_note_death(&b, task, TASK_CRASHED, "it died of signal 11");
	ck_assert(!task_of(&b, 77));
	ck_assert_uint_eq(shm.tasks[1].in_row, 1);
	ck_assert_uint_eq(shm.tasks[1].outcome, TASK_CRASHED);
	ck_assert_str_eq(shm.tasks[1].reason, "it died of signal 11");
	ck_assert_uint_eq(shm.tasks[0].runs, 0);
	/* Cut by us: no failure, and due at once. */
	atomic_store(&shm.tasks[0].runner, 77);
	atomic_store(&shm.tasks[0].since_ms, 1);
	task_note_death(&b, &b.tasks[0], TASK_CUT, "told to leave");
	ck_assert_uint_eq(shm.tasks[0].failures, 0);
	ck_assert_uint_eq(shm.tasks[0].due_ms, 0);
	/* It had claimed one, and not begun: free again. */
	atomic_store(&shm.tasks[0].runner, 77);
	task_note_death(&b, &b.tasks[0], TASK_CRASHED, "it died of signal 9");
	ck_assert(!task_of(&b, 77));
	ck_assert_uint_eq(shm.tasks[0].failures, 0);
}
END_TEST

START_TEST(long_run_is_in_the_way_once_another_is_late)
{
	static struct background_shm shm;
	struct background b = two_tasks(&shm);

	atomic_store(&shm.tasks[1].due_ms, 20000);
	ck_assert(!task_is_in_the_way(&b, 77, 30000)); /* it runs nothing */
	atomic_store(&shm.tasks[0].runner, 77);
	atomic_store(&shm.tasks[0].since_ms, 10000);
	ck_assert(!task_is_in_the_way(&b, 77, 20400)); /* the other is not late yet */
	ck_assert(task_is_in_the_way(&b, 77, 20500));
	ck_assert(!task_is_in_the_way(&b, 78, 20500));
	/* After a sleep of the machine all are late: each has its turn first. */
	atomic_store(&shm.tasks[0].since_ms, 30000);
	ck_assert(!task_is_in_the_way(&b, 77, 30400));
	atomic_store(&shm.tasks[1].runner, 78); /* another process has it */
	ck_assert(!task_is_in_the_way(&b, 77, 40000));
	atomic_store(&shm.tasks[1].runner, 0);
	atomic_store(&shm.tasks[1].rests, 1);
	ck_assert(!task_is_in_the_way(&b, 77, 40000));
}
END_TEST

/* ---- A store that is away. */

START_TEST(store_that_is_away_is_left_alone_longer_and_longer)
{
	static struct jobs_shm shm;
	struct job_away away = { 0 };
	uint64_t pause_ms = 0, now_ms = 1000;

	for (int i = 0; i < 100; i++) {
		uint64_t next_ms = job_away_note(&away, &shm, "it is gone", now_ms);
		ck_assert_uint_ge(next_ms, pause_ms);
		ck_assert_uint_le(next_ms, 5000);
		pause_ms = next_ms;
	}
	ck_assert_uint_eq(pause_ms, 5000);
	ck_assert(atomic_load(&shm.is_away));
	ck_assert_str_eq(shm.away_reason, "it is gone");
	/* Said once; then when the reason is another, and after a time that grows. */
	ck_assert_uint_eq(away.say_at_ms, now_ms + 60000);
	job_away_note(&away, &shm, "it is gone", now_ms + 60000);
	ck_assert_uint_eq(away.say_at_ms, now_ms + 60000 + 120000);
	job_away_note(&away, &shm, "it is full", now_ms + 60001);
	ck_assert_uint_eq(away.say_at_ms, now_ms + 60001 + 60000);
	ck_assert_str_eq(shm.away_reason, "it is full");
	job_away_end(&away, &shm);
	ck_assert(!atomic_load(&shm.is_away));
	ck_assert_uint_lt(job_away_note(&away, &shm, "it is gone", now_ms), 1000);
}
END_TEST

START_TEST(store_that_fails_is_asked_by_one_worker_after_a_pause)
{
	static struct jobs_shm shm;

	for (int i = 0; i < 3; i++)
		ck_assert(job_breaker_admits(&shm, 1000)); /* it answers: all ask */
	job_breaker_note(&shm, true, 1000);
	ck_assert(!job_breaker_admits(&shm, 1000));
	ck_assert(!job_breaker_admits(&shm, 1000 + JOB_BREAKER_PAUSE_MS - 1));
	ck_assert(job_breaker_admits(&shm, 1000 + JOB_BREAKER_PAUSE_MS));
	ck_assert(!job_breaker_admits(&shm, 1000 + JOB_BREAKER_PAUSE_MS)); /* the other one tries */
	job_breaker_note(&shm, false, 1000 + JOB_BREAKER_PAUSE_MS + 1);
	for (int i = 0; i < 3; i++)
		ck_assert(job_breaker_admits(&shm, 6000));
	/* The jobs' process tries by itself: no worker does. */
	job_breaker_hold(&shm, 12000, 10000);
	job_breaker_note(&shm, true, 10000);
	ck_assert(!job_breaker_admits(&shm, 10000 + JOB_BREAKER_PAUSE_MS));
	ck_assert(job_breaker_admits(&shm, 22000));
	job_breaker_close(&shm);
	ck_assert(job_breaker_admits(&shm, 22000) && job_breaker_admits(&shm, 22000));
	atomic_store(&shm.ask_again_ms, UINT64_MAX); /* spoilt */
	ck_assert(job_breaker_admits(&shm, 22000));
}
END_TEST

/* One that accepts, by its backlog, and never answers.  Its path is written. */
static int listen_mutely(const char *at)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(address.sun_path, sizeof address.sun_path, "%s", at);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
	ck_assert_int_eq(listen(fd, 64), 0);
	return fd;
}

static uint64_t ms_for(enum job_verdict (*look)(const struct background *, const char *, char **),
                       const struct background *b)
{
	uint64_t from_ns = clock_ns();
	char *text = NULL;

	ck_assert_int_eq(look(b, "i", &text), JOB_AWAY);
	return (clock_ns() - from_ns) / 1000000;
}

START_TEST(store_that_never_answers_blocks_one_request_and_not_each)
{
	static struct background_shm shm;
	char folder[] = "/tmp/percore-mute-XXXXXX", path[64], url[80];

	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/jobs", folder);
	snprintf(url, sizeof url, "redis+unix://%s", path);
	const struct settings settings = { .jobs = url };
	const struct background b = { .name = "n", .shm = &shm, .settings = &settings, .place = folder };
	int fd = listen_mutely(path);
#ifdef HAVE_HIREDIS
	ck_assert_uint_ge(ms_for(job_redis_look, &b), 1000);
	for (int i = 0; i < 10; i++)
		ck_assert_uint_le(ms_for(job_redis_look, &b), 100);
	job_breaker_close(&shm.jobs);
#endif
	ck_assert_uint_ge(ms_for(job_client_look, &b), 1000);
	for (int i = 0; i < 10; i++)
		ck_assert_uint_le(ms_for(job_client_look, &b), 100);
	close(fd);
	unlink(path);
	rmdir(folder);
}
END_TEST

/* ---- Snapshots. */

static struct background_shm *shared;
static char place[RUNTIME_DIRECTORY_MAX];
static int place_lock;

static void make_place(void)
{
	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	place_lock = runtime_directory_open(place, "/dev/shm");
	ck_assert_int_ge(place_lock, 0);
	snapshot_use(shared, place);
	snapshot_begin();
}

static void drop_place(void)
{
	runtime_directory_remove(place, place_lock);
	ck_assert_int_ne(access(place, F_OK), 0);
	munmap(shared, sizeof *shared);
}

static unsigned files_left(void)
{
	DIR *directory = opendir(place);
	unsigned files = 0;

	for (const struct dirent *entry; (entry = readdir(directory));)
		files += entry->d_name[0] != '.';
	closedir(directory);
	return files;
}

START_TEST(what_is_published_can_be_read)
{
	size_t length;

	make_place();
	ck_assert_ptr_null(percore_snapshot("a", &length));
	ck_assert_uint_eq(percore_snapshot_version("a"), 0);
	ck_assert(percore_publish("a", "one", 3));
	ck_assert(percore_publish("b", "", 0));
	snapshot_begin();
	ck_assert_mem_eq(percore_snapshot("a", &length), "one", 3);
	ck_assert_uint_eq(length, 3);
	ck_assert_uint_eq(percore_snapshot_version("a"), 1);
	ck_assert_ptr_nonnull(percore_snapshot("b", &length));
	ck_assert_uint_eq(length, 0);
	ck_assert(percore_publish("a", "two!", 4));
	ck_assert_mem_eq(percore_snapshot("a", &length), "one", 3);
	snapshot_begin();
	ck_assert_mem_eq(percore_snapshot("a", &length), "two!", 4);
	for (int i = 0; i < 20; i++)
		ck_assert(percore_publish("a", "more", 4));
	ck_assert_mem_eq(percore_snapshot("a", &length), "two!", 4); /* removed, and still whole here */
	ck_assert_uint_eq(files_left(), 3);                          /* the newest two, and that of b */
	drop_place();
}
END_TEST

START_TEST(json_is_parsed_once_a_version)
{
	json_object *published = json_tokener_parse("{\"city\":\"Rome\"}");

	make_place();
	ck_assert_ptr_null(percore_snapshot_json("j"));
	ck_assert(percore_publish_json("j", published));
	snapshot_begin();
	json_object *first = percore_snapshot_json("j");
	ck_assert_str_eq(json_object_to_json_string_ext(first, JSON_C_TO_STRING_PLAIN),
	                 "{\"city\":\"Rome\"}");
	snapshot_begin();
	ck_assert_ptr_eq(percore_snapshot_json("j"), first);
	ck_assert(percore_publish("j", "no json", 7));
	snapshot_begin();
	ck_assert_ptr_null(percore_snapshot_json("j"));
	json_object_put(published);
	drop_place();
}
END_TEST

/* What percore_publish_json and a reader after it make of a text; "none". */
static const char *published_and_read(const char *text)
{
	static char read[64];
	json_object *json = json_tokener_parse(text);

	ck_assert(percore_publish_json("s", json));
	snapshot_begin();
	snprintf(read, sizeof read, "%s",
	         json_object_to_json_string_ext(percore_snapshot_json("s"), JSON_C_TO_STRING_PLAIN));
	json_object_put(json);
	return read;
}

START_TEST(scalars_are_published_and_read_back)
{
	static const char *const texts[] = { "42",    "0",     "-17",  "1.5",  "1e+20", "true",
		                             "false", "\"a\"", "\"\"", "null", "[]",    "{}" };

	make_place();
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		ck_assert_str_eq(published_and_read(texts[i]), texts[i]);
	/* A file of whole pages has no NUL behind it. */
	char *page = malloc(4096);
	memset(page, '1', 4096);
	page[1] = '.';
	ck_assert(percore_publish("s", page, 4096));
	snapshot_begin();
	ck_assert_ptr_nonnull(percore_snapshot_json("s"));
	ck_assert(percore_publish("s", "42", 3)); /* with its NUL */
	snapshot_begin();
	ck_assert_int_eq(json_object_get_int(percore_snapshot_json("s")), 42);
	free(page);
	drop_place();
}
END_TEST

static json_object *nest(unsigned levels)
{
	json_object *json = json_object_new_array();

	for (; levels > 1; levels--) {
		json_object *outer = json_object_new_array();
		json_object_array_add(outer, json);
		json = outer;
	}
	return json;
}

/* In place of stderr, to where log_error writes.  The text lasts until the next. */
static int stderr_was, stderr_file;

static void hold_stderr(void)
{
	fflush(stderr);
	stderr_was = dup(STDERR_FILENO);
	stderr_file = memfd_create("stderr", 0);
	dup2(stderr_file, STDERR_FILENO);
}

static const char *take_stderr(void)
{
	static char text[1024];

	fflush(stderr);
	dup2(stderr_was, STDERR_FILENO);
	close(stderr_was);
	ssize_t length = pread(stderr_file, text, sizeof text - 1, 0);
	text[length > 0 ? length : 0] = '\0';
	close(stderr_file);
	return text;
}

START_TEST(what_could_not_be_read_back_is_not_published_and_said)
{
	json_object *deep = nest(VALUE_LEVELS_MAX + 1), *most = nest(VALUE_LEVELS_MAX);
	json_object *nan = json_object_new_double(strtod("nan", NULL));
	json_object *latin = json_object_new_string("caf\xe9");

	make_place();
	ck_assert(percore_publish_json("d", most));
	hold_stderr();
	ck_assert(!percore_publish_json("d", deep));
	ck_assert(!percore_publish_json("d", nan));
	ck_assert(!percore_publish_json("d", latin));
	ck_assert_ptr_nonnull(strstr(take_stderr(), "snapshot d: its JSON could not be read back"));
	snapshot_begin();
	ck_assert(json_object_equal(percore_snapshot_json("d"), most));
	ck_assert(percore_publish("d", "{\"a\":", 5));
	snapshot_begin();
	hold_stderr();
	ck_assert_ptr_null(percore_snapshot_json("d"));
	ck_assert_ptr_null(percore_snapshot_json("d"));
	const char *said = take_stderr(), *first = strstr(said, "snapshot d: version 2 is no JSON (byte 5: ");
	ck_assert_ptr_nonnull(first);
	ck_assert_ptr_null(strstr(first + 1, "snapshot d")); /* once a version */
	json_object_put(deep);
	json_object_put(most);
	json_object_put(nan);
	json_object_put(latin);
	drop_place();
}
END_TEST

START_TEST(what_cannot_be_published_changes_nothing)
{
	size_t length;
	char name[16];
	char *big = calloc(1, SNAPSHOT_BYTES_MAX + 1);

	make_place();
	ck_assert(percore_publish("a", "one", 3));
	ck_assert(!percore_publish("a", big, SNAPSHOT_BYTES_MAX + 1));
	snapshot_begin();
	ck_assert_mem_eq(percore_snapshot("a", &length), "one", 3);
	ck_assert(percore_publish("a", big, SNAPSHOT_BYTES_MAX));
	snapshot_begin();
	ck_assert_ptr_nonnull(percore_snapshot("a", &length));
	ck_assert_uint_eq(length, SNAPSHOT_BYTES_MAX);
	for (int i = 1; i < SNAPSHOTS_MAX; i++) {
		snprintf(name, sizeof name, "n%d", i);
		ck_assert(percore_publish(name, name, strlen(name)));
	}
	ck_assert(!percore_publish("one too many", "x", 1));
	snprintf(place, sizeof place, "/nonexistent");
	ck_assert(!percore_publish("a", "x", 1));
	free(big);
	snapshot_use(NULL, "");
	ck_assert(!percore_publish("a", "x", 1));
	ck_assert_ptr_null(percore_snapshot("a", &length));
}
END_TEST

enum { READERS = 8, WRITERS = 2, WORDS_MAX = 4096 };

/* A value is its seed, over and over; its length follows from it. */
static size_t make_value(uint64_t seed, uint64_t *words)
{
	size_t count = 1 + seed * 2654435761U % WORDS_MAX;

	for (size_t i = 0; i < count; i++)
		words[i] = seed;
	return count * sizeof *words;
}

static bool is_torn(const void *bytes, size_t length)
{
	static uint64_t words[WORDS_MAX + 1];
	uint64_t seed;

	memcpy(&seed, bytes, sizeof seed);
	return make_value(seed, words) != length || memcmp(words, bytes, length) != 0;
}

static _Noreturn void read_forever(_Atomic uint64_t *reads, _Atomic uint64_t *torn)
{
	unsigned long long before = 0;
	size_t length;

	for (;;) {
		snapshot_begin();
		const void *bytes = percore_snapshot("v", &length);
		unsigned long long version = percore_snapshot_version("v");
		if (!bytes || version < before || is_torn(bytes, length))
			atomic_fetch_add(torn, 1);
		before = version;
		atomic_fetch_add(reads, 1);
	}
}

static _Noreturn void write_forever(unsigned writer)
{
	uint64_t words[WORDS_MAX + 1];

	for (uint64_t seed = (uint64_t)getpid() * 1000000 + writer;; seed++)
		percore_publish("v", words, make_value(seed, words));
}

START_TEST(nobody_reads_a_torn_value_whoever_dies)
{
	_Atomic uint64_t *counts =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint64_t wanted = getenv("PERCORE_LONG") ? 10000000 : 200000, first[1] = { 0 };
	pid_t readers[READERS], writers[WRITERS] = { 0 };
	unsigned kills = 0;

	make_place();
	ck_assert(percore_publish("v", first, make_value(0, first) > sizeof first ? 0 : sizeof first));
	for (int i = 0; i < READERS; i++)
		if ((readers[i] = fork()) == 0)
			read_forever(&counts[0], &counts[1]);
	while (atomic_load(&counts[0]) < wanted || kills < 100) {
		for (unsigned i = 0; i < WRITERS; i++)
			if (!writers[i] && (writers[i] = fork()) == 0)
				write_forever(i);
		usleep((useconds_t)(random() % 10000));
		kill(writers[kills % WRITERS], SIGKILL);
		waitpid(writers[kills % WRITERS], NULL, 0);
		writers[kills++ % WRITERS] = 0;
	}
	for (int i = 0; i < WRITERS; i++)
		if (writers[i]) {
			kill(writers[i], SIGKILL);
			waitpid(writers[i], NULL, 0);
		}
	for (int i = 0; i < READERS; i++) {
		ck_assert_int_eq(waitpid(readers[i], NULL, WNOHANG), 0); /* none died */
		kill(readers[i], SIGKILL);
		waitpid(readers[i], NULL, 0);
	}
	ck_assert_uint_eq(counts[1], 0);
	printf("snapshots: %llu reads, %llu versions, %u writers killed\n", (unsigned long long)counts[0],
	       (unsigned long long)shared->snapshots[0].current, kills);
	/* What the dead left behind is removed by whoever publishes next. */
	ck_assert(percore_publish("v", first, sizeof first) && percore_publish("v", first, sizeof first));
	ck_assert_uint_eq(files_left(), 2);
	drop_place();
}
END_TEST

START_TEST(directory_of_a_dead_pool_is_removed)
{
	char parent[] = "/tmp/percore-test-XXXXXX", dead[64], other[64], before[64],
	     path[RUNTIME_DIRECTORY_MAX] = "";
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	waitpid(pid, NULL, 0);
	ck_assert_ptr_nonnull(mkdtemp(parent));
	snprintf(dead, sizeof dead, "%s/percore.%d.abcdef", parent, (int)pid);
	snprintf(other, sizeof other, "%s/percore.%d.ghijkl", parent, (int)getppid());
	snprintf(before, sizeof before, "%s/percore.%d.mnopqr", parent, (int)getpid());
	ck_assert_int_eq(mkdir(dead, 0700) + mkdir(other, 0700) + mkdir(before, 0700), 0);
	int lock = runtime_directory_open(path, parent);
	ck_assert_int_ge(lock, 0);
	ck_assert_int_eq(access(before, F_OK), 0); /* a predecessor's workers may use it */
	runtime_directory_sweep(parent);
	ck_assert_int_ne(access(dead, F_OK), 0);
	ck_assert_int_ne(access(before, F_OK), 0);
	ck_assert_int_eq(access(path, F_OK), 0);  /* ours */
	ck_assert_int_eq(access(other, F_OK), 0); /* its process lives */
	runtime_directory_remove(path, lock);
	rmdir(other);
	rmdir(parent);
}
END_TEST

/* ---- The jobs' file. */

#ifdef HAVE_SQLITE

static char folder[] = "/tmp/percore-jobs-XXXXXX", file[64];
static struct job_sqlite *store;

static void make_folder(void)
{
	strcpy(folder, "/tmp/percore-jobs-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(file, sizeof file, "%s/jobs", folder);
}

/* How many of its files' names begin so. */
static unsigned count_files(const char *prefix, bool remove)
{
	DIR *directory = opendir(folder);
	unsigned files = 0;

	for (const struct dirent *entry; (entry = readdir(directory));) {
		files += strncmp(entry->d_name, prefix, strlen(prefix)) == 0;
		if (remove)
			unlinkat(dirfd(directory), entry->d_name, 0);
	}
	closedir(directory);
	return files;
}

static void drop_folder(void)
{
	if (store)
		job_sqlite_close(store);
	store = NULL;
	count_files("", true);
	rmdir(folder);
}

static char problem[BACKGROUND_REASON_MAX];
static const struct jobs_shm *claims;

static void open_store(void)
{
	make_folder();
	store = job_sqlite_open(file, 3, claims, problem);
	ck_assert_ptr_nonnull(store);
}

static void open_again(void)
{
	job_sqlite_close(store);
	store = job_sqlite_open(file, 3, claims, problem);
	ck_assert_ptr_nonnull(store);
}

static enum job_verdict add(const char *id, const char *key, const char *input, char kept[JOB_ID_MAX])
{
	struct job_offer offer = { .name = "n", .input = input };

	snprintf(offer.id, sizeof offer.id, "%s", id);
	snprintf(offer.key, sizeof offer.key, "%s", key);
	ck_assert(job_sqlite_begin(store));
	enum job_verdict verdict = job_sqlite_add(store, &offer, 1000, 3);
	if (!job_sqlite_commit(store))
		verdict = JOB_AWAY;
	if (kept)
		strcpy(kept, offer.id);
	return verdict;
}

static bool take(uint64_t now_ms, struct job_entry *entry)
{
	ck_assert(job_sqlite_begin(store));
	bool taken = job_sqlite_take(store, now_ms, entry);
	ck_assert(job_sqlite_commit(store));
	if (taken)
		free(entry->input);
	return taken;
}

static void end(const char *id, const struct job_end *how)
{
	struct job_entry entry = { 0 };

	snprintf(entry.id, sizeof entry.id, "%s", id);
	ck_assert(job_sqlite_begin(store));
	job_sqlite_end(store, &entry, how, 2000);
	ck_assert(job_sqlite_commit(store));
}

/* What the report says of it: "queued 0", "done 1 17", "failed 3 why"; "none". */
static const char *look(const char *id)
{
	static char text[256];
	char *report = NULL;
	json_object *status, *attempts, *result = NULL;

	ck_assert(job_sqlite_begin(store));
	enum job_verdict verdict = job_sqlite_look(store, id, &report);
	ck_assert(job_sqlite_commit(store));
	if (verdict == JOB_NONE)
		return "none";
	json_object *json = json_tokener_parse(report);
	json_object_object_get_ex(json, "status", &status);
	json_object_object_get_ex(json, "attempts", &attempts);
	if (!json_object_object_get_ex(json, "result", &result))
		json_object_object_get_ex(json, "reason", &result);
	snprintf(text, sizeof text, "%s %d%s%s", json_object_get_string(status),
	         json_object_get_int(attempts), result ? " " : "",
	         result ? json_object_get_string(result) : "");
	json_object_put(json);
	free(report);
	return text;
}

START_TEST(job_is_kept_taken_once_and_its_result_told)
{
	struct job_entry entry;

	open_store();
	ck_assert_int_eq(add("a", "", "{\"x\":1}", NULL), JOB_OK);
	open_again();
	ck_assert_str_eq(look("a"), "queued 0");
	ck_assert_str_eq(look("b"), "none");
	ck_assert(!take(999, &entry)); /* not due yet */
	ck_assert_uint_eq(job_sqlite_next_ms(store), 1000);
	ck_assert(take(1000, &entry));
	ck_assert_str_eq(entry.id, "a");
	ck_assert_uint_eq(entry.attempt, 1);
	ck_assert(!take(1000, &entry));
	ck_assert_str_eq(look("a"), "running 1");
	end("a", &(struct job_end){ .state = JOB_DONE, .result = "17", .reason = "" });
	open_again();
	ck_assert_str_eq(look("a"), "done 1 17");
	ck_assert(!take(9000, &entry));
	ck_assert_uint_eq(job_sqlite_next_ms(store), UINT64_MAX);
	drop_folder();
}
END_TEST

START_TEST(key_makes_one_job_of_many)
{
	char kept[JOB_ID_MAX];

	open_store();
	ck_assert_int_eq(add("a", "k", "1", kept), JOB_OK);
	ck_assert_int_eq(add("b", "k", "2", kept), JOB_OK);
	ck_assert_str_eq(kept, "a");
	ck_assert_int_eq(add("c", "k2", "2", kept), JOB_OK);
	ck_assert_str_eq(kept, "c");
	ck_assert_int_eq(add("c", "", "2", kept), JOB_OK); /* asked again: the same offer */
	ck_assert_uint_eq(job_sqlite_queued(store), 2);
	ck_assert_str_eq(look("b"), "none");
	drop_folder();
}
END_TEST

START_TEST(full_queue_refuses_until_one_is_taken)
{
	struct job_entry entry;

	open_store();
	for (const char *id = "a\0b\0c\0"; *id; id += 2)
		ck_assert_int_eq(add(id, "", "1", NULL), JOB_OK);
	ck_assert_int_eq(add("d", "", "1", NULL), JOB_FULL);
	ck_assert_int_eq(add("c", "", "1", NULL), JOB_OK); /* kept already */
	open_again();
	ck_assert_int_eq(add("d", "", "1", NULL), JOB_FULL);
	ck_assert(take(1000, &entry));
	ck_assert_int_eq(add("d", "", "1", NULL), JOB_OK);
	drop_folder();
}
END_TEST

START_TEST(failed_job_runs_again_when_it_is_due)
{
	struct job_entry entry;

	open_store();
	add("a", "", "1", NULL);
	ck_assert(take(1000, &entry));
	end("a", &(struct job_end){ .delay_ms = 3000, .reason = "why" });
	ck_assert_str_eq(look("a"), "queued 1 why");
	ck_assert(!take(4999, &entry));
	ck_assert(take(5000, &entry));
	ck_assert_uint_eq(entry.attempt, 2);
	end("a", &(struct job_end){ .delay_ms = 3000, .reason = "cut", .uncounted = true });
	ck_assert(take(5000, &entry));
	ck_assert_uint_eq(entry.attempt, 2);
	end("a", &(struct job_end){ .state = JOB_FAILED, .reason = "why" });
	ck_assert_str_eq(look("a"), "failed 2 why");
	ck_assert(!take(9000, &entry));
	drop_folder();
}
END_TEST

START_TEST(job_whose_process_was_killed_runs_again_but_not_for_ever)
{
	struct job_entry entry;

	open_store();
	add("a", "", "1", NULL);
	for (unsigned attempt = 1; attempt <= 3; attempt++) {
		ck_assert(take(1000, &entry));
		ck_assert_uint_eq(entry.attempt, attempt);
		open_again();
	}
	ck_assert(!take(1000, &entry));
	ck_assert_str_eq(look("a"), "failed 3 the process that ran it was killed");
	drop_folder();
}
END_TEST

START_TEST(job_that_another_process_holds_is_left_alone)
{
	static struct jobs_shm shm;
	struct job_entry entry;

	claims = &shm;
	open_store();
	add("a", "", "1", NULL);
	add("b", "", "1", NULL);
	ck_assert(take(1000, &entry));
	ck_assert(take(1000, &entry));
	ck_assert(job_claim_make(&shm, "a"));
	atomic_store(&shm.claims[0].pid, 77);
	ck_assert_uint_eq(job_claim_others(&shm), 1);
	open_again();
	ck_assert_uint_eq(job_sqlite_queued(store), 1);
	ck_assert(take(1000, &entry));
	ck_assert_str_eq(entry.id, "b");
	ck_assert(job_claim_make(&shm, "b"));
	ck_assert(!take(1000, &entry));
	job_claim_drop(&shm, "a"); /* not this process's to drop */
	ck_assert_uint_eq(job_claim_count(&shm), 2);
	job_claim_drop_all(&shm, 77);
	ck_assert(job_sqlite_take_up(store));
	ck_assert_uint_eq(job_sqlite_queued(store), 1);
	ck_assert(take(1000, &entry));
	ck_assert_str_eq(entry.id, "a");
	claims = NULL;
	drop_folder();
}
END_TEST

/* Its clock and all its times, as another boot and another wall clock left them. */
static void move_clock(int64_t by_ms, bool is_another_boot)
{
	sqlite3 *db;
	char text[512];

	job_sqlite_close(store);
	ck_assert_int_eq(sqlite3_open(file, &db), SQLITE_OK);
	snprintf(text, sizeof text,
	         "UPDATE clock SET wall_ms = wall_ms + %lld, store_ms = store_ms + %lld;"
	         "UPDATE jobs SET created_ms = created_ms + %lld, started_ms = started_ms + %lld,"
	         " due_ms = due_ms + %lld, ended_ms = ended_ms + %lld;%s",
	         (long long)by_ms, (long long)by_ms, (long long)by_ms, (long long)by_ms, (long long)by_ms,
	         (long long)by_ms, is_another_boot ? "UPDATE clock SET boot = 'another'" : "");
	ck_assert_int_eq(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	store = job_sqlite_open(file, 3, claims, problem);
	ck_assert_ptr_nonnull(store);
}

static void fail_for(uint64_t delay_ms)
{
	struct job_entry entry;
	uint64_t now_ms = job_sqlite_now_ms(store);
	const struct job_end how = { .delay_ms = delay_ms, .reason = "why" };

	ck_assert(take(now_ms, &entry));
	ck_assert(job_sqlite_begin(store));
	job_sqlite_end(store, &entry, &how, now_ms);
	ck_assert(job_sqlite_commit(store));
}

static uint64_t left_ms(void)
{
	return job_sqlite_next_ms(store) - job_sqlite_now_ms(store);
}

START_TEST(delay_is_the_same_when_the_wall_clock_is_another_at_the_next_start)
{
	enum { DAY_MS = 86400000 };

	for (int is_another_boot = 0; is_another_boot < 2; is_another_boot++) {
		open_store();
		ck_assert_int_eq(add("a", "", "1", NULL), JOB_OK);
		fail_for(60000);
		ck_assert_uint_le(left_ms(), 61000);
		move_clock(DAY_MS, is_another_boot); /* it was a day ahead, and was set back */
		ck_assert_uint_le(left_ms(), 61000);
		ck_assert_uint_ge(left_ms(), 50000);
		drop_folder();
	}
	open_store();
	ck_assert_int_eq(add("a", "", "1", NULL), JOB_OK);
	fail_for(60000);
	move_clock(-DAY_MS, false); /* it was a day behind */
	ck_assert_uint_ge(left_ms(), 50000);
	ck_assert_uint_le(left_ms(), 61000);
	drop_folder();
}
END_TEST

START_TEST(what_was_planned_is_never_further_away_than_a_delay_can_be)
{
	open_store();
	ck_assert_int_eq(add("a", "", "1", NULL), JOB_OK);
	fail_for(86400000);
	open_again();
	ck_assert_uint_le(left_ms(), JOB_DELAY_MAX_MS);
	drop_folder();
}
END_TEST

static void forget(const struct job_bounds *bounds)
{
	ck_assert(job_sqlite_begin(store));
	job_sqlite_forget(store, bounds);
	ck_assert(job_sqlite_commit(store));
}

START_TEST(oldest_results_are_forgotten_when_they_are_too_many_or_too_large)
{
	const struct job_bounds many = { 0, 2, 1000 }, large = { 0, 2, 7 };
	struct job_entry entry;

	open_store();
	for (const char *id = "a\0b\0c\0"; *id; id += 2) {
		ck_assert_int_eq(add(id, *id == 'a' ? "k" : "", "1", NULL), JOB_OK);
		ck_assert(take(1000, &entry));
		ck_assert(!job_sqlite_is_over(store, &many));
		end(id, &(struct job_end){ .state = *id == 'b' ? JOB_FAILED : JOB_DONE,
		                           .result = *id == 'b' ? NULL : "12345",
		                           .reason = *id == 'b' ? "why" : "" });
	}
	ck_assert(job_sqlite_is_over(store, &many));
	open_again(); /* they are counted again */
	ck_assert(job_sqlite_is_over(store, &many));
	forget(&many);
	ck_assert(!job_sqlite_is_over(store, &many));
	ck_assert_str_eq(look("a"), "none");
	ck_assert_str_eq(look("b"), "failed 1 why");
	ck_assert(job_sqlite_is_over(store, &large));
	forget(&large);
	ck_assert(!job_sqlite_is_over(store, &large));
	ck_assert_str_eq(look("b"), "none");
	ck_assert_str_eq(look("c"), "done 1 12345");
	ck_assert_int_eq(add("d", "k", "1", NULL), JOB_OK); /* its key is free again */
	ck_assert_str_eq(look("d"), "queued 0");
	drop_folder();
}
END_TEST

START_TEST(result_is_forgotten_when_its_time_is_over)
{
	struct job_entry entry;

	open_store();
	add("a", "k", "1", NULL);
	add("b", "", "1", NULL);
	ck_assert(take(1000, &entry));
	end("a", &(struct job_end){ .state = JOB_DONE, .result = "1", .reason = "" });
	for (uint64_t before_ms = 2000; before_ms <= 2001; before_ms++) {
		ck_assert_str_eq(look("a"), "done 1 1");
		forget(&(struct job_bounds){ before_ms, 1000, 1000 });
	}
	ck_assert_str_eq(look("a"), "none");
	ck_assert_str_eq(look("b"), "queued 0");
	drop_folder();
}
END_TEST

static void damage(off_t at)
{
	int fd = open(file, O_WRONLY);
	char garbage[4096];

	memset(garbage, 0x5a, sizeof garbage);
	ck_assert_int_eq(pwrite(fd, garbage, sizeof garbage, at), sizeof garbage);
	close(fd);
}

START_TEST(damaged_file_is_put_aside)
{
	const off_t places[] = { 0, 4096 }; /* its head; the table */

	for (size_t i = 0; i < 2; i++) {
		open_store();
		add("a", "", "1", NULL);
		job_sqlite_close(store);
		damage(places[i]);
		store = job_sqlite_open(file, 3, claims, problem);
		ck_assert_ptr_nonnull(store);
		ck_assert_uint_ge(count_files("jobs.corrupt-", false), 1);
		ck_assert_str_eq(look("a"), "none");
		ck_assert_int_eq(add("b", "", "1", NULL), JOB_OK);
		drop_folder();
	}
}
END_TEST

START_TEST(file_of_a_later_version_is_left_alone)
{
	char command[128];

	open_store();
	add("a", "", "1", NULL);
	job_sqlite_close(store);
	int fd = open(file, O_RDWR);
	const unsigned char version[4] = { 0, 0, 0, 9 }; /* user_version: offset 60 */
	ck_assert_int_eq(pwrite(fd, version, 4, 60), 4);
	close(fd);
	store = NULL;
	ck_assert_ptr_null(job_sqlite_open(file, 3, claims, problem));
	ck_assert_uint_eq(count_files("jobs.corrupt-", false), 0);
	snprintf(command, sizeof command, "%s/none/jobs", folder);
	ck_assert_ptr_null(job_sqlite_open(command, 3, NULL, problem));
	drop_folder();
}
END_TEST

START_TEST(full_disk_refuses_and_recovers)
{
	const struct rlimit none = { 1 << 15, RLIM_INFINITY }, all = { RLIM_INFINITY, RLIM_INFINITY };
	char *big = malloc(1 << 18);

	memset(big, '1', (1 << 18) - 1);
	big[(1 << 18) - 1] = '\0';
	open_store();
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(add("a", "", "1", NULL), JOB_OK);
	setrlimit(RLIMIT_FSIZE, &none);
	ck_assert_int_eq(add("b", "", big, NULL), JOB_AWAY);
	setrlimit(RLIMIT_FSIZE, &all);
	ck_assert_uint_eq(job_sqlite_queued(store), 1);
	ck_assert(!job_sqlite_is_damaged(store));
	ck_assert_int_eq(add("b", "", big, NULL), JOB_OK);
	open_again();
	ck_assert_str_eq(look("a"), "queued 0");
	ck_assert_str_eq(look("b"), "queued 0");
	free(big);
	drop_folder();
}
END_TEST

#endif

START_TEST(clock_of_the_jobs_is_steady)
{
	const struct job_clock none = { 0 }, then = { "b", 1000, 50000, 40000 };
	struct job_clock now = { "b", 3000, 52000, 0 };

	ck_assert_uint_eq(job_clock_at(&none, &now), 52000);
	ck_assert_uint_eq(job_clock_at(&then, &now), 42000);
	ck_assert(!job_clock_was_set(&then, &now));
	now.wall_ms = 10; /* set back; and ahead */
	ck_assert_uint_eq(job_clock_at(&then, &now), 42000);
	ck_assert(job_clock_was_set(&then, &now));
	now.wall_ms = 90000;
	ck_assert_uint_eq(job_clock_at(&then, &now), 42000);
	ck_assert(job_clock_was_set(&then, &now));
	strcpy(now.boot, "c"); /* another boot: the wall clock tells, where it went on */
	now.steady_ms = 5;
	ck_assert_uint_eq(job_clock_at(&then, &now), 80000);
	now.wall_ms = 10;
	ck_assert_uint_eq(job_clock_at(&then, &now), 40000);
}
END_TEST

/* ---- A run. */

static bool echo(struct percore_work *work, json_object *input, void *arg)
{
	(void)arg;
	percore_set_result(work, json_object_get(input));
	return true;
}

static bool return_too_deep(struct percore_work *work, json_object *input, void *arg)
{
	(void)arg;
	(void)input;
	percore_set_result(work, nest(VALUE_LEVELS_MAX + 1));
	return true;
}

/* The result of a job that was run with this input; or why there is none. */
static const char *run_job(percore_job job, const char *input)
{
	static char text[512];
	const struct background b = { .job_count = 1, .jobs = { { .name = (char *)"j", .run = job } } };
	struct job_run run = { .entry = { .id = "i", .name = "j", .attempt = 1, .input = strdup(input) } };
	int status;

	job_run_start(&run, &b, 1);
	ck_assert_int_gt(run.pid, 0);
	ck_assert_int_eq(waitpid(run.pid, &status, 0), run.pid);
	job_run_note_exit(&run, status);
	const struct job_outcome outcome = job_run_outcome(&run);
	snprintf(text, sizeof text, "%s",
	         outcome.problem  ? outcome.problem
	         : outcome.result ? outcome.result
	                          : "none");
	job_run_clear(&run);
	return text;
}

START_TEST(input_arrives_whole_or_the_run_has_failed)
{
	json_object *most = nest(VALUE_LEVELS_MAX), *deep = nest(VALUE_LEVELS_MAX + 1);
	const char *text = json_object_to_json_string_ext(most, JSON_C_TO_STRING_PLAIN);

	ck_assert_str_eq(run_job(echo, text), text);
	ck_assert_str_eq(run_job(echo, "42"), "42");
	ck_assert_str_eq(run_job(echo, "null"), "none");
	text = json_object_to_json_string_ext(deep, JSON_C_TO_STRING_PLAIN);
	ck_assert_ptr_nonnull(strstr(run_job(echo, text), "its input cannot be read: byte 64: "));
	ck_assert_ptr_nonnull(strstr(run_job(echo, ""), "its input cannot be read"));
	ck_assert_ptr_nonnull(strstr(run_job(return_too_deep, "1"), "its result could not be read back: "));
	json_object_put(most);
	json_object_put(deep);
}
END_TEST

static json_object *report_json(const struct job_report *report)
{
	json_tokener *parser = json_tokener_new_ex(VALUE_LEVELS_MAX + 2);
	char *text = job_report_text(report);
	json_object *json = json_tokener_parse_ex(parser, text, -1);

	json_tokener_free(parser);
	free(text);
	return json;
}

START_TEST(result_is_told_whole)
{
	json_object *most = nest(VALUE_LEVELS_MAX), *told;
	struct job_report report = { .id = "i", .name = "n", .state = JOB_DONE };

	report.result = json_object_to_json_string_ext(most, JSON_C_TO_STRING_PLAIN);
	json_object *json = report_json(&report);
	ck_assert(json_object_object_get_ex(json, "result", &told));
	ck_assert(json_object_equal(told, most));
	json_object_put(json);
	report.result = "[1";
	json = report_json(&report);
	ck_assert(json_object_object_get_ex(json, "reason", &told));
	json_object_put(json);
	json_object_put(most);
}
END_TEST

START_TEST(delay_between_attempts_grows_to_an_hour)
{
	ck_assert_uint_eq(job_delay_ms(1000, 1, 0), 1000);
	ck_assert_uint_eq(job_delay_ms(1000, 2, 0), 2000);
	ck_assert_uint_eq(job_delay_ms(1000, 5, 0), 16000);
	ck_assert_uint_eq(job_delay_ms(1000, 100, 0), 3600000);
	ck_assert_uint_eq(job_delay_ms(3600000, 4000000000U, 0), 3600000);
	for (uint64_t random = 0; random < 10000; random += 13)
		ck_assert_uint_le(job_delay_ms(1000, 1, random), 1100);
}
END_TEST

START_TEST(run_is_judged_by_its_attempts)
{
	const struct settings settings = { .job_attempts = 3, .job_retry_ms = 1000 };
	const struct job_entry second = { .attempt = 2 }, third = { .attempt = 3 };
	const struct job_outcome bad = { .problem = "why" }, cut = { .problem = "cut", .cut = true },
				 good = { .result = "1" };

	ck_assert_int_eq(job_judge(&settings, &second, &bad).state, JOB_QUEUED);
	ck_assert_int_eq(job_judge(&settings, &third, &bad).state, JOB_FAILED);
	ck_assert_int_eq(job_judge(&settings, &third, &good).state, JOB_DONE);
	ck_assert_int_eq(job_judge(&settings, &third, &cut).state, JOB_QUEUED);
	ck_assert(job_judge(&settings, &third, &cut).uncounted);
	ck_assert(!job_judge(&settings, &second, &bad).uncounted);
}
END_TEST

Suite *background_suite(void)
{
	const TTest *const tests[] = { run_is_due_on_the_grid_of_its_period,
		                       runs_do_not_drift,
		                       missed_runs_are_left_out,
		                       failing_runs_less_often_but_16_times_at_most,
		                       jitter_is_a_tenth_at_most,
		                       task_keeps_its_place_under_another_program,
		                       dead_process_costs_the_task_that_ran,
		                       long_run_is_in_the_way_once_another_is_late,
		                       store_that_is_away_is_left_alone_longer_and_longer,
		                       store_that_fails_is_asked_by_one_worker_after_a_pause,
		                       store_that_never_answers_blocks_one_request_and_not_each,
		                       what_is_published_can_be_read,
		                       json_is_parsed_once_a_version,
		                       scalars_are_published_and_read_back,
		                       what_could_not_be_read_back_is_not_published_and_said,
		                       what_cannot_be_published_changes_nothing,
		                       nobody_reads_a_torn_value_whoever_dies,
		                       directory_of_a_dead_pool_is_removed,
#ifdef HAVE_SQLITE
		                       job_is_kept_taken_once_and_its_result_told,
		                       key_makes_one_job_of_many,
		                       full_queue_refuses_until_one_is_taken,
		                       failed_job_runs_again_when_it_is_due,
		                       job_whose_process_was_killed_runs_again_but_not_for_ever,
		                       job_that_another_process_holds_is_left_alone,
		                       delay_is_the_same_when_the_wall_clock_is_another_at_the_next_start,
		                       what_was_planned_is_never_further_away_than_a_delay_can_be,
		                       oldest_results_are_forgotten_when_they_are_too_many_or_too_large,
		                       result_is_forgotten_when_its_time_is_over,
		                       damaged_file_is_put_aside,
		                       file_of_a_later_version_is_left_alone,
		                       full_disk_refuses_and_recovers,
#endif
		                       clock_of_the_jobs_is_steady,
		                       input_arrives_whole_or_the_run_has_failed,
		                       result_is_told_whole,
		                       delay_between_attempts_grows_to_an_hour,
		                       run_is_judged_by_its_attempts,
		                       NULL };

	return suite_of("background", tests);
}
