/* SPDX-License-Identifier: ISC */
/* The last 15 minutes as charts: told apart by their dashes and by the legend's lines, not by colour alone. */

const SPAN_S = 900, LEAST_SPAN_S = 120;

const isDecade = value => value > 0 && Number.isInteger(Math.round(Math.log10(value) * 1e6) / 1e6);
const decadesOnly = (u, splits) => splits.map(value => (isDecade(value) ? value : null));
const DASHES = [[], [8, 4], [3, 3], [12, 3, 2, 3]]; /* and in status.css, for the legend */
const CHARTS = [
	{
		id: 'rate',
		text: short,
		series: ['all', 'failed', 'refused 429', 'shed 503'],
		area: true,
		least: 1,
		values: s => [s.requests, s.errors, s.refused, s.shed].map(
			count => (s.seconds ? count / s.seconds : null))
	},
	{
		id: 'latency',
		text: milliseconds,
		series: ['p50', 'p90', 'p99', 'p99.9'],
		filter: decadesOnly,
		values: s => ['p50', 'p90', 'p99', 'p99.9'].map(name => s.latency_ms && s.latency_ms[name])
	},
	{
		id: 'busy',
		text: short,
		series: ['busy, most at once', 'waiting, most at once', 'died'],
		least: 4,
		axis: {incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000]},
		values: s => [s.active, s.listen_queue, s.deaths]
	},
];

function lineOf(label, i, chart, colour)
{
	return {
		label,
		stroke: colour(['--one', '--two', '--three', '--four'][i]),
		dash: DASHES[i],
		width: i === 0 ? 2 : 1.75,
		fill: chart.area && i === 0 ? colour('--area') : undefined,
		points: {size: 5},
		value: (u, value) => chart.text(value),
	};
}

/* Axis of the time, and of the values. */
function axesOf(chart, colour)
{
	const both = {
		stroke: colour('--dim'),
		font: '12px ' + getComputedStyle(document.body).fontFamily,
		grid: {stroke: colour('--grid'), width: 1},
		ticks: {show: false}
	};
	const times = [[3600, '{HH}:{mm}'], [60, '{HH}:{mm}'], [1, '{HH}:{mm}:{ss}']];
	const grid = {...both.grid, ...(chart.filter && {filter: chart.filter})};
	return [
		{
			...both,
			size: 28,
			space: 70,
			values: times.map(([every, text]) => [every, text, ...Array(6).fill(null), 1])
		},
		{
			...both,
			...chart.axis,
			size: chart.filter ? 64 : 48,
			grid,
			values: (u, splits) => splits.map(value => (value == null ? '' : chart.text(value)))
		},
	];
}

function spanOf(plot)
{
	const times = plot.data[0], newest = times[times.length - 1] || Date.now() / 1000;
	return [Math.max(newest - SPAN_S, Math.min(times[0] || newest, newest - LEAST_SPAN_S)), newest];
}

function options(chart, width)
{
	const css = getComputedStyle(document.documentElement),
	      colour = name => css.getPropertyValue(name).trim();
	const fromZero = (u, min, max) => [0, Math.max(max * 1.1, chart.least)];
	const decades = (u, min, max) =>
		(min == null ? [.01, 10] : uPlot.rangeLog(min, Math.max(max, min * 1.01), 10, true));
	return {
		width,
		height: window.innerWidth < 720 ? 170 : 190,
		axes: axesOf(chart, colour),
		cursor: {y: false, sync: {key: 'status'}, drag: {x: false, y: false}},
		scales: {
			x: {time: true, range: spanOf},
			y: chart.filter ? {distr: 3, log: 10, range: decades} : {range: fromZero}
		},
		series: [
			{label: 'at', value: (u, at) => (at == null ? '–' : clock(at))},
			...chart.series.map((label, i) => lineOf(label, i, chart, colour))
		],
	};
}

/* Columns of the samples; where some are missing the lines are broken. */
function columns(chart, samples)
{
	const data = [[], ...chart.series.map(() => [])];
	let before = null;
	for (const sample of samples) {
		if (before && sample.time - before > 3 * Math.max(sample.seconds, 5)) {
			data[0].push(before + 1);
			data.slice(1).forEach(column => column.push(null));
		}
		data[0].push(before = sample.time);
		chart.values(sample).forEach((value, i) => data[i + 1].push(value));
	}
	return data;
}

/* In the legend, while nobody points at another. */
function showNewest(plot)
{
	if (plot && (plot.cursor.idx == null || plot.cursor.left < 0))
		plot.setLegend({idx: plot.data[0].length - 1});
}

function showCharts(samples, isNew)
{
	find('charts').hidden = !samples;
	find('no-history').hidden = !!samples;
	for (const chart of samples ? CHARTS : []) {
		const place = find(chart.id), data = columns(chart, samples);
		if (!chart.plot)
			chart.plot = new uPlot(options(chart, place.clientWidth), data, place);
		else if (isNew)
			chart.plot.setData(data);
		queueMicrotask(() => showNewest(chart.plot)); /* a new plot is drawn in one before it */
		const newest = samples[samples.length - 1], values = newest && chart.values(newest);
		place.setAttribute(
			'aria-label',
			values ? 'A chart of the last 15 minutes. Newest: ' +
					 chart.series.map((name, i) => name + ' ' + chart.text(values[i]))
						 .join(', ')
			       : 'A chart, empty so far');
	}
}

function drawAnew()
{
	for (const chart of CHARTS) {
		if (chart.plot)
			chart.plot.destroy();
		chart.plot = null;
	}
	if (shown)
		showCharts(shown.samples, true);
}
