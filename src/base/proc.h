/* proc - what /proc knows of a process that is not our child. */
#ifndef PERCORE_PROC_H
#define PERCORE_PROC_H

#include <sys/types.h>

/*
 * 'R', 'S', 'D', 'T' (stopped by a signal) and so on, as proc(5) has it; or
 * PROC_ENDED, also of one that nobody has waited for yet, with *status as of
 * waitpid(2), -1 where that is not known.  Needs a free descriptor to see the
 * difference between the living and those not waited for.
 */
enum { PROC_ENDED = 0 };
char proc_state(pid_t pid, int *status);

/* What it calls itself; "": it is not there. */
enum { PROC_NAME_MAX = 16 };
void proc_name(pid_t pid, char name[PROC_NAME_MAX]);

#endif
