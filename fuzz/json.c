/* SPDX-License-Identifier: ISC */
/* json - what json_check finds good is read, means the same when it leaves and comes again, and nothing else
 * is. */
#include "base/json_read.h"
#include "fuzz.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz f = { data, size };
	uint8_t flags = fuzz_byte(&f);
	const struct json_rules rules = { .levels = 1 + flags % 64,
		                          .memory = flags & 64 ? SIZE_MAX : 65536,
		                          .unique_names = flags & 128 };
	struct json_finding finding;
	json_object *json, *again;
	size_t length;

	enum json_verdict checked = json_check((const char *)f.data, f.size, &rules, &finding);
	must(finding.at <= f.size);
	must((checked == JSON_WRONG) == (finding.expected != NULL));
	enum json_verdict verdict = json_read((const char *)f.data, f.size, &rules, &finding, &json);
	must(verdict == checked || (verdict == JSON_WRONG && rules.unique_names));
	must(verdict == JSON_GOOD || !json);
	if (verdict != JSON_GOOD)
		return 0;
	const char *text = json_object_to_json_string_length(json, JSON_C_TO_STRING_PLAIN, &length);
	const struct json_rules any = { .levels = 64, .memory = SIZE_MAX };
	must(json_read(text, length, &any, &finding, &again) == JSON_GOOD);
	must(json_object_equal(json, again));
	json_object_put(json);
	json_object_put(again);
	return 0;
}
