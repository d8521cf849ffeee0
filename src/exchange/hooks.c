/* SPDX-License-Identifier: ISC */
/* hooks - see hooks.h. */
#include "exchange/hooks.h"

#include <stdio.h>
#include <string.h>

const char *hook_prefix(const char *given, char prefix[HOOK_PREFIX_MAX])
{
	size_t length = given ? strlen(given) : 0;

	if (length > 0 && given[0] != '/')
		return "the prefix must begin with /";
	if (length >= HOOK_PREFIX_MAX)
		return "the prefix is too long";
	if (length > 0 && given[length - 1] == '/')
		length--;
	snprintf(prefix, HOOK_PREFIX_MAX, "%.*s", (int)length, given ? given : "");
	return NULL;
}

const char *hooks_add(struct hooks *hooks, const struct percore_hook *spec)
{
	if (hooks->count == HOOKS_MAX)
		return "there are too many";
	if (!spec->before && !spec->after)
		return "it has no function";
	struct hook *hook = &hooks->all[hooks->count];
	const char *wrong = hook_prefix(spec->prefix, hook->prefix);
	if (wrong)
		return wrong;
	hook->spec = *spec;
	hooks->count++;
	return NULL;
}

bool hook_is_below(const struct percore_request *request, const char *prefix)
{
	const struct route_path *path = &request->path;

	return (path->plain && route_below(path->plain, prefix)) ||
	       (path->marked && route_below(path->marked, prefix));
}

bool hooks_before(struct percore_request *request)
{
	const struct hooks *hooks = request->exchange->hooks;

	for (size_t i = 0; i < hooks->count && !request->answered; i++) {
		const struct hook *hook = &hooks->all[i];
		if (!hook->spec.before || !hook_is_below(request, hook->prefix))
			continue;
		request->arg = hook->spec.arg;
		hook->spec.before(request);
	}
	return !request->answered;
}

void hooks_after(struct percore_request *request, int status)
{
	const struct hooks *hooks = request->exchange->hooks;
	void *arg = request->arg;

	for (size_t i = hooks->count; i > 0; i--) {
		const struct hook *hook = &hooks->all[i - 1];
		if (!hook->spec.after || !hook_is_below(request, hook->prefix))
			continue;
		request->arg = hook->spec.arg;
		hook->spec.after(request, status);
	}
	request->arg = arg;
}
