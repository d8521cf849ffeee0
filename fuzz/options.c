/* SPDX-License-Identifier: ISC */
/* options - any configuration file is taken whole, or refused and nothing set. */
#include "base/settings.h"
#include "fuzz.h"
#include "service/settings_table.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* The service's own check opens the access log: no path of an input is to be touched. */
static bool check(void *context)
{
	(void)context;
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct settings settings;
	struct option_spec specs[SETTINGS_MAX];
	char path[64], *argv[] = { "fuzz", "-c", path, NULL };
	int file = memfd_create("percore.ini", 0);

	settings = settings_defaults;
	struct settings before = settings;
	size_t count = settings_specs(&settings, specs);
	must(count <= SETTINGS_MAX);
	must(file >= 0 && write(file, data, size) == (ssize_t)size);
	snprintf(path, sizeof path, "/proc/self/fd/%d", file);
	struct options *options = options_new("fuzz", "1", specs, count, check, NULL);
	enum options_verdict verdict = options_parse(options, 3, argv);
	must(verdict == OPTIONS_SERVE || verdict == OPTIONS_CONFIG);
	if (verdict != OPTIONS_SERVE)
		must(memcmp(&before, &settings, sizeof settings) == 0);
	for (size_t i = 0; i < count; i++)
		if (specs[i].kind == OPTION_SIZE)
			must(*(int64_t *)specs[i].value >= 0);
	options_free(options);
	close(file);
	return 0;
}
