/* A whole service: GET /hello?name=Ada answers {"hello":"Ada"}. */
#include <percore.h>

static void hello(struct percore_request *request)
{
	const char *name = percore_query(request, "name");
	json_object *answer = json_object_new_object();

	json_object_object_add(answer, "hello", json_object_new_string(name ? name : "world"));
	percore_answer_json(request, 200, answer);
}

int main(int argc, char **argv)
{
	static const struct percore_route routes[] = { { "GET", "/hello", hello }, { 0 } };

	return percore_run(&(struct percore_service){ "hello", "1", routes, NULL }, argc, argv);
}
