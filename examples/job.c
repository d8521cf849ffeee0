/* SPDX-License-Identifier: ISC */
/* A job: POST /sum defers {"numbers": [1, 2, 3]}; GET /jobs/{id} tells the result.  Start it with --jobs
 * FILE. */
#include <percore.h>

static bool sum(struct percore_work *work, json_object *input, void *arg)
{
	(void)arg;
	json_object *numbers;
	double total = 0;

	if (!json_object_object_get_ex(input, "numbers", &numbers) ||
	    !json_object_is_type(numbers, json_type_array))
		return percore_fail(work, "the input has no array of numbers");
	for (size_t i = 0; i < json_object_array_length(numbers); i++)
		total += json_object_get_double(json_object_array_get_idx(numbers, i));
	percore_set_result(work, json_object_new_double(total));
	return true;
}

static void post(struct percore_request *request)
{
	json_object *input;

	/* Sent again with the same Idempotency-Key, it is the same job. */
	if (percore_body_json(request, 0, &input))
		percore_defer(request, "sum", json_object_get(input),
		              percore_header(request, "Idempotency-Key"));
}

int main(int argc, char **argv)
{
	struct percore_app *app = percore_app_new("job", "1");

	percore_add_job(app, "sum", sum, NULL);
	percore_add_route(app,
	                  &(struct percore_route){ .method = "POST", .pattern = "/sum", .handler = post });
	return percore_run(app, argc, argv);
}
