/* SPDX-License-Identifier: ISC */
/*
 * records - what libfcgi is given of a connection's bytes, however they arrive, is what another reading
 * finds.
 *
 * The other reading has the whole stream before it, and goes by the words of the FastCGI specification (1.0,
 * 3.3, 5 and 8) and of exchange/records.h.
 */
#include "exchange/input.h"
#include "fuzz.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HEAD_MAX = 8192, PARAMS_MAX = 40, STREAM_MAX = 1 << 16 };
enum { BEGIN_REQUEST = 1, ABORT_REQUEST = 2, PARAMS = 4, STDIN = 5, RESPONDER = 1 };

/* ---- The other reading. */

enum end { WHOLE, ABORTED, BROKEN_OFF, NOTHING };

/* One request: what libfcgi is to have of it. */
struct expected {
	enum end end;
	bool has_head;
	size_t size;
	unsigned char bytes[STREAM_MAX];
};

struct stream {
	const unsigned char *bytes;
	size_t size, at;
};

enum pairs { PAIRS_WHOLE, PAIRS_PART, PAIRS_WRONG };

/* A length beyond 16 MiB is wrong, whatever follows. */
static enum pairs read_pairs(const unsigned char *bytes, size_t size, unsigned *count)
{
	for (*count = 0; size > 0; ++*count) {
		size_t lengths[2];
		for (int i = 0; i < 2; i++) {
			size_t wide = size > 0 && *bytes & 0x80 ? 4 : 1;
			if (size < wide)
				return PAIRS_PART;
			lengths[i] = wide == 1 ? *bytes
			                       : (size_t)(bytes[0] & 0x7f) << 24 | (size_t)bytes[1] << 16 |
			                                 (size_t)bytes[2] << 8 | bytes[3];
			if (lengths[i] > 1 << 24)
				return PAIRS_WRONG;
			bytes += wide;
			size -= wide;
		}
		if (lengths[0] + lengths[1] > size) {
			++*count;
			return PAIRS_PART;
		}
		bytes += lengths[0] + lengths[1];
		size -= lengths[0] + lengths[1];
	}
	return PAIRS_WHOLE;
}

/* Reads the next request of the stream. */
static void expect(struct stream *s, struct expected *e)
{
	static unsigned char params[STREAM_MAX];
	size_t params_size = 0, head = 0;
	unsigned id = 0, pairs;
	bool keep = false;

	e->end = NOTHING;
	e->has_head = false;
	e->size = 0;
	while (s->size - s->at >= 8) {
		const unsigned char *r = s->bytes + s->at;
		unsigned type = r[1], of = r[2] << 8 | r[3], length = r[4] << 8 | r[5], padding = r[6];
		size_t whole = 8 + length + padding;
		bool is_management = of == 0 && type != BEGIN_REQUEST;
		if (r[0] != 1 || (is_management && length > 1024) || whole > s->size - s->at)
			break;
		if (is_management || (!id && type == ABORT_REQUEST)) {
			s->at += whole;
			continue;
		}
		if (!id &&
		    (type != BEGIN_REQUEST || of == 0 || length != 8 || padding || r[8] || r[9] != RESPONDER))
			break;
		if (id && of != id)
			break;
		if (id && type == ABORT_REQUEST) {
			s->at += whole;
			e->end = e->has_head ? ABORTED : NOTHING;
			if (e->has_head || !keep)
				return;
			id = 0; /* it is as if it had never been */
			e->size = params_size = head = 0;
			continue;
		}
		if (id && (type != (e->has_head ? STDIN : PARAMS) || (length == 0 && padding)))
			break;
		if (!e->has_head && (head += whole) > HEAD_MAX)
			break;
		if (type == PARAMS) {
			memcpy(params + params_size, r + 8, length);
			params_size += length;
			enum pairs found = read_pairs(params, params_size, &pairs);
			if (found == PAIRS_WRONG || pairs > PARAMS_MAX ||
			    (length == 0 && found != PAIRS_WHOLE))
				break;
			e->has_head = length == 0;
		}
		memcpy(e->bytes + e->size, r, whole);
		if (!id) {
			id = of;
			keep = r[10] & 1;
			e->bytes[10] &= 0xfe;
		}
		e->size += whole;
		s->at += whole;
		if (e->has_head && type == STDIN && length == 0) {
			e->end = WHOLE;
			return;
		}
	}
	e->end = BROKEN_OFF;
}

/* ---- The reading of the house, as a worker goes about it. */

static struct input in;
static struct input_part part;

static void give(int peer, const unsigned char *bytes, size_t size)
{
	must(size == 0 || send(peer, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)size);
}

/* Until a whole head is here, in pieces; between them it may wait in a part.  False: none comes. */
static bool look(int peer, struct stream *s, size_t piece, bool waits_in_part)
{
	enum input_look found;

	while ((found = input_look(&in)) == INPUT_PART || found == INPUT_NOTHING) {
		size_t left = s->size - s->at;
		piece = piece < left ? piece : left;
		if (found == INPUT_PART && waits_in_part) {
			must(input_save(&in, &part));
			input_open(&in, in.fd);
			must(input_restore(&in, &part));
		}
		if (left == 0)
			shutdown(peer, SHUT_WR);
		else
			give(peer, s->bytes + s->at, piece);
		s->at += piece;
	}
	return found == INPUT_REQUEST;
}

static void compare(const struct expected *e, size_t step)
{
	static unsigned char got[STREAM_MAX];
	size_t size = 0;
	ssize_t n;

	while ((n = input_read(&in, got + size, step)) > 0)
		size += (size_t)n;
	must(n == 0 || errno == EPROTO);
	must((n == 0) == (e->end == WHOLE || e->end == ABORTED));
	must(in.is_aborted == (e->end == ABORTED));
	/* Of one that breaks off, what was found good before may be given, or not. */
	must(e->has_head && (size == e->size || (n < 0 && size < e->size)) &&
	     memcmp(got, e->bytes, size) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct expected expected;
	struct fuzz f = { data, size };
	uint8_t how = fuzz_byte(&f);
	struct stream other = { f.data, f.size < 32768 ? f.size : 32768, 0 }, sent = other;
	int pair[2];

	must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	in.settings = (struct input_settings){ .limits = { .head_bytes = HEAD_MAX, .params = PARAMS_MAX },
		                               .io_timeout_ms = 1000,
		                               .max_connections = 7 };
	input_open(&in, pair[1]);
	do {
		expect(&other, &expected);
		if (!look(pair[0], &sent, 1 + (how & 31) * 7, how & 32)) {
			must(!expected.has_head || expected.end == BROKEN_OFF);
			break;
		}
		give(pair[0], sent.bytes + sent.at, sent.size - sent.at);
		sent.at = sent.size;
		shutdown(pair[0], SHUT_WR);
		compare(&expected, 1 + (how >> 6) * 1000);
		input_next(&in);
	} while (expected.end == WHOLE);
	close(pair[0]);
	close(pair[1]);
	return 0;
}
