/* SPDX-License-Identifier: ISC */
/*
 * What is wrong, in words, and what to do.
 *
 * A warning is [level, what, what to do]; the functions that make them get the status and samples.
 */

const LONG_MS = 10000; /* a request that takes so long is named */

function sum(samples, name)
{
	return samples.reduce((total, sample) => total + sample[name], 0);
}

function generationWarnings(status)
{
	const list = [];
	if (status.draining)
		list.push([
			'info', 'The service is being stopped.',
			'It answers what it has; the web server turns to other hosts.'
		]);
	if (status.last_reload_error)
		list.push([
			'bad',
			'A new generation was refused ' + duration(status.last_reload_error_s) +
				' ago: ' + status.last_reload_error,
			'Generation ' + status.generation +
				' serves on. Correct that, and reload again (SIGHUP).'
		]);
	return list;
}

function workerWarnings(status, last15)
{
	const list = [], deaths = sum(last15, 'deaths'), by = status.by_worker;
	const living =
		by.filter(worker => worker.state !== 'leaving' && worker.generation === status.generation);
	if (deaths)
		list.push([
			deaths > 4 ? 'bad' : 'warn', many(deaths, 'worker') + ' died in the last 15 minutes.',
			'The log says which request each of them had, and of what it died. --develop yes tells the client too.'
		]);
	if (!status.draining && living.length < status.workers && status.generation)
		list.push([
			'bad',
			'Only ' + living.length + ' of ' + many(status.workers, 'worker') + ' are there.',
			'One that dies again and again is started after a growing delay; the log says why it dies.'
		]);
	for (const worker of by) {
		if (status.max_memory && worker.memory_bytes > .9 * status.max_memory)
			list.push([
				'warn',
				'Worker ' + worker.worker + ' has ' + bytes(worker.memory_bytes) +
					' of the ' + bytes(status.max_memory) + ' of --max-memory.',
				'Above it another takes its place. If that is often: a handler keeps memory, or the bound is low.'
			]);
		if (worker.request && worker.request.ms >= LONG_MS && !worker.isOurs)
			list.push([
				'info',
				'Worker ' + worker.worker + ' has had ' + worker.request.method + ' ' +
					worker.request.path + ' for ' + milliseconds(worker.request.ms) + '.',
				'--slow-log with --slow-backtrace yes tells where it is; --request-timeout ends it.'
			]);
	}
	return list;
}

function loadWarnings(status, last15, lastMinute)
{
	const list = [], shed = sum(lastMinute, 'shed'), errors = sum(lastMinute, 'errors');
	const before = sum(last15, 'shed') - shed, dropped = sum(last15, 'log_dropped'),
	      evicted = sum(last15, 'evicted');
	const all = sum(lastMinute, 'requests');
	if (shed)
		list.push([
			'bad',
			'Shedding: ' + many(shed, 'request') + ' of ' + number(all) +
				' refused with 503 in the last minute.',
			'More comes than the workers can answer. More --workers where they wait for others; faster handlers, or another host.'
		]);
	else if (before)
		list.push([
			'info',
			many(before, 'request') +
				' refused with 503 for overload in the last 15 minutes; none now.',
			'The charts show when. Queue wait and latency by route tell what was slow.'
		]);
	if (errors)
		list.push([
			'warn',
			many(errors, 'request') + ' of ' + number(all) + ' failed in the last minute (5xx).',
			'The log has the reason, by the request id that the client got too.'
		]);
	if (dropped)
		list.push([
			'warn', many(dropped, 'line') + ' of the access log dropped in the last 15 minutes.',
			'Its disk is full or too slow. --access-log-full wait drops none, and makes requests wait.'
		]);
	if (evicted)
		list.push([
			'warn',
			'The table of limits forgot ' + many(evicted, 'client') + ' before their time.',
			'It is too small for so many clients: raise --limit-table.'
		]);
	return list;
}

function otherWarnings(status)
{
	const list = [], background = status.background || {tasks: []};
	if (status.limit_store_away)
		list.push([
			'warn', 'Redis does not answer for the limits: this host counts for itself.',
			'See that it runs and lets this host in; it is tried again by itself.'
		]);
	if (background.jobs && background.jobs.store === 'away')
		list.push([
			'bad',
			'The jobs’ store is away, so jobs are refused with 503: ' +
				(background.jobs.reason || 'no reason known'),
			'Mend or start it; it is tried again each few seconds.'
		]);
	for (const task of background.tasks)
		if (task.failures_in_row)
			list.push([
				task.failures_in_row > 2 ? 'bad' : 'warn',
				'Task ' + task.task + ' failed ' + many(task.failures_in_row, 'time') +
					' in a row: ' + (task.last_reason || task.last_outcome),
				'What it published before stays in use. It runs again by itself, then less and less often.'
			]);
	if (status.sandbox_refused)
		list.push([
			'warn',
			'The sandbox refused ' + many(status.sandbox_refused, 'system call') +
				' since the start.',
			'The log names them. What handlers need is declared: percore_allow_write, _connect, _programs.'
		]);
	return list;
}

/* Said when there are others, and not at each second that one lasts. */
let announcedKind = '';

function announce(text)
{
	const kind = text.replace(/[0-9.,]+ ?[a-z]*/g, '');
	if (kind !== announcedKind)
		setText(find('announced'), text);
	announcedKind = kind;
}

function showWarnings(status, last15, lastMinute)
{
	const words = {
		bad: ['✖', 'Wrong'],
		warn: ['▲', 'Warning'],
		info: ['ℹ', 'Note'],
		good: ['✔', 'Good']
	};
	const weight = {bad: 0, warn: 1, info: 2};
	const list = [
		...generationWarnings(status), ...loadWarnings(status, last15, lastMinute),
		...workerWarnings(status, last15), ...otherWarnings(status)
	].sort((a, b) => weight[a[0]] - weight[b[0]]);
	if (!list.length)
		list.push(['good', 'Nothing to worry about.', '']);
	announce(list.map(([, what]) => what).join(' '));
	const makeItem = () => {
		const item = make('li');
		item.append(make('span', 'sign'), make('strong'), make('span', 'what-to-do'));
		item.firstElementChild.setAttribute('role', 'img');
		return item;
	};
	keep(find('warnings'), list, makeItem, (item, [level, what, todo]) => {
		const [sign, what_to_do] = [item.children[0], item.children[2]];
		if (item.className !== level) {
			item.className = level;
			sign.setAttribute('aria-label', words[level][1]);
		}
		setText(sign, words[level][0]);
		setText(item.children[1], what);
		setText(what_to_do, todo);
		what_to_do.hidden = !todo;
	});
}
