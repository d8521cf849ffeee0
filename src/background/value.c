/* SPDX-License-Identifier: ISC */
/* value - see value.h. */
#include "background/value.h"

#include "base/json_read.h"

#include <stdint.h>
#include <stdio.h>

/* What was small enough to be kept is small enough to be read. */
static const struct json_rules rules = { .levels = VALUE_LEVELS_MAX, .memory = SIZE_MAX };

static const char *explain(enum json_verdict verdict, const struct json_finding *finding)
{
	static char wrong[128];

	if (verdict == JSON_NO_MEMORY)
		return "there is no memory to read it";
	snprintf(wrong, sizeof wrong, "byte %zu: expected %s", finding->at, finding->expected);
	return verdict == JSON_GOOD ? NULL : wrong;
}

const char *value_read(const char *text, size_t length, json_object **json)
{
	struct json_finding finding;

	while (length > 0 && !text[length - 1])
		length--;
	enum json_verdict verdict = json_read(text, length, &rules, &finding, json);
	return explain(verdict, &finding);
}

const char *value_write(json_object *json, const char **text, size_t *length)
{
	struct json_finding finding;

	*length = 0;
	*text = json_write(json, JSON_C_TO_STRING_PLAIN, length);
	if (!*text)
		return "there is no memory to write it";
	enum json_verdict verdict = json_check(*text, *length, &rules, &finding);
	return explain(verdict, &finding);
}
