/* SPDX-License-Identifier: ISC */
/* defer - a request hands work to a job, and asks how it fares. */
#ifndef PERCORE_DEFER_H
#define PERCORE_DEFER_H

#include "percore.h"

/* GET /jobs/{id} */
void defer_get(struct percore_request *request);

#endif
