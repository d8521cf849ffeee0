/* SPDX-License-Identifier: ISC */
/* notify - tells systemd how the service is: sd_notify(3), without the library. */
#ifndef PERCORE_NOTIFY_H
#define PERCORE_NOTIFY_H

#include <stdint.h>

/* Sends "READY=1" and the like; nothing where systemd does not listen. */
void notify_send(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A reload begins: RELOADING=1 with the time that systemd wants beside it. */
void notify_reloading(void);

/* How often WATCHDOG=1 is wanted at the least, in ms; 0: not at all. */
uint64_t notify_watchdog_ms(void);

#endif
