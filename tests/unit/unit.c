/* SPDX-License-Identifier: ISC */
/* unit - runs every area's tests; CK_VERBOSITY=verbose names each. */
#include "unit.h"

int main(void)
{
	static Suite *(*const areas[])(void) = {
		quantity_suite,    options_suite,     cpu_suite,         message_suite,    descriptors_suite,
		supervision_suite, route_suite,       records_suite,     input_suite,      fcgi_suite,
		request_suite,     query_suite,       body_suite,        json_suite,       answer_suite,
		cookies_suite,     hooks_suite,       conditional_suite, stream_suite,     app_suite,
		in_process_suite,  connections_suite, registry_suite,    rescue_suite,     intake_suite,
		handover_suite,    overload_suite,    metrics_suite,     log_suite,        background_suite,
		redis_url_suite,   arena_suite,       utf8_suite,        json_check_suite, multipart_suite,
		form_suite,        watch_suite,       accept_suite,      status_suite,     history_suite,
		shape_suite,       openapi_suite,     top_suite,
	};
	SRunner *runner = srunner_create(NULL);

	for (size_t i = 0; i < sizeof areas / sizeof areas[0]; i++)
		srunner_add_suite(runner, areas[i]());
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
