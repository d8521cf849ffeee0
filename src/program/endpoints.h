/* endpoints - what the ready program serves, on percore.h alone. */
#ifndef ENDPOINTS_H
#define ENDPOINTS_H

#include <percore.h>

extern long data_work;    /* --work: rounds of formatting */
extern long data_wait_us; /* --work-wait */

void data_get(struct percore_request *request);
void echo_usage(struct percore_request *request);
void echo_post(struct percore_request *request);
void health_get(struct percore_request *request);

#endif
