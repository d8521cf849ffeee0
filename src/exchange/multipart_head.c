/* SPDX-License-Identifier: ISC */
/*
 * multipart_head - see multipart_head.h.
 *
 * Of names browsers escape three characters, as the HTML standard tells them to: %22, %0D and %0A; nothing
 * else, not even %.  So these three are decoded, and no other.  curl --form-escape, and curl before
 * 7.81, send \" for the quote; any other backslash is one, for browsers send it as it is.
 */
#include "exchange/multipart_head.h"

#include "base/ascii.h"
#include "base/utf8.h"

#include <stdbool.h>
#include <string.h>

/* ---- Parameters. */

/* RFC 9110, section 5.6.2; and what is no ASCII, which some clients do not quote. */
static size_t token_length(const char *text)
{
	static const char others[] = "!#$%&'*+-.^_`|~";
	size_t n = 0;

	for (; text[n]; n++) {
		char c = ascii_upper(text[n]);
		if (!((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (unsigned char)c >= 0x80 ||
		      strchr(others, c)))
			break;
	}
	return n;
}

/* What `text` begins with: a character, or its escape, of *length bytes. */
static char character(const char *text, size_t *length)
{
	static const struct {
		const char *escape;
		char c;
	} all[] = { { "%22", '"' }, { "%0D", '\r' }, { "%0A", '\n' }, { "\\\"", '"' } };

	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		if (ascii_begins(text, all[i].escape)) {
			*length = strlen(all[i].escape);
			return all[i].c;
		}
	*length = 1;
	return *text;
}

/* Both write at `out`, which is before `text`; NULL: malformed; else what comes after. */
static char *read_quoted(char *out, char *text)
{
	size_t length;

	while (*text && *text != '"') {
		*out++ = character(text, &length);
		text += length;
	}
	bool is_closed = *text == '"';
	*out = '\0';
	return is_closed ? text + 1 : NULL;
}

static char *read_token(char *out, char *text)
{
	size_t length = strcspn(text, " \t;");

	if (length == 0 || memchr(text, '"', length))
		return NULL;
	memmove(out, text, length);
	out[length] = '\0';
	return text + length;
}

int multipart_parameter(char **at, const char **name, size_t *name_length, char **value)
{
	char *begin = *at + strspn(*at, " \t;");

	if (!*begin)
		return 0;
	*name = begin;
	*name_length = token_length(begin);
	char *equals = begin + *name_length;
	if (!memchr(*at, ';', (size_t)(begin - *at)) || *name_length == 0 || *equals != '=')
		return -1;
	*value = equals;
	*at = equals[1] == '"' ? read_quoted(equals, equals + 2) : read_token(equals, equals + 1);
	return *at ? 1 : -1;
}

/* ---- Headers. */

static bool is_word(const char *text, size_t length, const char *word)
{
	return length == strlen(word) && ascii_begins(text, word);
}

/* A client's path is nothing to the service, and a danger where it makes a path of it. */
static const char *last_segment(const char *filename)
{
	const char *last = filename;

	for (; *filename; filename++)
		if (*filename == '/' || *filename == '\\')
			last = filename + 1;
	return strcmp(last, ".") == 0 || strcmp(last, "..") == 0 ? "" : last;
}

static const char *read_disposition(struct multipart_head *head, char *value)
{
	size_t length = token_length(value), name_length;
	const char *name;
	char *at = value + length, *text;
	int found;

	if (head->name)
		return "a part has two Content-Dispositions";
	if (!is_word(value, length, "form-data"))
		return "a part's Content-Disposition is not form-data";
	while ((found = multipart_parameter(&at, &name, &name_length, &text)) > 0) {
		bool is_name = is_word(name, name_length, "name");
		const char **known = is_name                                  ? &head->name
		                     : is_word(name, name_length, "filename") ? &head->filename
		                                                              : NULL;
		if (!known) /* filename* too: RFC 7578, section 4.2 */
			continue;
		if (*known)
			return "a part's Content-Disposition has a parameter twice";
		*known = is_name ? text : last_segment(text);
	}
	return found < 0     ? "a part's Content-Disposition is malformed"
	       : !head->name ? "a part has no name"
	                     : NULL;
}

/* Deprecated by RFC 7578, section 4.7, and sent by nobody but who wants it to be misread. */
static const char *check_encoding(const char *value)
{
	static const char *const none[] = { "7bit", "8bit", "binary" };

	for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
		if (ascii_equals(value, none[i]))
			return NULL;
	return "a part has a Content-Transfer-Encoding other than 7bit, 8bit and binary";
}

static char *trimmed(char *text)
{
	text += strspn(text, " \t");
	size_t length = strlen(text);
	while (length > 0 && (text[length - 1] == ' ' || text[length - 1] == '\t'))
		length--;
	text[length] = '\0';
	return text;
}

/* Of one part. */
struct reading {
	struct multipart_head *head;
	bool has_encoding;
};

static const char *read_line(struct reading *reading, char *line)
{
	size_t length = token_length(line);
	struct multipart_head *head = reading->head;

	if (*line == ' ' || *line == '\t')
		return "a header of a part goes over two lines";
	if (length == 0 || line[length] != ':')
		return "a header of a part is not a name, a colon and a value";
	char *value = trimmed(line + length + 1);
	if (is_word(line, length, "Content-Disposition"))
		return read_disposition(head, value);
	if (is_word(line, length, "Content-Type")) {
		if (head->type)
			return "a part has two Content-Types";
		head->type = value;
	}
	if (is_word(line, length, "Content-Transfer-Encoding")) {
		if (reading->has_encoding)
			return "a part has two Content-Transfer-Encodings";
		reading->has_encoding = true;
		return check_encoding(value);
	}
	return NULL;
}

static const char *check_text(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)text[i];
		if (c == '\r' && text[i + 1] == '\n')
			i++;
		else if ((c < ' ' && c != '\t') || c == 0x7f)
			return "a header of a part has a control character";
	}
	return utf8_is_valid(text, length) ? NULL : "a header of a part is no UTF-8";
}

const char *multipart_head_read(struct multipart_head *head, char *text, size_t length)
{
	struct reading reading = { .head = head };
	const char *wrong = check_text(text, length);

	*head = (struct multipart_head){ 0 };
	for (char *end; !wrong && *text; text = end + 2) {
		end = strstr(text, "\r\n");
		*end = '\0';
		wrong = read_line(&reading, text);
	}
	if (!wrong && !head->name)
		wrong = "a part has no Content-Disposition";
	if (!wrong && !head->filename && head->type && ascii_begins(head->type, "multipart/"))
		wrong = "a part is of several parts; each file is to be a part of the form itself";
	return wrong;
}
