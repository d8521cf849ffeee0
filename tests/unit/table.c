/* SPDX-License-Identifier: ISC */
/* table - see table.h. */
#include "table.h"

#include "base/cookie.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

struct connections table;
struct registry registry;

static struct sockaddr_un name = { .sun_family = AF_UNIX };

static int listen_somewhere(void)
{
	char path[] = "/tmp/percore-table-XXXXXX";
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_ptr_nonnull(mkdtemp(path));
	snprintf(name.sun_path, sizeof name.sun_path, "%s/s", path);
	ck_assert_int_eq(bind(listener, (struct sockaddr *)&name, sizeof name), 0);
	ck_assert_int_eq(listen(listener, 64), 0);
	return listener;
}

void table_open(unsigned io_timeout_ms, uint32_t capacity)
{
	const struct connections_settings settings = { .listener = listen_somewhere(),
		                                       .io_timeout_ms = io_timeout_ms,
		                                       .capacity = capacity,
		                                       .is_pool = true };

	ck_assert_int_eq(connections_open(&table, &settings), 0);
	ck_assert_int_eq(connections_listen(&table), 0);
	ck_assert_int_eq(registry_open(&registry, &table), 0);
}

void table_close(void)
{
	free(registry.fds);
	registry.fds = NULL;
	unlink(name.sun_path);
	*strrchr(name.sun_path, '/') = '\0';
	rmdir(name.sun_path);
}

void table_open_next(struct connections *next, struct registry *next_registry)
{
	const struct connections_settings settings = { .listener = table.listener,
		                                       .io_timeout_ms = table.io_timeout_ms,
		                                       .capacity = table.capacity,
		                                       .is_pool = true };

	ck_assert_int_eq(connections_open(next, &settings), 0);
	ck_assert_int_eq(registry_open(next_registry, next), 0);
}

int table_connect(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(connect(fd, (struct sockaddr *)&name, sizeof name), 0);
	return fd;
}

int table_accept(int *fd)
{
	int client = table_connect();

	*fd = accept4(table.listener, NULL, NULL, SOCK_CLOEXEC);
	ck_assert_int_ge(*fd, 0);
	return client;
}

int table_add(uint32_t *slot, uint32_t *generation)
{
	struct connections_state state;
	int fd, client = table_accept(&fd);

	ck_assert(registry_add_free(&registry, fd));
	for (*slot = 0; registry_fd(&registry, *slot) != fd; ++*slot)
		ck_assert_uint_lt(*slot, table.slots);
	ck_assert(connections_look(&table, *slot, &state));
	*generation = state.generation;
	return client;
}

bool table_event(const struct connections *from, uint32_t *slot, uint32_t *generation)
{
	struct epoll_event e;

	if (epoll_wait(from->epoll, &e, 1, TABLE_SHORT_MS) != 1)
		return false;
	*slot = (uint32_t)e.data.u64;
	*generation = (uint32_t)(e.data.u64 >> 32);
	return true;
}

bool table_is_closed(int client)
{
	char byte;

	return recv(client, &byte, 1, MSG_DONTWAIT) == 0 || errno == ECONNRESET;
}

bool table_is_same(int a, int b)
{
	return a >= 0 && b >= 0 && socket_cookie(a) && socket_cookie(a) == socket_cookie(b);
}

void *table_shared(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(memory, MAP_FAILED);
	return memory;
}

long table_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
