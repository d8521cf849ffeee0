/* SPDX-License-Identifier: ISC */
/* log - whatever a record of the access log holds, it becomes one line, and in JSON that is JSON. */
#include "access/access_format.h"
#include "base/json_check.h"
#include "fuzz.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char line[ACCESS_LINE_MAX];
	union access_record copy = { 0 };
	struct access_record_shm *record = &copy.record;
	struct fuzz f = { data, size };
	struct access_format format = { .combined = fuzz_byte(&f) & 1,
		                        .wall_offset_ns = (uint64_t)fuzz_number(&f) * 1000000000 };
	const struct json_rules any = { .levels = 2, .memory = SIZE_MAX };
	struct json_finding finding;
	char text[ACCESS_RECORD_MAX];

	record->status = (uint16_t)fuzz_number(&f);
	record->worker = (uint16_t)fuzz_byte(&f);
	record->limit = fuzz_byte(&f);
	record->flags = fuzz_byte(&f);
	record->start_ns = (uint64_t)fuzz_number(&f) << 32 | fuzz_number(&f);
	record->duration_ns = fuzz_number(&f);
	record->bytes = offsetof(struct access_record_shm, texts);
	for (int i = 0; i < ACCESS_TEXTS; i++)
		access_record_add(record, i, fuzz_text(&f, text, sizeof text), sizeof text);
	size_t length = access_format_line(&format, record, line);
	must(length > 0 && length <= ACCESS_LINE_MAX && memchr(line, '\n', length) == line + length - 1);
	for (size_t i = 0; i < length - 1; i++)
		must((unsigned char)line[i] >= ' ');
	if (!format.combined)
		must(json_check(line, length, &any, &finding) == JSON_GOOD);
	return 0;
}
