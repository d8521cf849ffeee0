/* SPDX-License-Identifier: ISC */
/* addresses - GET /addresses/{city} from a JSON file that a task reads again when it changed. */
#include "endpoints.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { FILE_MAX = 64 << 20 };

const char *addresses_file;

/* What the last look found, so that a file that has not changed is not read again. */
static struct stat seen;
static char problem[160]; /* of that file; "": it is good */

static bool is_unchanged(const struct stat *now)
{
	return now->st_ino == seen.st_ino && now->st_size == seen.st_size &&
	       now->st_mtim.tv_sec == seen.st_mtim.tv_sec && now->st_mtim.tv_nsec == seen.st_mtim.tv_nsec;
}

/* The file's bytes with a NUL after them, for free(). */
static char *read_file(FILE *file, size_t size)
{
	char *text = malloc(size + 1);

	if (!text || fread(text, 1, size, file) != size) {
		free(text);
		return NULL;
	}
	text[size] = '\0';
	return text;
}

/* An object whose members are cities; NULL, and *problem tells why not. */
static json_object *parse(const char *text, size_t size)
{
	json_tokener *tokener = json_tokener_new();
	json_object *cities;

	if (!tokener)
		abort();
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	cities = json_tokener_parse_ex(tokener, text, (int)size + 1);
	if (json_tokener_get_error(tokener) == json_tokener_success && strlen(text) != size) {
		snprintf(problem, sizeof problem, "byte %zu: a NUL", strlen(text));
		json_object_put(cities);
		cities = NULL;
	} else if (json_tokener_get_error(tokener) != json_tokener_success) {
		snprintf(problem, sizeof problem, "byte %zu: %s", json_tokener_get_parse_end(tokener) + 1,
		         json_tokener_error_desc(json_tokener_get_error(tokener)));
	} else if (!json_object_is_type(cities, json_type_object)) {
		snprintf(problem, sizeof problem, "it must be an object, {\"city\": ...}");
		json_object_put(cities);
		cities = NULL;
	}
	json_tokener_free(tokener);
	return cities;
}

static void take_file(FILE *file, size_t size)
{
	char *text = size <= FILE_MAX ? read_file(file, size) : NULL;
	json_object *cities;

	*problem = '\0';
	if (!text) {
		snprintf(problem, sizeof problem, "it cannot be read, or is larger than 64 MiB");
		return;
	}
	cities = parse(text, size);
	if (cities && !percore_publish_json("addresses", cities))
		snprintf(problem, sizeof problem, "it cannot be published");
	json_object_put(cities);
	free(text);
}

bool addresses_task(struct percore_work *work, void *unused)
{
	struct stat now;
	FILE *file;

	(void)unused;
	if (!addresses_file)
		return percore_rest(work);
	file = fopen(addresses_file, "re");
	if (!file || fstat(fileno(file), &now) != 0) {
		percore_fail(work, "%s: %s; the version before stays", addresses_file, strerror(errno));
		if (file)
			fclose(file);
		return false;
	}
	if (!is_unchanged(&now)) {
		take_file(file, (size_t)now.st_size);
		seen = now;
	}
	fclose(file);
	return !*problem || percore_fail(work, "%s: %s; the version before stays", addresses_file, problem);
}

void addresses_get(struct percore_request *request)
{
	json_object *cities = percore_snapshot_json("addresses"), *address;
	const char *city = percore_path_value(request, "city");

	if (!cities)
		percore_answer_problem(request, 503, "No addresses are loaded.");
	else if (!city || !json_object_object_get_ex(cities, city, &address))
		percore_answer_problem(request, 404, "There is no address in this city.");
	else
		percore_answer_json(request, 200, json_object_get(address));
}
