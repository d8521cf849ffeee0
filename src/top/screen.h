/* SPDX-License-Identifier: ISC */
/*
 * screen - a report as lines of text, for a terminal or a file.
 *
 * No line is wider than the screen, and there are no more than it has; nothing in them is a control
 * character.
 */
#ifndef PERCORE_TOP_SCREEN_H
#define PERCORE_TOP_SCREEN_H

#include "top/report.h"

enum { SCREEN_LEAST_WIDTH = 8, SCREEN_MOST_WIDTH = 1000 };

enum look { LOOK_PLAIN, LOOK_TITLE, LOOK_WARNING, LOOK_HEADING, LOOK_KEYS };

struct screen_line {
	enum look look;
	char text[SCREEN_MOST_WIDTH + 1];
};

struct screen {
	int width, height; /* height 0: as many lines as it takes */
	struct screen_line *lines;
	int count, room;
};

/* What the keys have chosen. */
struct view {
	enum table table;
	enum column sorted;
	bool is_reversed, is_paused, shows_help, has_ended;
	size_t first; /* row of the table that is shown */
};

void screen_begin(struct screen *screen, int width, int height);
void screen_fini(struct screen *screen);

/* The heads and one table, and the keys in the last line. */
void screen_live(struct screen *screen, struct view *view, struct report *report);

/* The heads and all tables that have rows. */
void screen_once(struct screen *screen, const struct view *view, struct report *report);

#endif
