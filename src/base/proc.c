/* proc - see proc.h. */
#include "base/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The length of the text; -errno. */
static ssize_t read_file(pid_t pid, const char *file, char *text, size_t size)
{
	char path[48];

	snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
	*text = '\0';
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ssize_t length = read(fd, text, size - 1);
	close(fd);
	text[length > 0 ? length : 0] = '\0';
	return length;
}

/* PID (NAME) STATE ... EXIT_CODE; the name may hold anything. */
char proc_state(pid_t pid, int *status)
{
	char text[1024];
	ssize_t length = read_file(pid, "stat", text, sizeof text);
	const char *name_end = length > 0 ? strrchr(text, ')') : NULL;

	*status = -1;
	if (!name_end || name_end[1] != ' ')
		return kill(pid, 0) != 0 && errno == ESRCH ? PROC_ENDED : 'S';
	if (!strchr("ZXx", name_end[2]))
		return name_end[2];
	*status = (int)strtol(strrchr(text, ' '), NULL, 10);
	return PROC_ENDED;
}

void proc_name(pid_t pid, char name[PROC_NAME_MAX])
{
	char text[PROC_NAME_MAX + 1]; /* and a newline */

	read_file(pid, "comm", text, sizeof text);
	text[strcspn(text, "\n")] = '\0';
	memcpy(name, text, PROC_NAME_MAX);
	name[PROC_NAME_MAX - 1] = '\0';
}
