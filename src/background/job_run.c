/* SPDX-License-Identifier: ISC */
/* job_run - see job_run.h. */
#include "background/job_run.h"

#include "background/snapshot.h"
#include "background/value.h"
#include "background/work.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Down the pipe, followed by `length` bytes of JSON. */
struct saying {
	uint32_t is_good, length;
	char reason[BACKGROUND_REASON_MAX];
};

enum { PIPE_FD = STDERR_FILENO + 1, SAID_MAX = sizeof(struct saying) + JOB_TEXT_MAX };

/* ---- The child. */

static void say_all(const void *bytes, size_t length)
{
	const char *at = bytes;

	while (length > 0) {
		ssize_t n = write(PIPE_FD, at, length);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			_exit(1);
		at += n;
		length -= (size_t)n;
	}
}

static void say(struct percore_work *work, bool is_good)
{
	struct saying saying = { .is_good = is_good };
	size_t length = 0;
	const char *text = NULL, *wrong = work->result ? value_write(work->result, &text, &length) : NULL;

	if (is_good && wrong)
		saying.is_good = percore_fail(work, "its result could not be read back: %s", wrong);
	else if (is_good && length > JOB_TEXT_MAX)
		saying.is_good = percore_fail(work, "its result is larger than 1 MiB");
	if (!saying.is_good && !*work->reason)
		percore_fail(work, "its function gave no reason");
	memcpy(saying.reason, work->reason, sizeof saying.reason);
	saying.length = saying.is_good ? (uint32_t)length : 0;
	say_all(&saying, sizeof saying);
	say_all(text, saying.length);
}

static void keep_only(int pipe)
{
	if (pipe != PIPE_FD)
		dup2(pipe, PIPE_FD);
	fcntl(PIPE_FD, F_SETFD, FD_CLOEXEC);
	close_range(PIPE_FD + 1, ~0U, 0);
}

static _Noreturn void be_run(const struct background_job *job, const struct job_entry *entry, int pipe,
                             pid_t parent)
{
	struct percore_work work = { .id = entry->id, .attempt = entry->attempt };
	sigset_t none;

	prctl(PR_SET_NAME, "percore-job");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	setpgid(0, 0);
	keep_only(pipe);
	signal(SIGTERM, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	snapshot_begin();
	json_object *input;
	const char *wrong = value_read(entry->input, strlen(entry->input), &input);
	say(&work, wrong ? percore_fail(&work, "its input cannot be read: %s", wrong)
	                 : job->run(&work, input, job->arg));
	_exit(0);
}

/* ---- The parent. */

static void fail_to_start(struct job_run *run, const char *problem)
{
	snprintf(run->problem, sizeof run->problem, "%s", problem);
}

void job_run_start(struct job_run *run, const struct background *b, uint64_t now_ms)
{
	const struct background_job *job = job_find(b, run->entry.name);
	pid_t parent = getpid();
	int ends[2];

	*run = (struct job_run){ .pipe = -1, .is_taken = true, .since_ms = now_ms, .entry = run->entry };
	if (!job) {
		fail_to_start(run, "this program has no job of that name");
		return;
	}
	if (pipe2(ends, O_CLOEXEC) != 0) {
		fail_to_start(run, strerror(errno));
		return;
	}
	run->pid = fork();
	if (run->pid == 0)
		be_run(job, &run->entry, ends[1], parent);
	close(ends[1]);
	run->pipe = ends[0];
	fcntl(run->pipe, F_SETFL, O_NONBLOCK);
	if (run->pid > 0)
		return;
	run->pid = 0;
	fail_to_start(run, strerror(errno));
}

static bool make_room(struct job_run *run)
{
	if (run->length < run->size)
		return true;
	size_t size = run->size ? run->size * 2 : 4096;
	char *said = size <= 2 * SAID_MAX ? realloc(run->said, size) : NULL;
	if (!said)
		return false;
	run->said = said;
	run->size = size;
	return true;
}

static void shut(struct job_run *run)
{
	if (run->pipe >= 0)
		close(run->pipe);
	run->pipe = -1;
}

void job_run_read(struct job_run *run)
{
	while (run->pipe >= 0 && make_room(run)) {
		ssize_t got = read(run->pipe, run->said + run->length, run->size - run->length);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && errno == EAGAIN)
			return;
		if (got <= 0)
			break;
		run->length += (size_t)got;
	}
	shut(run);
}

/* NULL: it did not say all. */
static const struct saying *said_whole(const struct job_run *run)
{
	const struct saying *saying = (const struct saying *)run->said;

	return run->length >= sizeof *saying && run->length == sizeof *saying + saying->length ? saying
	                                                                                       : NULL;
}

static void describe(struct job_run *run, int status)
{
	if (run->cause == JOB_RUN_TIMEOUT)
		snprintf(run->problem, sizeof run->problem, "it took longer than --job-timeout");
	else if (run->cause == JOB_RUN_CUT)
		snprintf(run->problem, sizeof run->problem, "the service had to leave before it ended");
	else if (WIFSIGNALED(status))
		snprintf(run->problem, sizeof run->problem, "its process died of signal %d (%s)",
		         WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		snprintf(run->problem, sizeof run->problem, "its process left with exit status %d",
		         WEXITSTATUS(status));
}

void job_run_note_exit(struct job_run *run, int status)
{
	job_run_read(run);
	shut(run); /* what it started may hold the other end */
	run->pid = 0;
	const struct saying *saying = said_whole(run);
	if (!saying)
		describe(run, status);
	else if (!saying->is_good)
		work_copy_text(run->problem, saying->reason, sizeof run->problem);
}

void job_run_kill(struct job_run *run, enum job_run_cause cause)
{
	if (!run->pid || run->cause != JOB_RUN_OF_ITSELF)
		return;
	run->cause = cause;
	kill(run->pid, SIGKILL);
	kill(-run->pid, SIGKILL); /* and what it started */
}

struct job_outcome job_run_outcome(const struct job_run *run)
{
	const struct saying *saying = said_whole(run);

	if (*run->problem)
		return (struct job_outcome){ .problem = run->problem, .cut = run->cause == JOB_RUN_CUT };
	/* make_room left a byte after it, and the text has no NUL of its own. */
	if (saying && saying->length > 0)
		run->said[run->length] = '\0';
	return (struct job_outcome){ .result = saying && saying->length > 0 ? (const char *)(saying + 1)
		                                                            : NULL };
}

void job_run_clear(struct job_run *run)
{
	shut(run);
	free(run->said);
	free(run->entry.input);
	*run = (struct job_run){ .pipe = -1 };
}
