/* SPDX-License-Identifier: ISC */
/*
 * contacts - an address book in a SQLite file: /contacts and /contacts/{id}; what they take and give is at
 * /openapi.json, and for people at /api.
 *
 * The tables say what a document looks like.  What does not fit is answered 422 with every fault, so
 * the handlers see none.
 */
#include <percore.h>

#include <libgen.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind { HOME, WORK, OTHER };
static const char *const kinds[] = { "home", "work", "other", NULL };

struct email {
	const char *address;
	enum kind kind;
};
static const struct percore_field email_fields[] = {
	{ PERCORE_FIELD(struct email, address), .length = { 3, 254 }, .pattern = "^[^@\\s]+@[^@\\s]+$" },
	{ PERCORE_FIELD(struct email, kind), .values = kinds },
	{ 0 },
};
static const struct percore_shape email_shape = { .name = "Email", .fields = email_fields };

struct address {
	const char *street, *city, *country;
};
static const struct percore_field address_fields[] = {
	{ PERCORE_FIELD(struct address, street), .length = { 1, 200 } },
	{ PERCORE_FIELD(struct address, city), .length = { 1, 100 } },
	{ PERCORE_FIELD(struct address, country), .pattern = "^[A-Z]{2}$", .description = "ISO 3166: DE" },
	{ 0 },
};
static const struct percore_shape address_shape = { .name = "Address", .fields = address_fields };

struct contact {
	int64_t id;
	const char *name, *phone;
	int16_t birth_year;
	bool has_birth_year, has_height, has_address, is_favourite;
	double height_m;
	enum kind kind;
	struct address address;
	PERCORE_ITEMS(const char *) tags;
	PERCORE_ITEMS(struct email) emails;
};
static const struct percore_field contact_fields[] = {
	{ PERCORE_FIELD(struct contact, id), .is_read_only = true },
	{ PERCORE_FIELD(struct contact, name), .length = { 1, 100 } },
	{ PERCORE_FIELD(struct contact, phone), .pattern = "^\\+?[0-9 ]{3,20}$", .is_optional = true },
	{ PERCORE_FIELD(struct contact, birth_year), .range = { 1850, 2100 },
	  PERCORE_GIVEN(struct contact, has_birth_year) },
	{ PERCORE_FIELD(struct contact, height_m), .range = { 0, 3 },
	  PERCORE_GIVEN(struct contact, has_height) },
	{ PERCORE_FIELD(struct contact, is_favourite), .name = "favourite", .is_optional = true },
	{ PERCORE_FIELD(struct contact, kind), .values = kinds },
	{ PERCORE_FIELD(struct contact, address), .shape = &address_shape,
	  PERCORE_GIVEN(struct contact, has_address) },
	{ PERCORE_ARRAY(struct contact, tags), .count = { 0, 20 }, .length = { 1, 30 }, .is_optional = true },
	{ PERCORE_ARRAY(struct contact, emails), .count = { 1, 5 }, .shape = &email_shape },
	{ 0 },
};
static const struct percore_shape contact_shape = { .name = "Contact", .fields = contact_fields };

struct list {
	PERCORE_ITEMS(struct contact) contacts;
};
static const struct percore_field list_fields[] = {
	{ PERCORE_ARRAY(struct list, contacts), .shape = &contact_shape },
	{ 0 },
};
static const struct percore_shape list_shape = { .name = "ContactList", .fields = list_fields };

static const char *file = "contacts.db";
static sqlite3 *database; /* of each worker */

static bool open_database(void *arg)
{
	static const char table[] =
		"CREATE TABLE IF NOT EXISTS contact (id INTEGER PRIMARY KEY, document TEXT)";
	char directory[4096];

	(void)arg;
	snprintf(directory, sizeof directory, "%s", file);
	percore_allow_write(dirname(directory)); /* under --sandbox; SQLite makes a journal beside the file */
	return sqlite3_open(file, &database) == SQLITE_OK &&
	       sqlite3_busy_timeout(database, 5000) == SQLITE_OK &&
	       sqlite3_exec(database, table, NULL, NULL, NULL) == SQLITE_OK;
}

/* The text in the one row of `sql`: ?1 is {id}, ?2 the document.  NULL, and answered: there is none. */
static const char *ask(struct percore_request *request, const char *sql, const char *document)
{
	const char *text = NULL, *id = percore_path_value(request, "id");
	sqlite3_stmt *statement;
	bool failed = sqlite3_prepare_v2(database, sql, -1, &statement, NULL) != SQLITE_OK;

	sqlite3_bind_text(statement, 1, id, -1, SQLITE_STATIC);
	sqlite3_bind_text(statement, 2, document, -1, SQLITE_STATIC);
	if (sqlite3_step(statement) == SQLITE_ROW)
		text = percore_format(request, "%s", (const char *)sqlite3_column_text(statement, 0));
	if (text)
		sqlite3_step(statement); /* it is on disk then */
	failed |= sqlite3_finalize(statement) != SQLITE_OK;
	if (failed) {
		percore_log(request, PERCORE_LOG_ERROR, "%s: %s", file, sqlite3_errmsg(database));
		percore_answer_problem(request, 500, NULL);
	} else if (!text) {
		percore_answer_problem(request, 404, "There is no such contact.");
	}
	return failed ? NULL : text;
}

/* POST and PUT: what was sent, with its id. */
static void keep(struct percore_request *request)
{
	bool is_new = !percore_path_value(request, "id");
	struct contact contact;

	if (!percore_body_shape(request, &contact_shape, &contact))
		return; /* 400, 413, 415 or 422 is answered */
	json_object *json = percore_shape_json(&contact_shape, &contact);
	const char *id = ask(request,
	                     is_new ? "INSERT INTO contact (document) VALUES (?2) RETURNING id"
	                            : "UPDATE contact SET document = ?2 WHERE id = ?1 RETURNING id",
	                     json_object_to_json_string(json));
	json_object_put(json);
	if (!id)
		return;
	contact.id = strtoll(id, NULL, 10);
	percore_answer_shape(request, is_new ? 201 : 200, &contact_shape, &contact);
}

static void get(struct percore_request *request)
{
	const char *text = ask(request, percore_arg(request), NULL);

	if (text)
		percore_answer_bytes(request, 200, "application/json", text, strlen(text));
}

static void remove_one(struct percore_request *request)
{
	if (ask(request, "DELETE FROM contact WHERE id = ?1 RETURNING id", NULL))
		percore_answer_empty(request);
}

static char get_one[] = "SELECT json_set(document, '$.id', id) FROM contact WHERE id = ?1";
static char get_all[] = "SELECT json_object('contacts', json_group_array(json_set(document, '$.id', id)))"
			" FROM (SELECT * FROM contact LIMIT 1000)";

static const struct percore_route routes[] = {
	{ .pattern = "/contacts",
	  .handler = get,
	  .arg = get_all,
	  .summary = "All contacts",
	  .gives = &list_shape },
	{ .method = "POST",
	  .pattern = "/contacts",
	  .handler = keep,
	  .summary = "Add a contact",
	  .takes = &contact_shape,
	  .gives = &contact_shape },
	{ .pattern = "/contacts/{id}",
	  .handler = get,
	  .arg = get_one,
	  .summary = "A contact",
	  .gives = &contact_shape },
	{ .method = "PUT",
	  .pattern = "/contacts/{id}",
	  .handler = keep,
	  .summary = "Change a contact",
	  .takes = &contact_shape,
	  .gives = &contact_shape },
	{ .method = "DELETE",
	  .pattern = "/contacts/{id}",
	  .handler = remove_one,
	  .summary = "Remove a contact" },
	{ 0 },
};

int main(int argc, char **argv)
{
	struct percore_app *app = percore_app_new("contacts", "1");

	percore_add_text(app, "database", &file, "SQLite file of the contacts");
	percore_on_worker(app, open_database, NULL, NULL);
	percore_add_routes(app, routes);
	percore_add_openapi(app, &(struct percore_openapi){ .pattern = "/openapi.json", .page = "/api" });
	return percore_run(app, argc, argv);
}
