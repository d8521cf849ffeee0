/* SPDX-License-Identifier: ISC */
/* url - where to ask: [WEIGHT@]http://HOST[:PORT][/PATH]. */
#ifndef LOAD_URL_H
#define LOAD_URL_H

struct url {
	const char *text; /* as given, lent */
	double weight;    /* its share beside the others; 1 if not given */
	char host[256];   /* without the brackets of IPv6 */
	char port[8];
	char authority[270]; /* for the Host header */
	const char *target;  /* path and query, lent from the text; "/" if there is none */
};

/* NULL, or what is wrong with it. */
const char *url_parse(const char *text, struct url *url);

#endif
