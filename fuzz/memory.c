/* SPDX-License-Identifier: ISC */
/*
 * memory - whatever words a handler writes into the shared memory, who reads it takes no harm: the metrics,
 * the counting for a dead worker, the writer of the access log, the history.
 */
#include "access/access_format.h"
#include "base/utf8.h"
#include "exchange/route.h"
#include "fuzz.h"
#include "pool/history_sampler.h"
#include "state/user_metrics.h"
#include "status/metrics_view.h"

#include <string.h>
#include <sys/mman.h>

enum { SLOTS = 4, RECORDS_MOST = 100000, SECTIONS = 6 };

static struct routes routes;
static struct user_metrics user_metrics;
static struct metrics m;
static struct access_rings rings;
static struct overload_shm *overload;
static struct history_sampler sampler;

static struct section {
	unsigned char *bytes;
	size_t size;
} sections[SECTIONS];

static void *section(int i, size_t size)
{
	sections[i].size = size;
	sections[i].bytes =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	must(sections[i].bytes != MAP_FAILED);
	return sections[i].bytes;
}

static void handle(struct percore_request *request)
{
	(void)request;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const char *wrong;

	(void)argc;
	(void)argv;
	must(!routes_add(&routes, &(struct percore_route){ .pattern = "/data", .handler = handle }));
	must(user_metrics_add(&user_metrics, METRICS_COUNTER, "a_total", "A.", &wrong) != NULL);
	must(user_metrics_add(&user_metrics, METRICS_HISTOGRAM, "b_seconds", "B.", &wrong) != NULL);
	overload = section(2, sizeof *overload);
	rings = (struct access_rings){ section(3, access_bytes(SLOTS)), SLOTS };
	m = (struct metrics){ .route_at = routes_at,
		              .routes = &routes,
		              .user_metrics = &user_metrics,
		              .service = "fuzz",
		              .service_version = "1",
		              .pool = section(0, sizeof(struct pool_shm)),
		              .workers = section(1, SLOTS * sizeof(struct worker_shm)),
		              .overload = overload,
		              .access = &rings };
	metrics_measure(&m, SLOTS);
	section(4, metrics_bytes(&m));
	m.history = section(5, sizeof(struct history_shm));
	return 0;
}

static void read_metrics(void)
{
	size_t length;
	char *text = metrics_text(&m, &length);

	must(text && length > 0 && text[length - 1] == '\n');
	must(utf8_is_valid(text, length));
	free(text);
}

static void read_log(void)
{
	static char line[ACCESS_LINE_MAX];
	struct access_format format = { 0 };
	union access_record copy;

	for (unsigned i = 0; i < access_ring_count(&rings); i++) {
		struct access_ring_shm *ring = &rings.shm->rings[i];
		uint64_t position = atomic_load(&ring->read);
		access_ring_drafted(ring);
		for (int n = 0; access_ring_next(rings.shm, ring, &position, &copy); n++) {
			must(n < RECORDS_MOST);
			must(access_format_line(&format, &copy.record, line) <= ACCESS_LINE_MAX);
		}
	}
}

static void read_history(void)
{
	uint64_t values[HISTORY_VALUES];

	for (int i = 0; i < HISTORY_SAMPLES; i++)
		history_read(m.history, m.history->last - (uint64_t)i, values);
}

/* Until there is a sample, and from what it was compared with to the next. */
static void write_history(void)
{
	uint64_t now_ms = 1;

	for (int i = 0; i < 4; i++, now_ms = sampler.due_ms)
		history_sampler_look(&sampler, now_ms, 1);
}

static void write_words(struct fuzz *f)
{
	while (f->size > 0) {
		const struct section *s = &sections[fuzz_byte(f) % SECTIONS];
		uint64_t word = fuzz_number(f);
		size_t offset = fuzz_number(f) % (s->size / 8) * 8;
		word |= fuzz_byte(f) & 1 ? word << 32 : 0;
		memcpy(s->bytes + offset, &word, 8);
	}
}

/* As at the start of a service. */
static void begin(void)
{
	for (int i = 0; i < SECTIONS; i++)
		must(madvise(sections[i].bytes, sections[i].size, MADV_REMOVE) == 0);
	metrics_open(&m, sections[4].bytes);
	metrics_take_slot(&m, metrics_master_slot(&m, 0));
	sampler = (struct history_sampler){ .shm = (struct history_shm *)m.history, .metrics = &m };
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz f = { data, size };
	uint8_t slot = fuzz_byte(&f);

	begin();
	write_words(&f);
	read_metrics();
	read_log();
	read_history();
	write_history();
	metrics_reclaim(&m, &(struct metrics_death){ .slot = slot % SLOTS,
	                                             .was_read = slot & 64,
	                                             .answered = slot & 128 ? 500 : 0 });
	read_metrics();
	return 0;
}
