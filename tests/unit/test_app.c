/* SPDX-License-Identifier: ISC */
/* Mistakes in registering are noted, the first of them, for percore_run to report. */
#include "service/app.h"
#include "unit.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void handle(struct percore_request *request)
{
	(void)request;
}

START_TEST(first_mistake_is_the_one_that_is_told)
{
	struct percore_app *app = percore_app_new("demo", "1");

	percore_add_route(app, &(struct percore_route){ .pattern = "/fine", .handler = handle });
	ck_assert_str_eq(app->mistake, "");
	percore_add_route(app, &(struct percore_route){ .pattern = "bad", .handler = handle });
	percore_add_route(app, &(struct percore_route){ .method = "get", .pattern = "/worse" });
	ck_assert_str_eq(
		app->mistake,
		"route GET bad: the pattern must start with / and hold {names} as whole segments only, "
		"{rest...} as the last");
	ck_assert_uint_eq(app->routes.count, 1);
	app_free(app);
}
END_TEST

START_TEST(options_beyond_the_table_are_a_mistake)
{
	static int64_t values[APP_OPTIONS_MAX + 1];
	struct percore_app *app = percore_app_new("demo", "1");
	char name[32];

	for (int i = 0; i <= APP_OPTIONS_MAX; i++) {
		ck_assert_str_eq(app->mistake, "");
		snprintf(name, sizeof name, "option-%d", i);
		percore_add_number(app, name, &values[i], 0, 1, "help");
	}
	ck_assert_str_eq(app->mistake, "option --option-64: there are 64 already");
	app_free(app);
}
END_TEST

static bool is_fine(void *context)
{
	(void)context;
	return true;
}

/* As percore_run does.  The result has the texts and lists. */
static struct options *take_options(struct percore_app *app, int argc, char **argv)
{
	struct options *options =
		options_new(app->name, app->version, app->options, app->option_count, is_fine, NULL);

	ck_assert_ptr_nonnull(options);
	ck_assert_int_eq(options_parse(options, argc, argv), OPTIONS_SERVE);
	app_take_values(app);
	return options;
}

struct own {
	double wait;
	int64_t room;
	bool loud;
	struct percore_list names;
};

static struct percore_app *with_options(struct own *own)
{
	static const char *const names[] = { "default" };
	struct percore_app *app = percore_app_new("demo", "1");

	*own = (struct own){ .5, 4096, false, { names, 1 } };
	percore_add_time(app, "wait", &own->wait, 0, 60, "help");
	percore_add_size(app, "room", &own->room, 0, 1 << 20, "help");
	percore_add_flag(app, "loud", &own->loud, "help");
	percore_add_list(app, "name", &own->names, "help");
	ck_assert_str_eq(app->mistake, "");
	return app;
}

START_TEST(options_that_are_not_given_keep_their_defaults)
{
	struct own own;
	struct percore_app *app = with_options(&own);
	struct options *options = take_options(app, 1, (char *[]){ "demo", NULL });

	ck_assert(own.wait == .5);
	ck_assert_int_eq(own.room, 4096);
	ck_assert(!own.loud);
	ck_assert_uint_eq(own.names.count, 1);
	ck_assert_str_eq(own.names.items[0], "default");
	options_free(options);
	app_free(app);
}
END_TEST

START_TEST(options_of_each_kind_are_taken)
{
	char *argv[] = { "demo", "--wait=1500ms", "--room=64k", "--loud=yes", "--name=a", "--name=b", NULL };
	struct own own;
	struct percore_app *app = with_options(&own);
	struct options *options = take_options(app, 6, argv);

	ck_assert(own.wait == 1.5);
	ck_assert_int_eq(own.room, 65536);
	ck_assert(own.loud);
	ck_assert_uint_eq(own.names.count, 2);
	ck_assert_str_eq(own.names.items[0], "a");
	ck_assert_str_eq(own.names.items[1], "b");
	options_free(options);
	app_free(app);
}
END_TEST

/* The app is gone then.  What it printed, or said. */
static const char *run(struct percore_app *app, const char *flag, int fd, int status)
{
	static char text[16384];
	char *argv[] = { "demo", (char *)flag, NULL };
	FILE *file = tmpfile();
	int before = dup(fd);

	fflush(NULL);
	dup2(fileno(file), fd);
	int got = percore_run(app, 2, argv);
	fflush(NULL);
	dup2(before, fd);
	close(before);
	ck_assert_int_eq(got, status);
	rewind(file);
	text[fread(text, 1, sizeof text - 1, file)] = '\0';
	fclose(file);
	return text;
}

START_TEST(options_of_each_kind_are_in_the_help_and_among_what_holds)
{
	static const char *const lines[] = { "\nwait = 500ms\n", "\nroom = 4k\n", "\nloud = no\n",
		                             "\nname = default\n", NULL };
	struct own own;
	const char *text = run(with_options(&own), "-T", STDOUT_FILENO, 0);

	for (const char *const *line = lines; *line; line++)
		ck_assert_msg(strstr(text, *line) != NULL, "no %s in %s", *line, text);
	text = run(with_options(&own), "--help", STDOUT_FILENO, 0);
	for (const char *const *option = (const char *const[]){ "--wait TIME ", "--room SIZE ",
	                                                        "--loud yes|no ", "--name TEXT... ", NULL };
	     *option; option++)
		ck_assert_msg(strstr(text, *option) != NULL, "no %s in %s", *option, text);
}
END_TEST

START_TEST(mistakes_with_options_are_said)
{
	struct own own;
	struct percore_app *app = with_options(&own);

	ck_assert_str_eq(run(app, "--wait=2m", STDERR_FILENO, 64),
	                 "demo: --wait 2m: must be a time from 0 to 1m, as 500ms, 30s or 2m\n");
	app = with_options(&own);
	percore_add_flag(app, "loud", &own.loud, "help");
	ck_assert_str_eq(run(app, "-t", STDERR_FILENO, 1), "demo: option --loud: it is added twice\n");
}
END_TEST

static void ck_assert_option_mistake(const char *name, int64_t min, int64_t max, const char *mistake)
{
	static int64_t value;
	struct percore_app *app = percore_app_new("demo", "1");

	percore_add_number(app, "there", &value, 0, 1, "help");
	percore_add_number(app, name, &value, min, max, "help");
	ck_assert_str_eq(app->mistake, mistake);
	ck_assert_uint_eq(app->option_count, *mistake ? 1 : 2);
	app_free(app);
}

START_TEST(option_has_a_name_of_its_own)
{
	ck_assert_option_mistake("a-2", 0, 1, "");
	ck_assert_option_mistake("there", 0, 1, "option --there: it is added twice");
	ck_assert_option_mistake("workers", 0, 1,
	                         "option --workers: percore has one of that name; take another");
	ck_assert_option_mistake("help", 0, 1, "option --help: percore has one of that name; take another");
	ck_assert_option_mistake("version", 0, 1,
	                         "option --version: percore has one of that name; take another");
	ck_assert_option_mistake("a-name-of-forty-letters-and-one-is-as-lon", 0, 1,
	                         "option --a-name-of-forty-letters-and-one-is-as-lon: its name must have 1 "
	                         "to 40 of a-z, 0-9 and -, a letter first");
	for (const char *const *name = (const char *const[]){ "", "-a", "2a", "A", "a_b", "a=b", NULL };
	     *name; name++) {
		char mistake[128];
		snprintf(mistake, sizeof mistake,
		         "option --%s: its name must have 1 to 40 of a-z, 0-9 and -, a letter first", *name);
		ck_assert_option_mistake(*name, 0, 1, mistake);
	}
}
END_TEST

START_TEST(option_has_bounds_that_can_be_met)
{
	const double wrong[] = { -1, 1e10, 1 / 0., 0 / 0. };

	ck_assert_option_mistake("a", 2, 1, "option --a: its least value is above its largest");
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		struct percore_app *app = percore_app_new("demo", "1");
		double value = 1;
		percore_add_time(app, "a", &value, 0, wrong[i], "help");
		ck_assert_str_eq(app->mistake, "option --a: its times must be from 0 to 10^9 seconds");
		app_free(app);
	}
}
END_TEST

Suite *app_suite(void)
{
	const TTest *const tests[] = { first_mistake_is_the_one_that_is_told,
		                       options_beyond_the_table_are_a_mistake,
		                       options_that_are_not_given_keep_their_defaults,
		                       options_of_each_kind_are_taken,
		                       options_of_each_kind_are_in_the_help_and_among_what_holds,
		                       mistakes_with_options_are_said,
		                       option_has_a_name_of_its_own,
		                       option_has_bounds_that_can_be_met,
		                       NULL };

	return suite_of("app", tests);
}
