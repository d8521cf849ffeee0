/* SPDX-License-Identifier: ISC */
/*
 * pattern - see pattern.h.  A pattern becomes steps, and a match follows all ways through them at once
 * (Thompson, 1968), so it never goes back.
 *
 * Steps name others by their distance, so that a piece of them can be moved and copied.
 */
#include "shape/pattern.h"

#include "base/no_memory.h"
#include "base/utf8.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS_MAX = 2000, RANGES_MAX = 500, LEVELS_MAX = 32, TIMES_MAX = 1000 };

enum operation {
	CHARACTER, /* this one */
	CLASS,     /* one of some, or of all others */
	SPLIT,     /* both ways */
	JUMP,
	BEGIN, /* only at the text's begin, or end */
	END,
	FOUND,
};

struct step {
	unsigned char operation;
	bool is_negated; /* of a class */
	union {
		uint32_t character;
		struct {
			unsigned short first, count;
		} ranges;
		struct {
			short one, other;
		} to;
	};
};

struct range {
	uint32_t from, to;
};

struct pattern {
	struct step steps[STEPS_MAX];
	struct range ranges[RANGES_MAX];
	unsigned count, range_count;
};

/* While it is compiled. */
struct compiler {
	struct pattern *pattern;
	const unsigned char *at; /* in the text, which ends with a NUL */
	const char *wrong;       /* the first thing that is */
	unsigned levels;
};

static void fail(struct compiler *c, const char *wrong)
{
	if (!c->wrong)
		c->wrong = wrong;
	c->at += strlen((const char *)c->at); /* nothing more is read */
}

/* The next character of valid UTF-8. */
static uint32_t take(const unsigned char **at)
{
	const unsigned char *text = *at;
	uint32_t c = text[0];

	if (c < 0x80) {
		*at += 1;
	} else if (c < 0xe0) {
		c = (c & 0x1f) << 6 | (text[1] & 0x3f);
		*at += 2;
	} else if (c < 0xf0) {
		c = (c & 0x0f) << 12 | (uint32_t)(text[1] & 0x3f) << 6 | (text[2] & 0x3f);
		*at += 3;
	} else {
		c = (c & 0x07) << 18 | (uint32_t)(text[1] & 0x3f) << 12 | (uint32_t)(text[2] & 0x3f) << 6 |
		    (text[3] & 0x3f);
		*at += 4;
	}
	return c;
}

/* ---- Steps. */

static void emit(struct compiler *c, struct step step)
{
	if (c->pattern->count == STEPS_MAX - 1) /* FOUND has the last */
		fail(c, "it is too large");
	else
		c->pattern->steps[c->pattern->count++] = step;
}

static void emit_way(struct compiler *c, enum operation operation, unsigned one, unsigned other)
{
	emit(c, (struct step){ .operation = (unsigned char)operation,
	                       .to = { .one = (short)one, .other = (short)other } });
}

/* Before the step `at`, which with all behind it moves up by one. */
static void insert_split(struct compiler *c, unsigned at, unsigned other)
{
	struct step *steps = c->pattern->steps;
	unsigned count = c->pattern->count;

	emit_way(c, SPLIT, 1, other);
	if (c->wrong)
		return;
	struct step split = steps[count];
	memmove(steps + at + 1, steps + at, (count - at) * sizeof *steps);
	steps[at] = split;
}

static void copy(struct compiler *c, const struct step *piece, unsigned length)
{
	for (unsigned i = 0; i < length && !c->wrong; i++)
		emit(c, piece[i]);
}

/* What begins at `start`, so many times; a most of UINT_MAX: any. */
static void repeat(struct compiler *c, unsigned start, unsigned least, unsigned most)
{
	struct step piece[STEPS_MAX];
	unsigned length = c->pattern->count - start;

	memcpy(piece, c->pattern->steps + start, length * sizeof *piece);
	c->pattern->count = start;
	for (unsigned i = 0; i < least && !c->wrong; i++)
		copy(c, piece, length);
	if (most == UINT32_MAX) {
		emit_way(c, SPLIT, 1, length + 2);
		copy(c, piece, length);
		emit_way(c, JUMP, -(length + 1), 0);
		return;
	}
	for (unsigned i = least; i < most && !c->wrong; i++) {
		emit_way(c, SPLIT, 1, length + 1);
		copy(c, piece, length);
	}
}

/* ---- Characters and classes of them. */

static const struct range digits[] = { { '0', '9' } };
static const struct range word[] = { { '0', '9' }, { 'A', 'Z' }, { '_', '_' }, { 'a', 'z' } };
static const struct range blanks[] = {
	{ '\t', '\r' },     { ' ', ' ' },       { 0xa0, 0xa0 },     { 0x1680, 0x1680 }, { 0x2000, 0x200a },
	{ 0x2028, 0x2029 }, { 0x202f, 0x202f }, { 0x205f, 0x205f }, { 0x3000, 0x3000 }, { 0xfeff, 0xfeff },
};
static const struct range ends_of_lines[] = { { '\n', '\n' }, { '\r', '\r' }, { 0x2028, 0x2029 } };

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static void add_ranges(struct compiler *c, const struct range *ranges, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (c->pattern->range_count == RANGES_MAX) {
			fail(c, "it is too large");
			return;
		}
		c->pattern->ranges[c->pattern->range_count++] = ranges[i];
	}
}

/* Of the ranges that were added since `first`. */
static void emit_class(struct compiler *c, unsigned first, bool is_negated)
{
	emit(c, (struct step){ .operation = CLASS,
	                       .is_negated = is_negated,
	                       .ranges = { .first = (unsigned short)first,
	                                   .count = (unsigned short)(c->pattern->range_count - first) } });
}

/* Of \d, \w, \s.  NULL: the letter is none of these. */
static const struct range *named(unsigned char letter, size_t *count)
{
	switch (letter) {
	case 'd':
		*count = COUNT(digits);
		return digits;
	case 'w':
		*count = COUNT(word);
		return word;
	case 's':
		*count = COUNT(blanks);
		return blanks;
	default:
		return NULL;
	}
}

/* Behind a backslash: a single character. */
static uint32_t escaped(struct compiler *c, bool is_in_class)
{
	static const char letters[] = "nrtvf", meant[] = "\n\r\t\v\f";
	unsigned char letter = *c->at;
	const char *found = letter ? strchr(letters, letter) : NULL;

	if (!letter || (!found && !strchr("^$\\.*+?()[]{}|/", letter) && !(is_in_class && letter == '-'))) {
		fail(c,
		     "a backslash may stand before d w s D W S n r t v f and ^ $ \\ . * + ? ( ) [ ] { } | /, "
		     "and in brackets before -");
		return 0;
	}
	c->at++;
	return found ? (unsigned char)meant[found - letters] : letter;
}

static void read_escape(struct compiler *c)
{
	unsigned first = c->pattern->range_count;
	bool is_negated = *c->at >= 'A' && *c->at <= 'Z';
	size_t count;
	const struct range *ranges = named((unsigned char)(is_negated ? *c->at - 'A' + 'a' : *c->at), &count);

	if (!ranges) {
		emit(c, (struct step){ .operation = CHARACTER, .character = escaped(c, false) });
		return;
	}
	c->at++;
	add_ranges(c, ranges, count);
	emit_class(c, first, is_negated);
}

static uint32_t class_character(struct compiler *c)
{
	if (*c->at != '\\')
		return take(&c->at);
	c->at++;
	return escaped(c, true);
}

/* One of what stands in brackets: a character, a range, or \d and the like. */
static void read_class_part(struct compiler *c)
{
	size_t count;
	const struct range *ranges = *c->at == '\\' ? named(c->at[1], &count) : NULL;
	struct range range;

	if (ranges) {
		c->at += 2;
		if (c->at[0] == '-' && c->at[1] != ']')
			fail(c, "in brackets, no range begins with \\d, \\w or \\s");
		add_ranges(c, ranges, count);
		return;
	}
	range.from = range.to = class_character(c);
	if (c->at[0] == '-' && c->at[1] && c->at[1] != ']') {
		c->at++;
		range.to = class_character(c);
	}
	if (range.from > range.to)
		fail(c, "in brackets, a range ends before its begin");
	add_ranges(c, &range, 1);
}

/* Behind its bracket. */
static void read_class(struct compiler *c)
{
	unsigned first = c->pattern->range_count;
	bool is_negated = *c->at == '^';

	if (is_negated)
		c->at++;
	if (*c->at == ']')
		fail(c, "there is nothing in its brackets; write \\] for a bracket in them");
	while (*c->at && *c->at != ']')
		read_class_part(c);
	if (*c->at == ']')
		c->at++;
	else
		fail(c, "a [ has no ]");
	emit_class(c, first, is_negated);
}

/* ---- The grammar. */

static void read_ways(struct compiler *c);

/* Behind its parenthesis. */
static void read_group(struct compiler *c)
{
	if (c->at[0] == '?' && c->at[1] == ':')
		c->at += 2;
	else if (c->at[0] == '?')
		fail(c, "of what begins with (? only (?: is known");
	if (++c->levels > LEVELS_MAX)
		fail(c, "it has too many parentheses in one another");
	read_ways(c);
	c->levels--;
	if (*c->at == ')')
		c->at++;
	else
		fail(c, "a ( has no )");
}

static void read_atom(struct compiler *c)
{
	unsigned first = c->pattern->range_count;

	switch (*c->at) {
	case '(':
		c->at++;
		read_group(c);
		break;
	case '[':
		c->at++;
		read_class(c);
		break;
	case '\\':
		c->at++;
		read_escape(c);
		break;
	case '.':
		c->at++;
		add_ranges(c, ends_of_lines, COUNT(ends_of_lines));
		emit_class(c, first, true);
		break;
	case '*':
	case '+':
	case '?':
	case '{':
		fail(c, "there is nothing to repeat before a * + ? or {; write \\ before it for itself");
		break;
	case '}':
	case ']':
		fail(c, "write \\ before a } or ] for itself");
		break;
	default:
		emit(c, (struct step){ .operation = CHARACTER, .character = take(&c->at) });
	}
}

static unsigned read_times(struct compiler *c)
{
	unsigned times = 0;

	if (*c->at < '0' || *c->at > '9')
		fail(c, "a { must begin {2}, {2,} or {2,5}");
	for (; *c->at >= '0' && *c->at <= '9'; c->at++)
		if ((times = times * 10 + (*c->at - '0')) > TIMES_MAX) {
			fail(c, "it repeats more than 1000 times");
			return 0;
		}
	return times;
}

/* Behind its brace. */
static void read_braces(struct compiler *c, unsigned *least, unsigned *most)
{
	*least = *most = read_times(c);
	if (*c->at == ',') {
		c->at++;
		*most = *c->at == '}' ? UINT32_MAX : read_times(c);
	}
	if (*c->at == '}')
		c->at++;
	else
		fail(c, "a { must be as {2}, {2,} or {2,5}");
	if (*least > *most)
		fail(c, "in braces, the larger number comes last");
}

/* What stands behind the atom from `start`.  A lazy one finds the same. */
static void read_repetition(struct compiler *c, unsigned start)
{
	unsigned least = 0, most = UINT32_MAX;

	switch (*c->at) {
	case '*':
		break;
	case '+':
		least = 1;
		break;
	case '?':
		most = 1;
		break;
	case '{':
		break;
	default:
		return;
	}
	if (*c->at++ == '{')
		read_braces(c, &least, &most);
	if (*c->at == '?')
		c->at++;
	if (!c->wrong)
		repeat(c, start, least, most);
}

static void read_way(struct compiler *c)
{
	while (*c->at && *c->at != '|' && *c->at != ')') {
		unsigned start = c->pattern->count;
		if (*c->at == '^' || *c->at == '$') {
			emit_way(c, *c->at == '^' ? BEGIN : END, 0, 0);
			c->at++;
		} else {
			read_atom(c);
			read_repetition(c, start);
		}
	}
}

/* Each way but the last: a split before it, and behind it a jump to the end. */
static void read_ways(struct compiler *c)
{
	unsigned start = c->pattern->count, jump, last_jump = 0;

	read_way(c);
	while (*c->at == '|') {
		c->at++;
		insert_split(c, start, c->pattern->count - start + 2);
		jump = c->pattern->count;
		emit_way(c, JUMP, last_jump, 0); /* until its end is known: a list of those before */
		last_jump = jump;
		start = c->pattern->count;
		read_way(c);
	}
	while (last_jump && !c->wrong) {
		jump = last_jump;
		last_jump = (unsigned)c->pattern->steps[jump].to.one;
		c->pattern->steps[jump].to.one = (short)(c->pattern->count - jump);
	}
}

struct pattern *pattern_compile(const char *text, const char **wrong)
{
	struct pattern *pattern = calloc(1, sizeof *pattern);
	struct compiler c = { .pattern = pattern, .at = (const unsigned char *)text };

	if (!pattern)
		percore_no_memory();
	if (!utf8_is_valid(text, strlen(text)))
		fail(&c, "it is no UTF-8");
	read_ways(&c);
	if (*c.at)
		fail(&c, "a ) has no (");
	pattern->steps[pattern->count++] = (struct step){ .operation = FOUND };
	*wrong = c.wrong;
	if (!c.wrong)
		return pattern;
	free(pattern);
	return NULL;
}

void pattern_free(struct pattern *pattern)
{
	free(pattern);
}

/* ---- Matching. */

/* The steps that wait for a character, at one place of the text. */
struct front {
	unsigned short steps[STEPS_MAX];
	unsigned count;
};

struct match {
	const struct pattern *pattern;
	size_t length;
	uint32_t seen[STEPS_MAX]; /* the round in which a step was reached last */
	uint32_t round;
	unsigned short stack[STEPS_MAX];
	unsigned stack_count;
};

static void reach(struct match *m, unsigned step)
{
	if (m->seen[step] == m->round)
		return;
	m->seen[step] = m->round;
	m->stack[m->stack_count++] = (unsigned short)step;
}

/* Adds to `front` where the ways from `step` wait.  True: one is at its end. */
static bool follow(struct match *m, struct front *front, unsigned step, size_t at)
{
	reach(m, step);
	while (m->stack_count > 0) {
		step = m->stack[--m->stack_count];
		const struct step *s = &m->pattern->steps[step];
		switch (s->operation) {
		case FOUND:
			return true;
		case SPLIT:
			reach(m, (unsigned)((int)step + s->to.other));
			reach(m, (unsigned)((int)step + s->to.one));
			break;
		case JUMP:
			reach(m, (unsigned)((int)step + s->to.one));
			break;
		case BEGIN:
			if (at == 0)
				reach(m, step + 1);
			break;
		case END:
			if (at == m->length)
				reach(m, step + 1);
			break;
		default:
			front->steps[front->count++] = (unsigned short)step;
		}
	}
	return false;
}

static bool takes(const struct pattern *pattern, const struct step *step, uint32_t character)
{
	const struct range *range = pattern->ranges + step->ranges.first;

	if (step->operation == CHARACTER)
		return step->character == character;
	for (unsigned i = 0; i < step->ranges.count; i++)
		if (character >= range[i].from && character <= range[i].to)
			return !step->is_negated;
	return step->is_negated;
}

bool pattern_matches(const struct pattern *pattern, const char *text, size_t length)
{
	const unsigned char *at = (const unsigned char *)text, *end = at + length;
	struct front fronts[2], *now = &fronts[0], *next = &fronts[1];
	bool begins = pattern->steps[0].operation == BEGIN;
	struct match m; /* what is not set here is written before it is read */

	m.pattern = pattern;
	m.length = length;
	m.round = m.stack_count = 0;
	memset(m.seen, 0, pattern->count * sizeof m.seen[0]);
	next->count = 0;
	for (;;) {
		size_t place = (size_t)(at - (const unsigned char *)text);
		m.round++;
		now->count = 0;
		for (unsigned i = 0; i < next->count; i++)
			if (follow(&m, now, next->steps[i], place))
				return true;
		if (follow(&m, now, 0, place)) /* it may begin anywhere */
			return true;
		if (at == end || (begins && now->count == 0))
			return false;
		uint32_t character = take(&at);
		next->count = 0;
		for (unsigned i = 0; i < now->count; i++)
			if (takes(pattern, &pattern->steps[now->steps[i]], character))
				next->steps[next->count++] = now->steps[i] + 1;
	}
}
