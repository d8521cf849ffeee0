/* SPDX-License-Identifier: ISC */
/* live - see live.h. */
#include "top/live.h"

#include "base/clock.h"
#include "base/no_memory.h"
#include "top/terminal.h"

#include <stdio.h>
#include <string.h>

struct live {
	struct source *source;
	struct terminal terminal;
	struct view view;
	struct screen screen;
	struct report *report;
	uint64_t interval_ms, due_ms;
	const char *wrong; /* why there is no newer sample; NULL: all is well */
	bool is_over;
};

/* ---- What is seen. */

static void make_report(struct live *l)
{
	struct report *report = report_new(l->source->now, l->source->before);

	if (!report)
		percore_no_memory();
	report_free(l->report);
	l->report = report;
}

static void draw(struct live *l)
{
	int width, height;

	terminal_size(&width, &height);
	l->view.has_ended = l->source->has_ended;
	screen_begin(&l->screen, width, height);
	screen_live(&l->screen, &l->view, l->report);
	if (l->wrong && !l->source->has_ended)
		snprintf(l->screen.lines[0].text, (size_t)l->screen.width + 1, "as it was: %s", l->wrong);
	terminal_show(&l->terminal, &l->screen);
}

/* What was seen last stays, where there is nothing newer. */
static void look(struct live *l)
{
	l->due_ms = clock_ns() / 1000000 + l->interval_ms;
	if (l->view.is_paused)
		return;
	l->wrong = source_look(l->source);
	if (!l->wrong)
		make_report(l);
	draw(l);
}

/* ---- Keys. */

static void show_table(struct view *view, enum table table)
{
	view->table = table;
	view->first = 0;
	view->shows_help = false;
	if (!table_has(table, view->sorted))
		view->sorted = table_first(table);
}

static void scroll(struct view *view, int rows)
{
	if (rows > 0)
		view->first += (size_t)rows; /* as far as there are rows: screen_live */
	else if (view->first)
		view->first--;
}

static void pause_or_go_on(struct live *l)
{
	l->view.is_paused = !l->view.is_paused;
	if (!l->view.is_paused)
		l->due_ms = 0;
}

static void take_event(struct live *l, enum terminal_event event)
{
	struct view *view = &l->view;

	switch ((int)event) {
	case 'q':
	case TERMINAL_QUIT:
		l->is_over = true;
		return;
	case 'w':
		show_table(view, TABLE_WORKERS);
		break;
	case 'r':
		show_table(view, TABLE_ROUTES);
		break;
	case 't':
		show_table(view, TABLE_TASKS);
		break;
	case '>':
	case 's':
	case TERMINAL_RIGHT:
		view->sorted = table_step(view->table, view->sorted, l->screen.width, 1);
		break;
	case '<':
	case TERMINAL_LEFT:
		view->sorted = table_step(view->table, view->sorted, l->screen.width, -1);
		break;
	case 'R':
		view->is_reversed = !view->is_reversed;
		break;
	case 'j':
	case TERMINAL_DOWN:
		scroll(view, 1);
		break;
	case 'k':
	case TERMINAL_UP:
		scroll(view, -1);
		break;
	case 'p':
		pause_or_go_on(l);
		break;
	case 'h':
	case '?':
		view->shows_help = !view->shows_help;
		break;
	default:
		break;
	}
	draw(l);
}

/* ---- The whole. */

static int until_due_ms(const struct live *l)
{
	uint64_t now_ms = clock_ns() / 1000000;

	return l->due_ms > now_ms ? (int)(l->due_ms - now_ms) : 0;
}

int live_run(struct source *source, const struct options *options)
{
	struct live l = { .source = source,
		          .interval_ms = options->interval_ms ? options->interval_ms : 1000,
		          .view = { .sorted = options->sorted } };
	int error = terminal_enter(&l.terminal);

	if (error) {
		fprintf(stderr, "percore-top: the terminal: %s\n", strerror(-error));
		return 1;
	}
	if (!table_has(TABLE_WORKERS, options->sorted))
		show_table(&l.view, table_has(TABLE_ROUTES, options->sorted) ? TABLE_ROUTES : TABLE_TASKS);
	make_report(&l);
	draw(&l);
	l.due_ms = clock_ns() / 1000000 + l.interval_ms;
	while (!l.is_over) {
		enum terminal_event event = terminal_wait(&l.terminal, until_due_ms(&l));
		if (event != TERMINAL_NOTHING)
			take_event(&l, event);
		if (!l.is_over && until_due_ms(&l) == 0)
			look(&l);
	}
	terminal_leave(&l.terminal);
	report_free(l.report);
	screen_fini(&l.screen);
	return 0;
}
