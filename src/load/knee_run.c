/* SPDX-License-Identifier: ISC */
/* knee_run - makes trials for knee.c and tells what came of them. */
#include "load/knee_run.h"

#include "load/clock.h"
#include "load/knee.h"
#include "load/report.h"
#include "load/units.h"

#include <inttypes.h>
#include <json.h>
#include <stdio.h>
#include <stdlib.h>

#define DRAIN_NS (CLOCK_SECOND_NS / 2)
enum { LEAST_PLANNED = 100 }; /* a trial of fewer requests has no 99th percentile */

struct trials {
	const struct options *options;
	const struct targets *targets;
	const volatile bool *interrupted;
	struct slo slo; /* of the first limit */
	uint64_t count;
	unsigned invalid;
	double best_per_s; /* the highest rate that held in a valid trial */
	int failed;        /* -errno of a run */
	char reasons[RESULT_REASONS_SIZE];
	double saturations[KNEE_SEARCHES];
	unsigned saturation_count;
	bool saturation_is_ours; /* the generator was the limit, at least once */
	json_object *records;
};

static struct result_limits limits_of(const struct options *options)
{
	return (struct result_limits){ .lateness_p99_ns = options->max_lateness_ns,
		                       .cpu_share = options->max_cpu_percent / 100,
		                       .steal_share = options->max_steal_percent / 100 };
}

static struct run_plan plan_trial(const struct trials *trials, double rate_per_s)
{
	const struct options *options = trials->options;
	uint64_t seed = (uint64_t)options->seed + trials->count;

	return (struct run_plan){
		.targets = &trials->targets->run,
		.model = RUN_OPEN,
		.arrival = { .from_per_s = rate_per_s,
		             .to_per_s = rate_per_s,
		             .even = options->even,
		             .seed = seed },
		.connections = (unsigned)options->connections,
		.warmup_ns = options->trial_warmup_ns,
		.duration_ns = options->trial_ns - options->trial_warmup_ns,
		.drain_ns = options->drain_ns < DRAIN_NS ? options->drain_ns : DRAIN_NS,
		.timeout_ns = options->timeout_ns,
		.seed = seed,
		.interrupted = trials->interrupted,
	};
}

/* Every answer as expected, and as good as all of them there. */
static bool is_clean(const struct result *result)
{
	return result_errors(result) == result->outcomes[OUTCOME_UNSENT] &&
	       result->outcomes[OUTCOME_GOOD] * 100 >= result->planned * 99 && result->planned > 0;
}

static void judge(const struct trials *trials, const struct result *result, struct knee_trial *trial)
{
	bool clean = is_clean(result);
	uint64_t p99_ns = histogram_quantile(&result->corrected, 0.99);

	trial->holds[0] = clean && slo_holds(&trials->slo, result);
	for (unsigned i = 0; i < trials->options->knee_limit_count; i++)
		trial->holds[1 + i] = clean && p99_ns <= trials->options->knee_limits_ns[i];
}

static void print_trial(const struct trials *trials, double rate_per_s, const struct result *result,
                        const struct knee_trial *trial)
{
	uint64_t errors = result_errors(result) - result->outcomes[OUTCOME_UNSENT];
	char p99[16];

	if (trials->options->quiet)
		return;
	printf("  %10.1f/s  p99 %9s  %6.2f %% done  %" PRIu64 " errors  %s\n", rate_per_s,
	       units_format_duration(histogram_quantile(&result->corrected, 0.99), p99, sizeof p99),
	       result->planned ? (double)result->outcomes[OUTCOME_GOOD] * 100 / (double)result->planned : 0,
	       errors,
	       !trial->valid     ? "INVALID"
	       : trial->holds[0] ? "holds"
	                         : "fails");
	fflush(stdout);
}

static void record_trial(struct trials *trials, double rate_per_s, const struct result *result,
                         const struct knee_trial *trial)
{
	json_object *record = json_object_new_object();

	json_object_object_add(record, "rate_per_s", json_object_new_double(rate_per_s));
	json_object_object_add(record, "throughput_per_s",
	                       json_object_new_double(result_throughput_per_s(result)));
	json_object_object_add(record, "planned", json_object_new_int64((int64_t)result->planned));
	json_object_object_add(record, "good",
	                       json_object_new_int64((int64_t)result->outcomes[OUTCOME_GOOD]));
	json_object_object_add(record, "errors", json_object_new_int64((int64_t)result_errors(result)));
	json_object_object_add(record, "p99_ns",
	                       json_object_new_int64((int64_t)histogram_quantile(&result->corrected, 0.99)));
	json_object_object_add(record, "lateness_p99_ns",
	                       json_object_new_int64((int64_t)histogram_quantile(&result->lateness, 0.99)));
	json_object_object_add(record, "cpu_share", json_object_new_double(result_cpu_share(result)));
	json_object_object_add(record, "steal_share", json_object_new_double(result->steal_share));
	json_object_object_add(record, "valid", json_object_new_boolean(trial->valid));
	json_object_object_add(record, "holds", json_object_new_boolean(trial->holds[0]));
	json_object_array_add(trials->records, record);
}

static bool try_rate(void *context, double rate_per_s, struct knee_trial *trial)
{
	struct trials *trials = context;
	struct run_plan plan = plan_trial(trials, rate_per_s);
	struct result_limits limits = limits_of(trials->options);
	struct result result;

	trials->failed = run(&plan, &result);
	bool go_on = !trials->failed && !result.interrupted;
	if (go_on) {
		trials->count++;
		trial->valid = result_is_valid(&result, &limits, trials->reasons);
		trials->invalid += !trial->valid;
		judge(trials, &result, trial);
		if (trial->valid && trial->holds[0] && rate_per_s > trials->best_per_s)
			trials->best_per_s = rate_per_s;
		print_trial(trials, rate_per_s, &result, trial);
		record_trial(trials, rate_per_s, &result, trial);
	}
	result_free(&result);
	return go_on;
}

/* As many requests as the connections get through. */
static bool measure_saturation(struct trials *trials)
{
	struct run_plan plan = plan_trial(trials, 1);
	struct result_limits limits = limits_of(trials->options);
	char reasons[RESULT_REASONS_SIZE];
	struct result result;

	plan.model = RUN_CLOSED;
	trials->failed = run(&plan, &result);
	double per_s = result_throughput_per_s(&result);
	bool go_on = !trials->failed && !result.interrupted;
	if (go_on && !result_is_valid(&result, &limits, reasons))
		trials->saturation_is_ours |= result_cpu_share(&result) > limits.cpu_share;
	result_free(&result);
	if (!go_on)
		return false;
	trials->saturations[trials->saturation_count++] = per_s;
	if (!trials->options->quiet)
		printf("  %10.1f/s  saturation, %ld clients\n", per_s, trials->options->connections);
	fflush(stdout);
	return true;
}

/* The first saturation is measured before all of them, to know where to begin. */
static bool before_search(void *context, unsigned search)
{
	return search == 0 || measure_saturation(context);
}

static void print_range(const char *what, const struct knee_range *knee, unsigned count)
{
	if (knee->median <= 0)
		printf("%-14s  none: not even the lowest rate holds, %d requests a trial\n", what,
		       LEAST_PLANNED);
	else
		printf("%-14s  %.1f/s  (median of %u, %.1f to %.1f)\n", what, knee->median, count,
		       knee->least, knee->most);
}

static void slo_text(const struct trials *trials, char *text, size_t size)
{
	size_t used = 0;

	text[0] = '\0';
	for (unsigned i = 0; i < trials->slo.count && used < size; i++)
		used += (size_t)snprintf(text + used, size - used, "%s%s", i ? "," : "",
		                         trials->slo.terms[i].text);
}

static void print_knees(const struct trials *trials, const struct knee_range *knees,
                        const struct knee_range *saturation)
{
	const struct options *options = trials->options;
	char text[SLO_TERMS * SLO_TERM_BYTES], limit[16];

	slo_text(trials, text, sizeof text);
	printf("\n%s, %" PRIu64 " trials, %u of them invalid\n", trials->targets->address.text, trials->count,
	       trials->invalid);
	print_range("knee", &knees[0], (unsigned)options->searches);
	printf("                highest rate with %s\n", text);
	for (unsigned i = 0; i < options->knee_limit_count; i++) {
		units_format_duration(options->knee_limits_ns[i], limit, sizeof limit);
		snprintf(text, sizeof text, "p99<=%s", limit);
		print_range(text, &knees[1 + i], (unsigned)options->searches);
	}
	print_range("saturation", saturation, trials->saturation_count);
	if (trials->saturation_is_ours)
		puts("                at least: percore-load was the limit");
	if (saturation->median > 0)
		printf("knee/saturation %.3f\n", knees[0].median / saturation->median);
}

static json_object *range_json(const struct knee_range *range)
{
	json_object *object = json_object_new_object();

	json_object_object_add(object, "median_per_s", json_object_new_double(range->median));
	json_object_object_add(object, "least_per_s", json_object_new_double(range->least));
	json_object_object_add(object, "most_per_s", json_object_new_double(range->most));
	return object;
}

/* Takes the records. */
static bool write_json(struct trials *trials, const struct knee_range *knees,
                       const struct knee_range *saturation)
{
	const struct options *options = trials->options;
	json_object *object = json_object_new_object(), *limits = json_object_new_array();
	char text[SLO_TERMS * SLO_TERM_BYTES];

	report_json_head(object, options, trials->targets->address.text);
	slo_text(trials, text, sizeof text);
	json_object_object_add(object, "slo", json_object_new_string(text));
	json_object_object_add(object, "knee", range_json(&knees[0]));
	json_object_object_add(object, "saturation", range_json(saturation));
	json_object_object_add(object, "saturation_is_at_least",
	                       json_object_new_boolean(trials->saturation_is_ours));
	for (unsigned i = 0; i < options->knee_limit_count; i++) {
		json_object *limit = range_json(&knees[1 + i]);
		json_object_object_add(limit, "p99_at_most_ns",
		                       json_object_new_int64((int64_t)options->knee_limits_ns[i]));
		json_object_array_add(limits, limit);
	}
	json_object_object_add(object, "limits", limits);
	json_object_object_add(object, "trials", json_object_get(trials->records));
	return report_json_write(options->json_file, object);
}

static enum exit_status explain(const struct trials *trials, enum knee_end end)
{
	switch (end) {
	case KNEE_INVALID:
		fprintf(stderr, "percore-load: %d trials in a row were INVALID; the last one:\n%s",
		        KNEE_INVALID_IN_A_ROW, trials->reasons);
		if (trials->best_per_s > 0)
			fprintf(stderr, "The highest rate that held in a valid trial: %.1f/s\n",
			        trials->best_per_s);
		return EXIT_INVALID;
	case KNEE_STOPPED:
		fprintf(stderr, "percore-load: %s\n",
		        trials->failed ? strerror(-trials->failed) : "interrupted; no knee found");
		return trials->failed ? EXIT_HERE : EXIT_ERRORS;
	case KNEE_NO_MEMORY:
	case KNEE_FOUND:
		break;
	}
	fputs("percore-load: no memory\n", stderr);
	return EXIT_HERE;
}

static enum exit_status search(struct trials *trials)
{
	const struct options *options = trials->options;
	struct knee_range knees[KNEE_LIMITS], saturation;
	double measured_s = (double)(options->trial_ns - options->trial_warmup_ns) / 1e9;
	struct knee_plan plan = { .lowest_per_s = LEAST_PLANNED / measured_s,
		                  .step = 1.25,
		                  .precision = 1.03,
		                  .limits = 1 + options->knee_limit_count,
		                  .trials = (unsigned)options->trials,
		                  .needed = (unsigned)options->trials_needed,
		                  .searches = (unsigned)options->searches,
		                  .try_rate = try_rate,
		                  .before_search = before_search,
		                  .context = trials };

	if (!measure_saturation(trials))
		return explain(trials, KNEE_STOPPED);
	plan.first_per_s = options->rate_per_s > 0 ? options->rate_per_s : trials->saturations[0] * 0.7;
	if (plan.first_per_s <= 0) {
		fputs("percore-load: no good answer at all; try --clients 1 first\n", stderr);
		return EXIT_ERRORS;
	}
	enum knee_end end = knee_find(&plan, knees);
	if (end != KNEE_FOUND)
		return explain(trials, end);
	saturation = knee_range_of(trials->saturations, trials->saturation_count);
	print_knees(trials, knees, &saturation);
	if (options->json_file && !write_json(trials, knees, &saturation))
		return EXIT_HERE;
	return knees[0].median > 0 ? EXIT_GOOD : EXIT_SLO;
}

enum exit_status knee_run(const struct options *options, const struct targets *targets,
                          const volatile bool *interrupted)
{
	struct trials trials = { .options = options,
		                 .targets = targets,
		                 .interrupted = interrupted,
		                 .slo = options->slo,
		                 .records = json_object_new_array() };

	if (trials.slo.count == 0) {
		char wrong[SLO_TERM_BYTES];
		slo_parse("p99<=10ms", &trials.slo, wrong);
	}
	enum exit_status status = search(&trials);
	json_object_put(trials.records);
	return status;
}
