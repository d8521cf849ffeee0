/* percore - the ready program: its routes and its options. */
#include "endpoints.h"

int main(int argc, char **argv)
{
	static const struct percore_route routes[] = {
		{ "GET", "/", echo_usage },       { "GET", "/data", data_get },
		{ "GET", "/echo", echo_usage },   { "POST", "/echo", echo_post },
		{ "GET", "/healthz", health_get }, { 0 },
	};
	static const struct percore_option options[] = {
		{ "work", "rounds of formatting for /data (100)", &data_work, 0, 1000000000 },
		{ "work-wait", "microseconds that /data waits (0)", &data_wait_us, 0, 60000000 },
		{ 0 },
	};
	static const struct percore_service service = {
		.name = "percore", .version = "0.1.0", .routes = routes, .options = options
	};

	return percore_run(&service, argc, argv);
}
