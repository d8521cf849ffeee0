/* SPDX-License-Identifier: ISC */
/* The body as a stream and as bytes: its limits, and what is answered when it does not come. */
#include "ask.h"
#include "unit.h"

#include <string.h>

static size_t max_bytes; /* of the route; 0: --max-body */

static void bytes(struct percore_request *request)
{
	size_t length;
	const char *body = percore_body_bytes(request, &length);

	if (!body)
		return;
	ck_assert_int_eq(body[length], '\0');
	percore_answer_bytes(request, 200, "x/y", body, length);
}

static void stream(struct percore_request *request)
{
	static char all[1 << 18];
	size_t have = 0;
	ssize_t got;

	while ((got = percore_body_read(request, all + have, 7)) > 0)
		have += (size_t)got;
	if (got == 0)
		percore_answer_bytes(request, 200, "x/y", all, have);
	else
		ck_assert_int_eq(percore_body_read(request, all, 7), -1); /* and stays so */
}

static const struct told *post(percore_handler handler, const char *body, size_t length)
{
	return ask(&(struct ask){ .handler = handler,
	                          .method = "POST",
	                          .body = body,
	                          .body_bytes = length,
	                          .route = { .max_body = max_bytes } });
}

START_TEST(body_comes_as_it_was_sent)
{
	static char big[100000];

	for (size_t i = 0; i < sizeof big; i++)
		big[i] = (char)(i * 7);
	for (size_t length = 1; length <= sizeof big; length *= 10) {
		const struct told *told = post(bytes, big, length);
		ck_assert_uint_eq(told->body_bytes, length);
		ck_assert_mem_eq(told->body, big, length);
		told = post(stream, big, length);
		ck_assert_uint_eq(told->body_bytes, length);
		ck_assert_mem_eq(told->body, big, length);
		ck_assert(told->is_kept);
	}
}
END_TEST

START_TEST(no_body_is_an_empty_one)
{
	ck_assert_int_eq(post(bytes, NULL, 0)->status, 200);
	ck_assert_int_eq(post(stream, NULL, 0)->status, 200);
}
END_TEST

START_TEST(body_of_the_limit_is_taken_and_a_byte_more_is_a_413)
{
	max_bytes = 5;
	ck_assert_str_eq(post(bytes, "12345", 5)->body, "12345");
	const struct told *told = post(bytes, "123456", 6);
	ck_assert_int_eq(told->status, 413);
	ck_assert_str_eq(told_header(told, "Content-Type"), "application/problem+json");
	ck_assert(told->is_kept); /* the rest was read */
}
END_TEST

START_TEST(body_beyond_max_body_is_a_413_before_the_handler)
{
	struct ask it = { .handler = bytes, .method = "POST", .body = "123456", .max_body = 5 };

	ck_assert_int_eq(ask(&it)->status, 413);
	it.body = "12345";
	ck_assert_int_eq(ask(&it)->status, 200);
}
END_TEST

START_TEST(body_that_does_not_come_is_a_408)
{
	struct ask it = { .handler = bytes, .method = "POST", .body = "123", .length = "5", .no_end = true };

	const struct told *told = ask(&it);
	ck_assert_int_eq(told->status, 408);
	ck_assert(!told->is_kept);
	it.handler = stream;
	ck_assert_int_eq(ask(&it)->status, 408);
}
END_TEST

START_TEST(body_without_a_length_has_that_of_fcgi_stdin)
{
	static const char *const none[] = { "", "-1" }; /* as of Apache; as of Caddy */
	static const percore_handler handlers[] = { bytes, stream };
	static const size_t sizes[] = { 1, 5, 70000, 250000 };
	static char big[250000];

	memset(big, 'b', sizeof big);
	for (size_t i = 0; i < 2 * 2 * sizeof sizes / sizeof sizes[0]; i++) {
		size_t size = sizes[i / 4];
		struct ask it = { .handler = handlers[i % 2],
			          .method = "POST",
			          .body = big,
			          .body_bytes = size,
			          .length = none[i / 2 % 2] };
		const struct told *told = ask(&it);
		ck_assert_int_eq(told->status, 200);
		ck_assert_uint_eq(told->body_bytes, size);
		ck_assert(told->is_kept);
		it.max_body = size;
		ck_assert_int_eq(ask(&it)->status, 200);
		it.max_body = size - 1;
		if (size > 1) /* max_body of 0 is the default's */
			ck_assert_int_eq(ask(&it)->status, 413);
	}
	ck_assert_int_eq(ask(&(struct ask){ .handler = bytes,
	                                    .method = "POST",
	                                    .body = "12345",
	                                    .length = "",
	                                    .route = { .max_body = 4 } })
	                         ->status,
	                 413);
}
END_TEST

START_TEST(body_without_a_length_that_does_not_end_is_a_408)
{
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(ask(&(struct ask){ .handler = i ? bytes : stream,
		                                    .method = "POST",
		                                    .body = "12345",
		                                    .length = "",
		                                    .no_end = true })
		                         ->status,
		                 408);
}
END_TEST

START_TEST(body_that_breaks_off_is_a_400)
{
	struct ask it = { .handler = bytes, .method = "POST", .body = "123", .length = "5" };

	ck_assert_int_eq(ask(&it)->status, 400);
	it.handler = stream;
	ck_assert_int_eq(ask(&it)->status, 400);
}
END_TEST

START_TEST(body_of_more_than_its_length_is_cut_to_it_and_read_to_its_end)
{
	const struct told *told =
		ask(&(struct ask){ .handler = bytes, .method = "POST", .body = "12345", .length = "3" });
	ck_assert_str_eq(told->body, "123");
	ck_assert(told->is_kept); /* the records say where the next request begins */
}
END_TEST

static void twice(struct percore_request *request)
{
	size_t first_length, second_length;
	const char *first = percore_body_bytes(request, &first_length);
	const char *second = percore_body_bytes(request, &second_length);

	ck_assert_ptr_nonnull(second);
	ck_assert_uint_eq(first_length, second_length);
	ck_assert_ptr_eq(first, second); /* lent until the handler returns */
	percore_answer_text(request, 200, second);
}

START_TEST(bytes_may_be_asked_for_twice)
{
	ck_assert_str_eq(post(twice, "abc", 3)->body, "abc");
}
END_TEST

static void ignore(struct percore_request *request)
{
	percore_answer_text(request, 200, "done");
}

START_TEST(body_that_nobody_reads_does_not_end_the_connection)
{
	const struct told *told = post(ignore, "unread", 6);

	ck_assert_str_eq(told->body, "done");
	ck_assert(told->is_kept);
}
END_TEST

Suite *body_suite(void)
{
	const TTest *const tests[] = { body_comes_as_it_was_sent,
		                       no_body_is_an_empty_one,
		                       body_of_the_limit_is_taken_and_a_byte_more_is_a_413,
		                       body_beyond_max_body_is_a_413_before_the_handler,
		                       body_that_does_not_come_is_a_408,
		                       body_without_a_length_has_that_of_fcgi_stdin,
		                       body_without_a_length_that_does_not_end_is_a_408,
		                       body_that_breaks_off_is_a_400,
		                       body_of_more_than_its_length_is_cut_to_it_and_read_to_its_end,
		                       bytes_may_be_asked_for_twice,
		                       body_that_nobody_reads_does_not_end_the_connection,
		                       NULL };

	return suite_of("body", tests);
}
