/* SPDX-License-Identifier: ISC */
/* access_format - see access_format.h. */
#include "access/access_format.h"

#include "base/utf8.h"
#include "state/limit.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define NS_PER_S UINT64_C(1000000000)

/* How long a text may be in the line, escapes included.  Together they stay below ACCESS_LINE_MAX. */
static const size_t most_bytes[ACCESS_TEXTS] = {
	[ACCESS_METHOD] = 64,   [ACCESS_PATH] = 1536,   [ACCESS_CLIENT] = 128, [ACCESS_ID] = 256,
	[ACCESS_PROTOCOL] = 64, [ACCESS_REFERER] = 768, [ACCESS_AGENT] = 768,
};

struct line {
	char *text;
	size_t length;
};

static void put_bytes(struct line *line, const char *bytes, size_t length)
{
	memcpy(line->text + line->length, bytes, length);
	line->length += length;
}

static void put(struct line *line, const char *text)
{
	put_bytes(line, text, strlen(text));
}

static void put_number(struct line *line, uint64_t number)
{
	char digits[20];
	size_t n = sizeof digits;

	do
		digits[--n] = (char)('0' + number % 10);
	while (number /= 10);
	put_bytes(line, digits + n, sizeof digits - n);
}

static const char *text_of(const struct access_record_shm *record, enum access_text text, size_t *length)
{
	const char *from = record->texts;

	for (int i = 0; i < (int)text; i++)
		from += record->text_bytes[i];
	*length = record->text_bytes[text];
	return from;
}

/* ---- Time. */

static void put_second(struct access_format *format, struct line *line, uint64_t second)
{
	static const char months[][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
		                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	time_t time = (time_t)second;
	struct tm tm;

	if (second != format->second || !*format->second_text) {
		format->second = second;
		if (format->combined) {
			localtime_r(&time, &tm);
			long minutes = tm.tm_gmtoff / 60, size = minutes < 0 ? -minutes : minutes;
			snprintf(format->second_text, sizeof format->second_text,
			         "%02d/%s/%d:%02d:%02d:%02d %c%02ld%02ld", tm.tm_mday, months[tm.tm_mon],
			         tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec, minutes < 0 ? '-' : '+',
			         size / 60 % 100, size % 60);
		} else {
			gmtime_r(&time, &tm);
			strftime(format->second_text, sizeof format->second_text, "%Y-%m-%dT%H:%M:%S", &tm);
		}
	}
	put(line, format->second_text);
}

static void put_thousandths(struct line *line, unsigned thousandths)
{
	const char text[4] = { '.', (char)('0' + thousandths / 100 % 10), (char)('0' + thousandths / 10 % 10),
		               (char)('0' + thousandths % 10) };

	put_bytes(line, text, sizeof text);
}

/* ---- JSON. */

/* One character as it may stand in a JSON string; bytes that are no UTF-8 become U+FFFD. */
static size_t escape_json(const unsigned char *text, size_t left, char escaped[8], size_t *escaped_bytes)
{
	unsigned char c = text[0];
	size_t length = utf8_character(text, left);

	if (length == 0 || (c == 0xc2 && text[1] < 0xa0)) { /* the latter are controls, C1 */
		memcpy(escaped, "\\ufffd", *escaped_bytes = 6);
		return 1;
	}
	if (c < ' ' || c == 127) {
		*escaped_bytes = (size_t)snprintf(escaped, 8, "\\u%04x", c);
		return 1;
	}
	*escaped_bytes = 0;
	if (c == '"' || c == '\\')
		escaped[(*escaped_bytes)++] = '\\';
	memcpy(escaped + *escaped_bytes, text, length);
	*escaped_bytes += length;
	return length;
}

/* nginx's way: \xXX for quotes, backslashes and what is not printable ASCII. */
static size_t escape_combined(const unsigned char *text, size_t left, char escaped[8], size_t *escaped_bytes)
{
	unsigned char c = text[0];

	(void)left;
	if (c >= ' ' && c < 127 && c != '"' && c != '\\') {
		escaped[0] = (char)c;
		*escaped_bytes = 1;
	} else {
		*escaped_bytes = (size_t)snprintf(escaped, 8, "\\x%02X", c);
	}
	return 1;
}

static bool is_plain(unsigned char c)
{
	return c >= ' ' && c < 127 && c != '"' && c != '\\';
}

/* Escaped, cut at whole characters.  False: there was nothing to put. */
static bool put_text(const struct access_format *format, struct line *line,
                     const struct access_record_shm *record, enum access_text text)
{
	size_t length, bytes = 0, most = line->length + most_bytes[text];
	const unsigned char *from = (const unsigned char *)text_of(record, text, &length);
	char escaped[8];

	for (size_t i = 0; i < length;) {
		if (is_plain(from[i]) && line->length < most) {
			line->text[line->length++] = (char)from[i++];
			continue;
		}
		i += (format->combined ? escape_combined : escape_json)(from + i, length - i, escaped,
		                                                        &bytes);
		if (line->length + bytes > most)
			break;
		put_bytes(line, escaped, bytes);
	}
	return length > 0;
}

static bool is_hex(const char *text, size_t length, bool *is_zero)
{
	*is_zero = true;
	for (size_t i = 0; i < length; i++) {
		if ((text[i] < '0' || text[i] > '9') && (text[i] < 'a' || text[i] > 'f'))
			return false;
		*is_zero &= text[i] == '0';
	}
	return true;
}

const char *access_trace_id(const char *value, size_t length)
{
	bool is_zero;

	/* 00-TRACE(32)-PARENT(16)-FLAGS(2) */
	if (length != 55 || memcmp(value, "00-", 3) != 0 || value[35] != '-' || value[52] != '-')
		return NULL;
	if (!is_hex(value + 53, 2, &is_zero) || !is_hex(value + 36, 16, &is_zero) || is_zero ||
	    !is_hex(value + 3, 32, &is_zero) || is_zero)
		return NULL;
	return value + 3;
}

/* ,"name":"text", left out where it is not known. */
static void put_field(const struct access_format *format, struct line *line,
                      const struct access_record_shm *record, const char *name, enum access_text text)
{
	size_t before = line->length;

	put(line, ",\"");
	put(line, name);
	put(line, "\":\"");
	if (put_text(format, line, record, text))
		put(line, "\"");
	else
		line->length = before;
}

static void put_trace(struct line *line, const struct access_record_shm *record)
{
	size_t length;
	const char *value = text_of(record, ACCESS_TRACEPARENT, &length);
	const char *id = access_trace_id(value, length);

	if (!id)
		return;
	put(line, ",\"trace_id\":\"");
	put_bytes(line, id, 32);
	put(line, "\"");
}

static void put_verdicts(struct line *line, const struct access_record_shm *record)
{
	if (record->limit > LIMIT_NONE && record->limit < LIMIT_VERDICTS) {
		put(line, ",\"rate_limit\":\"");
		put(line, limit_verdict_name((enum limit_verdict)record->limit));
		put(line, "\"");
	}
	if (record->flags & (ACCESS_DIED | ACCESS_CUT))
		put(line, record->flags & ACCESS_DIED ? ",\"error.type\":\"worker_died\""
		                                      : ",\"error.type\":\"answer_cut\"");
}

static void put_json(struct access_format *format, struct line *line, const struct access_record_shm *record)
{
	uint64_t wall_ns = record->start_ns + format->wall_offset_ns;

	put(line, "{\"@timestamp\":\"");
	put_second(format, line, wall_ns / NS_PER_S);
	put_thousandths(line, (unsigned)(wall_ns % NS_PER_S / 1000000));
	put(line, "Z\"");
	put_field(format, line, record, "http.request.method", ACCESS_METHOD);
	put(line, ",\"http.response.status_code\":");
	put_number(line, record->status);
	put_field(format, line, record, "url.path", ACCESS_PATH);
	put_field(format, line, record, "client.address", ACCESS_CLIENT);
	put(line, ",\"duration_ms\":");
	put_number(line, record->duration_ns / 1000000);
	put_thousandths(line, (unsigned)(record->duration_ns / 1000 % 1000));
	put(line, ",\"worker\":");
	put_number(line, record->worker);
	put_field(format, line, record, "request_id", ACCESS_ID);
	put_trace(line, record);
	put_verdicts(line, record);
	put(line, "}\n");
}

/* ---- Combined. */

static void put_or_dash(struct access_format *format, struct line *line,
                        const struct access_record_shm *record, enum access_text text)
{
	if (!put_text(format, line, record, text))
		put(line, "-");
}

static void put_combined(struct access_format *format, struct line *line,
                         const struct access_record_shm *record)
{
	put_or_dash(format, line, record, ACCESS_CLIENT);
	put(line, " - - [");
	put_second(format, line, (record->start_ns + format->wall_offset_ns) / NS_PER_S);
	put(line, "] \"");
	put_or_dash(format, line, record, ACCESS_METHOD);
	put(line, " ");
	put_or_dash(format, line, record, ACCESS_PATH);
	put(line, " ");
	put_or_dash(format, line, record, ACCESS_PROTOCOL);
	put(line, "\" ");
	put_number(line, record->status);
	put(line, " ");
	put_number(line, record->body_bytes);
	put(line, " \"");
	put_or_dash(format, line, record, ACCESS_REFERER);
	put(line, "\" \"");
	put_or_dash(format, line, record, ACCESS_AGENT);
	put(line, "\"\n");
}

size_t access_format_line(struct access_format *format, const struct access_record_shm *record,
                          char text[ACCESS_LINE_MAX])
{
	struct line line = { .text = text };

	if (format->combined)
		put_combined(format, &line, record);
	else
		put_json(format, &line, record);
	return line.length;
}
