/* SPDX-License-Identifier: ISC */
/* fcgi_client - the web server's side of FastCGI, to ask a responder without one. */
#ifndef LOAD_FCGI_CLIENT_H
#define LOAD_FCGI_CLIENT_H

#include "load/answer.h"

extern const struct protocol fcgi_protocol;      /* with FCGI_KEEP_CONN: the connection stays */
extern const struct protocol fcgi_protocol_once; /* a connection for each request */

#endif
