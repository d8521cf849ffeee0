/* SPDX-License-Identifier: ISC */
/* One table of options for the command line and the INI file; what is wrong is said with its place. */
#include "base/options.h"
#include "service/settings_table.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct values {
	int64_t number, automatic, size, time;
	bool flag;
	const char *text, *url;
	struct option_list list;
};

static struct values v;
static struct options *options;
static char said[8192], printed[8192]; /* on stderr, on stdout */

static const struct option_spec specs[] = {
	{ "number", OPTION_NUMBER, &v.number, 0, 100, "NUMBER", "a number" },
	{ "auto", OPTION_AUTO, &v.automatic, 0, 64, "NUMBER", "a number or auto" },
	{ "size", OPTION_SIZE, &v.size, 0, 1L << 30, "SIZE", "a size" },
	{ "time", OPTION_TIME, &v.time, 1000, 60000, "TIME", "a time" },
	{ "flag", OPTION_FLAG, &v.flag, 0, 0, "YES|NO", "a flag" },
	{ "text", OPTION_TEXT, &v.text, 0, 0, "TEXT", "a text" },
	{ "url", OPTION_URL, &v.url, 0, 0, "URL", "a URL" },
	{ "list", OPTION_LIST, &v.list, 0, 0, "ITEM", "a list" },
};

static bool is_odd_refused;

static bool check(void *context)
{
	(void)context;
	return !is_odd_refused || v.number % 2 == 0;
}

static void make(void)
{
	static const char *items[] = { "default" };

	options_free(options);
	v = (struct values){ 1, -1, 1024, 30000, false, "word", "file", { .items = items, .count = 1 } };
	options = options_new("demo", "1.2", specs, sizeof specs / sizeof specs[0], check, NULL);
	ck_assert_ptr_nonnull(options);
}

static int redirect(int fd, FILE *file)
{
	int before = dup(fd);

	fflush(NULL);
	dup2(fileno(file), fd);
	return before;
}

static void restore(int fd, int before, FILE *file, char *text, size_t size)
{
	fflush(NULL);
	dup2(before, fd);
	close(before);
	rewind(file);
	text[fread(text, 1, size - 1, file)] = '\0';
	fclose(file);
}

/* The words of a command line, parted by blanks. */
static enum options_verdict parse(const char *line)
{
	static char words[512];
	char *argv[32] = { "demo" };
	int argc = 1;

	snprintf(words, sizeof words, "%s", line);
	for (char *word = strtok(words, " "); word; word = strtok(NULL, " "))
		argv[argc++] = word;
	FILE *out = tmpfile(), *err = tmpfile();
	int before_out = redirect(STDOUT_FILENO, out), before_err = redirect(STDERR_FILENO, err);
	enum options_verdict verdict = options_parse(options, argc, argv);
	restore(STDOUT_FILENO, before_out, out, printed, sizeof printed);
	restore(STDERR_FILENO, before_err, err, said, sizeof said);
	return verdict;
}

/* With -c of a file that holds the text. */
static enum options_verdict parse_file(const char *text, const char *flags)
{
	char path[] = "/tmp/percore-options-XXXXXX", line[256];
	int fd = mkstemp(path);

	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	snprintf(line, sizeof line, "-c %s %s", path, flags);
	enum options_verdict verdict = parse(line);
	unlink(path);
	return verdict;
}

#define ck_assert_said(words) ck_assert_msg(strstr(said, words) != NULL, "said: %s", said)

START_TEST(every_kind_is_read_from_flags)
{
	make();
	ck_assert_int_eq(parse("--number 17 --auto 4 --size 64k --time 2s --flag yes --text=a --list b"),
	                 OPTIONS_SERVE);
	ck_assert_int_eq(v.number, 17);
	ck_assert_int_eq(v.automatic, 4);
	ck_assert_int_eq(v.size, 65536);
	ck_assert_int_eq(v.time, 2000);
	ck_assert(v.flag);
	ck_assert_str_eq(v.text, "a");
	ck_assert_uint_eq(v.list.count, 1);
	ck_assert_str_eq(v.list.items[0], "b");
	ck_assert_str_eq(said, "");
}
END_TEST

START_TEST(every_kind_is_read_from_a_file)
{
	make();
	ck_assert_int_eq(parse_file("; a comment\n[demo]\nnumber = 17\nauto=auto\nsize = 64k\n\ntime = 2s\n"
	                            "flag = yes\ntext = a b\nlist = x\nlist = y\n",
	                            ""),
	                 OPTIONS_SERVE);
	ck_assert_int_eq(v.number, 17);
	ck_assert_int_eq(v.automatic, -1);
	ck_assert_int_eq(v.size, 65536);
	ck_assert_int_eq(v.time, 2000);
	ck_assert(v.flag);
	ck_assert_str_eq(v.text, "a b");
	ck_assert_uint_eq(v.list.count, 2);
	ck_assert_str_eq(v.list.items[1], "y");
}
END_TEST

START_TEST(what_is_not_given_keeps_its_default)
{
	make();
	ck_assert_int_eq(parse(""), OPTIONS_SERVE);
	ck_assert_int_eq(v.number, 1);
	ck_assert_str_eq(v.text, "word");
	ck_assert_uint_eq(v.list.count, 1);
	ck_assert_str_eq(v.list.items[0], "default");
}
END_TEST

START_TEST(flags_win_over_the_file)
{
	make();
	ck_assert_int_eq(parse_file("number = 1\nlist = a\nlist = b\ntext = c\n", "--number 2 --list d"),
	                 OPTIONS_SERVE);
	ck_assert_int_eq(v.number, 2);
	ck_assert_uint_eq(v.list.count, 1);
	ck_assert_str_eq(v.list.items[0], "d");
	ck_assert_str_eq(v.text, "c");
}
END_TEST

START_TEST(indented_lines_go_on_with_a_list)
{
	make();
	ck_assert_int_eq(parse_file("list = a\n  b\n  c\n", ""), OPTIONS_SERVE);
	ck_assert_uint_eq(v.list.count, 3);
	ck_assert_str_eq(v.list.items[2], "c");
}
END_TEST

START_TEST(mistake_in_a_file_names_its_line)
{
	make();
	ck_assert_int_eq(parse_file("number = 1\n\nnumbr = 2\n", ""), OPTIONS_CONFIG);
	ck_assert_said(":3: numbr: no such option; demo --help lists them");
	ck_assert_int_eq(parse_file("\nnumber = 101\n", ""), OPTIONS_CONFIG);
	ck_assert_said(":2: number = 101: must be a whole number from 0 to 100");
	ck_assert_int_eq(parse_file("time = 30\ntime = 40\n", ""), OPTIONS_CONFIG);
	ck_assert_said(":2: time = 40: it is given twice");
	ck_assert_int_eq(parse_file("\n\nno equals sign\n", ""), OPTIONS_CONFIG);
	ck_assert_said(":3: not of the form NAME = VALUE");
	ck_assert_int_eq(parse_file("[demo]\nnumber = 1\n[other]\nsize = 1\n", ""), OPTIONS_CONFIG);
	ck_assert_said(":4: section [other]: the only one is [demo]");
}
END_TEST

START_TEST(what_each_kind_takes_is_said)
{
	static const char *const wrong[][2] = {
		{ "--number x", "--number x: must be a whole number from 0 to 100" },
		{ "--auto 65", "--auto 65: must be a whole number from 0 to 64, or auto" },
		{ "--size 2g", "--size 2g: must be a size from 0 to 1g" },
		{ "--time 999ms", "--time 999ms: must be a time from 1s to 1m" },
		{ "--flag 1", "--flag 1: must be yes or no" },
	};

	make();
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		ck_assert_int_eq(parse(wrong[i][0]), OPTIONS_USAGE);
		ck_assert_said(wrong[i][1]);
	}
}
END_TEST

START_TEST(line_that_is_too_long_is_refused_not_cut)
{
	char text[400] = "number = 1\ntext = ";

	make();
	memset(text + strlen(text), 'x', 300);
	strcat(text, "\nsize = 1\nsize = 2\n");
	ck_assert_int_eq(parse_file(text, ""), OPTIONS_CONFIG);
	ck_assert_said(":2: the line is longer than 198 bytes");
	ck_assert_str_eq(v.text, "word");
}
END_TEST

START_TEST(line_of_198_bytes_is_whole)
{
	char text[400] = "text = ";

	make();
	memset(text + 7, 'x', 198 - 7);
	strcat(text, "\n");
	ck_assert_int_eq(parse_file(text, ""), OPTIONS_SERVE);
	ck_assert_uint_eq(strlen(v.text), 198 - 7);
}
END_TEST

START_TEST(last_line_needs_no_newline)
{
	make();
	ck_assert_int_eq(parse_file("number = 17", ""), OPTIONS_SERVE);
	ck_assert_int_eq(v.number, 17);
}
END_TEST

START_TEST(nothing_is_set_unless_all_is_good)
{
	make();
	ck_assert_int_eq(parse_file("number = 17\nsize = x\n", ""), OPTIONS_CONFIG);
	ck_assert_int_eq(v.number, 1);
	make();
	ck_assert_int_eq(parse("--number 17 --size x"), OPTIONS_USAGE);
	ck_assert_int_eq(v.number, 1);
}
END_TEST

START_TEST(values_that_do_not_fit_together_are_not_set)
{
	make();
	is_odd_refused = true;
	v.number = 4;
	ck_assert_int_eq(parse("--number 17 --size 2k"), OPTIONS_USAGE);
	ck_assert_int_eq(v.number, 4);
	ck_assert_int_eq(v.size, 1024);
	ck_assert_int_eq(parse_file("number = 17\n", "-t"), OPTIONS_CONFIG);
	make();
	ck_assert_int_eq(parse_file("number = 18\n", ""), OPTIONS_SERVE);
	ck_assert_int_eq(v.number, 18);
}
END_TEST

START_TEST(file_that_is_read_anew_starts_from_the_defaults)
{
	make();
	ck_assert_int_eq(parse_file("number = 17\nlist = a\n", ""), OPTIONS_SERVE);
	ck_assert_int_eq(parse_file("size = 2k\n", ""), OPTIONS_SERVE);
	ck_assert_int_eq(v.number, 1);
	ck_assert_str_eq(v.list.items[0], "default");
}
END_TEST

START_TEST(file_that_is_missing_is_said)
{
	make();
	ck_assert_int_eq(parse("-c /nonexistent"), OPTIONS_CONFIG);
	ck_assert_said("-c /nonexistent: No such file or directory");
}
END_TEST

START_TEST(wrong_usage_points_to_the_help)
{
	make();
	ck_assert_int_eq(parse("--nothing"), OPTIONS_USAGE);
	ck_assert_said("--nothing: no such option");
	ck_assert_said("see: demo --help");
	ck_assert_int_eq(parse("--number"), OPTIONS_USAGE);
	ck_assert_said("--number: its value is missing");
	ck_assert_said("see: demo --help");
	ck_assert_int_eq(parse("-tx"), OPTIONS_USAGE);
	ck_assert_said("-x: no such option");
	ck_assert_int_eq(parse("-c"), OPTIONS_USAGE);
	ck_assert_said("-c: its value is missing");
	ck_assert_int_eq(parse("word"), OPTIONS_USAGE);
	ck_assert_said("word: no such argument");
}
END_TEST

/* Whichever way it is given or mistaken. */
START_TEST(the_password_of_a_url_is_never_printed)
{
	static const char *const lines[] = { "-T --url redis://me:secret@host",
		                             "--ur=redis://me:secret@host -T",
		                             "--nourl=redis://me:secret@host",
		                             "--help=redis://me:secret@host",
		                             "-tx --url redis://me:secret@host",
		                             "redis://me:secret@host",
		                             "--number redis --url redis://secret:secret@host" };

	make();
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
		parse(lines[i]);
		ck_assert_msg(!strstr(said, "secret") && !strstr(printed, "secret"), "%s: %s%s", lines[i],
		              said, printed);
		ck_assert_msg(*said, "%s", lines[i]);
	}
	parse("-T --url redis://me:secret@host/2");
	ck_assert_msg(strstr(printed, "\nurl = redis://me:***@host/2\n") != NULL, "%s", printed);
	parse_file("url = redis://:secret@host\nurl = redis://:secret@host\n", "-T");
	ck_assert_said("url = redis://:***@host: it is given twice");
	ck_assert_ptr_null(strstr(said, "secret"));
	ck_assert_int_eq(parse("--url redis://me:secret@host"), OPTIONS_SERVE);
	ck_assert_str_eq(v.url, "redis://me:secret@host");
	parse("-T --url /file@with:colons");
	ck_assert_msg(strstr(printed, "\nurl = /file@with:colons\n") != NULL, "%s", printed);
}
END_TEST

START_TEST(help_and_version_go_to_stdout)
{
	make();
	ck_assert_int_eq(parse("--help"), OPTIONS_DONE);
	for (size_t i = 0; i < sizeof specs / sizeof specs[0]; i++)
		ck_assert_msg(strstr(printed, specs[i].help) != NULL, "%s", specs[i].name);
	ck_assert_str_eq(said, "");
	ck_assert_int_eq(parse("--version"), OPTIONS_DONE);
	ck_assert_str_eq(printed, "demo 1.2\n");
}
END_TEST

START_TEST(test_of_a_good_file_prints_nothing_on_stdout)
{
	make();
	ck_assert_int_eq(parse_file("number = 2\n", "-t"), OPTIONS_DONE);
	ck_assert_str_eq(printed, "");
	ck_assert_said("the options and the file are good");
	ck_assert_int_eq(parse_file("number = 200\n", "-t"), OPTIONS_CONFIG);
}
END_TEST

START_TEST(what_holds_is_printed_and_reads_back)
{
	char first[sizeof printed];

	make();
	ck_assert_int_eq(parse("-T --number 3 --size 65537 --time 1500ms --flag yes --text a=b --list x "
	                       "--list y"),
	                 OPTIONS_DONE);
	ck_assert_str_eq(printed, "number = 3\nauto = auto\nsize = 65537\ntime = 1500ms\nflag = yes\n"
	                          "text = a=b\nurl = file\nlist = x\nlist = y\n");
	strcpy(first, printed);
	ck_assert_int_eq(parse_file(first, "-T"), OPTIONS_DONE);
	ck_assert_str_eq(printed, first);
}
END_TEST

START_TEST(text_that_is_not_set_is_printed_as_a_comment)
{
	make();
	v.text = NULL;
	options_free(options);
	options = options_new("demo", "1.2", specs, sizeof specs / sizeof specs[0], check, NULL);
	ck_assert_int_eq(parse("-T"), OPTIONS_DONE);
	ck_assert_ptr_nonnull(strstr(printed, "; text = \n"));
}
END_TEST

START_TEST(prefix_starts_with_a_slash_and_ends_without)
{
	struct settings s = settings_defaults;

	s.prefix = "/";
	ck_assert(settings_check(&s));
	ck_assert_str_eq(s.prefix, "");
	s.prefix = "/api";
	ck_assert(settings_check(&s));
	s.prefix = "api";
	ck_assert(!settings_check(&s));
	s.prefix = "/api/";
	ck_assert(!settings_check(&s));
}
END_TEST

START_TEST(upload_dir_is_one_where_a_file_can_be_made)
{
	struct settings s = settings_defaults;

	s.upload_dir = "/tmp";
	ck_assert(settings_check(&s));
	s.upload_dir = "/no/such";
	ck_assert(!settings_check(&s));
	s.upload_dir = "";
	ck_assert(!settings_check(&s));
	s.upload_dir = "/proc/self/exe"; /* no directory */
	ck_assert(!settings_check(&s));
}
END_TEST

START_TEST(developers_mode_needs_a_master)
{
	struct settings s = settings_defaults;

	ck_assert(!s.develop);
	s.develop = true;
	ck_assert(settings_check(&s));
	s.workers = 0;
	ck_assert(!settings_check(&s));
}
END_TEST

START_TEST(defaults_of_the_settings_are_within_their_bounds)
{
	static struct settings s;
	struct option_spec all[SETTINGS_MAX];

	s = settings_defaults;
	for (size_t i = settings_specs(&s, all); i-- > 0;)
		if (all[i].kind == OPTION_NUMBER || all[i].kind == OPTION_SIZE ||
		    all[i].kind == OPTION_TIME) {
			ck_assert_int_ge(*(int64_t *)all[i].value, all[i].min);
			ck_assert_int_le(*(int64_t *)all[i].value, all[i].max);
		}
	ck_assert_int_eq(s.max_body, 64 << 20);
	ck_assert_int_eq(s.io_timeout_ms, 30000);
}
END_TEST

Suite *options_suite(void)
{
	const TTest *const tests[] = { every_kind_is_read_from_flags,
		                       every_kind_is_read_from_a_file,
		                       what_is_not_given_keeps_its_default,
		                       flags_win_over_the_file,
		                       indented_lines_go_on_with_a_list,
		                       mistake_in_a_file_names_its_line,
		                       what_each_kind_takes_is_said,
		                       line_that_is_too_long_is_refused_not_cut,
		                       line_of_198_bytes_is_whole,
		                       last_line_needs_no_newline,
		                       nothing_is_set_unless_all_is_good,
		                       values_that_do_not_fit_together_are_not_set,
		                       file_that_is_read_anew_starts_from_the_defaults,
		                       file_that_is_missing_is_said,
		                       wrong_usage_points_to_the_help,
		                       the_password_of_a_url_is_never_printed,
		                       help_and_version_go_to_stdout,
		                       test_of_a_good_file_prints_nothing_on_stdout,
		                       what_holds_is_printed_and_reads_back,
		                       text_that_is_not_set_is_printed_as_a_comment,
		                       prefix_starts_with_a_slash_and_ends_without,
		                       upload_dir_is_one_where_a_file_can_be_made,
		                       developers_mode_needs_a_master,
		                       defaults_of_the_settings_are_within_their_bounds,
		                       NULL };

	return suite_of("options", tests);
}
