/* SPDX-License-Identifier: ISC */
/* copy - see copy.h. */
#include "top/copy.h"

#include "base/utf8.h"
#include "state/history.h"
#include "state/shared.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* The memory as its header tells of it. */
struct plan {
	int fd;
	size_t sizes[SHARED_SECTIONS], offsets[SHARED_SECTIONS];
};

/* ---- Is it one of ours? */

/* How many worker slots there are; 0: no service has so many. */
static unsigned slots_of(const struct plan *plan)
{
	size_t slots = plan->sizes[SHARED_SLOTS] / sizeof(struct worker_shm);

	return plan->sizes[SHARED_SLOTS] % sizeof(struct worker_shm) == 0 && slots <= SLOTS_MAX
	               ? (unsigned)slots
	               : 0;
}

static bool fits(const struct plan *plan, struct metrics *m)
{
	const size_t *sizes = plan->sizes;
	unsigned slots = slots_of(plan);

	return slots && sizes[SHARED_POOL] == sizeof(struct pool_shm) &&
	       sizes[SHARED_OVERLOAD] == sizeof(struct overload_shm) &&
	       sizes[SHARED_LIMIT] == sizeof(struct limit_shm) &&
	       sizes[SHARED_LIMIT_TABLE] >= sizeof(struct limit_table_shm) &&
	       sizes[SHARED_ACCESS] == access_bytes(slots) &&
	       sizes[SHARED_BACKGROUND] == sizeof(struct background_shm) &&
	       sizes[SHARED_HISTORY] == sizeof(struct history_shm) &&
	       metrics_fit(m, slots, sizes[SHARED_METRICS]);
}

/* ---- The place for it. */

void copy_fini(struct copy *copy)
{
	if (copy->base)
		munmap(copy->base, copy->bytes);
	*copy = (struct copy){ 0 };
}

static void point(struct copy *copy, const struct plan *plan)
{
	char *at[SHARED_SECTIONS];
	struct metrics *m = &copy->metrics;

	for (int i = 0; i < SHARED_SECTIONS; i++)
		at[i] = copy->base + plan->offsets[i];
	copy->limit = (struct limit){ .shm = (void *)at[SHARED_LIMIT],
		                      .table.shm = (void *)at[SHARED_LIMIT_TABLE] };
	copy->rings = (struct access_rings){ (void *)at[SHARED_ACCESS], m->slots };
	copy->background = (const void *)at[SHARED_BACKGROUND];
	m->shm = (void *)at[SHARED_METRICS];
	m->pool = (const void *)at[SHARED_POOL];
	m->workers = (const void *)at[SHARED_SLOTS];
	m->overload = (const void *)at[SHARED_OVERLOAD];
	m->history = (void *)at[SHARED_HISTORY];
	m->limit = &copy->limit;
	m->access = &copy->rings;
	m->service = m->pool->service;
	m->service_version = m->pool->service_version;
}

/* The same memory comes into the same place. */
static int make_place(struct copy *copy, const struct plan *plan, const struct metrics *fitted)
{
	size_t last = SHARED_SECTIONS - 1, bytes = plan->offsets[last] + plan->sizes[last];
	struct stat st;

	if (fstat(plan->fd, &st) != 0)
		return -errno;
	copy->is_other =
		!copy->base || copy->device != st.st_dev || copy->inode != st.st_ino || copy->bytes != bytes;
	if (!copy->is_other)
		return 0;
	copy_fini(copy);
	char *base =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (base == MAP_FAILED)
		return -errno;
	*copy = (struct copy){ .base = base,
		               .bytes = bytes,
		               .device = st.st_dev,
		               .inode = st.st_ino,
		               .is_other = true,
		               .metrics = *fitted };
	point(copy, plan);
	return 0;
}

/* ---- The copying.  Each part into its place. */

static bool read_part(const struct copy *copy, const struct plan *plan, const void *part, size_t bytes)
{
	size_t at = (size_t)((const char *)part - copy->base), done = 0;

	while (done < bytes) {
		ssize_t n = pread(plan->fd, copy->base + at + done, bytes - done, (off_t)(at + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		done += (size_t)n;
	}
	return true;
}

static bool read_section(const struct copy *copy, const struct plan *plan, enum shared_section section)
{
	return read_part(copy, plan, copy->base + plan->offsets[section], plan->sizes[section]);
}

/* The histograms of what was never counted are left out. */
static bool read_slot(const struct copy *copy, const struct plan *plan, unsigned slot)
{
	const struct metrics_slot_shm *s = metrics_slot(&copy->metrics, slot);
	bool good = read_part(copy, plan, s, sizeof *s);

	for (unsigned entry = 0; good && entry < copy->metrics.entries; entry++)
		if (atomic_load(&s->sums[entry].max_ns))
			good = read_part(copy, plan, s->buckets + (size_t)entry * HISTOGRAM_SIZE,
			                 HISTOGRAM_SIZE * sizeof s->buckets[0]);
	return good;
}

static bool read_metrics(const struct copy *copy, const struct plan *plan)
{
	const struct metrics *m = &copy->metrics;
	unsigned top = atomic_load(&m->pool->slot_top);
	bool good =
		read_part(copy, plan, m->workers, (top < m->slots ? top : m->slots) * sizeof *m->workers) &&
		read_part(copy, plan, m->shm, sizeof *m->shm);

	for (unsigned slot = 0; good && slot < m->slots + METRICS_LANES; slot++)
		if (slot < top || slot >= m->slots)
			good = read_slot(copy, plan, slot);
	return good;
}

/* Of the rings their heads alone. */
static bool read_log(const struct copy *copy, const struct plan *plan)
{
	const struct access_shm *shm = copy->rings.shm;
	bool good = read_part(copy, plan, shm, sizeof *shm);
	unsigned count = good ? access_ring_count(&copy->rings) : 0;

	for (unsigned i = 0; good && i < count; i++)
		good = read_part(copy, plan, &shm->rings[i], offsetof(struct access_ring_shm, bytes));
	return good;
}

/* What is read as text ends. */
static bool read_pool(const struct copy *copy, const struct plan *plan)
{
	struct pool_shm *pool = (void *)(copy->base + plan->offsets[SHARED_POOL]);

	if (!read_section(copy, plan, SHARED_POOL))
		return false;
	pool->service[sizeof pool->service - 1] = '\0';
	pool->service_version[sizeof pool->service_version - 1] = '\0';
	pool->version[sizeof pool->version - 1] = '\0';
	utf8_mend(pool->service);
	utf8_mend(pool->service_version);
	utf8_mend(pool->version);
	return true;
}

int copy_take(struct copy *copy, int fd)
{
	struct plan plan = { .fd = fd };
	struct metrics fitted = { 0 };
	int error = shared_inspect(fd, plan.sizes, plan.offsets);

	if (error)
		return error;
	if (!fits(&plan, &fitted))
		return -ENOTSUP;
	error = make_place(copy, &plan, &fitted);
	if (error)
		return error;
	bool good = read_pool(copy, &plan) && read_section(copy, &plan, SHARED_OVERLOAD) &&
	            read_metrics(copy, &plan) && read_section(copy, &plan, SHARED_LIMIT) &&
	            read_part(copy, &plan, copy->limit.table.shm, sizeof *copy->limit.table.shm) &&
	            read_log(copy, &plan) && read_section(copy, &plan, SHARED_BACKGROUND) &&
	            read_section(copy, &plan, SHARED_HISTORY);
	return good ? 0 : -EPROTO;
}
