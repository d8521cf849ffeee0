/* SPDX-License-Identifier: ISC */
/* shaped - bodies and answers by a table: percore_body_shape and percore_answer_shape. */
#include "shape/shape.h"

#include "base/log.h"
#include "exchange/request.h"

/* NULL, and answered: the table is wrong. */
static const struct shape *find_shape(struct percore_request *request, const struct percore_shape *table)
{
	const char *wrong;
	const struct shape *shape = shape_find(table, &wrong);

	if (shape)
		return shape;
	log_error("request %s: %s", request->id, wrong);
	percore_answer_problem(request, 500, NULL);
	return NULL;
}

/* 422, with every fault. */
static void refuse_shape(struct percore_request *request, json_object *faults)
{
	bool are_all = json_object_array_length(faults) < SHAPE_FAULTS_MAX;

	answer_problem(request,
	               &(struct answer_problem){
			       .status = 422,
			       .detail = are_all ? "The body does not fit; errors has each fault."
	                                         : "The body does not fit; errors has the first 100 faults.",
			       .member = "errors",
			       .value = faults });
}

bool percore_body_shape(struct percore_request *request, const struct percore_shape *table, void *out)
{
	const struct shape *shape = find_shape(request, table);
	json_object *json;

	if (!shape || !percore_body_json(request, PERCORE_JSON_UNIQUE_NAMES, &json))
		return false;
	json_object *faults = shape_read(shape, json, &request->arena, out);
	if (faults)
		refuse_shape(request, faults);
	return !faults;
}

void percore_answer_shape(struct percore_request *request, int status, const struct percore_shape *table,
                          const void *in)
{
	const struct shape *shape = find_shape(request, table);
	char wrong[SHAPE_WRONG_MAX];

	if (!shape)
		return;
	json_object *json = shape_write(shape, in, wrong);
	if (json) {
		percore_answer_json(request, status, json);
		return;
	}
	log_error("request %s: %s", request->id, wrong);
	percore_answer_problem(request, 500, NULL);
}
