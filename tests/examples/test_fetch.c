/* SPDX-License-Identifier: ISC */
/* The example fetch, in the test's process, with another service in a child. */
#include "example.h"

#define main fetch_main
#include "../../examples/fetch.c" /* NOLINT(bugprone-suspicious-include): it is what is tested */
#undef main

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* ---- The other service: what it answers stands in the city's name. */

static void send_all(int fd, const char *head, const char *body, size_t length)
{
	char text[256];
	int n = snprintf(text, sizeof text, "HTTP/1.1 %s\r\nContent-Length: %zu\r\n\r\n", head, length);

	if (send(fd, text, (size_t)n, MSG_NOSIGNAL) == n)
		for (ssize_t sent; length > 0 && (sent = send(fd, body, length, MSG_NOSIGNAL)) > 0;
		     body += sent)
			length -= (size_t)sent;
}

/* The value of a header, or "". */
static const char *header_of(const char *head, const char *name, char *value)
{
	const char *at = strstr(head, name);

	value[0] = '\0';
	if (at)
		sscanf(at + strlen(name), ": %99[^\r]", value);
	return value;
}

static void answer_one(int fd, const char *head, int connections)
{
	static char many[100000];
	char body[1024], id[100], trace[100], target[200];

	memset(many, ' ', sizeof many);
	sscanf(head, "GET %199s", target);
	if (strstr(target, "=none"))
		send_all(fd, "404 Not Found", "{}", 2);
	else if (strstr(target, "=wrong"))
		send_all(fd, "500 Internal Server Error", "{}", 2);
	else if (strstr(target, "=elsewhere"))
		send_all(fd, "302 Found\r\nLocation: /w?city=Rome", "{}", 2);
	else if (strstr(target, "=array"))
		send_all(fd, "200 OK", "[]", 2);
	else if (strstr(target, "=broken"))
		send_all(fd, "200 OK", "{\"a\":", 5);
	else if (strstr(target, "=latin"))
		send_all(fd, "200 OK", "{\"a\":\"\xe4\"}", 9);
	else if (strstr(target, "=large"))
		send_all(fd, "200 OK", many, sizeof many);
	else if (strstr(target, "=slow"))
		while (recv(fd, body, sizeof body, 0) > 0)
			;
	else {
		snprintf(body, sizeof body,
		         "{\"target\":\"%s\",\"id\":\"%s\",\"trace\":\"%s\",\"connections\":%d}", target,
		         header_of(head, "X-Request-ID", id), header_of(head, "traceparent", trace),
		         connections);
		send_all(fd, "200 OK", body, strlen(body));
	}
}

static void serve(int listener)
{
	char head[4096];

	for (int connections = 1;; connections++) {
		int fd = accept(listener, NULL, NULL);
		for (ssize_t length; (length = recv(fd, head, sizeof head - 1, 0)) > 0;) {
			head[length] = '\0';
			answer_one(fd, head, connections);
		}
		close(fd);
	}
}

static char url[64];

/* Ends with the test. */
static void start_upstream(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof address;
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, size), 0);
	ck_assert_int_eq(listen(listener, 8), 0);
	ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&address, &size), 0);
	snprintf(url, sizeof url, "http://127.0.0.1:%d/w", ntohs(address.sin_port));
	if (fork() == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		serve(listener);
	}
	close(listener);
}

static struct percore_test *start_with(const char *limit)
{
	return example_start(fetch(),
	                     (const char *const[]){ "--upstream", url, "--request-timeout", limit, NULL });
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- */

START_TEST(city_reaches_the_other_service_and_its_answer_the_client)
{
	start_upstream();
	struct percore_test *test = start_with("10s");
	const struct percore_test_answer *answer =
		example_get(test, "/weather/Sankt%20P%C3%B6lten%26a=b%23..");

	ck_assert_int_eq(answer->status, 200);
	ck_assert_str_eq(example_member(answer, "city"), "Sankt P\u00f6lten&a=b#..");
	ck_assert_ptr_nonnull(strstr(answer->body, "\"/w?city=Sankt%20P%C3%B6lten%26a%3Db%23..\""));
	ck_assert_ptr_nonnull(
		strstr(example_get(test, "/metrics")->body, "\nfetch_upstream_seconds_count 1\n"));
	percore_test_free(test);
}
END_TEST

START_TEST(ids_go_along_where_they_are_good)
{
	static const char trace[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
	struct percore_pair headers[] = { { "X-Request-ID", "abc.1" },
		                          { "traceparent", trace },
		                          { NULL, NULL } };
	start_upstream();
	struct percore_test *test = start_with("10s");

	const struct percore_test_answer *answer = example_send(test, "GET", "/weather/Rome", NULL, headers);
	ck_assert_ptr_nonnull(strstr(answer->body, "\"id\":\"abc.1\""));
	ck_assert_ptr_nonnull(strstr(answer->body, trace));
	headers[1].value = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01, and more";
	answer = example_send(test, "GET", "/weather/Rome", NULL, headers);
	ck_assert_ptr_nonnull(strstr(answer->body, "\"trace\":\"\""));
	percore_test_free(test);
}
END_TEST

START_TEST(connection_is_kept)
{
	start_upstream();
	struct percore_test *test = start_with("10s");

	for (int i = 0; i < 3; i++)
		ck_assert_ptr_nonnull(strstr(example_get(test, "/weather/Rome")->body, "\"connections\":1"));
	percore_test_free(test);
}
END_TEST

START_TEST(bad_answers_are_answered_for)
{
	static const struct {
		const char *city;
		int status;
	} cases[] = { { "none", 404 },   { "wrong", 502 }, { "elsewhere", 502 }, { "array", 502 },
		      { "broken", 502 }, { "latin", 502 }, { "large", 502 },     { "Rome", 200 } };
	char target[64];
	start_upstream();
	struct percore_test *test = start_with("10s");

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		snprintf(target, sizeof target, "/weather/%s", cases[i].city);
		ck_assert_msg(example_get(test, target)->status == cases[i].status, "%s", cases[i].city);
	}
	percore_test_free(test);
}
END_TEST

START_TEST(time_of_the_request_bounds_the_call)
{
	start_upstream();
	struct percore_test *test = start_with("600ms");
	double before = now();

	ck_assert_int_eq(example_get(test, "/weather/slow")->status, 504);
	ck_assert(now() - before > 0.4 && now() - before < 0.6);
	ck_assert_int_eq(example_get(test, "/weather/Rome")->status, 200);
	percore_test_free(test);
}
END_TEST

START_TEST(service_that_is_away_is_a_502)
{
	snprintf(url, sizeof url, "http://127.0.0.1:1/w");
	struct percore_test *test = start_with("10s");

	ck_assert_int_eq(example_get(test, "/weather/Rome")->status, 502);
	percore_test_free(test);
}
END_TEST

START_TEST(upstream_must_be_a_url)
{
	ck_assert_ptr_null(
		percore_test_new(fetch(), (const char *const[]){ "--upstream", "http://a:b:c", NULL }));
}
END_TEST

int main(void)
{
	return example_run_tests(
		"fetch",
		(const TTest *const[]){ city_reaches_the_other_service_and_its_answer_the_client,
	                                ids_go_along_where_they_are_good, connection_is_kept,
	                                bad_answers_are_answered_for, time_of_the_request_bounds_the_call,
	                                service_that_is_away_is_a_502, upstream_must_be_a_url, NULL });
}
