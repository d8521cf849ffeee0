/* SPDX-License-Identifier: ISC */
/*
 * ordinary_postgresql - POST /count adds 1 to a row of the database --postgresql, in a transaction that locks
 * it.
 */
#include "ordinary.h"

#include <libpq-fe.h>

static const char *database = "";
static PGconn *connection;

static bool run(const char *sql)
{
	PGresult *result = PQexec(connection, sql);
	bool is_done = PQresultStatus(result) == PGRES_COMMAND_OK;

	if (!is_done)
		percore_log(NULL, PERCORE_LOG_ERROR, "%s: %s", sql, PQerrorMessage(connection));
	PQclear(result);
	return is_done;
}

/* ?signal= comes while the row is locked. */
static void count(struct percore_request *request)
{
	bool is_done = run("BEGIN") && run("UPDATE counter SET n = n + 1 WHERE id = 1");

	raise_if_asked(request);
	if (is_done && run("COMMIT")) {
		percore_answer_empty(request);
		return;
	}
	run("ROLLBACK");
	percore_answer_problem(request, 503, NULL);
}

bool postgresql_start(void)
{
	if (!*database)
		return true;
	connection = PQconnectdb(database);
	if (PQstatus(connection) == CONNECTION_OK)
		return true;
	percore_log(NULL, PERCORE_LOG_ERROR, "%s", PQerrorMessage(connection));
	return false;
}

void postgresql_stop(void)
{
	PQfinish(connection);
}

void postgresql_add(struct percore_app *app)
{
	percore_add_text(app, "postgresql", &database, "database of the counter");
	percore_add_route(app,
	                  &(struct percore_route){ .method = "POST", .pattern = "/count", .handler = count });
}
