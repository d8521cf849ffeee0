/* background - GET /background: how tasks, snapshots and jobs fare. */
#include "endpoints.h"

void background_get(struct percore_request *request)
{
	percore_answer_json(request, 200, percore_background());
}
