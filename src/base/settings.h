/* SPDX-License-Identifier: ISC */
/* settings - what the options set (service/settings_table.h). */
#ifndef PERCORE_SETTINGS_H
#define PERCORE_SETTINGS_H

#include "base/options.h"

struct settings {
	const char *listen; /* NULL: the socket on fd 0 */
	const char *admin;  /* another address, for probes; NULL: none */
	const char *prefix; /* "" or "/api" */
	const char *state;  /* file of the shared memory; NULL: memory without a name */
	long workers;       /* -1: one per core; 0: this process alone */
	long max_body;      /* bytes */
	long max_head;      /* bytes of a request's parameters, as they come */
	long max_params;    /* how many */
	long io_timeout_ms; /* how long the web server may take over a read or a write */
	long request_timeout_ms, drain_timeout_ms; /* 0: none */
	long start_timeout_ms;                     /* of a generation, until it serves */
	long slow_log_ms;                          /* 0: off */
	bool slow_backtrace;
	long max_requests, max_memory;     /* of a worker, before another takes its place; 0: no bound */
	long queue_target_ms, max_wait_ms; /* 0: off */

	struct option_list limits, limit_exempt, trusted_proxies; /* state/limit.h */
	long limit_table;                                         /* keys */
	bool limit_x_headers;
	const char *limit_store; /* NULL: none */
	long limit_store_timeout_ms;
	const char *log_level;         /* error, warning, notice, info, debug */
	const char *access_log;        /* a file, "-" for stdout; NULL: none */
	const char *access_log_format; /* json, combined */
	const char *access_log_full;   /* drop, wait */
	struct option_list access_log_skip;
	/* Beside the requests. */
	const char *runtime_dir;
	long background_nice, task_timeout_ms; /* 0: no limit */
	const char *jobs;                      /* a file, or redis://...; NULL: off */
	long job_queue, job_workers, job_attempts;
	long job_timeout_ms, job_retry_ms;
	long job_keep_ms, job_keep_count, job_keep_bytes; /* of those that have ended */
};

/* How many workers there are to be; one at least. */
unsigned settings_workers(const struct settings *settings);

#endif
