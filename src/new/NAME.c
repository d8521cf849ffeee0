/* SPDX-License-Identifier: ISC */
/* @NAME@ - a service on percore. */
#include "app.h"

static const char *greeting = "hello"; /* --greeting */

/* `name` is taken. */
static void greet(struct percore_request *request, json_object *name)
{
	json_object *answer = json_object_new_object();

	percore_json_add(answer, greeting, name);
	percore_answer_json(request, 200, answer);
}

/* GET /hello?name=Ada answers {"hello":"Ada"}. */
static void get_hello(struct percore_request *request)
{
	const char *name = percore_query(request, "name");

	greet(request, json_object_new_string(name ? name : "world"));
}

/* POST /hello of {"name":"Ada"} answers the same. */
static void post_hello(struct percore_request *request)
{
	json_object *body, *name;

	if (!percore_body_json(request, 0, &body))
		return; /* it is answered: 400, 408, 413 or 415 */
	if (!json_object_object_get_ex(body, "name", &name) || !json_object_is_type(name, json_type_string))
		percore_answer_problem(request, 422, "The body must be an object with a \"name\".");
	else
		greet(request, json_object_get(name)); /* what is in the body is lent */
}

/* For balancers: while the service stops, they go elsewhere. */
static void health(struct percore_request *request)
{
	percore_answer_text(request, percore_is_draining(request) ? 503 : 200, "");
}

static const struct percore_route routes[] = {
	{ .pattern = "/hello", .handler = get_hello },
	{ .method = "POST", .pattern = "/hello", .handler = post_hello, .max_body = 65536 },
	{ .pattern = "/healthz", .handler = health, .is_probe = true },
	{ 0 },
};

struct percore_app *app_new(void)
{
	struct percore_app *app = percore_app_new("@NAME@", "0.1");

	percore_add_text(app, "greeting", &greeting, "what /hello says (hello)");
	percore_add_routes(app, routes);
	percore_add_metrics(app, "/metrics");
	percore_add_status(app, "/status");
	return app;
}
