/* SPDX-License-Identifier: ISC */
/* cors - what scripts of other origins may do below a prefix (https://fetch.spec.whatwg.org, 3.3). */
#ifndef PERCORE_CORS_H
#define PERCORE_CORS_H

#include "exchange/hooks.h"

enum { CORS_MAX = 16, CORS_TEXT_MAX = 512 };

struct cors {
	struct cors_rule {
		struct percore_cors spec; /* its texts but for origins are not used */
		char prefix[HOOK_PREFIX_MAX];
		char headers[CORS_TEXT_MAX], exposed[CORS_TEXT_MAX];
	} all[CORS_MAX];
	size_t count;
};

/* NULL, or what is wrong with it.  It is copied but for the origins. */
const char *cors_add(struct cors *cors, const struct percore_cors *spec);

/* When options have set the origins: NULL, or what is wrong with those of *rule. */
const char *cors_check(const struct cors *cors, const struct cors_rule **rule);

/* Where exchange->cors is not NULL: sets the headers that each answer has, refusals too. */
void cors_begin(struct percore_request *request);

/* True: it was the question of a browser whether a request may come, and is answered. */
bool cors_answers_preflight(struct percore_request *request, const struct route *same_path);

#endif
