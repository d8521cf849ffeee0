/* SPDX-License-Identifier: ISC */
/* report_json - a report for programs: the names are those of /status, and what is a rate ends in _s. */
#ifndef PERCORE_TOP_REPORT_JSON_H
#define PERCORE_TOP_REPORT_JSON_H

#include "top/report.h"
#include "top/service.h"

#include <stdio.h>

/* `service` is NULL where its process is not known.  False: not written, errno says why. */
bool report_json(FILE *file, struct report *report, const struct service *service, bool has_ended);

#endif
