/* SPDX-License-Identifier: ISC */
/*
 * ordinary_children - handlers that start programs: to read from one, to write to one, to end one.
 *
 * GET /run/{what} answers what a command wrote, and "status S after MS ms"; GET /feed writes to one, which it
 * leaves waiting for ?ms=; GET /spawn ends one by SIGTERM.
 */
#include "ordinary.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct {
	const char *name, *command;
} commands[] = {
	{ "timeout", "timeout 1 sleep 4 | cat" },
	{ "head", "bash -c 'yes | head -1; echo ${PIPESTATUS[0]}'" },
	{ "signals", "grep ^Sig /proc/self/status" },
	{ "descriptors", "for n in 0 1 2; do [ -e /proc/self/fd/$n ] && echo $n; done" },
};

static const char *command_of(struct percore_request *request)
{
	const char *name = percore_path_value(request, "what");

	for (size_t i = 0; name && i < sizeof commands / sizeof *commands; i++)
		if (strcmp(name, commands[i].name) == 0)
			return commands[i].command;
	return NULL;
}

static void run(struct percore_request *request)
{
	const char *command = command_of(request);
	char text[4096];
	long began_ms = now_ms();
	FILE *stream = command ? popen(command, "r") : NULL;

	if (!stream) {
		percore_answer_problem(request, 404, NULL);
		return;
	}
	size_t length = fread(text, 1, sizeof text - 100, stream);
	int status = pclose(stream);
	snprintf(text + length, sizeof text - length, "status %d after %ld ms\n", status,
	         now_ms() - began_ms);
	percore_answer_text(request, 200, text);
}

static void feed(struct percore_request *request)
{
	char text[64];
	FILE *stream = popen("cat >/dev/null", "w");

	if (!stream) {
		percore_answer_problem(request, 500, NULL);
		return;
	}
	fputs("some text\n", stream);
	usleep((useconds_t)number(request, "ms") * 1000);
	long closing_ms = now_ms();
	int status = pclose(stream);
	snprintf(text, sizeof text, "status %d after %ld ms\n", status, now_ms() - closing_ms);
	percore_answer_text(request, 200, text);
}

/* Waits for its own child and finds no other. */
static void spawn(struct percore_request *request)
{
	extern char **environ;
	char text[64], *const command[] = { "sleep", "4", NULL };
	long began_ms = now_ms();
	pid_t child;
	int status = 0;

	if (posix_spawnp(&child, command[0], NULL, NULL, command, environ) != 0) {
		percore_answer_problem(request, 500, NULL);
		return;
	}
	kill(child, SIGTERM);
	bool is_own = waitpid(-1, &status, 0) == child;
	bool is_only = waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD;
	snprintf(text, sizeof text, "own=%d only=%d signal=%d after %ld ms\n", is_own, is_only,
	         WTERMSIG(status), now_ms() - began_ms);
	percore_answer_text(request, 200, text);
}

/* Of this worker itself; /run/signals tells those of what it starts. */
static void signals(struct percore_request *request)
{
	char text[4096], line[256];
	size_t length = 0;
	FILE *stream = fopen("/proc/self/status", "re");

	while (stream && fgets(line, sizeof line, stream))
		if (strncmp(line, "Sig", 3) == 0)
			length += (size_t)snprintf(text + length, sizeof text - length, "%s", line);
	if (stream)
		fclose(stream);
	percore_answer_bytes(request, 200, "text/plain", text, length);
}

static const struct percore_route routes[] = {
	{ .pattern = "/run/{what}", .handler = run },
	{ .pattern = "/feed", .handler = feed },
	{ .pattern = "/spawn", .handler = spawn },
	{ .pattern = "/signals", .handler = signals },
	{ 0 },
};

void children_add(struct percore_app *app)
{
	percore_add_routes(app, routes);
}
