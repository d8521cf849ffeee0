/* SPDX-License-Identifier: ISC */
/* Numbers, times and sizes as text for people. */

const number = (value, digits = 0) => value.toLocaleString('en', {maximumFractionDigits: digits});
const digitsOf = value => (value < 10 ? 2 : value < 100 ? 1 : 0);
const short = value => (value == null ? '–' : number(value, digitsOf(value)));
const many = (count, one, more = one + 's') => number(count) + ' ' + (count === 1 ? one : more);

function milliseconds(ms)
{
	if (ms == null)
		return '–';
	if (ms < .0005) /* a bucket's middle, of what took no time */
		return '0 ms';
	if (ms < 1000)
		return (ms < 1 ? ms.toLocaleString('en', {maximumSignificantDigits: 2})
		               : number(ms, digitsOf(ms))) +
		       ' ms';
	return ms < 1000000 ? number(ms / 1000, digitsOf(ms / 1000)) + ' s' : duration(ms / 1000);
}

function duration(seconds)
{
	if (seconds < 60)
		return many(Math.round(seconds), 'second');
	if (seconds < 3600)
		return many(Math.floor(seconds / 60), 'minute');
	if (seconds < 86400)
		return Math.floor(seconds / 3600) + ' h ' + Math.floor(seconds % 3600 / 60) + ' min';
	return many(Math.floor(seconds / 86400), 'day') + ' ' + Math.floor(seconds % 86400 / 3600) + ' h';
}

function bytes(count)
{
	const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
	let unit = 0;
	for (; count >= 1024 && unit < units.length - 1; unit++)
		count /= 1024;
	return number(count, unit ? digitsOf(count) : 0) + ' ' + units[unit];
}

const clock = seconds => new Date(seconds * 1000).toLocaleTimeString('en-GB');
const EXITS = {
	signal: 'killed by a signal',
	status: 'ended by itself',
	timeout: 'its request took too long',
	stopped: 'stopped by a signal',
	memory: 'out of memory',
	recycled: 'replaced in its turn',
	drain_timeout: 'cut at --drain-timeout',
	told: 'told to leave',
};
const OUTCOMES = {
	never: '· not yet',
	good: '✓ good',
	failed: '✗ failed',
	crashed: '✗ crashed',
	timeout: '✗ took too long',
	cut: '– cut'
};
