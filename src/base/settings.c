/* SPDX-License-Identifier: ISC */
/* settings - see settings.h. */
#include "base/settings.h"

#include "base/cpu.h"

unsigned settings_workers(const struct settings *s)
{
	return s->workers < 0 ? cpu_count() : (unsigned)s->workers;
}
