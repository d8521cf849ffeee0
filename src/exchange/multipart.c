/* SPDX-License-Identifier: ISC */
/* multipart - see multipart.h. */
#include "exchange/multipart.h"

#include "base/ascii.h"
#include "exchange/multipart_head.h"

#include <string.h>

/* ---- The boundary. */

static const char form_data[] = "multipart/form-data";

bool multipart_is_type(const char *content_type)
{
	return ascii_begins(content_type, form_data) &&
	       strchr("; \t", content_type[sizeof form_data - 1]) != NULL;
}

/* RFC 2046, section 5.1.1. */
static bool is_boundary(const char *text)
{
	static const char good[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'()+_,-./:=? ";
	size_t length = strlen(text);

	return length > 0 && length <= MULTIPART_BOUNDARY_MAX && text[length - 1] != ' ' &&
	       strspn(text, good) == length;
}

/* What is wrong with it, or NULL; *boundary is in m->head. */
static const char *find_boundary(struct multipart *m, const char *content_type, const char **boundary)
{
	size_t length = strlen(content_type), name_length;
	const char *name;
	char *at = m->head + sizeof form_data - 1, *value;
	int found;

	*boundary = NULL;
	if (length > MULTIPART_HEAD_MAX)
		return "its Content-Type is too long";
	memcpy(m->head, content_type, length + 1);
	while ((found = multipart_parameter(&at, &name, &name_length, &value)) > 0) {
		if (name_length != 8 || !ascii_begins(name, "boundary"))
			continue;
		if (*boundary)
			return "its Content-Type has two boundaries";
		*boundary = value;
	}
	return found < 0                 ? "its Content-Type is malformed"
	       : !*boundary              ? "its Content-Type has no boundary"
	       : !is_boundary(*boundary) ? "its boundary is not 1 to 70 of the characters of RFC 2046"
	                                 : NULL;
}

/* As if a line had just ended. */
static void expect_boundary(struct multipart *m)
{
	m->matched = m->unreal = 2;
}

const char *multipart_begin(struct multipart *m, const char *content_type)
{
	const char *boundary, *wrong = find_boundary(m, content_type, &boundary);

	if (wrong)
		return wrong;
	memcpy(m->delimiter, "\r\n--", 4);
	strcpy(m->delimiter + 4, boundary);
	m->delimiter_length = 4 + strlen(boundary);
	expect_boundary(m); /* at the very beginning it has no line before it */
	m->state = MULTIPART_IN_PREAMBLE;
	m->piece = "";
	m->left = m->head_length = 0;
	m->is_finished = m->is_too_large = false;
	return NULL;
}

void multipart_feed(struct multipart *m, const char *piece, size_t length)
{
	m->piece = piece;
	m->left = length;
}

void multipart_finish(struct multipart *m)
{
	m->is_finished = true;
}

/* ---- Bytes up to a delimiter. */

static enum multipart_event fail(struct multipart *m, const char *fault)
{
	m->state = MULTIPART_FAULTY;
	m->fault = fault;
	return MULTIPART_FAULT;
}

static void skip(struct multipart *m, size_t length)
{
	m->piece += length;
	m->left -= length;
}

static enum multipart_event give(struct multipart *m, const char *bytes, size_t length)
{
	m->bytes = bytes;
	m->length = length;
	return MULTIPART_BYTES;
}

/* How many bytes of the delimiter, from `from` on, are those at `text`. */
static size_t match(const struct multipart *m, size_t from, const char *text, size_t left)
{
	size_t most = m->delimiter_length - from, n = 0;

	while (n < most && n < left && text[n] == m->delimiter[from + n])
		n++;
	return n;
}

/*
 * With some of the delimiter before the piece.  Where it goes on otherwise these were bytes of the part. Only
 * the first byte of a delimiter is a CR, so none begins within what has matched.
 */
static enum multipart_event go_on(struct multipart *m)
{
	size_t before = m->matched, n = match(m, before, m->piece, m->left);

	m->matched += n;
	if (m->matched == m->delimiter_length) {
		skip(m, n);
		m->state = MULTIPART_AT_BOUNDARY;
		return MULTIPART_PART_END;
	}
	if (n == m->left) {
		skip(m, n);
		return MULTIPART_MORE;
	}
	size_t unreal = m->unreal;
	m->matched = m->unreal = 0; /* the n bytes are looked at again: they hold no CR */
	return give(m, m->delimiter + unreal, before - unreal);
}

static enum multipart_event scan(struct multipart *m)
{
	const char *bytes = m->piece, *end = bytes + m->left, *at = bytes;
	while (at < end && (at = memchr(at, '\r', (size_t)(end - at)))) {
		m->matched = match(m, 0, at, (size_t)(end - at));
		if (m->matched == m->delimiter_length || m->matched == (size_t)(end - at))
			break;
		m->matched = 0;
		at++;
	}
	size_t length = at ? (size_t)(at - bytes) : m->left;
	skip(m, length + m->matched);
	if (length > 0)
		return give(m, bytes, length);
	return m->matched > 0 ? go_on(m) : MULTIPART_MORE;
}

static enum multipart_event read_bytes(struct multipart *m)
{
	if (m->matched == 0)
		return scan(m);
	enum multipart_event event = go_on(m);
	return event == MULTIPART_BYTES && m->length == 0 ? scan(m) : event;
}

/* ---- What is behind a boundary, byte by byte. */

static enum multipart_event begin_part(struct multipart *m)
{
	struct multipart_head head;
	const char *wrong = multipart_head_read(&head, m->head, m->head_length);

	if (wrong)
		return fail(m, wrong);
	m->name = head.name;
	m->filename = head.filename;
	m->type = head.type;
	expect_boundary(m); /* of a part without bytes, it may follow the head at once */
	m->state = MULTIPART_IN_BODY;
	return MULTIPART_PART;
}

static enum multipart_event read_head(struct multipart *m, char c)
{
	size_t length = m->head_length;

	if (length == MULTIPART_HEAD_MAX) {
		m->is_too_large = true;
		return fail(m, "the head of a part is longer than 8 KiB");
	}
	m->head[m->head_length++] = c;
	if (c != '\n')
		return MULTIPART_MORE;
	if (length == 0 || m->head[length - 1] != '\r')
		return fail(m, "a line of a part's head does not end with CR LF");
	if (length > 1 && (length < 3 || memcmp(m->head + length - 3, "\r\n\r\n", 4) != 0))
		return MULTIPART_MORE;
	m->head_length -= 2; /* the empty line */
	m->head[m->head_length] = '\0';
	return begin_part(m);
}

static enum multipart_event read_line_end(struct multipart *m, char c)
{
	if (c == ' ' || c == '\t')
		m->state = MULTIPART_AT_PADDING;
	else if (c == '\r')
		m->state = MULTIPART_AT_CR;
	else
		return fail(m, "a boundary is not alone on its line");
	return MULTIPART_MORE;
}

/* MULTIPART_MORE: go on. */
static enum multipart_event read_byte(struct multipart *m, char c)
{
	switch (m->state) {
	case MULTIPART_AT_BOUNDARY:
		if (c != '-')
			return read_line_end(m, c);
		m->state = MULTIPART_AT_DASH;
		return MULTIPART_MORE;
	case MULTIPART_AT_DASH:
		if (c != '-')
			return fail(m, "a boundary is not alone on its line");
		m->state = MULTIPART_IN_EPILOGUE;
		return MULTIPART_MORE;
	case MULTIPART_AT_PADDING:
		return read_line_end(m, c);
	case MULTIPART_AT_CR:
		if (c != '\n')
			return fail(m, "the line of a boundary does not end with CR LF");
		m->state = MULTIPART_IN_HEAD;
		m->head_length = 0;
		return MULTIPART_MORE;
	case MULTIPART_IN_HEAD:
		return read_head(m, c);
	default: /* the epilogue is nothing to anybody */
		return MULTIPART_MORE;
	}
}

static enum multipart_event advance(struct multipart *m)
{
	enum multipart_event event = MULTIPART_MORE;

	if (m->state == MULTIPART_FAULTY)
		return MULTIPART_FAULT;
	while (m->state == MULTIPART_IN_PREAMBLE)
		if (read_bytes(m) == MULTIPART_MORE)
			return MULTIPART_MORE;
	if (m->state == MULTIPART_IN_BODY)
		return read_bytes(m);
	while (m->left > 0 && event == MULTIPART_MORE && m->state != MULTIPART_IN_BODY) {
		char c = *m->piece;
		skip(m, 1);
		event = read_byte(m, c);
	}
	return event;
}

enum multipart_event multipart_next(struct multipart *m)
{
	enum multipart_event event = advance(m);

	if (event != MULTIPART_MORE || !m->is_finished)
		return event;
	return m->state == MULTIPART_IN_EPILOGUE ? MULTIPART_END
	                                         : fail(m, "it ends before its last boundary");
}
