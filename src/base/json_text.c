/* SPDX-License-Identifier: ISC */
/* json_text - see json_text.h.  The document itself is looked at only where the text may hold such a number.
 */
#include "base/json_text.h"

#include "base/utf8.h"

#include <stdbool.h>
#include <string.h>

/* By its text: a number past all doubles, as it was read, is a good one. */
static bool is_number(json_object *json)
{
	const char *text = json_object_to_json_string(json);

	return text && strchr("0123456789", text[*text == '-']) != NULL;
}

static bool is_finite(json_object *json)
{
	if (json_object_is_type(json, json_type_double))
		return is_number(json);
	if (json_object_is_type(json, json_type_array)) {
		for (size_t i = 0; i < json_object_array_length(json); i++)
			if (!is_finite(json_object_array_get_idx(json, i)))
				return false;
	} else if (json_object_is_type(json, json_type_object)) {
		json_object_object_foreach(json, name, value)
		{
			(void)name;
			if (!is_finite(value))
				return false;
		}
	}
	return true;
}

const char *json_text_wrong(json_object *json, const char *text, size_t length)
{
	if (!utf8_is_valid(text, length))
		return "a string that is no UTF-8";
	if ((memmem(text, length, "NaN", 3) || memmem(text, length, "Infinity", 8)) && !is_finite(json))
		return "a number that is NaN or infinite";
	return NULL;
}
