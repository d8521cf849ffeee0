/* head - see head.h.  Formats: the FastCGI 1.0 specification, section 3.3 to 5.1. */
#include "exchange/head.h"

#include <fastcgi.h>
#include <stdio.h>
#include <string.h>

/* What is parsed: a run of bytes that ends where input ends. */
struct cursor {
	const unsigned char *next, *end;
};

struct record {
	unsigned type, id, length, padding;
	const unsigned char *content;
};

/* The stream of name-value pairs, which records may cut anywhere. */
struct pairs {
	uint32_t skip;   /* bytes of name and value still to come */
	uint32_t number; /* a length in the making */
	unsigned digits; /* its bytes still to come */
	uint32_t name;   /* the pair's first length, when the second is read */
	bool has_name;
};

/* 1: a whole record; 0: it goes on behind the input (header fields are set if *header). */
static int next_record(struct cursor *in, struct record *record, bool *header)
{
	size_t left = (size_t)(in->end - in->next);

	*header = left >= FCGI_HEADER_LEN;
	if (!*header)
		return 0;
	const unsigned char *h = in->next;
	*record = (struct record){ .type = h[0] == FCGI_VERSION_1 ? h[1] : 0,
		                   .id = (unsigned)h[2] << 8 | h[3],
		                   .length = (unsigned)h[4] << 8 | h[5],
		                   .padding = h[6],
		                   .content = h + FCGI_HEADER_LEN };
	if (left < FCGI_HEADER_LEN + record->length + record->padding)
		return 0;
	in->next += FCGI_HEADER_LEN + record->length + record->padding;
	return 1;
}

/* A length is done: it is the name's, or else the pair's size is known. */
static void pairs_take_length(struct pairs *pairs, uint32_t length)
{
	if (pairs->has_name)
		pairs->skip = pairs->name + length;
	else
		pairs->name = length;
	pairs->has_name = !pairs->has_name;
}

/* False when a length is past all sense. */
static bool pairs_feed(struct pairs *pairs, const unsigned char *bytes, size_t size)
{
	for (size_t i = 0; i < size;) {
		if (pairs->skip > 0) {
			size_t step = pairs->skip < size - i ? pairs->skip : size - i;
			pairs->skip -= (uint32_t)step;
			i += step;
			continue;
		}
		unsigned char byte = bytes[i++];
		if (pairs->digits > 0) {
			pairs->number = pairs->number << 8 | byte;
			if (--pairs->digits > 0)
				continue;
		} else if (byte & 0x80) {
			pairs->number = byte & 0x7f;
			pairs->digits = 3;
			continue;
		} else {
			pairs->number = byte;
		}
		if (pairs->number > 1 << 24)
			return false;
		pairs_take_length(pairs, pairs->number);
	}
	return true;
}

static bool pairs_are_whole(const struct pairs *pairs)
{
	return pairs->skip == 0 && pairs->digits == 0 && !pairs->has_name;
}

static enum head_verdict broken(struct head *head, const char *reason)
{
	head->reason = reason;
	return HEAD_BROKEN;
}

/* A record that may stand where a request may begin, but is none. */
static enum head_verdict between_requests(const struct record *record, bool whole, struct head *head)
{
	if (record->id == FCGI_NULL_REQUEST_ID && record->type != FCGI_GET_VALUES)
		return broken(head, "an unknown management record");
	if (record->id == FCGI_NULL_REQUEST_ID && record->length > 1024)
		return broken(head, "an FCGI_GET_VALUES of more than 1 KiB");
	if (record->id != FCGI_NULL_REQUEST_ID && record->type != FCGI_ABORT_REQUEST)
		return broken(head, "a record outside any request");
	if (!whole)
		return HEAD_PART;
	head->bytes = FCGI_HEADER_LEN + record->length + record->padding;
	return record->type == FCGI_GET_VALUES ? HEAD_VALUES : HEAD_IGNORE;
}

static enum head_verdict check_begin(const struct record *record, bool whole, struct head *head)
{
	/* libfcgi takes padding after this record for the next one. */
	if (record->id == FCGI_NULL_REQUEST_ID || record->length != 8 || record->padding != 0)
		return broken(head, "a malformed FCGI_BEGIN_REQUEST");
	if (!whole)
		return HEAD_PART;
	if (((unsigned)record->content[0] << 8 | record->content[1]) != FCGI_RESPONDER)
		return broken(head, "a role other than responder");
	head->request_id = (uint16_t)record->id;
	head->keep = record->content[2] & FCGI_KEEP_CONN;
	return HEAD_REQUEST;
}

/* As much of FCGI_STDIN as is there. */
static enum head_verdict check_input(struct cursor *in, struct head *head)
{
	struct record record;
	bool header;

	while (!head->has_whole_input) {
		int whole = next_record(in, &record, &header);
		if (header && (record.id != head->request_id ||
		               (record.type != FCGI_STDIN && record.type != FCGI_ABORT_REQUEST)))
			return broken(head, "a record of another request inside a request");
		if (!whole)
			return HEAD_REQUEST;
		head->has_whole_input = record.type == FCGI_STDIN && record.length == 0;
	}
	return in->next == in->end ? HEAD_REQUEST
	                           : broken(head, "a second request before the first was answered");
}

enum head_verdict head_check(const unsigned char *bytes, size_t size, struct head *head)
{
	struct cursor in = { bytes, bytes + size };
	struct pairs pairs = { 0 };
	struct record record;
	bool header;

	*head = (struct head){ 0 };
	if (size > 0 && bytes[0] != FCGI_VERSION_1)
		return broken(head, "no FastCGI 1.0 record");
	bool whole = next_record(&in, &record, &header) == 1;
	if (!header)
		return HEAD_PART;
	if (record.type != FCGI_BEGIN_REQUEST)
		return between_requests(&record, whole, head);
	enum head_verdict begin = check_begin(&record, whole, head);
	if (begin != HEAD_REQUEST)
		return begin;
	for (;;) {
		whole = next_record(&in, &record, &header) == 1;
		if (!header)
			return HEAD_PART;
		if (record.type != FCGI_PARAMS || record.id != head->request_id)
			return broken(head, "a foreign record inside FCGI_PARAMS");
		if (record.length == 0 && record.padding != 0)
			return broken(head, "a padded end of FCGI_PARAMS");
		if (!whole)
			return HEAD_PART;
		if (!pairs_feed(&pairs, record.content, record.length))
			return broken(head, "a parameter of more than 16 MiB");
		if (record.length == 0)
			break;
	}
	head->bytes = (size_t)(in.next - bytes);
	if (!pairs_are_whole(&pairs))
		return broken(head, "a parameter cut at the end of FCGI_PARAMS");
	return check_input(&in, head);
}

/* Appends a pair of short strings. */
static size_t append_pair(unsigned char *out, const char *name, const char *value)
{
	size_t name_length = strlen(name), value_length = strlen(value);

	out[0] = (unsigned char)name_length;
	out[1] = (unsigned char)value_length;
	memcpy(out + 2, name, name_length);
	memcpy(out + 2 + name_length, value, value_length);
	return 2 + name_length + value_length;
}

static bool asks_for(const unsigned char *bytes, size_t size, const char *name)
{
	size_t length = strlen(name);

	for (size_t i = 0; i + 2 <= size && !((bytes[i] | bytes[i + 1]) & 0x80);
	     i += 2 + (size_t)bytes[i] + bytes[i + 1])
		if (bytes[i] == length && i + 2 + length <= size && memcmp(bytes + i + 2, name, length) == 0)
			return true;
	return false;
}

size_t head_values_result(const unsigned char *record, size_t size, unsigned max_connections,
                          unsigned char *result)
{
	const unsigned char *asked = record + FCGI_HEADER_LEN;
	char connections[16];
	size_t length = size - FCGI_HEADER_LEN - record[6], n = FCGI_HEADER_LEN;
	const char *const values[][2] = { { FCGI_MAX_CONNS, connections },
		                          { FCGI_MAX_REQS, connections },
		                          { FCGI_MPXS_CONNS, "0" } };

	snprintf(connections, sizeof connections, "%u", max_connections);
	for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
		if (asks_for(asked, length, values[i][0]))
			n += append_pair(result + n, values[i][0], values[i][1]);
	memset(result, 0, FCGI_HEADER_LEN);
	result[0] = FCGI_VERSION_1;
	result[1] = FCGI_GET_VALUES_RESULT;
	result[5] = (unsigned char)(n - FCGI_HEADER_LEN);
	return n;
}
