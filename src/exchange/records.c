/* SPDX-License-Identifier: ISC */
/* records - see records.h.  Formats: the FastCGI 1.0 specification, section 3.3 to 5.1. */
#include "exchange/records.h"

#include <fastcgi.h>
#include <stdio.h>
#include <string.h>

enum { MANAGEMENT_MAX = 1024, PAIR_MAX = 1 << 24 };

struct record {
	unsigned type, id, length, padding;
	unsigned char *content;
};

static enum record_verdict broken(struct records *r, enum record_fault fault)
{
	r->fault = fault;
	return RECORD_BROKEN;
}

/* ---- The stream of name-value pairs, which records may cut anywhere. */

/* A length is done: it is the name's, or else the pair's size is known. */
static void take_length(struct records *r, uint32_t length)
{
	if (r->pairs.has_name) {
		r->pairs.skip = r->pairs.name + length;
		r->params++;
	} else {
		r->pairs.name = length;
	}
	r->pairs.has_name = !r->pairs.has_name;
}

/* False when a length is past all sense. */
static bool feed_pairs(struct records *r, const unsigned char *bytes, size_t size)
{
	for (size_t i = 0; i < size;) {
		if (r->pairs.skip > 0) {
			size_t step = r->pairs.skip < size - i ? r->pairs.skip : size - i;
			r->pairs.skip -= (uint32_t)step;
			i += step;
			continue;
		}
		unsigned char byte = bytes[i++];
		if (r->pairs.digits > 0) {
			r->pairs.number = r->pairs.number << 8 | byte;
			if (--r->pairs.digits > 0)
				continue;
		} else if (byte & 0x80) {
			r->pairs.number = byte & 0x7f;
			r->pairs.digits = 3;
			continue;
		} else {
			r->pairs.number = byte;
		}
		if (r->pairs.number > PAIR_MAX)
			return false;
		take_length(r, r->pairs.number);
	}
	return true;
}

static bool are_pairs_whole(const struct records *r)
{
	return r->pairs.skip == 0 && r->pairs.digits == 0 && !r->pairs.has_name;
}

/* ---- The phases.  Each judges the header as soon as it is there, the content when all of it is. */

static enum record_verdict check_management(struct records *r, const struct record *record, bool is_whole)
{
	if (record->length > MANAGEMENT_MAX)
		return broken(r, RECORD_FAULT_MANAGEMENT);
	return is_whole ? RECORD_MANAGE : RECORD_PART;
}

static enum record_verdict check_begin(struct records *r, const struct record *record, bool is_whole)
{
	/* libfcgi takes padding after this record for the next one. */
	if (record->id == FCGI_NULL_REQUEST_ID || record->length != 8 || record->padding != 0)
		return broken(r, RECORD_FAULT_BEGIN);
	if (!is_whole)
		return RECORD_PART;
	if (((unsigned)record->content[0] << 8 | record->content[1]) != FCGI_RESPONDER)
		return broken(r, RECORD_FAULT_ROLE);
	*r = (struct records){ .phase = RECORDS_IN_PARAMS,
		               .id = (uint16_t)record->id,
		               .keep = record->content[2] & FCGI_KEEP_CONN,
		               .head_bytes = FCGI_HEADER_LEN + 8 };
	record->content[2] &= (unsigned char)~FCGI_KEEP_CONN;
	return RECORD_GOOD;
}

static enum record_verdict check_between(struct records *r, const struct record *record, bool is_whole)
{
	if (record->type == FCGI_BEGIN_REQUEST)
		return check_begin(r, record, is_whole);
	if (record->type != FCGI_ABORT_REQUEST)
		return broken(r, RECORD_FAULT_STRAY);
	return is_whole ? RECORD_STRAY : RECORD_PART;
}

static enum record_verdict check_params(struct records *r, const struct records_limits *limits,
                                        const struct record *record, bool is_whole)
{
	uint32_t bytes = FCGI_HEADER_LEN + record->length + record->padding;

	if (record->type != FCGI_PARAMS)
		return broken(r, RECORD_FAULT_FOREIGN);
	if (record->length == 0 && record->padding != 0)
		return broken(r, RECORD_FAULT_PADDED_END);
	if (r->head_bytes + bytes > limits->head_bytes)
		return broken(r, RECORD_FAULT_HEAD_SIZE);
	if (!is_whole)
		return RECORD_PART;
	r->head_bytes += bytes;
	if (!feed_pairs(r, record->content, record->length))
		return broken(r, RECORD_FAULT_PAIR);
	if (r->params > limits->params)
		return broken(r, RECORD_FAULT_PARAMS);
	if (record->length > 0)
		return RECORD_GOOD;
	if (!are_pairs_whole(r))
		return broken(r, RECORD_FAULT_PAIR);
	r->phase = RECORDS_IN_INPUT;
	return RECORD_HEAD_END;
}

static enum record_verdict check_input(struct records *r, const struct record *record, bool is_whole)
{
	if (record->type != FCGI_STDIN)
		return broken(r, RECORD_FAULT_FOREIGN);
	/* libfcgi would read this padding as the next request. */
	if (record->length == 0 && record->padding != 0)
		return broken(r, RECORD_FAULT_PADDED_END);
	if (!is_whole)
		return RECORD_PART;
	r->input_bytes += record->length;
	return record->length > 0 ? RECORD_GOOD : RECORD_INPUT_END;
}

enum record_verdict records_next(struct records *r, const struct records_limits *limits, unsigned char *bytes,
                                 size_t available, size_t *size)
{
	if (available > 0 && bytes[0] != FCGI_VERSION_1)
		return broken(r, RECORD_FAULT_VERSION);
	if (available < FCGI_HEADER_LEN)
		return RECORD_PART;
	const struct record record = { .type = bytes[1],
		                       .id = (unsigned)bytes[2] << 8 | bytes[3],
		                       .length = (unsigned)bytes[4] << 8 | bytes[5],
		                       .padding = bytes[6],
		                       .content = bytes + FCGI_HEADER_LEN };
	*size = FCGI_HEADER_LEN + record.length + record.padding;
	bool is_whole = available >= *size;

	if (record.id == FCGI_NULL_REQUEST_ID && record.type != FCGI_BEGIN_REQUEST)
		return check_management(r, &record, is_whole);
	if (r->phase != RECORDS_IN_PARAMS && r->phase != RECORDS_IN_INPUT)
		return check_between(r, &record, is_whole);
	if (record.id != r->id)
		return broken(r, RECORD_FAULT_FOREIGN);
	if (record.type == FCGI_ABORT_REQUEST)
		return is_whole ? RECORD_ABORT : RECORD_PART;
	if (r->phase == RECORDS_IN_PARAMS)
		return check_params(r, limits, &record, is_whole);
	return check_input(r, &record, is_whole);
}

/* ---- Answers of percore's own. */

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

/* Names asked for are short and have no value; whatever else comes ends the search. */
static bool asks_for(const unsigned char *bytes, size_t size, const char *name)
{
	size_t length = strlen(name);

	for (size_t i = 0; i + 2 <= size && !((bytes[i] | bytes[i + 1]) & 0x80);
	     i += 2 + (size_t)bytes[i] + bytes[i + 1])
		if (bytes[i] == length && i + 2 + length <= size && memcmp(bytes + i + 2, name, length) == 0)
			return true;
	return false;
}

static void put_header(unsigned char *bytes, unsigned type, uint16_t id, size_t length)
{
	memset(bytes, 0, FCGI_HEADER_LEN);
	bytes[0] = FCGI_VERSION_1;
	bytes[1] = (unsigned char)type;
	bytes[2] = (unsigned char)(id >> 8);
	bytes[3] = (unsigned char)id;
	bytes[5] = (unsigned char)length;
}

static size_t answer_values(const unsigned char *record, size_t size, unsigned max_connections,
                            unsigned char *answer)
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
			n += append_pair(answer + n, values[i][0], values[i][1]);
	put_header(answer, FCGI_GET_VALUES_RESULT, FCGI_NULL_REQUEST_ID, n - FCGI_HEADER_LEN);
	return n;
}

size_t records_answer(const unsigned char *record, size_t size, unsigned max_connections,
                      unsigned char answer[RECORDS_ANSWER_MAX])
{
	if (record[1] == FCGI_GET_VALUES)
		return answer_values(record, size, max_connections, answer);
	put_header(answer, FCGI_UNKNOWN_TYPE, FCGI_NULL_REQUEST_ID, 8);
	memset(answer + FCGI_HEADER_LEN, 0, 8);
	answer[FCGI_HEADER_LEN] = record[1];
	return FCGI_HEADER_LEN + 8;
}

void records_end_request(uint16_t id, unsigned char bytes[RECORDS_END_BYTES])
{
	put_header(bytes, FCGI_END_REQUEST, id, 8);
	memset(bytes + FCGI_HEADER_LEN, 0, 8); /* exit status 0, FCGI_REQUEST_COMPLETE */
}
