/* SPDX-License-Identifier: ISC */
/* status - the probes for those who watch: percore_add_metrics and percore_add_status. */
#ifndef PERCORE_STATUS_H
#define PERCORE_STATUS_H

#include "percore.h"

void status_metrics(struct percore_request *request);

/* A page where the client wants HTML more than JSON; else JSON. */
void status_show(struct percore_request *request);

#endif
