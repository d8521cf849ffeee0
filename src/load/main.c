/* SPDX-License-Identifier: ISC */
/*
 * percore-load - sends a load at an HTTP server and tells how it bore it.
 *
 * Here is the order of things: options, requests, the run, the report, the exit
 * status.  The loop is in run.c, the schedule in arrival.c.
 */
#include "load/exit_status.h"
#include "load/knee_run.h"
#include "load/report.h"
#include "load/targets.h"
#include "load/units.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

static volatile bool interrupted;

static void on_interrupt(int signal)
{
	(void)signal;
	interrupted = true;
}

/* Descriptors for all connections, as far as the hard limit goes. */
static bool allow_descriptors(unsigned connections)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && connections + 16 > files.rlim_cur) {
		fprintf(stderr,
		        "percore-load: %u connections, but only %ju descriptors are allowed; raise ulimit "
		        "-n\n",
		        connections, (uintmax_t)files.rlim_cur);
		return false;
	}
	return true;
}

static void show_progress(void *context, const struct run_progress *progress)
{
	const struct result_second *second = progress->second;
	char p50[16], p99[16];

	(void)context;
	fprintf(stderr,
	        "\r%6.0f s %s %" PRIu64 "/s, p50 %s, p99 %s, %u connections, %" PRIu64 " errors\033[K",
	        (double)progress->elapsed_ns / 1e9, progress->warming_up ? "warming up" : "        ",
	        second->good, units_format_duration(second->p50_ns, p50, sizeof p50),
	        units_format_duration(second->p99_ns, p99, sizeof p99), second->clients, progress->errors);
}

static struct run_plan plan_run(const struct options *o, const struct targets *targets)
{
	bool closed = o->clients > 0 || o->launch_per_s > 0;
	bool ramps = o->ramp_to_per_s > 0;
	long connections = o->launch_per_s > 0 ? o->max_clients : closed ? o->clients : o->connections;

	return (struct run_plan){
		.targets = &targets->run,
		.model = closed ? RUN_CLOSED : RUN_OPEN,
		.arrival = { .from_per_s = ramps ? o->ramp_from_per_s : o->rate_per_s,
		             .to_per_s = ramps ? o->ramp_to_per_s : o->rate_per_s,
		             .span_ns = ramps ? o->warmup_ns + o->duration_ns : 0,
		             .even = o->even,
		             .seed = (uint64_t)o->seed },
		.connections = (unsigned)connections,
		.launch_per_s = o->launch_per_s,
		.warmup_ns = o->warmup_ns,
		.duration_ns = o->duration_ns,
		.drain_ns = o->drain_ns,
		.timeout_ns = o->timeout_ns,
		.seed = (uint64_t)o->seed,
		.on_second = !o->quiet && isatty(STDERR_FILENO) ? show_progress : NULL,
		.interrupted = &interrupted,
	};
}

static int exit_status(const struct report *report)
{
	const struct options *options = report->options;

	if (!report->valid && !options->allow_invalid)
		return EXIT_INVALID;
	if (!report->slo_held)
		return EXIT_SLO;
	if (result_errors(report->result) > 0 && !slo_judges_errors(&options->slo))
		return EXIT_ERRORS;
	return EXIT_GOOD;
}

static int run_once(const struct options *options, const struct targets *targets)
{
	struct run_plan plan = plan_run(options, targets);
	struct result_limits limits = { .lateness_p99_ns = options->max_lateness_ns,
		                        .cpu_share = options->max_cpu_percent / 100,
		                        .steal_share = options->max_steal_percent / 100 };
	char reasons[RESULT_REASONS_SIZE];
	struct result result;

	if (!allow_descriptors(plan.connections))
		return EXIT_HERE;
	int failed = run(&plan, &result);
	if (plan.on_second)
		fputs("\r\033[K", stderr);
	if (failed) {
		fprintf(stderr, "percore-load: %s\n", strerror(-failed));
		result_free(&result);
		return EXIT_HERE;
	}
	struct report report = { .options = options,
		                 .result = &result,
		                 .server = targets->address.text,
		                 .valid = result_is_valid(&result, &limits, reasons),
		                 .reasons = reasons,
		                 .slo_held = slo_holds(&options->slo, &result) };
	report_table(stdout, &report);
	int status = exit_status(&report);
	if (options->json_file && !report_json(options->json_file, &report))
		status = EXIT_HERE;
	if (options->hdr_file && !report_hdr(options->hdr_file, &result.corrected))
		status = EXIT_HERE;
	result_free(&result);
	return status;
}

int main(int argc, char **argv)
{
	static struct options options;
	static struct targets targets;
	struct sigaction action = { .sa_handler = on_interrupt, .sa_flags = SA_RESETHAND };
	int status = options_parse(&options, argc, argv);

	if (status != OPTIONS_GO_ON)
		return status;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	if (!targets_build(&options, &targets))
		status = EXIT_HERE;
	else if (!targets_meet(&options, &targets))
		status = EXIT_NO_SERVER;
	else if (options.find_knee)
		status = knee_run(&options, &targets, &interrupted);
	else
		status = run_once(&options, &targets);
	targets_fini(&targets);
	return status;
}
