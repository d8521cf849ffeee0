/* SPDX-License-Identifier: ISC */
/*
 * access_format - a record as a line of the access log: JSON, or the combined format.
 *
 * Whatever the texts hold, the line is one line: in JSON it parses, and is UTF-8.
 */
#ifndef PERCORE_ACCESS_FORMAT_H
#define PERCORE_ACCESS_FORMAT_H

#include "access/access_ring.h"

/* So that a pipe takes a line whole or not at all (PIPE_BUF). */
enum { ACCESS_LINE_MAX = 4096 };

struct access_format {
	bool combined;
	uint64_t wall_offset_ns; /* wall clock less monotonic clock */
	char second_text[40];    /* of `second`: "2026-01-31T12:00:00" or "31/Jan/2026:12:00:00 +0100" */
	uint64_t second;
};

/* Writes the line with its newline; returns its length. */
size_t access_format_line(struct access_format *format, const struct access_record_shm *record,
                          char line[ACCESS_LINE_MAX]);

/* The trace id in a traceparent header's value (32 hex digits), or NULL where that is not valid: W3C Trace
 * Context, 3.2, version 00. */
const char *access_trace_id(const char *value, size_t length);

#endif
