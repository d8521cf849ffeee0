/* SPDX-License-Identifier: ISC */
/* openapi - see openapi.h.  Written after the OpenAPI Specification 3.1.1. */
#include "status/openapi.h"

#include "base/ascii.h"
#include "base/json_read.h"
#include "base/no_memory.h"
#include "exchange/request.h"
#include "shape/shape.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct openapi *openapi_new(const struct percore_openapi *spec, const char *title, const char *version)
{
	struct openapi *openapi = calloc(1, sizeof *openapi);

	if (!openapi)
		return NULL;
	openapi->pattern = strdup(spec->pattern ? spec->pattern : "/openapi.json");
	openapi->title = strdup(spec->title ? spec->title : title);
	openapi->version = strdup(version);
	openapi->description = strdup(spec->description ? spec->description : "");
	if (openapi->pattern && openapi->title && openapi->version && openapi->description)
		return openapi;
	openapi_free(openapi);
	return NULL;
}

void openapi_free(struct openapi *openapi)
{
	if (!openapi)
		return;
	free((char *)openapi->pattern);
	free((char *)openapi->title);
	free((char *)openapi->version);
	free((char *)openapi->description);
	free(openapi->text);
	free(openapi);
}

/* ---- Small pieces of the document. */

static void add_text(json_object *to, const char *name, const char *text)
{
	percore_json_add(to, name, json_object_new_string(text));
}

/* A new object under this name. */
static json_object *add_object(json_object *to, const char *name)
{
	json_object *object = json_object_new_object();

	percore_json_add(to, name, object);
	return object;
}

/* The one of this name, made where it is not there yet. */
static json_object *object_of(json_object *in, const char *name)
{
	json_object *object;

	return json_object_object_get_ex(in, name, &object) ? object : add_object(in, name);
}

/* {"TYPE": {"schema": {"$ref": ...}}} */
static void add_content(json_object *to, const char *type, const char *schema)
{
	json_object *media = add_object(add_object(to, "content"), type);

	percore_json_add(media, "schema", shape_reference(schema));
}

/* What each problem of percore is: RFC 9457. */
static void add_problem_schema(json_object *schemas)
{
	static const char text[] =
		"{\"type\":\"object\",\"description\":\"What went wrong (RFC 9457)\",\"properties\":{"
		"\"type\":{\"type\":\"string\",\"format\":\"uri-reference\"},"
		"\"title\":{\"type\":\"string\"},"
		"\"status\":{\"type\":\"integer\",\"minimum\":400,\"maximum\":599},"
		"\"detail\":{\"type\":\"string\"},"
		"\"instance\":{\"type\":\"string\",\"format\":\"uri-reference\"},"
		"\"request_id\":{\"type\":\"string\"},"
		"\"errors\":{\"type\":\"array\","
		"\"description\":\"With 422: each fault, with its pointer and its detail\",\"items\":{"
		"\"type\":\"object\",\"properties\":{"
		"\"pointer\":{\"type\":\"string\",\"description\":\"Where, as a JSON Pointer (RFC 6901)\"},"
		"\"detail\":{\"type\":\"string\"}},\"required\":[\"pointer\",\"detail\"]}}},"
		"\"required\":[\"type\",\"title\",\"status\",\"request_id\"]}";
	const struct json_rules rules = { .levels = JSON_LEVELS_MAX, .memory = SIZE_MAX };
	struct json_finding finding;
	json_object *schema;

	if (json_read(text, sizeof text - 1, &rules, &finding, &schema) != JSON_GOOD)
		percore_no_memory();
	percore_json_add(schemas, "Problem", schema);
}

/* ---- Operations. */

/* The method as OpenAPI has it; "": it has none of this name. */
static const char *operation_name(const char *method)
{
	static const char *const names[] = { "get", "put", "post", "delete", "options", "patch", "trace" };

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (ascii_equals(names[i], method))
			return names[i];
	return "";
}

/* "get_contacts_id" of GET /contacts/{id}; with a number behind it where another has it already. */
static void add_operation_id(json_object *operation, const char *name, const char *pattern, json_object *ids)
{
	static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	size_t name_length = strlen(name), size = name_length + strlen(pattern) + 16;
	char *id = no_memory_unless(malloc(size)), *end = id + name_length;

	memcpy(id, name, name_length);
	for (const char *at = pattern; *at; at++)
		if (strchr(good, *at))
			*end++ = *at;
		else if (end[-1] != '_')
			*end++ = '_';
	if (end[-1] == '_')
		end--;
	*end = '\0';
	for (unsigned n = 2; json_object_object_get_ex(ids, id, NULL); n++)
		snprintf(end, size - (size_t)(end - id), "_%u", n);
	percore_json_add(ids, id, json_object_new_boolean(true));
	add_text(operation, "operationId", id);
	free(id);
}

/* Is this {rest...}? */
static bool is_rest(const char *segment, size_t length)
{
	return length > 5 && memcmp(segment + length - 4, "...}", 4) == 0;
}

/* Of each {name} in the pattern. */
static void add_parameters(json_object *operation, const char *pattern)
{
	json_object *parameters = NULL;

	for (const char *at = strchr(pattern, '{'); at; at = strchr(at + 1, '{')) {
		size_t length = strcspn(at, "/");
		bool rest = is_rest(at, length);
		json_object *parameter = json_object_new_object();
		percore_json_add(parameter, "name",
		                 json_object_new_string_len(at + 1, (int)(length - (rest ? 5 : 2))));
		add_text(parameter, "in", "path");
		percore_json_add(parameter, "required", json_object_new_boolean(true));
		if (rest)
			add_text(parameter, "description", "The rest of the path, with its slashes");
		add_text(add_object(parameter, "schema"), "type", "string");
		if (!parameters) {
			parameters = json_object_new_array();
			percore_json_add(operation, "parameters", parameters);
		}
		percore_json_add(parameters, NULL, parameter);
	}
}

/* Those of a wrong table are left out: percore_run has said it. */
static const char *describe_shape(const struct percore_shape *table, json_object *schemas)
{
	const char *wrong;
	const struct shape *shape = table ? shape_find(table, &wrong) : NULL;

	if (shape)
		shape_describe(shape, schemas);
	return shape ? table->name : NULL;
}

/* Which of 200 to 299 it is, its handler knows. */
static void add_responses(json_object *operation, const char *gives)
{
	json_object *responses = add_object(operation, "responses");
	json_object *good = add_object(responses, "2XX"), *problem = add_object(responses, "default");

	add_text(good, "description", "Success");
	if (gives)
		add_content(good, "application/json", gives);
	add_text(problem, "description", "A problem");
	add_content(problem, "application/problem+json", "Problem");
}

static void add_operation(json_object *operation, const struct percore_route *route, json_object *schemas)
{
	const char *takes = describe_shape(route->takes, schemas),
		   *gives = describe_shape(route->gives, schemas);

	if (route->summary)
		add_text(operation, "summary", route->summary);
	add_parameters(operation, route->pattern);
	if (takes) {
		json_object *body = add_object(operation, "requestBody");
		percore_json_add(body, "required", json_object_new_boolean(true));
		add_content(body, "application/json", takes);
	}
	add_responses(operation, gives);
}

/* The pattern without the dots of {rest...}, lent until the path is put. */
static json_object *path_of(json_object *paths, const char *pattern)
{
	const char *dots = strstr(pattern, "...}");
	char *path = no_memory_unless(strdup(pattern));

	if (dots && !dots[4])
		strcpy(path + (dots - pattern), "}");
	json_object *item = object_of(paths, path);
	free(path);
	return item;
}

static bool is_described(const struct percore_route *route)
{
	return !route->is_probe && route->handler != openapi_document && route->handler != openapi_page &&
	       *operation_name(route->method);
}

static void add_paths(json_object *document, const struct routes *routes, json_object *schemas)
{
	json_object *paths = add_object(document, "paths"), *ids = json_object_new_object();

	for (size_t i = 0; i < routes->count; i++) {
		const struct percore_route *route = &routes->all[i].spec;
		if (!is_described(route))
			continue;
		const char *name = operation_name(route->method);
		json_object *operation = add_object(path_of(paths, route->pattern), name);
		add_operation_id(operation, name, route->pattern, ids);
		add_operation(operation, route, schemas);
	}
	json_object_put(ids);
}

json_object *openapi_describe(const struct openapi *openapi, const struct routes *routes, const char *prefix)
{
	json_object *document = json_object_new_object();

	add_text(document, "openapi", "3.1.0");
	json_object *info = add_object(document, "info");
	add_text(info, "title", openapi->title);
	if (*openapi->description)
		add_text(info, "description", openapi->description);
	add_text(info, "version", openapi->version);
	json_object *servers = json_object_new_array(), *server = json_object_new_object();
	add_text(server, "url", *prefix ? prefix : "/");
	percore_json_add(servers, NULL, server);
	percore_json_add(document, "servers", servers);
	json_object *schemas = json_object_new_object();
	add_paths(document, routes, schemas);
	add_problem_schema(schemas);
	percore_json_add(add_object(document, "components"), "schemas", schemas);
	return document;
}

/* ---- Its routes. */

void openapi_document(struct percore_request *request)
{
	struct openapi *openapi = request->arg;

	if (!openapi->text) {
		json_object *document =
			openapi_describe(openapi, request->exchange->routes, request->exchange->prefix);
		const char *text = json_write(
			document, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &openapi->length);
		openapi->text = text ? strdup(text) : NULL;
		json_object_put(document);
		no_memory_unless(openapi->text);
	}
	percore_answer_bytes(request, 200, "application/json", openapi->text, openapi->length);
}
