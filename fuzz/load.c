/* SPDX-License-Identifier: ISC */
/* load - percore-load takes whatever a server answers, over HTTP and over FastCGI, in pieces of any size. */
#include "fuzz.h"
#include "load/fcgi_client.h"
#include "load/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct protocol *const protocols[] = { &http_protocol, &fcgi_protocol,
		                                            &fcgi_protocol_once };
	struct fuzz f = { data, size };
	uint8_t how = fuzz_byte(&f);
	const struct protocol *protocol = protocols[how % 3];
	size_t piece = 1 + (how / 3) % 60;
	struct body_copy copy = { 0 };
	const struct expectation any = { .no_body = how & 128 };
	struct answer answer;
	enum answer_progress progress = ANSWER_MORE;

	answer_init(&answer, &any);
	answer.copy = &copy;
	protocol->start(&answer);
	while (progress == ANSWER_MORE && f.size > 0) {
		size_t n = piece < f.size ? piece : f.size;
		progress = protocol->feed(&answer, (const char *)f.data, n);
		f.data += n;
		f.size -= n;
	}
	if (progress == ANSWER_MORE)
		progress = protocol->end(&answer);
	must(progress != ANSWER_MORE);
	must(copy.failed || copy.size == answer.body_bytes);
	free(copy.bytes);
	return 0;
}
