/* SPDX-License-Identifier: ISC */
/* result - sums, and whether to believe them. */
#include "load/result.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

uint64_t result_errors(const struct result *result)
{
	uint64_t errors = 0;

	for (int kind = OUTCOME_GOOD + 1; kind < OUTCOME_KINDS; kind++)
		errors += result->outcomes[kind];
	return errors;
}

double result_throughput_per_s(const struct result *result)
{
	return result->measured_ns ? (double)result->answered_in_time * 1e9 / (double)result->measured_ns : 0;
}

double result_cpu_share(const struct result *result)
{
	return result->measured_ns ? (double)result->cpu_ns / (double)result->measured_ns : 0;
}

void result_free(struct result *result)
{
	free(result->seconds);
	free(result->targets);
	*result = (struct result){ 0 };
}

static void __attribute__((format(printf, 2, 3)))
add_reason(char reasons[RESULT_REASONS_SIZE], const char *format, ...)
{
	size_t used = strlen(reasons);
	va_list args;

	va_start(args, format);
	vsnprintf(reasons + used, RESULT_REASONS_SIZE - used, format, args);
	va_end(args);
}

bool result_is_valid(const struct result *result, const struct result_limits *limits,
                     char reasons[RESULT_REASONS_SIZE])
{
	uint64_t late_ns = histogram_quantile(&result->lateness, 0.99);
	double cpu = result_cpu_share(result);

	reasons[0] = '\0';
	if (late_ns > limits->lateness_p99_ns)
		add_reason(
			reasons,
			"requests started late, p99 %.2f ms (limit %.2f ms): lower the rate or free a CPU\n",
			(double)late_ns / 1e6, (double)limits->lateness_p99_ns / 1e6);
	if (cpu > limits->cpu_share)
		add_reason(reasons,
		           "the generator used %.0f %% of a core (limit %.0f %%): it is the limit, not the "
		           "server; run several\n",
		           cpu * 100, limits->cpu_share * 100);
	if (result->steal_share > limits->steal_share)
		add_reason(
			reasons,
			"the hypervisor took %.1f %% of the CPU time (limit %.1f %%): repeat it on a quiet "
			"host\n",
			result->steal_share * 100, limits->steal_share * 100);
	return reasons[0] == '\0';
}
