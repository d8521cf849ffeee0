/* job_server - the jobs' process where a file has the jobs: takes them in, runs them, tells how they fare. */
#ifndef PERCORE_JOB_SERVER_H
#define PERCORE_JOB_SERVER_H

#include "background/job.h"

/* False, and said: this build has no SQLite. */
bool job_server_check(const char *path);

/* Until the master's order to leave.  Returns the exit status. */
int job_serve_file(const struct background *background);

#endif
