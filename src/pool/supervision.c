/* SPDX-License-Identifier: ISC */
/* supervision - see supervision.h. */
#include "pool/supervision.h"

#include "base/message.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VARIABLE "PERCORE_GENERATION"

/* PID VERSION NUMBER LANE CONTROL IN OUT LISTENER ADMIN MEMORY WATCHDOG, and on a line each: PLACE LISTEN
 * ADMIN */
#define NUMBERS "%d %d %u %u %d %d %d %d %d %d %u"

static void set_inherited(const struct inheritance *i, int flags)
{
	const int fds[] = { i->control,  i->parcels_in,     i->parcels_out,
		            i->listener, i->admin_listener, i->memory };

	for (size_t n = 0; n < sizeof fds / sizeof fds[0]; n++)
		if (fds[n] >= 0)
			fcntl(fds[n], F_SETFD, flags);
}

/* Copies a line; returns what follows it. */
static const char *take_line(const char *text, char *line, size_t size)
{
	size_t length = strcspn(text, "\n");

	snprintf(line, size, "%.*s", (int)length, text);
	return text[length] ? text + length + 1 : text + length;
}

struct inheritance inheritance_take(void)
{
	const struct inheritance none = { .control = -1,
		                          .parcels_in = -1,
		                          .parcels_out = -1,
		                          .listener = -1,
		                          .admin_listener = -1,
		                          .memory = -1 };
	struct inheritance i = none;
	const char *text = getenv(VARIABLE);
	int pid, version, end = 0;

	if (!text)
		return none;
	int fields = sscanf(text, NUMBERS "%n", &pid, &version, &i.number, &i.lane, &i.control, &i.parcels_in,
	                    &i.parcels_out, &i.listener, &i.admin_listener, &i.memory, &i.watchdog_ms, &end);
	if (fields == 11 && end && pid == getpid() && version == SUPERVISION_VERSION) {
		i.is_generation = true;
		text = take_line(text + end + (text[end] == '\n'), i.place, sizeof i.place);
		text = take_line(text, i.listen, sizeof i.listen);
		take_line(text, i.admin, sizeof i.admin);
		set_inherited(&i, FD_CLOEXEC);
	} else {
		i = none;
		i.is_of_another_version = fields >= 2 && pid == getpid();
	}
	unsetenv(VARIABLE);
	return i;
}

void inheritance_pass(const struct inheritance *i)
{
	char text[1024];

	snprintf(text, sizeof text, NUMBERS "\n%s\n%s\n%s", (int)getpid(), SUPERVISION_VERSION, i->number,
	         i->lane, i->control, i->parcels_in, i->parcels_out, i->listener, i->admin_listener,
	         i->memory, i->watchdog_ms, i->place, i->listen, i->admin);
	setenv(VARIABLE, text, 1);
	set_inherited(i, 0);
}

void supervision_refuse(const struct inheritance *inheritance, const char *reason)
{
	struct supervision_message message = { .word = SUPERVISION_REFUSES };

	strncpy(message.text, reason, sizeof message.text - 1);
	supervision_say(inheritance->control, &message, -1);
}

int supervision_say(int control, const struct supervision_message *message, int fd)
{
	return message_send(control, message, sizeof *message, &fd, fd >= 0 ? 1 : 0, false);
}

int supervision_hear(int control, struct supervision_message *message, int *fd)
{
	unsigned count = 1;

	*fd = -1;
	int got = message_receive(control, message, sizeof *message, fd, &count, false);
	message->text[sizeof message->text - 1] = '\0';
	return got;
}
