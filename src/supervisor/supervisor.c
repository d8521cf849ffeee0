/* SPDX-License-Identifier: ISC */
/*
 * supervisor - see supervisor.h.
 *
 * A generation is | says SERVES              | exits                          | told to stop
 * STARTING        | SERVING; the one before  | refused: said; the one before  | told to stop; killed
 *                 | is told to retire        | serves on                      | where it does not
 * SERVING         |                          | another is started             | told to stop
 * RETIRING        |                          | gone                           | told to stop
 *
 * When a generation of another program file serves, that file is executed over this
 * process too (inheritance.c): its children stay its children.
 */
#include "supervisor/supervisor.h"

#include "base/backoff.h"
#include "base/clock.h"
#include "base/descriptors.h"
#include "base/log.h"
#include "base/message.h"
#include "base/runtime_directory.h"
#include "supervisor/inheritance.h"
#include "supervisor/listener.h"
#include "supervisor/notify.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	SAME_SIGNAL_MS = 1000, /* a Ctrl-C also reaches the spawner, which passes it on: that is one */
	FOLLOWS_MS = 1000,     /* a generation that began this short a time ago is not ended for another */
	QUICK_MS = 1000,
	STOP_START_MS = 1000, /* a generation that starts, and is told to stop, is killed after this */
	LOOK_MS = 100,        /* at orphans */
	TICK_MS = 1000,
};

static struct generation *find(struct supervisor *s, enum generation_state state)
{
	for (int i = 0; i < GENERATIONS_MAX; i++)
		if (s->generations[i].state == state)
			return &s->generations[i];
	return NULL;
}

static struct generation *find_pid(struct supervisor *s, pid_t pid)
{
	for (int i = 0; i < GENERATIONS_MAX; i++)
		if (s->generations[i].state != GENERATION_NONE && s->generations[i].pid == pid)
			return &s->generations[i];
	return NULL;
}

static void say_all(struct supervisor *s, enum supervision_word word)
{
	for (int i = 0; i < GENERATIONS_MAX; i++)
		if (s->generations[i].state != GENERATION_NONE)
			generation_say(&s->generations[i], word, 0, NULL);
}

/* ---- Starting. */

static void start(struct supervisor *s, uint64_t now_ms)
{
	struct generation *g = find(s, GENERATION_NONE);

	if (!g || find(s, GENERATION_STARTING)) { /* when one has left */
		s->start_is_due = true;
		return;
	}
	s->start_is_due = false;
	*g = (struct generation){ .state = GENERATION_STARTING,
		                  .number = ++s->number,
		                  .control = -1,
		                  .started_ms = now_ms,
		                  .drain_timeout_ms = s->drain_timeout_ms };
	struct inheritance passed = { .number = g->number,
		                      .lane = (unsigned)(g - s->generations),
		                      .parcels_in = s->parcels[1],
		                      .parcels_out = s->parcels[0],
		                      .listener = s->listener,
		                      .admin_listener = s->admin_listener,
		                      .memory = s->memory,
		                      .watchdog_ms = (unsigned)notify_watchdog_ms() };
	snprintf(passed.place, sizeof passed.place, "%s", s->place);
	snprintf(passed.listen, sizeof passed.listen, "%s", s->listen);
	snprintf(passed.admin, sizeof passed.admin, "%s", s->admin);
	int error = generation_start(g, s->program, s->argv, &passed);
	if (!error)
		return;
	log_error("generation %u: cannot be started: %s", g->number, strerror(-error));
	g->state = GENERATION_NONE;
	s->start_is_due = true;
	s->start_at_ms = now_ms + BACKOFF_MAX_MS;
}

/* HUP, USR2. */
static void ask_for_next(struct supervisor *s, uint64_t now_ms)
{
	struct generation *starting = find(s, GENERATION_STARTING);

	if (s->stops)
		return;
	notify_reloading();
	s->start_at_ms = now_ms;
	if (!starting) {
		start(s, now_ms);
		return;
	}
	s->start_is_due = true;
	if (now_ms < starting->started_ms + FOLLOWS_MS || !find(s, GENERATION_SERVING))
		return;
	log_notice("reload: generation %u has not come to serve yet; it is ended, and another is started",
	           starting->number);
	starting->is_superseded = true;
	kill(-starting->pid, SIGKILL);
}

static void start_where_due(struct supervisor *s, uint64_t now_ms)
{
	if (s->start_is_due && !s->stops && now_ms >= s->start_at_ms)
		start(s, now_ms);
}

static void end_slow_start(struct supervisor *s, uint64_t now_ms)
{
	struct generation *g = find(s, GENERATION_STARTING);

	if (!g || *g->reason)
		return;
	uint64_t by_ms = s->stops ? s->stops_since_ms + STOP_START_MS : g->started_ms + s->start_timeout_ms;
	if (now_ms < by_ms)
		return;
	snprintf(g->reason, sizeof g->reason, "it did not serve within --start-timeout");
	kill(-g->pid, SIGKILL);
}

/* ---- What generations say. */

/* Only what a generation of ours has made. */
static void remove_state_file(const struct supervisor *s)
{
	struct stat named, ours;

	if (*s->state_path && s->memory >= 0 && stat(s->state_path, &named) == 0 &&
	    fstat(s->memory, &ours) == 0 && named.st_dev == ours.st_dev && named.st_ino == ours.st_ino)
		unlink(s->state_path);
}

static void take_memory(struct supervisor *s, int memory, const char *path)
{
	if (memory < 0)
		return;
	if (strcmp(s->state_path, path) != 0)
		remove_state_file(s);
	if (s->memory >= 0)
		close(s->memory);
	s->memory = memory;
	snprintf(s->state_path, sizeof s->state_path, "%s", path);
}

static void retire_others(struct supervisor *s, const struct generation *next, uint32_t flags)
{
	bool log_goes_on = flags & SUPERVISION_HAS_LOG && !(flags & SUPERVISION_NEW_MEMORY);

	for (int i = 0; i < GENERATIONS_MAX; i++) {
		struct generation *g = &s->generations[i];
		if (g == next || g->state != GENERATION_SERVING)
			continue;
		g->state = GENERATION_RETIRING;
		generation_say(g, SUPERVISION_RETIRE, log_goes_on ? SUPERVISION_LOG_GOES_ON : 0, NULL);
	}
}

/* --develop, as the generation that serves has it. */
static void set_develop(struct supervisor *s, bool is_on)
{
	if (is_on == (s->watch.fd >= 0))
		return;
	if (!is_on) {
		watch_close(&s->watch);
		return;
	}
	log_warning("develop: clients are told why requests failed; use it only where no others can reach "
	            "the service");
	int error = watch_open(&s->watch);
	if (error)
		log_warning("develop: a change of %s is not seen: %s", s->program, strerror(-error));
}

static void take_over(struct supervisor *s, struct generation *g, const struct supervision_message *message,
                      int memory)
{
	bool is_first = !s->has_served;

	if (g->state != GENERATION_STARTING || g->is_superseded || *g->reason) { /* it is killed already */
		if (memory >= 0)
			close(memory);
		return;
	}
	take_memory(s, memory, message->text);
	g->state = GENERATION_SERVING;
	if (s->stops) /* it began to serve before it heard that; all others are told to stop too */
		return;
	g->started_ms = clock_coarse_ms();
	g->drain_timeout_ms = s->drain_timeout_ms = message->drain_timeout_ms;
	s->start_timeout_ms = message->start_timeout_ms;
	s->has_served = true;
	set_develop(s, message->flags & SUPERVISION_DEVELOPS);
	retire_others(s, g, message->flags);
	if (is_first)
		log_notice("serving on %s with %u workers", s->listener_text, message->workers);
	else
		log_notice("generation %u serves with %u workers; the one before leaves", g->number,
		           message->workers);
	notify_send("READY=1\nSTATUS=%u workers serve", message->workers);
	/* Else it would not understand what it inherits. */
	s->may_go_on = message->supervisor_bytes == sizeof *s;
}

static void take_word(struct supervisor *s, struct generation *g, const struct supervision_message *message,
                      int fd)
{
	switch (message->word) {
	case SUPERVISION_SERVES:
		take_over(s, g, message, fd);
		return;
	case SUPERVISION_TICK:
		notify_send("WATCHDOG=1");
		break;
	case SUPERVISION_REFUSES:
		snprintf(g->reason, sizeof g->reason, "%s", message->text);
		break;
	default:
		break;
	}
	if (fd >= 0)
		close(fd);
}

static void hear(struct supervisor *s, struct generation *g)
{
	struct supervision_message message;
	int fd, got = -EAGAIN;

	while (g->control >= 0 && (got = supervision_hear(g->control, &message, &fd)) == 1)
		take_word(s, g, &message, fd);
	if (got == 0)
		generation_close(g);
}

static void hear_all(struct supervisor *s)
{
	for (int i = 0; i < GENERATIONS_MAX; i++)
		if (s->generations[i].state != GENERATION_NONE)
			hear(s, &s->generations[i]);
}

/* ---- Ends. */

static void describe(const struct generation *g, const siginfo_t *death, char *text, size_t size)
{
	if (*g->reason)
		snprintf(text, size, "%s", g->reason);
	else if (death->si_code == CLD_EXITED && death->si_status >= 126)
		snprintf(text, size, "the program cannot be executed");
	else if (death->si_code == CLD_EXITED)
		snprintf(text, size, "it left with exit status %d", death->si_status);
	else
		snprintf(text, size, "it died of signal %d (%s)", death->si_status,
		         strsignal(death->si_status));
}

/* What is left of it finishes its requests. */
static void orphan(struct generation *g, uint64_t now_ms)
{
	g->state = GENERATION_ORPHANED;
	g->kill_at_ms = now_ms + g->drain_timeout_ms;
}

/* Refused: the one before serves on, as if nothing had been. */
static void note_refusal(struct supervisor *s, struct generation *g, const siginfo_t *death, uint64_t now_ms)
{
	const struct generation *serving = find(s, GENERATION_SERVING);
	char reason[SUPERVISION_TEXT_MAX];

	if (s->stops || g->is_superseded)
		return;
	describe(g, death, reason, sizeof reason);
	if (serving) {
		log_error("reload: generation %u did not come to serve: %s; the one before goes on",
		          g->number, reason);
		generation_say(serving, SUPERVISION_REFUSED, 0, reason);
		notify_send(
			"READY=1\nSTATUS=the new generation did not come to serve; the one before goes on");
	} else if (!s->has_served) {
		log_error("generation %u did not come to serve: %s", g->number, reason);
		s->is_hopeless = true;
		s->status = death->si_code == CLD_EXITED && death->si_status ? death->si_status : 1;
	} else { /* nobody serves: again and again */
		log_error("generation %u did not come to serve: %s; it is tried again", g->number, reason);
		s->quick_deaths++;
		s->start_is_due = true;
		s->start_at_ms = now_ms + backoff_ms(s->quick_deaths + BACKOFF_FREE);
	}
}

static void note_death(struct supervisor *s, const struct generation *g, const siginfo_t *death,
                       uint64_t now_ms)
{
	char reason[SUPERVISION_TEXT_MAX];

	describe(g, death, reason, sizeof reason);
	log_error("generation %u, which served, is gone: %s; another is started", g->number, reason);
	s->quick_deaths = now_ms - g->started_ms < QUICK_MS ? s->quick_deaths + 1 : 0;
	s->start_is_due = true;
	s->start_at_ms = now_ms + backoff_ms(s->quick_deaths);
}

static void note_exit(struct supervisor *s, struct generation *g, const siginfo_t *death, uint64_t now_ms)
{
	enum generation_state state = g->state;
	bool is_good = death->si_code == CLD_EXITED && death->si_status == 0;

	hear(s, g);
	generation_close(g);
	if (is_good)
		g->state = GENERATION_NONE; /* it has waited for all that was its own */
	else
		orphan(g, now_ms);
	if (state == GENERATION_STARTING)
		note_refusal(s, g, death, now_ms);
	else if (state == GENERATION_SERVING && !s->stops)
		note_death(s, g, death, now_ms);
	else if (!is_good)
		log_error("generation %u died as it left: its connections are lost", g->number);
	if (!is_good && s->stops && state != GENERATION_STARTING)
		s->status = 1;
}

/* As the first process of a container it also reaps what it did not start. */
static void reap(struct supervisor *s, uint64_t now_ms)
{
	siginfo_t death = { 0 };

	while (waitid(P_ALL, 0, &death, WEXITED | WNOHANG) == 0 && death.si_pid > 0) {
		struct generation *g = find_pid(s, death.si_pid);
		if (g && g->state != GENERATION_ORPHANED)
			note_exit(s, g, &death, now_ms);
		death.si_pid = 0;
	}
}

static void look_at_orphans(struct supervisor *s, uint64_t now_ms)
{
	for (int i = 0; i < GENERATIONS_MAX; i++) {
		struct generation *g = &s->generations[i];
		if (g->state == GENERATION_ORPHANED && generation_is_gone(g, now_ms))
			g->state = GENERATION_NONE;
	}
}

/* ---- The stop. */

static bool is_any(const struct supervisor *s, enum generation_state state)
{
	for (int i = 0; i < GENERATIONS_MAX; i++)
		if (s->generations[i].state == state)
			return true;
	return false;
}

static void stop_one(struct supervisor *s, struct generation *g)
{
	bool others = is_any(s, GENERATION_RETIRING);

	generation_say(g, SUPERVISION_STOP, g->state == GENERATION_SERVING && others ? SUPERVISION_OTHERS : 0,
	               NULL);
}

static void stop(struct supervisor *s, uint64_t now_ms)
{
	if (s->stops && now_ms < s->stops_since_ms + SAME_SIGNAL_MS)
		return;
	if (s->stops) {
		log_warning("told to stop again: requests in hand are cut");
		say_all(s, SUPERVISION_CUT);
		return;
	}
	s->stops = true;
	s->stops_since_ms = now_ms;
	notify_send("STOPPING=1\nSTATUS=finishing the requests in hand");
	log_notice("stopping: finishing the requests in hand");
	hear_all(s);
	for (int i = 0; i < GENERATIONS_MAX; i++)
		if (s->generations[i].state != GENERATION_NONE)
			stop_one(s, &s->generations[i]);
}

static void tell_last(struct supervisor *s)
{
	if (!s->stops || s->told_last || is_any(s, GENERATION_RETIRING))
		return;
	s->told_last = true;
	say_all(s, SUPERVISION_LAST);
}

static bool is_over(const struct supervisor *s)
{
	if (!s->stops && !s->is_hopeless)
		return false;
	for (int i = 0; i < GENERATIONS_MAX; i++)
		if (s->generations[i].state != GENERATION_NONE)
			return false;
	return true;
}

/* ---- The listening socket. */

/*
 * A handler may have shut it down, which ends it for all who have it.  Where its address is ours, the
 * next generation gets another; a spawner's is the spawner's to make.
 */
static void replace_listener(struct supervisor *s, uint64_t now_ms)
{
	int listener = *s->listen ? listener_open(s->listen) : -ENOTSOCK;

	if (listener < 0) {
		log_error("the listening socket was shut down, and cannot be opened anew: leaving");
		stop(s, now_ms);
		s->status = 1;
		return;
	}
	log_error("the listening socket was shut down, by a handler perhaps: it is opened anew");
	close(s->listener);
	s->listener = listener;
	ask_for_next(s, now_ms);
}

/* ---- The loop. */

static void take_signal(struct supervisor *s, int signal, uint64_t now_ms)
{
	switch (signal) {
	case SIGTERM:
	case SIGINT:
	case SIGQUIT:
		stop(s, now_ms);
		break;
	case SIGHUP:
	case SIGUSR2:
		ask_for_next(s, now_ms);
		break;
	case SIGUSR1:
		say_all(s, SUPERVISION_REOPEN);
		break;
	default: /* SIGCHLD: looked after in any case */
		break;
	}
}

static int timeout_ms(const struct supervisor *s, uint64_t now_ms)
{
	bool looks = is_any(s, GENERATION_ORPHANED) || is_any(s, GENERATION_STARTING);
	uint64_t wait_ms = looks ? LOOK_MS : TICK_MS;

	if (s->start_is_due)
		wait_ms = s->start_at_ms > now_ms + wait_ms ? wait_ms
		          : s->start_at_ms > now_ms         ? s->start_at_ms - now_ms
		                                            : LOOK_MS;
	if (s->watch.due_ms && wait_ms > LOOK_MS)
		wait_ms = LOOK_MS;
	return (int)wait_ms;
}

static void wait_for_events(struct supervisor *s)
{
	struct pollfd fds[GENERATIONS_MAX + 3];
	struct signalfd_siginfo info;
	nfds_t count = 0;

	fds[count++] = (struct pollfd){ .fd = s->signals, .events = POLLIN };
	fds[count++] = (struct pollfd){ .fd = s->stops ? -1 : s->listener }; /* POLLHUP */
	fds[count++] = (struct pollfd){ .fd = s->watch.fd, .events = POLLIN };
	for (int i = 0; i < GENERATIONS_MAX; i++)
		if (s->generations[i].state != GENERATION_NONE && s->generations[i].control >= 0)
			fds[count++] = (struct pollfd){ .fd = s->generations[i].control, .events = POLLIN };
	poll(fds, count, timeout_ms(s, clock_coarse_ms()));
	while (read(s->signals, &info, sizeof info) == sizeof info)
		take_signal(s, (int)info.ssi_signo, clock_coarse_ms());
	if (fds[1].revents && !s->stops)
		replace_listener(s, clock_coarse_ms());
}

static void look_at_files(struct supervisor *s, uint64_t now_ms)
{
	const char *changed = watch_take(&s->watch, now_ms);

	if (!changed || s->stops)
		return;
	log_notice("develop: %s has changed: the next generation starts", changed);
	ask_for_next(s, now_ms);
}

static void look_after(struct supervisor *s)
{
	uint64_t now_ms = clock_coarse_ms();

	hear_all(s);
	reap(s, now_ms);
	look_at_orphans(s, now_ms);
	end_slow_start(s, now_ms);
	look_at_files(s, now_ms);
	start_where_due(s, now_ms);
	tell_last(s);
	if (s->may_go_on && !s->start_is_due) {
		s->may_go_on = false;
		inheritance_execute(s);
	}
}

static int live(struct supervisor *s)
{
	while (!is_over(s)) {
		look_after(s);
		if (!is_over(s))
			wait_for_events(s);
	}
	runtime_directory_remove(s->place, s->place_lock);
	remove_state_file(s);
	return s->status;
}

/* ---- The start. */

/* 0 or -errno. */
static int take_signals(struct supervisor *s)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
	sigemptyset(&set);
	for (const int *n = (const int[]){ SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2, SIGCHLD, 0 };
	     *n; n++)
		sigaddset(&set, *n);
	sigprocmask(SIG_SETMASK, &set, NULL);
	prctl(PR_SET_CHILD_SUBREAPER, 1); /* of the workers of a dead master */
	s->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	return s->signals < 0 ? -errno : 0;
}

static int open_admin(struct supervisor *s, const char *address)
{
	char text[256];

	s->admin_listener = -1;
	if (!address)
		return 0;
	s->admin_listener = listener_open(address);
	if (s->admin_listener < 0)
		return s->admin_listener;
	listener_describe(s->admin_listener, text, sizeof text);
	log_notice("probes also on %s", text);
	return 0;
}

static void open_place(struct supervisor *s, const char *parent)
{
	runtime_directory_sweep(parent);
	s->place_lock = runtime_directory_open(s->place, parent);
	if (s->place_lock < 0)
		log_error("runtime-dir %s: %s; there are no snapshots and no jobs", parent,
		          strerror(-s->place_lock));
}

int supervisor_run(const struct supervisor_settings *settings)
{
	static struct supervisor s;
	const struct settings *options = settings->settings;

	s = (struct supervisor){ .argv = settings->argv,
		                 .listener = settings->listener,
		                 .memory = -1,
		                 .drain_timeout_ms = (uint64_t)options->drain_timeout_ms,
		                 .start_timeout_ms = (uint64_t)options->start_timeout_ms };
	snprintf(s.listener_text, sizeof s.listener_text, "%s", settings->listener_text);
	snprintf(s.listen, sizeof s.listen, "%s", options->listen ? options->listen : "");
	snprintf(s.admin, sizeof s.admin, "%s", options->admin ? options->admin : "");
	snprintf(s.log_level, sizeof s.log_level, "%s", options->log_level);
	log_never_stall();
	descriptors_raise_limit();
	inheritance_find_program(&s);
	watch_init(&s.watch, (const char *const[]){ s.program, settings->file, NULL });
	set_develop(&s, options->develop);
	int error = take_signals(&s);
	if (!error)
		error = open_admin(&s, options->admin);
	if (!error)
		error = message_pair(s.parcels);
	if (error) {
		log_error("cannot start: %s", strerror(-error));
		return 1;
	}
	open_place(&s, options->runtime_dir);
	start(&s, clock_coarse_ms());
	return live(&s);
}

int supervisor_go_on(char **argv)
{
	static struct supervisor s;
	enum log_level level;

	if (!inheritance_resume(&s))
		return -1;
	s.argv = argv;
	if (log_parse_level(s.log_level, &level))
		log_set_level(level);
	log_never_stall();
	if (take_signals(&s) != 0)
		return 1;
	log_info("the supervisor goes on as the new program");
	return live(&s);
}
