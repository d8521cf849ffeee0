/* SPDX-License-Identifier: ISC */
/* report - the table. */
#include "load/report.h"

#include "load/units.h"

#include <errno.h>
#include <inttypes.h>

void report_describe_load(const struct options *options, char *text, size_t size)
{
	const struct options *o = options;
	const char *how = o->even ? "even" : "Poisson";

	if (o->launch_per_s > 0)
		snprintf(text, size, "closed model, %g clients launched a second, %ld at most",
		         o->launch_per_s, o->max_clients);
	else if (o->clients > 0)
		snprintf(text, size, "closed model, %ld client%s", o->clients, o->clients == 1 ? "" : "s");
	else if (o->ramp_to_per_s > 0)
		snprintf(text, size, "open model, %g/s to %g/s, %s, %ld connections at most",
		         o->ramp_from_per_s, o->ramp_to_per_s, how, o->connections);
	else
		snprintf(text, size, "open model, %g/s, %s, %ld connections at most", o->rate_per_s, how,
		         o->connections);
}

static void print_errors(FILE *out, const struct result *result)
{
	uint64_t errors = result_errors(result);
	const char *before = ": ";

	fprintf(out, "errors      %" PRIu64, errors);
	for (int kind = OUTCOME_GOOD + 1; kind < OUTCOME_KINDS; kind++) {
		if (result->outcomes[kind] == 0)
			continue;
		fprintf(out, "%s%" PRIu64 " %s", before, result->outcomes[kind], outcome_name(kind));
		if (kind == OUTCOME_CONNECT)
			fprintf(out, " (%s)", strerror(result->connect_errno));
		before = ", ";
	}
	fputc('\n', out);
}

static void print_latency_row(FILE *out, const struct report *report, const char *name, uint64_t corrected_ns,
                              uint64_t raw_ns)
{
	char text[16];

	fprintf(out, "  %-8s  %12s", name, units_format_duration(corrected_ns, text, sizeof text));
	if (report->result->lateness.count > 0)
		fprintf(out, "  %12s", units_format_duration(raw_ns, text, sizeof text));
	fputc('\n', out);
}

static void print_latency(FILE *out, const struct report *report)
{
	static const struct {
		const char *name;
		double q;
	} rows[] = { { "p50", 0.5 },     { "p75", 0.75 },      { "p90", 0.9 }, { "p99", 0.99 },
		     { "p99.9", 0.999 }, { "p99.99", 0.9999 }, { "max", 1 } };
	const struct histogram *corrected = &report->result->corrected, *raw = &report->result->raw;

	if (report->result->lateness.count > 0)
		fputs("\nlatency         corrected           raw\n", out);
	else
		fputs("\nlatency\n", out);
	print_latency_row(out, report, "mean", histogram_mean(corrected), histogram_mean(raw));
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		print_latency_row(out, report, rows[i].name, histogram_quantile(corrected, rows[i].q),
		                  histogram_quantile(raw, rows[i].q));
}

static void print_targets(FILE *out, const struct report *report)
{
	char p50[16], p99[16];

	fputs("\nby URL          good    failed           p50           p99\n", out);
	for (unsigned i = 0; i < report->result->target_count; i++) {
		const struct result_target *target = &report->result->targets[i];
		uint64_t p50_ns = histogram_quantile(&target->latency, 0.5);
		uint64_t p99_ns = histogram_quantile(&target->latency, 0.99);
		fprintf(out, "  %18" PRIu64 "%10" PRIu64 "  %12s  %12s  %s\n", target->good, target->failed,
		        units_format_duration(p50_ns, p50, sizeof p50),
		        units_format_duration(p99_ns, p99, sizeof p99), report->options->urls[i].text);
	}
}

static void print_slo(FILE *out, const struct report *report)
{
	const struct slo *slo = &report->options->slo;
	char measured[24];

	for (unsigned i = 0; i < slo->count; i++) {
		const struct slo_term *term = &slo->terms[i];
		double value = slo_measured(term, report->result);
		if (term->metric == SLO_QUANTILE || term->metric == SLO_MEAN)
			units_format_duration((uint64_t)value, measured, sizeof measured);
		else if (term->metric == SLO_ERROR_SHARE)
			snprintf(measured, sizeof measured, "%.3f %%", value * 100);
		else
			snprintf(measured, sizeof measured, "%.10g", value);
		fprintf(out, "slo         %s: %s (%s)\n", term->text,
		        slo_term_holds(term, report->result) ? "held" : "MISSED", measured);
	}
}

static void print_generator(FILE *out, const struct report *report)
{
	const struct result *result = report->result;
	uint64_t late_p50_ns = histogram_quantile(&result->lateness, 0.5);
	uint64_t late_p99_ns = histogram_quantile(&result->lateness, 0.99);

	fprintf(out, "\ngenerator   %.1f %% of a core", result_cpu_share(result) * 100);
	if (result->answered_in_time > 0)
		fprintf(out, ", %.2f us a request",
		        (double)result->cpu_ns / 1e3 / (double)result->answered_in_time);
	if (result->lateness.count > 0) {
		char p50[16], p99[16];
		fprintf(out, "; late p50 %s, p99 %s", units_format_duration(late_p50_ns, p50, sizeof p50),
		        units_format_duration(late_p99_ns, p99, sizeof p99));
	}
	fprintf(out, "; steal %.1f %%\n", result->steal_share * 100);
}

void report_table(FILE *out, const struct report *report)
{
	const struct result *result = report->result;
	char load[160];

	report_describe_load(report->options, load, sizeof load);
	fprintf(out, "%s for %.4g s%s: %s\n\n", report->server, (double)result->measured_ns / 1e9,
	        result->interrupted ? " (interrupted)" : "", load);
	fprintf(out, "requests    %" PRIu64 " planned, %" PRIu64 " good\n", result->planned,
	        result->outcomes[OUTCOME_GOOD]);
	fprintf(out, "throughput  %.1f/s, %.3f MB/s\n", result_throughput_per_s(result),
	        result->measured_ns ? (double)result->received_bytes * 1e3 / (double)result->measured_ns : 0);
	print_errors(out, result);
	print_latency(out, report);
	report_sketch(out, &result->corrected);
	if (result->target_count > 1)
		print_targets(out, report);
	print_generator(out, report);
	print_slo(out, report);
	if (!report->valid)
		fprintf(out, "INVALID     %s", report->reasons);
}
