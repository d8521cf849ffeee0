/* watch - the probes for those who watch: percore_add_metrics and percore_add_status. */
#ifndef PERCORE_WATCH_H
#define PERCORE_WATCH_H

#include "percore.h"

void watch_metrics(struct percore_request *request);
void watch_status(struct percore_request *request);

#endif
