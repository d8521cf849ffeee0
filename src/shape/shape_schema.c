/* SPDX-License-Identifier: ISC */
/* shape_schema - a shape as JSON Schema 2020-12 has it, which is OpenAPI 3.1's too. */
#include "base/decimal.h"
#include "base/json_read.h"
#include "shape/shape.h"

#include <math.h>
#include <stdio.h>

static void add_text(json_object *to, const char *name, const char *text)
{
	percore_json_add(to, name, json_object_new_string(text));
}

static void add_size(json_object *to, const char *name, size_t value)
{
	percore_json_add(to, name, json_object_new_int64((int64_t)value));
}

static void add_number(json_object *to, const char *name, double value)
{
	char text[DECIMAL_MAX];

	if (isinf(value))
		return;
	decimal_shortest(value, text);
	percore_json_add(to, name, json_object_new_double_s(value, text));
}

static void add_values(json_object *to, const char *const *values)
{
	json_object *list = json_object_new_array();

	for (size_t i = 0; values[i]; i++)
		percore_json_add(list, NULL, json_object_new_string(values[i]));
	percore_json_add(to, "enum", list);
}

static void describe_text(const struct percore_field *spec, json_object *schema)
{
	add_text(schema, "type", "string");
	if (spec->values)
		add_values(schema, spec->values);
	if (spec->length.min)
		add_size(schema, "minLength", spec->length.min);
	if (spec->length.max)
		add_size(schema, "maxLength", spec->length.max);
	if (spec->pattern)
		add_text(schema, "pattern", spec->pattern);
}

/* The ends of 64 bits are in the format: as numbers, many readers would round them off. */
static void describe_integer(const struct shape_field *field, json_object *schema)
{
	add_text(schema, "type", "integer");
	if (field->spec->size >= 4 && field->spec->type == PERCORE_INTEGER)
		add_text(schema, "format", field->spec->size == 4 ? "int32" : "int64");
	if (field->least != INT64_MIN)
		percore_json_add(schema, "minimum", json_object_new_int64(field->least));
	if (field->most != INT64_MAX)
		percore_json_add(schema, "maximum", json_object_new_int64(field->most));
}

static void describe_number(const struct shape_field *field, json_object *schema)
{
	add_text(schema, "type", "number");
	add_text(schema, "format", "double");
	add_number(schema, "minimum", field->min);
	add_number(schema, "maximum", field->max);
}

json_object *shape_reference(const char *name)
{
	char text[256];
	json_object *reference = json_object_new_object();

	snprintf(text, sizeof text, "#/components/schemas/%s", name);
	add_text(reference, "$ref", text);
	return reference;
}

static json_object *describe_value(const struct shape_field *field)
{
	json_object *schema;

	if (field->shape)
		return shape_reference(field->shape->table->name);
	schema = json_object_new_object();
	switch (field->spec->type) {
	case PERCORE_TEXT:
		describe_text(field->spec, schema);
		break;
	case PERCORE_INTEGER:
	case PERCORE_UNSIGNED:
		if (field->spec->values)
			describe_text(field->spec, schema);
		else
			describe_integer(field, schema);
		break;
	case PERCORE_NUMBER:
		describe_number(field, schema);
		break;
	case PERCORE_FLAG:
		add_text(schema, "type", "boolean");
		break;
	default: /* PERCORE_JSON: anything */
		break;
	}
	return schema;
}

static json_object *describe_member(const struct shape_field *field)
{
	const struct percore_field *spec = field->spec;
	json_object *schema = describe_value(field);

	if (spec->is_array) {
		json_object *array = json_object_new_object();
		add_text(array, "type", "array");
		percore_json_add(array, "items", schema);
		if (spec->count.min)
			add_size(array, "minItems", spec->count.min);
		add_size(array, "maxItems", field->max_count);
		schema = array;
	}
	if (spec->description)
		add_text(schema, "description", spec->description);
	if (spec->is_read_only)
		percore_json_add(schema, "readOnly", json_object_new_boolean(true));
	return schema;
}

static json_object *describe_object(const struct shape *shape)
{
	json_object *schema = json_object_new_object(), *members = json_object_new_object(),
		    *required = json_object_new_array();

	add_text(schema, "type", "object");
	if (shape->table->description)
		add_text(schema, "description", shape->table->description);
	for (size_t i = 0; i < shape->count; i++) {
		const struct shape_field *field = &shape->fields[i];
		percore_json_add(members, field->name, describe_member(field));
		if (!field->spec->is_optional && !field->spec->is_read_only)
			percore_json_add(required, NULL, json_object_new_string(field->name));
	}
	percore_json_add(schema, "properties", members);
	percore_json_add(schema, "required", required);
	if (!shape->table->allows_others)
		percore_json_add(schema, "additionalProperties", json_object_new_boolean(false));
	return schema;
}

void shape_describe(const struct shape *shape, json_object *schemas)
{
	if (json_object_object_get_ex(schemas, shape->table->name, NULL))
		return;
	percore_json_add(schemas, shape->table->name, describe_object(shape));
	for (size_t i = 0; i < shape->count; i++)
		if (shape->fields[i].shape)
			shape_describe(shape->fields[i].shape, schemas);
}
