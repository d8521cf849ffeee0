/* SPDX-License-Identifier: ISC */
/* JSON in and out: POST /json answers what it understood. */
#include <percore.h>

static void json(struct percore_request *request)
{
	json_object *document;

	if (!percore_body_json(request, 0, &document))
		return; /* 400, 413 or 415 is answered */
	json_object *answer = json_object_new_object();
	percore_json_add(answer, "type",
	                 json_object_new_string(json_type_to_name(json_object_get_type(document))));
	if (document) /* NULL is null: its type says it all */
		percore_json_add(answer, "document", json_object_get(document)); /* it is lent */
	percore_answer_json(request, 200, answer);
}

int main(int argc, char **argv)
{
	struct percore_app *app = percore_app_new("json", "1");

	percore_add_route(app,
	                  &(struct percore_route){ .method = "POST", .pattern = "/json", .handler = json });
	return percore_run(app, argc, argv);
}
