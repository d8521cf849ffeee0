/* settings - see settings.h.  This table makes --help, the file's keys and -T. */
#include "base/settings.h"

#include "log/log.h"

#include <assert.h>
#include <string.h>

const struct settings settings_defaults = {
	.prefix = "",
	.workers = -1,
	.max_body = 64L << 20,
	.io_timeout_ms = 30000,
};

size_t settings_specs(struct settings *s, struct option_spec *specs)
{
	const struct option_spec all[] = {
		{ "listen", OPTION_TEXT, &s->listen, 0, 0, "ADDRESS",
		  "unix:PATH or ADDRESS:PORT (default: the socket on fd 0)" },
		{ "workers", OPTION_AUTO, &s->workers, 0, 4096, "NUMBER",
		  "processes; auto: one per core (default); 0: this one alone, no master" },
		{ "prefix", OPTION_TEXT, &s->prefix, 0, 0, "PATH", "serve below this path" },
		{ "max-body", OPTION_SIZE, &s->max_body, 0, 1L << 40, "SIZE", "largest request body (64m)" },
		{ "io-timeout", OPTION_TIME, &s->io_timeout_ms, 1000, 86400000, "TIME",
		  "for the web server to send or take the next bytes (30s)" },
	};
	static_assert(sizeof all / sizeof all[0] <= SETTINGS_MAX, "room for every option");

	memcpy(specs, all, sizeof all);
	return sizeof all / sizeof all[0];
}

bool settings_check(struct settings *s)
{
	size_t length = strlen(s->prefix);

	if (strcmp(s->prefix, "/") == 0)
		s->prefix = "";
	else if (length > 0 && (s->prefix[0] != '/' || s->prefix[length - 1] == '/')) {
		log_line("prefix %s: must start with / and not end with it, as /api", s->prefix);
		return false;
	}
	return true;
}
