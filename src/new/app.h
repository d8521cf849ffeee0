/* SPDX-License-Identifier: ISC */
/* What @NAME@ serves, for main.c and test.c. */
#ifndef APP_H
#define APP_H

#include <percore.h>

struct percore_app *app_new(void);

#endif
