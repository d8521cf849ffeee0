/* SPDX-License-Identifier: ISC */
/* shape_write - a struct as a document: percore_shape_json of percore.h. */
#include "base/decimal.h"
#include "base/json_read.h"
#include "base/log.h"
#include "base/no_memory.h"
#include "base/utf8.h"
#include "shape/shape.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct writer {
	char *wrong; /* of SHAPE_WRONG_MAX; "": nothing is */
	unsigned levels;
};

static json_object *write_object(struct writer *w, const struct shape *shape, const unsigned char *in);

/* NULL; the first is told, which is the innermost. */
static json_object *fail(struct writer *w, const struct shape *shape, const char *name, const char *wrong)
{
	if (!*w->wrong)
		snprintf(w->wrong, SHAPE_WRONG_MAX, "shape %s: member %s: %s", shape->table->name, name,
		         wrong);
	return NULL;
}

static int64_t load_integer(const struct percore_field *spec, const void *in)
{
	bool is_signed = spec->type == PERCORE_INTEGER;
	union {
		int8_t i8;
		uint8_t u8;
		int16_t i16;
		uint16_t u16;
		int32_t i32;
		uint32_t u32;
		int64_t i64;
	} value;

	memcpy(&value, in, spec->size);
	switch (spec->size) {
	case 1:
		return is_signed ? value.i8 : value.u8;
	case 2:
		return is_signed ? value.i16 : value.u16;
	case 4:
		return is_signed ? value.i32 : (int64_t)value.u32;
	default:
		return value.i64;
	}
}

static const char *load_text(const void *in)
{
	const char *text;

	memcpy(&text, in, sizeof text);
	return text;
}

static json_object *load_json(const void *in)
{
	json_object *json;

	memcpy(&json, in, sizeof json);
	return json;
}

static json_object *write_text(struct writer *w, const struct shape *shape, const struct shape_field *field,
                               const void *in)
{
	const char *text = load_text(in);

	if (!text)
		return fail(w, shape, field->name, "its text is NULL");
	size_t length = strlen(text);
	if (length > INT32_MAX || !utf8_is_valid(text, length))
		return fail(w, shape, field->name, "its text is no UTF-8, or larger than 2 GiB");
	return no_memory_unless(json_object_new_string_len(text, (int)length));
}

static json_object *write_integer(struct writer *w, const struct shape *shape,
                                  const struct shape_field *field, const void *in)
{
	int64_t value = load_integer(field->spec, in);

	if (field->spec->type == PERCORE_UNSIGNED && value < 0)
		return fail(w, shape, field->name, "it is larger than 2^63-1");
	if (!field->spec->values)
		return no_memory_unless(json_object_new_int64(value));
	if (value < 0 || value > field->most)
		return fail(w, shape, field->name, "it is the place of none of its values");
	return no_memory_unless(json_object_new_string(field->spec->values[value]));
}

static json_object *write_number(struct writer *w, const struct shape *shape, const struct shape_field *field,
                                 const void *in)
{
	char text[DECIMAL_MAX];
	double value;

	memcpy(&value, in, sizeof value);
	if (!isfinite(value))
		return fail(w, shape, field->name, "it is NaN or infinite");
	decimal_shortest(value, text);
	return no_memory_unless(json_object_new_double_s(value, text));
}

/* NULL is null, or where w->wrong is set nothing. */
static json_object *write_value(struct writer *w, const struct shape *shape, const struct shape_field *field,
                                const unsigned char *in)
{
	bool flag;

	switch (field->spec->type) {
	case PERCORE_TEXT:
		return write_text(w, shape, field, in);
	case PERCORE_INTEGER:
	case PERCORE_UNSIGNED:
		return write_integer(w, shape, field, in);
	case PERCORE_NUMBER:
		return write_number(w, shape, field, in);
	case PERCORE_FLAG:
		memcpy(&flag, in, sizeof flag);
		return no_memory_unless(json_object_new_boolean(flag));
	case PERCORE_OBJECT:
		return write_object(w, field->shape, in);
	default: /* PERCORE_JSON */
		return json_object_get(load_json(in));
	}
}

static void add(json_object *to, const char *name, json_object *value)
{
	if (value)
		percore_json_add(to, name, value);
	else if (name)
		json_add_null(to, name);
	else if (json_object_array_add(to, NULL) != 0)
		percore_no_memory();
}

static json_object *write_array(struct writer *w, const struct shape *shape, const struct shape_field *field,
                                const unsigned char *in)
{
	const struct percore_field *spec = field->spec;
	json_object *array = no_memory_unless(json_object_new_array());
	const unsigned char *items;
	size_t count;

	memcpy(&items, in + spec->offset, sizeof items);
	memcpy(&count, in + spec->count_offset, sizeof count);
	if (!items && count > 0) {
		fail(w, shape, field->name, "it has a count, and its items are NULL");
		return array;
	}
	for (size_t i = 0; i < count && !*w->wrong; i++)
		add(array, NULL, write_value(w, shape, field, items + i * spec->size));
	return array;
}

/* An optional member that was not given. */
static bool is_absent(const struct percore_field *spec, const unsigned char *in)
{
	bool is_given;
	void *pointer;

	if (!spec->is_optional)
		return false;
	if (spec->given) {
		memcpy(&is_given, in + spec->given - 1, sizeof is_given);
		return !is_given;
	}
	if (!spec->is_array && spec->type != PERCORE_TEXT && spec->type != PERCORE_JSON)
		return false;
	memcpy(&pointer, in + spec->offset, sizeof pointer);
	return !pointer;
}

/* What is begun is put where it fails. */
static json_object *write_object(struct writer *w, const struct shape *shape, const unsigned char *in)
{
	json_object *object = no_memory_unless(json_object_new_object());

	if (++w->levels > SHAPE_LEVELS_MAX)
		fail(w, shape, shape->fields[0].name, "it is more than 64 levels deep");
	for (size_t i = 0; i < shape->count && !*w->wrong; i++) {
		const struct shape_field *field = &shape->fields[i];
		if (is_absent(field->spec, in))
			continue;
		add(object, field->name,
		    field->spec->is_array ? write_array(w, shape, field, in)
		                          : write_value(w, shape, field, in + field->spec->offset));
	}
	w->levels--;
	if (!*w->wrong)
		return object;
	json_object_put(object);
	return NULL;
}

json_object *shape_write(const struct shape *shape, const void *in, char wrong[SHAPE_WRONG_MAX])
{
	struct writer w = { .wrong = wrong };

	*wrong = '\0';
	return write_object(&w, shape, in);
}

json_object *percore_shape_json(const struct percore_shape *table, const void *in)
{
	char wrong[SHAPE_WRONG_MAX];
	const char *wrong_table;
	const struct shape *shape = shape_find(table, &wrong_table);
	json_object *json = shape ? shape_write(shape, in, wrong) : NULL;

	if (!json)
		log_error("percore_shape_json: %s", shape ? wrong : wrong_table);
	return json;
}
