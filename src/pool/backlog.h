/* SPDX-License-Identifier: ISC */
/* backlog - how many connections wait to be accepted. */
#ifndef PERCORE_BACKLOG_H
#define PERCORE_BACKLOG_H

/*
 * What `ss -l` shows as Recv-Q and Send-Q: connections that wait, and the most that
 * may.  -errno where the kernel does not tell (a sandbox without netlink).
 */
int backlog_look(int listener, unsigned *waiting, unsigned *most);

#endif
