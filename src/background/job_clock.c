/* SPDX-License-Identifier: ISC */
/* job_clock - see job_clock.h. */
#include "background/job_clock.h"

#include "base/clock.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { SET_MS = 1000 };

/* Where the kernel does not name its boot, another process is as another boot. */
static const char *this_boot(void)
{
	static char boot[48];

	if (*boot)
		return boot;
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t length = fd >= 0 ? read(fd, boot, sizeof boot - 1) : -1;
	if (fd >= 0)
		close(fd);
	boot[length > 0 ? length : 0] = '\0';
	boot[strcspn(boot, "\n")] = '\0';
	if (!*boot)
		snprintf(boot, sizeof boot, "%d.%llu", (int)getpid(), (unsigned long long)clock_ns());
	return boot;
}

void job_clock_read(struct job_clock *now)
{
	*now = (struct job_clock){ .steady_ms = clock_read_ns(CLOCK_BOOTTIME) / 1000000,
		                   .wall_ms = clock_read_ns(CLOCK_REALTIME) / 1000000 };
	snprintf(now->boot, sizeof now->boot, "%s", this_boot());
}

static bool is_same_boot(const struct job_clock *last, const struct job_clock *now)
{
	return strcmp(last->boot, now->boot) == 0 && now->steady_ms >= last->steady_ms;
}

uint64_t job_clock_at(const struct job_clock *last, const struct job_clock *now)
{
	if (!last->store_ms)
		return now->wall_ms;
	if (is_same_boot(last, now))
		return last->store_ms + (now->steady_ms - last->steady_ms);
	return last->store_ms + (now->wall_ms > last->wall_ms ? now->wall_ms - last->wall_ms : 0);
}

bool job_clock_was_set(const struct job_clock *last, const struct job_clock *now)
{
	int64_t before = (int64_t)(last->wall_ms - last->steady_ms),
		after = (int64_t)(now->wall_ms - now->steady_ms);

	return !is_same_boot(last, now) || after - before > SET_MS || before - after > SET_MS;
}
