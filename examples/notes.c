/* SPDX-License-Identifier: ISC */
/*
 * notes - notes in a SQLite file: POST /notes {"text": "..."} keeps one, GET /notes tells the last hundred.
 *
 * Each worker has a connection of its own, opened when it starts: SQLite's must not be taken over a fork.
 */
#include <percore.h>

#include <libgen.h>
#include <sqlite3.h>
#include <stdio.h>

enum { BUSY_MS = 5000, MAX_BODY = 1 << 16 };

static const char *file = "notes.db";
static sqlite3 *database;
static sqlite3_stmt *insert, *select_last;

static bool prepare(const char *sql, sqlite3_stmt **statement)
{
	return sqlite3_prepare_v3(database, sql, -1, SQLITE_PREPARE_PERSISTENT, statement, NULL) == SQLITE_OK;
}

static bool open_database(void *arg)
{
	(void)arg;
	char directory[4096];

	snprintf(directory, sizeof directory, "%s", file);
	percore_allow_write(dirname(directory)); /* under --sandbox; SQLite makes a journal beside the file */
	if (sqlite3_open(file, &database) == SQLITE_OK &&
	    sqlite3_busy_timeout(database, BUSY_MS) == SQLITE_OK && /* while another worker writes */
	    sqlite3_exec(database,
	                 "CREATE TABLE IF NOT EXISTS note (id INTEGER PRIMARY KEY, text TEXT NOT NULL)", NULL,
	                 NULL, NULL) == SQLITE_OK &&
	    prepare("INSERT INTO note (text) VALUES (?) RETURNING id", &insert) &&
	    prepare("SELECT id, text FROM note ORDER BY id DESC LIMIT 100", &select_last))
		return true;
	percore_log(NULL, PERCORE_LOG_ERROR, "%s: %s", file, sqlite3_errmsg(database));
	return false;
}

static void close_database(void *arg)
{
	(void)arg;
	sqlite3_finalize(insert);
	sqlite3_finalize(select_last);
	sqlite3_close(database);
}

static void fail(struct percore_request *request)
{
	percore_log(request, PERCORE_LOG_ERROR, "%s: %s", file, sqlite3_errmsg(database));
	percore_answer_problem(request, 500, NULL);
}

/* The note is on disk when the statement is done, which the step after its row tells. */
static bool keep(const char *text, int length, int64_t *id)
{
	bool is_kept = sqlite3_bind_text(insert, 1, text, length, SQLITE_STATIC) == SQLITE_OK &&
	               sqlite3_step(insert) == SQLITE_ROW;

	*id = is_kept ? sqlite3_column_int64(insert, 0) : 0;
	is_kept = is_kept && sqlite3_step(insert) == SQLITE_DONE;
	sqlite3_reset(insert);
	return is_kept;
}

static json_object *note_json(int64_t id, const char *text)
{
	json_object *note = json_object_new_object();

	percore_json_add(note, "id", json_object_new_int64(id));
	percore_json_add(note, "text", json_object_new_string(text));
	return note;
}

static void post(struct percore_request *request)
{
	json_object *body, *text;
	int64_t id;

	if (!percore_body_json(request, 0, &body))
		return; /* 400, 413 or 415 is answered */
	if (!json_object_object_get_ex(body, "text", &text) || !json_object_is_type(text, json_type_string))
		percore_answer_problem(request, 422, "The document has no \"text\" that is a string.");
	else if (!keep(json_object_get_string(text), json_object_get_string_len(text), &id))
		fail(request);
	else
		percore_answer_json(request, 201, note_json(id, json_object_get_string(text)));
}

static void get(struct percore_request *request)
{
	json_object *notes = json_object_new_array();
	int step;

	while ((step = sqlite3_step(select_last)) == SQLITE_ROW)
		percore_json_add(notes, NULL,
		                 note_json(sqlite3_column_int64(select_last, 0),
		                           (const char *)sqlite3_column_text(select_last, 1)));
	sqlite3_reset(select_last);
	if (step == SQLITE_DONE) {
		percore_answer_json(request, 200, notes);
	} else {
		json_object_put(notes);
		fail(request);
	}
}

static const struct percore_route routes[] = {
	{ .method = "POST", .pattern = "/notes", .handler = post, .max_body = MAX_BODY },
	{ .pattern = "/notes", .handler = get },
	{ 0 },
};

int main(int argc, char **argv)
{
	struct percore_app *app = percore_app_new("notes", "1");

	percore_add_text(app, "database", &file, "SQLite file of the notes");
	percore_on_worker(app, open_database, close_database, NULL);
	percore_add_routes(app, routes);
	return percore_run(app, argc, argv);
}
