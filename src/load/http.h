/* SPDX-License-Identifier: ISC */
/* http - HTTP/1.1 answers, parsed by Debian's http-parser. */
#ifndef LOAD_HTTP_H
#define LOAD_HTTP_H

#include "load/answer.h"

extern const struct protocol http_protocol;

#endif
