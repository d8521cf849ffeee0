/* SPDX-License-Identifier: ISC */
/* unit - the areas that the one runner runs, and what their tests share. */
#ifndef UNIT_H
#define UNIT_H

#include <check.h>

Suite *quantity_suite(void);
Suite *options_suite(void);
Suite *redis_url_suite(void);
Suite *arena_suite(void);
Suite *shape_suite(void);
Suite *openapi_suite(void);
Suite *utf8_suite(void);
Suite *json_check_suite(void);
Suite *cpu_suite(void);
Suite *message_suite(void);
Suite *descriptors_suite(void);
Suite *supervision_suite(void);
Suite *watch_suite(void);
Suite *route_suite(void);
Suite *records_suite(void);
Suite *input_suite(void);
Suite *fcgi_suite(void);
Suite *request_suite(void);
Suite *query_suite(void);
Suite *body_suite(void);
Suite *multipart_suite(void);
Suite *form_suite(void);
Suite *json_suite(void);
Suite *answer_suite(void);
Suite *cookies_suite(void);
Suite *hooks_suite(void);
Suite *conditional_suite(void);
Suite *stream_suite(void);
Suite *app_suite(void);
Suite *in_process_suite(void);
Suite *connections_suite(void);
Suite *registry_suite(void);
Suite *rescue_suite(void);
Suite *intake_suite(void);
Suite *handover_suite(void);
Suite *overload_suite(void);
Suite *metrics_suite(void);
Suite *log_suite(void);
Suite *accept_suite(void);
Suite *status_suite(void);
Suite *history_suite(void);
Suite *top_suite(void);
Suite *background_suite(void);

/* Adds a suite's tests, ended by NULL. */
static inline Suite *suite_of(const char *name, const TTest *const *tests)
{
	Suite *suite = suite_create(name);
	TCase *tcase = tcase_create(name);

	tcase_set_timeout(tcase, 60);
	for (; *tests; tests++)
		tcase_add_test(tcase, *tests);
	suite_add_tcase(suite, tcase);
	return suite;
}

#endif
