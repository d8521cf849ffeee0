/* SPDX-License-Identifier: ISC */
/*
 * shortener - short links in a SQLite file, and how often each was followed: POST /links {"url":
 * "https://..."} makes one (201), or finds the one of that URL (200); GET /{code} leads there; GET and DELETE
 * /links/{code}.
 *
 * Each worker has a connection of its own.  What was answered is on disk.
 */
#include <percore.h>

#include <inttypes.h>
#include <libgen.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

enum { BUSY_MS = 2000, MAX_URL = 2000, MAX_BODY = 8192 };

static const char *file = "links.db", *base = "";
static struct percore_counter *made, *followed;
static sqlite3 *database;

/* SQLite itself waits for nobody where it makes a new file a WAL; here --start-timeout is the bound. */
static bool execute(const char *sql)
{
	int status;

	while ((status = sqlite3_exec(database, sql, NULL, NULL, NULL)) == SQLITE_BUSY)
		sqlite3_sleep(10);
	return status == SQLITE_OK;
}

static bool open_database(void *arg)
{
	(void)arg;
	char directory[4096];

	snprintf(directory, sizeof directory, "%s", file);
	percore_allow_write(dirname(directory)); /* under --sandbox; the WAL is beside the file */
	if (sqlite3_open(file, &database) == SQLITE_OK && execute("PRAGMA journal_mode = WAL") &&
	    execute("CREATE TABLE IF NOT EXISTS link"
	            "(code TEXT PRIMARY KEY, url TEXT NOT NULL UNIQUE, visits INTEGER NOT NULL DEFAULT 0)") &&
	    sqlite3_busy_timeout(database, BUSY_MS) == SQLITE_OK)
		return true;
	percore_log(NULL, PERCORE_LOG_ERROR, "%s: %s", file, sqlite3_errmsg(database));
	return false;
}

static void close_database(void *arg)
{
	(void)arg;
	sqlite3_close(database);
}

static json_object *link_json(struct percore_request *request, sqlite3_stmt *row)
{
	const char *code = (const char *)sqlite3_column_text(row, 0),
		   *url = (const char *)sqlite3_column_text(row, 1);
	json_object *json = json_object_new_object();

	if (!code || !url)
		percore_no_memory();
	percore_json_add(json, "code", json_object_new_string(code));
	percore_json_add(json, "short", json_object_new_string(percore_format(request, "%s/%s", base, code)));
	percore_json_add(json, "url", json_object_new_string(url));
	percore_json_add(json, "visits", json_object_new_int64(sqlite3_column_int64(row, 2)));
	return json;
}

/* The link that a statement of ?1, a code, and ?2, a URL, gives.  NULL, and answered: none, or it failed. */
static json_object *run(struct percore_request *request, const char *sql, const char *code, const char *url)
{
	sqlite3_stmt *statement = NULL;
	json_object *link = NULL;
	int step = SQLITE_ERROR;

	if (sqlite3_prepare_v2(database, sql, -1, &statement, NULL) == SQLITE_OK &&
	    sqlite3_bind_text(statement, 1, code, -1, SQLITE_STATIC) == SQLITE_OK &&
	    (!url || sqlite3_bind_text(statement, 2, url, -1, SQLITE_STATIC) == SQLITE_OK))
		step = sqlite3_step(statement);
	if (step == SQLITE_ROW) {
		link = link_json(request, statement);
		step = sqlite3_step(statement); /* after which it is on disk */
	}
	if (step != SQLITE_DONE) {
		percore_log(request, PERCORE_LOG_ERROR, "%s: %s", file, sqlite3_errmsg(database));
		percore_answer_problem(request, step == SQLITE_BUSY ? 503 : 500, NULL);
		json_object_put(link);
		link = NULL;
	} else if (!link) {
		percore_answer_problem(request, 404, "There is no such link.");
	}
	sqlite3_finalize(statement);
	return link;
}

static const char *text(json_object *object, const char *name)
{
	return json_object_get_string(json_object_object_get(object, name));
}

/* With a host, and as a Location may have it. */
static bool is_url(json_object *json)
{
	const char *url = json_object_is_type(json, json_type_string) ? json_object_get_string(json) : "";
	size_t scheme = strncmp(url, "http://", 7) == 0 ? 7 : 8, length = 0;

	while (url[length] > ' ' && url[length] < 127)
		length++;
	return (scheme == 7 || strncmp(url, "https://", 8) == 0) && strcspn(url + scheme, "/?#") > 0 &&
	       length <= MAX_URL && length == (size_t)json_object_get_string_len(json);
}

static void make(struct percore_request *request)
{
	json_object *body, *url;
	uint64_t random;

	if (!percore_body_json(request, 0, &body) || getrandom(&random, sizeof random, 0) != sizeof random)
		return; /* 400, 413 or 415 is answered, else 500 */
	if (!json_object_object_get_ex(body, "url", &url) || !is_url(url)) {
		percore_answer_problem(request, 422,
		                       "The \"url\" must begin with http:// or https:// and a host, and be "
		                       "2000 characters of ASCII at most, without blanks.");
		return;
	}
	const char *code = percore_format(request, "%012" PRIx64, random >> 16);
	json_object *link = run(request,
	                        "INSERT INTO link (code, url) VALUES (?1, ?2)"
	                        " ON CONFLICT (url) DO UPDATE SET url = url RETURNING *",
	                        code, json_object_get_string(url));
	if (!link)
		return;
	bool is_new = strcmp(text(link, "code"), code) == 0;
	percore_counter_add(made, is_new);
	percore_set_header(request, "Location",
	                   percore_format(request, "%s/links/%s", base, text(link, "code")));
	percore_answer_json(request, is_new ? 201 : 200, link);
}

static void tell(struct percore_request *request)
{
	json_object *link = run(request, percore_arg(request), percore_path_value(request, "code"), NULL);

	if (link)
		percore_answer_json(request, 200, link);
}

/* By 302: what 301 and 308 say browsers keep, and come no more. */
static void lead(struct percore_request *request)
{
	json_object *link = run(request, percore_arg(request), percore_path_value(request, "code"), NULL);

	if (link) {
		percore_counter_add(followed, 1);
		percore_answer_redirect(request, 302, text(link, "url"));
	}
	json_object_put(link);
}

static const struct percore_route routes[] = {
	{ .method = "POST",
	  .pattern = "/links",
	  .handler = make,
	  .max_body = MAX_BODY,
	  .limit = "5/s burst=20" },
	{ .pattern = "/links/{code}", .handler = tell, .arg = "SELECT * FROM link WHERE code = ?1" },
	{ .method = "DELETE",
	  .pattern = "/links/{code}",
	  .handler = tell,
	  .arg = "DELETE FROM link WHERE code = ?1 RETURNING *" },
	{ .pattern = "/{code}",
	  .handler = lead,
	  .arg = "UPDATE link SET visits = visits + 1 WHERE code = ?1 RETURNING *" },
	{ 0 },
};

static struct percore_app *shortener(void)
{
	struct percore_app *app = percore_app_new("shortener", "1");

	percore_add_text(app, "database", &file, "SQLite file of the links");
	percore_add_text(app, "base", &base, "what short links begin with, as https://s.example");
	made = percore_add_counter(app, "shortener_links_total", "Links made.");
	followed = percore_add_counter(app, "shortener_visits_total", "Links followed.");
	percore_on_worker(app, open_database, close_database, NULL);
	percore_add_routes(app, routes);
	percore_add_metrics(app, "/metrics");
	return app;
}

int main(int argc, char **argv)
{
	return percore_run(shortener(), argc, argv);
}
