/* SPDX-License-Identifier: ISC */
/* options - see options.h.  The file is read by libinih, the command line by getopt_long. */
#include "base/options.h"

#include "base/log.h"
#include "base/quantity.h"
#include "base/redis_url.h"

#include <errno.h>
#include <getopt.h>
#include <ini.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LONG_BASE = 256, WHERE_MAX = 512 };

/* A value read, not yet set. */
struct draft {
	int64_t number;
	const char *text;
	struct option_list list;
	bool in_file, in_flags;
};

/* Texts and lists that were read; all stay until options_free, since older values may still be in use. */
struct kept {
	struct kept *next;
	max_align_t memory[];
};

struct options {
	const char *program, *version;
	const struct option_spec *specs;
	size_t count;
	bool (*check)(void *context);
	void *context;
	struct draft *drafts;
	struct draft *initial; /* the defaults */
	struct draft *before;  /* what held when the parse began */
	struct kept *kept;
	const char *file;
	unsigned line;
	bool line_is_long, file_is_wrong;
	bool only_test, print;
};

static bool is_number_kind(enum option_kind kind)
{
	return kind != OPTION_TEXT && kind != OPTION_URL && kind != OPTION_LIST && kind != OPTION_FLAG;
}

/* What may be printed of a value: a URL without its password. */
static const char *public(const char *text)
{
	static char shown[REDIS_URL_SHOWN_MAX];

	if (!redis_url_is_meant(text))
		return text;
	redis_url_print(text, shown, sizeof shown);
	return shown;
}

static struct draft current(const struct option_spec *spec)
{
	if (spec->kind == OPTION_FLAG)
		return (struct draft){ .number = *(bool *)spec->value };
	if (is_number_kind(spec->kind))
		return (struct draft){ .number = *(int64_t *)spec->value };
	if (spec->kind == OPTION_TEXT || spec->kind == OPTION_URL)
		return (struct draft){ .text = *(const char **)spec->value };
	return (struct draft){ .list = *(struct option_list *)spec->value };
}

struct options *options_new(const char *program, const char *version, const struct option_spec *specs,
                            size_t count, bool (*check)(void *context), void *context)
{
	struct options *options = calloc(1, sizeof *options);

	if (!options)
		return NULL;
	*options = (struct options){ .program = program,
		                     .version = version,
		                     .specs = specs,
		                     .count = count,
		                     .check = check,
		                     .context = context };
	options->drafts = calloc(count, sizeof *options->drafts);
	options->initial = calloc(count, sizeof *options->initial);
	options->before = calloc(count, sizeof *options->before);
	if (!options->drafts || !options->initial || !options->before) {
		options_free(options);
		return NULL;
	}
	for (size_t i = 0; i < count; i++)
		options->initial[i] = current(&specs[i]);
	return options;
}

void options_free(struct options *options)
{
	if (!options)
		return;
	for (struct kept *kept; (kept = options->kept);) {
		options->kept = kept->next;
		free(kept);
	}
	free(options->drafts);
	free(options->initial);
	free(options->before);
	free(options);
}

const char *options_file(const struct options *options)
{
	return options->file;
}

/* What a value must be, in words. */
static void describe(const struct option_spec *spec, char *words, size_t size)
{
	char least[32], most[32];

	quantity_print(spec->kind == OPTION_SIZE ? QUANTITY_BYTES : QUANTITY_TIME, spec->min, least,
	               sizeof least);
	quantity_print(spec->kind == OPTION_SIZE ? QUANTITY_BYTES : QUANTITY_TIME, spec->max, most,
	               sizeof most);
	switch (spec->kind) {
	case OPTION_SIZE:
		snprintf(words, size, "a size from %s to %s, as 512, 64k, 64m or 1g", least, most);
		break;
	case OPTION_TIME:
		snprintf(words, size, "a time from %s to %s, as 500ms, 30s or 2m", least, most);
		break;
	case OPTION_FLAG:
		snprintf(words, size, "yes or no");
		break;
	default:
		snprintf(words, size, "a whole number from %" PRId64 " to %" PRId64 "%s", spec->min,
		         spec->max, spec->kind == OPTION_AUTO ? ", or auto" : "");
	}
}

static bool read_flag(const char *text, int64_t *number)
{
	*number = strcmp(text, "yes") == 0;
	return *number || strcmp(text, "no") == 0;
}

static bool read_number(const struct option_spec *spec, const char *text, int64_t *number)
{
	if (spec->kind == OPTION_FLAG)
		return read_flag(text, number);
	if (spec->kind == OPTION_AUTO && strcmp(text, "auto") == 0) {
		*number = -1;
		return true;
	}
	enum quantity quantity = spec->kind == OPTION_SIZE   ? QUANTITY_BYTES
	                         : spec->kind == OPTION_TIME ? QUANTITY_TIME
	                                                     : QUANTITY_NUMBER;
	return quantity_parse(quantity, text, number) && *number >= spec->min && *number <= spec->max;
}

static void *keep(struct options *options, size_t size)
{
	struct kept *kept = malloc(sizeof *kept + size);

	if (!kept)
		return NULL;
	kept->next = options->kept;
	options->kept = kept;
	return kept->memory;
}

static bool append(struct options *options, struct option_list *list, const char *text)
{
	const char **items = keep(options, (list->count + 1) * sizeof *items);

	if (!items)
		return false;
	if (list->count > 0)
		memcpy(items, list->items, list->count * sizeof *items);
	items[list->count] = text;
	*list = (struct option_list){ items, list->count + 1, list->wrong };
	return true;
}

/* Takes one value into the draft; says what is wrong with it, after `where`. */
static bool take(struct options *options, size_t i, const char *text, const char *where)
{
	const struct option_spec *spec = &options->specs[i];
	struct draft *draft = &options->drafts[i];
	char words[160];

	if (is_number_kind(spec->kind) || spec->kind == OPTION_FLAG) {
		if (read_number(spec, text, &draft->number))
			return true;
		describe(spec, words, sizeof words);
		log_error("%s %s: must be %s", where, text, words);
		return false;
	}
	const char *wrong = spec->kind == OPTION_LIST && draft->list.wrong ? draft->list.wrong(text) : NULL;
	if (wrong) {
		log_error("%s %s: %s", where, text, wrong);
		return false;
	}
	char *copy = keep(options, strlen(text) + 1); /* NOLINT: each option requires its argument */
	if (!copy || (spec->kind == OPTION_LIST && !append(options, &draft->list, copy))) {
		log_error("%s: no memory", where);
		return false;
	}
	draft->text = strcpy(copy, text);
	return true;
}

/* ---- The file. */

/* libinih cuts lines of 200 bytes in two without a word, so they are refused here; and it counts no lines for
 * us. */
static char *read_line(char *line, int size, void *stream)
{
	struct options *options = ((void **)stream)[1];

	if (options->line_is_long || !fgets(line, size, ((void **)stream)[0]))
		return NULL; /* after a long line: options->line is to stay at it */
	options->line++;
	if (!strchr(line, '\n') && (int)strlen(line) == size - 1)
		options->line_is_long = true;
	return line;
}

static int take_pair(void *user, const char *section, const char *name, const char *text)
{
	struct options *options = user;
	char where[WHERE_MAX];
	size_t i = 0;

	if (options->file_is_wrong || options->line_is_long)
		return 0;
	options->file_is_wrong = true;
	if (*section && strcmp(section, options->program) != 0) {
		log_error("%s:%u: section [%s]: the only one is [%s]", options->file, options->line, section,
		          options->program);
		return 0;
	}
	while (i < options->count && strcmp(options->specs[i].name, name) != 0)
		i++;
	if (i == options->count) {
		log_error("%s:%u: %s: no such option; %s --help lists them", options->file, options->line,
		          name, options->program);
		return 0;
	}
	snprintf(where, sizeof where, "%s:%u: %s =", options->file, options->line, name);
	struct draft *draft = &options->drafts[i];
	if (draft->in_file && options->specs[i].kind != OPTION_LIST) {
		log_error("%s %s: it is given twice; keep one", where,
		          options->specs[i].kind == OPTION_URL ? public(text) : text);
		return 0;
	}
	if (!draft->in_file && options->specs[i].kind == OPTION_LIST)
		draft->list = (struct option_list){ .wrong = draft->list.wrong };
	draft->in_file = true;
	options->file_is_wrong = !take(options, i, text, where);
	return !options->file_is_wrong;
}

static bool read_file(struct options *options)
{
	void *stream[2] = { fopen(options->file, "re"), options };

	options->line = 0;
	options->line_is_long = options->file_is_wrong = false;
	if (!stream[0]) {
		log_error("-c %s: %s", options->file, strerror(errno));
		return false;
	}
	int wrong = ini_parse_stream(read_line, stream, take_pair, options);
	fclose(stream[0]);
	if (options->line_is_long)
		log_error("%s:%u: the line is longer than %d bytes; shorten it", options->file, options->line,
		          INI_MAX_LINE - 2);
	else if (wrong && !options->file_is_wrong)
		log_error("%s:%d: not of the form NAME = VALUE", options->file, wrong);
	return !wrong && !options->line_is_long && !options->file_is_wrong;
}

/* ---- The command line. */

static void help(const struct options *options)
{
	const char *name = options->program;

	printf("usage: spawn-fcgi -n -s SOCKET -M 0660 -- %s [options]\n"
	       "   or: %s --listen unix:PATH|ADDRESS:PORT [options]\n\n"
	       "  -c FILE  read these options from an INI file, as NAME = VALUE\n"
	       "  -t       check the options and the file, then exit\n"
	       "  -T       the same, and print what holds\n\n",
	       name, name);
	for (size_t i = 0; i < options->count; i++) {
		char left[64];
		snprintf(left, sizeof left, "--%s %s", options->specs[i].name, options->specs[i].argument);
		printf("  %-28s %s\n", left, options->specs[i].help);
	}
	printf("  %-28s %s\n  %-28s %s\n", "--help", "this text", "--version", "the version");
}

/* One row a spec, then help and version, then the end. */
static struct option *long_options(const struct options *options)
{
	struct option *longs = calloc(options->count + 3, sizeof *longs);

	if (!longs)
		return NULL;
	for (size_t i = 0; i < options->count; i++)
		longs[i] = (struct option){ options->specs[i].name, required_argument, NULL,
			                    LONG_BASE + (int)i };
	longs[options->count] = (struct option){ "help", no_argument, NULL, 'h' };
	longs[options->count + 1] = (struct option){ "version", no_argument, NULL, 'V' };
	return longs;
}

static bool take_flag(struct options *options, size_t i, const char *text)
{
	struct draft *draft = &options->drafts[i];
	char where[WHERE_MAX];

	if (!draft->in_flags && options->specs[i].kind == OPTION_LIST)
		draft->list = (struct option_list){ .wrong = draft->list.wrong };
	draft->in_flags = true;
	snprintf(where, sizeof where, "--%s", options->specs[i].name);
	return take(options, i, text, where);
}

/* Not getopt's own words, which the : before its letters stops: they repeat all of NAME=VALUE, and so a
 * password. */
static enum options_verdict refuse(const struct options *options, int c, const char *word)
{
	bool is_long = strncmp(word, "--", 2) == 0;
	const char *wrong = c == ':'   ? "its value is missing"
	                    : !is_long ? "no such option"
	                    : optopt   ? "it takes no value"
	                               : "no such option, or several begin so";

	if (is_long)
		log_error("%.*s: %s", (int)strcspn(word, "="), word, wrong);
	else
		log_error("-%c: %s", optopt, wrong);
	log_error("see: %s --help", options->program);
	return OPTIONS_USAGE;
}

/* The first walk looks for -c and what needs no values; the second takes the values, over the file's. */
static enum options_verdict walk(struct options *options, const struct option *longs, int argc, char **argv,
                                 bool values)
{
	optind = 0; /* start anew: glibc's way */
	for (int c; (c = getopt_long(argc, argv, ":c:tT", longs, NULL)) != -1;) {
		if (c == 'h' && !values) {
			help(options);
			return OPTIONS_DONE;
		}
		if (c == 'V' && !values) {
			printf("%s %s\n", options->program, options->version);
			return OPTIONS_DONE;
		}
		if (c == '?' || c == ':')
			return refuse(options, c, argv[optind - 1]);
		if (c == 'c')
			options->file = optarg;
		options->only_test |= c == 't' || c == 'T';
		options->print |= c == 'T';
		if (values && c >= LONG_BASE && !take_flag(options, (size_t)(c - LONG_BASE), optarg))
			return OPTIONS_USAGE;
	}
	if (optind < argc) {
		log_error("%s: no such argument; options start with --", public(argv[optind]));
		return OPTIONS_USAGE;
	}
	return OPTIONS_SERVE;
}

static void set_all(const struct options *options, const struct draft *values)
{
	for (size_t i = 0; i < options->count; i++) {
		const struct option_spec *spec = &options->specs[i];
		const struct draft *draft = &values[i];
		if (spec->kind == OPTION_FLAG)
			*(bool *)spec->value = draft->number != 0;
		else if (is_number_kind(spec->kind))
			*(int64_t *)spec->value = draft->number;
		else if (spec->kind == OPTION_TEXT || spec->kind == OPTION_URL)
			*(const char **)spec->value = draft->text;
		else
			*(struct option_list *)spec->value = draft->list;
	}
}

void options_reset(struct options *options)
{
	set_all(options, options->initial);
}

/* All or nothing. */
static bool commit(const struct options *options)
{
	for (size_t i = 0; i < options->count; i++)
		options->before[i] = current(&options->specs[i]);
	set_all(options, options->drafts);
	if (options->check(options->context))
		return true;
	set_all(options, options->before);
	return false;
}

static void print_one(const struct option_spec *spec, const struct draft *draft)
{
	char text[32];

	switch (spec->kind) {
	case OPTION_LIST:
		for (size_t i = 0; i < draft->list.count; i++)
			printf("%s = %s\n", spec->name, draft->list.items[i]);
		return;
	case OPTION_TEXT:
	case OPTION_URL:
		printf("%s%s = %s\n", draft->text ? "" : "; ", spec->name,
		       !draft->text               ? ""
		       : spec->kind == OPTION_URL ? public(draft->text)
		                                  : draft->text);
		return;
	case OPTION_FLAG:
		printf("%s = %s\n", spec->name, draft->number ? "yes" : "no");
		return;
	case OPTION_AUTO:
		if (draft->number < 0) {
			printf("%s = auto\n", spec->name);
			return;
		}
		break;
	default:
		break;
	}
	quantity_print(spec->kind == OPTION_SIZE   ? QUANTITY_BYTES
	               : spec->kind == OPTION_TIME ? QUANTITY_TIME
	                                           : QUANTITY_NUMBER,
	               draft->number, text, sizeof text);
	printf("%s = %s\n", spec->name, text);
}

static enum options_verdict tell_and_end(const struct options *options)
{
	if (options->print)
		for (size_t i = 0; i < options->count; i++)
			print_one(&options->specs[i], &options->drafts[i]);
	log_notice("the %s good", options->file ? "options and the file are" : "options are");
	return OPTIONS_DONE;
}

enum options_verdict options_parse(struct options *options, int argc, char **argv)
{
	struct option *longs = long_options(options);

	if (!longs)
		return OPTIONS_USAGE;
	options->file = NULL;
	options->only_test = options->print = false;
	memcpy(options->drafts, options->initial, options->count * sizeof *options->drafts);
	enum options_verdict verdict = walk(options, longs, argc, argv, false);
	if (verdict == OPTIONS_SERVE && options->file && !read_file(options))
		verdict = OPTIONS_CONFIG;
	if (verdict == OPTIONS_SERVE)
		verdict = walk(options, longs, argc, argv, true);
	free(longs);
	if (verdict == OPTIONS_SERVE && !commit(options))
		verdict = options->file ? OPTIONS_CONFIG : OPTIONS_USAGE;
	if (verdict == OPTIONS_SERVE && options->only_test)
		return tell_and_end(options);
	return verdict;
}
