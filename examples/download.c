/* SPDX-License-Identifier: ISC */
/*
 * Who may have a file is decided here, and the web server sends it: GET /download/report.pdf.
 *
 * In nginx the files are at a location that no client reaches:
 *
 *     location /files/ { internal; alias /srv/files/; }
 *
 * Without a Content-Type of ours nginx sets the one that goes with the file's name.
 */
#include <percore.h>
#include <stdio.h>
#include <string.h>

static bool is_allowed(const struct percore_request *request)
{
	const char *token = percore_header(request, "X-Token");

	return token && strcmp(token, "letmein") == 0; /* yours is better */
}

/* It goes into a URI: nothing that would have to be encoded there, and no dot in front. */
static bool is_name(const char *name)
{
	static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

	return name && name[0] != '.' && name[strspn(name, good)] == '\0';
}

static void download(struct percore_request *request)
{
	const char *name = percore_path_value(request, "name");
	char file[1100];

	if (!is_allowed(request)) {
		percore_answer_problem(request, 403, "The X-Token header does not allow it.");
		return;
	}
	if (!is_name(name)) {
		percore_answer_problem(request, 404, "There is no such file.");
		return;
	}
	snprintf(file, sizeof file, "/files/%s", name);
	percore_set_header(request, "X-Accel-Redirect", file);
	percore_set_header(request, "Cache-Control", "private");
	percore_answer_bytes(request, 200, NULL, "", 0);
}

int main(int argc, char **argv)
{
	struct percore_app *app = percore_app_new("download", "1");

	percore_add_route(app, &(struct percore_route){ .pattern = "/download/{name}", .handler = download });
	return percore_run(app, argc, argv);
}
