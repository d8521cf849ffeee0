/* SPDX-License-Identifier: ISC */
/* clock - see clock.h. */
#include "base/clock.h"

uint64_t clock_ahead_ns;
