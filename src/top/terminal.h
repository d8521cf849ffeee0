/* SPDX-License-Identifier: ISC */
/*
 * terminal - the whole of a terminal, for a while: lines in, keys out.
 *
 * By the escape sequences that all terminals of today know (ECMA-48, and xterm's second screen), so there is
 * no library.  terminal_leave gives it back as it was; SIGINT, SIGTERM, SIGHUP, SIGTSTP and SIGWINCH come as
 * events.
 */
#ifndef PERCORE_TOP_TERMINAL_H
#define PERCORE_TOP_TERMINAL_H

#include "top/screen.h"

#include <termios.h>

struct terminal {
	int signals;
	bool has_colour; /* NO_COLOR is not set */
	struct termios before;
	unsigned char keys[64]; /* read, and not yet taken */
	size_t key_count;
};

enum terminal_event {
	TERMINAL_NOTHING = 0, /* until the time was over */
	/* Below 256: a key as it is. */
	TERMINAL_QUIT = 256, /* by a signal, or the terminal is gone */
	TERMINAL_RESIZED,
	TERMINAL_UP,
	TERMINAL_DOWN,
	TERMINAL_LEFT,
	TERMINAL_RIGHT,
	TERMINAL_OTHER_KEY,
};

/* 0 or -errno. */
int terminal_enter(struct terminal *terminal);
void terminal_leave(const struct terminal *terminal);

void terminal_size(int *width, int *height);
void terminal_show(const struct terminal *terminal, const struct screen *screen);

/* Waits so long at most for what comes next. */
enum terminal_event terminal_wait(struct terminal *terminal, int timeout_ms);

#endif
