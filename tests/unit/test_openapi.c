/* SPDX-License-Identifier: ISC */
/* The OpenAPI document: what each route becomes in it; and the page that shows it. */
#include "ask.h"
#include "shape/shape.h"
#include "status/api_page.h"
#include "status/openapi.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct leaf {
	const char *text;
	int64_t number;
	uint8_t level;
	double share;
	bool flag;
	json_object *any;
	PERCORE_ITEMS(const char *) tags;
};
static const char *const kinds[] = { "a", "b", NULL };
static const struct percore_field leaf_fields[] = {
	{ PERCORE_FIELD(struct leaf, text), .length = { 1, 5 }, .pattern = "^a", .values = kinds,
	  .description = "It" },
	{ PERCORE_FIELD(struct leaf, number), .is_read_only = true },
	{ PERCORE_FIELD(struct leaf, level), .is_optional = true },
	{ PERCORE_FIELD(struct leaf, share), .range = { 0, .5 } },
	{ PERCORE_FIELD(struct leaf, flag) },
	{ PERCORE_FIELD(struct leaf, any) },
	{ PERCORE_ARRAY(struct leaf, tags), .count = { 1, 4 }, .length = { 0, 9 } },
	{ 0 },
};
static const struct percore_shape leaf_shape = { .name = "Leaf",
	                                         .fields = leaf_fields,
	                                         .description = "A leaf" };

struct tree {
	struct leaf leaf;
	PERCORE_ITEMS(struct tree) trees;
};
static const struct percore_shape tree_shape;
static const struct percore_field tree_fields[] = {
	{ PERCORE_FIELD(struct tree, leaf), .shape = &leaf_shape },
	{ PERCORE_ARRAY(struct tree, trees), .is_optional = true, .shape = &tree_shape },
	{ 0 },
};
static const struct percore_shape tree_shape = { .name = "Tree",
	                                         .fields = tree_fields,
	                                         .allows_others = true };

static void nothing(struct percore_request *request)
{
	percore_answer_empty(request);
}

static json_object *describe(const struct percore_route *added, const char *prefix)
{
	struct routes routes = { 0 };
	struct openapi *openapi =
		openapi_new(&(struct percore_openapi){ .description = "Trees" }, "forest", "1.2");

	for (; added->pattern; added++) {
		struct percore_route route = *added;
		if (!route.handler)
			route.handler = nothing;
		ck_assert_ptr_null(routes_add(&routes, &route));
	}
	json_object *document = openapi_describe(openapi, &routes, prefix);
	openapi_free(openapi);
	routes_fini(&routes);
	return document;
}

/* What is at this JSON Pointer, as text. */
static const char *at(json_object *document, const char *pointer)
{
	json_object *found = NULL;

	return json_pointer_get(document, pointer, &found) == 0
	               ? json_object_to_json_string_ext(found, JSON_C_TO_STRING_NOSLASHESCAPE)
	               : "none";
}

START_TEST(the_service_is_named)
{
	json_object *document = describe((struct percore_route[]){ { .pattern = NULL } }, "/v1");

	ck_assert_str_eq(at(document, "/openapi"), "\"3.1.0\"");
	ck_assert_str_eq(at(document, "/info"),
	                 "{\"title\":\"forest\",\"description\":\"Trees\",\"version\":\"1.2\"}");
	ck_assert_str_eq(at(document, "/servers"), "[{\"url\":\"/v1\"}]");
	ck_assert_str_eq(at(document, "/paths"), "{}");
	json_object_put(document);
}
END_TEST

START_TEST(each_route_is_an_operation)
{
	json_object *document = describe(
		(struct percore_route[]){
			{ .pattern = "/trees/{id}", .summary = "One", .gives = &tree_shape },
			{ .pattern = "/trees/{id}",
	                  .method = "PUT",
	                  .takes = &tree_shape,
	                  .gives = &leaf_shape },
			{ .pattern = "/trees/{id}", .method = "DELETE" },
			{ .pattern = "/files/{path...}" },
			{ .pattern = "/a_b" },
			{ .pattern = "/a/b" },
			{ .pattern = "/" },
			{ 0 } },
		"");

	ck_assert_str_eq(at(document, "/paths/~1trees~1{id}/get/operationId"), "\"get_trees_id\"");
	ck_assert_str_eq(at(document, "/paths/~1trees~1{id}/get/summary"), "\"One\"");
	ck_assert_str_eq(at(document, "/paths/~1trees~1{id}/get/requestBody"), "none");
	ck_assert_str_eq(
		at(document, "/paths/~1trees~1{id}/get/responses/2XX/content/application~1json/schema"),
		"{\"$ref\":\"#/components/schemas/Tree\"}");
	ck_assert_str_eq(at(document, "/paths/~1trees~1{id}/put/requestBody"),
	                 "{\"required\":true,\"content\":{\"application/json\":{\"schema\":"
	                 "{\"$ref\":\"#/components/schemas/Tree\"}}}}");
	ck_assert_str_eq(at(document, "/paths/~1trees~1{id}/delete/responses/2XX"),
	                 "{\"description\":\"Success\"}");
	ck_assert_str_eq(
		at(document,
	           "/paths/~1trees~1{id}/delete/responses/default/content/application~1problem+json/schema"),
		"{\"$ref\":\"#/components/schemas/Problem\"}");
	ck_assert_str_eq(
		at(document, "/paths/~1trees~1{id}/get/parameters"),
		"[{\"name\":\"id\",\"in\":\"path\",\"required\":true,\"schema\":{\"type\":\"string\"}}]");
	ck_assert_str_eq(at(document, "/paths/~1files~1{path}/get/parameters/0/name"), "\"path\"");
	ck_assert_str_eq(at(document, "/paths/~1a_b/get/operationId"), "\"get_a_b\"");
	ck_assert_str_eq(at(document, "/paths/~1a~1b/get/operationId"), "\"get_a_b_2\"");
	ck_assert_str_eq(at(document, "/paths/~1/get/operationId"), "\"get\"");
	ck_assert_str_eq(at(document, "/servers"), "[{\"url\":\"/\"}]");
	json_object_put(document);
}
END_TEST

START_TEST(probes_and_what_openapi_has_no_word_for_are_left_out)
{
	json_object *document =
		describe((struct percore_route[]){ { .pattern = "/metrics", .is_probe = true },
	                                           { .pattern = "/x", .method = "PURGE" },
	                                           { .pattern = "/o", .handler = openapi_document },
	                                           { .pattern = "/p", .handler = openapi_page },
	                                           { .pattern = "/x", .method = "PATCH" },
	                                           { 0 } },
	                 "");

	ck_assert_int_eq(json_object_object_length(json_object_object_get(document, "paths")), 1);
	ck_assert_str_eq(at(document, "/paths/~1x/patch/operationId"), "\"patch_x\"");
	json_object_put(document);
}
END_TEST

START_TEST(each_rule_is_in_the_schema)
{
	json_object *document = describe(
		(struct percore_route[]){ { .pattern = "/", .method = "POST", .takes = &tree_shape }, { 0 } },
		"");

	ck_assert_str_eq(
		at(document, "/components/schemas/Leaf"),
		"{\"type\":\"object\",\"description\":\"A leaf\",\"properties\":{"
		"\"text\":{\"type\":\"string\",\"enum\":[\"a\",\"b\"],\"minLength\":1,\"maxLength\":5,"
		"\"pattern\":\"^a\",\"description\":\"It\"},"
		"\"number\":{\"type\":\"integer\",\"format\":\"int64\",\"readOnly\":true},"
		"\"level\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":255},"
		"\"share\":{\"type\":\"number\",\"format\":\"double\",\"minimum\":0,\"maximum\":0.5},"
		"\"flag\":{\"type\":\"boolean\"},\"any\":{},"
		"\"tags\":{\"type\":\"array\",\"items\":{\"type\":\"string\",\"maxLength\":9},\"minItems\":1,"
		"\"maxItems\":4}},\"required\":[\"text\",\"share\",\"flag\",\"any\",\"tags\"],"
		"\"additionalProperties\":false}");
	ck_assert_str_eq(
		at(document, "/components/schemas/Tree"),
		"{\"type\":\"object\",\"properties\":{\"leaf\":{\"$ref\":\"#/components/schemas/Leaf\"},"
		"\"trees\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/components/schemas/Tree\"},"
		"\"maxItems\":1000}},\"required\":[\"leaf\"]}");
	ck_assert_str_eq(at(document, "/components/schemas/Problem/required"),
	                 "[\"type\",\"title\",\"status\",\"request_id\"]");
	json_object_put(document);
}
END_TEST

static const struct told *get(percore_handler handler, struct openapi *openapi)
{
	return ask(&(struct ask){ .handler = handler, .route = { .arg = openapi } });
}

START_TEST(the_document_is_answered_and_made_once)
{
	struct openapi *openapi = openapi_new(&(struct percore_openapi){ .title = "T" }, "forest", "1");
	const struct told *told = get(openapi_document, openapi);

	ck_assert_int_eq(told->status, 200);
	ck_assert_str_eq(told_header(told, "Content-Type"), "application/json");
	ck_assert_ptr_nonnull(strstr(told->body, "\"title\":\"T\""));
	const char *text = openapi->text;
	get(openapi_document, openapi);
	ck_assert_ptr_eq(openapi->text, text);
	openapi_free(openapi);
}
END_TEST

START_TEST(the_page_names_its_document_and_runs_nothing_else)
{
	struct openapi *openapi =
		openapi_new(&(struct percore_openapi){ .pattern = "/a\"<b\xc3\xa4.json" }, "x", "1");
	const struct told *told = get(openapi_page, openapi);
	char policy[512], nonce[33], script[64];

	ck_assert_str_eq(told_header(told, "Content-Type"), "text/html; charset=utf-8");
	snprintf(policy, sizeof policy, "%s", told_header(told, "Content-Security-Policy"));
	ck_assert_int_eq(sscanf(policy, "default-src 'none'; script-src 'nonce-%32[0-9a-f]'", nonce), 1);
	snprintf(script, sizeof script, "<script nonce=\"%s\"", nonce);
	ck_assert_ptr_nonnull(strstr(told->body, script));
	ck_assert_ptr_nonnull(strstr(told->body, "data-document=\"/a%22%3Cb%C3%A4.json\""));
	ck_assert_ptr_null(strstr(told->body, "{{"));
	told = get(openapi_page, openapi);
	ck_assert_ptr_null(strstr(told_header(told, "Content-Security-Policy"), nonce));
	openapi_free(openapi);
}
END_TEST

START_TEST(the_page_is_ascii)
{
	for (const char *byte = api_page; *byte; byte++)
		ck_assert_int_lt((unsigned char)*byte, 128);
}
END_TEST

/* ---- percore_add_openapi and routes with tables, as percore_run sees them. */

static int run(struct percore_app *app)
{
	char *argv[] = { "app", "-t", NULL };

	return percore_run(app, 2, argv);
}

START_TEST(a_service_with_tables_is_good_and_one_with_a_wrong_table_is_not)
{
	static const struct percore_field fields[] = { { PERCORE_FIELD(struct leaf, text), .pattern = "(" },
		                                       { 0 } };
	static const struct percore_shape wrong = { .name = "Wrong", .fields = fields };
	struct percore_route route = { .pattern = "/", .handler = nothing, .gives = &tree_shape };
	struct percore_app *app = percore_app_new("app", "1");

	percore_add_route(app, &route);
	percore_add_openapi(app, &(struct percore_openapi){ .page = "/api" });
	ck_assert_int_eq(run(app), 0);
	app = percore_app_new("app", "1");
	route.takes = &wrong;
	percore_add_route(app, &route);
	ck_assert_int_eq(run(app), 1);
}
END_TEST

START_TEST(openapi_is_added_once_and_is_utf_8)
{
	struct percore_app *app = percore_app_new("app", "1");

	percore_add_openapi(app, &(struct percore_openapi){ .pattern = "/a" });
	percore_add_openapi(app, &(struct percore_openapi){ .pattern = "/b" });
	ck_assert_int_eq(run(app), 1);
	app = percore_app_new("app", "1");
	percore_add_openapi(app, &(struct percore_openapi){ .title = "\xff" });
	ck_assert_int_eq(run(app), 1);
	app = percore_app_new("app", "1");
	percore_add_route(app,
	                  &(struct percore_route){ .pattern = "/", .handler = nothing, .summary = "\xff" });
	ck_assert_int_eq(run(app), 1);
}
END_TEST

Suite *openapi_suite(void)
{
	const TTest *const tests[] = {
		the_service_is_named,
		each_route_is_an_operation,
		probes_and_what_openapi_has_no_word_for_are_left_out,
		each_rule_is_in_the_schema,
		the_document_is_answered_and_made_once,
		the_page_names_its_document_and_runs_nothing_else,
		the_page_is_ascii,
		a_service_with_tables_is_good_and_one_with_a_wrong_table_is_not,
		openapi_is_added_once_and_is_utf_8,
		NULL,
	};

	return suite_of("openapi", tests);
}
