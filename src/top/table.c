/* SPDX-License-Identifier: ISC */
/* table - see table.h. */
#include "top/table.h"

#include "base/ascii.h"
#include "top/numbers.h"
#include "top/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WIDE = 120 }; /* from here on all columns are shown */

enum kind { COUNT, RATE, DURATION, SPAN, BYTES, STATE, NAME, TEXT };

static const struct {
	const char *title;
	enum kind kind;
	int width; /* of TEXT: at least */
} columns[COLUMNS] = {
	[COLUMN_WORKER] = { "WORKER", COUNT, 7 },
	[COLUMN_PID] = { "PID", COUNT, 7 },
	[COLUMN_GENERATION] = { "GEN", COUNT, 4 },
	[COLUMN_STATE] = { "STATE", STATE, 8 },
	[COLUMN_RATE] = { "REQ/S", RATE, 6 },
	[COLUMN_ERROR_RATE] = { "ERR/S", RATE, 6 },
	[COLUMN_P50] = { "P50", DURATION, 6 },
	[COLUMN_P90] = { "P90", DURATION, 6 },
	[COLUMN_P99] = { "P99", DURATION, 6 },
	[COLUMN_MAX] = { "MAX", DURATION, 6 },
	[COLUMN_REQUESTS] = { "REQUESTS", COUNT, 9 },
	[COLUMN_ERRORS] = { "ERRORS", COUNT, 8 },
	[COLUMN_MEMORY] = { "MEM", BYTES, 6 },
	[COLUMN_UP] = { "UP", SPAN, 6 },
	[COLUMN_RESTARTS] = { "RESTARTS", COUNT, 9 },
	[COLUMN_BUSY] = { "FOR", DURATION, 6 },
	[COLUMN_REQUEST] = { "REQUEST", TEXT, 7 },
	[COLUMN_ROUTE] = { "ROUTE", TEXT, 5 },
	[COLUMN_RUNS] = { "RUNS", COUNT, 8 },
	[COLUMN_FAILED] = { "FAILED", COUNT, 8 },
	[COLUMN_IN_ROW] = { "IN-ROW", COUNT, 7 },
	[COLUMN_TOOK] = { "TOOK", DURATION, 6 },
	[COLUMN_AGO] = { "AGO", SPAN, 6 },
	[COLUMN_NEXT] = { "NEXT", SPAN, 6 },
	[COLUMN_TASK] = { "TASK", NAME, 16 },
	[COLUMN_REASON] = { "REASON", TEXT, 6 },
};

/* From the left; what is_wide is left out on a narrow screen.  The TEXT column is the last. */
static const struct place {
	enum column column;
	bool is_wide;
} places[TABLES][16] = {
	[TABLE_WORKERS] = { { COLUMN_WORKER, false },
	                    { COLUMN_PID, false },
	                    { COLUMN_GENERATION, false },
	                    { COLUMN_STATE, false },
	                    { COLUMN_RATE, false },
	                    { COLUMN_ERROR_RATE, true },
	                    { COLUMN_P50, false },
	                    { COLUMN_P99, false },
	                    { COLUMN_MAX, true },
	                    { COLUMN_REQUESTS, true },
	                    { COLUMN_MEMORY, true },
	                    { COLUMN_UP, true },
	                    { COLUMN_RESTARTS, true },
	                    { COLUMN_BUSY, false },
	                    { COLUMN_REQUEST, false },
	                    { COLUMNS, false } },
	[TABLE_ROUTES] = { { COLUMN_RATE, false },
	                   { COLUMN_ERROR_RATE, false },
	                   { COLUMN_P50, false },
	                   { COLUMN_P90, false },
	                   { COLUMN_P99, false },
	                   { COLUMN_MAX, true },
	                   { COLUMN_REQUESTS, false },
	                   { COLUMN_ERRORS, true },
	                   { COLUMN_ROUTE, false },
	                   { COLUMNS, false } },
	[TABLE_TASKS] = { { COLUMN_TASK, false },
	                  { COLUMN_STATE, false },
	                  { COLUMN_RUNS, false },
	                  { COLUMN_FAILED, true },
	                  { COLUMN_IN_ROW, false },
	                  { COLUMN_TOOK, false },
	                  { COLUMN_AGO, false },
	                  { COLUMN_NEXT, false },
	                  { COLUMN_REASON, false },
	                  { COLUMNS, false } },
};

const char *table_name(enum table table)
{
	static const char *const names[] = { "workers", "routes", "tasks" };

	return names[table];
}

/* ---- Columns. */

enum column table_find_column(const char *title)
{
	enum column column = 0;

	while (column < COLUMNS && !ascii_equals(columns[column].title, title))
		column++;
	return column;
}

const char *table_title(enum column column)
{
	return columns[column].title;
}

static int index_of(enum table table, enum column column)
{
	for (int i = 0; places[table][i].column != COLUMNS; i++)
		if (places[table][i].column == column)
			return i;
	return -1;
}

bool table_has(enum table table, enum column column)
{
	return index_of(table, column) >= 0;
}

void table_titles(enum table table, char *text, size_t size)
{
	size_t length = 0;

	*text = '\0';
	for (enum column column = 0; column < COLUMNS; column++)
		if ((table == TABLES || table_has(table, column)) && length < size)
			length += (size_t)snprintf(text + length, size - length, "%s%s", length ? " " : "",
			                           columns[column].title);
}

enum column table_first(enum table table)
{
	return places[table][0].column;
}

enum column table_step(enum table table, enum column column, int width, int step)
{
	int count = 1, at = index_of(table, column);

	while (places[table][count].column != COLUMNS)
		count++;
	do
		at = at < 0 ? 0 : (at + step + count) % count;
	while (places[table][at].is_wide && width < WIDE);
	return places[table][at].column;
}

/* ---- The order. */

struct order {
	enum column column;
	bool reversed;
};

static bool is_text(enum column column)
{
	return columns[column].kind >= STATE;
}

static const char *text_of(const struct row *row, enum column column)
{
	return columns[column].kind == STATE  ? row->state
	       : columns[column].kind == NAME ? row->name
	                                      : row->text;
}

/* Numbers that name something go up. */
static int compare_numbers(double a, double b, enum column column)
{
	int up = column == COLUMN_WORKER || column == COLUMN_PID || column == COLUMN_GENERATION ? 1 : -1;

	return a < b ? -up : a > b ? up : 0;
}

static int compare(const void *one, const void *other, void *context)
{
	const struct row *a = one, *b = other;
	const struct order *order = context;
	double x = a->numbers[order->column], y = b->numbers[order->column];
	int result = 0;

	if (is_text(order->column))
		result = strcmp(text_of(a, order->column), text_of(b, order->column));
	else if (isnan(x) || isnan(y))
		return isnan(x) && isnan(y) ? (a->slot > b->slot) - (a->slot < b->slot) : isnan(x) - isnan(y);
	else
		result = compare_numbers(x, y, order->column);
	if (result)
		return order->reversed ? -result : result;
	return (a->slot > b->slot) - (a->slot < b->slot);
}

void table_sort(struct rows *rows, enum column column, bool reversed)
{
	struct order order = { column, reversed };

	if (rows->count)
		qsort_r(rows->all, rows->count, sizeof *rows->all, compare, &order);
}

/* ---- Lines. */

/* The columns of a table that are shown in this width, one after the other.  COLUMNS: there are no more. */
static enum column next_column(enum table table, int width, int *at)
{
	while (places[table][*at].is_wide && width < WIDE)
		(*at)++;
	return places[table][(*at)++].column;
}

static const char *put_number(const struct row *row, enum column column, char text[NUMBER_MAX])
{
	double number = row->numbers[column];

	switch (columns[column].kind) {
	case RATE:
		return number_rate(number, text);
	case DURATION:
		return number_duration(number, text);
	case SPAN:
		return number_span(number, text);
	case BYTES:
		return number_bytes(number, text);
	default:
		return number_count(number, text);
	}
}

/* Names begin at the left of their column, numbers end at its right; what is too long pushes the rest. */
static void put_cell(enum column column, const char *text, int width, char *line)
{
	int length = (int)strlen(line), room = width - length + 1, wide = columns[column].width;
	const char *gap = length ? " " : "";
	char plain[ROW_TEXT_MAX];

	text_plain(plain, sizeof plain, text);
	if (columns[column].kind == TEXT)
		snprintf(line + length, (size_t)room, "%s%s", *plain ? gap : "", plain);
	else if (is_text(column))
		snprintf(line + length, (size_t)room, "%s%-*.*s", gap, wide, wide, plain);
	else
		snprintf(line + length, (size_t)room, "%s%*s", gap, wide, plain);
}

/* As spreadsheets do: what the rows are in the order of has a mark. */
void table_heading(enum table table, enum column sorted, int width, char *line)
{
	enum column column;
	char title[16];

	*line = '\0';
	for (int at = 0; (column = next_column(table, width, &at)) != COLUMNS;) {
		snprintf(title, sizeof title, "%s%s", column == sorted ? "*" : "", columns[column].title);
		put_cell(column, title, width, line);
	}
}

void table_line(enum table table, const struct row *row, int width, char *line)
{
	enum column column;
	char number[NUMBER_MAX];

	*line = '\0';
	for (int at = 0; (column = next_column(table, width, &at)) != COLUMNS;)
		put_cell(column, is_text(column) ? text_of(row, column) : put_number(row, column, number),
		         width, line);
}
