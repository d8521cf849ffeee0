/* SPDX-License-Identifier: ISC */
/* limit - see limit.h. */
#include "state/limit.h"

#include "base/log.h"
#include "base/siphash.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_S UINT64_C(1000000000)

const char *limit_verdict_name(enum limit_verdict verdict)
{
	static const char *const names[LIMIT_VERDICTS] = { "none", "exempt", "admitted", "refused",
		                                           "dry-refused" };

	return names[verdict];
}

/* ---- One limit, from its text. */

/* A whole number from 1 to max, up to `end`. */
static bool read_count(const char *text, const char *end, uint64_t max, uint64_t *count)
{
	*count = 0;
	for (; text < end; text++) {
		if (*text < '0' || *text > '9' || *count > max)
			return false;
		*count = *count * 10 + (uint64_t)(*text - '0');
	}
	return *count >= 1 && *count <= max;
}

static const char *parse_rate(const char *text, size_t length, uint64_t *rate, uint64_t *period_ns)
{
	const char *end = text + length, *slash = memchr(text, '/', length);

	if (!slash || slash + 2 != end || !strchr("smh", slash[1]))
		return "must begin with RATE/s, RATE/m or RATE/h, as 50/s";
	if (!read_count(text, slash, LIMIT_RATE_MAX, rate))
		return "the rate must be a whole number from 1 to 1000000000";
	*period_ns = NS_PER_S * (slash[1] == 's' ? 1 : slash[1] == 'm' ? 60 : 3600);
	return NULL;
}

static bool is_made_of(const char *text, size_t length, const char *more)
{
	for (size_t i = 0; i < length; i++) {
		char c = (char)(text[i] | 0x20);
		if (!((c >= 'a' && c <= 'z') || (text[i] >= '0' && text[i] <= '9') || strchr(more, text[i])))
			return false;
	}
	return length > 0;
}

static bool copy(char *to, size_t size, const char *text, size_t length)
{
	if (length >= size)
		return false;
	memcpy(to, text, length);
	to[length] = '\0';
	return true;
}

static const char *parse_by(const char *text, size_t length, struct limit_rule *rule)
{
	if (length == 7 && memcmp(text, "address", 7) == 0) {
		rule->by = LIMIT_BY_ADDRESS;
	} else if (length == 4 && memcmp(text, "none", 4) == 0) {
		rule->by = LIMIT_BY_NONE;
	} else if (length > 7 && memcmp(text, "header:", 7) == 0) {
		rule->by = LIMIT_BY_HEADER;
		if (!is_made_of(text + 7, length - 7, "-_") ||
		    !copy(rule->header, sizeof rule->header, text + 7, length - 7))
			return "by=header: must be followed by a header's name, of letters, digits and -";
	} else {
		return "by= must be address, header:NAME or none";
	}
	return NULL;
}

/* A word starts with `key`: what follows. */
static const char *after(const char *key, const char *word, size_t length, size_t *rest)
{
	size_t n = strlen(key);

	if (length < n || memcmp(word, key, n) != 0)
		return NULL;
	*rest = length - n;
	return word + n;
}

static bool is_method(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if ((text[i] < 'A' || text[i] > 'Z') && text[i] != '-')
			return false;
	return length > 0 && !(length == 4 && memcmp(text, "HEAD", 4) == 0);
}

static const char *parse_word(const char *word, size_t length, struct limit_rule *rule, uint64_t *burst)
{
	const char *value;
	size_t n;

	if ((value = after("burst=", word, length, &n)))
		return read_count(value, value + n, LIMIT_BURST_MAX, burst)
		               ? NULL
		               : "burst= must be a whole number from 1 to 1000000";
	if ((value = after("by=", word, length, &n)))
		return parse_by(value, n, rule);
	if ((value = after("route=", word, length, &n)))
		return *value == '/' && copy(rule->route, sizeof rule->route, value, n)
		               ? NULL
		               : "route= must be a route's pattern, as /data or /addresses/{city}";
	if ((value = after("method=", word, length, &n)))
		return is_method(value, n) && copy(rule->method, sizeof rule->method, value, n)
		               ? NULL
		               : "method= must be a method, as POST; GET is HEAD too";
	if ((value = after("name=", word, length, &n)))
		return is_made_of(value, n, "._-") && copy(rule->name, sizeof rule->name, value, n)
		               ? NULL
		               : "name= must be 1 to 31 letters, digits, '.', '_' or '-'";
	if (length == 7 && memcmp(word, "dry-run", 7) == 0) {
		rule->is_dry = true;
		return NULL;
	}
	return "after the rate may follow: burst=N by=address|header:NAME|none route=PATTERN method=METHOD "
	       "dry-run name=NAME";
}

const char *limit_rule_parse(const char *text, struct limit_rule *rule)
{
	uint64_t rate = 0, period_ns = 0, burst = 0;
	const char *wrong = NULL;

	*rule = (struct limit_rule){ .by = LIMIT_BY_ADDRESS };
	text += strspn(text, " \t");
	size_t length = strcspn(text, " \t");
	wrong = parse_rate(text, length, &rate, &period_ns);
	for (text += length; !wrong && *(text += strspn(text, " \t")); text += length) {
		length = strcspn(text, " \t");
		wrong = parse_word(text, length, rule, &burst);
	}
	if (wrong)
		return wrong;
	if (burst == 0)
		burst = rate < LIMIT_BURST_MAX ? rate : LIMIT_BURST_MAX;
	rule->gcra = limit_gcra_make(rate, period_ns, burst);
	return NULL;
}

const char *limit_wrong(const char *text)
{
	struct limit_rule rule;

	return limit_rule_parse(text, &rule);
}

const char *limit_cidr_wrong(const char *text)
{
	struct cidr cidr;

	return cidr_parse(text, &cidr);
}

static bool is_unix(const char *proxy)
{
	return strcmp(proxy, "unix") == 0;
}

const char *limit_proxy_wrong(const char *text)
{
	return is_unix(text) ? NULL : limit_cidr_wrong(text);
}

/* ---- The policy. */

static bool is_taken(const struct limit_policy *policy, const struct limit_rule *but)
{
	for (size_t i = 0; i < policy->rules_count; i++)
		if (&policy->rules[i] != but && strcmp(policy->rules[i].name, but->name) == 0)
			return true;
	return false;
}

/* What is not named is called by its route, or "default"; a second one default-2. */
static void set_name(struct limit_policy *policy, struct limit_rule *rule)
{
	char base[LIMIT_NAME_MAX - 4];

	if (*rule->name)
		return;
	snprintf(base, sizeof base, "%.*s", (int)sizeof base - 1, *rule->route ? rule->route : "default");
	for (char *c = base; *c; c++)
		if (!is_made_of(c, 1, "._/{}-"))
			*c = '_';
	snprintf(rule->name, sizeof rule->name, "%s", base);
	for (unsigned n = 2; is_taken(policy, rule); n++)
		snprintf(rule->name, sizeof rule->name, "%s-%u", base, n % 100);
}

/* Requests in a window of whole seconds that come to the rate, and hold the burst. */
static void set_policy_text(struct limit_rule *rule)
{
	uint64_t window_s = (rule->gcra.window_ns + NS_PER_S - 1) / NS_PER_S;
	uint64_t quota = window_s * NS_PER_S / rule->gcra.interval_ns;

	snprintf(rule->policy, sizeof rule->policy, "\"%s\";q=%llu;w=%llu", rule->name,
	         (unsigned long long)quota, (unsigned long long)window_s);
}

/* The same on every host and after a restart, so its key is no secret. */
static void set_id(struct limit_rule *rule)
{
	static const uint64_t key[2] = { UINT64_C(0x706572636f726521), UINT64_C(0x72617465206c696d) };
	char text[512];

	int n = snprintf(text, sizeof text, "%s %llu %llu %d %s %s", rule->name,
	                 (unsigned long long)rule->gcra.interval_ns, (unsigned long long)rule->gcra.burst,
	                 (int)rule->by, rule->header, rule->route);
	if (*rule->method)
		n += snprintf(text + n, sizeof text - (size_t)n, " %s", rule->method);
	rule->id = siphash(key, text, (size_t)n);
}

static bool add_rule(struct limit_policy *policy, const struct limit_rule *rule)
{
	if (policy->rules_count == LIMITS_MAX) {
		log_error("limit: there are more than %d of them; leave some out", LIMITS_MAX);
		return false;
	}
	struct limit_rule *added = &policy->rules[policy->rules_count++];
	*added = *rule;
	if (!*added->name || !is_taken(policy, added))
		return true;
	log_error("limit: two of them are called %s; give one another name=", added->name);
	return false;
}

/* The named ones first, so that the others find other names. */
static bool add_rules(struct limit_policy *policy, const struct limit_sources *sources)
{
	struct limit_rule rule;

	for (size_t i = 0; i < sources->own_count; i++)
		if (!add_rule(policy, &sources->own[i]))
			return false;
	for (size_t i = 0; i < sources->limits->count; i++)
		if (limit_rule_parse(sources->limits->items[i], &rule) || !add_rule(policy, &rule))
			return false;
	for (size_t i = 0; i < policy->rules_count; i++) {
		struct limit_rule *added = &policy->rules[i];
		if (*policy->store.name) { /* what its script can count */
			uint64_t ticks =
				(added->gcra.interval_ns + LIMIT_REDIS_TICK_NS - 1) / LIMIT_REDIS_TICK_NS;
			added->gcra.interval_ns = ticks * LIMIT_REDIS_TICK_NS;
			added->gcra.window_ns = added->gcra.burst * added->gcra.interval_ns;
		}
		set_name(policy, added);
		set_policy_text(added);
		set_id(added);
	}
	return true;
}

static bool add_blocks(struct cidr **blocks, size_t *count, const struct option_list *list)
{
	if (list->count == 0)
		return true;
	*blocks = calloc(list->count, sizeof **blocks);
	*count = 0;
	for (size_t i = 0; *blocks && i < list->count; i++)
		if (!is_unix(list->items[i]) && cidr_parse(list->items[i], &(*blocks)[(*count)++]))
			return false;
	return *blocks != NULL;
}

static bool set_store(struct limit_policy *policy, const struct limit_sources *sources)
{
	if (!sources->store)
		return true;
	char shown[REDIS_URL_SHOWN_MAX];
	const char *wrong = limit_redis_parse(sources->store, &policy->store);
	if (wrong) {
		redis_url_print(sources->store, shown, sizeof shown);
		log_error("limit-store %s: %s", shown, wrong);
	}
	policy->store.timeout_ms = sources->store_timeout_ms;
	snprintf(policy->store.service, sizeof policy->store.service, "%.*s",
	         (int)sizeof policy->store.service - 1, sources->service);
	return !wrong;
}

bool limit_policy_make(struct limit_policy *policy, const struct limit_sources *sources)
{
	*policy = (struct limit_policy){ .has_x_headers = sources->has_x_headers };
	for (size_t i = 0; i < sources->proxies->count; i++)
		policy->trusts_unix |= is_unix(sources->proxies->items[i]);
	if (set_store(policy, sources) && add_rules(policy, sources) &&
	    add_blocks(&policy->exempt, &policy->exempt_count, sources->exempt) &&
	    add_blocks(&policy->proxies, &policy->proxies_count, sources->proxies))
		return true;
	limit_policy_fini(policy);
	return false;
}

void limit_policy_fini(struct limit_policy *policy)
{
	free(policy->exempt);
	free(policy->proxies);
	*policy = (struct limit_policy){ 0 };
}

/* ---- Counters. */

static unsigned counter_for(struct limit_shm *shm, const char *name)
{
	for (unsigned i = 0; i < LIMITS_MAX; i++) {
		struct limit_count_shm *count = &shm->counts[i];
		if (!*count->name)
			snprintf(count->name, sizeof count->name, "%s", name);
		if (strncmp(count->name, name, sizeof count->name) == 0)
			return i;
	}
	snprintf(shm->counts[LIMITS_MAX].name, LIMIT_NAME_MAX, "other");
	return LIMITS_MAX;
}

static void assign_counters(struct limit *limit)
{
	for (size_t i = 0; limit->shm && i < limit->policy.rules_count; i++)
		limit->policy.rules[i].counter = counter_for(limit->shm, limit->policy.rules[i].name);
}

void limit_attach(struct limit *limit, struct limit_shm *shm, void *table, size_t keys)
{
	limit->shm = shm;
	limit_table_init(&limit->table, table, keys);
	assign_counters(limit);
}

void limit_set_policy(struct limit *limit, const struct limit_policy *policy)
{
	limit_policy_fini(&limit->policy);
	limit->policy = *policy;
	assign_counters(limit);
}

void limit_stop(void)
{
	limit_redis_stop();
}

static void count_one(_Atomic uint64_t *counter)
{
	atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

void limit_count_exempt(const struct limit *limit)
{
	count_one(&limit->shm->exempt);
}

static void copy_count(struct limit_count *to, const struct limit_count_shm *from)
{
	memcpy(to->name, from->name, sizeof to->name);
	to->name[sizeof to->name - 1] = '\0';
	to->admitted = atomic_load_explicit(&from->admitted, memory_order_relaxed);
	to->refused = atomic_load_explicit(&from->refused, memory_order_relaxed);
	to->dry_refused = atomic_load_explicit(&from->dry_refused, memory_order_relaxed);
}

void limit_counters(const struct limit *limit, struct limit_counters *counters)
{
	const struct limit_shm *shm = limit->shm;

	*counters = (struct limit_counters){ 0 };
	if (!shm)
		return;
	for (size_t i = 0; i <= LIMITS_MAX; i++)
		if (*shm->counts[i].name)
			copy_count(&counters->limits[counters->limits_count++], &shm->counts[i]);
	counters->exempt = atomic_load(&shm->exempt);
	counters->evicted = atomic_load(&limit->table.shm->evicted);
	counters->store_failures = atomic_load(&shm->store.failures);
	counters->store_local = atomic_load(&shm->store.local);
	counters->store_outages = atomic_load(&shm->store.outages);
	counters->store_is_away = atomic_load(&shm->store.is_away) != 0;
}

/* ---- The decision. */

static uint64_t hash(const struct limit *limit, const struct limit_rule *rule,
                     const uint8_t key[LIMIT_KEY_BYTES])
{
	uint8_t bytes[sizeof rule->id + LIMIT_KEY_BYTES];

	memcpy(bytes, &rule->id, sizeof rule->id);
	memcpy(bytes + sizeof rule->id, key, LIMIT_KEY_BYTES);
	return limit_table_hash(&limit->table, bytes, sizeof bytes);
}

static bool ask_store(const struct limit *limit, const struct limit_rule *rule,
                      const uint8_t key[LIMIT_KEY_BYTES], uint64_t until_ns, bool *admitted,
                      uint64_t *debt_ns)
{
	char text[LIMIT_REDIS_KEY_MAX];
	const struct limit_redis_question question = { text, rule->gcra, until_ns };

	int n = snprintf(text, sizeof text, "%s:limit:%016llx:", limit->policy.store.service,
	                 (unsigned long long)rule->id);
	for (unsigned i = 0; i < LIMIT_KEY_BYTES; i++)
		n += snprintf(text + n, sizeof text - (size_t)n, "%02x", key[i]);
	return limit_redis_admits(&limit->policy.store, &limit->shm->store, &question, admitted, debt_ns);
}

struct limit_decision limit_decide(const struct limit *limit, const struct limit_rule *rule,
                                   const uint8_t key[LIMIT_KEY_BYTES], uint64_t now_ns,
                                   uint64_t store_until_ns)
{
	struct limit_count_shm *count = &limit->shm->counts[rule->counter];
	bool has_store = *limit->policy.store.name != '\0', admitted;
	uint64_t debt_ns;

	if (!has_store || !ask_store(limit, rule, key, store_until_ns, &admitted, &debt_ns)) {
		admitted = limit_table_admits(&limit->table, &rule->gcra, hash(limit, rule, key), now_ns,
		                              &debt_ns);
		if (has_store)
			count_one(&limit->shm->store.local);
	}
	count_one(admitted ? &count->admitted : rule->is_dry ? &count->dry_refused : &count->refused);
	return (struct limit_decision){ admitted, limit_gcra_quota(&rule->gcra, debt_ns) };
}
