/* SPDX-License-Identifier: ISC */
/* job_claim - see job_claim.h. */
#include "background/job_claim.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static bool is_of(const struct job_claim_shm *claim, const char *id)
{
	return strncmp(claim->id, id, sizeof claim->id - 1) == 0;
}

bool job_claim_make(struct jobs_shm *shm, const char *id)
{
	for (int i = 0; i < CLAIMS_MAX; i++) {
		struct job_claim_shm *claim = &shm->claims[i];
		uint32_t none = 0;
		if (!atomic_compare_exchange_strong(&claim->pid, &none, (uint32_t)getpid()))
			continue;
		strncpy(claim->id, id, sizeof claim->id - 1);
		return true;
	}
	return false;
}

static void drop(struct job_claim_shm *claim)
{
	memset(claim->id, 0, sizeof claim->id);
	atomic_store(&claim->pid, 0);
}

void job_claim_drop(struct jobs_shm *shm, const char *id)
{
	for (int i = 0; i < CLAIMS_MAX; i++)
		if (atomic_load(&shm->claims[i].pid) == (uint32_t)getpid() && is_of(&shm->claims[i], id))
			drop(&shm->claims[i]);
}

void job_claim_drop_all(struct jobs_shm *shm, pid_t pid)
{
	for (int i = 0; i < CLAIMS_MAX; i++)
		if (atomic_load(&shm->claims[i].pid) == (uint32_t)pid)
			drop(&shm->claims[i]);
}

void job_claim_drop_dead(struct jobs_shm *shm)
{
	for (int i = 0; i < CLAIMS_MAX; i++) {
		pid_t pid = (pid_t)atomic_load(&shm->claims[i].pid);
		if (pid > 0 && kill(pid, 0) != 0 && errno == ESRCH)
			drop(&shm->claims[i]);
	}
}

bool job_claim_is_made(const struct jobs_shm *shm, const char *id)
{
	for (int i = 0; i < CLAIMS_MAX; i++)
		if (atomic_load(&shm->claims[i].pid) && is_of(&shm->claims[i], id))
			return true;
	return false;
}

unsigned job_claim_count(const struct jobs_shm *shm)
{
	unsigned count = 0;

	for (int i = 0; i < CLAIMS_MAX; i++)
		count += atomic_load(&shm->claims[i].pid) != 0;
	return count;
}

unsigned job_claim_others(const struct jobs_shm *shm)
{
	unsigned count = 0;

	for (int i = 0; i < CLAIMS_MAX; i++) {
		uint32_t pid = atomic_load(&shm->claims[i].pid);
		count += pid != 0 && pid != (uint32_t)getpid();
	}
	return count;
}
