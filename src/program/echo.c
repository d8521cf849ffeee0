/*
 * echo - the body back, as it came, in constant memory.
 *
 * A web server may read no answer before it has sent the whole body (lighttpd
 * stops in mid-body, and both sides would wait for each other until the
 * timeout), so what is larger than one buffer goes through an unlinked file.
 */
#include "endpoints.h"

#include <stdio.h>

void echo_usage(struct percore_request *request)
{
	percore_answer_text(request, 200, "POST a body to /echo and it comes back.\n");
}

static bool spool(struct percore_request *request, FILE *file)
{
	char buffer[16384];
	ssize_t got;

	while ((got = percore_body_read(request, buffer, sizeof buffer)) > 0)
		if (fwrite(buffer, 1, (size_t)got, file) != (size_t)got)
			return false;
	return got == 0 && fflush(file) == 0;
}

static void send_back(struct percore_request *request, FILE *file)
{
	char buffer[16384];
	const char *type = percore_header(request, "Content-Type");
	size_t got;

	percore_stream_begin(request, 200, type && *type ? type : "application/octet-stream",
	                     percore_body_length(request));
	rewind(file);
	while ((got = fread(buffer, 1, sizeof buffer, file)) > 0)
		if (!percore_stream_write(request, buffer, got))
			return;
}

void echo_post(struct percore_request *request)
{
	FILE *file = tmpfile();

	if (!file)
		return; /* no answer: percore makes the 500 */
	if (spool(request, file))
		send_back(request, file);
	fclose(file);
}
