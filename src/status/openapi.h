/* SPDX-License-Identifier: ISC */
/*
 * openapi - the service as a document of OpenAPI 3.1, and as a page that shows it: percore_add_openapi.
 *
 * The document is made from the routes and their shapes when it is first asked for, and kept.  The page is
 * api_page.html, which fetches the document.
 */
#ifndef PERCORE_OPENAPI_H
#define PERCORE_OPENAPI_H

#include "exchange/route.h"

/* Made before percore_run; the arg of both routes. */
struct openapi {
	const char *pattern; /* of the document */
	const char *title, *version, *description;
	char *text; /* the document; NULL: nobody has asked */
	size_t length;
};

/* Strings are copied.  NULL: there is no memory. */
struct openapi *openapi_new(const struct percore_openapi *spec, const char *title, const char *version);
void openapi_free(struct openapi *openapi);

void openapi_document(struct percore_request *request);
void openapi_page(struct percore_request *request);

/* To be put. */
json_object *openapi_describe(const struct openapi *openapi, const struct routes *routes, const char *prefix);

#endif
