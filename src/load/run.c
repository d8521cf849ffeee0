/* SPDX-License-Identifier: ISC */
/*
 * run - the loop: one thread, one epoll, no allocation once it turns.
 *
 * The queue of waiting starts takes no memory: the schedule is drawn one start at a
 * time, and a start that finds no free connection simply stays the next one.
 *
 * Lateness is our own fault alone: from when a request could have left, that is the
 * intended start or the moment a connection became free, to when it did.
 */
#include "load/run.h"

#include "load/clock.h"
#include "load/machine.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { BATCH = 64, BUFFER_BYTES = 64 << 10 };
#define PAUSE_NS (100 * CLOCK_MS_NS) /* of a client that got no connection */

struct loop {
	const struct run_plan *plan;
	struct result *result;
	struct connection_setup setup;
	struct connection *connections;
	unsigned *free; /* open model: the connections without a request, in no order */
	unsigned free_count;
	uint64_t free_since_ns; /* when there was none the last time */
	unsigned launched;      /* closed model */
	unsigned in_flight;
	struct arrival arrival;
	struct random random; /* which connection, which target */
	uint64_t start_ns, measure_ns, end_ns, stop_ns;
	uint64_t next_ns; /* the next intended start, or launch */
	uint64_t next_scan_ns, scan_every_ns;
	uint64_t next_second_ns;
	bool measuring, ended;
	struct machine_times at_start;
	uint64_t received_bytes; /* since the beginning */
	uint64_t received_before_bytes;
	uint64_t second_cpu_ns; /* our CPU time when the second began */
	struct result_second second;
	struct histogram second_corrected, second_raw;
};

static unsigned pick_target(struct loop *loop)
{
	const struct run_targets *targets = loop->plan->targets;
	double sum = 0;

	if (targets->count == 1)
		return 0;
	for (unsigned i = 0; i < targets->count; i++)
		sum += targets->weights[i];
	double at = random_unit(&loop->random) * sum;
	for (unsigned i = 0; i < targets->count; i++)
		if ((at -= targets->weights[i]) <= 0)
			return i;
	return targets->count - 1;
}

static bool is_measured(const struct loop *loop, uint64_t intended_ns)
{
	return intended_ns >= loop->measure_ns && intended_ns < loop->end_ns;
}

/* Counts the end of a request. */
static void count(struct loop *loop, const struct connection *connection, enum outcome outcome,
                  uint64_t now_ns)
{
	struct result *result = loop->result;
	struct result_target *target = &result->targets[connection->target];

	if (outcome == OUTCOME_GOOD && now_ns >= loop->measure_ns && now_ns < loop->end_ns)
		result->answered_in_time++;
	if (!is_measured(loop, connection->intended_ns))
		return;
	result->outcomes[outcome]++;
	if (outcome != OUTCOME_GOOD) {
		loop->second.failed++;
		target->failed++;
		return;
	}
	uint64_t corrected_ns = now_ns - connection->intended_ns;
	uint64_t raw_ns = now_ns - connection->started_ns;
	loop->second.good++;
	target->good++;
	histogram_record(&result->corrected, corrected_ns);
	histogram_record(&result->raw, raw_ns);
	histogram_record(&loop->second_corrected, corrected_ns);
	histogram_record(&loop->second_raw, raw_ns);
	if (result->target_count > 1)
		histogram_record(&target->latency, corrected_ns);
}

/* Sends a request now; if it ends at once, counts it. */
static void start_on(struct loop *loop, struct connection *connection, uint64_t intended_ns, uint64_t now_ns)
{
	connection->intended_ns = intended_ns;
	connection->started_ns = now_ns;
	if (is_measured(loop, intended_ns)) {
		loop->result->planned++;
		loop->second.planned++;
	}
	enum outcome outcome = connection_start(&loop->setup, connection, pick_target(loop));
	if (outcome == OUTCOME_PENDING)
		loop->in_flight++;
	else
		count(loop, connection, outcome, now_ns);
}

static void put_free(struct loop *loop, const struct connection *connection, uint64_t now_ns)
{
	if (loop->free_count == 0)
		loop->free_since_ns = now_ns;
	loop->free[loop->free_count++] = (unsigned)(connection - loop->connections);
}

/*
 * One of the free connections by chance, as independent users would have it.  The last
 * used one would leave a server that ties connections to workers with a few busy workers;
 * one after the other would feed its workers more evenly than users do.
 */
static struct connection *take_free(struct loop *loop)
{
	unsigned at = (unsigned)(random_next(&loop->random) % loop->free_count);
	struct connection *connection = &loop->connections[loop->free[at]];

	loop->free[at] = loop->free[--loop->free_count];
	return connection;
}

static void note_lateness(struct loop *loop, uint64_t now_ns)
{
	uint64_t could_ns = loop->next_ns > loop->free_since_ns ? loop->next_ns : loop->free_since_ns;
	uint64_t late_ns = now_ns - could_ns;

	if (!is_measured(loop, loop->next_ns))
		return;
	histogram_record(&loop->result->lateness, late_ns);
	if (late_ns > loop->second.lateness_max_ns)
		loop->second.lateness_max_ns = late_ns;
}

static void start_due_arrivals(struct loop *loop, uint64_t now_ns)
{
	while (loop->next_ns <= now_ns && loop->next_ns < loop->end_ns && loop->free_count > 0) {
		struct connection *connection = take_free(loop);

		note_lateness(loop, now_ns);
		start_on(loop, connection, loop->next_ns, now_ns);
		if (connection->state == CONNECTION_CLOSED)
			put_free(loop, connection, now_ns);
		uint64_t next_ns = arrival_next(&loop->arrival);
		loop->next_ns = next_ns == UINT64_MAX ? CLOCK_NEVER_NS : loop->start_ns + next_ns;
		now_ns = clock_now_ns();
	}
}

static uint64_t launch_ns(const struct loop *loop, unsigned client)
{
	if (client >= loop->plan->connections)
		return CLOCK_NEVER_NS;
	if (loop->plan->launch_per_s <= 0)
		return loop->start_ns;
	return loop->start_ns + (uint64_t)(client * 1e9 / loop->plan->launch_per_s);
}

static void launch_due_clients(struct loop *loop, uint64_t now_ns)
{
	while (loop->next_ns <= now_ns && now_ns < loop->end_ns) {
		start_on(loop, &loop->connections[loop->launched++], now_ns, now_ns);
		loop->next_ns = launch_ns(loop, loop->launched);
	}
}

static void start_due(struct loop *loop, uint64_t now_ns)
{
	if (loop->plan->model == RUN_OPEN)
		start_due_arrivals(loop, now_ns);
	else
		launch_due_clients(loop, now_ns);
}

/* A request has ended: count it and give its connection the next one. */
static void finish(struct loop *loop, struct connection *connection, enum outcome outcome, uint64_t now_ns)
{
	loop->in_flight--;
	count(loop, connection, outcome, now_ns);
	if (loop->plan->model == RUN_OPEN) {
		put_free(loop, connection, now_ns);
		start_due_arrivals(loop, now_ns);
	} else if (outcome != OUTCOME_CONNECT && now_ns < loop->end_ns) {
		start_on(loop, connection, now_ns, now_ns);
	}
}

/* Times out what waits too long, and starts the clients again that got no connection. */
static void scan(struct loop *loop, uint64_t now_ns)
{
	unsigned used = loop->plan->model == RUN_OPEN ? loop->plan->connections : loop->launched;

	loop->next_scan_ns = now_ns + loop->scan_every_ns;
	for (unsigned i = 0; i < used; i++) {
		struct connection *connection = &loop->connections[i];
		bool waits =
			connection->state == CONNECTION_BUSY || connection->state == CONNECTION_CONNECTING;

		if (waits && now_ns - connection->started_ns >= loop->plan->timeout_ns) {
			connection_close(connection);
			finish(loop, connection, OUTCOME_TIMEOUT, now_ns);
		} else if (loop->plan->model == RUN_CLOSED && !waits && now_ns < loop->end_ns &&
		           now_ns - connection->started_ns >= PAUSE_NS) {
			start_on(loop, connection, now_ns, now_ns);
		}
	}
}

static unsigned open_connections(const struct loop *loop)
{
	unsigned open = 0;

	for (unsigned i = 0; i < loop->plan->connections; i++)
		open += loop->connections[i].state != CONNECTION_CLOSED;
	return open;
}

/* A second is over: keep its figures and tell whoever shows them. */
static void close_second(struct loop *loop, uint64_t now_ns)
{
	struct result *result = loop->result;
	struct result_second *second = &loop->second;
	uint64_t cpu_ns = machine_own_cpu_ns();

	second->cpu_ns = cpu_ns - loop->second_cpu_ns;
	second->clients = open_connections(loop);
	second->p50_ns = histogram_quantile(&loop->second_corrected, 0.5);
	second->p90_ns = histogram_quantile(&loop->second_corrected, 0.9);
	second->p95_ns = histogram_quantile(&loop->second_corrected, 0.95);
	second->p99_ns = histogram_quantile(&loop->second_corrected, 0.99);
	second->p999_ns = histogram_quantile(&loop->second_corrected, 0.999);
	second->max_ns = loop->second_corrected.max_ns;
	second->raw_p99_ns = histogram_quantile(&loop->second_raw, 0.99);
	if (loop->plan->on_second) {
		struct run_progress progress = { .elapsed_ns = now_ns - loop->start_ns,
			                         .warming_up = !loop->measuring,
			                         .second = second,
			                         .errors = result_errors(result) };
		loop->plan->on_second(loop->plan->context, &progress);
	}
	if (loop->measuring)
		result->seconds[result->second_count++] = *second;
	*second = (struct result_second){ 0 };
	loop->second_corrected = loop->second_raw = (struct histogram){ 0 };
	loop->second_cpu_ns = cpu_ns;
	loop->next_second_ns += CLOCK_SECOND_NS;
}

static void begin_measuring(struct loop *loop)
{
	machine_read(&loop->at_start);
	loop->measuring = true;
	loop->received_before_bytes = loop->received_bytes;
	loop->second = (struct result_second){ 0 };
	loop->second_cpu_ns = loop->at_start.own_cpu_ns;
	loop->next_second_ns = loop->measure_ns + CLOCK_SECOND_NS;
}

static void end_measuring(struct loop *loop, uint64_t now_ns)
{
	struct machine_times at_end;

	loop->ended = true;
	loop->measuring = loop->measuring || now_ns > loop->measure_ns;
	if (loop->next_second_ns - CLOCK_SECOND_NS < loop->end_ns)
		close_second(loop, now_ns);
	loop->next_second_ns = CLOCK_NEVER_NS;
	machine_read(&at_end);
	loop->result->measured_ns = loop->end_ns > loop->measure_ns ? loop->end_ns - loop->measure_ns : 0;
	loop->result->received_bytes = loop->received_bytes - loop->received_before_bytes;
	loop->result->cpu_ns = at_end.own_cpu_ns - loop->at_start.own_cpu_ns;
	loop->result->steal_share = machine_steal_share(&loop->at_start, &at_end);
}

/* Everything that the time alone brings about. */
static void tick(struct loop *loop, uint64_t now_ns)
{
	if (*loop->plan->interrupted && !loop->ended) {
		loop->result->interrupted = true;
		loop->end_ns = now_ns;
		loop->stop_ns = now_ns + CLOCK_SECOND_NS / 10;
	}
	if (!loop->measuring && now_ns >= loop->measure_ns)
		begin_measuring(loop);
	while (now_ns >= loop->next_second_ns && loop->next_second_ns <= loop->end_ns && !loop->ended)
		close_second(loop, now_ns);
	if (!loop->ended && now_ns >= loop->end_ns)
		end_measuring(loop, now_ns);
	if (now_ns >= loop->next_scan_ns)
		scan(loop, now_ns);
	start_due(loop, now_ns);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t wake_ns(const struct loop *loop)
{
	uint64_t wake = earlier(loop->next_scan_ns, loop->ended ? loop->stop_ns : loop->end_ns);

	wake = earlier(wake, loop->next_second_ns);
	if (!loop->measuring)
		wake = earlier(wake, loop->measure_ns);
	if (loop->next_ns < loop->end_ns && (loop->plan->model == RUN_CLOSED || loop->free_count > 0))
		wake = earlier(wake, loop->next_ns);
	return wake;
}

static bool is_over(const struct loop *loop, uint64_t now_ns)
{
	if (!loop->ended)
		return false;
	if (now_ns >= loop->stop_ns)
		return true;
	return loop->in_flight == 0 && (loop->plan->model == RUN_CLOSED || loop->next_ns >= loop->end_ns);
}

static int wait_for_events(struct loop *loop, struct epoll_event events[BATCH])
{
	uint64_t now_ns = clock_now_ns(), wake = wake_ns(loop);
	uint64_t wait_ns = wake > now_ns ? wake - now_ns : 0;
	struct timespec timeout = { .tv_sec = (time_t)(wait_ns / CLOCK_SECOND_NS),
		                    .tv_nsec = (long)(wait_ns % CLOCK_SECOND_NS) };
	int n = epoll_pwait2(loop->setup.epoll, events, BATCH, &timeout, NULL);

	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	return n;
}

static int turn(struct loop *loop)
{
	struct epoll_event events[BATCH];

	for (;;) {
		uint64_t now_ns = clock_now_ns();
		tick(loop, now_ns);
		if (is_over(loop, now_ns))
			return 0;
		int n = wait_for_events(loop, events);
		if (n < 0)
			return n;
		for (int i = 0; i < n; i++) {
			struct connection *connection = events[i].data.ptr;
			enum outcome outcome = connection_event(&loop->setup, connection, events[i].events);
			if (outcome != OUTCOME_PENDING)
				finish(loop, connection, outcome, clock_now_ns());
		}
	}
}

/* Counts what was left: requests without an answer, and starts that never came to a connection. */
static void count_left_over(struct loop *loop)
{
	uint64_t now_ns = clock_now_ns();

	for (unsigned i = 0; i < loop->plan->connections; i++) {
		struct connection *connection = &loop->connections[i];
		if (connection->state == CONNECTION_BUSY || connection->state == CONNECTION_CONNECTING)
			count(loop, connection, OUTCOME_TIMEOUT, now_ns);
		connection_close(connection);
	}
	while (loop->plan->model == RUN_OPEN && loop->next_ns < loop->end_ns) {
		if (is_measured(loop, loop->next_ns)) {
			loop->result->planned++;
			loop->result->outcomes[OUTCOME_UNSENT]++;
		}
		uint64_t next_ns = arrival_next(&loop->arrival);
		loop->next_ns = next_ns == UINT64_MAX ? CLOCK_NEVER_NS : loop->start_ns + next_ns;
	}
}

static int allocate(struct loop *loop)
{
	const struct run_plan *plan = loop->plan;
	struct result *result = loop->result;

	result->target_count = plan->targets->count;
	result->targets = calloc(result->target_count, sizeof *result->targets);
	result->seconds = calloc(plan->duration_ns / CLOCK_SECOND_NS + 2, sizeof *result->seconds);
	loop->connections = calloc(plan->connections, sizeof *loop->connections);
	loop->free = calloc(plan->connections, sizeof *loop->free);
	loop->setup.buffer = malloc(BUFFER_BYTES);
	if (!result->targets || !result->seconds || !loop->connections || !loop->free || !loop->setup.buffer)
		return -ENOMEM;
	loop->setup.epoll = epoll_create1(EPOLL_CLOEXEC);
	return loop->setup.epoll < 0 ? -errno : 0;
}

static void prepare(struct loop *loop)
{
	const struct run_plan *plan = loop->plan;

	prctl(PR_SET_TIMERSLACK, 1UL);
	if (plan->model == RUN_OPEN)
		for (unsigned i = 0; i < plan->connections; i++)
			loop->free[loop->free_count++] = i;
	arrival_init(&loop->arrival, &plan->arrival);
	loop->scan_every_ns = plan->timeout_ns / 10;
	if (loop->scan_every_ns > PAUSE_NS)
		loop->scan_every_ns = PAUSE_NS;
	if (loop->scan_every_ns < CLOCK_MS_NS)
		loop->scan_every_ns = CLOCK_MS_NS;
	machine_read(&loop->at_start);
	loop->start_ns = clock_now_ns();
	loop->measure_ns = loop->start_ns + plan->warmup_ns;
	loop->end_ns = loop->measure_ns + plan->duration_ns;
	loop->stop_ns = loop->end_ns + plan->drain_ns;
	loop->next_ns = loop->start_ns + (plan->model == RUN_OPEN ? arrival_next(&loop->arrival) : 0);
	loop->next_scan_ns = loop->start_ns + loop->scan_every_ns;
	loop->next_second_ns = loop->start_ns + CLOCK_SECOND_NS;
}

int run(const struct run_plan *plan, struct result *result)
{
	*result = (struct result){ 0 };
	struct loop *loop = calloc(1, sizeof *loop);
	if (!loop)
		return -ENOMEM;
	loop->plan = plan;
	loop->result = result;
	loop->random.state = ~plan->seed;
	loop->setup = (struct connection_setup){ .address = plan->targets->address,
		                                 .protocol = plan->targets->protocol,
		                                 .requests = plan->targets->requests,
		                                 .expectations = plan->targets->expectations,
		                                 .epoll = -1,
		                                 .buffer_bytes = BUFFER_BYTES,
		                                 .received_bytes = &loop->received_bytes,
		                                 .connects = &result->connects,
		                                 .connect_errno = &result->connect_errno };
	int failed = allocate(loop);
	if (!failed) {
		prepare(loop);
		failed = turn(loop);
		count_left_over(loop);
	}
	if (loop->setup.epoll >= 0)
		close(loop->setup.epoll);
	free(loop->setup.buffer);
	free(loop->connections);
	free(loop->free);
	free(loop);
	return failed;
}
