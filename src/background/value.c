/* SPDX-License-Identifier: ISC */
/* value - see value.h. */
#include "background/value.h"

#include "base/json_text.h"

#include <stdio.h>

static char wrong[96];

static const char *explain(const char *what, size_t at)
{
	snprintf(wrong, sizeof wrong, "byte %zu: %s", at, what);
	return wrong;
}

/* A number or a word at the end has ended only when a NUL comes, which the text may be without. */
static json_object *parse(json_tokener *tokener, const char *text, size_t length, size_t *at)
{
	json_object *json = json_tokener_parse_ex(tokener, text, (int)length);

	*at = json_tokener_get_parse_end(tokener);
	if (json_tokener_get_error(tokener) == json_tokener_continue)
		json = json_tokener_parse_ex(tokener, "", 1);
	return json;
}

const char *value_read(const char *text, size_t length, json_object **json)
{
	json_tokener *tokener = json_tokener_new_ex(VALUE_LEVELS_MAX);
	size_t at = 0;

	*json = NULL;
	while (length > 0 && !text[length - 1])
		length--;
	if (!tokener)
		return explain("there is no memory to read it", 0);
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	json_object *read = parse(tokener, text, length, &at);
	enum json_tokener_error error = json_tokener_get_error(tokener);
	json_tokener_free(tokener);
	if (error != json_tokener_success)
		return explain(json_tokener_error_desc(error), at);
	if (json_text_has_nan(text, length, &at)) {
		json_object_put(read);
		return explain("NaN and Infinity are no JSON", at);
	}
	*json = read;
	return NULL;
}

const char *value_write(json_object *json, const char **text, size_t *length)
{
	json_object *again;

	*length = 0;
	*text = json_object_to_json_string_length(json, JSON_C_TO_STRING_PLAIN, length);
	if (!*text)
		return explain("there is no memory to write it", 0);
	const char *problem = value_read(*text, *length, &again);
	json_object_put(again);
	return problem;
}
