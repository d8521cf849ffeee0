/* options - getopt_long over the pool's options and the service's own. */
#include "base/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_USAGE = 64, MAX_OPTIONS = 64 };

struct number {
	const char *name, *help;
	long *value, min, max;
};

static bool number_parse(const struct percore_service *service, const struct number *n, const char *text)
{
	char *end;

	if (strcmp(n->name, "workers") == 0 && strcmp(text, "auto") == 0) {
		*n->value = -1;
		return true;
	}
	errno = 0;
	long value = strtol(text, &end, 10);
	if (errno || end == text || *end || value < n->min || value > n->max) {
		fprintf(stderr, "%s: --%s %s: must be a whole number from %ld to %ld%s\n", service->name,
		        n->name, text, n->min, n->max, strcmp(n->name, "workers") == 0 ? ", or auto" : "");
		return false;
	}
	*n->value = value;
	return true;
}

static void help(const struct percore_service *service, const struct number *numbers, int count)
{
	printf("usage: spawn-fcgi -n -s SOCKET -M 0660 -- %s [options]\n"
	       "   or: %s --listen unix:PATH|HOST:PORT [options]\n\n"
	       "  --listen ADDRESS      unix:PATH or HOST:PORT (default: the socket on fd 0)\n"
	       "  --prefix PATH         serve below this path\n",
	       service->name, service->name);
	for (int i = 0; i < count; i++)
		printf("  --%-14s NUMBER  %s\n", numbers[i].name, numbers[i].help);
	printf("  --help, --version\n");
}

int options_parse(struct options *options, const struct percore_service *service, int argc, char **argv)
{
	struct number numbers[MAX_OPTIONS] = {
		{ "workers", "processes; auto: one per core (default)", &options->workers, 0, 4096 },
		{ "io-timeout", "seconds to wait for the rest of a request (30)", &options->io_timeout_s, 1, 86400 },
		{ "max-body", "largest body in bytes (67108864)", &options->max_body, 0, 1L << 40 },
	};
	struct option longs[MAX_OPTIONS + 5] = { { 0 } };
	int count = 3;

	for (const struct percore_option *o = service->options; o && o->name && count < MAX_OPTIONS; o++)
		numbers[count++] = (struct number){ o->name, o->help, o->value, o->min, o->max };
	for (int i = 0; i < count; i++)
		longs[i] = (struct option){ numbers[i].name, required_argument, NULL, 256 + i };
	longs[count] = (struct option){ "listen", required_argument, NULL, 'l' };
	longs[count + 1] = (struct option){ "prefix", required_argument, NULL, 'p' };
	longs[count + 2] = (struct option){ "help", no_argument, NULL, 'h' };
	longs[count + 3] = (struct option){ "version", no_argument, NULL, 'V' };
	for (int c; (c = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
		if (c >= 256) {
			if (!number_parse(service, &numbers[c - 256], optarg))
				return EXIT_USAGE;
		} else if (c == 'l') {
			options->listen = optarg;
		} else if (c == 'p') {
			options->prefix = strcmp(optarg, "/") == 0 ? "" : optarg;
		} else if (c == 'h') {
			help(service, numbers, count);
			return 0;
		} else if (c == 'V') {
			printf("%s %s\n", service->name, service->version);
			return 0;
		} else {
			fprintf(stderr, "Try: %s --help\n", service->name);
			return EXIT_USAGE;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "%s: %s: no such argument; options start with --\n", service->name, argv[optind]);
		return EXIT_USAGE;
	}
	return -1;
}
