/* SPDX-License-Identifier: ISC */
/* endpoints - what the ready program serves, on percore.h alone. */
#ifndef ENDPOINTS_H
#define ENDPOINTS_H

#include <percore.h>

extern int64_t data_work;    /* --work: rounds of formatting */
extern int64_t data_wait_us; /* --work-wait */

json_object *data_make(int64_t rounds); /* to be put */
void data_get(struct percore_request *request);
void echo_usage(struct percore_request *request);
void echo_post(struct percore_request *request);
void health_get(struct percore_request *request);

extern const char *addresses_file; /* --addresses; NULL: none */
bool addresses_task(struct percore_work *work, void *unused);
void addresses_get(struct percore_request *request);

void render_post(struct percore_request *request);
bool render_job(struct percore_work *work, json_object *input, void *unused);

#endif
