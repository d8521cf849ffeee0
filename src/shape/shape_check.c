/* SPDX-License-Identifier: ISC */
/*
 * shape_check - is this table sound?  A member lies within its struct and over no other, is as large as its
 * type has it, and what is asked of it can be asked of that type.
 */
#include "shape/shape.h"

#include "base/no_memory.h"
#include "base/utf8.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WHOLE_MAX 9007199254740992.0 /* 2^53: up to it a double has each integer */

enum { NAME_MAX_LENGTH = 100 };

/* Of this process: those that were asked for, the newest first. */
static struct shape *all;

/* ---- One member by itself.  Each returns NULL, or what is wrong. */

static bool is_integer(const struct percore_field *spec)
{
	return spec->type == PERCORE_INTEGER || spec->type == PERCORE_UNSIGNED;
}

/* Of the type itself; 0: any. */
static size_t size_of(enum percore_type type)
{
	switch (type) {
	case PERCORE_TEXT:
		return sizeof(const char *);
	case PERCORE_NUMBER:
		return sizeof(double);
	case PERCORE_FLAG:
		return sizeof(bool);
	case PERCORE_JSON:
		return sizeof(json_object *);
	default:
		return 0;
	}
}

static const char *check_size(const struct percore_field *spec)
{
	size_t size = size_of(spec->type);
	bool is_of_2 = spec->size == 1 || spec->size == 2 || spec->size == 4 || spec->size == 8;

	if (spec->type <= PERCORE_NO_TYPE || spec->type > PERCORE_JSON)
		return "it has no type: write it with PERCORE_FIELD or PERCORE_ARRAY";
	if (size ? spec->size != size : is_integer(spec) && !is_of_2)
		return "its size is not that of its type";
	if (spec->type == PERCORE_OBJECT && !spec->shape)
		return "it has no .shape; or, if it is no struct, its type is none that percore reads: const "
		       "char *, "
		       "integers, double, bool, json_object *";
	if (spec->type != PERCORE_OBJECT && spec->shape)
		return "only a struct has a .shape";
	return NULL;
}

/* NaN fits nothing. */
static bool is_bound(const struct percore_field *spec, double bound)
{
	return isinf(bound) || spec->type == PERCORE_NUMBER
	               ? !isnan(bound)
	               : fabs(bound) <= WHOLE_MAX && bound == trunc(bound);
}

static const char *check_rules(const struct percore_field *spec)
{
	bool has_range = spec->range.min != 0 || spec->range.max != 0;

	if (has_range && (!(is_integer(spec) || spec->type == PERCORE_NUMBER) || spec->values))
		return "only a number without .values has a .range";
	if (has_range && !(is_bound(spec, spec->range.min) && is_bound(spec, spec->range.max)))
		return "its .range is no number, or not an integer of at most 2^53; INFINITY is none";
	if (spec->range.min > spec->range.max)
		return "its .range ends before its begin; { 0, INFINITY } has no end";
	if ((spec->length.min || spec->length.max || spec->pattern) && spec->type != PERCORE_TEXT)
		return "only a text has a .length or a .pattern";
	if (spec->length.max && spec->length.min > spec->length.max)
		return "its .length ends before its begin";
	if ((spec->count.min || spec->count.max) && !spec->is_array)
		return "only an array has a .count";
	if (spec->count.min > (spec->count.max ? spec->count.max : PERCORE_COUNT_MAX))
		return "its .count ends before its begin; without an end that is 1000";
	if (spec->values && !is_integer(spec) && spec->type != PERCORE_TEXT)
		return "only a text, an integer or an enum has .values";
	if (spec->given && !spec->is_optional)
		return "it is not optional, and so has no PERCORE_GIVEN";
	if (spec->type == PERCORE_OBJECT && !spec->is_array && spec->is_optional && !spec->given)
		return "it is an optional struct, and needs PERCORE_GIVEN";
	return NULL;
}

static const char *check_texts(const struct percore_field *spec, const char *name)
{
	if (!utf8_is_valid(name, strlen(name)))
		return "its name is no UTF-8";
	if (spec->description && !utf8_is_valid(spec->description, strlen(spec->description)))
		return "its description is no UTF-8";
	for (size_t i = 0; spec->values && spec->values[i]; i++)
		if (!utf8_is_valid(spec->values[i], strlen(spec->values[i])))
			return "one of its values is no UTF-8";
	return spec->values && !spec->values[0] ? "its .values are none" : NULL;
}

/* ---- Its place. */

struct extent {
	size_t from, size;
};

/* Up to three: the member or an array's items, its count, the bool of PERCORE_GIVEN. */
static size_t extents_of(const struct percore_field *spec, struct extent extents[3])
{
	size_t n = 0;

	extents[n++] = (struct extent){ spec->offset, spec->is_array ? sizeof(void *) : spec->size };
	if (spec->is_array)
		extents[n++] = (struct extent){ spec->count_offset, sizeof(size_t) };
	if (spec->given)
		extents[n++] = (struct extent){ spec->given - 1, sizeof(bool) };
	return n;
}

static bool is_apart(const struct extent *one, const struct extent *other)
{
	return one->from + one->size <= other->from || other->from + other->size <= one->from;
}

static bool do_overlap(const struct percore_field *one, const struct percore_field *other)
{
	struct extent a[3], b[3];
	size_t a_count = extents_of(one, a), b_count = extents_of(other, b);

	for (size_t i = 0; i < a_count; i++)
		for (size_t j = 0; j < b_count; j++)
			if ((one != other || i < j) && !is_apart(&a[i], &b[j]))
				return true;
	return false;
}

static const char *check_place(const struct shape *shape, size_t i)
{
	const struct percore_field *spec = shape->fields[i].spec;
	struct extent extents[3];

	if (spec->within != shape->size)
		return "it is a member of another struct than those before it";
	for (size_t n = extents_of(spec, extents); n-- > 0;)
		if (extents[n].size > shape->size || extents[n].from > shape->size - extents[n].size)
			return "it lies outside of its struct";
	for (size_t j = 0; j <= i; j++) {
		if (do_overlap(shape->fields[j].spec, spec))
			return "it lies over another member: is it there twice?";
		if (j < i && strcmp(shape->fields[j].name, shape->fields[i].name) == 0)
			return "another member has this name";
	}
	return NULL;
}

/* ---- What is worked out beforehand. */

static void set_bounds(struct shape_field *field)
{
	const struct percore_field *spec = field->spec;
	unsigned bits = (unsigned)spec->size * 8;
	bool has_range = spec->range.min != 0 || spec->range.max != 0;
	size_t values = 0;

	field->min = has_range ? spec->range.min : -INFINITY;
	field->max = has_range ? spec->range.max : INFINITY;
	field->max_count = spec->count.max ? spec->count.max : PERCORE_COUNT_MAX;
	if (!is_integer(spec))
		return;
	bool is_signed = spec->type == PERCORE_INTEGER;
	field->least = is_signed ? INT64_MIN >> (64 - bits) : 0;
	field->most =
		is_signed || bits == 64 ? INT64_MAX >> (64 - bits) : (int64_t)(UINT64_MAX >> (64 - bits));
	if (isfinite(field->min) && (int64_t)field->min > field->least)
		field->least = (int64_t)field->min;
	if (isfinite(field->max) && (int64_t)field->max < field->most)
		field->most = (int64_t)field->max;
	while (spec->values && spec->values[values])
		values++;
	if (values > 0) {
		field->least = 0;
		field->most = (int64_t)values - 1 < field->most ? (int64_t)values - 1 : field->most;
	}
}

/* NULL, or what is wrong with the member itself, whose pattern is compiled. */
static const char *check_member(const struct shape *shape, size_t i)
{
	struct shape_field *field = &shape->fields[i];
	const struct percore_field *spec = field->spec;
	const char *wrong = check_size(spec);

	field->name = spec->name ? spec->name : spec->member;
	if (!wrong)
		wrong = check_rules(spec);
	if (!wrong)
		wrong = check_texts(spec, field->name);
	if (!wrong)
		wrong = check_place(shape, i);
	if (wrong)
		return wrong;
	set_bounds(field);
	if (is_integer(spec) && field->least > field->most)
		return "its type has none of its .range";
	if (spec->pattern)
		field->pattern = pattern_compile(spec->pattern, &wrong);
	return wrong;
}

/* ---- A whole table. */

static const char *check_head(const struct shape *shape)
{
	static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	const struct percore_shape *table = shape->table;

	if (!table->name || !*table->name || table->name[strspn(table->name, good)] ||
	    strlen(table->name) > NAME_MAX_LENGTH)
		return "its name must be of A-Z a-z 0-9 . _ -, at most 100 of them";
	if (strcmp(table->name, "Problem") == 0)
		return "its name is that of percore's own problems";
	if (table->description && !utf8_is_valid(table->description, strlen(table->description)))
		return "its description is no UTF-8";
	for (const struct shape *other = all; other; other = other->next)
		if (other != shape && !*other->wrong && strcmp(other->table->name, table->name) == 0)
			return "another shape has its name";
	return shape->count > 0 ? NULL : "it has no members";
}

static struct shape *add_shape(const struct percore_shape *table)
{
	struct shape *shape = no_memory_unless(calloc(1, sizeof *shape));
	size_t count = 0;

	while (table->fields && table->fields[count].member)
		count++;
	shape->fields = no_memory_unless(calloc(count + 1, sizeof *shape->fields));
	shape->table = table;
	shape->size = count > 0 ? table->fields[0].within : 0;
	for (; shape->count < count; shape->count++)
		shape->fields[shape->count].spec = &table->fields[shape->count];
	shape->next = all;
	all = shape;
	return shape;
}

static struct shape *known(const struct percore_shape *table)
{
	struct shape *shape = all;

	while (shape && shape->table != table)
		shape = shape->next;
	return shape;
}

static void say(char *text, const struct percore_shape *table, const char *member, const char *wrong)
{
	snprintf(text, SHAPE_WRONG_MAX, "shape %s: %s%s%s%s", table->name ? table->name : "",
	         member ? "member " : "", member ? member : "", member ? ": " : "", wrong);
}

static bool make_shape(const struct percore_shape *table, const struct shape **made, char *text);

static bool make_member(const struct shape *shape, size_t i, char *text)
{
	struct shape_field *field = &shape->fields[i];
	const struct percore_field *spec = field->spec;
	const char *wrong = check_member(shape, i);

	if (!wrong && spec->shape) {
		if (!make_shape(spec->shape, &field->shape, text))
			return false;
		if (field->shape->size != spec->size)
			wrong = "its .shape is that of another struct";
	}
	if (wrong)
		say(text, shape->table, spec->member, wrong);
	return !wrong;
}

/*
 * It is among all before its members are looked at, for one of them may hold it again.  False: `text` says
 * what is wrong.
 */
static bool make_shape(const struct percore_shape *table, const struct shape **made, char *text)
{
	const struct shape *shape = *made = known(table);
	const char *wrong;

	if (shape) {
		memcpy(text, shape->wrong, SHAPE_WRONG_MAX);
		return !*text;
	}
	*made = shape = add_shape(table);
	wrong = check_head(shape);
	if (wrong) {
		say(text, table, NULL, wrong);
		return false;
	}
	for (size_t i = 0; i < shape->count; i++)
		if (!make_member(shape, i, text))
			return false;
	return true;
}

const struct shape *shape_find(const struct percore_shape *table, const char **wrong)
{
	const struct shape *before = all, *made = known(table);
	char text[SHAPE_WRONG_MAX] = "";

	/* What was made beside a wrong one may lead to it. */
	if (!made && !make_shape(table, &made, text))
		for (struct shape *shape = all; shape != before; shape = shape->next)
			memcpy(shape->wrong, text, sizeof text);
	*wrong = *made->wrong ? made->wrong : NULL;
	return *wrong ? NULL : made;
}

void shape_forget_all(void)
{
	while (all) {
		struct shape *shape = all;
		all = shape->next;
		for (size_t i = 0; i < shape->count; i++)
			pattern_free(shape->fields[i].pattern);
		free(shape->fields);
		free(shape);
	}
}
