/* SPDX-License-Identifier: ISC */
/* Mistakes in registering are noted, the first of them, for percore_run to report. */
#include "service/app.h"
#include "unit.h"

#include <stdio.h>

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

Suite *app_suite(void)
{
	const TTest *const tests[] = { first_mistake_is_the_one_that_is_told,
		                       options_beyond_the_table_are_a_mistake, NULL };

	return suite_of("app", tests);
}
