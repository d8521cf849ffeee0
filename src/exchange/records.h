/* SPDX-License-Identifier: ISC */
/*
 * records - checks FastCGI records as they come, one after another.
 *
 * libfcgi takes the peer's word: it allocates what a parameter claims to be long,
 * answers GET_VALUES with sprintf, and drops or invents bytes around foreign and
 * padded records.  So it reads nothing that was not found good here, also in late
 * bodies.
 *
 * A request is FCGI_BEGIN_REQUEST, the FCGI_PARAMS stream, the FCGI_STDIN stream, all
 * of one id.  Management records may come between any two records.
 */
#ifndef PERCORE_RECORDS_H
#define PERCORE_RECORDS_H

#include "state/record_fault.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum record_verdict {
	RECORD_PART,      /* good so far; the rest of the record must come */
	RECORD_GOOD,      /* a record of the request */
	RECORD_HEAD_END,  /* the end of FCGI_PARAMS: the head is whole */
	RECORD_INPUT_END, /* the end of FCGI_STDIN: the request is whole */
	RECORD_ABORT,     /* FCGI_ABORT_REQUEST of this request */
	RECORD_STRAY,     /* FCGI_ABORT_REQUEST of a request that has ended: asks for nothing */
	RECORD_MANAGE,    /* a management record: records_answer */
	RECORD_BROKEN,    /* `fault` says why */
};

enum record_phase { RECORDS_BETWEEN, RECORDS_IN_PARAMS, RECORDS_IN_INPUT };

/*
 * How far the check of a request is.  No pointer, bool or enum in it: it may lie in
 * shared memory, and whatever bytes it holds there do no harm.
 */
struct records {
	uint32_t phase; /* enum record_phase */
	uint32_t fault; /* enum record_fault */
	uint16_t id;
	uint8_t keep;        /* not 0: the web server asks to keep the connection */
	uint32_t head_bytes; /* of the head so far */
	uint32_t params;     /* pairs so far */
	uint64_t input_bytes;
	struct {
		uint32_t skip;     /* bytes of name and value still to come */
		uint32_t number;   /* a length in the making */
		uint32_t digits;   /* its bytes still to come */
		uint32_t name;     /* the pair's first length, when the second is read */
		uint32_t has_name; /* not 0: it is */
	} pairs;
};

struct records_limits {
	uint32_t head_bytes; /* of FCGI_BEGIN_REQUEST and FCGI_PARAMS together, headers of records included */
	uint32_t params;     /* pairs */
};

/*
 * Looks at the record that begins at `bytes`.  *size: its length, where it is whole.
 * FCGI_KEEP_CONN is taken out of a whole FCGI_BEGIN_REQUEST, in place: libfcgi is to
 * give the connection back after each request.
 */
enum record_verdict records_next(struct records *r, const struct records_limits *limits, unsigned char *bytes,
                                 size_t available, size_t *size);

/*
 * Writes the answer to a whole management record: FCGI_GET_VALUES_RESULT or
 * FCGI_UNKNOWN_TYPE (FastCGI 1.0, 4.1 and 4.2).  Returns its length.
 */
enum { RECORDS_ANSWER_MAX = 128 };
size_t records_answer(const unsigned char *record, size_t size, unsigned max_connections,
                      unsigned char answer[RECORDS_ANSWER_MAX]);

/* FCGI_END_REQUEST for a request that was aborted before it was whole. */
enum { RECORDS_END_BYTES = 16 };
void records_end_request(uint16_t id, unsigned char bytes[RECORDS_END_BYTES]);

#endif
