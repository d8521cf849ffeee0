/* SPDX-License-Identifier: ISC */
/* terminal - see terminal.h. */
#include "top/terminal.h"

#include "base/no_memory.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define ENTER "\033[?1049h\033[?25l" /* the second screen, without a cursor */
#define LEAVE "\033[0m\033[?25h\033[?1049l"

enum { DEFAULT_WIDTH = 80, DEFAULT_HEIGHT = 24 };

static void put(const char *text, size_t length)
{
	while (length) {
		ssize_t n = write(STDOUT_FILENO, text, length);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return; /* it is gone: SIGHUP tells */
		text += n;
		length -= (size_t)n;
	}
}

/* ---- In and out. */

static void set_raw(const struct terminal *t)
{
	struct termios raw = t->before;

	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
	put(ENTER, strlen(ENTER));
}

int terminal_enter(struct terminal *t)
{
	const char *no_colour = getenv("NO_COLOR");
	sigset_t set;

	*t = (struct terminal){ .has_colour = !no_colour || !*no_colour };
	if (tcgetattr(STDIN_FILENO, &t->before) != 0)
		return -errno;
	sigemptyset(&set);
	for (const int *s = (const int[]){ SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGWINCH, 0 }; *s; s++)
		sigaddset(&set, *s);
	sigprocmask(SIG_BLOCK, &set, NULL);
	t->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (t->signals < 0)
		return -errno;
	set_raw(t);
	return 0;
}

void terminal_leave(const struct terminal *t)
{
	put(LEAVE, strlen(LEAVE));
	tcsetattr(STDIN_FILENO, TCSADRAIN, &t->before);
}

/* ^Z: the shell's turn, until it lets us go on. */
static void rest(const struct terminal *t)
{
	terminal_leave(t);
	raise(SIGSTOP);
	set_raw(t);
}

void terminal_size(int *width, int *height)
{
	struct winsize size = { 0 };

	ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
	*width = size.ws_col ? size.ws_col : DEFAULT_WIDTH;
	*height = size.ws_row ? size.ws_row : DEFAULT_HEIGHT;
}

/* ---- Lines. */

/* What stands out does so without colour too. */
static const char *look_begin(const struct terminal *t, enum look look)
{
	switch (look) {
	case LOOK_TITLE:
		return "\033[1m";
	case LOOK_WARNING:
		return t->has_colour ? "\033[1;31m" : "\033[1m";
	case LOOK_HEADING:
	case LOOK_KEYS:
		return "\033[7m";
	default:
		return "";
	}
}

static void put_line(const struct terminal *t, FILE *to, const struct screen *screen, int i)
{
	const struct screen_line *line = &screen->lines[i];
	const char *begin = look_begin(t, line->look);
	bool is_bar = line->look == LOOK_HEADING || line->look == LOOK_KEYS;

	fprintf(to, "\033[%d;1H%s%s", i + 1, begin, line->text);
	if (is_bar)
		fprintf(to, "%*s", screen->width - (int)strlen(line->text), "");
	fputs(*begin ? "\033[0m" : "", to);
	if ((int)strlen(line->text) < screen->width && !is_bar)
		fputs("\033[K", to);
}

/* Each line at its place, in one write: nothing flickers, and nothing scrolls. */
void terminal_show(const struct terminal *t, const struct screen *screen)
{
	char *text = NULL;
	size_t length = 0;
	FILE *to = open_memstream(&text, &length);

	if (!to)
		percore_no_memory();
	for (int i = 0; i < screen->count; i++)
		put_line(t, to, screen, i);
	if (screen->count < screen->height)
		fprintf(to, "\033[%d;1H\033[J", screen->count + 1);
	fclose(to);
	put(text, length);
	free(text);
}

/* ---- Keys and signals. */

static enum terminal_event arrow(unsigned char key)
{
	switch (key) {
	case 'A':
		return TERMINAL_UP;
	case 'B':
		return TERMINAL_DOWN;
	case 'C':
		return TERMINAL_RIGHT;
	case 'D':
		return TERMINAL_LEFT;
	default:
		return TERMINAL_OTHER_KEY;
	}
}

/* A key, or a sequence: ESC [ or ESC O, and all to its last letter. */
static enum terminal_event take_key(struct terminal *t)
{
	size_t length = 1;
	enum terminal_event event = t->keys[0] < 128 ? (enum terminal_event)t->keys[0] : TERMINAL_OTHER_KEY;

	if (t->keys[0] == '\033') {
		event = TERMINAL_OTHER_KEY;
		if (t->key_count > 2 && (t->keys[1] == '[' || t->keys[1] == 'O')) {
			for (length = 3; length < t->key_count && t->keys[length - 1] < '@';)
				length++;
			event = arrow(t->keys[length - 1]);
		}
	}
	t->key_count -= length;
	memmove(t->keys, t->keys + length, t->key_count);
	return event ? event : TERMINAL_OTHER_KEY;
}

static enum terminal_event read_keys(struct terminal *t)
{
	ssize_t n = read(STDIN_FILENO, t->keys, sizeof t->keys);

	if (n < 0 && errno == EINTR)
		return TERMINAL_OTHER_KEY;
	if (n <= 0)
		return TERMINAL_QUIT;
	t->key_count = (size_t)n;
	return take_key(t);
}

static enum terminal_event read_signal(const struct terminal *t)
{
	struct signalfd_siginfo info;

	if (read(t->signals, &info, sizeof info) != (ssize_t)sizeof info)
		return TERMINAL_OTHER_KEY;
	if (info.ssi_signo == SIGTSTP)
		rest(t);
	return info.ssi_signo == SIGTSTP || info.ssi_signo == SIGWINCH ? TERMINAL_RESIZED : TERMINAL_QUIT;
}

enum terminal_event terminal_wait(struct terminal *t, int timeout_ms)
{
	struct pollfd polls[] = { { .fd = STDIN_FILENO, .events = POLLIN },
		                  { .fd = t->signals, .events = POLLIN } };

	if (t->key_count)
		return take_key(t);
	if (poll(polls, 2, timeout_ms) <= 0)
		return TERMINAL_NOTHING;
	if (polls[1].revents)
		return read_signal(t);
	return read_keys(t);
}
