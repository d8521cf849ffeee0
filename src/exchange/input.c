/* SPDX-License-Identifier: ISC */
/* input - see input.h. */
#include "exchange/input.h"

#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

void input_open(struct input *in, int fd)
{
	in->fd = fd;
	in->taken = in->checked = in->filled = 0;
	input_limit_body(in, in->settings.body_timeout_ms);
	in->records = (struct records){ 0 };
	in->has_head = in->has_end = in->is_aborted = in->is_long = in->is_broken = false;
}

void input_limit_body(struct input *in, uint64_t timeout_ms)
{
	in->body_timeout_ms = timeout_ms;
	in->body_by_ms = 0;
}

void input_next(struct input *in)
{
	size_t left = in->filled - in->checked;

	memmove(in->bytes, in->bytes + in->checked, left);
	input_open(in, in->fd);
	in->filled = left;
}

bool input_has_next(const struct input *in)
{
	return in->filled > in->checked;
}

/* ---- Checking. */

/* Takes `size` bytes out, where the check has come to. */
static void take_out(struct input *in, size_t size)
{
	unsigned char *at = in->bytes + in->checked;

	memmove(at, at + size, in->filled - in->checked - size);
	in->filled -= size;
}

/* Between two records of ours, so it may be sent at any time. */
static bool answer_management(struct input *in, size_t size)
{
	unsigned char answer[RECORDS_ANSWER_MAX];
	size_t n = records_answer(in->bytes + in->checked, size, in->settings.max_connections, answer);

	take_out(in, size);
	return input_write(in, answer, n) == 0;
}

/* A request that was given up before its head was whole: nobody works on it. */
static bool end_aborted_head(struct input *in)
{
	unsigned char end[RECORDS_END_BYTES];
	bool keep = in->records.keep;

	records_end_request(in->records.id, end);
	input_next(in);
	return input_write(in, end, sizeof end) == 0 && keep;
}

/* Checks what is here.  False: the connection is to be closed. */
static bool check(struct input *in)
{
	size_t size = 0;

	while (in->checked < in->filled && !in->has_end && !in->is_aborted) {
		switch (records_next(&in->records, &in->settings.limits, in->bytes + in->checked,
		                     in->filled - in->checked, &size)) {
		case RECORD_PART:
			return true;
		case RECORD_HEAD_END:
			in->has_head = true;
			in->checked += size;
			break;
		case RECORD_INPUT_END:
			in->has_end = true;
			in->checked += size;
			break;
		case RECORD_GOOD:
			in->checked += size;
			break;
		case RECORD_STRAY:
			take_out(in, size);
			break;
		case RECORD_MANAGE:
			if (!answer_management(in, size))
				return false;
			break;
		case RECORD_ABORT:
			take_out(in, size);
			if (in->has_head)
				in->is_aborted = true;
			else if (!end_aborted_head(in))
				return false;
			break;
		case RECORD_BROKEN:
			in->is_broken = true;
			return false;
		}
	}
	return true;
}

/* ---- Reading. */

/* What libfcgi has is of no more use. */
static void make_room(struct input *in)
{
	if (in->taken == 0 || in->filled < INPUT_BYTES / 2)
		return;
	memmove(in->bytes, in->bytes + in->taken, in->filled - in->taken);
	in->filled -= in->taken;
	in->checked -= in->taken;
	in->taken = 0;
}

static ssize_t receive(struct input *in)
{
	make_room(in);
	ssize_t got = recv(in->fd, in->bytes + in->filled, sizeof in->bytes - in->filled, MSG_DONTWAIT);

	if (got > 0)
		in->filled += (size_t)got;
	return got;
}

enum input_look input_look(struct input *in)
{
	for (;;) {
		if (!check(in))
			return in->is_broken ? INPUT_BROKEN : INPUT_END;
		if (in->has_head)
			return INPUT_REQUEST;
		ssize_t got = receive(in);
		if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
			return INPUT_END;
		if (got < 0 && errno == EAGAIN)
			return in->filled ? INPUT_PART : INPUT_NOTHING;
	}
}

static bool wait_until(const struct input *in, short events, uint64_t until_ms)
{
	struct pollfd poll_fd = { .fd = in->fd, .events = events };

	for (;;) {
		uint64_t now_ms = clock_ns() / 1000000;
		int ready = poll(&poll_fd, 1, until_ms > now_ms ? (int)(until_ms - now_ms) : 0);
		if (ready > 0)
			return true;
		if (ready == 0 || errno != EINTR) {
			errno = EAGAIN;
			return false;
		}
	}
}

static bool wait_for_room(const struct input *in)
{
	return wait_until(in, POLLOUT, clock_ns() / 1000000 + in->settings.io_timeout_ms);
}

/* One that trickles would hold its worker for as long as it likes. */
static bool wait_for_body(struct input *in)
{
	uint64_t now_ms = clock_ns() / 1000000, until_ms = now_ms + in->settings.io_timeout_ms;

	if (in->body_timeout_ms && !in->body_by_ms)
		in->body_by_ms = now_ms + in->body_timeout_ms;
	if (in->body_by_ms && in->body_by_ms < until_ms)
		until_ms = in->body_by_ms;
	return wait_until(in, POLLIN, until_ms);
}

/* Until there is more that is checked, or the request ends.  False: errno says why not. */
static bool fill(struct input *in)
{
	while (in->taken == in->checked && !in->has_end && !in->is_aborted) {
		ssize_t got = in->is_broken ? 0 : receive(in);
		if (got < 0 && errno == EAGAIN && !wait_for_body(in))
			return false;
		if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR) || !check(in)) {
			errno = EPROTO;
			return false;
		}
	}
	return true;
}

ssize_t input_read(struct input *in, void *buffer, size_t size)
{
	if (!fill(in))
		return -1;
	size_t n = in->checked - in->taken;

	n = n < size ? n : size;
	memcpy(buffer, in->bytes + in->taken, n);
	in->taken += n;
	return (ssize_t)n;
}

bool input_await_body(struct input *in)
{
	while (!in->has_end && !in->is_aborted && in->records.input_bytes == 0)
		if (in->taken != in->checked || !fill(in)) /* the head was taken: nothing else is here */
			return false;
	return true;
}

bool input_drain(struct input *in, uint64_t max)
{
	uint64_t from = in->records.input_bytes;

	while (!in->has_end && !in->is_aborted && in->records.input_bytes - from <= max) {
		in->taken = in->checked;
		if (!fill(in))
			return false;
	}
	in->is_long = !in->has_end && !in->is_aborted;
	return !in->is_long;
}

bool input_is_given_up(struct input *in)
{
	ssize_t got = 1;

	while (got > 0 && !in->is_aborted && !in->is_broken && in->filled < sizeof in->bytes / 4 * 3) {
		got = receive(in);
		if (got > 0)
			check(in);
	}
	return in->is_aborted || got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
}

bool input_await_end(struct input *in, unsigned timeout_ms)
{
	uint64_t until_ms = clock_ns() / 1000000 + timeout_ms;

	while (!input_is_given_up(in)) {
		if (in->filled >= sizeof in->bytes / 4 * 3) { /* no room to look for it */
			poll(NULL, 0, (int)timeout_ms);
			return false;
		}
		if (!wait_until(in, POLLIN, until_ms))
			return false;
	}
	return true;
}

int input_write(const struct input *in, const void *bytes, size_t size)
{
	const char *next = bytes;

	while (size > 0) {
		ssize_t sent = send(in->fd, next, size, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (sent < 0 && errno == EAGAIN && !wait_for_room(in))
			return -1;
		if (sent < 0 && errno != EAGAIN && errno != EINTR)
			return -1;
		if (sent > 0) {
			next += sent;
			size -= (size_t)sent;
		}
	}
	return 0;
}

/* ---- Heads in parts. */

bool input_save(const struct input *in, struct input_part *part)
{
	if (in->filled > sizeof part->bytes)
		return false;
	part->records = in->records;
	part->checked = (uint32_t)in->checked;
	part->filled = (uint32_t)in->filled;
	memcpy(part->bytes, in->bytes, in->filled);
	return true;
}

bool input_restore(struct input *in, const struct input_part *part)
{
	uint32_t filled = part->filled, checked = part->checked;

	if (filled > sizeof part->bytes || checked > filled)
		return false;
	memcpy(in->bytes, part->bytes, filled);
	in->records = part->records;
	in->filled = filled;
	in->checked = checked;
	return true;
}
