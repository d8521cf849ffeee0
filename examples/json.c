/* JSON in and out: POST /json answers what it understood. */
#include <percore.h>

static void json(struct percore_request *request)
{
	json_object *document;

	if (!percore_body_json(request, 1 << 20, &document))
		return; /* 400, 413 or 415 is answered */
	json_object *answer = json_object_new_object();
	json_object_object_add(answer, "type", json_object_new_string(json_type_to_name(json_object_get_type(document))));
	json_object_object_add(answer, "document", document);
	percore_answer_json(request, 200, answer);
}

int main(int argc, char **argv)
{
	static const struct percore_route routes[] = { { "POST", "/json", json }, { 0 } };

	return percore_run(&(struct percore_service){ "json", "1", routes, NULL }, argc, argv);
}
