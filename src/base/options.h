/* SPDX-License-Identifier: ISC */
/*
 * options - one table of options, which the command line and the INI file share.
 *
 * --NAME VALUE on the command line is NAME = VALUE in the file that -c names; the
 * command line wins.  Nothing is set unless everything is good, so a file that
 * is read again and found wrong leaves what held before.
 */
#ifndef PERCORE_OPTIONS_H
#define PERCORE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum option_kind {
	OPTION_NUMBER, /* int64_t */
	OPTION_AUTO,   /* int64_t, or "auto": -1 */
	OPTION_SIZE,   /* int64_t, in bytes: 64k, 64m, 1g */
	OPTION_TIME,   /* int64_t, in milliseconds: 500ms, 30s, 2m, 1h; a bare number is in seconds */
	OPTION_FLAG,   /* bool: yes or no */
	OPTION_TEXT,   /* const char * */
	OPTION_URL,    /* const char *, printed without the password: redis_url.h */
	OPTION_LIST,   /* struct option_list: may be given again and again */
};

struct option_list {
	const char **items;
	size_t count;
	const char *(*wrong)(const char *item); /* NULL, or what is wrong with an item; NULL: all are good */
};

struct option_spec {
	const char *name;
	enum option_kind kind;
	void *value; /* holds the default until options_parse sets it */
	int64_t min, max;
	const char *argument; /* for the help: "SECONDS" */
	const char *help;
};

enum options_verdict {
	OPTIONS_SERVE,  /* all is set */
	OPTIONS_DONE,   /* --help, --version, -t or -T: answered; exit 0 */
	OPTIONS_USAGE,  /* wrong command line, said on stderr: exit 64 */
	OPTIONS_CONFIG, /* wrong file, said on stderr: exit 78 */
};

struct options;

/*
 * `specs`, `program` and `version` are lent for ever.  `check`, called when each value
 * is good by itself, says what is wrong with them together; then nothing is set.
 * NULL: no memory.
 */
struct options *options_new(const char *program, const char *version, const struct option_spec *specs,
                            size_t count, bool (*check)(void *context), void *context);
/* Puts the defaults back, for who goes on after options_free. */
void options_reset(struct options *options);
void options_free(struct options *options); /* and the texts and lists that it set */

/* The file that -c named at the last parse; NULL: none. */
const char *options_file(const struct options *options);

/* May be called again, with the same arguments, to read the file anew. */
enum options_verdict options_parse(struct options *options, int argc, char **argv);

#endif
