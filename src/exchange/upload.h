/* SPDX-License-Identifier: ISC */
/*
 * upload - a file that has no name, for what a client uploads: it goes with its last descriptor, whatever
 * becomes of the process.
 */
#ifndef PERCORE_UPLOAD_H
#define PERCORE_UPLOAD_H

#include <stddef.h>

/* In the directory; NULL: in memory.  A descriptor, or -errno. */
int upload_open(const char *directory);

/* All of it: 0, or -errno. */
int upload_write(int fd, const void *bytes, size_t length);

#endif
