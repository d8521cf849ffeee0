/* SPDX-License-Identifier: ISC */
/* health - 200 while serving, 503 while draining. */
#include "endpoints.h"

void health_get(struct percore_request *request)
{
	json_object *answer = json_object_new_object();
	bool leaving = percore_is_draining(request);

	percore_json_add(answer, "status", json_object_new_string(leaving ? "draining" : "ok"));
	percore_answer_json(request, leaving ? 503 : 200, answer);
}
