/* SPDX-License-Identifier: ISC */
/*
 * handover - a connection's way from one generation to the next.
 *
 * A parcel is a message in one socket pair that lives as long as the service.  All
 * generations may write to it; the one that serves reads.  Where none serves just now, parcels
 * wait in it.
 */
#ifndef PERCORE_HANDOVER_H
#define PERCORE_HANDOVER_H

#include "pool/connections.h"
#include "pool/registry.h"

/*
 * Sends the connection of a slot that the caller has claimed, with the part of a head
 * that was read of it.  0; -EAGAIN: no room now; -errno.  The caller's copy stays open.
 */
int handover_send(int parcels, const struct connections *c, uint32_t slot, int fd);

/* Master that serves: takes in what waits.  False: some of it could not be had, and it was said. */
bool handover_receive(int parcels, struct registry *r);

/*
 * Master that retires: sends what is free, `most` at a time.  True while there may be
 * more to send.
 */
bool handover_give_free(int parcels, struct registry *r, unsigned most);

#endif
