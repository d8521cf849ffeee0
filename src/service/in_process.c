/* SPDX-License-Identifier: ISC */
/*
 * in_process - requests to an app without a socket, for a program's own tests: percore_test_*.
 *
 * A request goes the way of a plain CGI's, so everything but libfcgi and the pool is what serves.
 */
#include "background/job.h"
#include "background/snapshot.h"
#include "background/work.h"
#include "base/ascii.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/no_memory.h"
#include "base/runtime_directory.h"
#include "exchange/fcgi.h"
#include "exchange/request.h"
#include "pool/single.h"
#include "service/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ARGUMENTS_MAX = 64, HEADERS_MAX = 256, ENVIRONMENT_MAX = HEADERS_MAX + 16 };

struct percore_test {
	struct run run;
	struct percore_test_answer answer;
	struct arena arena; /* of the request and its answer */
	_Alignas(max_align_t) unsigned char first[4096];
	char *output; /* what was written: the head, and the body */
	char *argv[ARGUMENTS_MAX + 2];
	int lock; /* of the runtime directory */
};

/* ---- The app. */

static bool configure(struct percore_test *test, const char *const *options)
{
	int argc = 0;

	test->argv[argc++] = test->run.app->name;
	for (; options && *options; options++) {
		if (argc > ARGUMENTS_MAX) {
			log_error("percore_test_new: there are more than %d words of options", ARGUMENTS_MAX);
			return false;
		}
		test->argv[argc++] = (char *)*options;
	}
	test->run.argc = argc;
	test->run.argv = test->argv;
	return run_configure(&test->run) < 0;
}

/* Snapshots can be published, and are gone with the test. */
static bool open_background(struct percore_test *test)
{
	struct background *b = &test->run.app->background;

	test->lock = runtime_directory_open(test->run.inheritance.place, test->run.settings.runtime_dir);
	if (test->lock < 0) {
		log_error("%s: a directory cannot be made there: %s", test->run.settings.runtime_dir,
		          strerror(-test->lock));
		return false;
	}
	b->shm = calloc(1, sizeof *b->shm);
	if (!b->shm)
		return false;
	b->place = test->run.inheritance.place;
	snapshot_use(b->shm, b->place);
	return true;
}

static bool start(struct percore_test *test, const char *const *options)
{
	if (!configure(test, options) || !open_background(test))
		return false;
	run_alone(&test->run);
	single_count(&test->run.metrics);
	metrics_take_slot(&test->run.metrics, 0);
	request_seed();
	return worker_calls_start(&test->run.app->calls);
}

static void end(struct percore_test *test)
{
	struct background *b = &test->run.app->background;

	snapshot_use(NULL, "");
	free(b->shm);
	if (test->lock >= 0)
		runtime_directory_remove(test->run.inheritance.place, test->lock);
	arena_fini(&test->arena);
	free(test->output);
	single_forget(&test->run.metrics);
	if (test->run.options) {
		options_reset(test->run.options);
		app_take_values(test->run.app);
	}
	run_fini(&test->run);
	app_free(test->run.app);
	free(test);
	clock_ahead_ns = 0;
}

struct percore_test *percore_test_new(struct percore_app *app, const char *const *options)
{
	struct percore_test *test = no_memory_unless(calloc(1, sizeof *test));

	test->run.app = app;
	test->run.settings = settings_defaults;
	test->lock = -1;
	arena_init(&test->arena, test->first, sizeof test->first);
	if (start(test, options))
		return test;
	end(test);
	return NULL;
}

void percore_test_free(struct percore_test *test)
{
	worker_calls_stop(&test->run.app->calls);
	end(test);
}

void percore_test_wait(struct percore_test *test, double seconds)
{
	(void)test;
	clock_ahead_ns += (uint64_t)(seconds * 1e9);
}

/* ---- The request. */

/* As a web server writes it. */
struct environment {
	struct arena *arena;
	char *all[ENVIRONMENT_MAX + 1];
	size_t count;
};

static void set(struct environment *e, const char *name, const char *value)
{
	size_t length = strlen(name) + strlen(value) + 2;

	if (e->count == ENVIRONMENT_MAX || !*value)
		return;
	e->all[e->count] = arena_take(e->arena, length);
	snprintf(e->all[e->count++], length, "%s=%s", name, value);
}

static void set_header(struct environment *e, const char *name, const char *value)
{
	char param[160] = "HTTP_";
	size_t n = 5;

	for (; *name && n + 1 < sizeof param; name++)
		param[n++] = (char)(*name == '-' ? '_' : ascii_upper(*name));
	bool is_bare = strcmp(param + 5, "CONTENT_TYPE") == 0 || strcmp(param + 5, "CONTENT_LENGTH") == 0;
	set(e, is_bare ? param + 5 : param, value);
}

static size_t body_length(const struct percore_test_request *request)
{
	return request->body && !request->body_length ? strlen(request->body) : request->body_length;
}

static void describe(struct environment *e, const struct percore_test_request *request)
{
	const char *query = strchr(request->target, '?');
	char length[24];

	snprintf(length, sizeof length, "%zu", body_length(request));
	set(e, "REQUEST_METHOD", request->method ? request->method : request->body ? "POST" : "GET");
	set(e, "REQUEST_URI", request->target);
	set(e, "QUERY_STRING", query ? query + 1 : "");
	set(e, "CONTENT_TYPE", request->content_type ? request->content_type : "");
	set(e, "CONTENT_LENGTH", length);
	set(e, "REMOTE_ADDR", request->client ? request->client : "127.0.0.1");
	set(e, "SERVER_PROTOCOL", "HTTP/1.1");
	for (const struct percore_pair *header = request->headers; header && header->name; header++)
		set_header(e, header->name, header->value);
}

/* ---- The answer. */

/* "Name: value" lines up to an empty one; the status is one of them.  Where the body begins. */
static char *read_head(struct percore_test *test, char *at, char *end)
{
	struct percore_test_answer *answer = &test->answer;
	struct percore_pair *headers = arena_take(&test->arena, (HEADERS_MAX + 1) * sizeof *headers),
			    *next = headers;

	for (char *line; (line = memmem(at, (size_t)(end - at), "\r\n", 2)) && line > at; at = line + 2) {
		char *colon = memchr(at, ':', (size_t)(line - at));
		if (!colon || next == headers + HEADERS_MAX)
			continue;
		next->name = arena_text(&test->arena, at, (size_t)(colon - at));
		colon += 1 + strspn(colon + 1, " ");
		next->value = arena_text(&test->arena, colon, (size_t)(line - colon));
		if (strcmp(next->name, "Status") == 0)
			answer->status = atoi(next->value);
		else
			next++;
	}
	*next = (struct percore_pair){ 0 };
	answer->headers = headers;
	return at + 2 <= end ? at + 2 : end;
}

static void serve(struct percore_test *test, struct fcgi_plain *plain)
{
	struct in_flight_shm in_flight = { 0 };
	uint64_t now_ms = clock_ns() / 1000000, timeout_ms = (uint64_t)test->run.settings.request_timeout_ms;
	struct fcgi *fcgi = no_memory_unless(fcgi_new_plain(plain, &in_flight));

	atomic_store(&in_flight.since_ms, now_ms);
	atomic_store(&in_flight.deadline_ms, timeout_ms ? now_ms + timeout_ms : 0);
	exchange_run(&test->run.exchange, fcgi);
	test->answer.is_whole = in_flight.sent == IN_FLIGHT_WHOLE;
	fcgi_free(fcgi);
}

const struct percore_test_answer *percore_test_send(struct percore_test *test,
                                                    const struct percore_test_request *request)
{
	size_t length = 0, body = body_length(request);
	struct environment e = { .arena = &test->arena };

	arena_fini(&test->arena);
	arena_init(&test->arena, test->first, sizeof test->first);
	free(test->output);
	test->output = NULL;
	test->answer = (struct percore_test_answer){ 0 };
	describe(&e, request);
	struct fcgi_plain plain = { .environment = e.all,
		                    .in = body ? fmemopen((void *)request->body, body, "r")
		                               : fopen("/dev/null", "re"),
		                    .out = open_memstream(&test->output, &length),
		                    .is_test = true,
		                    .is_given_up = request->is_gone };
	if (!plain.in || !plain.out)
		percore_no_memory();
	serve(test, &plain);
	fclose(plain.in);
	fclose(plain.out);
	char *at = read_head(test, test->output, test->output + length);
	test->answer.body = at;
	test->answer.body_length = (size_t)(test->output + length - at);
	return &test->answer;
}

const char *percore_test_header(const struct percore_test_answer *answer, const char *name)
{
	for (const struct percore_pair *header = answer->headers; header && header->name; header++)
		if (ascii_equals(header->name, name))
			return header->value;
	return NULL;
}

/* ---- Beside the requests. */

static bool conclude(const char *kind, const char *name, bool good, const struct percore_work *work)
{
	if (!good)
		log_warning("%s %s failed: %s", kind, name,
		            *work->reason ? work->reason : "it gave no reason");
	return good;
}

bool percore_test_task(struct percore_test *test, const char *name)
{
	const struct background *b = &test->run.app->background;
	struct percore_work work = { .attempt = 1 };

	snapshot_begin();
	for (size_t i = 0; i < b->task_count; i++)
		if (strcmp(b->tasks[i].name, name) == 0)
			return conclude("task", name, b->tasks[i].run(&work, b->tasks[i].arg), &work);
	log_error("percore_test_task: there is no task %s", name);
	return false;
}

bool percore_test_job(struct percore_test *test, const char *name, json_object *input, json_object **result)
{
	const struct background_job *job = job_find(&test->run.app->background, name);
	struct percore_work work = { .id = "test", .attempt = 1 };
	bool good = false;

	snapshot_begin();
	if (job)
		good = conclude("job", name, job->run(&work, input, job->arg), &work);
	else
		log_error("percore_test_job: there is no job %s", name);
	json_object_put(input);
	*result = work.result;
	return good;
}
