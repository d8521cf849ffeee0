/* SPDX-License-Identifier: ISC */
/* watch - the probes for those who watch: percore_add_metrics and percore_add_status. */
#ifndef PERCORE_STATUS_H
#define PERCORE_STATUS_H

#include "percore.h"

void status_metrics(struct percore_request *request);
void status_json(struct percore_request *request);

#endif
