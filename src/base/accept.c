/* SPDX-License-Identifier: ISC */
/* accept - see accept.h. */
#include "base/accept.h"

#include "base/ascii.h"

#include <string.h>

/* How closely a range names a type. */
enum closeness { NOT_AT_ALL, ANY, ANY_OF_ITS_KIND, EXACTLY };

/* Where the element, or its parameter, ends: at one of `ends` outside of quotes. */
static const char *end_of(const char *text, const char *ends)
{
	bool is_quoted = false;

	for (; *text && (is_quoted || !strchr(ends, *text)); text++) {
		if (*text == '"')
			is_quoted = !is_quoted;
		else if (is_quoted && *text == '\\' && text[1])
			text++;
	}
	return text;
}

static const char *skip_blanks(const char *text)
{
	return text + strspn(text, " \t");
}

static enum closeness closeness_of(const char *range, const char *type)
{
	size_t length = strcspn(range, " \t;,"), kind = (size_t)(strchr(type, '/') - type) + 1;

	if (length == 3 && memcmp(range, "*/*", 3) == 0)
		return ANY;
	if (length == strlen(type) && ascii_begins(range, type))
		return EXACTLY;
	for (size_t i = 0; i < kind; i++)
		if (ascii_lower(range[i]) != ascii_lower(type[i]))
			return NOT_AT_ALL;
	return length == kind + 1 && range[kind] == '*' ? ANY_OF_ITS_KIND : NOT_AT_ALL;
}

/* "0.85" is 850; what is no such number counts as 1. */
static unsigned thousandths(const char *text)
{
	unsigned value = 0, scale = 100;

	if (*text != '0')
		return ACCEPT_MOST;
	for (text += text[1] == '.' ? 2 : 1; *text >= '0' && *text <= '9' && scale; text++, scale /= 10)
		value += (unsigned)(*text - '0') * scale;
	return value;
}

/* Of the range that begins here. */
static unsigned quality_of(const char *range, const char *end)
{
	for (const char *at = end_of(range, ";,"); at < end && *at == ';'; at = end_of(at + 1, ";,")) {
		const char *parameter = skip_blanks(at + 1);
		if (ascii_begins(parameter, "q="))
			return thousandths(parameter + 2);
	}
	return ACCEPT_MOST;
}

unsigned accept_quality(const char *header, const char *type)
{
	enum closeness closest = NOT_AT_ALL;
	unsigned wanted = 0;

	if (!header)
		return ACCEPT_MOST;
	for (const char *at = skip_blanks(header), *end; *at; at = *end ? skip_blanks(end + 1) : end) {
		end = end_of(at, ",");
		enum closeness close = closeness_of(at, type);
		unsigned quality = quality_of(at, end);
		if (close > closest || (close == closest && close && quality > wanted)) {
			closest = close;
			wanted = quality;
		}
	}
	return wanted;
}
