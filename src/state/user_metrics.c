/* SPDX-License-Identifier: ISC */
/* meters - see meters.h. */
#include "state/user_metrics.h"

#include "percore.h"

#include <stdlib.h>
#include <string.h>

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"
#define DIGITS  "0123456789"

/* ---- Declaring. */

size_t user_metrics_base(const char *name)
{
	return strcspn(name, "{");
}

static bool is_word(const char *text, size_t length, const char *more)
{
	if (length == 0 || (!strchr(LETTERS, *text) && !strchr(more, *text)))
		return false;
	for (size_t i = 1; i < length; i++)
		if (!strchr(LETTERS DIGITS, text[i]) && !strchr(more, text[i]))
			return false;
	return true;
}

/* {name="value",other="value"}; values without quotes, backslashes and line ends. */
static bool are_labels(const char *text)
{
	if (!*text)
		return true;
	do {
		size_t length = strcspn(++text, "=");
		if (!is_word(text, length, "") || (length == 2 && strncmp(text, "le", 2) == 0) ||
		    strncmp(text + length, "=\"", 2) != 0)
			return false;
		text += length + 2;
		text += strcspn(text, "\"\\\n");
		if (*text++ != '"')
			return false;
	} while (*text == ',');
	return strcmp(text, "}") == 0;
}

static bool ends_with(const char *text, size_t length, const char *end)
{
	size_t size = strlen(end);

	return length > size && memcmp(text + length - size, end, size) == 0;
}

static const char *wrong_with(const struct user_metrics *user_metrics, enum metrics_kind kind,
                              const char *name)
{
	size_t base = user_metrics_base(name);

	if (strlen(name) >= METRICS_TEXT_MAX)
		return "the name is longer than 247 bytes";
	if (!is_word(name, base, ":") || !are_labels(name + base))
		return "the name must be as shop_orders_total or shop_orders_total{kind=\"new\"}";
	if (strncmp(name, "percore_", 8) == 0 || strncmp(name, "process_", 8) == 0)
		return "names with percore_ and process_ are taken";
	if ((kind == METRICS_COUNTER) != ends_with(name, base, "_total"))
		return "a counter's name ends in _total, and no other's does";
	if (kind == METRICS_HISTOGRAM && !ends_with(name, base, "_seconds"))
		return "a histogram's name ends in _seconds";
	for (size_t i = 0; i < user_metrics->count; i++) {
		const struct user_metric *other = user_metrics->all[i];
		if (strcmp(other->name, name) == 0)
			return "it is there already";
		if (other->kind != kind && user_metrics_base(other->name) == base &&
		    strncmp(other->name, name, base) == 0)
			return "one of this name and another kind is there already";
	}
	return NULL;
}

struct user_metric *user_metrics_add(struct user_metrics *user_metrics, enum metrics_kind kind,
                                     const char *name, const char *help, const char **wrong)
{
	struct user_metric **all = realloc(user_metrics->all, (user_metrics->count + 1) * sizeof(void *));
	struct user_metric *meter = all ? calloc(1, sizeof *meter) : NULL;

	*wrong = "no memory";
	if (all)
		user_metrics->all = all;
	if (!meter)
		return NULL;
	*wrong = wrong_with(user_metrics, kind, name);
	meter->kind = kind;
	meter->cell = &meter->unbound;
	meter->place = -1;
	meter->name = strdup(name);
	meter->help = strdup(help);
	user_metrics->all[user_metrics->count++] = meter;
	if (!meter->name || !meter->help)
		*wrong = "no memory";
	return meter;
}

void user_metrics_fini(struct user_metrics *user_metrics)
{
	for (size_t i = 0; i < user_metrics->count; i++) {
		free(user_metrics->all[i]->name);
		free(user_metrics->all[i]->help);
		free(user_metrics->all[i]);
	}
	free(user_metrics->all);
}

size_t user_metrics_histograms(const struct user_metrics *user_metrics)
{
	size_t count = 0;

	for (size_t i = 0; i < user_metrics->count; i++)
		count += user_metrics->all[i]->kind == METRICS_HISTOGRAM;
	return count;
}

struct user_metric *user_metrics_at(const struct user_metrics *user_metrics, size_t i)
{
	return i < user_metrics->count ? user_metrics->all[i] : NULL;
}

void user_metrics_bind(const struct user_metrics *user_metrics, struct metrics *m)
{
	struct user_metric *meter;

	for (size_t i = 0; (meter = user_metrics_at(user_metrics, i)); i++) {
		if (meter->place < 0)
			continue;
		if (meter->kind == METRICS_HISTOGRAM) {
			meter->slot = m->own;
			continue;
		}
		meter->cell = &m->own->cells[meter->place];
		if (meter->kind == METRICS_GAUGE)
			atomic_store(meter->cell, 0);
	}
}

/* ---- Updating: percore.h.  A handle is a struct user_metric, whatever its kind. */

void percore_counter_add(struct percore_counter *counter, uint64_t n)
{
	metrics_add(((struct user_metric *)counter)->cell, n);
}

static double gauge_value(const struct user_metric *meter)
{
	uint64_t bits = atomic_load_explicit(meter->cell, memory_order_relaxed);
	double value;

	memcpy(&value, &bits, sizeof value);
	return value;
}

void percore_gauge_set(struct percore_gauge *gauge, double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof bits);
	atomic_store_explicit(((struct user_metric *)gauge)->cell, bits, memory_order_relaxed);
}

void percore_gauge_add(struct percore_gauge *gauge, double change)
{
	percore_gauge_set(gauge, gauge_value((struct user_metric *)gauge) + change);
}

void percore_histogram_record(struct percore_histogram *histogram, double seconds)
{
	const struct user_metric *meter = (const struct user_metric *)histogram;

	if (meter->slot && seconds >= 0) /* not for NaN either */
		metrics_record(meter->slot, (unsigned)meter->place,
		               seconds < 1e9 ? (uint64_t)(seconds * 1e9) : (uint64_t)1e18);
}
