/* SPDX-License-Identifier: ISC */
/* settings_table - the pool's own options with their defaults: one table makes --help, the file's keys and
 * -T. */
#ifndef PERCORE_SETTINGS_TABLE_H
#define PERCORE_SETTINGS_TABLE_H

#include "base/settings.h"

extern const struct settings settings_defaults;

/* Writes the table of options that set *settings; returns how many.  `specs` has room for SETTINGS_MAX. */
enum { SETTINGS_MAX = 48 };
size_t settings_specs(struct settings *settings, struct option_spec *specs);

/* True where an option of this name is percore's own: one of the table, --help or --version. */
bool settings_have(const char *name);

/* After options_parse: values that are good each for itself, but not as a whole.  False and said. */
bool settings_check(struct settings *settings);

#endif
