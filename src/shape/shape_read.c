/* SPDX-License-Identifier: ISC */
/* shape_read - a document into a struct, with a fault for each value that does not fit. */
#include "base/decimal.h"
#include "base/json_read.h"
#include "shape/shape.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define WHOLE_MAX 9007199254740992.0 /* 2^53: up to it a double has each integer */

/* Where in the document: a member of what is above, or where the name is NULL an item.  NULL: all of it. */
struct place {
	const struct place *above;
	const char *name;
	size_t index;
};

struct reader {
	struct arena *arena;
	json_object *faults; /* NULL: none */
	size_t fault_count;
};

/* ---- Faults. */

static size_t escaped_length(const char *name)
{
	size_t length = strlen(name);

	for (; *name; name++)
		length += *name == '~' || *name == '/';
	return length;
}

/* RFC 6901, section 3. */
static void write_escaped(char *to, const char *name)
{
	for (; *name; name++)
		if (*name == '~' || *name == '/') {
			*to++ = '~';
			*to++ = *name == '~' ? '0' : '1';
		} else {
			*to++ = *name;
		}
}

enum { INDEX_MAX = 24 };

/* From its end to its begin, as a place knows what is above it. */
static const char *pointer_to(struct arena *arena, const struct place *place)
{
	size_t size = 1;
	char index[INDEX_MAX];

	for (const struct place *p = place; p; p = p->above)
		size += 1 + (p->name ? escaped_length(p->name) : INDEX_MAX);
	char *at = (char *)arena_take(arena, size) + size - 1;
	*at = '\0';
	for (const struct place *p = place; p; p = p->above) {
		size_t length = p->name ? escaped_length(p->name)
		                        : (size_t)snprintf(index, sizeof index, "%zu", p->index);
		at -= length;
		if (p->name)
			write_escaped(at, p->name);
		else
			memcpy(at, index, length);
		*--at = '/';
	}
	return at;
}

__attribute__((format(printf, 3, 4))) static void fault(struct reader *r, const struct place *place,
                                                        const char *format, ...)
{
	va_list arguments;

	if (r->fault_count == SHAPE_FAULTS_MAX)
		return;
	va_start(arguments, format);
	const char *detail = arena_format(r->arena, format, arguments);
	va_end(arguments);
	json_object *fault = json_object_new_object();
	percore_json_add(fault, "pointer", json_object_new_string(pointer_to(r->arena, place)));
	percore_json_add(fault, "detail", json_object_new_string(detail));
	if (!r->faults)
		r->faults = json_object_new_array();
	percore_json_add(r->faults, NULL, fault);
	r->fault_count++;
}

/* Where null was sent for nothing at all, a client is told what it should do. */
static void wrong_type(struct reader *r, const struct place *place, const struct percore_field *spec,
                       json_object *json, const char *wanted)
{
	fault(r, place, "must be %s%s", wanted,
	      !json && spec->is_optional && place->name ? "; leave it out where there is none" : "");
}

/* "must have from 1 to 5 items".  A max of 0: none. */
static void wrong_count(struct reader *r, const struct place *place, size_t min, size_t max, const char *what)
{
	if (max == 0)
		fault(r, place, "must have at least %zu %s%s", min, what, min == 1 ? "" : "s");
	else if (min == max)
		fault(r, place, "must have %zu %s%s", min, what, min == 1 ? "" : "s");
	else if (min == 0)
		fault(r, place, "must have at most %zu %s%s", max, what, max == 1 ? "" : "s");
	else
		fault(r, place, "must have from %zu to %zu %ss", min, max, what);
}

static void not_among(struct reader *r, const struct place *place, const char *const *values)
{
	size_t size = 1;

	for (size_t i = 0; values[i]; i++)
		size += strlen(values[i]) + 2;
	char *list = arena_take(r->arena, size), *at = list;
	for (size_t i = 0; values[i]; i++)
		at += sprintf(at, "%s%s", i > 0 ? ", " : "", values[i]);
	fault(r, place, "must be one of: %s", list);
}

/* ---- Texts. */

static size_t count_characters(const char *text, size_t length)
{
	size_t count = 0;

	for (size_t i = 0; i < length; i++)
		count += ((unsigned char)text[i] & 0xc0) != 0x80;
	return count;
}

static size_t count_values(const char *const *values)
{
	size_t count = 0;

	while (values[count])
		count++;
	return count;
}

/* Their place, or their number where the text is none of them. */
static size_t find_value(const char *const *values, const char *text)
{
	size_t i = 0;

	while (values[i] && strcmp(values[i], text) != 0)
		i++;
	return i;
}

static void read_text(struct reader *r, const struct shape_field *field, const struct place *place,
                      json_object *json, void *out)
{
	const struct percore_field *spec = field->spec;

	if (!json_object_is_type(json, json_type_string)) {
		wrong_type(r, place, spec, json, "a string");
		return;
	}
	const char *text = json_object_get_string(json);
	size_t length = (size_t)json_object_get_string_len(json), characters = count_characters(text, length);
	if (memchr(text, '\0', length))
		fault(r, place, "must not hold U+0000");
	else if (spec->values && !spec->values[find_value(spec->values, text)])
		not_among(r, place, spec->values);
	else if (characters < spec->length.min || (spec->length.max && characters > spec->length.max))
		wrong_count(r, place, spec->length.min, spec->length.max, "character");
	else if (field->pattern && !pattern_matches(field->pattern, text, length))
		fault(r, place, "must match %s", spec->pattern);
	else
		memcpy(out, &(const char *){ arena_text(r->arena, text, length) }, sizeof(const char *));
}

/* ---- Numbers. */

/* As JSON Schema has it, 1.0 and 1e3 are integers too. */
static bool is_whole(json_object *json, int64_t *value)
{
	if (json_object_is_type(json, json_type_double)) {
		double number = json_object_get_double(json);
		*value = fabs(number) <= WHOLE_MAX ? (int64_t)number : 0;
		return fabs(number) <= WHOLE_MAX && (double)*value == number;
	}
	*value = json_object_get_int64(json);
	return json_object_is_type(json, json_type_int);
}

/* Beyond int64_t, which json-c would make the largest of these. */
static bool is_huge(json_object *json)
{
	return json_object_is_type(json, json_type_int) && json_object_get_int64(json) == INT64_MAX &&
	       json_object_get_uint64(json) > INT64_MAX;
}

/* Little endian or big, and aligned or not. */
static void store_integer(void *out, size_t size, int64_t value)
{
	switch (size) {
	case 1:
		memcpy(out, &(int8_t){ (int8_t)value }, size);
		break;
	case 2:
		memcpy(out, &(int16_t){ (int16_t)value }, size);
		break;
	case 4:
		memcpy(out, &(int32_t){ (int32_t)value }, size);
		break;
	default:
		memcpy(out, &value, size);
	}
}

static void read_integer(struct reader *r, const struct shape_field *field, const struct place *place,
                         json_object *json, void *out)
{
	int64_t value;

	if (!is_whole(json, &value))
		wrong_type(r, place, field->spec, json, "an integer");
	else if (is_huge(json) || value < field->least || value > field->most)
		fault(r, place, "must be from %" PRId64 " to %" PRId64, field->least, field->most);
	else
		store_integer(out, field->spec->size, value);
}

/* An integer that is a name in JSON. */
static void read_choice(struct reader *r, const struct shape_field *field, const struct place *place,
                        json_object *json, void *out)
{
	const char *const *values = field->spec->values;
	bool is_text = json_object_is_type(json, json_type_string);
	const char *text = is_text ? json_object_get_string(json) : "";
	size_t found = find_value(values, text);

	if (!is_text)
		wrong_type(r, place, field->spec, json, "a string");
	else if (strlen(text) != (size_t)json_object_get_string_len(json) || found == count_values(values))
		not_among(r, place, values);
	else
		store_integer(out, field->spec->size, (int64_t)found);
}

static void read_number(struct reader *r, const struct shape_field *field, const struct place *place,
                        json_object *json, void *out)
{
	double value = json_object_get_double(json);
	char least[DECIMAL_MAX], most[DECIMAL_MAX];

	decimal_shortest(field->min, least);
	decimal_shortest(field->max, most);
	if (!json_object_is_type(json, json_type_double) && !json_object_is_type(json, json_type_int))
		wrong_type(r, place, field->spec, json, "a number");
	else if (isinf(value))
		fault(r, place,
		      value > 0 ? "must be at most about 1.8e308" : "must be at least about -1.8e308");
	else if (value >= field->min && value <= field->max)
		memcpy(out, &value, sizeof value);
	else if (isinf(field->max))
		fault(r, place, "must be at least %s", least);
	else if (isinf(field->min))
		fault(r, place, "must be at most %s", most);
	else
		fault(r, place, "must be from %s to %s", least, most);
}

/* ---- Values of all types. */

static void read_object(struct reader *r, const struct shape *shape, const struct place *place,
                        json_object *json, void *out);

static void read_flag(struct reader *r, const struct percore_field *spec, const struct place *place,
                      json_object *json, void *out)
{
	if (json_object_is_type(json, json_type_boolean))
		memcpy(out, &(bool){ json_object_get_boolean(json) }, sizeof(bool));
	else
		wrong_type(r, place, spec, json, "true or false");
}

static void read_value(struct reader *r, const struct shape_field *field, const struct place *place,
                       json_object *json, void *out)
{
	switch (field->spec->type) {
	case PERCORE_TEXT:
		read_text(r, field, place, json, out);
		break;
	case PERCORE_INTEGER:
	case PERCORE_UNSIGNED:
		(field->spec->values ? read_choice : read_integer)(r, field, place, json, out);
		break;
	case PERCORE_NUMBER:
		read_number(r, field, place, json, out);
		break;
	case PERCORE_FLAG:
		read_flag(r, field->spec, place, json, out);
		break;
	case PERCORE_OBJECT:
		if (json_object_is_type(json, json_type_object))
			read_object(r, field->shape, place, json, out);
		else
			wrong_type(r, place, field->spec, json, "an object");
		break;
	default: /* PERCORE_JSON */
		memcpy(out, &json, sizeof(json_object *));
	}
}

/* No item is looked at where there are too many. */
static void read_array(struct reader *r, const struct shape_field *field, const struct place *place,
                       json_object *json, unsigned char *out)
{
	const struct percore_field *spec = field->spec;

	if (!json_object_is_type(json, json_type_array)) {
		wrong_type(r, place, spec, json, "an array");
		return;
	}
	size_t count = json_object_array_length(json);
	if (count < spec->count.min || count > field->max_count) {
		wrong_count(r, place, spec->count.min, field->max_count, "item");
		return;
	}
	if (count > SIZE_MAX / 2 / spec->size)
		percore_no_memory();
	unsigned char *items = arena_take(r->arena, count * spec->size);
	memset(items, 0, count * spec->size);
	for (size_t i = 0; i < count; i++) {
		const struct place item = { .above = place, .index = i };
		read_value(r, field, &item, json_object_array_get_idx(json, i), items + i * spec->size);
	}
	memcpy(out + spec->offset, &items, sizeof items);
	memcpy(out + spec->count_offset, &count, sizeof count);
}

/* ---- Objects. */

static void read_member(struct reader *r, const struct shape_field *field, const struct place *place,
                        json_object *json, unsigned char *out)
{
	const struct percore_field *spec = field->spec;

	if (spec->is_array)
		read_array(r, field, place, json, out);
	else
		read_value(r, field, place, json, out + spec->offset);
	if (spec->given)
		memcpy(out + spec->given - 1, &(bool){ true }, sizeof(bool));
}

static bool is_known(const struct shape *shape, const char *name)
{
	for (size_t i = 0; i < shape->count; i++)
		if (strcmp(shape->fields[i].name, name) == 0)
			return true;
	return false;
}

static void refuse_unknown(struct reader *r, const struct shape *shape, const struct place *above,
                           json_object *json)
{
	json_object_object_foreach(json, name, value)
	{
		(void)value;
		if (r->fault_count == SHAPE_FAULTS_MAX)
			return;
		if (!is_known(shape, name))
			fault(r, &(struct place){ .above = above, .name = name }, "is not known");
	}
}

/* Into a struct that is all zero. */
static void read_object(struct reader *r, const struct shape *shape, const struct place *above,
                        json_object *json, void *out)
{
	size_t known = 0;

	for (size_t i = 0; i < shape->count; i++) {
		const struct shape_field *field = &shape->fields[i];
		const struct place place = { .above = above, .name = field->name };
		json_object *value;
		bool is_there = json_object_object_get_ex(json, field->name, &value);
		known += is_there;
		if (field->spec->is_read_only)
			continue;
		if (is_there)
			read_member(r, field, &place, value, out);
		else if (!field->spec->is_optional)
			fault(r, &place, "is missing");
	}
	if (!shape->table->allows_others && known < (size_t)json_object_object_length(json))
		refuse_unknown(r, shape, above, json);
}

json_object *shape_read(const struct shape *shape, json_object *json, struct arena *arena, void *out)
{
	struct reader r = { .arena = arena };

	memset(out, 0, shape->size);
	if (json_object_is_type(json, json_type_object))
		read_object(&r, shape, NULL, json, out);
	else
		fault(&r, NULL, "must be an object");
	return r.faults;
}
