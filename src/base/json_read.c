/* SPDX-License-Identifier: ISC */
/* json_read - see json_read.h.  The text is known to be JSON here, so nothing looks for its end. */
#include "base/json_read.h"

#include "base/ascii.h"
#include "base/decimal.h"
#include "base/no_memory.h"

#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct reader {
	const char *text, *at, *end;
	const struct json_rules *rules;
	char *scratch; /* of `room` bytes: a name or a number, with a NUL behind it */
	size_t room;
	enum json_verdict verdict;
	size_t fault_at;
};

static bool fail(struct reader *r, enum json_verdict verdict)
{
	r->verdict = verdict;
	return false;
}

/* False: there is no memory. */
static bool is_made(struct reader *r, json_object *json)
{
	return json ? true : fail(r, JSON_NO_MEMORY);
}

static bool make_room(struct reader *r, size_t bytes)
{
	if (r->scratch && bytes <= r->room)
		return true;
	char *scratch = realloc(r->scratch, bytes * 2);
	if (!scratch)
		return fail(r, JSON_NO_MEMORY);
	r->scratch = scratch;
	r->room = bytes * 2;
	return true;
}

static void skip_blanks(struct reader *r)
{
	while (r->at < r->end && (*r->at == ' ' || *r->at == '\n' || *r->at == '\r' || *r->at == '\t'))
		r->at++;
}

/* ---- Strings. */

static const char *quote_behind(const char *text, const char *end)
{
	const char *quote = memchr(text, '"', (size_t)(end - text)), *escape;

	while ((escape = memchr(text, '\\', (size_t)(quote - text)))) {
		text = escape + 2;
		if (text >
		    quote) /* that one is escaped; else each search would begin anew, and take the square */
			quote = memchr(text, '"', (size_t)(end - text));
	}
	return quote;
}

static uint32_t code_unit(const char *digits)
{
	uint32_t unit = 0;

	for (int i = 0; i < 4; i++)
		unit = unit << 4 | (uint32_t)ascii_hex(digits[i]);
	return unit;
}

static char *put_utf8(char *to, uint32_t c)
{
	if (c < 0x80) {
		*to++ = (char)c;
		return to;
	}
	if (c < 0x800) {
		*to++ = (char)(0xc0 | c >> 6);
	} else {
		if (c < 0x10000) {
			*to++ = (char)(0xe0 | c >> 12);
		} else {
			*to++ = (char)(0xf0 | c >> 18);
			*to++ = (char)(0x80 | (c >> 12 & 0x3f));
		}
		*to++ = (char)(0x80 | (c >> 6 & 0x3f));
	}
	*to++ = (char)(0x80 | (c & 0x3f));
	return to;
}

static char named(char escape)
{
	switch (escape) {
	case 'b':
		return '\b';
	case 'f':
		return '\f';
	case 'n':
		return '\n';
	case 'r':
		return '\r';
	case 't':
		return '\t';
	default:
		return escape; /* itself */
	}
}

/* Behind a backslash.  Returns what follows. */
static const char *put_escape(const char *from, char **to)
{
	if (*from != 'u') {
		*(*to)++ = named(*from);
		return from + 1;
	}
	uint32_t c = code_unit(from + 1);
	from += 5;
	if (c >= 0xd800 && c <= 0xdbff) {
		c = 0x10000 + ((c - 0xd800) << 10) + (code_unit(from + 2) - 0xdc00);
		from += 6;
	}
	*to = put_utf8(*to, c);
	return from;
}

/* At a quote.  Into scratch, with a NUL behind it. */
static bool read_string(struct reader *r, size_t *length)
{
	const char *from = r->at + 1, *quote = quote_behind(from, r->end);

	if (!make_room(r, (size_t)(quote - from) + 1))
		return false;
	char *to = r->scratch;
	while (from < quote) {
		const char *escape = memchr(from, '\\', (size_t)(quote - from));
		size_t plain = (size_t)((escape ? escape : quote) - from);
		memcpy(to, from, plain);
		to += plain;
		from += plain;
		if (escape)
			from = put_escape(escape + 1, &to);
	}
	*to = '\0';
	*length = (size_t)(to - r->scratch);
	r->at = quote + 1;
	return true;
}

/* ---- Numbers. */

/* Of 64 bits, or its text (json_rules.big_integers). */
static json_object *make_integer(const char *digits)
{
	errno = 0;
	intmax_t value = strtoimax(digits, NULL, 10);
	if (errno != ERANGE)
		return json_object_new_int64(value);
	errno = 0;
	uintmax_t larger = strtoumax(digits, NULL, 10);
	return errno == ERANGE || *digits == '-' ? json_object_new_string(digits)
	                                         : json_object_new_uint64(larger);
}

static bool read_number(struct reader *r, json_object **json)
{
	size_t length = 0;
	locale_t before;

	while (r->at + length < r->end && strchr("+-.0123456789eE", r->at[length]) && r->at[length])
		length++;
	if (!make_room(r, length + 1))
		return false;
	memcpy(r->scratch, r->at, length);
	r->scratch[length] = '\0';
	r->at += length;
	if (!strpbrk(r->scratch, ".eE") && strcmp(r->scratch, "-0") != 0) {
		*json = make_integer(r->scratch);
	} else if (decimal_use_point(&before)) {
		*json = json_object_new_double_s(strtod(r->scratch, NULL), r->scratch);
		uselocale(before);
	}
	return is_made(r, *json);
}

/* ---- Arrays and objects. */

static bool read_value(struct reader *r, json_object **json);

/* At the end, or behind a comma. */
static bool is_over(struct reader *r, char end)
{
	skip_blanks(r);
	bool over = *r->at == end;
	if (over || *r->at == ',')
		r->at++;
	skip_blanks(r);
	return over;
}

static bool read_element(struct reader *r, json_object *array)
{
	json_object *element;

	if (!read_value(r, &element))
		return false;
	if (json_object_array_add(array, element) == 0)
		return true;
	json_object_put(element);
	return fail(r, JSON_NO_MEMORY);
}

static bool read_member(struct reader *r, json_object *object)
{
	json_object *value;
	size_t length;

	r->fault_at = (size_t)(r->at - r->text);
	if (!read_string(r, &length))
		return false;
	if (r->rules->unique_names && json_object_object_get_ex(object, r->scratch, NULL))
		return fail(r, JSON_WRONG);
	char *name = strdup(r->scratch);
	if (!name)
		return fail(r, JSON_NO_MEMORY);
	skip_blanks(r);
	r->at++; /* the colon */
	bool good = read_value(r, &value);
	if (good && json_object_object_add(object, name, value) != 0) {
		json_object_put(value);
		good = fail(r, JSON_NO_MEMORY);
	}
	free(name);
	return good;
}

/* Into the new array or object `to`, at its bracket. */
static bool read_all(struct reader *r, json_object *to, char end,
                     bool (*read_one)(struct reader *, json_object *))
{
	r->at++;
	if (!is_made(r, to))
		return false;
	while (!is_over(r, end))
		if (!read_one(r, to))
			return false;
	return true;
}

static bool read_word(struct reader *r, json_object **json)
{
	bool is_null = *r->at == 'n', is_true = *r->at == 't';

	r->at += is_null || is_true ? 4 : 5;
	if (is_null)
		return true;
	*json = json_object_new_boolean(is_true);
	return is_made(r, *json);
}

/* What is begun is put where it fails. */
static bool read_value(struct reader *r, json_object **json)
{
	size_t length;
	bool good;

	*json = NULL;
	skip_blanks(r);
	switch (*r->at) {
	case '{':
		*json = json_object_new_object();
		good = read_all(r, *json, '}', read_member);
		break;
	case '[':
		*json = json_object_new_array();
		good = read_all(r, *json, ']', read_element);
		break;
	case '"':
		good = read_string(r, &length);
		if (good)
			*json = json_object_new_string_len(r->scratch, (int)length);
		good = good && is_made(r, *json);
		break;
	case 't':
	case 'f':
	case 'n':
		return read_word(r, json);
	default:
		return read_number(r, json);
	}
	if (!good) {
		json_object_put(*json);
		*json = NULL;
	}
	return good;
}

enum json_verdict json_read(const char *text, size_t length, const struct json_rules *rules,
                            struct json_finding *finding, json_object **json)
{
	struct reader r = { .text = text, .at = text, .end = text + length, .rules = rules };
	enum json_verdict verdict = json_check(text, length, rules, finding);

	*json = NULL;
	if (verdict != JSON_GOOD)
		return verdict;
	if (!read_value(&r, json))
		*finding = (struct json_finding){ .at = r.fault_at,
			                          .expected = "a name that this object has not had" };
	free(r.scratch);
	return r.verdict;
}

const char *json_write(json_object *json, int flags, size_t *length)
{
	locale_t before;

	if (!decimal_use_point(&before))
		return NULL;
	errno = 0;
	const char *text = json_object_to_json_string_length(json, flags, length);
	bool has_all = errno != ENOMEM; /* json-c goes on without what it had no memory for */
	uselocale(before);
	return has_all ? text : NULL;
}

void json_add_null(json_object *object, const char *name)
{
	if (!object || json_object_object_add(object, name, NULL) != 0)
		percore_no_memory();
}

void json_add_text(json_object *object, const char *name, const char *text)
{
	if (*text)
		percore_json_add(object, name, json_object_new_string(text));
	else
		json_add_null(object, name);
}

void percore_json_add(json_object *container, const char *name, json_object *value)
{
	if (!container || !value ||
	    (name ? json_object_object_add(container, name, value)
	          : json_object_array_add(container, value)) != 0)
		percore_no_memory();
}
