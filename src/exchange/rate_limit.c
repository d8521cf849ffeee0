/* SPDX-License-Identifier: ISC */
/*
 * quota - see quota.h.
 *
 * Each limit that applies decides in turn, and the first that refuses ends it: what
 * those before it admitted stays counted.  The headers are as in
 * draft-ietf-httpapi-ratelimit-headers-10; they are put together by hand, for every
 * answer has them.
 */
#include "exchange/rate_limit.h"

#include "base/clock.h"
#include "base/json_read.h"
#include "base/siphash.h"
#include "exchange/client.h"

#include <stdio.h>
#include <string.h>

#define NS_PER_S      UINT64_C(1000000000)
#define QUOTA_PROBLEM "https://iana.org/assignments/http-problem-types#quota-exceeded"

enum { FORWARDED_MAX = 8, LINE_MAX_BYTES = 512 };

/* A header's line in the making. */
struct line {
	char text[LINE_MAX_BYTES];
	size_t length;
};

/* One request's way through the limits. */
struct passage {
	const struct limit *limit;
	struct address client;
	bool has_client;
	uint64_t now_ns, store_until_ns;
	struct line policies, states;
	const struct limit_rule *tightest; /* NULL: no limit in force applied */
	struct limit_quota quota;          /* its */
};

static void add_text(struct line *line, const char *text)
{
	size_t n = strlen(text);

	if (n > sizeof line->text - line->length)
		n = sizeof line->text - line->length;
	memcpy(line->text + line->length, text, n);
	line->length += n;
}

static void add_number(struct line *line, uint64_t number)
{
	char digits[21];
	char *next = digits + sizeof digits - 1;

	*next = '\0';
	do
		*--next = (char)('0' + number % 10);
	while (number /= 10);
	add_text(line, next);
}

static uint64_t seconds_up(uint64_t ns)
{
	return (ns + NS_PER_S - 1) / NS_PER_S;
}

/* Where there are so many limits that they do not fit, the first ones are told. */
static void add_header(struct passage *p, const struct limit_rule *rule, const struct limit_quota *quota)
{
	enum { ONE_MAX = LIMIT_TEXT_MAX + 64 };

	if (p->policies.length + ONE_MAX > LINE_MAX_BYTES || p->states.length + ONE_MAX > LINE_MAX_BYTES)
		return;
	add_text(&p->policies, p->policies.length ? ", " : "RateLimit-Policy: ");
	add_text(&p->policies, rule->policy);
	add_text(&p->states, p->states.length ? ", \"" : "RateLimit: \"");
	add_text(&p->states, rule->name);
	add_text(&p->states, "\";r=");
	add_number(&p->states, quota->remaining);
	add_text(&p->states, ";t=");
	add_number(&p->states, seconds_up(quota->more_ns));
}

static void append(struct percore_request *request, struct line *line)
{
	add_text(line, "\r\n");
	answer_add_lines(request, line->text, line->length);
}

static void set_x_headers(struct percore_request *request, const struct passage *p)
{
	const uint64_t values[] = { p->tightest->gcra.burst, p->quota.remaining,
		                    seconds_up(p->quota.more_ns) };
	static const char *const names[] = { "X-RateLimit-Limit", "X-RateLimit-Remaining",
		                             "X-RateLimit-Reset" };

	for (unsigned i = 0; i < 3; i++) {
		char text[24];
		snprintf(text, sizeof text, "%llu", (unsigned long long)values[i]);
		percore_set_header(request, names[i], text);
	}
}

static void set_headers(struct percore_request *request, struct passage *p)
{
	if (!p->tightest)
		return;
	append(request, &p->policies);
	append(request, &p->states);
	if (p->limit->policy.has_x_headers)
		set_x_headers(request, p);
}

/* ---- Keys. */

bool rate_limit_client(const struct percore_request *request, struct address *client)
{
	const char *forwarded[FORWARDED_MAX];
	const struct limit_policy *policy = &request->exchange->limit.policy;
	struct client_source source = { .remote = percore_param(request, "REMOTE_ADDR"),
		                        .forwarded = forwarded,
		                        .proxies = policy->proxies,
		                        .proxies_count = policy->proxies_count,
		                        .trusts_unix = policy->trusts_unix };

	if (policy->proxies_count || policy->trusts_unix) {
		source.server = percore_param(request, "SERVER_SOFTWARE");
		source.forwarded_count =
			fcgi_params(request->fcgi, "HTTP_X_FORWARDED_FOR", forwarded, FORWARDED_MAX);
	}
	return client_find(&source, client);
}

static bool is_exempt(const struct limit *limit, const struct address *client)
{
	for (size_t i = 0; i < limit->policy.exempt_count; i++)
		if (cidr_has(&limit->policy.exempt[i], client))
			return true;
	return false;
}

/* Two hashes, for headers are long and may be secret; the same on every host. */
static void hash_header(const char *value, uint8_t key[LIMIT_KEY_BYTES])
{
	static const uint64_t keys[2][2] = { { UINT64_C(0x6865616465722031), UINT64_C(0x9e3779b97f4a7c15) },
		                             { UINT64_C(0x6865616465722032), UINT64_C(0xbf58476d1ce4e5b9) } };
	size_t length = strlen(value);

	for (unsigned i = 0; i < 2; i++) {
		uint64_t hash = siphash(keys[i], value, length);
		memcpy(key + 8 * i, &hash, 8);
	}
}

/* Without the header: by address; without an address: all of them together. */
static void make_key(const struct percore_request *request, const struct passage *p,
                     const struct limit_rule *rule, uint8_t key[LIMIT_KEY_BYTES])
{
	const char *header = rule->by == LIMIT_BY_HEADER ? percore_header(request, rule->header) : NULL;
	struct address client = p->client;

	memset(key, 0, LIMIT_KEY_BYTES);
	if (header) {
		hash_header(header, key);
	} else if (rule->by != LIMIT_BY_NONE && p->has_client) {
		address_cut(&client);
		memcpy(key, client.bytes, sizeof client.bytes);
	}
}

/* ---- The decision. */

static bool applies(const struct percore_request *request, const struct limit_rule *rule)
{
	if (*rule->method && strcmp(request->is_head ? "GET" : request->method, rule->method) != 0)
		return false;
	return !*rule->route || (request->route && strcmp(request->route->spec.pattern, rule->route) == 0);
}

/* False: this limit refuses. */
static bool pass_one(struct percore_request *request, struct passage *p, const struct limit_rule *rule)
{
	uint8_t key[LIMIT_KEY_BYTES];

	make_key(request, p, rule, key);
	struct limit_decision decision = limit_decide(p->limit, rule, key, p->now_ns, p->store_until_ns);
	if (rule->is_dry) {
		if (!decision.is_admitted) {
			request->limit_verdict = LIMIT_DRY_REFUSED;
			request->limit_name = rule->name;
		}
		return true;
	}
	add_header(p, rule, &decision.quota);
	if (!p->tightest || !decision.is_admitted || decision.quota.remaining < p->quota.remaining) {
		p->tightest = rule;
		p->quota = decision.quota;
	}
	return decision.is_admitted;
}

static bool pass_all(struct percore_request *request, struct passage *p)
{
	const struct limit_policy *policy = &p->limit->policy;

	for (size_t i = 0; i < policy->rules_count; i++)
		if (applies(request, &policy->rules[i]) && !pass_one(request, p, &policy->rules[i]))
			return false;
	return true;
}

/* A dry refusal is what one looks for in a log. */
static void note(struct percore_request *request, const struct passage *p, bool passed)
{
	if (!p->tightest || (passed && request->limit_verdict == LIMIT_DRY_REFUSED))
		return;
	request->limit_verdict = passed ? LIMIT_ADMITTED : LIMIT_REFUSED;
	request->limit_name = p->tightest->name;
}

bool rate_limit_admits(struct percore_request *request)
{
	const struct limit *limit = &request->exchange->limit;
	struct passage p;

	if (!limit->shm || limit->policy.rules_count == 0 ||
	    (request->route && request->route->spec.is_probe))
		return true;
	p.limit = limit;
	p.tightest = NULL;
	p.policies.length = p.states.length = 0;
	p.now_ns = clock_ns();
	p.store_until_ns = p.now_ns + limit->policy.store.timeout_ms * 1000000;
	p.has_client = rate_limit_client(request, &p.client);
	if (p.has_client && is_exempt(limit, &p.client)) {
		request->limit_verdict = LIMIT_EXEMPT;
		limit_count_exempt(limit);
		return true;
	}
	bool passed = pass_all(request, &p);
	note(request, &p, passed);
	set_headers(request, &p);
	if (!passed) {
		char seconds[24];
		uint64_t wait_s = seconds_up(p.quota.more_ns);
		snprintf(seconds, sizeof seconds, "%llu", (unsigned long long)(wait_s ? wait_s : 1));
		percore_set_header(request, "Retry-After", seconds);
	}
	return passed;
}

void rate_limit_refuse(struct percore_request *request)
{
	json_object *violated = json_object_new_array();

	percore_json_add(violated, NULL, json_object_new_string(request->limit_name));
	answer_problem(request,
	               &(struct answer_problem){
			       .status = 429,
			       .type = QUOTA_PROBLEM,
			       .title = "Request cannot be satisfied as assigned quota has been exceeded",
			       .detail = "The Retry-After header says when to try again.",
			       .member = "violated-policies",
			       .value = violated });
}
