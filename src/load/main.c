/*
 * percore-load - sends a load at an HTTP server and tells how it bore it.
 *
 * Here is the order of things: options, requests, the run, the report, the exit
 * status.  The loop is in run.c, the schedule in arrival.c.
 */
#include "load/http.h"
#include "load/options.h"
#include "load/report.h"
#include "load/run.h"
#include "load/server.h"
#include "load/units.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
	EXIT_GOOD = 0,
	EXIT_ERRORS = 1,
	EXIT_SLO = 2,
	EXIT_INVALID = 3,
	EXIT_NO_SERVER = 69,
	EXIT_HERE = 70,
};

static volatile bool interrupted;

static void on_interrupt(int signal)
{
	(void)signal;
	interrupted = true;
}

/* Everything that is made before the run and freed after it. */
struct setup {
	struct address address;
	struct run_targets targets;
	struct request_bytes requests[OPTIONS_URLS];
	struct expectation expectations[OPTIONS_URLS];
	struct body_copy bodies[OPTIONS_URLS]; /* what --check compares with */
	double weights[OPTIONS_URLS];
	struct body_copy sent, wanted; /* the files of --body and --check */
};

static bool read_file(const char *option, const char *path, struct body_copy *content)
{
	char buffer[65536];
	FILE *file = fopen(path, "re");
	size_t n;

	if (file) {
		while ((n = fread(buffer, 1, sizeof buffer, file)) > 0 && !content->failed)
			body_copy_add(content, buffer, n);
		content->failed = content->failed || ferror(file);
		fclose(file);
	}
	if (file && !content->failed)
		return true;
	fprintf(stderr, "percore-load: --%s %s: %s\n", option, path, strerror(errno));
	return false;
}

static bool find_server(const struct options *options, struct address *address)
{
	if (options->unix_socket)
		return server_at_unix(options->unix_socket, address);
	return server_resolve(options->urls[0].host, options->urls[0].port, address);
}

static bool build_requests(const struct options *options, struct setup *setup)
{
	for (unsigned i = 0; i < options->url_count; i++) {
		struct request request = { .url = &options->urls[i],
			                   .method = options->method,
			                   .headers = options->headers,
			                   .body = !options->body_file ? NULL : setup->sent.bytes ? setup->sent.bytes : "",
			                   .body_bytes = setup->sent.size,
			                   .keep = !options->no_keepalive };
		if (request_build_http(&request, &setup->requests[i]) != 0) {
			fprintf(stderr, "percore-load: no memory for the requests\n");
			return false;
		}
		setup->weights[i] = options->urls[i].weight;
		setup->expectations[i] =
			(struct expectation){ .status = (unsigned)options->expect_status,
			                      .no_body = strcmp(options->method, "HEAD") == 0 };
	}
	setup->targets = (struct run_targets){ .address = &setup->address,
		                               .protocol = &http_protocol,
		                               .requests = setup->requests,
		                               .expectations = setup->expectations,
		                               .weights = setup->weights,
		                               .count = options->url_count };
	return true;
}

/* --check without a file: what each URL answers first is what it must always answer. */
static bool learn_answer(const struct options *options, struct setup *setup, unsigned i)
{
	struct expectation *expected = &setup->expectations[i];
	struct answer answer;

	answer_init(&answer, expected);
	answer.copy = &setup->bodies[i];
	if (!server_ask(&setup->address, setup->targets.protocol, &setup->requests[i], &answer,
	                options->timeout_ns))
		return false;
	if (setup->bodies[i].failed || !answer_has_good_status(&answer)) {
		fprintf(stderr, "percore-load: %s: the first answer has status %u; nothing to --check by\n",
		        options->urls[i].text, answer.status);
		return false;
	}
	expected->status = answer.status;
	expected->check_body = true;
	expected->body = setup->bodies[i].bytes;
	expected->body_bytes = setup->bodies[i].size;
	return true;
}

static bool set_expectations(const struct options *options, struct setup *setup)
{
	if (!options->check)
		return server_is_there(&setup->address);
	if (options->check_file) {
		for (unsigned i = 0; i < options->url_count; i++) {
			setup->expectations[i].check_body = true;
			setup->expectations[i].body = setup->wanted.bytes;
			setup->expectations[i].body_bytes = setup->wanted.size;
		}
		return server_is_there(&setup->address);
	}
	for (unsigned i = 0; i < options->url_count; i++)
		if (!learn_answer(options, setup, i))
			return false;
	return true;
}

static void free_setup(struct setup *setup)
{
	for (unsigned i = 0; i < OPTIONS_URLS; i++) {
		free(setup->requests[i].bytes);
		free(setup->bodies[i].bytes);
	}
	free(setup->sent.bytes);
	free(setup->wanted.bytes);
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

static struct run_plan plan_run(const struct options *o, const struct setup *setup)
{
	bool closed = o->clients > 0 || o->launch_per_s > 0;
	bool ramps = o->ramp_to_per_s > 0;
	long connections = o->launch_per_s > 0 ? o->max_clients : closed ? o->clients : o->connections;

	return (struct run_plan){
		.targets = &setup->targets,
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

static int run_once(const struct options *options, const struct setup *setup)
{
	struct run_plan plan = plan_run(options, setup);
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
		                 .server = setup->address.text,
		                 .valid = result_is_valid(&result, &limits, reasons),
		                 .reasons = reasons,
		                 .slo_held = slo_holds(&options->slo, &result) };
	report_table(stdout, &report);
	int status = exit_status(&report);
	if (options->json_file && !report_json(options->json_file, &report))
		status = EXIT_HERE;
	result_free(&result);
	return status;
}

int main(int argc, char **argv)
{
	static struct options options;
	static struct setup setup;
	struct sigaction action = { .sa_handler = on_interrupt, .sa_flags = SA_RESETHAND };
	int status = options_parse(&options, argc, argv);

	if (status != OPTIONS_GO_ON)
		return status;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	status = EXIT_HERE;
	if ((!options.body_file || read_file("body", options.body_file, &setup.sent)) &&
	    (!options.check_file || read_file("check", options.check_file, &setup.wanted)) &&
	    build_requests(&options, &setup)) {
		status = EXIT_NO_SERVER;
		if (find_server(&options, &setup.address) && set_expectations(&options, &setup))
			status = run_once(&options, &setup);
	}
	free_setup(&setup);
	return status;
}
