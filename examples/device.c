/* SPDX-License-Identifier: ISC */
/*
 * device - the settings of a device, {"name": "pump", "interval": 60, "mode": "auto"}, in a file: GET,
 * PUT and PATCH /settings.
 *
 * Of several who change them at a time none undoes what another did: If-Match names the version that a change
 * is meant for, and where there is another it is answered 412.  The file is whole at any moment, whatever is
 * killed.
 */
#include <percore.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <unistd.h>

enum { MAX_BODY = 4096, MAX_NAME = 64, MAX_INTERVAL = 3600 };

static const char first[] = "{\"name\":\"device\",\"interval\":60,\"mode\":\"auto\"}";
static const char merge_patch[] = "application/merge-patch+json";

static const char *directory = ".";
static int place; /* the directory, open: its lock is for who changes the settings */

static bool open_directory(void *arg)
{
	(void)arg;
	percore_allow_write(directory); /* under --sandbox */
	place = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (place < 0)
		percore_log(NULL, PERCORE_LOG_ERROR, "%s: %s", directory, strerror(errno));
	return place >= 0;
}

/* ---- The settings. */

/* "" where it is none, or holds a NUL. */
static const char *text(json_object *json)
{
	const char *text = json_object_is_type(json, json_type_string) ? json_object_get_string(json) : "";

	return strlen(text) == (size_t)json_object_get_string_len(json) ? text : "";
}

/* NULL, or what is wrong with them. */
static const char *wrong(json_object *settings)
{
	json_object *name, *interval, *mode;

	if (!json_object_is_type(settings, json_type_object) || json_object_object_length(settings) != 3 ||
	    !json_object_object_get_ex(settings, "name", &name) ||
	    !json_object_object_get_ex(settings, "interval", &interval) ||
	    !json_object_object_get_ex(settings, "mode", &mode))
		return "The settings are name, interval and mode, all of them and no other.";
	if (strlen(text(name)) < 1 || strlen(text(name)) > MAX_NAME)
		return "The name must be a text of 1 to 64 bytes.";
	if (!json_object_is_type(interval, json_type_int) || json_object_get_int64(interval) < 1 ||
	    json_object_get_int64(interval) > MAX_INTERVAL)
		return "The interval must be a whole number of seconds from 1 to 3600.";
	if (strcmp(text(mode), "off") != 0 && strcmp(text(mode), "on") != 0 &&
	    strcmp(text(mode), "auto") != 0)
		return "The mode must be \"off\", \"on\" or \"auto\".";
	return NULL;
}

static const char *json_text(json_object *settings)
{
	const char *text = json_object_to_json_string_ext(settings, JSON_C_TO_STRING_PLAIN);

	if (!text)
		percore_no_memory();
	return text;
}

static const char *etag_of(struct percore_request *request, json_object *settings)
{
	const char *text = json_text(settings);

	return percore_etag(request, text, strlen(text));
}

/* NULL, and answered: they cannot be read. */
static json_object *load(struct percore_request *request)
{
	int fd = openat(place, "settings.json", O_RDONLY | O_CLOEXEC);
	json_object *settings = fd >= 0           ? json_object_from_fd(fd)
	                        : errno == ENOENT ? json_tokener_parse(first)
	                                          : NULL;

	if (fd >= 0)
		close(fd);
	if (!wrong(settings))
		return settings;
	percore_log(request, PERCORE_LOG_ERROR, "settings.json: %s",
	            fd < 0 ? "it cannot be opened" : wrong(settings));
	percore_answer_problem(request, 500, NULL);
	json_object_put(settings);
	return NULL;
}

/* On disk, whole.  False, and answered: it failed, and those before are there. */
static bool save(struct percore_request *request, json_object *settings)
{
	const char *text = json_text(settings);
	ssize_t length = (ssize_t)strlen(text);
	int fd = openat(place, "settings.next", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	bool is_written = fd >= 0 && write(fd, text, (size_t)length) == length && fsync(fd) == 0;

	if (fd >= 0)
		is_written &= close(fd) == 0;
	if (is_written && renameat(place, "settings.next", place, "settings.json") == 0 && fsync(place) == 0)
		return true;
	percore_log(request, PERCORE_LOG_ERROR, "the settings cannot be kept: %s", strerror(errno));
	percore_answer_problem(request, 500, NULL);
	return false;
}

/* Both take the settings, and give what is to be instead of them. */
static json_object *replace(json_object *settings, json_object *body)
{
	json_object_put(settings);
	return json_object_get(body);
}

/* RFC 7396, where no setting is an object: what the patch has replaces, and its null removes. */
static json_object *merge(json_object *settings, json_object *patch)
{
	if (!json_object_is_type(patch, json_type_object))
		return replace(settings, patch);
	json_object_object_foreach(patch, key, value)
	{
		if (value)
			percore_json_add(settings, key, json_object_get(value));
		else
			json_object_object_del(settings, key);
	}
	return settings;
}

/* ---- The requests. */

static void get(struct percore_request *request)
{
	json_object *settings = load(request);

	if (settings && percore_check_etag(request, etag_of(request, settings), false))
		percore_answer_json(request, 200, json_object_get(settings));
	json_object_put(settings);
}

/* Holding the lock. */
static void change_locked(struct percore_request *request, json_object *body, bool is_patch)
{
	json_object *settings = load(request);

	if (settings && percore_check_etag(request, etag_of(request, settings), true)) {
		settings = is_patch ? merge(settings, body) : replace(settings, body);
		if (wrong(settings)) {
			percore_answer_problem(request, 422, wrong(settings));
		} else if (save(request, settings)) {
			percore_set_etag(request, etag_of(request, settings));
			percore_answer_json(request, 200, json_object_get(settings));
		}
	}
	json_object_put(settings);
}

static void change(struct percore_request *request)
{
	bool is_patch = strcmp(percore_method(request), "PATCH") == 0;
	const char *type = percore_header(request, "Content-Type");
	json_object *body;

	if (is_patch && !(type && strncasecmp(type, merge_patch, sizeof merge_patch - 1) == 0)) {
		percore_set_header(request, "Accept-Patch", merge_patch);
		percore_answer_problem(request, 415,
		                       "Send a patch as application/merge-patch+json (RFC 7396).");
		return;
	}
	/* Before the lock: others wait for that, and a body may come slowly. */
	if (!percore_body_json(request, PERCORE_JSON_UNIQUE_NAMES, &body))
		return;
	while (flock(place, LOCK_EX) != 0)
		if (errno != EINTR)
			return; /* 500 */
	change_locked(request, body, is_patch);
	flock(place, LOCK_UN);
}

static const struct percore_route routes[] = {
	{ .pattern = "/settings", .handler = get },
	{ .method = "PUT", .pattern = "/settings", .handler = change, .max_body = MAX_BODY },
	{ .method = "PATCH", .pattern = "/settings", .handler = change, .max_body = MAX_BODY },
	{ 0 },
};

static struct percore_app *device(void)
{
	struct percore_app *app = percore_app_new("device", "1");

	percore_add_text(app, "directory", &directory, "where settings.json is");
	percore_on_worker(app, open_directory, NULL, NULL);
	percore_add_routes(app, routes);
	return app;
}

int main(int argc, char **argv)
{
	return percore_run(device(), argc, argv);
}
