/* SPDX-License-Identifier: ISC */
/* hooks - what a program does before and after the handlers below a prefix: percore_add_hook. */
#ifndef PERCORE_HOOKS_H
#define PERCORE_HOOKS_H

#include "exchange/request.h"

enum { HOOKS_MAX = 32, HOOK_PREFIX_MAX = 256 };

struct hooks {
	struct hook {
		struct percore_hook spec;
		char prefix[HOOK_PREFIX_MAX]; /* without a slash at its end */
	} all[HOOKS_MAX];
	size_t count;
};

/* NULL, or what is wrong with it.  It is copied. */
const char *hooks_add(struct hooks *hooks, const struct percore_hook *hook);

/* Where exchange->hooks is not NULL: in the order in which they were added.  False: one of them has answered.
 */
bool hooks_before(struct percore_request *request);

/* In the opposite order, as the answer's head is about to be sent. */
void hooks_after(struct percore_request *request, int status);

/* Copies a prefix as it is compared.  NULL, or what is wrong with it. */
const char *hook_prefix(const char *given, char prefix[HOOK_PREFIX_MAX]);

/*
 * Is the request for this path, or one below it?  So, too, where encoded slashes lead below it in either
 * reading: else a way around a hook would be to write them.
 */
bool hook_is_below(const struct percore_request *request, const char *prefix);

#endif
