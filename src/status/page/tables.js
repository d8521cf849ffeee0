/* SPDX-License-Identifier: ISC */
/* What holds now: the figures on top, a tile for each worker, and tables. */

function showNow(status, samples, lastMinute)
{
	const newest = samples[samples.length - 1], latency = newest && newest.latency_ms || {};
	const rate = newest && newest.seconds ? newest.requests / newest.seconds : null;
	const busy = status.by_worker.filter(worker => worker.state === 'serving' && !worker.isOurs).length;
	const items = [
		['Requests/s', short(rate), ''],
		['p50', milliseconds(latency.p50), ''],
		['p99', milliseconds(latency.p99), ''],
		['p99.9', milliseconds(latency['p99.9']), ''],
		['Busy', number(busy), 'of ' + many(status.workers, 'worker')],
		[
			'Waiting', number(status.listen_queue),
			status.max_listen_queue ? 'most ' + number(status.max_listen_queue) : ''
		],
		['Failed', number(sum(lastMinute, 'errors') + sum(lastMinute, 'shed')), 'in a minute'],
		['Requests in all', number(status.requests), ''],
	];
	const makeItem = () => {
		const item = make('div'), value = make('dd');
		value.append(make('span'), ' ', make('small'));
		item.append(make('dt'), value);
		return item;
	};
	keep(find('now'), items, makeItem, (item, [name, value, more]) => {
		setText(item.children[0], name);
		setText(item.children[1].children[0], value);
		setText(item.children[1].children[1], more);
	});
}

/* ---- Workers. */

const DOES = {
	idle: ['○', 'idle'],
	busy: ['●', 'busy'],
	starting: ['◔', 'starting'],
	leaving: ['◑', 'leaving']
};

function facts(worker)
{
	const list = [many(worker.requests, 'request')];
	if (worker.latency_ms)
		list.push('p99 ' + milliseconds(worker.latency_ms.p99));
	if (worker.memory_bytes)
		list.push(bytes(worker.memory_bytes));
	list.push('up ' + duration(worker.up_s));
	return list.join(' · ');
}

function showWorker(item, worker, status)
{
	const [name, does, path, again, meter, about] = item.children;
	const state = worker.state === 'serving' ? (worker.isOurs ? 'idle' : 'busy') : worker.state;
	const [sign, word] = DOES[state], request = worker.isOurs ? null : worker.request;
	item.className = state;
	setText(name.children[0], 'Worker ' + worker.worker);
	setText(name.children[1], 'pid ' + worker.pid);
	setText(does,
	        sign + ' ' + word + (request ? ' for ' + milliseconds(request.ms) : '') +
	                (worker.isOurs ? ', but for this page' : '') +
	                (worker.generation !== status.generation ? ', of generation ' + worker.generation
	                                                         : ''));
	setText(path, request ? request.method + ' ' + request.path : '');
	setText(again,
	        worker.restarts
	                ? '↻ ' + many(worker.restarts, 'restart') +
	                          (worker.last_exit ? ', the last one: ' + EXITS[worker.last_exit] : '')
	                : '');
	again.hidden = !worker.restarts;
	meter.hidden = !status.max_memory || !worker.memory_bytes;
	if (!meter.hidden) {
		meter.max = status.max_memory;
		meter.high = .9 * status.max_memory;
		meter.value = worker.memory_bytes;
		meter.title = bytes(worker.memory_bytes) + ' of ' + bytes(status.max_memory);
	}
	setText(about, facts(worker));
}

function showWorkers(status)
{
	const makeItem = () => {
		const item = make('li'), name = make('p', 'name'), meter = make('meter');
		name.append(make('span'), make('span'));
		meter.setAttribute('aria-label', 'memory, of --max-memory');
		item.append(name, make('p', 'does'), make('p', 'does path'), make('p', 'again'), meter,
		            make('p', 'facts'));
		return item;
	};
	const list =
		[...status.by_worker].sort((a, b) => b.generation - a.generation || a.worker - b.worker);
	keep(find('workers'), list, makeItem, (item, worker) => showWorker(item, worker, status));
}

/* ---- Tables. */

const latencyOf =
	ms => ['mean', 'p50', 'p90', 'p99', 'p99.9', 'max'].map(name => (ms ? milliseconds(ms[name]) : '–'));

function showRoutes(status)
{
	const rows = status.routes.map(
		route => [route.route, number(route.requests), ...latencyOf(route.latency_ms)]);
	if (status.queue_wait_ms)
		rows.push(['queue wait, of all', '', ...latencyOf(status.queue_wait_ms)]);
	table('routes', ['_route', 'requests', 'mean', 'p50', 'p90', 'p99', 'p99.9', 'longest'], rows);
}

function showBackground(background)
{
	const {tasks = [], snapshots = [], jobs = null} = background || {};
	table('tasks', ['_task', '_state', 'every', 'runs', 'failures', '_last', '_why', 'took', 'next in'],
	      tasks.map(task => [task.task, task.state, milliseconds(task.every_s * 1000), number(task.runs),
	                         number(task.failures), OUTCOMES[task.last_outcome] || task.last_outcome,
	                         task.last_reason || '', milliseconds(task.last_duration_ms),
	                         task.next_run_s == null ? '–' : milliseconds(task.next_run_s * 1000)]));
	table('jobs', ['_jobs', 'number'], !jobs ? [] : [
		...['queued', 'running', 'done', 'failed', 'retried', 'refused'].map(
			name => [name, number(jobs[name])]),
		['store', jobs.store === 'good' ? '✓ good' : '✗ away']
	]);
	table('snapshots', ['_snapshot', 'version', 'size', 'published'],
	      snapshots.map(one => [one.snapshot, number(one.version), bytes(one.bytes),
	                            one.published ? one.published.slice(11, 19) + ' UTC' : '–']));
}

function showTables(status)
{
	const leaving = new Map();
	for (const worker of status.by_worker)
		if (worker.generation !== status.generation)
			leaving.set(worker.generation, (leaving.get(worker.generation) || 0) + 1);
	showRoutes(status);
	table('limits', ['_limit', 'admitted', 'refused', 'dry run'],
	      status.limits.map(limit => [limit.limit, number(limit.admitted), number(limit.refused),
	                                  number(limit.dry_refused)]));
	showBackground(status.background);
	table('generations', ['_generation', '_how it fares'], !status.generation ? [] : [
		[status.generation, '✓ serves since ' + duration(status.generation_s)],
		...[...leaving].map(
			([generation, count]) => [generation, '◑ leaving: ' + many(count, 'worker')]),
		...(status.last_reload_error ? [[
			'the next', '✗ refused ' + duration(status.last_reload_error_s) +
					    ' ago: ' + status.last_reload_error
		]]
		                             : []),
		[
			'in all',
			many(status.reloads, 'reload') + ', ' + number(status.reloads_failed) + ' refused'
		]
	]);
	table('exits', ['_why', 'workers'],
	      Object.entries(status.exits)
	              .filter(([, count]) => count)
	              .map(([why, count]) => [EXITS[why] || why, number(count)]));
}
