/* SPDX-License-Identifier: ISC */
/*
 * json - how fast JSON is checked, and read, on one core: make bench-json.
 *
 * Beside it json-c's own reader, and a bare copy of the text; in the same run, in turn, best of many.
 */
#include "base/clock.h"
#include "base/json_read.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_BYTES = 256 << 10, REPEATS = 60 };

static const struct json_rules rules = { .levels = 32, .memory = SIZE_MAX };

struct document {
	const char *name, *record; /* the text is an array of them; %d is its number */
};

static const struct document documents[] = {
	{ "people, as programs write them",
	  "{\"id\":%d,\"name\":\"Ada Lovelace\",\"email\":\"ada.lovelace@example.org\",\"active\":true,"
	  "\"balance\":1024.75,\"tags\":[\"first\",\"programmer\"],\"address\":{\"street\":\"12 St James's "
	  "Square\","
	  "\"city\":\"London\",\"zip\":null}}" },
	{ "the same, indented", "{\n    \"id\": %d,\n    \"name\": \"Ada Lovelace\",\n    \"email\": "
	                        "\"ada.lovelace@example.org\",\n"
	                        "    \"active\": true,\n    \"balance\": 1024.75,\n    \"tags\": [\n      "
	                        "\"first\",\n      \"programmer\"\n    ]\n  }" },
	{ "messages of a few hundred bytes", "{\"id\":%d,\"text\":\"It can do whatever we know how to order "
	                                     "it to perform. It can follow analysis; but it has "
	                                     "no power of anticipating any analytical relations or truths. "
	                                     "Its province is to assist us in making "
	                                     "available what we are already acquainted with.\"}" },
	{ "text beyond ASCII",
	  "{\"id\":%d,\"text\":\"Zw\xc3\xb6lf Boxk\xc3\xa4mpfer jagen Viktor quer \xc3\xbc"
	  "ber den gro\xc3\x9f"
	  "en Sylter "
	  "Deich \xe2\x80\x93 \xd0\xa1\xd1\x8a\xd0\xb5\xd1\x88\xd1\x8c\"}" },
	{ "numbers", "[%d,1.25,-17,3.14159,1e6,0,65536]" },
};

static char text[TEXT_BYTES + 1024], copy[sizeof text];
static size_t length;

static void make(const struct document *d)
{
	length = 0;
	text[length++] = '[';
	for (int i = 0; length < TEXT_BYTES; i++) {
		length += (size_t)snprintf(text + length, 1024, d->record, i);
		text[length++] = ',';
	}
	text[length - 1] = ']';
}

static void copy_it(void)
{
	memcpy(copy, text, length);
	__asm__ volatile("" : : "r"(copy) : "memory");
}

static void check_it(void)
{
	struct json_finding finding;

	if (json_check(text, length, &rules, &finding) != JSON_GOOD)
		abort();
}

static void read_it(void)
{
	struct json_finding finding;
	json_object *json;

	if (json_read(text, length, &rules, &finding, &json) != JSON_GOOD)
		abort();
	json_object_put(json);
}

static void read_by_json_c(void)
{
	json_tokener *tokener = json_tokener_new();

	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	json_object *json = json_tokener_parse_ex(tokener, text, (int)length);
	if (!json)
		abort();
	json_object_put(json);
	json_tokener_free(tokener);
}

int main(void)
{
	void (*const ways[])(void) = { check_it, read_it, read_by_json_c, copy_it };
	enum { WAYS = sizeof ways / sizeof ways[0] };

	printf("%-34s %9s %9s %9s %9s   MB/s\n", "", "check", "read", "json-c", "copy");
	for (size_t d = 0; d < sizeof documents / sizeof documents[0]; d++) {
		double best_ns[WAYS] = { 0 };
		make(&documents[d]);
		for (int repeat = 0; repeat < REPEATS; repeat++)
			for (int way = 0; way < WAYS; way++) {
				uint64_t start_ns = clock_ns();
				ways[way]();
				double ns = (double)(clock_ns() - start_ns);
				best_ns[way] = repeat == 0 || ns < best_ns[way] ? ns : best_ns[way];
			}
		printf("%-34s", documents[d].name);
		for (int way = 0; way < WAYS; way++)
			printf(" %9.0f", (double)length / best_ns[way] * 1000);
		printf("\n");
	}
	return 0;
}
