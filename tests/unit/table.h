/* SPDX-License-Identifier: ISC */
/* table - the connections' table, its registry and a listening socket, for the tests of those who use it. */
#ifndef TABLE_H
#define TABLE_H

#include "pool/connections.h"
#include "pool/registry.h"

#include <stdbool.h>
#include <stddef.h>

enum { TABLE_WAIT_MS = 10000, TABLE_SHORT_MS = 50 };

extern struct connections table;
extern struct registry registry;

void table_open(unsigned io_timeout_ms, uint32_t capacity);
void table_close(void);

/* Another table and registry on the same listening socket, as of the next generation. */
void table_open_next(struct connections *next, struct registry *next_registry);

/* A web server's end of a new connection; and of one that is accepted, *fd. */
int table_connect(void);
int table_accept(int *fd);

/* As that, in the registry and free; its generation is *generation. */
int table_add(uint32_t *slot, uint32_t *generation);

/* The next event within TABLE_SHORT_MS; the listening socket has generation 0.  False: none. */
bool table_event(const struct connections *from, uint32_t *slot, uint32_t *generation);

/* The peer of a client has closed, or at least sends no more.  Reads a byte where one came. */
bool table_is_closed(int client);

/* True when two descriptors are one socket's. */
bool table_is_same(int a, int b);

/* Zeroed memory that children share. */
void *table_shared(size_t size);

long table_now_ms(void);

#endif
