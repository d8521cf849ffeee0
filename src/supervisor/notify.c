/* SPDX-License-Identifier: ISC */
/* notify - see notify.h. */
#include "supervisor/notify.h"

#include "base/clock.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void notify_send(const char *format, ...)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	char text[512];
	va_list arguments;

	if (!path || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof name.sun_path)
		return;
	strcpy(name.sun_path, path);
	if (path[0] == '@') /* the abstract namespace */
		name.sun_path[0] = '\0';
	va_start(arguments, format);
	int n = vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	sendto(fd, text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1, MSG_NOSIGNAL | MSG_DONTWAIT,
	       (struct sockaddr *)&name, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path)));
	close(fd);
}

void notify_reloading(void)
{
	notify_send("RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)clock_ns() / 1000);
}

/* 0: none */
static uint64_t watchdog_us(void)
{
	const char *interval_us = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");

	if (!interval_us || (pid && strtol(pid, NULL, 10) != getpid()))
		return 0;
	return strtoull(interval_us, NULL, 10);
}

uint64_t notify_watchdog_ms(void)
{
	return watchdog_us() / 2000;
}
