/* SPDX-License-Identifier: ISC */
/* api_page - the bytes of api_page.html, which the build makes an array of. */
#ifndef PERCORE_API_PAGE_H
#define PERCORE_API_PAGE_H

/* Ends with a NUL; plain ASCII.  {{nonce}} and {{document}} are for the answer to fill in. */
extern const char api_page[];

#endif
