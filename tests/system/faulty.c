/* SPDX-License-Identifier: ISC */
/* faulty - a service whose handlers do what handlers should not, for the fault tests. */
#include <percore.h>

#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static long number(struct percore_request *request, const char *name)
{
	const char *text = percore_query(request, name);

	return text ? strtol(text, NULL, 10) : 0;
}

static void answer_pid(struct percore_request *request)
{
	char text[32];

	snprintf(text, sizeof text, "%d\n", (int)getpid());
	percore_answer_text(request, 200, text);
}

static void pid(struct percore_request *request)
{
	answer_pid(request);
}

static void die(struct percore_request *request)
{
	raise((int)number(request, "signal"));
	answer_pid(request);
}

static void wait_ms(struct percore_request *request)
{
	long ms = number(request, "ms");

	struct timespec left = { ms / 1000, ms % 1000 * 1000000 };

	while (nanosleep(&left, &left) != 0) /* a backtrace interrupts it */
		;
	answer_pid(request);
}

static void extend(struct percore_request *request)
{
	percore_extend_time(request, 20);
	wait_ms(request);
}

/* ?lines=N of unknown length; &cut=1: it is not ended. */
static void open_stream(struct percore_request *request)
{
	long lines = number(request, "lines");

	percore_stream_begin(request, 200, "text/plain", PERCORE_LENGTH_UNKNOWN);
	for (long i = 0; i < lines; i++)
		if (!percore_stream_write(request, "a line of an answer\n", 20))
			return;
	percore_stream_flush(request);
	if (!number(request, "cut"))
		percore_stream_end(request);
}

static void wait_for_hang_up(struct percore_request *request)
{
	static const struct timespec pause = { 0, 10000000 };

	while (percore_time_left(request) > 30 && !percore_client_is_gone(request))
		nanosleep(&pause, NULL);
	percore_log(request, PERCORE_LOG_NOTICE, "waited until %s",
	            percore_client_is_gone(request) ? "nobody was there" : "the time was over");
	percore_answer_empty(request);
}

static void loop(struct percore_request *request)
{
	for (volatile uint64_t turns = 0;; turns++)
		;
	answer_pid(request);
}

static volatile bool is_bottomless = true;

static int recurse(volatile char *above)
{
	volatile char here[4096];

	here[0] = *above;
	return is_bottomless ? recurse(here) + here[0] : 0;
}

static void deep(struct percore_request *request)
{
	char top = 0;

	recurse(&top);
	answer_pid(request);
}

static void overwrite(struct percore_request *request)
{
	char *block = malloc(64);

	memset((char *)((uintptr_t)block - 16), 0x5a, 4096);
	free(block);
	free(malloc(100000));
	answer_pid(request);
}

static void leak(struct percore_request *request)
{
	for (long i = number(request, "mib"); i > 0; i--) {
		char *block = malloc(1 << 20);
		if (block)
			memset(block, 1, 1 << 20);
	}
	answer_pid(request);
}

static void exhaust(struct percore_request *request)
{
	setrlimit(RLIMIT_AS, &(struct rlimit){ 1 << 20, 1 << 20 });
	if (!malloc(1 << 26))
		percore_no_memory();
	answer_pid(request);
}

static void leak_descriptors(struct percore_request *request)
{
	for (long i = number(request, "count"); i > 0; i--)
		if (dup(STDERR_FILENO) < 0)
			break;
	answer_pid(request);
}

static void close_descriptors(struct percore_request *request)
{
	for (int fd = (int)number(request, "from"); fd <= (int)number(request, "to"); fd++)
		close(fd);
	answer_pid(request);
}

/* Of the listening socket, which the handler has no business with. */
static void spoil_listener(struct percore_request *request)
{
	const char *how = percore_query(request, "how");

	for (int fd = 3; fd < 64; fd++) {
		int listens = 0;
		socklen_t size = sizeof listens;
		if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0 || !listens)
			continue;
		if (how && strcmp(how, "block") == 0)
			fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
		else
			shutdown(fd, SHUT_RDWR);
	}
	answer_pid(request);
}

static void part(struct percore_request *request) /* dies in the middle of a long answer */
{
	static char bytes[65536];

	percore_stream_begin(request, 200, "application/octet-stream", 2 * sizeof bytes);
	percore_stream_write(request, bytes, sizeof bytes);
	raise(SIGKILL);
}

static void body(struct percore_request *request) /* reads half of the body, and dies */
{
	char bytes[4096];
	size_t half = percore_body_length(request) / 2, have = 0;

	while (have < half) {
		ssize_t got = percore_body_read(request, bytes, sizeof bytes);
		if (got <= 0)
			return;
		have += (size_t)got;
	}
	raise(SIGKILL);
}

static void say(struct percore_request *request)
{
	long level = number(request, "level");

	percore_log(request, (enum percore_log_level)level, "level %ld: two\nlines", level);
	answer_pid(request);
}

/* What a handler is told: of a header, or of a parameter. */
static void tell(struct percore_request *request,
                 const char *(*get)(const struct percore_request *, const char *))
{
	const char *asked = percore_query(request, "name");
	const char *value = asked ? get(request, asked) : NULL;

	percore_answer_text(request, 200, value ? value : "none");
}

static void header(struct percore_request *request)
{
	tell(request, percore_header);
}

static void param(struct percore_request *request)
{
	tell(request, percore_param);
}

/* For a web server's auth_request. */
static void authorize(struct percore_request *request)
{
	const char *token = percore_header(request, "X-Token");

	if (token && strcmp(token, "good") == 0)
		percore_answer_empty(request);
	else
		percore_answer_problem(request, 401, NULL);
}

static struct percore_gauge *share;

static void half(struct percore_request *request)
{
	json_object *answer = json_object_new_object();

	percore_gauge_set(share, .5);
	json_object_object_add(answer, "share", json_object_new_double(.5));
	percore_answer_json(request, 200, answer);
}

static void none(struct percore_request *request)
{
	(void)request;
}

static bool is_there(const char *variable)
{
	const char *path = getenv(variable);

	return path && access(path, F_OK) == 0;
}

/* As where the disk, or a lock, is not there. */
static bool start(void *arg)
{
	(void)arg;
	while (is_there("FAULTY_HANGS"))
		usleep(10000);
	return !is_there("FAULTY_FAILS");
}

static const struct percore_route routes[] = {
	{ .pattern = "/half", .handler = half },
	{ .pattern = "/healthz", .handler = pid, .is_probe = true },
	{ .pattern = "/slowz", .handler = wait_ms, .is_probe = true },
	{ .pattern = "/pid", .handler = pid },
	{ .method = "POST", .pattern = "/pid", .handler = pid },
	{ .pattern = "/die", .handler = die },
	{ .pattern = "/wait", .handler = wait_ms },
	{ .pattern = "/wait/{rest...}", .handler = wait_ms },
	{ .pattern = "/short", .handler = wait_ms, .time_limit = .3 },
	{ .pattern = "/extended", .handler = extend, .time_limit = .3 },
	{ .pattern = "/patient", .handler = wait_for_hang_up, .time_limit = 60 },
	{ .pattern = "/open", .handler = open_stream },
	{ .pattern = "/loop", .handler = loop },
	{ .pattern = "/deep", .handler = deep },
	{ .pattern = "/overwrite", .handler = overwrite },
	{ .pattern = "/leak", .handler = leak },
	{ .pattern = "/exhaust", .handler = exhaust },
	{ .pattern = "/leak-descriptors", .handler = leak_descriptors },
	{ .pattern = "/close", .handler = close_descriptors },
	{ .pattern = "/spoil-listener", .handler = spoil_listener },
	{ .pattern = "/part", .handler = part },
	{ .method = "POST", .pattern = "/body", .handler = body },
	{ .pattern = "/none", .handler = none },
	{ .pattern = "/auth", .handler = authorize },
	{ .pattern = "/header", .handler = header },
	{ .pattern = "/param", .handler = param },
	{ .pattern = "/limited", .handler = pid, .limit = "2/h by=none" },
	{ .pattern = "/log", .handler = say },
	{ 0 },
};

int main(int argc, char **argv)
{
	struct percore_app *app = percore_app_new("faulty", "1");

	setlocale(LC_ALL, ""); /* as some programs do; percore must not care */
	share = percore_add_gauge(app, "faulty_share", "What /half set.");
	percore_add_metrics(app, "/metrics");
	percore_add_status(app, "/status");
	percore_add_routes(app, routes);
	percore_on_worker(app, start, NULL, NULL);
	return percore_run(app, argc, argv);
}
