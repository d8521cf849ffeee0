/* SPDX-License-Identifier: ISC */
/* form - the request's form, once its handler has asked for it. */
#ifndef PERCORE_FORM_H
#define PERCORE_FORM_H

struct form; /* in the request's arena */

/* Closes its files.  NULL: there is no form. */
void form_fini(struct form *form);

#endif
