/*
 * head - checks in place what a web server sent, before libfcgi reads it.
 *
 * libfcgi takes the peer's word: it allocates what a parameter claims to be
 * long, answers GET_VALUES with sprintf, loses the padding of some records, and
 * blocks in the middle of a record.  So nothing is handed to it before the whole
 * head of a request (FCGI_BEGIN_REQUEST and the FCGI_PARAMS stream) lies in the
 * socket and was found good here.
 */
#ifndef PERCORE_HEAD_H
#define PERCORE_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum head_verdict {
	HEAD_REQUEST, /* a good head, whole */
	HEAD_PART,    /* good so far; more must come */
	HEAD_VALUES,  /* a whole FCGI_GET_VALUES record */
	HEAD_IGNORE,  /* a whole record that asks for nothing (an abort of what ended) */
	HEAD_BROKEN,  /* `reason` says why */
};

struct head {
	size_t bytes; /* of the head, up to the end of FCGI_PARAMS; or of the one record */
	uint16_t request_id;
	bool keep;            /* the web server asks to keep the connection */
	bool has_whole_input; /* the end of FCGI_STDIN was seen too: reading cannot block */
	const char *reason;
};

/* Looks at the first `size` bytes that wait on a connection. */
enum head_verdict head_check(const unsigned char *bytes, size_t size, struct head *head);

/*
 * Writes the FCGI_GET_VALUES_RESULT for a whole FCGI_GET_VALUES record; returns
 * its length, at most HEAD_RESULT_MAX.  FastCGI 1.0, section 4.1.
 */
enum { HEAD_RESULT_MAX = 256 };
size_t head_values_result(const unsigned char *record, size_t size, unsigned max_connections,
                          unsigned char *result);

#endif
