/* SPDX-License-Identifier: ISC */
/* ordinary - see ordinary.c: what its parts share. */
#ifndef ORDINARY_H
#define ORDINARY_H

#include <percore.h>

/* A number in the query; 0 where there is none. */
long number(struct percore_request *request, const char *name);

/* Raises ?signal= where there is one. */
void raise_if_asked(struct percore_request *request);

long now_ms(void);

void answer_pid(struct percore_request *request);

/* Each part adds its options and routes; its _start and _stop run in each worker, and do nothing where its
 * option is not given. */
void sqlite_add(struct percore_app *app);
bool sqlite_start(void);
void sqlite_stop(void);

void postgresql_add(struct percore_app *app);
bool postgresql_start(void);
void postgresql_stop(void);

void locks_add(struct percore_app *app);
bool locks_start(void);

void children_add(struct percore_app *app);

#endif
