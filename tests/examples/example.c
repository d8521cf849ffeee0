/* SPDX-License-Identifier: ISC */
/* example - see example.h. */
#include "example.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char example_directory[64];

int example_run_tests(const char *name, const TTest *const *tests)
{
	Suite *suite = suite_create(name);
	TCase *tcase = tcase_create(name);

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, example_make_directory, example_remove_directory);
	for (; *tests; tests++)
		tcase_add_test(tcase, *tests);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}

void example_make_directory(void)
{
	snprintf(example_directory, sizeof example_directory, "/tmp/percore-example-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(example_directory));
}

void example_remove_directory(void)
{
	char command[128];

	snprintf(command, sizeof command, "rm -rf %s", example_directory);
	ck_assert_int_eq(system(command), 0); /* NOLINT: the name is ours */
}

struct percore_test *example_start(struct percore_app *app, const char *const *options)
{
	struct percore_test *test = percore_test_new(app, options);

	ck_assert_ptr_nonnull(test);
	return test;
}

const struct percore_test_answer *example_get(struct percore_test *test, const char *target)
{
	return percore_test_send(test, &(struct percore_test_request){ .target = target });
}

const struct percore_test_answer *example_send(struct percore_test *test, const char *method,
                                               const char *target, const char *body,
                                               const struct percore_pair *headers)
{
	bool is_patch = strcmp(method, "PATCH") == 0;

	return percore_test_send(
		test, &(struct percore_test_request){
			      .method = method,
			      .target = target,
			      .headers = headers,
			      .content_type = is_patch ? "application/merge-patch+json" : "application/json",
			      .body = body });
}

const char *example_member(const struct percore_test_answer *answer, const char *name)
{
	static char text[4096];
	json_object *json = json_tokener_parse(answer->body), *value;

	text[0] = '\0';
	if (json_object_object_get_ex(json, name, &value))
		snprintf(text, sizeof text, "%s", json_object_get_string(value));
	json_object_put(json);
	return text;
}
