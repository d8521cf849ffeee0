/* SPDX-License-Identifier: ISC */
/* A whole service: GET /hello?name=Ada answers {"hello":"Ada"}. */
#include <percore.h>

static void hello(struct percore_request *request)
{
	const char *name = percore_query(request, "name");
	json_object *answer = json_object_new_object();

	percore_json_add(answer, "hello", json_object_new_string(name ? name : "world"));
	percore_answer_json(request, 200, answer);
}

int main(int argc, char **argv)
{
	struct percore_app *app = percore_app_new("hello", "1");

	percore_add_route(app, &(struct percore_route){ .pattern = "/hello", .handler = hello });
	return percore_run(app, argc, argv);
}
