/* SPDX-License-Identifier: ISC */
/* json_text - see json_text.h. */
#include "base/json_text.h"

#include "base/utf8.h"

#include <string.h>

/* No word of JSON has an N or an I: true, false, null. */
static bool find_nan(const char *text, size_t length, size_t *at)
{
	bool is_string = false;

	for (size_t i = 0; i < length; i++) {
		if (text[i] == '"')
			is_string = !is_string;
		else if (is_string && text[i] == '\\')
			i++;
		else if (!is_string && (text[i] == 'N' || text[i] == 'I')) {
			*at = i;
			return true;
		}
	}
	return false;
}

/* Few texts need the slower look. */
bool json_text_has_nan(const char *text, size_t length, size_t *at)
{
	return (memmem(text, length, "NaN", 3) || memmem(text, length, "Infinity", 8)) &&
	       find_nan(text, length, at);
}

const char *json_text_wrong(const char *text, size_t length)
{
	size_t at;

	if (!utf8_is_valid(text, length))
		return "a string that is no UTF-8";
	return json_text_has_nan(text, length, &at) ? "a number that is NaN or infinite" : NULL;
}
