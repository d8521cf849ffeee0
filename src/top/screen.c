/* SPDX-License-Identifier: ISC */
/* screen - see screen.h. */
#include "top/screen.h"

#include "base/no_memory.h"
#include "top/numbers.h"
#include "top/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 1024, ROWS_LEAST = 6 };

/* ---- Lines. */

void screen_begin(struct screen *screen, int width, int height)
{
	screen->width = width < SCREEN_LEAST_WIDTH  ? SCREEN_LEAST_WIDTH
	                : width > SCREEN_MOST_WIDTH ? SCREEN_MOST_WIDTH
	                                            : width;
	screen->height = height;
	screen->count = 0;
}

void screen_fini(struct screen *screen)
{
	free(screen->lines);
	*screen = (struct screen){ 0 };
}

static int lines_left(const struct screen *s)
{
	return s->height ? s->height - s->count : 1 << 30;
}

/* NULL: the screen is full. */
static struct screen_line *new_line(struct screen *s, enum look look)
{
	if (lines_left(s) <= 0)
		return NULL;
	if (s->count == s->room) {
		int room = s->room ? 2 * s->room : 64;
		struct screen_line *more = realloc(s->lines, (size_t)room * sizeof *more);
		if (!more)
			percore_no_memory();
		s->lines = more;
		s->room = room;
	}
	struct screen_line *line = &s->lines[s->count++];
	line->look = look;
	line->text[0] = '\0';
	return line;
}

/* How much of the text goes into a line: to the last blank, or all that there is room for. */
static int line_length(const char *text, int width)
{
	int length = (int)strlen(text), at = width;

	if (length <= width)
		return length;
	while (at > 0 && text[at] != ' ')
		at--;
	return at > width / 2 ? at : width;
}

static void add_line(struct screen *s, enum look look, const char *text)
{
	struct screen_line *line = new_line(s, look);

	if (line)
		text_plain(line->text, (size_t)s->width + 1, text);
}

/* In as many lines as it takes, of `most` at most: then the last one ends in "...". */
static void add_wrapped(struct screen *s, enum look look, const char *sign, const char *text, int most)
{
	char plain[TEXT_MAX], line[TEXT_MAX + 8];
	const char *rest = plain;
	int indent = (int)strlen(sign), width = s->width - indent;

	text_plain(plain, sizeof plain, text);
	for (int i = 0; i < most; i++) {
		int length = line_length(rest, width);
		bool is_cut = i + 1 == most && rest[length];
		if (is_cut && length > width - 3)
			length = width - 3;
		snprintf(line, sizeof line, "%*s%.*s%s", indent, i ? "" : sign, length, rest,
		         is_cut ? "..." : "");
		add_line(s, look, line);
		rest += length;
		while (*rest == ' ')
			rest++;
		if (!*rest)
			return;
	}
}

/* Cut where the screen ends, but for what is plain: that goes into two lines. */
static void __attribute__((format(printf, 3, 4)))
put(struct screen *s, enum look look, const char *format, ...)
{
	char text[TEXT_MAX];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	if (look == LOOK_PLAIN)
		add_wrapped(s, look, "", text, 2);
	else
		add_line(s, look, text);
}

/* ---- The heads. */

static void put_title(struct screen *s, const struct view *view, const struct report *r)
{
	const struct pool_shm *pool = r->now->copy->metrics.pool;
	char up[NUMBER_MAX], others[64] = "";

	if (r->others)
		snprintf(others, sizeof others, " (and %u worker%s of others)", r->others,
		         r->others == 1 ? "" : "s");
	put(s, LOOK_TITLE, "%s%s%s %s, generation %" PRIu64 "%s, up %s",
	    view->has_ended ? "THE SERVICE HAS ENDED: " : "", view->is_paused ? "PAUSED: " : "",
	    *pool->service ? pool->service : "a service", pool->service_version, r->now->view->generation,
	    others, number_span(r->now->counts_s > 0 ? r->now->counts_s : NAN, up));
}

static void put_pool(struct screen *s, const struct report *r)
{
	const struct metrics_view *v = r->now->view;
	const struct jobs_shm *jobs = &r->now->copy->background->jobs;
	uint64_t done = atomic_load(&jobs->done), failed = atomic_load(&jobs->failed);
	uint64_t queued = atomic_load(&jobs->queued), running = atomic_load(&jobs->running);
	char requests[NUMBER_MAX];

	put(s, LOOK_PLAIN,
	    "workers %" PRIu64 "/%" PRIu64 " busy, %" PRIu64 " in flight, backlog %" PRIu64
	    ", connections %" PRIu64 ", requests %s",
	    v->serving, v->wanted, v->serving, v->backlog, v->connections,
	    number_count((double)r->now->requests, requests));
	if (done | failed | queued | running)
		put(s, LOOK_PLAIN,
		    "jobs: %" PRIu64 " queued, %" PRIu64 " running, %" PRIu64 " done, %" PRIu64 " failed",
		    queued, running, done, failed);
}

static const char *quantile(const struct report *r, double share, char text[NUMBER_MAX])
{
	return number_duration(r->durations.count ? (double)histogram_quantile(&r->durations, share) : NAN,
	                       text);
}

static void put_figures(struct screen *s, const struct report *r)
{
	char of[6][NUMBER_MAX], span[NUMBER_MAX];

	put(s, LOOK_PLAIN, "requests/s %s, errors/s %s, shed/s %s, limited/s %s, p50 %s, p99 %s",
	    number_rate(r->requests_s, of[0]), number_rate(r->errors_s, of[1]), number_rate(r->shed_s, of[2]),
	    number_rate(r->limited_s, of[3]), quantile(r, .5, of[4]), quantile(r, .99, of[5]));
	if (r->is_since_start)
		put(s, LOOK_PLAIN, "rates and percentiles: of all the time since the start");
	else
		put(s, LOOK_PLAIN, "rates and percentiles: of the last %s",
		    number_duration(r->seconds * 1e9, span));
}

/* What to do is left out where it would take the table's room. */
static void put_warnings(struct screen *s, const struct report *r)
{
	unsigned kept = r->warning_count < WARNINGS_MAX ? r->warning_count : WARNINGS_MAX;
	int room = lines_left(s) - ROWS_LEAST - 3;
	bool has_remedies = 3 * (int)kept <= room;

	for (unsigned i = 0; i < kept; i++) {
		const struct warning *w = &r->warnings[i];
		int left = s->height ? lines_left(s) - ROWS_LEAST - 3 : room;
		if (left < 2) {
			put(s, LOOK_WARNING, "! and %u more; percore-top -1 has them all",
			    r->warning_count - i);
			return;
		}
		add_wrapped(s, LOOK_WARNING, "! ", w->what, s->height ? 2 : 16);
		if (has_remedies && *w->remedy)
			add_wrapped(s, LOOK_PLAIN, "  ", w->remedy, 2);
	}
	if (r->warning_count > kept)
		put(s, LOOK_WARNING, "! and %u more", r->warning_count - kept);
}

static void put_heads(struct screen *s, const struct view *view, const struct report *r)
{
	put_title(s, view, r);
	put_figures(s, r);
	put_pool(s, r);
	put_warnings(s, r);
}

/* ---- The tables. */

static void put_table(struct screen *s, enum table table, const struct view *view, const struct report *r,
                      size_t count)
{
	const struct rows *rows = &r->rows[table];
	struct screen_line *line = new_line(s, LOOK_HEADING);

	if (line)
		table_heading(table, view->sorted, s->width, line->text);
	for (size_t i = view->first; i < rows->count && i < view->first + count; i++) {
		line = new_line(s, LOOK_PLAIN);
		if (line)
			table_line(table, &rows->all[i], s->width, line->text);
	}
}

void screen_once(struct screen *s, const struct view *view, struct report *r)
{
	put_heads(s, view, r);
	for (enum table table = 0; table < TABLES; table++) {
		if (!r->rows[table].count)
			continue;
		table_sort(&r->rows[table],
		           table_has(table, view->sorted) ? view->sorted : table_first(table),
		           view->is_reversed);
		add_line(s, LOOK_PLAIN, "");
		put_table(s, table, view, r, r->rows[table].count);
	}
}

/* ---- The keys. */

static void put_help(struct screen *s)
{
	static const char *const lines[] = {
		"q        quit",
		"w r t    workers, routes, tasks",
		"< >      rows in the order of the column to the left or right of the * (s: as >)",
		"R        the other way round",
		"j k      down and up, as the arrows, where there are more rows than the screen has",
		"p        pause, and go on",
		"h        this help, and back",
		"",
		"REQ/S, ERR/S and P50 to MAX are of the interval; all others of now or since the start.",
		"A wide screen has more columns.  percore-top(1) says what each of them means.",
	};

	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
		add_wrapped(s, LOOK_PLAIN, "", lines[i], 2);
}

static void put_keys(struct screen *s, const struct view *view, const struct report *r, size_t room)
{
	size_t count = r->rows[view->table].count;
	char rows[64] = "";

	if (count > room)
		snprintf(rows, sizeof rows, " %zu-%zu of %zu", view->first + 1, view->first + room, count);
	put(s, LOOK_KEYS, "%s%s  q quit  w workers  r routes  t tasks  < > order  p pause  h help",
	    table_name(view->table), rows);
}

void screen_live(struct screen *s, struct view *view, struct report *r)
{
	struct rows *rows = &r->rows[view->table];

	put_heads(s, view, r);
	int left = lines_left(s) - 2;
	size_t room = left > 0 ? (size_t)left : 0;
	if (view->first + room > rows->count)
		view->first = rows->count > room ? rows->count - room : 0;
	if (view->shows_help) {
		put_help(s);
	} else {
		table_sort(rows, view->sorted, view->is_reversed);
		put_table(s, view->table, view, r, room);
	}
	while (lines_left(s) > 1)
		add_line(s, LOOK_PLAIN, "");
	if (lines_left(s) == 1)
		put_keys(s, view, r, room);
}
