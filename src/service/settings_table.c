/* SPDX-License-Identifier: ISC */
/* settings_table - see settings_table.h. */
#include "service/settings_table.h"

#include "access/access_writer.h"
#include "base/log.h"
#include "exchange/upload.h"
#include "sandbox/sandbox.h"
#include "state/limit.h"
#include "state/scoreboard.h"

#include <assert.h>
#include <string.h>
#include <unistd.h>

/* A length in memory is a size_t: less on 32 bits. */
#define BODY_MAX (sizeof(size_t) > 4 ? INT64_C(1) << 40 : INT64_C(1) << 30)

const struct settings settings_defaults = {
	.prefix = "",
	.workers = -1,
	.max_body = 64L << 20,
	.max_json_memory = 64L << 20,
	.max_head = 128L << 10,
	.max_params = 1024,
	.io_timeout_ms = 30000,
	.request_timeout_ms = 60000,
	.drain_timeout_ms = 30000,
	.start_timeout_ms = 60000,
	.queue_target_ms = 20,
	.max_wait_ms = 1000,

	.limits = { .wrong = limit_wrong },
	.limit_exempt = { .wrong = limit_cidr_wrong },
	.trusted_proxies = { .wrong = limit_proxy_wrong },
	.limit_table = 64 << 10,
	.limit_store_timeout_ms = 20,
	.log_level = "notice",
	.access_log_format = "json",
	.access_log_full = "drop",
	.runtime_dir = "/dev/shm",
	.background_nice = 10,
	.task_timeout_ms = 60000,
	.job_queue = 10000,
	.job_workers = 1,
	.job_attempts = 5,
	.job_timeout_ms = 300000,
	.job_retry_ms = 1000,
	.job_keep_ms = 86400000,
	.job_keep_count = 100000,
	.job_keep_bytes = 256L << 20,
};

size_t settings_specs(struct settings *s, struct option_spec *specs)
{
	const struct option_spec all[] = {
		{ "listen", OPTION_TEXT, &s->listen, 0, 0, "ADDRESS",
		  "unix:PATH, unix:@NAME or ADDRESS:PORT (default: the socket on fd 0)" },
		{ "admin", OPTION_TEXT, &s->admin, 0, 0, "ADDRESS",
		  "serve the probes (/metrics, ...) here too, from a process of their own" },
		{ "workers", OPTION_AUTO, &s->workers, 0, WORKERS_MAX, "NUMBER",
		  "processes; auto: one per core (default); 0: this one alone, no master" },
		{ "prefix", OPTION_TEXT, &s->prefix, 0, 0, "PATH", "serve below this path" },
		{ "max-body", OPTION_SIZE, &s->max_body, 0, BODY_MAX, "SIZE", "largest request body (64m)" },
		{ "max-json-memory", OPTION_SIZE, &s->max_json_memory, 1024, BODY_MAX, "SIZE",
		  "what a body may take as a JSON document (64m)" },
		{ "upload-dir", OPTION_TEXT, &s->upload_dir, 0, 0, "DIR",
		  "keep files of forms here while their request lasts (default: in memory)" },
		{ "max-head", OPTION_SIZE, &s->max_head, 1024, 128 << 10, "SIZE",
		  "what the web server may send of a request's parameters, in all (128k)" },
		{ "max-params", OPTION_NUMBER, &s->max_params, 16, 16384, "NUMBER",
		  "how many of them (1024)" },
		{ "io-timeout", OPTION_TIME, &s->io_timeout_ms, 1000, 86400000, "TIME",
		  "for the web server to send or take the next bytes (30s)" },
		{ "request-timeout", OPTION_TIME, &s->request_timeout_ms, 0, 86400000, "TIME",
		  "end a worker whose request takes longer, answer 504 (60s; 0: never)" },
		{ "drain-timeout", OPTION_TIME, &s->drain_timeout_ms, 0, 86400000, "TIME",
		  "for requests in hand at a stop or reload; then they are cut (30s)" },
		{ "start-timeout", OPTION_TIME, &s->start_timeout_ms, 100, 86400000, "TIME",
		  "for a new generation, until its workers serve; then it is ended (60s)" },
		{ "slow-log", OPTION_TIME, &s->slow_log_ms, 0, 86400000, "TIME",
		  "log requests that take longer (0: off)" },
		{ "slow-backtrace", OPTION_FLAG, &s->slow_backtrace, 0, 0, "yes|no",
		  "with the worker's backtrace (no)" },
		{ "queue-target", OPTION_TIME, &s->queue_target_ms, 0, 60000, "TIME",
		  "shed load when requests wait longer for a worker (20ms; 0: never)" },
		{ "max-wait", OPTION_TIME, &s->max_wait_ms, 0, 60000, "TIME",
		  "answer 503 to what waited longer (1s; 0: never)" },
		{ "max-requests", OPTION_NUMBER, &s->max_requests, 0, 1000000000, "NUMBER",
		  "replace a worker after so many (0: never)" },
		{ "max-memory", OPTION_SIZE, &s->max_memory, 0, INT64_C(1) << 50, "SIZE",
		  "replace a worker that holds more (0: never)" },
		{ "sandbox", OPTION_FLAG, &s->sandbox, 0, 0, "yes|no",
		  "take from workers what they do not need: writing, sockets, programs (no)" },
		{ "develop", OPTION_FLAG, &s->develop, 0, 0, "yes|no",
		  "start anew when the program's file changes, and tell clients why requests fail (no)" },
		{ "limit", OPTION_LIST, &s->limits, 0, 0, "LIMIT",
		  "'RATE/s|m|h [burst=N] [by=address|header:NAME|none] [route=PATTERN] [dry-run] "
		  "[name=NAME]'; "
		  "may be repeated" },
		{ "limit-exempt", OPTION_LIST, &s->limit_exempt, 0, 0, "CIDR",
		  "clients without limits; may be repeated" },
		{ "trusted-proxy", OPTION_LIST, &s->trusted_proxies, 0, 0, "CIDR|unix",
		  "whose X-Forwarded-For is believed; unix: a peer on a Unix socket; may be repeated" },
		{ "limit-table", OPTION_SIZE, &s->limit_table, 64, 64 << 20, "KEYS",
		  "clients remembered at a time, 16 bytes each (64k)" },
		{ "limit-x-headers", OPTION_FLAG, &s->limit_x_headers, 0, 0, "yes|no",
		  "send X-RateLimit-* too (no)" },
		{ "limit-store", OPTION_URL, &s->limit_store, 0, 0, "URL",
		  "redis://[[USER]:PASSWORD@]HOST[:PORT][/DB] or redis+unix:///PATH: limits shared by "
		  "several hosts" },
		{ "limit-store-timeout", OPTION_TIME, &s->limit_store_timeout_ms, 1, 10000, "TIME",
		  "then this host decides by itself (20ms)" },
		{ "state", OPTION_TEXT, &s->state, 0, 0, "FILE",
		  "keep the shared memory in this file, for readers of it" },
		{ "log-level", OPTION_TEXT, &s->log_level, 0, 0, "LEVEL",
		  "of what goes to stderr: error, warning, notice (default), info, debug" },
		{ "access-log", OPTION_TEXT, &s->access_log, 0, 0, "FILE",
		  "a line for each request; -: to stdout (default: none)" },
		{ "access-log-format", OPTION_TEXT, &s->access_log_format, 0, 0, "json|combined",
		  "of these lines (json)" },
		{ "access-log-full", OPTION_TEXT, &s->access_log_full, 0, 0, "drop|wait",
		  "drop and count lines when they come too fast, or let requests wait (drop)" },
		{ "access-log-skip", OPTION_LIST, &s->access_log_skip, 0, 0, "PATH",
		  "no line for this path; may be repeated (probes as /healthz have none)" },
		/* Beside the requests: src/background/. */
		{ "runtime-dir", OPTION_TEXT, &s->runtime_dir, 0, 0, "DIR",
		  "where the pool makes a directory for snapshots and its jobs' socket (/dev/shm)" },
		{ "background-nice", OPTION_NUMBER, &s->background_nice, 0, 19, "NUMBER",
		  "how far tasks and jobs yield to requests (10)" },
		{ "task-timeout", OPTION_TIME, &s->task_timeout_ms, 0, 86400000, "TIME",
		  "replace the tasks' process when one runs longer (60s; 0: never)" },
		{ "jobs", OPTION_URL, &s->jobs, 0, 0, "STORE",
		  "keep jobs in this file, or in Redis with a URL as that of --limit-store (off)" },
		{ "job-queue", OPTION_NUMBER, &s->job_queue, 1, 100000000, "NUMBER",
		  "jobs that may wait; then 503 (10000)" },
		{ "job-workers", OPTION_NUMBER, &s->job_workers, 1, 64, "NUMBER",
		  "jobs that run at once (1)" },
		{ "job-attempts", OPTION_NUMBER, &s->job_attempts, 1, 1000, "NUMBER",
		  "runs of a job before it has failed (5)" },
		{ "job-timeout", OPTION_TIME, &s->job_timeout_ms, 0, 86400000, "TIME",
		  "end a job that runs longer (5m; 0: never)" },
		{ "job-retry", OPTION_TIME, &s->job_retry_ms, 10, 3600000, "TIME",
		  "before a failed job runs again; doubled each time (1s)" },
		{ "job-keep", OPTION_TIME, &s->job_keep_ms, 1000, INT64_C(31622400000), "TIME",
		  "for how long results can be asked for (24h)" },
		{ "job-keep-count", OPTION_NUMBER, &s->job_keep_count, 1, 100000000, "NUMBER",
		  "of how many jobs at most; the oldest go first (100000)" },
		{ "job-keep-size", OPTION_SIZE, &s->job_keep_bytes, 1 << 20, INT64_C(1) << 40, "SIZE",
		  "of how much result at most (256m)" },
	};
	static_assert(sizeof all / sizeof all[0] <= SETTINGS_MAX, "room for every option");

	memcpy(specs, all, sizeof all);
	return sizeof all / sizeof all[0];
}

bool settings_have(const char *name)
{
	struct settings settings;
	struct option_spec specs[SETTINGS_MAX];
	size_t count = settings_specs(&settings, specs);

	for (size_t i = 0; i < count; i++)
		if (strcmp(specs[i].name, name) == 0)
			return true;
	return strcmp(name, "help") == 0 || strcmp(name, "version") == 0;
}

static bool is_one_of(const char *option, const char *value, const char *one, const char *other)
{
	if (strcmp(value, one) == 0 || strcmp(value, other) == 0)
		return true;
	log_error("%s %s: must be %s or %s", option, value, one, other);
	return false;
}

static bool check_logs(const struct settings *s)
{
	enum log_level level;

	if (!log_parse_level(s->log_level, &level)) {
		log_error("log-level %s: must be error, warning, notice, info or debug", s->log_level);
		return false;
	}
	if (!is_one_of("access-log-format", s->access_log_format, "json", "combined") ||
	    !is_one_of("access-log-full", s->access_log_full, "drop", "wait"))
		return false;
	if (s->access_log && s->workers == 0) {
		log_error("access-log %s: needs a master, which --workers 0 is without", s->access_log);
		return false;
	}
	int error = s->access_log ? access_writer_try(s->access_log) : 0;
	if (error)
		log_error("access-log %s: cannot be opened: %s", s->access_log, strerror(-error));
	return error == 0;
}

/* A file is made there, as for an upload. */
static bool check_upload_dir(const char *directory)
{
	int fd = directory ? upload_open(directory) : -1;

	if (!directory)
		return true;
	if (fd < 0)
		log_error("upload-dir %s: no file can be made there: %s", directory, strerror(-fd));
	else
		close(fd);
	return fd >= 0;
}

bool settings_check(struct settings *s)
{
	size_t length = strlen(s->prefix);

	if (strcmp(s->prefix, "/") == 0)
		s->prefix = "";
	else if (length > 0 && (s->prefix[0] != '/' || s->prefix[length - 1] == '/')) {
		log_error("prefix %s: must start with / and not end with it, as /api", s->prefix);
		return false;
	}
	if (s->admin && s->workers == 0) {
		log_error("admin %s: needs a master; give --workers 1 or more", s->admin);
		return false;
	}
	if (s->develop && s->workers == 0) {
		log_error("develop: needs a master; give --workers 1 or more");
		return false;
	}
	if (s->sandbox && !sandbox_is_built()) {
		log_error("sandbox: this percore was built without libseccomp");
		return false;
	}
	return check_upload_dir(s->upload_dir) && check_logs(s);
}
