/* SPDX-License-Identifier: ISC */
/*
 * top - whatever words stand in a service's memory, who watches it takes no harm: no line is wider than the
 * screen or has a control character, and the JSON is JSON.
 */
#include "base/json_check.h"
#include "fuzz.h"
#include "state/history.h"
#include "state/shared.h"
#include "top/report_json.h"
#include "top/screen.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

enum { SLOTS = 4, ENTRIES = 16 };

static struct shared shared;
static size_t sizes[SHARED_SECTIONS];
static unsigned char header[4096];

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct metrics m = { .slots = SLOTS, .entries = ENTRIES };

	(void)argc;
	(void)argv;
	memcpy(sizes,
	       (const size_t[SHARED_SECTIONS]){ [SHARED_POOL] = sizeof(struct pool_shm),
	                                        [SHARED_OVERLOAD] = sizeof(struct overload_shm),
	                                        [SHARED_SLOTS] = SLOTS * sizeof(struct worker_shm),
	                                        [SHARED_METRICS] = metrics_bytes(&m),
	                                        [SHARED_LIMIT] = sizeof(struct limit_shm),
	                                        [SHARED_LIMIT_TABLE] = limit_table_bytes(8),
	                                        [SHARED_ACCESS] = access_bytes(SLOTS),
	                                        [SHARED_BACKGROUND] = sizeof(struct background_shm),
	                                        [SHARED_HISTORY] = sizeof(struct history_shm) },
	       sizeof sizes);
	must(shared_create(&shared, NULL, sizes) == 0);
	memcpy(header, shared.base, sizeof header);
	return 0;
}

/* Near the section's beginning more often than not: there is more to find. */
static void write_words(struct fuzz *f)
{
	while (f->size > 0) {
		uint8_t how = fuzz_byte(f);
		size_t section = how % SHARED_SECTIONS, near = how & 128 ? 4096 : SIZE_MAX;
		size_t bytes = sizes[section] < near ? sizes[section] : near;
		size_t at = fuzz_number(f) % (bytes - 7);
		uint64_t word = fuzz_number(f);
		word |= how & 64 ? word << 32 : 0;
		memcpy((char *)shared_section(&shared, (enum shared_section)section) + at, &word,
		       sizeof word);
	}
}

static void show(struct report *report, int width, int height)
{
	struct view view = { .table = (enum table)(width % TABLES),
		             .sorted = (enum column)(height % COLUMNS) };
	struct screen screen = { 0 };

	screen_begin(&screen, width, height);
	screen_live(&screen, &view, report);
	must(screen.count <= height);
	for (int i = 0; i < screen.count; i++) {
		must(strlen(screen.lines[i].text) <= (size_t)screen.width);
		for (const char *at = screen.lines[i].text; *at; at++)
			must(*at >= ' ' && *at <= '~');
	}
	screen_fini(&screen);
}

static void print(struct report *report)
{
	char *text = NULL;
	size_t length = 0;
	FILE *file = open_memstream(&text, &length);
	struct json_rules rules = { .levels = 8, .memory = 64 << 20 };
	struct json_finding finding;

	must(file && report_json(file, report, NULL, false));
	fclose(file);
	must(json_check(text, length, &rules, &finding) == JSON_GOOD);
	free(text);
}

/* Two looks at it. */
static void look(int width, int height)
{
	struct copy copy = { 0 };
	int error = copy_take(&copy, shared.fd);

	must(!error || error == -EPROTO || error == -ENOTSUP);
	if (error) {
		copy_fini(&copy);
		return;
	}
	struct sample *before = sample_new(&copy);
	must(copy_take(&copy, shared.fd) == 0 && !copy.is_other);
	struct sample *now = sample_new(&copy);
	struct report *report = report_new(now, width & 1 ? before : NULL);
	must(report);
	show(report, width, height);
	print(report);
	report_free(report);
	sample_free(before);
	sample_free(now);
	copy_fini(&copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz f = { data, size };
	int width = 8 + fuzz_byte(&f), height = 1 + fuzz_byte(&f) % 60;

	must(madvise(shared.base, shared.bytes, MADV_REMOVE) == 0);
	memcpy(shared.base, header, sizeof header);
	if (fuzz_byte(&f) & 1) {
		size_t at = fuzz_byte(&f);
		((unsigned char *)shared.base)[at] = fuzz_byte(&f);
	}
	write_words(&f);
	look(width, height);
	return 0;
}
