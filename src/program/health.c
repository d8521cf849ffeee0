/* health - 200 while serving. */
#include "endpoints.h"

void health_get(struct percore_request *request)
{
	json_object *answer = json_object_new_object();

	json_object_object_add(answer, "status", json_object_new_string("ok"));
	percore_answer_json(request, 200, answer);
}
