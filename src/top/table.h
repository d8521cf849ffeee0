/* SPDX-License-Identifier: ISC */
/*
 * table - the tables of workers, routes and tasks: which columns they have, in what order, how wide.
 *
 * A row has its numbers in double, NAN for what is not known; the text in the last column takes the width
 * that is left.  A narrow screen shows the columns that matter most.
 */
#ifndef PERCORE_TOP_TABLE_H
#define PERCORE_TOP_TABLE_H

#include "state/in_flight.h"

#include <stdbool.h>
#include <stddef.h>

enum column {
	COLUMN_WORKER,
	COLUMN_PID,
	COLUMN_GENERATION,
	COLUMN_STATE,
	COLUMN_RATE,
	COLUMN_ERROR_RATE,
	COLUMN_P50, /* ns, as those below */
	COLUMN_P90,
	COLUMN_P99,
	COLUMN_MAX,
	COLUMN_REQUESTS,
	COLUMN_ERRORS,
	COLUMN_MEMORY,
	COLUMN_UP, /* s */
	COLUMN_RESTARTS,
	COLUMN_BUSY, /* ns: for how long it has had its request */
	COLUMN_REQUEST,
	COLUMN_ROUTE,
	COLUMN_RUNS,
	COLUMN_FAILED,
	COLUMN_IN_ROW,
	COLUMN_TOOK, /* ns */
	COLUMN_AGO,  /* s, as the next */
	COLUMN_NEXT,
	COLUMN_TASK,
	COLUMN_REASON,
	COLUMNS,
};

enum { ROW_TEXT_MAX = IN_FLIGHT_METHOD_MAX + IN_FLIGHT_PATH_MAX };

struct row {
	unsigned slot; /* of what it tells: a worker's, a route's entry, a task's; equal rows keep this order
	                */
	double numbers[COLUMNS];
	char state[12];
	char name[64];           /* COLUMN_TASK */
	char text[ROW_TEXT_MAX]; /* the last column; as its writer wrote it */
};

struct rows {
	struct row *all;
	size_t count;
};

enum table { TABLE_WORKERS, TABLE_ROUTES, TABLE_TASKS, TABLES };

/* "workers", ... */
const char *table_name(enum table table);

/* By the title, in any case.  COLUMNS: no table has such a column. */
enum column table_find_column(const char *title);
const char *table_title(enum column column);
bool table_has(enum table table, enum column column);

/* All titles of a table, or of all where it is TABLES, in one line. */
void table_titles(enum table table, char *text, size_t size);

/* The one beside it that is shown in this width, to the right or, step being -1, to the left; round the ends.
 */
enum column table_step(enum table table, enum column column, int width, int step);

/* What a table is sorted by that has no such column. */
enum column table_first(enum table table);

/* Numbers from the largest, names from the first; what is not known last.  Reversed where that is true. */
void table_sort(struct rows *rows, enum column column, bool reversed);

/* Of so many characters at most, ended; as wide as it is, but for the last column.  Printable ASCII. */
void table_heading(enum table table, enum column sorted, int width, char *line);
void table_line(enum table table, const struct row *row, int width, char *line);

#endif
