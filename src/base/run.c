/* run - percore_run: from the command line to the pool. */
#include "base/cpu.h"
#include "base/options.h"
#include "exchange/exchange.h"
#include "percore.h"
#include "pool/listener.h"
#include "pool/master.h"
#include "pool/worker.h"

#include <stdio.h>
#include <stdlib.h>

static int run_cgi(const struct exchange *exchange)
{
	struct fcgi *fcgi = fcgi_new_cgi();

	if (!fcgi)
		return 1;
	bool done = exchange_run(exchange, fcgi);
	fcgi_free(fcgi);
	return done ? 0 : 1;
}

int percore_run(const struct percore_service *service, int argc, char **argv)
{
	struct options options = { .workers = -1, .io_timeout_s = 30, .max_body = 64L << 20, .prefix = "" };
	int done = options_parse(&options, service, argc, argv);

	if (done >= 0)
		return done;
	struct exchange exchange = { service->routes, options.prefix, (size_t)options.max_body };
	int listener = listener_open(options.listen);
	if (listener < 0 && options.listen)
		return 1;
	if (listener < 0 && getenv("REQUEST_METHOD"))
		return run_cgi(&exchange);
	if (listener < 0) {
		fprintf(stderr,
		        "%s: fd 0 is not a listening socket; start with: "
		        "spawn-fcgi -n -s /run/%s.sock -M 0660 -- %s\n"
		        "or without a spawner: %s --listen unix:/run/%s.sock\n",
		        service->name, service->name, service->name, service->name, service->name);
		return 64;
	}
	unsigned io_timeout_s = (unsigned)options.io_timeout_s;
	if (options.workers == 0)
		return worker_run_alone(listener, io_timeout_s, &exchange);
	return master_run(listener, options.workers < 0 ? cpu_count() : (unsigned)options.workers, io_timeout_s,
	                  &exchange);
}
