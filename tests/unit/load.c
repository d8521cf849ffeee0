/* SPDX-License-Identifier: ISC */
/* Unit tests of percore-load, and of the histogram: no socket, no clock. */
#include "load/arrival.h"
#include "load/fcgi_client.h"
#include "load/http.h"
#include "load/knee.h"
#include "load/report.h"
#include "load/request.h"
#include "load/slo.h"
#include "load/units.h"
#include "load/url.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>

/* Histogram */

START_TEST(value_comes_back_within_two_percent)
{
	for (uint64_t value = 1000; value < UINT64_C(3600000000000); value += value / 300) {
		uint64_t back = histogram_value(histogram_index(value));
		ck_assert_double_le(fabs((double)back / (double)value - 1), 0.02);
	}
}
END_TEST

START_TEST(buckets_touch_and_do_not_overlap)
{
	ck_assert_uint_eq(histogram_floor(0), 0);
	for (unsigned i = 0; i < HISTOGRAM_SIZE; i++) {
		ck_assert_uint_eq(histogram_index(histogram_floor(i)), i);
		ck_assert_uint_eq(histogram_index(histogram_ceiling(i)), i);
		ck_assert_uint_le(histogram_floor(i), histogram_value(i));
		ck_assert_uint_le(histogram_value(i), histogram_ceiling(i));
		if (i + 1 < HISTOGRAM_SIZE)
			ck_assert_uint_eq(histogram_ceiling(i) + 1, histogram_floor(i + 1));
	}
}
END_TEST

START_TEST(beyond_the_last_bucket_counts_in_it)
{
	ck_assert_uint_eq(histogram_index(UINT64_MAX), HISTOGRAM_SIZE - 1);
	ck_assert_uint_eq(histogram_index(UINT64_C(1) << HISTOGRAM_HIGHEST_BITS), HISTOGRAM_SIZE - 1);
}
END_TEST

START_TEST(quantiles_are_those_of_what_was_recorded)
{
	static struct histogram h;

	for (uint64_t ms = 1; ms <= 1000; ms++)
		histogram_record(&h, ms * 1000000);
	ck_assert_uint_eq(h.count, 1000);
	ck_assert_uint_eq(histogram_mean(&h), 500500000);
	ck_assert_double_eq_tol((double)histogram_quantile(&h, 0.5), 500e6, 10e6);
	ck_assert_double_eq_tol((double)histogram_quantile(&h, 0.99), 990e6, 20e6);
	ck_assert_double_eq_tol((double)histogram_quantile(&h, 0), 1e6, 0.02e6);
	ck_assert_uint_eq(histogram_quantile(&h, 1), 1000000000);
}
END_TEST

START_TEST(quantile_of_nothing_is_nothing)
{
	static struct histogram h;

	ck_assert_uint_eq(histogram_quantile(&h, 0.99), 0);
	ck_assert_uint_eq(histogram_mean(&h), 0);
}
END_TEST

/* One in a hundred is slow: p99 still is fast, the next one is slow. */
START_TEST(quantile_counts_its_rank_exactly)
{
	static struct histogram h;

	for (int i = 0; i < 99; i++)
		histogram_record(&h, 1000000);
	histogram_record(&h, 1000000000);
	ck_assert_uint_lt(histogram_quantile(&h, 0.99), 2000000);
	ck_assert_uint_gt(histogram_quantile(&h, 0.9901), 900000000);
}
END_TEST

START_TEST(merge_is_the_sum)
{
	static struct histogram a, b, both;

	for (uint64_t i = 1; i < 500; i++) {
		histogram_record(i % 2 ? &a : &b, i * i * 1000);
		histogram_record(&both, i * i * 1000);
	}
	histogram_merge(&a, &b);
	ck_assert_mem_eq(&a, &both, sizeof a);
}
END_TEST

/* Arrivals */

static double count_between(const struct arrival_plan *plan, double from_s, double to_s)
{
	struct arrival arrival;
	double count = 0;

	arrival_init(&arrival, plan);
	for (uint64_t at; (at = arrival_next(&arrival)) < (uint64_t)(to_s * 1e9);)
		count += at >= (uint64_t)(from_s * 1e9);
	return count;
}

START_TEST(even_arrivals_keep_one_distance)
{
	struct arrival_plan plan = { .from_per_s = 1000, .to_per_s = 1000, .even = true };
	struct arrival arrival;

	arrival_init(&arrival, &plan);
	uint64_t before = arrival_next(&arrival);
	for (int i = 0; i < 100000; i++) {
		uint64_t at = arrival_next(&arrival);
		ck_assert_uint_ge(at - before, 999999);
		ck_assert_uint_le(at - before, 1000001);
		before = at;
	}
	ck_assert_double_eq(count_between(&plan, 0, 10), 10000);
}
END_TEST

START_TEST(poisson_gaps_are_exponential)
{
	struct arrival_plan plan = { .from_per_s = 1000, .to_per_s = 1000, .seed = 7 };
	struct arrival arrival;
	const int n = 200000;
	double sum = 0, squares = 0, before = 0;
	int longer_than_mean = 0;

	arrival_init(&arrival, &plan);
	for (int i = 0; i < n; i++) {
		double at = (double)arrival_next(&arrival) / 1e6, gap = at - before;
		sum += gap;
		squares += gap * gap;
		longer_than_mean += gap > 1;
		before = at;
	}
	/* In ms: mean 1, variance 1, and 1/e of them longer than the mean. */
	ck_assert_double_eq_tol(sum / n, 1, 0.02);
	ck_assert_double_eq_tol(squares / n - sum / n * sum / n, 1, 0.05);
	ck_assert_double_eq_tol((double)longer_than_mean / n, exp(-1), 0.01);
}
END_TEST

START_TEST(seed_decides_the_arrivals)
{
	struct arrival_plan plan = { .from_per_s = 10, .to_per_s = 10, .seed = 3 };
	struct arrival a, b, c;

	arrival_init(&a, &plan);
	arrival_init(&b, &plan);
	plan.seed = 4;
	arrival_init(&c, &plan);
	uint64_t at = arrival_next(&a);
	ck_assert_uint_eq(at, arrival_next(&b));
	ck_assert_uint_ne(at, arrival_next(&c));
}
END_TEST

START_TEST(ramp_rises_and_falls_in_a_straight_line)
{
	const uint64_t span = UINT64_C(10000000000);
	struct arrival_plan up = { .from_per_s = 0, .to_per_s = 2000, .span_ns = span, .even = true };
	struct arrival_plan down = { .from_per_s = 2000, .to_per_s = 0, .span_ns = span, .even = true };
	struct arrival arrival;

	ck_assert_double_eq_tol(count_between(&up, 0, 5), 2500, 2);
	ck_assert_double_eq_tol(count_between(&up, 5, 10), 7500, 2);
	/* After the ramp the rate stays. */
	ck_assert_double_eq_tol(count_between(&up, 10, 11), 2000, 2);
	arrival_init(&arrival, &down);
	int count = 0;
	while (arrival_next(&arrival) != UINT64_MAX)
		count++;
	ck_assert_int_eq(count, 10000);
}
END_TEST

/* Units, URL, SLO */

START_TEST(durations_need_a_known_unit)
{
	uint64_t ns = 0;

	ck_assert(units_parse_duration("250us", &ns) && ns == 250000);
	ck_assert(units_parse_duration("1.5s", &ns) && ns == 1500000000);
	ck_assert(units_parse_duration("2m", &ns) && ns == UINT64_C(120000000000));
	ck_assert(units_parse_duration("3", &ns) && ns == UINT64_C(3000000000));
	ck_assert(!units_parse_duration("", &ns));
	ck_assert(!units_parse_duration("-1s", &ns));
	ck_assert(!units_parse_duration("inf", &ns));
	ck_assert(!units_parse_duration("nan", &ns));
	ck_assert(!units_parse_duration("0x10s", &ns));
	ck_assert(!units_parse_duration("1 s", &ns));
	ck_assert(!units_parse_duration("10sec", &ns));
	ck_assert(!units_parse_duration("1e99s", &ns));
}
END_TEST

START_TEST(rates_are_above_nothing)
{
	double per_s = 0;

	ck_assert(units_parse_rate("20k", &per_s) && per_s == 20000);
	ck_assert(units_parse_rate("8/s", &per_s) && per_s == 8);
	ck_assert(units_parse_rate("30/m", &per_s) && per_s == 0.5);
	ck_assert(!units_parse_rate("0", &per_s));
	ck_assert(!units_parse_rate("-5", &per_s));
	ck_assert(!units_parse_rate("1M", &per_s));
}
END_TEST

START_TEST(durations_are_written_short)
{
	char text[16];

	ck_assert_str_eq(units_format_duration(850, text, sizeof text), "0.85 us");
	ck_assert_str_eq(units_format_duration(12340000, text, sizeof text), "12.3 ms");
	ck_assert_str_eq(units_format_duration(1950000000, text, sizeof text), "1.95 s");
}
END_TEST

START_TEST(url_is_taken_apart)
{
	struct url url;

	ck_assert_ptr_null(url_parse("http://h.example:81/a?b=c", &url));
	ck_assert_str_eq(url.host, "h.example");
	ck_assert_str_eq(url.port, "81");
	ck_assert_str_eq(url.authority, "h.example:81");
	ck_assert_str_eq(url.target, "/a?b=c");
	ck_assert_double_eq(url.weight, 1);
	ck_assert_ptr_null(url_parse("2.5@http://[::1]", &url));
	ck_assert_str_eq(url.host, "::1");
	ck_assert_str_eq(url.port, "80");
	ck_assert_str_eq(url.authority, "[::1]");
	ck_assert_str_eq(url.target, "/");
	ck_assert_double_eq(url.weight, 2.5);
}
END_TEST

START_TEST(bad_url_is_refused)
{
	static const char *const bad[] = { "",
		                           "example",
		                           "ftp://a/",
		                           "https://a/",
		                           "http://",
		                           "http://:80/",
		                           "http://a:0/",
		                           "http://a:70000/",
		                           "http://a:/",
		                           "http://a b/",
		                           "http://a/\r\nX: y",
		                           "http://u:p@a/",
		                           "http://[::1",
		                           "http://a/#x",
		                           "0@http://a/",
		                           "http://a?x" };
	struct url url;

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		ck_assert_msg(url_parse(bad[i], &url) != NULL, "took '%s'", bad[i]);
}
END_TEST

static struct result *hundred_answers(void)
{
	static struct result result;

	result = (struct result){ .planned = 101, .measured_ns = 1000000000, .answered_in_time = 100 };
	for (int i = 0; i < 100; i++) {
		histogram_record(&result.corrected, 8000000);
		histogram_record(&result.raw, 2000000);
	}
	result.outcomes[OUTCOME_GOOD] = 100;
	result.outcomes[OUTCOME_RESET] = 1;
	return &result;
}

static bool slo_is_held(const char *text)
{
	struct slo slo;
	char wrong[SLO_TERM_BYTES];

	ck_assert_msg(slo_parse(text, &slo, wrong) == NULL, "refused '%s'", text);
	return slo_holds(&slo, hundred_answers());
}

START_TEST(slo_terms_are_judged_all)
{
	ck_assert(slo_is_held("p99<10ms"));
	ck_assert(!slo_is_held("p99<5ms"));
	ck_assert(slo_is_held("raw:p99<5ms"));
	ck_assert(!slo_is_held("p99<10ms,errors=0"));
	ck_assert(slo_is_held("p99<10ms,errors<=1"));
	ck_assert(slo_is_held("errors<1%,max<=8ms,mean>1us"));
	ck_assert(slo_is_held("throughput>=100"));
	ck_assert(!slo_is_held("throughput>100"));
}
END_TEST

START_TEST(slo_without_answers_is_missed)
{
	static struct result nothing;
	struct slo slo;
	char wrong[SLO_TERM_BYTES];

	slo_parse("p99<10ms", &slo, wrong);
	ck_assert(!slo_holds(&slo, &nothing));
}
END_TEST

START_TEST(bad_slo_is_refused_with_its_term)
{
	static const char *const bad[] = { "",
		                           "p99",
		                           "p99<",
		                           "p99<10",
		                           "p101<10ms",
		                           "p0<10ms",
		                           "q99<10ms",
		                           "p99<10ms,",
		                           "errors=x",
		                           "errors=-1",
		                           "raw:errors=0",
		                           "throughput>10ms",
		                           "p99<10ms;errors=0",
		                           "p99=<10ms",
		                           "=10ms" };
	struct slo slo;
	char wrong[SLO_TERM_BYTES];

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		ck_assert_msg(slo_parse(bad[i], &slo, wrong) != NULL, "took '%s'", bad[i]);
	ck_assert_ptr_nonnull(slo_parse("p50<1ms,p9x<2ms", &slo, wrong));
	ck_assert_str_eq(wrong, "p9x<2ms");
}
END_TEST

START_TEST(result_is_invalid_for_each_reason)
{
	const struct result_limits limits = { 1000000, 0.85, 0.02 };
	static struct result result;
	char reasons[RESULT_REASONS_SIZE];

	result = (struct result){ .measured_ns = 1000000000 };
	ck_assert(result_is_valid(&result, &limits, reasons));
	ck_assert_str_eq(reasons, "");
	result.cpu_ns = 900000000;
	ck_assert(!result_is_valid(&result, &limits, reasons));
	ck_assert_ptr_nonnull(strstr(reasons, "90 % of a core"));
	result.cpu_ns = 0;
	result.steal_share = 0.03;
	ck_assert(!result_is_valid(&result, &limits, reasons));
	ck_assert_ptr_nonnull(strstr(reasons, "hypervisor"));
	result.steal_share = 0;
	for (int i = 0; i < 100; i++)
		histogram_record(&result.lateness, i < 98 ? 1000 : 5000000);
	ck_assert(!result_is_valid(&result, &limits, reasons));
	ck_assert_ptr_nonnull(strstr(reasons, "late"));
}
END_TEST

/* Answers: fed whole, and byte by byte */

static const struct expectation hello = { .check_body = true, .body = "hello", .body_bytes = 5 };

static enum answer_progress feed(const struct protocol *protocol, struct answer *answer, const char *bytes,
                                 size_t size, size_t piece)
{
	enum answer_progress progress = ANSWER_MORE;

	answer_init(answer, &hello);
	protocol->start(answer);
	for (size_t at = 0; at < size && progress == ANSWER_MORE; at += piece)
		progress = protocol->feed(answer, bytes + at, size - at < piece ? size - at : piece);
	return progress;
}

static void expect_good(const struct protocol *protocol, const char *bytes, size_t size)
{
	struct answer answer;

	for (size_t piece = 1; piece <= size; piece++) {
		ck_assert_int_eq(feed(protocol, &answer, bytes, size, piece), ANSWER_DONE);
		ck_assert(answer_has_good_status(&answer) && answer_has_good_body(&answer));
	}
}

START_TEST(http_answer_may_come_in_any_pieces)
{
	static const char length[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
	static const char chunked[] =
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n";
	static const char after_100[] =
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

	expect_good(&http_protocol, length, sizeof length - 1);
	expect_good(&http_protocol, chunked, sizeof chunked - 1);
	expect_good(&http_protocol, after_100, sizeof after_100 - 1);
}
END_TEST

START_TEST(http_body_without_length_ends_with_the_connection)
{
	static const char text[] = "HTTP/1.1 200 OK\r\n\r\nhello";
	struct answer answer;

	ck_assert_int_eq(feed(&http_protocol, &answer, text, sizeof text - 1, 7), ANSWER_MORE);
	ck_assert_int_eq(http_protocol.end(&answer), ANSWER_DONE);
	ck_assert(answer_has_good_body(&answer) && !answer.keep);
}
END_TEST

START_TEST(http_short_body_is_truncated)
{
	static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell";
	struct answer answer;

	ck_assert_int_eq(feed(&http_protocol, &answer, text, sizeof text - 1, 7), ANSWER_MORE);
	ck_assert_int_eq(http_protocol.end(&answer), ANSWER_TRUNCATED);
}
END_TEST

START_TEST(http_other_body_or_status_is_seen)
{
	static const char body[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhallo";
	static const char longer[] = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello!";
	static const char shorter[] = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhell";
	static const char status[] = "HTTP/1.1 500 No\r\nContent-Length: 5\r\n\r\nhello";
	struct answer answer;

	ck_assert_int_eq(feed(&http_protocol, &answer, body, sizeof body - 1, 3), ANSWER_DONE);
	ck_assert(!answer_has_good_body(&answer));
	ck_assert_int_eq(feed(&http_protocol, &answer, longer, sizeof longer - 1, 99), ANSWER_DONE);
	ck_assert(!answer_has_good_body(&answer));
	ck_assert_int_eq(feed(&http_protocol, &answer, shorter, sizeof shorter - 1, 99), ANSWER_DONE);
	ck_assert(!answer_has_good_body(&answer));
	ck_assert_int_eq(feed(&http_protocol, &answer, status, sizeof status - 1, 99), ANSWER_DONE);
	ck_assert(!answer_has_good_status(&answer));
}
END_TEST

START_TEST(http_surplus_and_garbage_are_broken)
{
	static const char surplus[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello!";
	static const char garbage[] = "SSH-2.0-OpenSSH\r\n";
	struct answer answer;

	ck_assert_int_eq(feed(&http_protocol, &answer, surplus, sizeof surplus - 1, 99), ANSWER_BROKEN);
	ck_assert_int_eq(feed(&http_protocol, &answer, garbage, sizeof garbage - 1, 99), ANSWER_BROKEN);
}
END_TEST

#define STDOUT_RECORD(size, padding) "\1\6\0\1\0" size padding "\0"
#define END_RECORD(status)           "\1\3\0\1\0\10\0\0\0\0\0\0" status "\0\0\0"

START_TEST(fcgi_answer_may_come_in_any_pieces)
{
	static const char plain[] = STDOUT_RECORD("\7", "\1") "\r\nhello"
							      "\0" END_RECORD("\0");
	static const char status[] = STDOUT_RECORD("\21", "\0") "Status: 201 Made\r" STDOUT_RECORD(
		"\10", "\0") "\n\r\nhello"
			     "\1\7\0\1\0\3\5\0"
			     "log"
			     "\0\0\0\0\0" STDOUT_RECORD("\0", "\0") END_RECORD("\0");

	expect_good(&fcgi_protocol, plain, sizeof plain - 1);
	expect_good(&fcgi_protocol_once, status, sizeof status - 1);
}
END_TEST

START_TEST(fcgi_refusal_is_a_503)
{
	static const char refused[] = END_RECORD("\2");
	struct answer answer;

	ck_assert_int_eq(feed(&fcgi_protocol, &answer, refused, sizeof refused - 1, 99), ANSWER_DONE);
	ck_assert_uint_eq(answer.status, 503);
}
END_TEST

START_TEST(fcgi_broken_answers_are_seen)
{
	static const char version[] = "\2\6\0\1\0\0\0\0", id[] = "\1\6\0\2\0\0\0\0",
			  type[] = "\1\11\0\1\0\0\0\0";
	static const char empty[] = END_RECORD("\0");
	static const char shorter[] =
		STDOUT_RECORD("\33", "\0") "Content-Length: 6\r\n\r\nhello!!" END_RECORD("\0");
	static const char cut[] = STDOUT_RECORD("\31", "\0") "Content-Length: 6\r\n\r\nhell" END_RECORD("\0");
	struct answer answer;

	ck_assert_int_eq(feed(&fcgi_protocol, &answer, version, 8, 99), ANSWER_BROKEN);
	ck_assert_int_eq(feed(&fcgi_protocol, &answer, id, 8, 99), ANSWER_BROKEN);
	ck_assert_int_eq(feed(&fcgi_protocol, &answer, type, 8, 99), ANSWER_BROKEN);
	ck_assert_int_eq(feed(&fcgi_protocol, &answer, empty, sizeof empty - 1, 99), ANSWER_BROKEN);
	ck_assert_int_ne(feed(&fcgi_protocol, &answer, shorter, sizeof shorter - 1, 99), ANSWER_DONE);
	ck_assert_int_eq(feed(&fcgi_protocol, &answer, cut, sizeof cut - 1, 99), ANSWER_TRUNCATED);
	ck_assert_int_eq(fcgi_protocol.end(&answer), ANSWER_TRUNCATED);
}
END_TEST

static struct request_bytes build(const char *const *headers, const char *body, bool fcgi)
{
	static struct url url;
	struct request_bytes built = { 0 };
	struct request request = { .url = &url,
		                   .method = body ? "POST" : "GET",
		                   .headers = headers,
		                   .body = body,
		                   .body_bytes = body ? strlen(body) : 0,
		                   .keep = true };

	ck_assert_ptr_null(url_parse("http://a.example/x?y", &url));
	ck_assert_int_eq(fcgi ? request_build_fcgi(&request, &built) : request_build_http(&request, &built),
	                 0);
	return built;
}

START_TEST(http_request_is_what_was_asked_for)
{
	static const char *const headers[] = { "X-A: 1", "host: b", NULL };
	struct request_bytes built = build(headers, "abc", false);

	ck_assert_str_eq(built.bytes,
	                 "POST /x?y HTTP/1.1\r\nX-A: 1\r\nhost: b\r\nContent-Length: 3\r\n\r\nabc");
	free(built.bytes);
}
END_TEST

START_TEST(fcgi_request_is_whole_records)
{
	static const char *const headers[] = { "X-A: 1", NULL };
	struct request_bytes built = build(headers, "abc", true);
	size_t at = 0;
	char types[16] = "", *type = types;

	while (at < built.size) {
		const unsigned char *r = (const unsigned char *)built.bytes + at;
		*type++ = (char)('0' + r[1]);
		at += 8 + ((size_t)r[4] << 8 | r[5]) + r[6];
	}
	ck_assert_uint_eq(at, built.size);
	ck_assert_str_eq(types, "14455"); /* BEGIN, PARAMS and its end, STDIN and its end */
	ck_assert_ptr_nonnull(memmem(built.bytes, built.size, "HTTP_X_A1", 9));
	ck_assert_ptr_nonnull(memmem(built.bytes, built.size, "QUERY_STRINGy", 13));
	free(built.bytes);
}
END_TEST

/* Knee: a made-up server with a known one */

struct made_up {
	double knee_per_s, other_per_s;
	unsigned trials, invalid_every;
	struct random random;
	double blur; /* share of the rate around the knee where the outcome is chance */
};

static bool try_made_up(void *context, double rate_per_s, struct knee_trial *trial)
{
	struct made_up *server = context;
	double shift = 1 + server->blur * (random_unit(&server->random) - 0.5);

	server->trials++;
	trial->valid = !server->invalid_every || server->trials % server->invalid_every != 0;
	/* What an invalid trial says must not count. */
	trial->holds[0] =
		trial->valid ? rate_per_s * shift <= server->knee_per_s : rate_per_s > server->knee_per_s;
	trial->holds[1] = rate_per_s * shift <= server->other_per_s;
	return true;
}

static enum knee_end find(struct made_up *server, double first_per_s, struct knee_range knees[KNEE_LIMITS])
{
	struct knee_plan plan = { .first_per_s = first_per_s,
		                  .lowest_per_s = 0.1,
		                  .step = 1.25,
		                  .precision = 1.03,
		                  .limits = 2,
		                  .trials = 5,
		                  .needed = 4,
		                  .searches = 3,
		                  .try_rate = try_made_up,
		                  .context = server };

	return knee_find(&plan, knees);
}

START_TEST(knee_is_found_from_anywhere)
{
	for (long first = 1; first < 1000000; first *= 3) {
		struct made_up server = { .knee_per_s = 1234, .other_per_s = 700 };
		struct knee_range knees[KNEE_LIMITS];
		ck_assert_int_eq(find(&server, (double)first, knees), KNEE_FOUND);
		ck_assert_double_le(knees[0].median, 1234);
		ck_assert_double_ge(knees[0].median, 1234 / 1.03);
		ck_assert_double_le(knees[1].median, 700);
		ck_assert_double_ge(knees[1].median, 700 / 1.03);
		ck_assert_double_le(knees[0].least, knees[0].median);
		ck_assert_double_ge(knees[0].most, knees[0].median);
	}
}
END_TEST

START_TEST(knee_of_a_noisy_server_is_near)
{
	for (uint64_t seed = 1; seed <= 50; seed++) {
		struct made_up server = {
			.knee_per_s = 1234, .other_per_s = 700, .random = { seed }, .blur = 0.04
		};
		struct knee_range knees[KNEE_LIMITS];
		ck_assert_int_eq(find(&server, 500, knees), KNEE_FOUND);
		ck_assert_double_eq_tol(knees[0].median, 1234, 1234 * 0.05);
	}
}
END_TEST

START_TEST(invalid_trials_are_repeated)
{
	struct made_up server = { .knee_per_s = 1234, .other_per_s = 700, .invalid_every = 2 };
	struct knee_range knees[KNEE_LIMITS];

	ck_assert_int_eq(find(&server, 500, knees), KNEE_FOUND);
	ck_assert_double_eq_tol(knees[0].median, 1234, 1234 * 0.03);
	server.invalid_every = 1;
	server.trials = 0;
	ck_assert_int_eq(find(&server, 500, knees), KNEE_INVALID);
	ck_assert_uint_eq(server.trials, KNEE_INVALID_IN_A_ROW);
}
END_TEST

START_TEST(knee_of_a_server_that_never_holds_is_nothing)
{
	struct made_up server = { 0 };
	struct knee_range knees[KNEE_LIMITS];

	ck_assert_int_eq(find(&server, 500, knees), KNEE_FOUND);
	ck_assert_double_eq(knees[0].median, 0);
}
END_TEST

static void add_state(Suite *suite)
{
	TCase *histogram = tcase_create("histogram"), *arrival = tcase_create("arrival");

	tcase_add_test(histogram, value_comes_back_within_two_percent);
	tcase_add_test(histogram, buckets_touch_and_do_not_overlap);
	tcase_add_test(histogram, beyond_the_last_bucket_counts_in_it);
	tcase_add_test(histogram, quantiles_are_those_of_what_was_recorded);
	tcase_add_test(histogram, quantile_of_nothing_is_nothing);
	tcase_add_test(histogram, quantile_counts_its_rank_exactly);
	tcase_add_test(histogram, merge_is_the_sum);
	suite_add_tcase(suite, histogram);
	tcase_add_test(arrival, even_arrivals_keep_one_distance);
	tcase_add_test(arrival, poisson_gaps_are_exponential);
	tcase_add_test(arrival, seed_decides_the_arrivals);
	tcase_add_test(arrival, ramp_rises_and_falls_in_a_straight_line);
	suite_add_tcase(suite, arrival);
}

static void add_parsing(Suite *suite)
{
	TCase *parsing = tcase_create("parsing");

	tcase_add_test(parsing, durations_need_a_known_unit);
	tcase_add_test(parsing, rates_are_above_nothing);
	tcase_add_test(parsing, durations_are_written_short);
	tcase_add_test(parsing, url_is_taken_apart);
	tcase_add_test(parsing, bad_url_is_refused);
	tcase_add_test(parsing, slo_terms_are_judged_all);
	tcase_add_test(parsing, slo_without_answers_is_missed);
	tcase_add_test(parsing, bad_slo_is_refused_with_its_term);
	tcase_add_test(parsing, result_is_invalid_for_each_reason);
	suite_add_tcase(suite, parsing);
}

static void add_protocols(Suite *suite)
{
	TCase *protocols = tcase_create("protocols");

	tcase_add_test(protocols, http_answer_may_come_in_any_pieces);
	tcase_add_test(protocols, http_body_without_length_ends_with_the_connection);
	tcase_add_test(protocols, http_short_body_is_truncated);
	tcase_add_test(protocols, http_other_body_or_status_is_seen);
	tcase_add_test(protocols, http_surplus_and_garbage_are_broken);
	tcase_add_test(protocols, fcgi_answer_may_come_in_any_pieces);
	tcase_add_test(protocols, fcgi_refusal_is_a_503);
	tcase_add_test(protocols, fcgi_broken_answers_are_seen);
	tcase_add_test(protocols, http_request_is_what_was_asked_for);
	tcase_add_test(protocols, fcgi_request_is_whole_records);
	suite_add_tcase(suite, protocols);
}

int main(void)
{
	Suite *suite = suite_create("percore-load");
	TCase *knee = tcase_create("knee");

	add_state(suite);
	add_parsing(suite);
	add_protocols(suite);
	tcase_add_test(knee, knee_is_found_from_anywhere);
	tcase_add_test(knee, knee_of_a_noisy_server_is_near);
	tcase_add_test(knee, invalid_trials_are_repeated);
	tcase_add_test(knee, knee_of_a_server_that_never_holds_is_nothing);
	suite_add_tcase(suite, knee);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
