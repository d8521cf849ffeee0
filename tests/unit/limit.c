/* SPDX-License-Identifier: ISC */
/* Rate limits: arithmetic, table, policy, and whose request it is.  Built with fault points. */
#include "state/limit.h"
#include "base/cidr.h"
#include "base/clock.h"
#include "base/siphash.h"
#include "exchange/client.h"
#include "service/app.h"

#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define S UINT64_C(1000000000)

/* ---- Addresses. */

static struct address address_of(const char *text)
{
	struct address address;

	ck_assert_msg(address_parse(text, strlen(text), &address), "%s", text);
	return address;
}

static bool has(const char *block, const char *address)
{
	struct cidr cidr;
	struct address a = address_of(address);

	ck_assert_msg(!cidr_parse(block, &cidr), "%s", block);
	return cidr_has(&cidr, &a);
}

static bool is_same(struct address a, struct address b)
{
	return memcmp(&a, &b, sizeof a) == 0;
}

START_TEST(mapped_ipv4_is_ipv4)
{
	ck_assert(is_same(address_of("::ffff:192.0.2.1"), address_of("192.0.2.1")));
	ck_assert(is_same(address_of("::ffff:c000:201"), address_of("192.0.2.1")));
	ck_assert(!is_same(address_of("::192.0.2.1"), address_of("192.0.2.1")));
	ck_assert(has("192.0.2.0/24", "::ffff:192.0.2.77"));
}
END_TEST

START_TEST(ipv6_is_cut_to_64_bits_and_ipv4_is_not)
{
	struct address one = address_of("2001:db8:1:2:3:4:5:6"), other = address_of("2001:db8:1:2::9");
	struct address v4 = address_of("::ffff:192.0.2.1"), next = address_of("192.0.2.2");

	address_cut(&one);
	address_cut(&other);
	ck_assert(is_same(one, other));
	address_cut(&v4);
	address_cut(&next);
	ck_assert(!is_same(v4, next));
}
END_TEST

START_TEST(block_holds_what_its_bits_say)
{
	ck_assert(has("10.0.0.0/8", "10.255.0.1"));
	ck_assert(!has("10.0.0.0/8", "11.0.0.0"));
	ck_assert(has("10.0.0.128/25", "10.0.0.129"));
	ck_assert(!has("10.0.0.128/25", "10.0.0.127"));
	ck_assert(has("192.0.2.1", "192.0.2.1"));
	ck_assert(!has("192.0.2.1", "192.0.2.3"));
	ck_assert(has("0.0.0.0/0", "198.51.100.1"));
	ck_assert(has("2001:db8::/33", "2001:db8:7fff::1"));
	ck_assert(!has("2001:db8::/33", "2001:db8:8000::1"));
	ck_assert(has("::/0", "2001:db8::1"));
	ck_assert_msg(!has("::/0", "192.0.2.1"), "a block of IPv6 must not hold IPv4");
	ck_assert_msg(!has("0.0.0.0/0", "2001:db8::1"), "nor the other way round");
}
END_TEST

START_TEST(malformed_blocks_are_refused)
{
	static const char *const bad[] = { "",
		                           "/8",
		                           "10.0.0.0/",
		                           "10.0.0.0/33",
		                           "10.0.0/8",
		                           "10.0.0.0/8x",
		                           "10.0.0.0/-1",
		                           "10.0.0.1/8",
		                           "::1/129",
		                           "::1/0128",
		                           "2001:db8::1/32",
		                           "localhost",
		                           "010.0.0.1",
		                           "fe80::1%lo",
		                           "10.0.0.0/8/8",
		                           " 10.0.0.0/8",
		                           "1.2.3.4.5",
		                           "::ffff:10.0.0.0/8",
		                           "256.0.0.1",
		                           "[::1]" };
	struct cidr cidr;

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		ck_assert_msg(cidr_parse(bad[i], &cidr) != NULL, "%s was taken", bad[i]);
}
END_TEST

static const char *server;
static bool trusts_unix;

/* The client of a request from 10.0.0.1, where 10/8 and fd00::/8 are trusted; up to two header lines. */
static const char *client_of(const char *remote, const char *first, const char *second)
{
	static char text[33];
	const char *lines[2] = { first, second };
	struct cidr proxies[2];
	struct client_source source = { .remote = remote,
		                        .forwarded = lines,
		                        .forwarded_count = (first != NULL) + (second != NULL),
		                        .proxies = proxies,
		                        .proxies_count = 2,
		                        .server = server,
		                        .trusts_unix = trusts_unix };
	struct address client;

	cidr_parse("10.0.0.0/8", &proxies[0]);
	cidr_parse("fd00::/8", &proxies[1]);
	if (!client_find(&source, &client))
		return "none";
	if (address_is_ipv4(&client))
		snprintf(text, sizeof text, "%d.%d.%d.%d", client.bytes[12], client.bytes[13],
		         client.bytes[14], client.bytes[15]);
	else
		snprintf(text, sizeof text, "%02x%02x...%02x", client.bytes[0], client.bytes[1],
		         client.bytes[15]);
	return text;
}

START_TEST(peer_without_an_address_is_trusted_by_its_word)
{
	static const char *const peers[] = { "unix:", "unix", "/run/web.sock", "" };

	for (size_t i = 0; i < sizeof peers / sizeof peers[0]; i++) {
		trusts_unix = false;
		ck_assert_str_eq(client_of(peers[i], "198.51.100.1", NULL), "none");
		trusts_unix = true;
		ck_assert_str_eq(client_of(peers[i], "198.51.100.1", NULL), "198.51.100.1");
		ck_assert_str_eq(client_of(peers[i], "6.6.6.6, 198.51.100.1, 10.0.0.1", NULL),
		                 "198.51.100.1");
		ck_assert_str_eq(client_of(peers[i], NULL, NULL), "none");
		ck_assert_str_eq(client_of(peers[i], "unknown", NULL), "none");
	}
	ck_assert_str_eq(client_of(NULL, "198.51.100.1", NULL), "none");
	ck_assert_str_eq(client_of("192.0.2.9", "198.51.100.1", NULL), "192.0.2.9");
	trusts_unix = false;
}
END_TEST

START_TEST(two_of_lighttpd_are_not_believed)
{
	server = "lighttpd/1.4.69";
	ck_assert_str_eq(client_of("10.0.0.1", "198.51.100.1", NULL), "198.51.100.1");
	ck_assert_str_eq(client_of("10.0.0.1", "198.51.100.1", "6.6.6.6"), "none");
	ck_assert_str_eq(client_of("192.0.2.9", "198.51.100.1", "6.6.6.6"), "192.0.2.9");
	server = "nginx/1.22.1"; /* sends each line of the header */
	ck_assert_str_eq(client_of("10.0.0.1", "6.6.6.6", "198.51.100.1"), "198.51.100.1");
	server = NULL;
}
END_TEST

START_TEST(client_is_the_rightmost_hop_that_is_not_trusted)
{
	ck_assert_str_eq(client_of("192.0.2.9", "198.51.100.1", NULL), "192.0.2.9");
	ck_assert_str_eq(client_of("10.0.0.1", NULL, NULL), "10.0.0.1");
	ck_assert_str_eq(client_of("10.0.0.1", "198.51.100.1", NULL), "198.51.100.1");
	ck_assert_str_eq(client_of("10.0.0.1", "6.6.6.6, 198.51.100.1", NULL), "198.51.100.1");
	ck_assert_str_eq(client_of("10.0.0.1", "6.6.6.6, 198.51.100.1 ,10.0.0.7", NULL), "198.51.100.1");
	ck_assert_str_eq(client_of("::ffff:10.0.0.1", "::ffff:198.51.100.1", NULL), "198.51.100.1");
	ck_assert_str_eq(client_of("10.0.0.1", "10.0.0.3,10.0.0.2", NULL), "10.0.0.3");
	ck_assert_str_eq(client_of("fd00::1", "[2001:db8::5]:443", NULL), "2001...05");
	ck_assert_str_eq(client_of("10.0.0.1", "2001:db8::6", NULL), "2001...06");
	ck_assert_str_eq(client_of("10.0.0.1", "198.51.100.1:8080", NULL), "198.51.100.1");
}
END_TEST

START_TEST(a_header_that_came_twice_is_read_from_its_end)
{
	ck_assert_str_eq(client_of("10.0.0.1", "6.6.6.6", "198.51.100.1"), "198.51.100.1");
	ck_assert_str_eq(client_of("10.0.0.1", "198.51.100.1", "10.0.0.2"), "198.51.100.1");
}
END_TEST

START_TEST(hostile_forwarded_for_leads_no_further_than_the_proxy)
{
	static const char *const bad[] = {
		"",          ",",         "198.51.100.1,", "unknown",  "198.51.100.1, x",
		"1.2.3.4.5", "[::1",      "[1.2.3.4]",     "1.2.3.4:", "1.2.3.4:123456",
		"::1%eth0",  "1.2.3.4 5", "1.2.3.4\x01",   "%31.2.3.4"
	};
	static char many[40000];

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		ck_assert_msg(strcmp(client_of("10.0.0.1", bad[i], NULL), "10.0.0.1") == 0, "%s gave %s",
		              bad[i], client_of("10.0.0.1", bad[i], NULL));
	ck_assert_str_eq(client_of("unix:", "198.51.100.1", NULL), "none");
	ck_assert_str_eq(client_of(NULL, "198.51.100.1", NULL), "none");
	strcpy(many, "6.6.6.6");
	for (size_t n = 7; n + 10 < sizeof many; n += 9)
		strcpy(many + n, ",10.0.0.2");
	ck_assert_str_eq(client_of("10.0.0.1", many, NULL), "10.0.0.2");
	memset(many, '1', sizeof many - 1);
	ck_assert_str_eq(client_of("10.0.0.1", many, NULL), "10.0.0.1");
}
END_TEST

START_TEST(siphash_gives_its_authors_values)
{
	static const uint64_t key[2] = { UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908) };
	uint8_t bytes[16];

	for (unsigned i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)i;
	ck_assert_uint_eq(siphash(key, bytes, 0), UINT64_C(0x726fdb47dd0e0e31));
	ck_assert_uint_eq(siphash(key, bytes, 1), UINT64_C(0x74f839c593dc67fd));
	ck_assert_uint_eq(siphash(key, bytes, 8), UINT64_C(0x93f5f5799a932462));
	ck_assert_uint_eq(siphash(key, bytes, 15), UINT64_C(0xa129ca6149be45e5));
}
END_TEST

/* ---- Arithmetic, on a clock of ours. */

/* How many of `tries` at one moment. */
static unsigned admitted_at(const struct limit_gcra *gcra, uint64_t *end_ns, uint64_t now_ns, unsigned tries)
{
	unsigned admitted = 0;

	while (tries--)
		admitted += limit_gcra_admits(gcra, end_ns, now_ns);
	return admitted;
}

START_TEST(burst_is_spent_at_once_and_comes_back_one_by_one)
{
	const struct limit_gcra gcra = limit_gcra_make(10, S, 5);
	uint64_t end_ns = 0, now_ns = 100 * S;

	ck_assert_uint_eq(admitted_at(&gcra, &end_ns, now_ns, 100), 5);
	ck_assert_uint_eq(admitted_at(&gcra, &end_ns, now_ns + S / 10 - 1, 100), 0);
	ck_assert_uint_eq(admitted_at(&gcra, &end_ns, now_ns + S / 10, 100), 1);
	ck_assert_uint_eq(admitted_at(&gcra, &end_ns, now_ns + 3 * S / 10, 100), 2);
	ck_assert_uint_eq(admitted_at(&gcra, &end_ns, now_ns + 1000 * S, 100), 5);
}
END_TEST

START_TEST(quota_tells_what_is_left_and_when_there_is_more)
{
	const struct limit_gcra gcra = limit_gcra_make(10, S, 5);
	struct limit_quota quota = limit_gcra_quota(&gcra, 0);

	ck_assert_uint_eq(quota.remaining, 5);
	ck_assert_uint_eq(quota.more_ns, 0);
	quota = limit_gcra_quota(&gcra, S / 10); /* one is spent */
	ck_assert_uint_eq(quota.remaining, 4);
	ck_assert_uint_eq(quota.more_ns, S / 10);
	quota = limit_gcra_quota(&gcra, S / 2 - 1); /* all, a nanosecond ago */
	ck_assert_uint_eq(quota.remaining, 0);
	ck_assert_uint_eq(quota.more_ns, S / 10 - 1);
	quota = limit_gcra_quota(&gcra, S / 2 + 7); /* another worker's clock was ahead */
	ck_assert_uint_eq(quota.remaining, 0);
	ck_assert_uint_eq(quota.more_ns, S / 10 + 7);
}
END_TEST

START_TEST(a_refused_request_is_admitted_when_it_was_told_and_not_before)
{
	for (unsigned rate = 1; rate < 2000; rate += 37) {
		const struct limit_gcra gcra = limit_gcra_make(rate, 60 * S, 1 + rate % 7);
		uint64_t end_ns = 0, now_ns = 5 * S;
		ck_assert_uint_eq(admitted_at(&gcra, &end_ns, now_ns, 10), gcra.burst);
		uint64_t wait_ns = limit_gcra_quota(&gcra, limit_gcra_debt(&gcra, end_ns, now_ns)).more_ns;
		ck_assert_uint_eq(admitted_at(&gcra, &end_ns, now_ns + wait_ns - 1, 1), 0);
		ck_assert_uint_eq(admitted_at(&gcra, &end_ns, now_ns + wait_ns, 2), 1);
	}
}
END_TEST

START_TEST(clock_may_wrap_around)
{
	const struct limit_gcra gcra = limit_gcra_make(10, S, 5);
	uint64_t now_ns = UINT64_MAX - S / 5, end_ns = now_ns - S;

	ck_assert_uint_eq(admitted_at(&gcra, &end_ns, now_ns, 100), 5);
	ck_assert_uint_lt(end_ns, now_ns); /* it has wrapped */
	ck_assert_uint_eq(admitted_at(&gcra, &end_ns, now_ns, 100), 0);
	ck_assert_uint_eq(admitted_at(&gcra, &end_ns, now_ns + S / 10, 100), 1);
	ck_assert_uint_eq(admitted_at(&gcra, &end_ns, now_ns + S / 2, 100), 4);
	ck_assert_uint_eq(admitted_at(&gcra, &end_ns, now_ns + 10 * S, 100), 5);
}
END_TEST

START_TEST(huge_and_tiny_rates_stay_within_their_numbers)
{
	const struct limit_gcra huge = limit_gcra_make(LIMIT_RATE_MAX, S, LIMIT_BURST_MAX);
	const struct limit_gcra tiny = limit_gcra_make(1, 3600 * S, LIMIT_BURST_MAX);
	const struct limit_gcra seven = limit_gcra_make(7, S, 1);
	uint64_t end_ns = 0, now_ns = 1;

	ck_assert_uint_eq(huge.interval_ns, 1);
	ck_assert_uint_eq(admitted_at(&huge, &end_ns, now_ns, LIMIT_BURST_MAX + 5), LIMIT_BURST_MAX);
	ck_assert_uint_eq(admitted_at(&huge, &end_ns, now_ns + 17, 100), 17);
	end_ns = 0;
	ck_assert_uint_eq(tiny.window_ns, UINT64_C(3600) * S * LIMIT_BURST_MAX);
	ck_assert_uint_eq(admitted_at(&tiny, &end_ns, now_ns, LIMIT_BURST_MAX + 5), LIMIT_BURST_MAX);
	ck_assert_uint_eq(admitted_at(&tiny, &end_ns, now_ns + 7200 * S, 100), 2);
	ck_assert_uint_ge(seven.interval_ns * 7, S); /* rounded to the strict side */
}
END_TEST

START_TEST(an_end_that_was_overwritten_heals)
{
	const struct limit_gcra gcra = limit_gcra_make(10, S, 5);
	uint64_t end_ns = 1000 * S + (UINT64_C(1) << 62);

	ck_assert_uint_eq(admitted_at(&gcra, &end_ns, 1000 * S, 100), 5);
	end_ns = 1000 * S + gcra.window_ns + S; /* a worker's clock was read late: that is no reason */
	ck_assert_uint_eq(admitted_at(&gcra, &end_ns, 1000 * S, 100), 0);
}
END_TEST

/* ---- The table, shared by processes. */

enum { PROCESSES = 8, SMALL_KEYS = 64, HONEST = 4242 };

struct stage {
	_Atomic uint64_t clock_ns, admitted, tries;
};

static struct limit_table table;
static struct stage *stage;

static void set_up_keys(size_t keys)
{
	void *section = mmap(NULL, limit_table_bytes(keys), PROT_READ | PROT_WRITE,
	                     MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(section, MAP_FAILED);
	limit_table_init(&table, section, keys);
	stage = mmap(NULL, sizeof *stage, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(stage, MAP_FAILED);
}

static void set_up(void)
{
	set_up_keys(SMALL_KEYS);
}

static bool ask(const struct limit_gcra *gcra, uint64_t key, uint64_t now_ns)
{
	uint64_t debt_ns;

	return limit_table_admits(&table, gcra, limit_table_hash(&table, &key, sizeof key), now_ns, &debt_ns);
}

static unsigned ask_often(const struct limit_gcra *gcra, uint64_t key, uint64_t now_ns, unsigned tries)
{
	unsigned admitted = 0;

	while (tries--)
		admitted += ask(gcra, key, now_ns);
	return admitted;
}

static uint64_t evicted(void)
{
	return atomic_load(&table.shm->evicted);
}

static pid_t run(void (*body)(void))
{
	pid_t pid = fork();

	if (pid == 0) {
		body();
		_exit(0);
	}
	ck_assert_int_gt(pid, 0);
	return pid;
}

static void run_all(void (*body)(void))
{
	pid_t pids[PROCESSES];
	int status;

	for (int i = 0; i < PROCESSES; i++)
		pids[i] = run(body);
	for (int i = 0; i < PROCESSES; i++) {
		waitpid(pids[i], &status, 0);
		ck_assert_int_eq(status, 0);
	}
}

static void hammer_at_one_moment(void)
{
	const struct limit_gcra gcra = limit_gcra_make(1, 3600 * S, 50000);

	for (int i = 0; i < 20000; i++)
		if (ask(&gcra, HONEST, 7 * S))
			atomic_fetch_add(&stage->admitted, 1);
}

START_TEST(eight_processes_at_one_moment_share_exactly_the_burst)
{
	run_all(hammer_at_one_moment);
	ck_assert_uint_eq(atomic_load(&stage->admitted), 50000);
}
END_TEST

enum { TICK_NS = 100, TRIES = 40000 };

static void hammer_in_time(void)
{
	const struct limit_gcra gcra = limit_gcra_make(1000000, S, 50);

	for (int i = 0; i < TRIES; i++)
		if (ask(&gcra, HONEST, atomic_fetch_add(&stage->clock_ns, TICK_NS)))
			atomic_fetch_add(&stage->admitted, 1);
}

/*
 * Ten times the rate, on a clock that each try moves.  The most is limit_gcra.h's bound.
 * Those that read the clock and then wait for the processor may miss what came due
 * meanwhile, the more the busier the machine is.
 */
START_TEST(eight_processes_in_time_are_admitted_burst_and_rate)
{
	atomic_store(&stage->clock_ns, UINT64_MAX - 5 * S / 1000); /* which wraps around */
	run_all(hammer_in_time);
	uint64_t most = 50 + (PROCESSES * TRIES - 1) * TICK_NS / 1000;
	uint64_t admitted = atomic_load(&stage->admitted);
	ck_assert_uint_le(admitted, most);
	ck_assert_uint_ge(admitted, most - most / 10);
}
END_TEST

static const struct limit_gcra fast = { .interval_ns = 1000, .burst = 100, .window_ns = 100000 };

static void hammer_for_ever(void)
{
	for (uint64_t other = 1;; other++) {
		ask(&fast, other, clock_ns()); /* places are taken anew all the time */
		atomic_fetch_add(&stage->tries, 1);
		if (ask(&fast, HONEST, clock_ns()))
			atomic_fetch_add(&stage->admitted, 1);
	}
}

START_TEST(processes_killed_anywhere_leave_a_table_that_holds_the_bound)
{
	uint64_t start_ns = clock_ns();
	pid_t pids[PROCESSES];

	for (int i = 0; i < PROCESSES; i++)
		pids[i] = run(hammer_for_ever);
	for (int kills = 0; kills < 200; kills++) {
		usleep(2000);
		kill(pids[kills % PROCESSES], SIGKILL);
		waitpid(pids[kills % PROCESSES], NULL, 0);
		pids[kills % PROCESSES] = run(hammer_for_ever);
	}
	for (int i = 0; i < PROCESSES; i++) {
		kill(pids[i], SIGKILL);
		waitpid(pids[i], NULL, 0);
	}
	/* Each eviction may have been the honest key's, and forgives its burst. */
	uint64_t end_ns = clock_ns(), most = fast.burst * (1 + evicted()) + (end_ns - start_ns) / 1000;
	ck_assert_uint_gt(atomic_load(&stage->admitted), fast.burst);
	ck_assert_uint_le(atomic_load(&stage->admitted), most);
	ck_assert_uint_eq(ask_often(&fast, HONEST, end_ns + S, 1000), fast.burst);
	for (uint64_t key = 1; key < 1000; key++)
		ck_assert_uint_eq(ask_often(&fast, key, end_ns + key * S, 200), fast.burst);
}
END_TEST

static void ask_once(void)
{
	ask(&fast, HONEST, S);
}

/* The points: a key has its place but not yet its end; a decision was made but not yet written. */
static void die_at(const char *point)
{
	char path[] = "/tmp/percore-limit-XXXXXX", fault[128];
	int fd = mkstemp(path), status;

	close(fd);
	snprintf(fault, sizeof fault, "%s:%s", point, path);
	setenv("PERCORE_FAULT", fault, 1);
	waitpid(run(ask_once), &status, 0);
	unsetenv("PERCORE_FAULT");
	ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "%s was not reached", point);
}

START_TEST(death_in_mid_decision_costs_nobody_anything)
{
	die_at(_i == 0 ? "limit-put" : "limit-decided");
	ck_assert_uint_eq(ask_often(&fast, HONEST, S, 1000), fast.burst);
}
END_TEST

/* Keys with a whole burst of debt in every place. */
static void fill(const struct limit_gcra *gcra, uint64_t now_ns)
{
	for (uint64_t key = 1; key <= 20 * SMALL_KEYS; key++)
		ask_often(gcra, key, now_ns, (unsigned)gcra->burst);
}

START_TEST(death_in_mid_eviction_leaves_the_evicted_debt_at_most)
{
	fill(&fast, S);
	die_at("limit-put");
	ck_assert_uint_le(ask_often(&fast, HONEST, S, 1000), fast.burst);
	ck_assert_uint_eq(ask_often(&fast, HONEST, S + fast.window_ns, 1000), fast.burst);
}
END_TEST

START_TEST(a_new_key_does_not_pay_for_the_one_it_evicts)
{
	fill(&fast, S);
	uint64_t before = evicted();
	ck_assert_uint_gt(before, 0);
	ck_assert_uint_eq(ask_often(&fast, HONEST, S, 1000), fast.burst);
	ck_assert_uint_eq(evicted(), before + 1);
}
END_TEST

START_TEST(keys_whose_debt_is_paid_make_room_without_an_eviction)
{
	for (uint64_t key = 1; key < 100 * SMALL_KEYS; key++)
		ask(&fast, key, key * S);
	ck_assert_uint_eq(evicted(), 0);
}
END_TEST

/* 20 new keys of attackers for each request; the table holds 64.  The honest key asks ten times its rate. */
START_TEST(attackers_keys_do_not_let_a_busy_key_through)
{
	const struct limit_gcra gcra = limit_gcra_make(100, S, 10);
	uint64_t start_ns = S, now_ns = start_ns, attacker = 1000000;
	unsigned admitted = 0;

	for (int i = 0; i < 5000; i++, now_ns += S / 1000) {
		admitted += ask(&gcra, HONEST, now_ns);
		for (int n = 0; n < 20; n++)
			ask(&gcra, attacker++, now_ns);
	}
	now_ns -= S / 1000;
	ck_assert_uint_gt(evicted(), 50000);
	ck_assert_uint_eq(admitted, gcra.burst + (now_ns - start_ns) / gcra.interval_ns);
}
END_TEST

START_TEST(attackers_keys_do_not_refuse_a_polite_key)
{
	const struct limit_gcra gcra = limit_gcra_make(100, S, 10);
	uint64_t now_ns = S, attacker = 1000000;

	for (int i = 0; i < 500; i++, now_ns += S / 50) {
		ck_assert(ask(&gcra, HONEST, now_ns));
		for (int n = 0; n < 200; n++)
			ask_often(&gcra, attacker++, now_ns, 12);
	}
}
END_TEST

START_TEST(a_section_is_kept_where_it_fits_and_made_anew_where_not)
{
	struct limit_table other;

	ask_often(&fast, HONEST, S, 1000);
	limit_table_init(&other, table.shm, SMALL_KEYS);
	ck_assert_uint_eq(other.hash_key[0], table.hash_key[0]);
	ck_assert_uint_eq(ask_often(&fast, HONEST, S, 1000), 0);
	limit_table_init(&other, table.shm, SMALL_KEYS / 2);
	ck_assert_uint_ne(other.hash_key[0], table.hash_key[0]);
	ck_assert_uint_eq(limit_table_bytes(64 << 10), (1 << 20) + sizeof(struct limit_table_shm));
}
END_TEST

/* ---- The policy. */

START_TEST(limits_are_read_as_written)
{
	struct limit_rule rule;

	ck_assert_ptr_null(limit_rule_parse("50/s", &rule));
	ck_assert_uint_eq(rule.gcra.interval_ns, S / 50);
	ck_assert_uint_eq(rule.gcra.burst, 50);
	ck_assert_int_eq(rule.by, LIMIT_BY_ADDRESS);
	ck_assert_ptr_null(limit_rule_parse(
		"  10/h\tburst=3 by=header:X-Api-Key  route=/a/{b} dry-run name=x.1 ", &rule));
	ck_assert_uint_eq(rule.gcra.interval_ns, 360 * S);
	ck_assert_uint_eq(rule.gcra.burst, 3);
	ck_assert_str_eq(rule.header, "X-Api-Key");
	ck_assert_str_eq(rule.route, "/a/{b}");
	ck_assert_str_eq(rule.name, "x.1");
	ck_assert(rule.is_dry && rule.by == LIMIT_BY_HEADER);
}
END_TEST

START_TEST(wrong_limits_say_what_is_wrong)
{
	static const char *const bad[][2] = { { "", "RATE/s" },
		                              { "50", "RATE/s" },
		                              { "50/d", "RATE/s" },
		                              { "50/", "RATE/s" },
		                              { "50/ss", "RATE/s" },
		                              { "0/s", "rate" },
		                              { "-1/s", "rate" },
		                              { "1.5/s", "rate" },
		                              { "/s", "rate" },
		                              { "99999999999999999999/s", "rate" },
		                              { "1000000001/s", "rate" },
		                              { "5/s burst=0", "burst" },
		                              { "5/s burst=", "burst" },
		                              { "5/s burst=1000001", "burst" },
		                              { "5/s burst=1x", "burst" },
		                              { "5/s by=ip", "by=" },
		                              { "5/s by=header:", "by=" },
		                              { "5/s by=header:A:B", "by=header" },
		                              { "5/s route=data", "route=" },
		                              { "5/s route=", "route=" },
		                              { "5/s name=", "name=" },
		                              { "5/s name=a\"b", "name=" },
		                              { "5/s dryrun", "may follow" } };
	struct limit_rule rule;

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		const char *wrong = limit_rule_parse(bad[i][0], &rule);
		ck_assert_msg(wrong && strstr(wrong, bad[i][1]), "'%s' gave: %s", bad[i][0],
		              wrong ? wrong : "-");
	}
}
END_TEST

static bool make(struct limit_policy *policy, const char **limits, size_t count)
{
	const struct option_list list = { .items = limits, .count = count }, none = { 0 };

	return limit_policy_make(
		policy, &(struct limit_sources){
				.service = "test", .limits = &list, .exempt = &none, .proxies = &none });
}

START_TEST(limits_get_names_and_say_their_policy)
{
	struct limit_policy policy;
	const char *limits[] = { "10/s burst=50", "1000/s burst=20", "3/h route=/a/{b} burst=2",
		                 "7/m name=login" };
	const char *twice[] = { "1/s name=a", "2/s name=a" };

	ck_assert(make(&policy, limits, 4));
	ck_assert_str_eq(policy.rules[0].policy, "\"default\";q=50;w=5");
	ck_assert_str_eq(policy.rules[1].policy, "\"default-2\";q=1000;w=1");
	ck_assert_str_eq(policy.rules[2].policy, "\"/a/{b}\";q=2;w=2400");
	ck_assert_str_eq(policy.rules[3].name, "login");
	ck_assert_uint_ne(policy.rules[0].id, policy.rules[1].id);
	ck_assert(!make(&policy, twice, 2));
}
END_TEST

START_TEST(counters_follow_the_names_over_reloads)
{
	static struct limit_shm shm;
	struct limit limit = { 0 };
	struct limit_policy policy;
	struct limit_counters counters;
	const char *first[] = { "5/s burst=1 name=a", "5/s burst=1 name=b" };
	const char *second[] = { "5/s burst=2 name=b", "5/s dry-run name=c burst=1" };
	const uint8_t key[LIMIT_KEY_BYTES] = { 1 };

	limit_attach(&limit, &shm, table.shm, SMALL_KEYS);
	make(&policy, first, 2);
	limit_set_policy(&limit, &policy);
	for (int i = 0; i < 3; i++)
		limit_decide(&limit, &limit.policy.rules[1], key, S, S);
	make(&policy, second, 2);
	limit_set_policy(&limit, &policy);
	for (int i = 0; i < 3; i++) {
		limit_decide(&limit, &limit.policy.rules[0], key, S, S);
		limit_decide(&limit, &limit.policy.rules[1], key, S, S);
	}
	limit_counters(&limit, &counters);
	ck_assert_uint_eq(counters.limits_count, 3);
	ck_assert_str_eq(counters.limits[1].name, "b");
	ck_assert_uint_eq(counters.limits[1].admitted, 1 + 2);
	ck_assert_uint_eq(counters.limits[1].refused, 2 + 1);
	ck_assert_str_eq(counters.limits[2].name, "c");
	ck_assert_uint_eq(counters.limits[2].dry_refused, 2);
	limit_policy_fini(&limit.policy);
}
END_TEST

static void serve_nothing(struct percore_request *request)
{
	(void)request;
}

START_TEST(limits_of_a_program_are_for_a_route)
{
	struct percore_app *app = percore_app_new("test", "1");

	percore_add_route(app, &(struct percore_route){ .pattern = "/a/{b}",
	                                                .handler = serve_nothing,
	                                                .limit = "5/s burst=2, 100/h by=header:X-Key" });
	ck_assert_str_eq(app->mistake, "");
	ck_assert_uint_eq(app->limit_count, 2);
	ck_assert_str_eq(app->limits[0].route, "/a/{b}");
	ck_assert_str_eq(app->limits[1].method, "GET");
	ck_assert_str_eq(app->limits[1].header, "X-Key");
	percore_add_route(app, &(struct percore_route){ .pattern = "/b",
	                                                .handler = serve_nothing,
	                                                .limit = "5/s burst=2 route=/c" });
	ck_assert_str_eq(app->mistake,
	                 "route GET /b: route= and method= are for --limit; here the route says it");
	app_free(app);
}
END_TEST

#ifdef HAVE_HIREDIS
START_TEST(store_urls_are_read_and_wrong_ones_explained)
{
	static const char *const good[] = {
		"redis://127.0.0.1",          "redis://127.0.0.1:7000", "redis://127.0.0.1/3",
		"redis://[::1]:7000/15",      "redis://[::1]/",         "redis+unix:///run/redis.sock",
		"redis://user:word@127.0.0.1"
	};
	static const char *const bad[] = { "",
		                           "redis://",
		                           "http://127.0.0.1",
		                           "redis://:6379",
		                           "redis://127.0.0.1:0",
		                           "redis://127.0.0.1:65536",
		                           "redis://127.0.0.1:x",
		                           "redis://127.0.0.1/x",
		                           "redis://127.0.0.1/1/2",
		                           "redis://word@127.0.0.1",
		                           "redis://[::1",
		                           "redis+unix://run/x",
		                           "redis://nobody.invalid" };
	struct limit_redis redis;

	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		ck_assert_msg(!limit_redis_parse(good[i], &redis), "%s: %s", good[i],
		              limit_redis_parse(good[i], &redis));
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		ck_assert_msg(limit_redis_parse(bad[i], &redis) != NULL, "%s was taken", bad[i]);
	limit_redis_parse("redis://[::1]:7000/15", &redis);
	ck_assert_uint_eq(redis.url.database, 15);
	limit_redis_parse("redis://user:word@127.0.0.1/3", &redis);
	ck_assert_str_eq(redis.name, "redis://user:***@127.0.0.1/3");
}
END_TEST
#endif

static Suite *suite(void)
{
	Suite *suite = suite_create("limit");
	TCase *client = tcase_create("client"), *gcra = tcase_create("gcra"), *places = tcase_create("table"),
	      *policy = tcase_create("policy");

	tcase_add_test(client, mapped_ipv4_is_ipv4);
	tcase_add_test(client, ipv6_is_cut_to_64_bits_and_ipv4_is_not);
	tcase_add_test(client, block_holds_what_its_bits_say);
	tcase_add_test(client, malformed_blocks_are_refused);
	tcase_add_test(client, peer_without_an_address_is_trusted_by_its_word);
	tcase_add_test(client, two_of_lighttpd_are_not_believed);
	tcase_add_test(client, client_is_the_rightmost_hop_that_is_not_trusted);
	tcase_add_test(client, a_header_that_came_twice_is_read_from_its_end);
	tcase_add_test(client, hostile_forwarded_for_leads_no_further_than_the_proxy);
	tcase_add_test(gcra, siphash_gives_its_authors_values);
	tcase_add_test(gcra, burst_is_spent_at_once_and_comes_back_one_by_one);
	tcase_add_test(gcra, quota_tells_what_is_left_and_when_there_is_more);
	tcase_add_test(gcra, a_refused_request_is_admitted_when_it_was_told_and_not_before);
	tcase_add_test(gcra, clock_may_wrap_around);
	tcase_add_test(gcra, huge_and_tiny_rates_stay_within_their_numbers);
	tcase_add_test(gcra, an_end_that_was_overwritten_heals);
	tcase_add_checked_fixture(places, set_up, NULL);
	tcase_set_timeout(places, 30);
	tcase_add_test(places, eight_processes_at_one_moment_share_exactly_the_burst);
	tcase_add_test(places, eight_processes_in_time_are_admitted_burst_and_rate);
	tcase_add_test(places, processes_killed_anywhere_leave_a_table_that_holds_the_bound);
	tcase_add_loop_test(places, death_in_mid_decision_costs_nobody_anything, 0, 2);
	tcase_add_test(places, death_in_mid_eviction_leaves_the_evicted_debt_at_most);
	tcase_add_test(places, a_new_key_does_not_pay_for_the_one_it_evicts);
	tcase_add_test(places, keys_whose_debt_is_paid_make_room_without_an_eviction);
	tcase_add_test(places, attackers_keys_do_not_let_a_busy_key_through);
	tcase_add_test(places, attackers_keys_do_not_refuse_a_polite_key);
	tcase_add_test(places, a_section_is_kept_where_it_fits_and_made_anew_where_not);
	tcase_add_checked_fixture(policy, set_up, NULL);
	tcase_add_test(policy, limits_are_read_as_written);
	tcase_add_test(policy, wrong_limits_say_what_is_wrong);
	tcase_add_test(policy, limits_get_names_and_say_their_policy);
	tcase_add_test(policy, limits_of_a_program_are_for_a_route);
	tcase_add_test(policy, counters_follow_the_names_over_reloads);
#ifdef HAVE_HIREDIS
	tcase_add_test(policy, store_urls_are_read_and_wrong_ones_explained);
#endif
	suite_add_tcase(suite, client);
	suite_add_tcase(suite, gcra);
	suite_add_tcase(suite, places);
	suite_add_tcase(suite, policy);
	return suite;
}

int main(void)
{
	SRunner *runner = srunner_create(suite());

	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
