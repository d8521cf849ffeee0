/* SPDX-License-Identifier: ISC */
/* text - what others wrote, made fit for a terminal: no control character and no escape sequence gets there.
 */
#ifndef PERCORE_TOP_TEXT_H
#define PERCORE_TOP_TEXT_H

#include <stddef.h>

/* Copies it, ended and cut at `size`; each character that is not printable ASCII, of UTF-8 too, becomes '?'.
 */
void text_plain(char *to, size_t size, const char *from);

#endif
