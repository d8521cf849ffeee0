/* SPDX-License-Identifier: ISC */
/*
 * request - whatever parameters and body a web server passes on, the request is answered, as JSON where it
 * says so; the handler sees no text that is not UTF-8 in its path.
 */
#include "../tests/unit/ask.h"
#include "base/json_check.h"
#include "base/utf8.h"
#include "fuzz.h"

#include <stdio.h>
#include <string.h>

enum { PAIRS_MAX = 24, TEXT_MAX = 300 };

static json_object *text_of(const char *text)
{
	return text && utf8_is_valid(text, strlen(text)) ? json_object_new_string(text) : NULL;
}

/* Each pair is whole, and its texts are its own. */
static size_t bytes_of(const struct percore_pair *pairs)
{
	size_t bytes = 0;

	for (; pairs->name; pairs++)
		bytes += strlen(pairs->name) + strlen(pairs->value);
	return bytes;
}

static void look_at_all(struct percore_request *request)
{
	const char *trace = percore_traceparent(request), *rest = percore_path_value(request, "rest");
	size_t bytes = bytes_of(percore_query_all(request)) + bytes_of(percore_cookie_all(request)) +
	               bytes_of(percore_header_all(request));

	must(!trace || strlen(trace) == 55);
	must(rest && utf8_is_valid(rest, strlen(rest)));
	must(bytes < PAIRS_MAX * TEXT_MAX * 8);
}

static void handle(struct percore_request *request)
{
	json_object *body, *answer = json_object_new_object();
	const char *value = percore_path_value(request, "name");
	char buffer[64];

	must(!value || utf8_is_valid(value, strlen(value)));
	look_at_all(request);
	if (percore_query(request, "etag") && !percore_check_etag(request, "v1", true)) {
		json_object_put(answer);
		return;
	}
	json_object_object_add(answer, "name", text_of(value));
	json_object_object_add(answer, "a", text_of(percore_query(request, "a")));
	json_object_object_add(answer, "header", text_of(percore_header(request, "X-A")));
	json_object_object_add(answer, "client", text_of(percore_param(request, "REMOTE_ADDR")));
	if (percore_query(request, "read")) {
		while (percore_body_read(request, buffer, sizeof buffer) > 0)
			;
	} else if (percore_query(request, "form")) {
		if (!percore_body_form(request,
		                       &(struct percore_form_rules){ .max_text = 1000, .max_file = 1000 })) {
			json_object_put(answer);
			return;
		}
		json_object_object_add(answer, "field", text_of(percore_form(request, "a")));
		must(percore_form_files(request) != NULL);
	} else if (percore_header(request, "Content-Type")) {
		if (!percore_body_json(request, 0, &body)) {
			json_object_put(answer);
			return;
		}
		json_object_object_add(answer, "body", json_object_get(body));
	}
	percore_answer_json(request, 200, answer);
}

static void before(struct percore_request *request)
{
	must(percore_path(request)[0] == '/');
	percore_set_header(request, "X-Before", "1");
}

static struct hooks hooks;
static struct cors cors;

static void add_hooks(void)
{
	static const char *origins = "https://a.example";

	if (hooks.count > 0)
		return;
	must(!hooks_add(&hooks, &(struct percore_hook){ .prefix = "/a", .before = before }));
	must(!cors_add(&cors, &(struct percore_cors){ .origins = &origins }));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char texts[PAIRS_MAX * 2][TEXT_MAX];
	const char *pairs[PAIRS_MAX * 2 + 1];
	struct fuzz f = { data, size };
	unsigned count = 0;

	add_hooks();
	for (unsigned n = fuzz_byte(&f) % PAIRS_MAX; count < n * 2; count++)
		pairs[count] = fuzz_text(&f, texts[count], TEXT_MAX);
	pairs[count] = NULL;
	const struct told *told = ask(&(struct ask){ .handler = handle,
	                                             .pattern = "/a/{name}/{rest...}",
	                                             .hooks = &hooks,
	                                             .cors = &cors,
	                                             .route = { .takes_slashes = true },
	                                             .other = pairs,
	                                             .body = f.size ? (const char *)f.data : NULL,
	                                             .body_bytes = f.size < 65536 ? f.size : 65536,
	                                             .max_body = 60000 });
	const char *type = told_header(told, "Content-Type");
	const struct json_rules any = { .levels = 64, .memory = SIZE_MAX };
	struct json_finding finding;

	must(told->status >= 200 && told->status < 600 && told->is_ended);
	if (type && strstr(type, "json") && told->body_bytes > 0)
		must(json_check(told->body, told->body_bytes, &any, &finding) == JSON_GOOD);
	return 0;
}
