/* SPDX-License-Identifier: ISC */
/*
 * echo - the body back, as it came, in constant memory.
 *
 * A web server may read no answer before it has sent the whole body (lighttpd
 * stops in mid-body, and both sides would wait for each other until the
 * timeout), so what is larger than one buffer goes through an unlinked file.
 */
#include "endpoints.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

void echo_usage(struct percore_request *request)
{
	percore_answer_text(request, 200, "POST a body to /echo and it comes back.\n");
}

enum { BUFFER = 16384 };

static const char *type_of(struct percore_request *request)
{
	const char *type = percore_header(request, "Content-Type");

	return type && *type ? type : "application/octet-stream";
}

/* What fits into the buffer needs no file, and no directory to put it in. */
static void echo_small(struct percore_request *request)
{
	char buffer[BUFFER];
	size_t length = 0;
	ssize_t got;

	while ((got = percore_body_read(request, buffer + length, sizeof buffer - length)) > 0)
		length += (size_t)got;
	if (got == 0)
		percore_answer_bytes(request, 200, type_of(request), buffer, length);
}

/* A full disk, or no directory for it. */
static void refuse(struct percore_request *request)
{
	percore_log(request, PERCORE_LOG_ERROR, "the body cannot be kept in a file of " P_tmpdir ": %s",
	            strerror(errno));
	percore_answer_problem(request, 503, "There is no room for the body now.");
}

static bool spool(struct percore_request *request, FILE *file)
{
	char buffer[BUFFER];
	ssize_t got;

	while ((got = percore_body_read(request, buffer, sizeof buffer)) > 0)
		if (fwrite(buffer, 1, (size_t)got, file) != (size_t)got)
			break;
	if (got < 0) /* percore answers */
		return false;
	if (got == 0 && fflush(file) == 0)
		return true;
	refuse(request);
	return false;
}

static void send_back(struct percore_request *request, FILE *file)
{
	char buffer[BUFFER];
	size_t got;

	percore_stream_begin(request, 200, type_of(request), percore_body_length(request));
	rewind(file);
	while ((got = fread(buffer, 1, sizeof buffer, file)) > 0)
		if (!percore_stream_write(request, buffer, got))
			return;
}

void echo_post(struct percore_request *request)
{
	if (percore_body_length(request) <= BUFFER) {
		echo_small(request);
		return;
	}
	FILE *file = tmpfile();

	if (!file) {
		refuse(request);
		return;
	}
	if (spool(request, file))
		send_back(request, file);
	fclose(file);
}
