/* job_server - the jobs' process: takes jobs in, runs them, tells how they fare. */
#ifndef PERCORE_JOB_SERVER_H
#define PERCORE_JOB_SERVER_H

#include "background/job.h"

/* Until the master's order to leave.  Returns the exit status. */
int job_serve(const struct background *background);

#endif
