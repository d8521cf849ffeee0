/* SPDX-License-Identifier: ISC */
/* render - POST /render {"rounds": N} defers the article's work; GET /jobs/{id} tells the result. */
#include "endpoints.h"

#include <stdio.h>

enum { ROUNDS_MAX = 1000000000 };

/* 0: it is no such number. */
static int64_t rounds_of(json_object *input)
{
	json_object *rounds;
	int64_t value;

	if (!json_object_object_get_ex(input, "rounds", &rounds) ||
	    !json_object_is_type(rounds, json_type_int))
		return 0;
	value = json_object_get_int64(rounds);
	return value >= 1 && value <= ROUNDS_MAX ? (int64_t)value : 0;
}

void render_post(struct percore_request *request)
{
	json_object *input;

	if (!percore_body_json(request, 0, &input))
		return; /* 400, 413 or 415 is answered */
	if (rounds_of(input))
		percore_defer(request, "render", json_object_get(input),
		              percore_header(request, "Idempotency-Key"));
	else
		percore_answer_problem(request, 400,
		                       "The body must be {\"rounds\": N}, N from 1 to 1000000000.");
}

bool render_job(struct percore_work *work, json_object *input, void *arg)
{
	(void)arg;
	int64_t rounds = rounds_of(input);

	if (!rounds)
		return percore_fail(work, "the input has no rounds");
	percore_set_result(work, data_make(rounds));
	return true;
}
