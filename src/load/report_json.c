/* SPDX-License-Identifier: ISC */
/*
 * report_json - everything that a run found, for programs.
 *
 * Latencies are whole nanoseconds.  A histogram is an array of [from_ns, to_ns,
 * count], empty buckets left out.  An interface to others: names are kept, new ones
 * may come.
 */
#include "load/report.h"

#include <errno.h>
#include <json.h>
#include <string.h>
#include <time.h>

static void add_int(json_object *object, const char *name, uint64_t value)
{
	json_object_object_add(object, name, json_object_new_int64((int64_t)value));
}

/* Six digits after the point are more than anything here is worth. */
static void add_double(json_object *object, const char *name, double value)
{
	char text[32];

	snprintf(text, sizeof text, "%.6f", value);
	json_object_object_add(object, name, json_object_new_double_s(value, text));
}

static void add_text(json_object *object, const char *name, const char *text)
{
	json_object_object_add(object, name, json_object_new_string(text));
}

static json_object *histogram_json(const struct histogram *histogram)
{
	static const struct {
		const char *name;
		double q;
	} rows[] = { { "p50_ns", 0.5 },  { "p75_ns", 0.75 },    { "p90_ns", 0.9 },       { "p95_ns", 0.95 },
		     { "p99_ns", 0.99 }, { "p99.9_ns", 0.999 }, { "p99.99_ns", 0.9999 }, { "max_ns", 1 } };
	json_object *object = json_object_new_object(), *buckets = json_object_new_array();

	add_int(object, "count", histogram->count);
	add_int(object, "mean_ns", histogram_mean(histogram));
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		add_int(object, rows[i].name, histogram_quantile(histogram, rows[i].q));
	for (unsigned i = 0; i < HISTOGRAM_SIZE; i++) {
		if (histogram->counters[i] == 0)
			continue;
		json_object *bucket = json_object_new_array_ext(3);
		json_object_array_add(bucket, json_object_new_int64((int64_t)histogram_floor(i)));
		json_object_array_add(bucket, json_object_new_int64((int64_t)histogram_ceiling(i)));
		json_object_array_add(bucket, json_object_new_int64((int64_t)histogram->counters[i]));
		json_object_array_add(buckets, bucket);
	}
	json_object_object_add(object, "histogram", buckets);
	return object;
}

static json_object *errors_json(const struct result *result)
{
	json_object *object = json_object_new_object();

	add_int(object, "all", result_errors(result));
	for (int kind = OUTCOME_GOOD + 1; kind < OUTCOME_KINDS; kind++)
		add_int(object, outcome_name(kind), result->outcomes[kind]);
	return object;
}

static json_object *second_json(const struct result_second *second)
{
	json_object *object = json_object_new_object();

	add_int(object, "started", second->planned);
	add_int(object, "good", second->good);
	add_int(object, "errors", second->failed);
	add_int(object, "connections", second->clients);
	add_int(object, "p50_ns", second->p50_ns);
	add_int(object, "p90_ns", second->p90_ns);
	add_int(object, "p95_ns", second->p95_ns);
	add_int(object, "p99_ns", second->p99_ns);
	add_int(object, "p99.9_ns", second->p999_ns);
	add_int(object, "max_ns", second->max_ns);
	add_int(object, "raw_p99_ns", second->raw_p99_ns);
	add_int(object, "cpu_ns", second->cpu_ns);
	add_int(object, "lateness_max_ns", second->lateness_max_ns);
	return object;
}

static json_object *seconds_json(const struct result *result)
{
	json_object *array = json_object_new_array();

	for (unsigned i = 0; i < result->second_count; i++)
		json_object_array_add(array, second_json(&result->seconds[i]));
	return array;
}

static json_object *targets_json(const struct report *report)
{
	json_object *array = json_object_new_array();

	for (unsigned i = 0; i < report->result->target_count; i++) {
		const struct result_target *target = &report->result->targets[i];
		json_object *object = json_object_new_object();
		add_text(object, "url", report->options->urls[i].text);
		add_double(object, "weight", report->options->urls[i].weight);
		add_int(object, "good", target->good);
		add_int(object, "errors", target->failed);
		if (report->result->target_count > 1) {
			add_int(object, "p50_ns", histogram_quantile(&target->latency, 0.5));
			add_int(object, "p99_ns", histogram_quantile(&target->latency, 0.99));
		}
		json_object_array_add(array, object);
	}
	return array;
}

static json_object *slo_json(const struct report *report)
{
	json_object *array = json_object_new_array();

	for (unsigned i = 0; i < report->options->slo.count; i++) {
		const struct slo_term *term = &report->options->slo.terms[i];
		json_object *object = json_object_new_object();
		add_text(object, "term", term->text);
		add_double(object, "measured", slo_measured(term, report->result));
		json_object_object_add(object, "held",
		                       json_object_new_boolean(slo_term_holds(term, report->result)));
		json_object_array_add(array, object);
	}
	return array;
}

void report_json_head(json_object *object, const struct options *options, const char *server)
{
	json_object *array = json_object_new_array();
	char text[160];
	time_t now = time(NULL);
	struct tm utc;

	add_text(object, "program", "percore-load " PACKAGE_VERSION);
	for (int i = 0; i < options->argc; i++)
		json_object_array_add(array, json_object_new_string(options->argv[i]));
	json_object_object_add(object, "command", array);
	report_describe_load(options, text, sizeof text);
	add_text(object, "load", text);
	strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
	add_text(object, "finished", text);
	add_text(object, "server", server);
}

static void add_generator(json_object *object, const struct result *result)
{
	json_object *generator = json_object_new_object();

	add_int(generator, "cpu_ns", result->cpu_ns);
	add_double(generator, "cpu_share", result_cpu_share(result));
	add_double(generator, "steal_share", result->steal_share);
	json_object_object_add(generator, "lateness", histogram_json(&result->lateness));
	json_object_object_add(object, "generator", generator);
}

static json_object *whole_json(const struct report *report)
{
	const struct result *result = report->result;
	json_object *object = json_object_new_object();

	report_json_head(object, report->options, report->server);
	json_object_object_add(object, "valid", json_object_new_boolean(report->valid));
	add_text(object, "invalid_because", report->reasons);
	add_int(object, "duration_ns", result->measured_ns);
	json_object_object_add(object, "interrupted", json_object_new_boolean(result->interrupted));
	add_int(object, "planned", result->planned);
	add_int(object, "good", result->outcomes[OUTCOME_GOOD]);
	add_double(object, "throughput_per_s", result_throughput_per_s(result));
	add_int(object, "received_bytes", result->received_bytes);
	add_int(object, "connects", result->connects);
	json_object_object_add(object, "errors", errors_json(result));
	json_object_object_add(object, "corrected", histogram_json(&result->corrected));
	json_object_object_add(object, "raw", histogram_json(&result->raw));
	add_generator(object, result);
	json_object_object_add(object, "slo", slo_json(report));
	json_object_object_add(object, "urls", targets_json(report));
	json_object_object_add(object, "seconds", seconds_json(result));
	return object;
}

bool report_json_write(const char *path, json_object *object)
{
	bool written = json_object_to_file_ext(path, object,
	                                       JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE) == 0;

	if (!written)
		fprintf(stderr, "percore-load: --json %s: %s", path, json_util_get_last_err());
	json_object_put(object);
	return written;
}

bool report_json(const char *path, const struct report *report)
{
	return report_json_write(path, whole_json(report));
}
