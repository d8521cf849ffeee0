/* SPDX-License-Identifier: ISC */
/*
 * ordinary_sqlite - POST /note keeps a note in --database and counts it in the same transaction.
 *
 * Rows of `note` and `counter.n` differ when two workers were let in at once, or a part of a transaction
 * lasted.
 */
#include "ordinary.h"

#include <libgen.h>
#include <sqlite3.h>
#include <stdio.h>
#include <unistd.h>

enum { BUSY_MS = 10000 };

static const char *file = "", *journal = "wal";
static sqlite3 *database;

static bool run(const char *sql)
{
	char *error = NULL;
	int status = sqlite3_exec(database, sql, NULL, NULL, &error);

	if (status != SQLITE_OK)
		percore_log(NULL, PERCORE_LOG_ERROR, "%s: %s", sql, error ? error : sqlite3_errstr(status));
	sqlite3_free(error);
	return status == SQLITE_OK;
}

/* ?signal= comes in the middle of the transaction. */
static void note(struct percore_request *request)
{
	bool is_done = run("BEGIN IMMEDIATE") && run("INSERT INTO note (text) VALUES ('a note')") &&
	               run("UPDATE counter SET n = n + 1");

	raise_if_asked(request);
	if (is_done && run("COMMIT")) {
		percore_answer_empty(request);
		return;
	}
	run("ROLLBACK");
	percore_answer_problem(request, 503, NULL);
}

/* SQLite does not wait for the others where it changes the mode of a new file. */
static bool set_journal(void)
{
	char sql[64];
	int status = SQLITE_BUSY;

	snprintf(sql, sizeof sql, "PRAGMA journal_mode = %s", journal);
	for (int i = 0; i < 500 && status == SQLITE_BUSY; i++) {
		status = sqlite3_exec(database, sql, NULL, NULL, NULL);
		if (status == SQLITE_BUSY)
			usleep(10000);
	}
	return status == SQLITE_OK;
}

bool sqlite_start(void)
{
	char directory[4096];

	if (!*file)
		return true;
	snprintf(directory, sizeof directory, "%s", file);
	percore_allow_write(dirname(directory)); /* for the journal beside it */
	if (sqlite3_open(file, &database) != SQLITE_OK)
		return false;
	sqlite3_busy_timeout(database, BUSY_MS);
	/* What a dead process wrote is there without it; only a dead machine's needs a sync. */
	return set_journal() && run("PRAGMA synchronous = OFF") &&
	       run("BEGIN IMMEDIATE;"
	           "CREATE TABLE IF NOT EXISTS note (id INTEGER PRIMARY KEY, text TEXT NOT NULL);"
	           "CREATE TABLE IF NOT EXISTS counter (id INTEGER PRIMARY KEY, n INTEGER NOT NULL);"
	           "INSERT OR IGNORE INTO counter VALUES (1, 0);"
	           "COMMIT");
}

void sqlite_stop(void)
{
	sqlite3_close(database);
}

void sqlite_add(struct percore_app *app)
{
	percore_add_text(app, "database", &file, "SQLite file of the notes");
	percore_add_text(app, "journal", &journal, "its journal: wal or delete");
	percore_add_route(app,
	                  &(struct percore_route){ .method = "POST", .pattern = "/note", .handler = note });
}
