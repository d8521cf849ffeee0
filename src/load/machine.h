/* SPDX-License-Identifier: ISC */
/* machine - the CPU time that we use, and that the hypervisor takes. */
#ifndef LOAD_MACHINE_H
#define LOAD_MACHINE_H

#include <stdint.h>

struct machine_times {
	uint64_t own_cpu_ns;
	uint64_t all_ticks;
	uint64_t steal_ticks; /* 0 where /proc/stat cannot be read */
};

void machine_read(struct machine_times *times);
uint64_t machine_own_cpu_ns(void);
double machine_steal_share(const struct machine_times *from, const struct machine_times *to);

#endif
