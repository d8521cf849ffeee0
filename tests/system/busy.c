/* SPDX-License-Identifier: ISC */
/*
 * busy - a service for the tests of what runs beside the requests.
 *
 * Its folder is --dir.  Tasks: `steady` notes each run in DIR/steady; `moody` does what
 * DIR/mood says: good, fail, crash, hang; `counter` publishes a number that grows.
 * POST /defer?job=NAME[&key=KEY] hands the body to a job: `note` adds input.n to
 * DIR/notes and returns it, `fail` fails input.times times, `crash`, `hang`, `echo` returns its input.
 * &wrap=N puts the body into so many arrays first.
 * GET /counter answers what is published.
 */
#include <percore.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *dir = "/tmp";

/* One write(2), so that lines of several processes do not mix. */
static void note(const char *file, const char *line)
{
	char path[512];

	snprintf(path, sizeof path, "%s/%s", dir, file);
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, line, strlen(line)) != (ssize_t)strlen(line))
		abort();
	close(fd);
}

static void note_time(const char *file)
{
	struct timespec now;
	char line[64];

	clock_gettime(CLOCK_MONOTONIC, &now);
	snprintf(line, sizeof line, "%ld %d\n", (long)(now.tv_sec * 1000 + now.tv_nsec / 1000000),
	         (int)getpid());
	note(file, line);
}

static bool steady(struct percore_work *work, void *unused)
{
	(void)work;
	(void)unused;
	note_time("steady");
	return true;
}

static _Noreturn void hang(void)
{
	for (;;)
		pause();
}

static bool moody(struct percore_work *work, void *unused)
{
	char path[512], mood[32] = "good";
	FILE *file;

	(void)unused;
	snprintf(path, sizeof path, "%s/mood", dir);
	file = fopen(path, "re");
	if (file && !fgets(mood, sizeof mood, file))
		*mood = '\0';
	if (file)
		fclose(file);
	note_time("moody");
	if (strncmp(mood, "crash", 5) == 0)
		abort();
	if (strncmp(mood, "hang", 4) == 0)
		hang();
	return strncmp(mood, "fail", 4) != 0 || percore_fail(work, "told to fail");
}

static bool counter(struct percore_work *work, void *unused)
{
	size_t length;
	const char *before = percore_snapshot("counter", &length);
	char text[32];

	(void)unused;
	snprintf(text, sizeof text, "%ld", before ? strtol(before, NULL, 10) + 1 : 1);
	return percore_publish("counter", text, strlen(text) + 1) || percore_fail(work, "not published");
}

static void counter_get(struct percore_request *request)
{
	size_t length;
	const char *text = percore_snapshot("counter", &length);

	percore_answer_text(request, text ? 200 : 503, text ? text : "");
}

static long number_of(json_object *input, const char *name)
{
	json_object *number;

	return json_object_object_get_ex(input, name, &number) ? (long)json_object_get_int64(number) : 0;
}

static bool job_note(struct percore_work *work, json_object *input, void *arg)
{
	(void)arg;
	char line[64];
	long wait_ms = number_of(input, "wait_ms");
	struct timespec wait = { wait_ms / 1000, wait_ms % 1000 * 1000000 };

	if (wait_ms)
		nanosleep(&wait, NULL);
	snprintf(line, sizeof line, "%ld\n", number_of(input, "n"));
	note("notes", line);
	percore_set_result(work, json_object_new_int64(number_of(input, "n")));
	return true;
}

static bool job_fail(struct percore_work *work, json_object *input, void *arg)
{
	(void)arg;
	if (percore_attempt(work) <= (unsigned)number_of(input, "times"))
		return percore_fail(work, "attempt %u", percore_attempt(work));
	return true;
}

static bool job_crash(struct percore_work *work, json_object *input, void *arg)
{
	(void)arg;
	(void)work;
	(void)input;
	abort();
}

static bool job_hang(struct percore_work *work, json_object *input, void *arg)
{
	(void)arg;
	(void)work;
	(void)input;
	note("hanging", "1\n");
	hang();
}

static bool job_echo(struct percore_work *work, json_object *input, void *arg)
{
	(void)arg;
	percore_set_result(work, json_object_get(input));
	return true;
}

static json_object *wrap(json_object *json, long times)
{
	for (; times > 0; times--) {
		json_object *outer = json_object_new_array();
		json_object_array_add(outer, json);
		json = outer;
	}
	return json;
}

static void defer(struct percore_request *request)
{
	char name[64];
	const char *job = percore_query(request, "job");
	json_object *input;

	snprintf(name, sizeof name, "%s", job ? job : "");
	if (!percore_body_json(request, 0, &input))
		return;
	const char *times = percore_query(request, "wrap");
	input = wrap(json_object_get(input), times ? strtol(times, NULL, 10) : 0);
	percore_defer(request, name, input, percore_query(request, "key"));
}

static const struct percore_route routes[] = {
	{ .method = "POST", .pattern = "/defer", .handler = defer, .max_body = 2 << 20 },
	{ .pattern = "/counter", .handler = counter_get },
	{ 0 },
};

int main(int argc, char **argv)
{
	struct percore_app *app = percore_app_new("busy", "1");

	percore_add_text(app, "dir", &dir, "folder for notes");
	percore_every(app, "steady", .1, steady, NULL);
	percore_every(app, "moody", .1, moody, NULL);
	percore_every(app, "counter", .05, counter, NULL);
	percore_add_job(app, "note", job_note, NULL);
	percore_add_job(app, "fail", job_fail, NULL);
	percore_add_job(app, "crash", job_crash, NULL);
	percore_add_job(app, "hang", job_hang, NULL);
	percore_add_job(app, "echo", job_echo, NULL);
	percore_add_routes(app, routes);
	percore_add_status(app, "/status");
	return percore_run(app, argc, argv);
}
