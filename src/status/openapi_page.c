/* SPDX-License-Identifier: ISC */
/*
 * openapi_page - the page that shows the document: api_page.html, which is part of the library.
 *
 * It runs no script but its own, which has a nonce of each answer, and asks this host alone.
 */
#include "exchange/request.h"
#include "status/api_page.h"
#include "status/openapi.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* Not to be guessed. */
static const char *make_nonce(struct percore_request *request)
{
	uint64_t words[2];

	if (getrandom(words, sizeof words, 0) != sizeof words)
		abort();
	return percore_format(request, "%016llx%016llx", (unsigned long long)words[0],
	                      (unsigned long long)words[1]);
}

/* A path as URIs have it, which needs no escapes in HTML either. */
static const char *encode_path(struct percore_request *request, const char *path)
{
	static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/";
	char *encoded = percore_alloc(request, 3 * strlen(path) + 1), *to = encoded;

	for (; *path; path++) {
		unsigned char byte = (unsigned char)*path;
		if (strchr(good, byte)) {
			*to++ = *path;
		} else {
			*to++ = '%';
			*to++ = "0123456789ABCDEF"[byte >> 4];
			*to++ = "0123456789ABCDEF"[byte & 15];
		}
	}
	*to = '\0';
	return encoded;
}

/* The page with each mark replaced. */
static const char *fill(struct percore_request *request, const struct percore_pair *marks)
{
	const char *page = api_page;

	for (; marks->name; marks++)
		for (const char *at; (at = strstr(page, marks->name));)
			page = percore_format(request, "%.*s%s%s", (int)(at - page), page, marks->value,
			                      at + strlen(marks->name));
	return page;
}

void openapi_page(struct percore_request *request)
{
	const struct openapi *openapi = request->arg;
	const char *nonce = make_nonce(request);
	const char *path = percore_format(request, "%s%s", request->exchange->prefix, openapi->pattern);
	const struct percore_pair marks[] = { { "{{nonce}}", nonce },
		                              { "{{document}}", encode_path(request, path) },
		                              { NULL, NULL } };
	const char *page = fill(request, marks);

	percore_set_header(request, "Content-Security-Policy",
	                   percore_format(request,
	                                  "default-src 'none'; script-src 'nonce-%s'; style-src 'nonce-%s'; "
	                                  "connect-src 'self'; base-uri 'none'; form-action 'none'; "
	                                  "frame-ancestors 'none'; require-trusted-types-for 'script'",
	                                  nonce, nonce));
	percore_set_header(request, "X-Content-Type-Options", "nosniff");
	percore_set_header(request, "Referrer-Policy", "no-referrer");
	percore_answer_bytes(request, 200, "text/html; charset=utf-8", page, strlen(page));
}
