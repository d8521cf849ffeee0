/* SPDX-License-Identifier: ISC */
/*
 * The page of /status: asks for the same address as JSON each two seconds, and shows it.
 *
 * The files are one script: text, nodes, warnings, charts, tables, and this one, in that order.
 */

const EVERY_MS = 2000, TIMEOUT_MS = 10000;

let shown = null; /* { status, samples } */
let lastAnswer = null, after = 0, timer = 0, isAsking = false;

function setState(level, sign, words)
{
	const state = find('state');
	state.className = 'state ' + level;
	setText(state.children[0], sign);
	setText(state.children[1], words);
}

/* The samples so far and the new ones; null: none are kept. */
function joined(history, isAll)
{
	if (!history)
		return null;
	const before = shown && shown.samples && !isAll ? shown.samples : [];
	return [...before, ...history].slice(-SPAN_S / 5);
}

function show(status, ownId, isAll)
{
	const samples = joined(status.history, isAll), all = samples || [], seconds = status.now;
	const recent = span => all.filter(sample => sample.time > seconds - span);
	for (const worker of status.by_worker)
		worker.isOurs = !!worker.request && worker.request.request_id === ownId;
	shown = {status, samples};
	find('page').hidden = false;
	find('page').className = '';
	document.title = status.service + ': status';
	setText(find('service'), status.service);
	setText(find('about'), [
		status.service_version && 'version ' + status.service_version, 'percore ' + status.version,
		status.generation &&
			'generation ' + status.generation + ', since ' + duration(status.generation_s)
	].filter(Boolean).join(' · '));
	setState(status.draining ? 'warn' : 'good', status.draining ? '◑' : '●',
	         status.draining ? 'stopping' : 'serving');
	showWarnings(status, recent(SPAN_S), recent(60));
	showNow(status, all, recent(60));
	showCharts(samples, status.history && status.history.length > 0);
	showWorkers(status);
	showTables(status);
	setText(find('fetched'), 'As of ' + clock(seconds));
}

/* Numbers begin anew where the memory does: where none are new for long, all are asked for. */
function isOld(status)
{
	const newest = shown && shown.samples && shown.samples[shown.samples.length - 1];
	return !!status.history && !status.history.length && !!newest && status.now - newest.time > 15;
}

async function ask()
{
	const answer = await fetch(location.pathname + '?history=' + after,
	                           {cache: 'no-store', signal: AbortSignal.timeout(TIMEOUT_MS)});
	if (!answer.ok)
		throw new Error('status ' + answer.status);
	const status = await answer.json();
	show(status, answer.headers.get('X-Request-ID'), after === 0);
	const newest = shown.samples && shown.samples[shown.samples.length - 1];
	after = newest && !isOld(status) ? newest.number : 0;
	lastAnswer = Date.now() / 1000;
}

function sayAway(error)
{
	find('page').className = 'stale';
	setState('bad', '✖', 'no answer since ' + (lastAnswer ? clock(lastAnswer) : 'this page was opened'));
	setText(find('fetched'),
	        'What is shown is old (' + error.message + '). It is asked again each two seconds.');
}

async function turn()
{
	clearTimeout(timer);
	if (document.hidden || isAsking)
		return;
	isAsking = true;
	await ask().catch(sayAway);
	isAsking = false;
	timer = setTimeout(turn, EVERY_MS);
}

document.addEventListener('visibilitychange', turn);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', drawAnew);
new ResizeObserver(() => {
	for (const chart of CHARTS)
		if (chart.plot && find(chart.id).clientWidth &&
		    chart.plot.width !== find(chart.id).clientWidth)
			chart.plot.setSize({width: find(chart.id).clientWidth, height: chart.plot.height});
}).observe(find('charts'));
turn();
