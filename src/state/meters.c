/* meters - see meters.h. */
#include "state/meters.h"

#include "percore.h"

#include <stdlib.h>
#include <string.h>

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"
#define DIGITS  "0123456789"

/* ---- Declaring. */

size_t meters_base(const char *name)
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

static const char *wrong_with(const struct meters *meters, enum metrics_kind kind, const char *name)
{
	size_t base = meters_base(name);

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
	for (size_t i = 0; i < meters->count; i++) {
		const struct meter *other = meters->all[i];
		if (strcmp(other->name, name) == 0)
			return "it is there already";
		if (other->kind != kind && meters_base(other->name) == base &&
		    strncmp(other->name, name, base) == 0)
			return "one of this name and another kind is there already";
	}
	return NULL;
}

struct meter *meters_add(struct meters *meters, enum metrics_kind kind, const char *name, const char *help,
                         const char **wrong)
{
	struct meter **all = realloc(meters->all, (meters->count + 1) * sizeof(void *));
	struct meter *meter = all ? calloc(1, sizeof *meter) : NULL;

	*wrong = "no memory";
	if (all)
		meters->all = all;
	if (!meter)
		return NULL;
	*wrong = wrong_with(meters, kind, name);
	meter->kind = kind;
	meter->cell = &meter->unbound;
	meter->place = -1;
	meter->name = strdup(name);
	meter->help = strdup(help);
	meters->all[meters->count++] = meter;
	if (!meter->name || !meter->help)
		*wrong = "no memory";
	return meter;
}

void meters_fini(struct meters *meters)
{
	for (size_t i = 0; i < meters->count; i++) {
		free(meters->all[i]->name);
		free(meters->all[i]->help);
		free(meters->all[i]);
	}
	free(meters->all);
}

size_t meters_histograms(const struct meters *meters)
{
	size_t count = 0;

	for (size_t i = 0; i < meters->count; i++)
		count += meters->all[i]->kind == METRICS_HISTOGRAM;
	return count;
}

struct meter *meters_at(const struct meters *meters, size_t i)
{
	return i < meters->count ? meters->all[i] : NULL;
}

void meters_bind(const struct meters *meters, struct metrics *m)
{
	struct meter *meter;

	for (size_t i = 0; (meter = meters_at(meters, i)); i++) {
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

/* ---- Updating: percore.h.  A handle is a struct meter, whatever its kind. */

void percore_counter_add(struct percore_counter *counter, uint64_t n)
{
	metrics_add(((struct meter *)counter)->cell, n);
}

static double gauge_value(const struct meter *meter)
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
	atomic_store_explicit(((struct meter *)gauge)->cell, bits, memory_order_relaxed);
}

void percore_gauge_add(struct percore_gauge *gauge, double change)
{
	percore_gauge_set(gauge, gauge_value((struct meter *)gauge) + change);
}

void percore_histogram_record(struct percore_histogram *histogram, double seconds)
{
	const struct meter *meter = (const struct meter *)histogram;

	if (meter->slot && seconds >= 0) /* not for NaN either */
		metrics_record(meter->slot, (unsigned)meter->place,
		               seconds < 1e9 ? (uint64_t)(seconds * 1e9) : (uint64_t)1e18);
}
