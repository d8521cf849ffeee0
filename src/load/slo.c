/* SPDX-License-Identifier: ISC */
/* slo - parses and judges service level objectives. */
#include "load/slo.h"

#include "load/units.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

static bool parse_quantile(const char *text, double *quantile)
{
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return false;
	double percent = strtod(text, &end);
	*quantile = percent / 100;
	return *end == '\0' && percent > 0 && percent <= 100;
}

static const char *parse_metric(char *name, struct slo_term *term)
{
	if (strncmp(name, "raw:", 4) == 0) {
		term->raw = true;
		name += 4;
	}
	if (strcmp(name, "max") == 0) {
		term->metric = SLO_QUANTILE;
		term->quantile = 1;
	} else if (name[0] == 'p' && parse_quantile(name + 1, &term->quantile)) {
		term->metric = SLO_QUANTILE;
	} else if (strcmp(name, "mean") == 0) {
		term->metric = SLO_MEAN;
	} else if (strcmp(name, "errors") == 0 && !term->raw) {
		term->metric = SLO_ERRORS;
	} else if (strcmp(name, "throughput") == 0 && !term->raw) {
		term->metric = SLO_THROUGHPUT;
	} else {
		return "the metric must be pNN, max, mean, errors or throughput (raw:pNN for the raw "
		       "latency)";
	}
	return NULL;
}

static const char *parse_operator(const char *text, struct slo_term *term, size_t *length)
{
	static const struct {
		const char *text;
		enum slo_operator operator;
	} operators[] = { { "<=", SLO_LESS_EQUAL }, { ">=", SLO_GREATER_EQUAL }, { "==", SLO_EQUAL },
		          { "<", SLO_LESS },        { ">", SLO_GREATER },        { "=", SLO_EQUAL } };

	for (size_t i = 0; i < sizeof operators / sizeof operators[0]; i++) {
		*length = strlen(operators[i].text);
		if (strncmp(text, operators[i].text, *length) == 0) {
			term->operator= operators[i].operator;
			return NULL;
		}
	}
	return "needs one of < <= > >= = between metric and value";
}

static const char *parse_errors(const char *text, struct slo_term *term)
{
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return "errors are a number or a percentage";
	term->value = strtod(text, &end);
	if (strcmp(end, "%") == 0) {
		term->metric = SLO_ERROR_SHARE;
		term->value /= 100;
		return NULL;
	}
	return *end ? "errors are a number or a percentage" : NULL;
}

static const char *parse_value(const char *text, struct slo_term *term)
{
	uint64_t ns;

	if (term->metric == SLO_ERRORS)
		return parse_errors(text, term);
	if (term->metric == SLO_THROUGHPUT)
		return units_parse_rate(text, &term->value) ? NULL : "throughput is a rate, as 20000 or 20k";
	/* A bare number would be seconds, which hardly anybody means. */
	if (isdigit((unsigned char)text[strlen(text) - (text[0] != '\0')]) ||
	    !units_parse_duration(text, &ns))
		return "a latency needs a number and a unit: us, ms or s";
	term->value = (double)ns;
	return NULL;
}

static const char *parse_term(struct slo_term *term)
{
	char name[SLO_TERM_BYTES];
	size_t length = strcspn(term->text, "<>="), operator_length;

	snprintf(name, sizeof name, "%.*s", (int)length, term->text);
	const char *wrong = parse_operator(term->text + length, term, &operator_length);
	if (!wrong)
		wrong = parse_metric(name, term);
	return wrong ? wrong : parse_value(term->text + length + operator_length, term);
}

const char *slo_parse(const char *text, struct slo *slo, char wrong_term[SLO_TERM_BYTES])
{
	slo->count = 0;
	for (bool more = true; more; text++) {
		size_t length = strcspn(text, ",");
		snprintf(wrong_term, SLO_TERM_BYTES, "%.*s", (int)length, text);
		if (slo->count == SLO_TERMS)
			return "at most 16 terms";
		if (length >= SLO_TERM_BYTES)
			return "the term is longer than 47 bytes";
		struct slo_term *term = &slo->terms[slo->count++];
		*term = (struct slo_term){ 0 };
		memcpy(term->text, text, length);
		const char *wrong = parse_term(term);
		if (wrong)
			return wrong;
		text += length;
		more = *text == ',';
	}
	return NULL;
}

double slo_measured(const struct slo_term *term, const struct result *result)
{
	const struct histogram *latency = term->raw ? &result->raw : &result->corrected;
	uint64_t errors = result_errors(result);

	switch (term->metric) {
	case SLO_QUANTILE:
		return (double)histogram_quantile(latency, term->quantile);
	case SLO_MEAN:
		return (double)histogram_mean(latency);
	case SLO_ERRORS:
		return (double)errors;
	case SLO_ERROR_SHARE:
		return result->planned ? (double)errors / (double)result->planned : 0;
	case SLO_THROUGHPUT:
		return result_throughput_per_s(result);
	}
	return 0;
}

bool slo_term_holds(const struct slo_term *term, const struct result *result)
{
	double measured = slo_measured(term, result);

	/* Without a single good answer there is no latency to hold. */
	if ((term->metric == SLO_QUANTILE || term->metric == SLO_MEAN) && result->corrected.count == 0)
		return false;
	switch (term->operator) {
	case SLO_LESS:
		return measured < term->value;
	case SLO_LESS_EQUAL:
		return measured <= term->value;
	case SLO_GREATER:
		return measured > term->value;
	case SLO_GREATER_EQUAL:
		return measured >= term->value;
	case SLO_EQUAL:
		return measured == term->value;
	}
	return false;
}

bool slo_holds(const struct slo *slo, const struct result *result)
{
	for (unsigned i = 0; i < slo->count; i++)
		if (!slo_term_holds(&slo->terms[i], result))
			return false;
	return true;
}

bool slo_judges_errors(const struct slo *slo)
{
	for (unsigned i = 0; i < slo->count; i++)
		if (slo->terms[i].metric == SLO_ERRORS || slo->terms[i].metric == SLO_ERROR_SHARE)
			return true;
	return false;
}
