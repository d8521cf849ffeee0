/* SPDX-License-Identifier: ISC */
/* job_store - see job_store.h. */
#include "background/job_store.h"

#include "base/redis_url.h"

const struct job_store *job_store_of(const char *store)
{
	return redis_url_is_meant(store) ? &job_store_redis : &job_store_file;
}

/* ---- For those who need no more of a store than this. */

bool job_is_redis(const char *store)
{
	return !job_store_of(store)->is_local;
}

bool job_check(const char *store)
{
	return job_store_of(store)->check(store);
}

int job_serve(const struct background *b)
{
	return job_store_of(b->settings->jobs)->serve(b);
}
