/* SPDX-License-Identifier: ISC */
/* resident - how much memory a process has in use. */
#ifndef PERCORE_RESIDENT_H
#define PERCORE_RESIDENT_H

/* In bytes, of a process of this user; pid 0: this one.  0: not known. */
long resident_bytes(int pid);

#endif
