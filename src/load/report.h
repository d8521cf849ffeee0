/* SPDX-License-Identifier: ISC */
/* report - what a run found: for people, for programs. */
#ifndef LOAD_REPORT_H
#define LOAD_REPORT_H

#include "load/options.h"
#include "load/result.h"

#include <json.h>
#include <stdio.h>

struct report {
	const struct options *options;
	const struct result *result;
	const char *server; /* its address */
	bool valid;
	const char *reasons; /* why not, one a line */
	bool slo_held;
};

void report_table(FILE *out, const struct report *report);

/* How many answers took how long, a bar for each step. */
void report_sketch(FILE *out, const struct histogram *histogram);

/* Each: true, or false after saying on stderr why the file could not be written. */
bool report_json(const char *path, const struct report *report);

/* The parts of report_json that another document shares: how it begins, and writing it, which frees it. */
void report_json_head(json_object *object, const struct options *options, const char *server);
bool report_json_write(const char *path, json_object *object);

bool report_hdr(const char *path, const struct histogram *histogram);

/* "open model, 1000/s, Poisson": what was asked for. */
void report_describe_load(const struct options *options, char *text, size_t size);

#endif
