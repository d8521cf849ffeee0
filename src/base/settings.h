/* SPDX-License-Identifier: ISC */
/* settings - what the options set (service/settings_table.h). */
#ifndef PERCORE_SETTINGS_H
#define PERCORE_SETTINGS_H

#include "base/options.h"

struct settings {
	const char *listen;      /* NULL: the socket on fd 0 */
	const char *admin;       /* another address, for probes; NULL: none */
	const char *prefix;      /* "" or "/api" */
	const char *state;       /* file of the shared memory; NULL: memory without a name */
	int64_t workers;         /* -1: one per core; 0: this process alone */
	int64_t max_body;        /* bytes */
	int64_t max_json_memory; /* bytes that a body's document may take */
	const char *upload_dir;  /* for files of forms; NULL: they are in memory */
	int64_t max_head;        /* bytes of a request's parameters, as they come */
	int64_t max_params;      /* how many */
	int64_t io_timeout_ms;   /* how long the web server may take over a read or a write */
	int64_t request_timeout_ms, drain_timeout_ms; /* 0: none */
	int64_t start_timeout_ms;                     /* of a generation, until it serves */
	int64_t slow_log_ms;                          /* 0: off */
	bool slow_backtrace;
	bool sandbox;
	bool develop;
	int64_t max_requests, max_memory;     /* of a worker, before another takes its place; 0: no bound */
	int64_t queue_target_ms, max_wait_ms; /* 0: off */

	struct option_list limits, limit_exempt, trusted_proxies; /* state/limit.h */
	int64_t limit_table;                                      /* keys */
	bool limit_x_headers;
	const char *limit_store; /* NULL: none */
	int64_t limit_store_timeout_ms;
	const char *log_level;         /* error, warning, notice, info, debug */
	const char *access_log;        /* a file, "-" for stdout; NULL: none */
	const char *access_log_format; /* json, combined */
	const char *access_log_full;   /* drop, wait */
	struct option_list access_log_skip;
	/* Beside the requests. */
	const char *runtime_dir;
	int64_t background_nice, task_timeout_ms; /* 0: no limit */
	const char *jobs;                         /* a file, or redis://...; NULL: off */
	int64_t job_queue, job_workers, job_attempts;
	int64_t job_timeout_ms, job_retry_ms;
	int64_t job_keep_ms, job_keep_count, job_keep_bytes; /* of those that have ended */
};

/* How many workers there are to be; one at least. */
unsigned settings_workers(const struct settings *settings);

#endif
