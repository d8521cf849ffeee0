/* SPDX-License-Identifier: ISC */
/* URLs of Redis: what is taken, what is refused and with which words, and what is printed of them. */
#include "base/redis_url.h"
#include "unit.h"

#include <stdio.h>
#include <string.h>

static struct redis_url url;
static char text[2048], shown[REDIS_URL_SHOWN_MAX];

static void read_url(const char *good)
{
	const char *wrong = redis_url_parse(good, &url);

	ck_assert_msg(!wrong, "%s: %s", good, wrong);
}

/* It is refused, and the reason has these words. */
static void ck_refused(const char *bad, const char *words)
{
	const char *wrong = redis_url_parse(bad, &url);

	ck_assert_msg(wrong != NULL, "%s was taken", bad);
	ck_assert_msg(strstr(wrong, words) != NULL, "%s: %s", bad, wrong);
}

static const char *print(const char *any)
{
	redis_url_print(any, shown, sizeof shown);
	return shown;
}

/* START, COUNT times x, END. */
static const char *with_xs(const char *start, int count, const char *end)
{
	char xs[1024];

	memset(xs, 'x', sizeof xs);
	snprintf(text, sizeof text, "%s%.*s%s", start, count, xs, end);
	return text;
}

START_TEST(parts_that_are_missing_have_their_defaults)
{
	read_url("redis://host");
	ck_assert_str_eq(url.host, "host");
	ck_assert_uint_eq(url.port, 6379);
	ck_assert_uint_eq(url.database, 0);
	ck_assert_str_eq(url.user, "");
	ck_assert_str_eq(url.password, "");
	ck_assert_str_eq(url.path, "");
	read_url("redis://host/");
	ck_assert_uint_eq(url.database, 0);
	read_url("redis://host:1/7");
	ck_assert_uint_eq(url.port, 1);
	ck_assert_uint_eq(url.database, 7);
	read_url("redis://host:65535/1048576");
	ck_assert_uint_eq(url.port, 65535);
	ck_assert_uint_eq(url.database, 1048576);
}
END_TEST

START_TEST(brackets_hold_an_ipv6_address)
{
	read_url("redis://[::1]");
	ck_assert_str_eq(url.host, "::1");
	ck_assert_uint_eq(url.port, 6379);
	read_url("redis://me:word@[fe80::1%lo]:7000/15");
	ck_assert_str_eq(url.host, "fe80::1%lo");
	ck_assert_uint_eq(url.port, 7000);
	ck_assert_uint_eq(url.database, 15);
	ck_assert_str_eq(url.password, "word");
	read_url("redis://me:wo[rd]:x@[::1]/1");
	ck_assert_str_eq(url.password, "wo[rd]:x");
	ck_assert_str_eq(url.host, "::1");
	ck_refused("redis://[::1", "the ] after");
	ck_refused("redis://[::1/3", "the ] after");
	ck_refused("redis://[::1]7000", "after the ]");
	ck_refused("redis://[]:7000", "the host is missing");
	ck_refused("redis://::1", "in brackets");
	ck_refused("redis://fe80::1:7000/0", "in brackets");
}
END_TEST

START_TEST(user_and_password_are_decoded)
{
	read_url("redis://:word@host");
	ck_assert_str_eq(url.user, "");
	ck_assert_str_eq(url.password, "word");
	read_url("redis://me:@host");
	ck_assert_str_eq(url.user, "me");
	ck_assert_str_eq(url.password, "");
	read_url("redis://m%65%3A:%40%2f%3F%23%25%3A%c3%A9%20+@host:7000/3");
	ck_assert_str_eq(url.user, "me:");
	ck_assert_str_eq(url.password, "@/?#%:\xc3\xa9 +");
	ck_assert_str_eq(url.host, "host");
	ck_assert_uint_eq(url.port, 7000);
	ck_assert_uint_eq(url.database, 3);
	read_url("redis://me:a:b@c@host"); /* as most clients take it */
	ck_assert_str_eq(url.user, "me");
	ck_assert_str_eq(url.password, "a:b@c");
}
END_TEST

START_TEST(wrong_users_and_passwords_are_explained)
{
	ck_refused("redis://word@host", "must come USER:PASSWORD");
	ck_refused("redis://@host", "must come USER:PASSWORD");
	ck_refused("redis://:@host", "must come USER:PASSWORD");
	ck_refused("redis://me:100%@host", "%25");
	ck_refused("redis://me:%4@host", "%25");
	ck_refused("redis://me:%4g@host", "%25");
	ck_refused("redis://me:%:4@host", "%25");
	ck_refused("redis://m%e:word@host", "%25");
	ck_refused("redis://me:wo%00rd@host", "%00");
	ck_refused("redis://me:wo/rd@host", "%2F");
	ck_refused("redis://me:wo?rd@host", "%3F");
	ck_refused("redis://:#word@host/0", "%23");
	ck_refused("redis+unix://:wo/rd@/run/x", "%2F");
}
END_TEST

START_TEST(a_socket_has_a_path_and_may_have_the_rest)
{
	read_url("redis+unix:///run/redis.sock");
	ck_assert_str_eq(url.path, "/run/redis.sock");
	ck_assert_str_eq(url.host, "");
	ck_assert_uint_eq(url.database, 0);
	read_url("redis+unix://me:w%40rd@/run/a@b%3Fc?db=12");
	ck_assert_str_eq(url.path, "/run/a@b?c");
	ck_assert_str_eq(url.user, "me");
	ck_assert_str_eq(url.password, "w@rd");
	ck_assert_uint_eq(url.database, 12);
	read_url("redis+unix:///run/a@b");
	ck_assert_str_eq(url.path, "/run/a@b");
	ck_assert_str_eq(url.user, "");
	ck_refused("redis+unix://run/x", "must be redis://");
	ck_refused("redis+unix://", "must be redis://");
	ck_refused("redis+unix://me:word@", "must be redis://");
	ck_refused("redis+unix://me:word@run/x", "must be redis://");
	ck_refused("redis+unix://word@/run/x", "must come USER:PASSWORD");
	ck_refused("redis+unix:///run/x?db=", "the database must be");
	ck_refused("redis+unix:///run/x?db=1&password=word", "the database must be");
	ck_refused("redis+unix:///run/x?password=word", "before an @");
	ck_refused("redis+unix:///run/50%", "%25");
}
END_TEST

START_TEST(other_urls_are_refused)
{
	static const char *const ports[] = {
		"redis://host:",   "redis://host:0",  "redis://host:65536",
		"redis://host:x",  "redis://host:-1", "redis://host:+1",
		"redis://host: 1", "redis://host:1x", "redis://host:99999999999"
	};
	static const char *const databases[] = {
		"redis://host/x", "redis://host/1/2", "redis://host/-1",
		"redis://host//", "redis://host/1?x", "redis://host/12345678"
	};
	static const char *const forms[] = { "",         "redis",        "redis:",   "redis:/host",
		                             "//host",   "REDIS://host", "http://h", " redis://host",
		                             "/var/jobs" };

	for (size_t i = 0; i < sizeof ports / sizeof ports[0]; i++)
		ck_refused(ports[i], "the port must be a number from 1 to 65535");
	for (size_t i = 0; i < sizeof databases / sizeof databases[0]; i++)
		ck_refused(databases[i], "the database must be a number");
	for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
		ck_refused(forms[i], "must be redis://");
	ck_refused("redis://", "the host is missing");
	ck_refused("redis://:6379", "the host is missing");
	ck_refused("redis:///0", "the host is missing");
	ck_refused("redis://me:word@/0", "the host is missing");
	ck_refused("redis://host?db=1", "comes /DB");
	ck_refused("rediss://host", "TLS");
}
END_TEST

START_TEST(parts_that_are_too_long_are_refused)
{
	read_url(with_xs("redis://", 255, ""));
	ck_assert_uint_eq(strlen(url.host), 255);
	ck_refused(with_xs("redis://", 256, ""), "the host must be at most 255");
	ck_refused(with_xs("redis://[", 256, "]"), "the host must be at most 255");
	read_url(with_xs("redis://", 127, ":word@host"));
	ck_assert_uint_eq(strlen(url.user), 127);
	ck_refused(with_xs("redis://", 128, ":word@host"), "the user must be at most 127");
	read_url(with_xs("redis://:", 254, "%40@host"));
	ck_assert_uint_eq(strlen(url.password), 255);
	ck_refused(with_xs("redis://:", 255, "%40@host"), "the password must be at most 255");
	read_url(with_xs("redis+unix:///", 106, ""));
	ck_assert_uint_eq(strlen(url.path), 107);
	ck_refused(with_xs("redis+unix:///", 107, ""), "the path must be at most 107");
}
END_TEST

START_TEST(a_good_url_is_printed_as_written_without_the_password)
{
	ck_assert_str_eq(print("redis://host"), "redis://host");
	ck_assert_str_eq(print("redis://[::1]:7000/2"), "redis://[::1]:7000/2");
	ck_assert_str_eq(print("redis://:word@host/2"), "redis://:***@host/2");
	ck_assert_str_eq(print("redis://m%65:wo:rd@x@[::1]:1"), "redis://m%65:***@[::1]:1");
	ck_assert_str_eq(print("redis+unix:///run/a@b?db=1"), "redis+unix:///run/a@b?db=1");
	ck_assert_str_eq(print("redis+unix://me:word@/run/a@b?db=1"), "redis+unix://me:***@/run/a@b?db=1");
	print(with_xs("redis://me:", 255, "@host"));
	ck_assert_str_eq(shown, "redis://me:***@host");
}
END_TEST

START_TEST(a_wrong_url_is_printed_without_what_could_be_a_password)
{
	static const char *const bad[] = { "redis://secret@host",
		                           "redis://secret:@host:x",
		                           "redis://me:secret@host:x",
		                           "redis://me:secret/secret@host",
		                           "redis://me:s@secret/secret@host",
		                           "redis://me:secret?secret@host",
		                           "redis://me:secret%@host",
		                           "redis://me:secret",
		                           "redis://:secret",
		                           "redis:me:secret@host",
		                           "redis:secret",
		                           "me:secret@host",
		                           "secret@host",
		                           "rediss://me:secret@host",
		                           "http://me:secret@host",
		                           "redis+unix://:secret@run/x",
		                           "redis+unix://:secret/secret@/run/x",
		                           "redis+unix:///run/x?password=secret",
		                           "redis+unix:///run/a@b?password=secret" };

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		ck_assert_msg(redis_url_parse(bad[i], &url) != NULL, "%s was taken", bad[i]);
		ck_assert_msg(!strstr(print(bad[i]), "secret"), "%s is printed as %s", bad[i], shown);
		ck_assert_msg(strstr(shown, "***") != NULL, "%s is printed as %s", bad[i], shown);
	}
	ck_assert_str_eq(print("redis://me:secret@host:x"), "redis://***@host:x");
	ck_assert_str_eq(print("http://x"), "http://x");
	print(with_xs("redis://me:", 1000, "@host"));
	ck_assert_str_eq(shown, "redis://***@host");
	print(with_xs("redis://", 1000, ""));
	ck_assert_uint_eq(strlen(shown), sizeof shown - 1);
}
END_TEST

START_TEST(only_what_has_a_scheme_is_meant_as_a_url)
{
	ck_assert(redis_url_is_meant("redis://host"));
	ck_assert(redis_url_is_meant("redis+unix:///run/x"));
	ck_assert(redis_url_is_meant("rediss://host"));
	ck_assert(redis_url_is_meant("http://host"));
	ck_assert(!redis_url_is_meant("/var/lib/jobs"));
	ck_assert(!redis_url_is_meant("jobs.db"));
	ck_assert(!redis_url_is_meant("/var/redis://host"));
	ck_assert(!redis_url_is_meant("://host"));
	ck_assert(!redis_url_is_meant("redis:host"));
	ck_assert(!redis_url_is_meant(""));
}
END_TEST

START_TEST(auth_has_the_words_that_the_url_has)
{
	const char *words[REDIS_URL_AUTH_MAX];

	read_url("redis://host");
	ck_assert_int_eq(redis_url_auth(&url, words), 0);
	read_url("redis://:word@host");
	ck_assert_int_eq(redis_url_auth(&url, words), 2);
	ck_assert_str_eq(words[0], "AUTH");
	ck_assert_str_eq(words[1], "word");
	read_url("redis://me:@host"); /* a user without a password: Redis takes any */
	ck_assert_int_eq(redis_url_auth(&url, words), 3);
	ck_assert_str_eq(words[1], "me");
	ck_assert_str_eq(words[2], "");
}
END_TEST

START_TEST(refusals_are_told_from_other_errors)
{
	static const char *const refusals[] = {
		"WRONGPASS invalid username-password pair or user is disabled.",
		"NOAUTH Authentication required.",
		"ERR invalid password",
		"ERR AUTH <password> called without any password configured for the default user.",
		"ERR Client sent AUTH, but no password is set",
		"ERR wrong number of arguments for 'auth' command",
	};

	for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
		const char *meaning = redis_url_refusal(refusals[i]);
		ck_assert_msg(meaning != NULL, "%s", refusals[i]);
		ck_assert_int_eq(strncmp(meaning, refusals[i], 3),
		                 0); /* its first word is there to look for */
	}
	ck_assert_ptr_null(
		redis_url_refusal("NOPERM this user has no permissions to run the 'eval' command"));
	ck_assert_ptr_null(redis_url_refusal("ERR unknown command 'AUTH', with args beginning with: 'word'"));
	ck_assert_ptr_null(redis_url_refusal(""));
}
END_TEST

Suite *redis_url_suite(void)
{
	const TTest *const tests[] = { parts_that_are_missing_have_their_defaults,
		                       brackets_hold_an_ipv6_address,
		                       user_and_password_are_decoded,
		                       wrong_users_and_passwords_are_explained,
		                       a_socket_has_a_path_and_may_have_the_rest,
		                       other_urls_are_refused,
		                       parts_that_are_too_long_are_refused,
		                       a_good_url_is_printed_as_written_without_the_password,
		                       a_wrong_url_is_printed_without_what_could_be_a_password,
		                       only_what_has_a_scheme_is_meant_as_a_url,
		                       auth_has_the_words_that_the_url_has,
		                       refusals_are_told_from_other_errors,
		                       NULL };

	return suite_of("redis_url", tests);
}
