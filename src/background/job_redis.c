/* job_redis - see job_redis.h. */
#include "background/job_redis.h"

#include "log/log.h"

enum job_verdict job_redis_add(const struct background *b, struct job_offer *offer)
{
	(void)b;
	(void)offer;
	return JOB_AWAY;
}

enum job_verdict job_redis_look(const struct background *b, const char *id, char **text)
{
	(void)b;
	(void)id;
	(void)text;
	return JOB_AWAY;
}

int job_redis_serve(const struct background *b)
{
	log_line("jobs %s: percore was built without hiredis", b->settings->jobs);
	return 1;
}
