/* SPDX-License-Identifier: ISC */
/* descriptors - what a process has open. */
#ifndef PERCORE_DESCRIPTORS_H
#define PERCORE_DESCRIPTORS_H

/* Opens 0, 1 and 2 on /dev/null where they are closed: else the next file opened would be taken for them. */
void descriptors_open_standard(void);

/*
 * Moves `fd`, where it is 0, 1 or 2, to a number above those, close-on-exec, and leaves
 * /dev/null in its place.  Returns the number.  -errno.
 */
int descriptors_move_up(int fd);

/* Closes all above 2 but these.  -1 among them stands for none. */
void descriptors_close_others(const int *kept, unsigned count);

/* Raises the soft limit of open files as far as the hard one allows.  Returns how many may be open. */
unsigned descriptors_raise_limit(void);

/* How many are open, of the first thousand. */
unsigned descriptors_count(void);

#endif
