/*
 * admin - a process that answers probes on an address of its own: --admin.
 *
 * So that /metrics, /status and /healthz can be reached when every worker is
 * busy.  Its descriptors are its own: it holds no connection of the pool's open.
 * The master starts it again when it ends.
 */
#ifndef PERCORE_ADMIN_H
#define PERCORE_ADMIN_H

#include "pool/pool.h"

/* Finds or makes its listening socket, where there is to be one.  0 or -errno, and it was said. */
int admin_open(struct pool *pool);

/* The program before serves no more: its socket, where ours is another, is closed. */
void admin_drop_legacy(const struct pool *pool);

/* Starts the process if it is due. */
void admin_due(struct pool *pool, uint64_t now_ms);

/* A child that is no worker has ended. */
void admin_note_exit(struct pool *pool, pid_t pid, uint64_t now_ms);

/* Another takes its place, with the settings of now. */
void admin_renew(struct pool *pool);

/* An upgrade: it is to leave, for another program's takes its place. */
void admin_leave(struct pool *pool);

/* Ends it at once. */
void admin_stop(struct pool *pool);

/* Before a new program is executed: lets the socket through to it, or no more. */
void admin_set_inherited(const struct pool *pool, bool inherited);

#endif
