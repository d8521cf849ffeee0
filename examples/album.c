/* SPDX-License-Identifier: ISC */
/*
 * album - a page for a browser: whoever logs in by a form may upload pictures by another, and see them.
 *
 *     examples/album --listen unix:/run/album.sock --directory /srv/album -c FILE, which has: password = ...
 *
 * Each picture is a file in the directory.  So is each session, ".session-" and its cookie's value: every
 * worker finds it there, whichever made it.
 */
#include <percore.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TOKEN_BYTES = 16, MAX_PICTURES = 20, MAX_PICTURE = 32 << 20 };

static const char *directory = "album", *password = "";
static int album; /* the directory, open */

static const char page[] =
	"<!doctype html><meta charset=utf-8><title>Album</title>\n"
	"<form id=login method=post action=login>\n"
	"  <input type=password name=password required> <button>Log in</button>\n"
	"</form>\n"
	"<form id=upload method=post action=pictures enctype=multipart/form-data>\n"
	"  <input type=file name=picture multiple required> <button>Upload</button>\n"
	"</form>\n"
	"<ul></ul>\n"
	"<script>\n"
	"fetch('pictures').then(async answer => {\n"
	"  document.getElementById(answer.ok ? 'login' : 'upload').hidden = true;\n"
	"  for (const name of answer.ok ? await answer.json() : []) {\n"
	"    const link = document.createElement('a');\n"
	"    link.href = 'pictures/' + encodeURIComponent(name);\n"
	"    link.textContent = name;\n"
	"    document.querySelector('ul').appendChild(document.createElement('li')).append(link);\n"
	"  }\n"
	"});\n"
	"</script>\n";

static void show_page(struct percore_request *request)
{
	percore_answer_bytes(request, 200, "text/html; charset=utf-8", page, sizeof page - 1);
}

/* ---- Sessions. */

static void log_in(struct percore_request *request)
{
	unsigned char random[TOKEN_BYTES];
	char token[2 * TOKEN_BYTES + 1];

	if (!percore_body_form(request, NULL))
		return; /* 400, 413 or 415 is answered */
	const char *given = percore_form(request, "password");
	if (!given || strcmp(given, password) != 0) {
		percore_answer_problem(request, 403, "That is not the password.");
		return;
	}
	if (getrandom(random, sizeof random, 0) != sizeof random)
		return; /* 500 */
	for (size_t i = 0; i < sizeof random; i++)
		snprintf(token + 2 * i, 3, "%02x", random[i]);
	int fd = openat(album, percore_format(request, ".session-%s", token),
	                O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	close(fd);
	percore_set_cookie(request, &(struct percore_cookie){ .name = "session", .value = token });
	percore_answer_redirect(request, 303, ".");
}

/* Before each handler below /pictures. */
static void check_session(struct percore_request *request)
{
	const char *token = percore_cookie(request, "session");

	if (!token || token[strspn(token, "0123456789abcdef")] != '\0' ||
	    faccessat(album, percore_format(request, ".session-%s", token), F_OK, 0) != 0)
		percore_answer_problem(request, 403, "Log in first.");
}

/* ---- Pictures. */

/* percore leaves only the last segment of what the client calls it. */
static bool is_name(const char *name)
{
	return *name && *name != '.' && !strchr(name, '/');
}

/* 0, or errno. */
static int keep(const struct percore_upload *file)
{
	int fd = openat(album, file->filename, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600), error = 0;

	if (fd < 0)
		return errno;
	for (size_t left = file->length; left > 0 && !error;) {
		ssize_t sent = sendfile(fd, file->fd, NULL, left);
		if (sent > 0)
			left -= (size_t)sent;
		else
			error = sent < 0 ? errno : EIO;
	}
	if (close(fd) != 0 && !error)
		error = errno;
	if (error)
		unlinkat(album, file->filename, 0);
	return error;
}

static void upload(struct percore_request *request)
{
	const struct percore_form_rules rules = { .max_parts = MAX_PICTURES,
		                                  .max_name = 255,
		                                  .max_file = MAX_PICTURE };

	if (!percore_body_form(request, &rules))
		return;
	for (const struct percore_upload *file = percore_form_files(request); file->name; file++) {
		int error = is_name(file->filename) ? keep(file) : EINVAL;
		if (error) {
			percore_answer_problem(request, error == EEXIST || error == EINVAL ? 409 : 500,
			                       percore_format(request, "\"%s\" cannot be kept: %s",
			                                      file->filename, strerror(error)));
			return;
		}
	}
	percore_answer_redirect(request, 303, ".");
}

static void list(struct percore_request *request)
{
	int fd = openat(album, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *files = fd < 0 ? NULL : fdopendir(fd);
	json_object *names = json_object_new_array();
	const struct dirent *entry;
	while (files && (entry = readdir(files)))
		if (is_name(entry->d_name))
			percore_json_add(names, NULL, json_object_new_string(entry->d_name));
	if (files)
		closedir(files);
	percore_answer_json(request, 200, names);
}

static void show(struct percore_request *request)
{
	const char *name = percore_path_value(request, "name");
	char bytes[16384];
	struct stat status;

	int fd = name && is_name(name) ? openat(album, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC) : -1;
	if (fd < 0 || fstat(fd, &status) != 0) {
		percore_answer_problem(request, 404, "There is no such picture.");
	} else {
		/* Never as a page: it would be one of this site's. */
		percore_set_header(request, "X-Content-Type-Options", "nosniff");
		percore_set_header(request, "Content-Disposition", "attachment");
		percore_stream_begin(request, 200, "application/octet-stream", (size_t)status.st_size);
		for (ssize_t n; (n = read(fd, bytes, sizeof bytes)) > 0;)
			if (!percore_stream_write(request, bytes, (size_t)n))
				break;
	}
	if (fd >= 0)
		close(fd);
}

static bool open_album(void *arg)
{
	(void)arg;
	percore_allow_write(directory); /* under --sandbox */
	album = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (album < 0 || !*password)
		percore_log(NULL, PERCORE_LOG_ERROR, "give --directory, which is there, and --password");
	return album >= 0 && *password;
}

static const struct percore_route routes[] = {
	{ .pattern = "/", .handler = show_page },
	{ .method = "POST", .pattern = "/login", .handler = log_in, .max_body = 4096, .limit = "10/m" },
	{ .method = "POST", .pattern = "/pictures", .handler = upload },
	{ .pattern = "/pictures", .handler = list },
	{ .pattern = "/pictures/{name}", .handler = show },
	{ 0 },
};

int main(int argc, char **argv)
{
	struct percore_app *app = percore_app_new("album", "1");

	percore_add_text(app, "directory", &directory, "where the pictures are");
	percore_add_text(app, "password", &password, "who has it may upload and see them");
	percore_on_worker(app, open_album, NULL, NULL);
	percore_add_hook(app, &(struct percore_hook){ .prefix = "/pictures", .before = check_session });
	percore_add_routes(app, routes);
	return percore_run(app, argc, argv);
}
