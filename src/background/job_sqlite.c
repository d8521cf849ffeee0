/* SPDX-License-Identifier: ISC */
/* job_sqlite - see job_sqlite.h. */
#ifdef HAVE_SQLITE
#include "background/job_sqlite.h"

#include "background/job_claim.h"
#include "background/job_clock.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LAYOUT = 1, FORGET_MAX = 1000, BUSY_MS = 2000 };

enum statement {
	BEGIN,
	COMMIT,
	ROLLBACK,
	SAME,
	ADD,
	LOOK,
	NEXT,
	TAKE,
	END,
	COUNT,
	OLDEST,
	DROP,
	DUE,
	CLOCK,
	SET,
	STATEMENTS
};

#define ENDED_BYTES "ifnull(length(CAST(result AS BLOB)), 0) + ifnull(length(reason), 0)"

static const char *const texts[STATEMENTS] = {
	[BEGIN] = "BEGIN IMMEDIATE",
	[COMMIT] = "COMMIT",
	[ROLLBACK] = "ROLLBACK",
	[SAME] = "SELECT id FROM jobs WHERE id = ?1 OR (name = ?2 AND key = ?3)",
	[ADD] = "INSERT INTO jobs (id, name, key, input, created_ms, due_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?5)",
	[LOOK] = "SELECT name, state, attempts, created_ms, started_ms, ended_ms, due_ms, result, reason"
		 " FROM jobs WHERE id = ?1",
	[NEXT] = "SELECT number, id, name, attempts, input FROM jobs"
		 " WHERE state = 0 AND due_ms <= ?1 ORDER BY due_ms, number LIMIT 1",
	[TAKE] = "UPDATE jobs SET state = 1, attempts = attempts + 1, started_ms = ?2 WHERE number = ?1",
	[END] = "UPDATE jobs SET state = ?2, due_ms = ?3, result = ?4, reason = ?5, ended_ms = ?6,"
		" attempts = attempts - ?7, input = CASE WHEN ?2 = 0 THEN input END"
		" WHERE id = ?1 AND state = 1",
	[COUNT] = "SELECT (SELECT count(*) FROM jobs WHERE state = 0), count(*), ifnull(sum(" ENDED_BYTES
		  "), 0) FROM jobs WHERE state >= 2",
	[OLDEST] = "SELECT number, ended_ms, " ENDED_BYTES
		   " FROM jobs WHERE state >= 2 ORDER BY ended_ms LIMIT 1",
	[DROP] = "DELETE FROM jobs WHERE number = ?1",
	[DUE] = "SELECT due_ms FROM jobs WHERE state = 0 ORDER BY due_ms LIMIT 1",
	[CLOCK] = "SELECT boot, steady_ms, wall_ms, store_ms FROM clock",
	[SET] = "INSERT OR REPLACE INTO clock (one, boot, steady_ms, wall_ms, store_ms) VALUES (1, ?1, ?2, "
		"?3, ?4)",
};

/* number: the order in which they came.  The key is NULL where there is none: NULLs are all different. */
static const char layout[] =
	"CREATE TABLE IF NOT EXISTS jobs (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,"
	" name TEXT NOT NULL, key TEXT, input TEXT, state INTEGER NOT NULL DEFAULT 0,"
	" attempts INTEGER NOT NULL DEFAULT 0, created_ms INTEGER NOT NULL, due_ms INTEGER NOT NULL,"
	" started_ms INTEGER, ended_ms INTEGER, result TEXT, reason TEXT, UNIQUE (name, key));"
	"CREATE INDEX IF NOT EXISTS jobs_due ON jobs (state, due_ms, number);"
	"CREATE INDEX IF NOT EXISTS jobs_ended ON jobs (ended_ms) WHERE state >= 2;"
	"CREATE TABLE IF NOT EXISTS clock (one INTEGER PRIMARY KEY, boot TEXT NOT NULL,"
	" steady_ms INTEGER NOT NULL, wall_ms INTEGER NOT NULL, store_ms INTEGER NOT NULL);"
	"PRAGMA user_version = 1;";

/* What the file holds. */
struct totals {
	uint64_t queued, ended, ended_bytes;
};

struct job_sqlite {
	char *path;
	unsigned attempts;
	const struct jobs_shm *claims; /* NULL: none */
	sqlite3 *db;
	sqlite3_stmt *statements[STATEMENTS];
	struct job_clock clock;            /* as it was last written down */
	struct totals totals, totals_then; /* now, and before the transaction */
	bool is_bad;                       /* in this transaction */
	bool is_damaged;
	char problem[BACKGROUND_REASON_MAX];
};

/* ---- Statements. */

/* What is wrong with the file, and with no file. */
static bool is_damage(int code)
{
	return (code & 0xff) == SQLITE_CORRUPT || (code & 0xff) == SQLITE_NOTADB;
}

static void explain(struct job_sqlite *s, const char *what)
{
	snprintf(s->problem, sizeof s->problem, "%s: %s", s->path, what);
}

static void note(struct job_sqlite *s, int code)
{
	if (code == SQLITE_OK || code == SQLITE_ROW || code == SQLITE_DONE)
		return;
	s->is_bad = true;
	s->is_damaged |= is_damage(code);
	explain(s, sqlite3_errmsg(s->db));
}

/* True where there is a row. */
static bool step(struct job_sqlite *s, enum statement which)
{
	int code = s->is_bad ? SQLITE_DONE : sqlite3_step(s->statements[which]);

	note(s, code);
	if (code != SQLITE_ROW)
		sqlite3_reset(s->statements[which]);
	return code == SQLITE_ROW;
}

static sqlite3_stmt *prepare(struct job_sqlite *s, enum statement which)
{
	sqlite3_reset(s->statements[which]);
	sqlite3_clear_bindings(s->statements[which]);
	return s->statements[which];
}

static void bind_text(sqlite3_stmt *statement, int at, const char *text)
{
	if (text)
		sqlite3_bind_text(statement, at, text, -1, SQLITE_TRANSIENT);
}

static const char *text_of(sqlite3_stmt *statement, int column)
{
	const char *text = (const char *)sqlite3_column_text(statement, column);

	return text ? text : "";
}

static char *copy(const char *text)
{
	char *made = strdup(text);

	if (!made)
		percore_no_memory();
	return made;
}

/* ---- Opening. */

static int check_one(void *found, int columns, char **values, char **names)
{
	(void)names;
	snprintf(found, 64, "%s", columns > 0 && values[0] ? values[0] : "");
	return 0;
}

/* is_held(ID) in a statement. */
static void answer_held(sqlite3_context *context, int count, sqlite3_value **values)
{
	const struct job_sqlite *s = sqlite3_user_data(context);
	const char *id = count == 1 ? (const char *)sqlite3_value_text(values[0]) : NULL;

	sqlite3_result_int(context, id && s->claims && job_claim_is_made(s->claims, id));
}

/* SQLITE_OK, or what is wrong. */
static int set_up(struct job_sqlite *s)
{
	char found[64] = "";
	int code = sqlite3_exec(s->db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL);

	if (code == SQLITE_OK)
		code = sqlite3_exec(s->db, "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 1000",
		                    NULL, NULL, NULL);
	if (code == SQLITE_OK)
		code = sqlite3_exec(s->db, "PRAGMA quick_check(1)", check_one, found, NULL);
	if (code == SQLITE_OK && strcmp(found, "ok") != 0)
		return SQLITE_CORRUPT;
	if (code == SQLITE_OK)
		code = sqlite3_exec(s->db, "PRAGMA user_version", check_one, found, NULL);
	if (code == SQLITE_OK && strtol(found, NULL, 10) > LAYOUT)
		return SQLITE_MISMATCH;
	if (code == SQLITE_OK)
		code = sqlite3_exec(s->db, layout, NULL, NULL, NULL);
	for (int i = 0; i < STATEMENTS && code == SQLITE_OK; i++)
		code = sqlite3_prepare_v3(s->db, texts[i], -1, SQLITE_PREPARE_PERSISTENT, &s->statements[i],
		                          NULL);
	return code;
}

static void let_go(struct job_sqlite *s)
{
	for (int i = 0; i < STATEMENTS; i++) {
		sqlite3_finalize(s->statements[i]);
		s->statements[i] = NULL;
	}
	sqlite3_close(s->db);
	s->db = NULL;
}

static int open_once(struct job_sqlite *s)
{
	int fd = open(s->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600); /* inputs may be private */

	if (fd < 0) {
		explain(s, strerror(errno));
		return SQLITE_CANTOPEN;
	}
	close(fd);
	int code = sqlite3_open_v2(s->path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	sqlite3_extended_result_codes(s->db, 1);
	sqlite3_busy_timeout(s->db, BUSY_MS); /* at a reload there are two of us for a while */
	if (code == SQLITE_OK)
		code = sqlite3_create_function(s->db, "is_held", 1, SQLITE_UTF8, s, answer_held, NULL, NULL);
	if (code == SQLITE_OK)
		code = set_up(s);
	if (code == SQLITE_OK)
		return code;
	if (code == SQLITE_MISMATCH)
		explain(s, "a later version of percore made it; name another file, or use that version");
	else
		explain(s, is_damage(code) ? "it is damaged" : sqlite3_errmsg(s->db));
	let_go(s);
	return code;
}

/* A name that no file has. */
static void name_aside(const struct job_sqlite *s, char *aside, size_t size)
{
	time_t now = time(NULL);
	char when[32];
	struct tm tm;

	gmtime_r(&now, &tm);
	strftime(when, sizeof when, "%Y%m%dT%H%M%SZ", &tm);
	snprintf(aside, size, "%s.corrupt-%s", s->path, when);
	for (unsigned i = 2; access(aside, F_OK) == 0 && i < 1000; i++)
		snprintf(aside, size, "%s.corrupt-%s-%u", s->path, when, i);
}

static bool put_aside(struct job_sqlite *s)
{
	static const char *const ends[] = { "", "-wal", "-shm" };
	char from[4096], to[4096], aside[4000];

	name_aside(s, aside, sizeof aside);
	for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
		snprintf(from, sizeof from, "%s%s", s->path, ends[i]);
		snprintf(to, sizeof to, "%s%s", aside, ends[i]);
		if (rename(from, to) != 0 && errno != ENOENT) {
			snprintf(s->problem, sizeof s->problem,
			         "%.100s: it is damaged, and cannot be put aside: %s", from, strerror(errno));
			return false;
		}
	}
	log_error("jobs %s: put aside as %s; starting with an empty one. "
	          "What can be read of it: sqlite3 %s .recover",
	          s->path, aside, aside);
	return true;
}

/* ---- The clock. */

uint64_t job_sqlite_now_ms(const struct job_sqlite *s)
{
	struct job_clock now;

	job_clock_read(&now);
	return job_clock_at(&s->clock, &now);
}

static void write_clock(struct job_sqlite *s, const struct job_clock *now)
{
	sqlite3_stmt *set = prepare(s, SET);

	bind_text(set, 1, now->boot);
	sqlite3_bind_int64(set, 2, (sqlite3_int64)now->steady_ms);
	sqlite3_bind_int64(set, 3, (sqlite3_int64)now->wall_ms);
	sqlite3_bind_int64(set, 4, (sqlite3_int64)now->store_ms);
	step(s, SET);
	if (!s->is_bad)
		s->clock = *now;
}

void job_sqlite_keep_clock(struct job_sqlite *s)
{
	struct job_clock now;

	job_clock_read(&now);
	now.store_ms = job_clock_at(&s->clock, &now);
	if (job_clock_was_set(&s->clock, &now))
		write_clock(s, &now);
}

/* Goes on from where the process before was.  What that one planned is never further away than a delay can
 * be. */
static bool take_up_clock(struct job_sqlite *s)
{
	sqlite3_stmt *clock = prepare(s, CLOCK);
	struct job_clock now;
	char text[128];

	s->is_bad = false;
	if (step(s, CLOCK)) {
		snprintf(s->clock.boot, sizeof s->clock.boot, "%s", text_of(clock, 0));
		s->clock.steady_ms = (uint64_t)sqlite3_column_int64(clock, 1);
		s->clock.wall_ms = (uint64_t)sqlite3_column_int64(clock, 2);
		s->clock.store_ms = (uint64_t)sqlite3_column_int64(clock, 3);
	}
	sqlite3_reset(clock);
	job_clock_read(&now);
	now.store_ms = job_clock_at(&s->clock, &now);
	write_clock(s, &now);
	s->clock = now;
	snprintf(text, sizeof text, "UPDATE jobs SET due_ms = %lld WHERE state = 0 AND due_ms > %lld",
	         (long long)now.store_ms + JOB_DELAY_MAX_MS, (long long)now.store_ms + JOB_DELAY_MAX_MS);
	if (!s->is_bad)
		note(s, sqlite3_exec(s->db, text, NULL, NULL, NULL));
	return !s->is_bad;
}

/* For people: by the wall clock as it is now. */
static uint64_t shown_ms(const struct job_sqlite *s, sqlite3_stmt *statement, int column)
{
	uint64_t store_ms = (uint64_t)sqlite3_column_int64(statement, column);
	struct job_clock now;

	job_clock_read(&now);
	return store_ms ? store_ms + now.wall_ms - job_clock_at(&s->clock, &now) : 0;
}

/* Also what another process did. */
static void count_all(struct job_sqlite *s)
{
	sqlite3_stmt *count = prepare(s, COUNT);

	if (step(s, COUNT))
		s->totals = (struct totals){ .queued = (uint64_t)sqlite3_column_int64(count, 0),
			                     .ended = (uint64_t)sqlite3_column_int64(count, 1),
			                     .ended_bytes = (uint64_t)sqlite3_column_int64(count, 2) };
	s->totals_then = s->totals;
	sqlite3_reset(count);
}

/* What runs and nobody holds was a dead process's: that is the parent of its runs. */
bool job_sqlite_take_up(struct job_sqlite *s)
{
	unsigned attempts = s->attempts;
	char text[512];

	s->is_bad = false;
	snprintf(text, sizeof text,
	         "UPDATE jobs SET state = CASE WHEN attempts < %u THEN 0 ELSE 3 END, due_ms = started_ms,"
	         " ended_ms = CASE WHEN attempts < %u THEN NULL ELSE %lld END,"
	         " reason = 'the process that ran it was killed' WHERE state = 1 AND NOT is_held(id);",
	         attempts, attempts, (long long)job_sqlite_now_ms(s));
	int code = sqlite3_exec(s->db, text, NULL, NULL, NULL);
	if (code == SQLITE_OK && sqlite3_changes(s->db) > 0)
		log_notice("jobs %s: %d were running when their process ended", s->path,
		           sqlite3_changes(s->db));
	note(s, code);
	count_all(s);
	return !s->is_bad;
}

struct job_sqlite *job_sqlite_open(const char *path, unsigned attempts, const struct jobs_shm *claims,
                                   char problem[BACKGROUND_REASON_MAX])
{
	struct job_sqlite *s = calloc(1, sizeof *s);

	if (!s)
		percore_no_memory();
	s->path = copy(path);
	s->attempts = attempts;
	s->claims = claims;
	int code = open_once(s);
	if (is_damage(code) && put_aside(s))
		code = open_once(s);
	if (code == SQLITE_OK && take_up_clock(s) && job_sqlite_take_up(s))
		return s;
	memcpy(problem, s->problem, sizeof s->problem);
	job_sqlite_close(s);
	return NULL;
}

void job_sqlite_close(struct job_sqlite *s)
{
	let_go(s);
	free(s->path);
	free(s);
}

const char *job_sqlite_problem(const struct job_sqlite *s)
{
	return s->problem;
}

bool job_sqlite_is_damaged(const struct job_sqlite *s)
{
	return s->is_damaged;
}

/* ---- Transactions. */

bool job_sqlite_begin(struct job_sqlite *s)
{
	s->is_bad = false;
	s->totals_then = s->totals;
	step(s, BEGIN);
	return !s->is_bad;
}

bool job_sqlite_commit(struct job_sqlite *s)
{
	step(s, COMMIT);
	if (!s->is_bad)
		return true;
	s->totals = s->totals_then;
	if (!sqlite3_get_autocommit(s->db)) {
		sqlite3_step(prepare(s, ROLLBACK));
		sqlite3_reset(s->statements[ROLLBACK]);
	}
	return false;
}

/* True, and `id` is written: it is kept already. */
static bool is_kept(struct job_sqlite *s, struct job_offer *offer)
{
	sqlite3_stmt *same = prepare(s, SAME);

	bind_text(same, 1, offer->id);
	bind_text(same, 2, offer->name);
	bind_text(same, 3, *offer->key ? offer->key : NULL);
	bool found = step(s, SAME);
	if (found)
		snprintf(offer->id, sizeof offer->id, "%s", text_of(same, 0));
	sqlite3_reset(same);
	return found;
}

enum job_verdict job_sqlite_add(struct job_sqlite *s, struct job_offer *offer, uint64_t now_ms,
                                long queue_max)
{
	if (is_kept(s, offer))
		return JOB_OK;
	if (s->totals.queued >= (uint64_t)queue_max)
		return JOB_FULL;
	sqlite3_stmt *add = prepare(s, ADD);
	bind_text(add, 1, offer->id);
	bind_text(add, 2, offer->name);
	bind_text(add, 3, *offer->key ? offer->key : NULL);
	bind_text(add, 4, offer->input);
	sqlite3_bind_int64(add, 5, (sqlite3_int64)now_ms);
	step(s, ADD);
	s->totals.queued++;
	return s->is_bad ? JOB_AWAY : JOB_OK;
}

static enum job_state state_of(int number)
{
	return number >= 0 && number < JOB_STATES ? (enum job_state)number : JOB_FAILED;
}

enum job_verdict job_sqlite_look(struct job_sqlite *s, const char *id, char **text)
{
	sqlite3_stmt *look = prepare(s, LOOK);

	bind_text(look, 1, id);
	if (!step(s, LOOK))
		return s->is_bad ? JOB_AWAY : JOB_NONE;
	const struct job_report report = { .id = id,
		                           .name = text_of(look, 0),
		                           .state = state_of(sqlite3_column_int(look, 1)),
		                           .attempts = (unsigned)sqlite3_column_int(look, 2),
		                           .created_ms = shown_ms(s, look, 3),
		                           .started_ms = shown_ms(s, look, 4),
		                           .ended_ms = shown_ms(s, look, 5),
		                           .due_ms = shown_ms(s, look, 6),
		                           .result = (const char *)sqlite3_column_text(look, 7),
		                           .reason = text_of(look, 8) };
	*text = job_report_text(&report);
	sqlite3_reset(look);
	return JOB_OK;
}

bool job_sqlite_take(struct job_sqlite *s, uint64_t now_ms, struct job_entry *entry)
{
	sqlite3_stmt *next = prepare(s, NEXT), *take = prepare(s, TAKE);

	sqlite3_bind_int64(next, 1, (sqlite3_int64)now_ms);
	if (!step(s, NEXT))
		return false;
	sqlite3_bind_int64(take, 1, sqlite3_column_int64(next, 0));
	sqlite3_bind_int64(take, 2, (sqlite3_int64)now_ms);
	snprintf(entry->id, sizeof entry->id, "%s", text_of(next, 1));
	snprintf(entry->name, sizeof entry->name, "%s", text_of(next, 2));
	entry->attempt = (unsigned)sqlite3_column_int(next, 3) + 1;
	entry->input = copy(text_of(next, 4));
	sqlite3_reset(next);
	step(s, TAKE);
	s->totals.queued--;
	return true;
}

static void count_end(struct job_sqlite *s, const struct job_end *end)
{
	uint64_t changed = s->is_bad ? 0 : (uint64_t)sqlite3_changes(s->db);

	if (end->state == JOB_QUEUED) {
		s->totals.queued += changed;
		return;
	}
	s->totals.ended += changed;
	s->totals.ended_bytes +=
		changed * ((end->result ? strlen(end->result) : 0) + (end->reason ? strlen(end->reason) : 0));
}

void job_sqlite_end(struct job_sqlite *s, const struct job_entry *entry, const struct job_end *end,
                    uint64_t now_ms)
{
	sqlite3_stmt *statement = prepare(s, END);

	bind_text(statement, 1, entry->id);
	sqlite3_bind_int(statement, 2, (int)end->state);
	sqlite3_bind_int64(statement, 3, (sqlite3_int64)now_ms + (sqlite3_int64)end->delay_ms);
	bind_text(statement, 4, end->result);
	bind_text(statement, 5, end->reason);
	if (end->state != JOB_QUEUED)
		sqlite3_bind_int64(statement, 6, (sqlite3_int64)now_ms);
	sqlite3_bind_int(statement, 7, end->uncounted);
	step(s, END);
	count_end(s, end);
}

/* ---- What has ended. */

bool job_sqlite_is_over(const struct job_sqlite *s, const struct job_bounds *bounds)
{
	return s->totals.ended > bounds->count || s->totals.ended_bytes > bounds->bytes;
}

/* False: it is to stay, or there is none. */
static bool drop_oldest(struct job_sqlite *s, const struct job_bounds *bounds)
{
	sqlite3_stmt *oldest = prepare(s, OLDEST), *drop = prepare(s, DROP);

	if (!step(s, OLDEST))
		return false;
	uint64_t ended_ms = (uint64_t)sqlite3_column_int64(oldest, 1),
		 bytes = (uint64_t)sqlite3_column_int64(oldest, 2);
	sqlite3_bind_int64(drop, 1, sqlite3_column_int64(oldest, 0));
	sqlite3_reset(oldest);
	if (ended_ms >= bounds->ended_before_ms && !job_sqlite_is_over(s, bounds))
		return false;
	step(s, DROP);
	s->totals.ended -= s->totals.ended > 0;
	s->totals.ended_bytes -= bytes < s->totals.ended_bytes ? bytes : s->totals.ended_bytes;
	return !s->is_bad;
}

void job_sqlite_forget(struct job_sqlite *s, const struct job_bounds *bounds)
{
	for (int i = 0; i < FORGET_MAX && drop_oldest(s, bounds); i++)
		;
}

uint64_t job_sqlite_queued(const struct job_sqlite *s)
{
	return s->totals.queued;
}

uint64_t job_sqlite_next_ms(struct job_sqlite *s)
{
	sqlite3_stmt *due = prepare(s, DUE);

	s->is_bad = false;
	uint64_t due_ms = step(s, DUE) ? (uint64_t)sqlite3_column_int64(due, 0) : UINT64_MAX;
	sqlite3_reset(due);
	return due_ms;
}
#endif
