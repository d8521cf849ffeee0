/* SPDX-License-Identifier: ISC */
/* page - the page of /status for browsers, whole; its sources are in page/, page/embed makes page.c of them.
 */
#ifndef PERCORE_PAGE_H
#define PERCORE_PAGE_H

#include <stddef.h>

extern const unsigned char page_html[];
extern const size_t page_bytes;

/* Its Content-Security-Policy: nothing runs but what it holds, and no other host is asked. */
extern const char page_policy[];

#endif
