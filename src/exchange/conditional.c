/* SPDX-License-Identifier: ISC */
/*
 * conditional - requests that hold only where the client knows the newest version, or does not know it (RFC
 * 9110, 13; RFC 6585, 3).
 */
#include "background/snapshot.h"
#include "base/etag.h"
#include "exchange/request.h"

#include <string.h>

static bool is_reading(const struct percore_request *request)
{
	return request->is_head || strcmp(request->method, "GET") == 0;
}

bool percore_set_etag(struct percore_request *request, const char *etag)
{
	bool is_weak = strncmp(etag, "W/", 2) == 0;

	if (!etag_is_good(etag)) {
		percore_log(
			request, PERCORE_LOG_ERROR,
			"the ETag is not sent: it must have neither blanks, quotes nor control characters");
		return false;
	}
	return percore_set_header(
		request, "ETag",
		percore_format(request, "%s\"%s\"", is_weak ? "W/" : "", is_weak ? etag + 2 : etag));
}

static bool refuse(struct percore_request *request, const char *etag, int status, const char *detail)
{
	if (etag && status != 428)
		percore_set_etag(request, etag);
	if (status == 304)
		percore_answer_bytes(request, 304, NULL, "", 0);
	else
		percore_answer_problem(request, status, detail);
	return false;
}

bool percore_check_etag(struct percore_request *request, const char *etag, bool must_match)
{
	const char *match = percore_header(request, "If-Match"),
		   *none_match = percore_header(request, "If-None-Match");
	bool reads = is_reading(request);

	if (etag && !etag_is_good(etag)) {
		percore_set_etag(request, etag); /* says why not */
		percore_answer_problem(request, 500, NULL);
		return false;
	}
	if (must_match && !reads && !match && !(none_match && strcmp(none_match, "*") == 0))
		return refuse(request, etag, 428,
		              "Send If-Match with the ETag of the version that you have.");
	if (match && !(etag && etag_list_has(match, etag, true)))
		return refuse(request, etag, 412, "There is another version than that of If-Match.");
	if (none_match && etag && etag_list_has(none_match, etag, false))
		return refuse(request, etag, reads ? 304 : 412,
		              "There is a version that If-None-Match excludes.");
	if (etag && reads)
		percore_set_etag(request, etag);
	return true;
}

const char *percore_etag(struct percore_request *request, const void *bytes, size_t length)
{
	char *tag = percore_alloc(request, ETAG_OF_MAX);

	etag_of(bytes, length, tag);
	return tag;
}

bool percore_check_snapshot(struct percore_request *request, const char *name)
{
	char etag[ETAG_OF_MAX];

	return percore_check_etag(request, snapshot_tag(name, etag) ? etag : NULL, false);
}
