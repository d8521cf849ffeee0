/* SPDX-License-Identifier: ISC */
/* fallback - see fallback.h.  The same problem document as percore_answer_problem makes (RFC 9457). */
#include "exchange/fallback_response.h"

#include "exchange/request.h"

#include <fastcgi.h>
#include <stdio.h>
#include <string.h>

enum { RETRY_AFTER_S = 1 };

static size_t put_record(unsigned char *bytes, int type, uint16_t id, size_t length)
{
	bytes[0] = FCGI_VERSION_1;
	bytes[1] = (unsigned char)type;
	bytes[2] = (unsigned char)(id >> 8);
	bytes[3] = (unsigned char)id;
	bytes[4] = (unsigned char)(length >> 8);
	bytes[5] = (unsigned char)length;
	bytes[6] = bytes[7] = 0;
	return FCGI_HEADER_LEN + length;
}

enum { REASON_MAX = 256 };

/* In ASCII that needs no escapes: a language's own name of a signal may be in any. */
static void put_reason(const char *reason, char text[REASON_MAX])
{
	snprintf(text, REASON_MAX, "%s", reason ? reason : "");
	for (; *text; text++)
		if (*text < ' ' || *text > '~' || *text == '"' || *text == '\\')
			*text = '?';
}

static size_t put_text(const struct fallback_response *s, char *text, size_t size)
{
	const char *phrase = answer_reason(s->status);
	char body[768], retry[32] = "", why[REASON_MAX];

	put_reason(s->reason, why);
	int length = snprintf(body, sizeof body,
	                      "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d,\"detail\":\"%s\","
	                      "\"request_id\":\"%s\"%s%s%s}",
	                      phrase, s->status, s->detail, s->id, s->reason ? ",\"reason\":\"" : "", why,
	                      s->reason ? "\"" : "");
	if (s->status == 503)
		snprintf(retry, sizeof retry, "Retry-After: %d\r\n", RETRY_AFTER_S);
	int n = snprintf(text, size,
	                 "Status: %d %s\r\nContent-Type: application/problem+json\r\nContent-Length: %d\r\n"
	                 "X-Request-ID: %s\r\nCache-Control: no-store\r\n%s\r\n%s",
	                 s->status, phrase, length, s->id, retry, s->is_head ? "" : body);
	return (size_t)n < size ? (size_t)n : size;
}

size_t fallback_response_write(const struct fallback_response *s, unsigned char bytes[FALLBACK_RESPONSE_MAX])
{
	size_t room = FALLBACK_RESPONSE_MAX -
	              4 * FCGI_HEADER_LEN; /* three headers and the body of the last record */
	size_t n = put_text(s, (char *)bytes + FCGI_HEADER_LEN, room);

	n = put_record(bytes, FCGI_STDOUT, s->fcgi_id, n);
	n += put_record(bytes + n, FCGI_STDOUT, s->fcgi_id, 0);
	memset(bytes + n + FCGI_HEADER_LEN, 0, 8); /* exit status 0, FCGI_REQUEST_COMPLETE */
	return n + put_record(bytes + n, FCGI_END_REQUEST, s->fcgi_id, 8);
}
