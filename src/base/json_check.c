/* SPDX-License-Identifier: ISC */
/* json_check - see json_check.h.  The plain bytes of strings are looked at eight at a time. */
#include "base/json_check.h"

#include "base/ascii.h"
#include "base/utf8.h"

#include <endian.h>
#include <stdint.h>
#include <string.h>

#define EACH_BYTE UINT64_C(0x0101010101010101)
#define HIGH_BITS UINT64_C(0x8080808080808080)

/* What json-c takes for each, with the allocator's part (json-c 0.16, glibc, 64 bits). */
enum {
	COST_OBJECT = 832, /* has room for 16 members from the start */
	COST_MEMBER = 160,
	COST_ARRAY = 384, /* likewise, for 32 elements */
	COST_ELEMENT = 16,
	COST_SCALAR = 64,
	COST_STRING = 80,
	COST_TEXT = 32, /* of a number that is kept as it was written */
};

struct scan {
	const unsigned char *at, *end;
	const struct json_rules *rules;
	const char *expected; /* NULL: nothing is wrong */
	size_t memory;
	unsigned level;
	uint64_t is_object[JSON_LEVELS_MAX / 64]; /* a bit for each level */
};

static bool fail(struct scan *s, const char *expected)
{
	s->expected = expected;
	return false;
}

static bool is_at(const struct scan *s, unsigned char c)
{
	return s->at < s->end && *s->at == c;
}

static bool is_digit(const struct scan *s)
{
	return s->at < s->end && *s->at >= '0' && *s->at <= '9';
}

static void skip_blanks(struct scan *s)
{
	while (s->at < s->end && (*s->at == ' ' || *s->at == '\n' || *s->at == '\r' || *s->at == '\t'))
		s->at++;
}

/* ---- Strings. */

static bool is_plain(unsigned char c)
{
	return c >= ' ' && c < 0x80 && c != '"' && c != '\\';
}

/* Past the bytes that are no quote, backslash or control character, and not beyond ASCII. */
static void skip_plain(struct scan *s)
{
	uint64_t eight, quotes, backslashes, found;

	for (; s->end - s->at >= 8; s->at += 8) {
		memcpy(&eight, s->at, sizeof eight);
		eight = le64toh(eight);
		quotes = eight ^ EACH_BYTE * '"';
		backslashes = eight ^ EACH_BYTE * '\\';
		/*
		 * A byte minus one borrows its high bit where it was zero; minus a space, where it was
		 * less.  What a borrow does to the bytes behind is no matter: the first is what counts.
		 */
		found = (eight | (eight - EACH_BYTE * ' ') | (quotes - EACH_BYTE) |
		         (backslashes - EACH_BYTE)) &
		        HIGH_BITS;
		if (found) {
			s->at += __builtin_ctzll(found) / 8;
			return;
		}
	}
	while (s->at < s->end && is_plain(*s->at))
		s->at++;
}

/* Behind "\u".  -1: that is none. */
static long code_unit(struct scan *s)
{
	long unit = 0;

	for (int i = 0; i < 4; i++, s->at++) {
		int digit = s->at < s->end ? ascii_hex((char)*s->at) : -1;
		if (digit < 0)
			return -1;
		unit = unit * 16 + digit;
	}
	return unit;
}

/* RFC 8259, 7: beyond U+FFFF it takes two. */
static bool check_code_point(struct scan *s, bool is_name)
{
	const unsigned char *from = s->at - 2;
	long unit = code_unit(s);

	if (unit < 0)
		return fail(s, "four hexadecimal digits");
	if (unit >= 0xd800 && unit <= 0xdbff && s->end - s->at >= 2 && s->at[0] == '\\' && s->at[1] == 'u') {
		s->at += 2;
		long low = code_unit(s);
		if (low >= 0xdc00 && low <= 0xdfff)
			return true;
	}
	if (unit >= 0xd800 && unit <= 0xdfff) {
		s->at = from;
		return fail(s, "a character, not half of a surrogate pair");
	}
	if (unit == 0 && is_name) {
		s->at = from;
		return fail(s, "a name without U+0000");
	}
	return true;
}

static bool check_escape(struct scan *s, bool is_name)
{
	s->at++;
	if (s->at == s->end || !*s->at || !strchr("\"\\/bfnrtu", *s->at))
		return fail(s, "one of \"\\/bfnrtu");
	return *s->at++ != 'u' || check_code_point(s, is_name);
}

/* At a quote. */
static bool check_string(struct scan *s, bool is_name)
{
	const unsigned char *from = s->at++;

	for (;;) {
		skip_plain(s);
		if (s->at == s->end)
			return fail(s, "the string's end");
		if (*s->at == '"')
			break;
		if (*s->at == '\\') {
			if (!check_escape(s, is_name))
				return false;
			continue;
		}
		size_t bytes = *s->at < ' ' ? 0 : utf8_character(s->at, (size_t)(s->end - s->at));
		if (bytes == 0)
			return fail(s, *s->at < ' ' ? "a control character as an escape" : "UTF-8");
		s->at += bytes;
	}
	s->at++;
	s->memory += (size_t)(s->at - from);
	return true;
}

/* ---- Numbers and words. */

static bool is_beyond(const unsigned char *digits, size_t count, const char *most)
{
	size_t length = strlen(most);

	return count > length || (count == length && memcmp(digits, most, length) > 0);
}

static bool check_digits(struct scan *s)
{
	if (!is_digit(s))
		return fail(s, "a digit");
	while (is_digit(s))
		s->at++;
	return true;
}

/* RFC 8259, 6. */
static bool check_number(struct scan *s)
{
	const unsigned char *from = s->at;
	bool is_negative = is_at(s, '-');

	s->at += is_negative;
	const unsigned char *digits = s->at;
	if (!check_digits(s))
		return fail(s, is_at(s, 'I') ? "a number that is not infinite" : "a digit");
	size_t count = (size_t)(s->at - digits);
	if (*digits == '0' && count > 1) {
		s->at = digits + 1;
		return fail(s, "a number without a zero in front");
	}
	bool is_integer = !is_at(s, '.') && !is_at(s, 'e') && !is_at(s, 'E');
	if (is_at(s, '.') && (s->at++, !check_digits(s)))
		return false;
	if (is_at(s, 'e') || is_at(s, 'E')) {
		s->at++;
		s->at += is_at(s, '+') || is_at(s, '-');
		if (!check_digits(s))
			return false;
	}
	if (is_integer && !s->rules->big_integers &&
	    is_beyond(digits, count, is_negative ? "9223372036854775808" : "18446744073709551615")) {
		s->at = from;
		return fail(s, "an integer of 64 bits");
	}
	s->memory += is_integer ? COST_SCALAR : COST_SCALAR + COST_TEXT + (size_t)(s->at - from);
	return true;
}

static bool check_word(struct scan *s)
{
	static const char *const words[] = { "true", "false", "null" };

	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		size_t length = strlen(words[i]);
		if ((size_t)(s->end - s->at) >= length && memcmp(s->at, words[i], length) == 0) {
			s->at += length;
			s->memory += COST_SCALAR;
			return true;
		}
	}
	return fail(s, is_at(s, 'N') || is_at(s, 'I') ? "a number, not NaN or Infinity" : "a value");
}

/* ---- Arrays and objects. */

static bool is_in_object(const struct scan *s)
{
	return s->level > 0 && s->is_object[(s->level - 1) / 64] >> (s->level - 1) % 64 & 1;
}

static bool enter(struct scan *s, bool is_object)
{
	uint64_t bit = UINT64_C(1) << s->level % 64;

	if (s->level >= s->rules->levels)
		return fail(s, "fewer levels of arrays and objects");
	if (is_object)
		s->is_object[s->level / 64] |= bit;
	else
		s->is_object[s->level / 64] &= ~bit;
	s->level++;
	s->at++;
	s->memory += is_object ? COST_OBJECT : COST_ARRAY;
	return true;
}

/* Up to where its value begins. */
static bool check_name(struct scan *s)
{
	skip_blanks(s);
	if (!is_at(s, '"'))
		return fail(s, "a name in double quotes");
	if (!check_string(s, true))
		return false;
	skip_blanks(s);
	if (!is_at(s, ':'))
		return fail(s, "a colon");
	s->at++;
	s->memory += COST_MEMBER;
	return true;
}

static bool is_at_end_of_level(const struct scan *s)
{
	return s->level > 0 && is_at(s, is_in_object(s) ? '}' : ']');
}

/* Behind a value: ends what ends there, up to where the next value begins.  The document's end: level 0. */
static bool check_what_follows(struct scan *s)
{
	skip_blanks(s);
	while (is_at_end_of_level(s)) {
		s->level--;
		s->at++;
		skip_blanks(s);
	}
	if (s->level == 0)
		return s->at == s->end ? true : fail(s, "the document's end");
	if (!is_at(s, ','))
		return fail(s, is_in_object(s) ? "a comma or }" : "a comma or ]");
	s->at++;
	s->memory += COST_ELEMENT;
	return !is_in_object(s) || check_name(s);
}

/* A scalar, or all of an array or object up to its first value.  *is_open: that is still to come. */
static bool check_value(struct scan *s, bool *is_open)
{
	*is_open = false;
	skip_blanks(s);
	switch (s->at < s->end ? *s->at : '\0') {
	case '"':
		s->memory += COST_STRING;
		return check_string(s, false);
	case '{':
	case '[':
		if (!enter(s, *s->at == '{'))
			return false;
		skip_blanks(s);
		*is_open = !is_at_end_of_level(s);
		return !*is_open || !is_in_object(s) || check_name(s);
	case '-':
	case '0':
	case '1':
	case '2':
	case '3':
	case '4':
	case '5':
	case '6':
	case '7':
	case '8':
	case '9':
		return check_number(s);
	default:
		return check_word(s);
	}
}

static enum json_verdict scan(struct scan *s)
{
	bool is_open;

	do {
		if (!check_value(s, &is_open) || (!is_open && !check_what_follows(s)))
			return JSON_WRONG;
		if (s->memory > s->rules->memory)
			return JSON_TOO_LARGE;
	} while (is_open || s->level > 0);
	return JSON_GOOD;
}

enum json_verdict json_check(const char *text, size_t length, const struct json_rules *rules,
                             struct json_finding *finding)
{
	const unsigned char *bytes = (const unsigned char *)text;
	struct scan s = { .at = bytes, .end = bytes + length, .rules = rules };
	enum json_verdict verdict = scan(&s);

	*finding = (struct json_finding){ .at = (size_t)(s.at - bytes),
		                          .expected = s.expected,
		                          .memory = s.memory };
	return verdict;
}
