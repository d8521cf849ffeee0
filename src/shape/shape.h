/* SPDX-License-Identifier: ISC */
/*
 * shape - a table of percore.h that was looked at: it cannot lead beyond its struct, and its patterns are
 * compiled.
 *
 * Whoever reads or writes a struct asks shape_find for it; a table is checked once a process.  Knows
 * documents and structs, and no requests.
 */
#ifndef PERCORE_SHAPE_H
#define PERCORE_SHAPE_H

#include "base/arena.h"
#include "percore.h"
#include "shape/pattern.h"

enum { SHAPE_WRONG_MAX = 200, SHAPE_FAULTS_MAX = 100, SHAPE_LEVELS_MAX = 64 };

struct shape_field {
	const struct percore_field *spec;
	const char *name;          /* in JSON */
	int64_t least, most;       /* of an integer: of its C type, its range, its values */
	double min, max;           /* of a number; infinite: none */
	size_t max_count;          /* of an array */
	const struct shape *shape; /* of a struct; NULL: it is none */
	struct pattern *pattern;   /* NULL: none */
};

struct shape {
	struct shape *next;
	const struct percore_shape *table;
	size_t size; /* of the struct */
	struct shape_field *fields;
	size_t count;
	char wrong[SHAPE_WRONG_MAX]; /* why it cannot be used; "" */
};

/* Lasts until shape_forget_all.  NULL: the table is wrong, and *wrong, which lasts as long, says why. */
const struct shape *shape_find(const struct percore_shape *table, const char **wrong);
void shape_forget_all(void);

/*
 * Reads a document into the struct `out`, whose texts and items are the arena's; its json_objects are the
 * document's.  NULL, or what does not fit: an array, to be put, of {"pointer", "detail"}, SHAPE_FAULTS_MAX at
 * most.
 */
json_object *shape_read(const struct shape *shape, json_object *json, struct arena *arena, void *out);

/* To be put.  NULL: the struct is no JSON, and `wrong` says why. */
json_object *shape_write(const struct shape *shape, const void *in, char wrong[SHAPE_WRONG_MAX]);

/* Adds its JSON Schema (2020-12), and those of what it holds, under their names, where they are not yet. */
void shape_describe(const struct shape *shape, json_object *schemas);

/* What refers to it: "#/components/schemas/" and its name. */
json_object *shape_reference(const char *name);

#endif
