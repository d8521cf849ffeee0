/* SPDX-License-Identifier: ISC */
/* A streamed answer, and an error: GET /count?to=100000 sends that many lines. */
#include <percore.h>
#include <stdio.h>
#include <stdlib.h>

enum { LINE_BYTES = 11 };

static void count(struct percore_request *request)
{
	const char *to = percore_query(request, "to");
	long lines = to ? strtol(to, NULL, 10) : 0;

	if (lines < 1 || lines > 1000000) {
		percore_answer_problem(request, 400, "The parameter \"to\" must be from 1 to 1000000.");
		return;
	}
	percore_stream_begin(request, 200, "text/plain", (size_t)lines * LINE_BYTES);
	for (long i = 1; i <= lines; i++) {
		char line[32];
		snprintf(line, sizeof line, "%10ld\n", i);
		if (!percore_stream_write(request, line, LINE_BYTES))
			return; /* the client is gone */
	}
}

int main(int argc, char **argv)
{
	struct percore_app *app = percore_app_new("stream", "1");

	percore_add_route(app, &(struct percore_route){ .pattern = "/count", .handler = count });
	return percore_run(app, argc, argv);
}
