/* SPDX-License-Identifier: ISC */
/* Forms through a request: values, files, their bounds, and what becomes of the descriptors. */
#include "ask.h"
#include "exchange/upload.h"
#include "unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static struct percore_form_rules rules;
static const char *upload_dir;
static char *came; /* what was answered, in the request's memory */

static const char *or_none(const char *text)
{
	return text ? text : "-";
}

/* The bytes of a file that is at its beginning. */
static const char *bytes_of(struct percore_request *request, const struct percore_upload *file)
{
	char *bytes = percore_alloc(request, file->length + 1);
	struct stat status;

	ck_assert_int_eq(fstat(file->fd, &status), 0);
	ck_assert_int_eq(status.st_size, (off_t)file->length);
	ck_assert_int_eq(fcntl(file->fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	ck_assert_int_eq(read(file->fd, bytes, file->length + 1), (ssize_t)file->length);
	bytes[file->length] = '\0';
	return bytes;
}

/* "name=value;" of each plain field and "name|filename|type=bytes;" of each file. */
static void answer_form(struct percore_request *request)
{
	if (!percore_body_form(request, &rules))
		return;
	ck_assert(percore_body_form(request, NULL)); /* and stays so */
	came = percore_format(request, "%s", "");
	for (const struct percore_pair *pair = percore_form_all(request); pair->name; pair++) {
		came = percore_format(request, "%s%s=%s;", came, pair->name, pair->value);
		ck_assert_ptr_nonnull(percore_form(request, pair->name));
	}
	for (const struct percore_upload *file = percore_form_files(request); file->name; file++) {
		came = percore_format(request, "%s%s|%s|%s=%s;", came, file->name, file->filename,
		                      or_none(file->content_type), bytes_of(request, file));
		ck_assert_ptr_nonnull(percore_form_file(request, file->name));
	}
	ck_assert_ptr_null(percore_form(request, "no such"));
	ck_assert_ptr_null(percore_form_file(request, "no such"));
	percore_answer_text(request, 200, came);
}

static const struct told *send_form(const char *type, const char *body, size_t length)
{
	return ask(&(struct ask){ .handler = answer_form,
	                          .method = "POST",
	                          .type = type,
	                          .body = body,
	                          .body_bytes = length,
	                          .upload_dir = upload_dir });
}

static const struct told *send_text(const char *body)
{
	return send_form("application/x-www-form-urlencoded", body, strlen(body));
}

static const struct told *send_parts(const char *body)
{
	return send_form("multipart/form-data; boundary=b", body, strlen(body));
}

static unsigned descriptors(void)
{
	DIR *directory = opendir("/proc/self/fd");
	unsigned count = 0;

	while (readdir(directory))
		count++;
	closedir(directory);
	return count;
}

#define FIELD(name, value) "--b\r\nContent-Disposition: form-data; name=\"" name "\"\r\n\r\n" value "\r\n"
#define FILE_OF(name, file, bytes)                                                                           \
	"--b\r\nContent-Disposition: form-data; name=\"" name "\"; filename=\"" file                         \
	"\"\r\nContent-Type: text/plain\r\n\r\n" bytes "\r\n"
#define END "--b--\r\n"

/* ---- application/x-www-form-urlencoded. */

START_TEST(urlencoded_form_is_decoded)
{
	ck_assert_str_eq(send_text("a=1&b=%C3%A4+x&a=2&&c=&d&=e")->body, "a=1;b=\xc3\xa4 x;a=2;c=;d=;=e;");
	/* Of Chromium, from a form and from a script. */
	ck_assert_str_eq(send_text("na+me=%C3%A4%2B+%26%3D&x=12")->body, "na me=\xc3\xa4+ &=;x=12;");
	ck_assert_str_eq(
		send_form("application/x-www-form-urlencoded;charset=UTF-8", "a=%C3%BC+%2B&b=", 15)->body,
		"a=\xc3\xbc +;b=;");
	ck_assert_str_eq(send_text("")->body, "");
}
END_TEST

START_TEST(urlencoded_form_with_a_bad_pair_is_a_400)
{
	static const char *const bad[] = { "b=%",   "b=%4",  "b=%zz",  "b=%00",
		                           "%00=b", "b=%ff", "b=\xff", "%ed%a0%80" };
	char body[64];

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		snprintf(body, sizeof body, "a=1&&%s&c=2", bad[i]);
		const struct told *told = send_text(body);
		ck_assert_int_eq(told->status, 400);
		ck_assert_ptr_nonnull(strstr(told->body, "The form is malformed: field 2 "));
	}
	ck_assert_int_eq(send_form("application/x-www-form-urlencoded", "a=\0", 3)->status, 400);
}
END_TEST

START_TEST(another_type_is_a_415)
{
	static const char *const bad[] = { NULL, "text/plain", "application/x-www-form-urlencodedx",
		                           "multipart/mixed; boundary=b" };

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		ck_assert_int_eq(send_form(bad[i], "a=1", 3)->status, 415);
	ck_assert_int_eq(send_form("multipart/form-data", "a=1", 3)->status, 400);
}
END_TEST

/* ---- multipart/form-data. */

static const char mixed[] =
	FIELD("a", "1") FILE_OF("f", "x.txt", "bytes\r\n--x") FIELD("b", "") FILE_OF("none", "", "")
		FILE_OF("f", "", "y") FILE_OF("f", "empty", "") FIELD("a", "\xc3\xa4\r\n") END;
static const char mixed_line[] =
	"a=1;b=;a=\xc3\xa4\r\n;f|x.txt|text/plain=bytes\r\n--x;f||text/plain=y;f|empty|text/plain=;";

START_TEST(parts_are_values_and_files)
{
	unsigned before = descriptors();

	ck_assert_str_eq(send_parts(mixed)->body, mixed_line);
	ck_assert_uint_eq(descriptors(), before);
	ck_assert_str_eq(send_parts(END)->body, "");
}
END_TEST

START_TEST(parts_may_be_kept_in_a_directory)
{
	char directory[] = "/tmp/percore-form-XXXXXX";

	ck_assert_ptr_nonnull(mkdtemp(directory));
	upload_dir = directory;
	ck_assert_str_eq(send_parts(mixed)->body, mixed_line);
	ck_assert_int_eq(rmdir(directory), 0); /* nothing is left in it */
	unsigned before = descriptors();
	const struct told *told = send_parts(mixed);
	ck_assert_int_eq(told->status, 503);
	ck_assert_str_eq(told_header(told, "Retry-After"), "10");
	ck_assert_uint_eq(descriptors(), before);
}
END_TEST

/* As on a full disk: the first bytes have room, the others do not. */
START_TEST(file_without_room_is_a_503)
{
	const struct rlimit small = { 3, RLIM_INFINITY };
	unsigned before = descriptors();

	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
	const struct told *told = send_parts(FILE_OF("f", "x", "1234") END);
	ck_assert_int_eq(told->status, 503);
	ck_assert_ptr_nonnull(strstr(told->body, "no room for the file"));
	ck_assert_uint_eq(descriptors(), before);
	ck_assert_int_eq(send_parts(FILE_OF("f", "x", "123") END)->status, 200);
}
END_TEST

START_TEST(form_that_is_cut_short_is_a_400_and_leaves_nothing)
{
	unsigned before = descriptors();

	for (size_t length = 1; length < sizeof mixed - 3; length++)
		ck_assert_int_eq(send_form("multipart/form-data; boundary=b", mixed, length)->status, 400);
	ck_assert_uint_eq(descriptors(), before);
	ck_assert_int_eq(ask(&(struct ask){ .handler = answer_form,
	                                    .method = "POST",
	                                    .type = "multipart/form-data; boundary=b",
	                                    .body = mixed,
	                                    .body_bytes = 300,
	                                    .length = "301",
	                                    .no_end = true })
	                         ->status,
	                 408);
	ck_assert_uint_eq(descriptors(), before);
}
END_TEST

START_TEST(text_that_is_no_text_is_a_400)
{
	static const char nul[] = FIELD("a", "1\0002") END;

	ck_assert_int_eq(send_form("multipart/form-data; boundary=b", nul, sizeof nul - 1)->status, 400);
	const struct told *told = send_parts(FIELD("a", "\xc3") END);
	ck_assert_int_eq(told->status, 400);
	ck_assert_ptr_nonnull(
		strstr(told->body, "the value of the field \\\"a\\\" has a NUL or is no UTF-8"));
	ck_assert_int_eq(send_parts(FIELD("\xc3", "1") END)->status, 400);
	ck_assert_int_eq(send_parts(FILE_OF("a", "\xc3", "1") END)->status, 400);
	ck_assert_int_eq(send_parts(FILE_OF("a", "x", "\xc3") END)->status, 200);
}
END_TEST

/* ---- Bounds. */

static void is_too_large(const struct told *told, const char *words)
{
	ck_assert_int_eq(told->status, 413);
	ck_assert_msg(strstr(told->body, words) != NULL, "%s", told->body);
}

START_TEST(parts_are_bounded_in_number)
{
	rules.max_parts = 2;
	ck_assert_int_eq(send_text("a=1&&b=2")->status, 200);
	is_too_large(send_text("a&b&c"), "The form has more than 2 fields.");
	ck_assert_int_eq(send_parts(FIELD("a", "1") FILE_OF("f", "", "") END)->status, 200);
	is_too_large(send_parts(FIELD("a", "1") FILE_OF("f", "", "") FIELD("b", "") END),
	             "more than 2 fields");
	rules.max_parts = 0;
	char text[512] = "";
	for (int i = 0; i < 100; i++)
		strcat(text, "a&");
	ck_assert_int_eq(send_text(text)->status, 200);
	is_too_large(send_text(strcat(text, "a")), "more than 100 fields");
}
END_TEST

START_TEST(names_are_bounded)
{
	rules.max_name = 3;
	ck_assert_int_eq(send_text("abc=1234")->status, 200);
	is_too_large(send_text("abcd=1"), "A name in the form is longer than 3 bytes.");
	ck_assert_int_eq(send_parts(FILE_OF("abc", "/dir/abc", "") END)->status, 200);
	is_too_large(send_parts(FIELD("abcd", "1") END), "A name in the form is longer than 3 bytes.");
	is_too_large(send_parts(FILE_OF("a", "abcd", "1") END),
	             "The name of a file in the form is longer than 3");
	rules.max_name = 0;
	static char name[200100];
	int n = snprintf(name, sizeof name, "--b\r\nContent-Disposition: form-data; name=\"");
	memset(name + n, 'x', 1024);
	strcpy(name + n + 1024, "\"\r\n\r\n\r\n" END);
	ck_assert_int_eq(send_parts(name)->status, 200);
	strcpy(name + n + 1024, "x\"\r\n\r\n\r\n" END);
	is_too_large(send_parts(name), "longer than 1024 bytes");
	memset(name + n, 'x', 200000);
	strcpy(name + n + 200000, "\"\r\n\r\n\r\n" END);
	is_too_large(send_parts(name), "In the form the head of a part is longer than 8 KiB.");
}
END_TEST

START_TEST(text_is_bounded_in_all)
{
	rules.max_text = 4;
	ck_assert_int_eq(send_text("a=1&b=%32")->status, 200);
	is_too_large(send_text("a=1&b=23"), "The names and values of the form are more than 4 bytes.");
	ck_assert_int_eq(send_parts(FIELD("a", "1") FIELD("b", "2") END)->status, 200);
	is_too_large(send_parts(FIELD("a", "1") FIELD("b", "23") END), "more than 4 bytes");
	is_too_large(send_parts(FIELD("a", "12") FIELD("bc", "") END), "more than 4 bytes");
	rules.max_text = 20;
	ck_assert_int_eq(send_parts(FILE_OF("f", "x", "a file is no text, whatever it holds") END)->status,
	                 200);
	/* A body that can hold no such form is not even kept. */
	rules.max_parts = 2;
	static char long_text[1000] = "a=";
	memset(long_text + 2, 'x', sizeof long_text - 3);
	is_too_large(send_text(long_text), "more than 20 bytes");
}
END_TEST

START_TEST(file_is_bounded)
{
	rules.max_file = 4;
	ck_assert_int_eq(send_parts(FILE_OF("f", "x", "1234") FILE_OF("g", "x", "1234") END)->status, 200);
	is_too_large(send_parts(FILE_OF("f", "x", "12345") END),
	             "The file in the field \\\"f\\\" is larger than 4 bytes.");
}
END_TEST

/* ---- Files to a callback. */

static int refused_call; /* the call that says false; 0: none */
static int calls;

static bool take(struct percore_request *request, const struct percore_part *part, const void *bytes,
                 size_t length, void *arg)
{
	ck_assert_ptr_eq(arg, &calls);
	ck_assert_str_eq(percore_form(request, "a"), "1"); /* the fields before it are there */
	came = percore_format(request, length > 0 ? "%s%s|%s:%.*s" : "%s[%s|%s]%.*s", came ? came : "",
	                      part->name, part->filename, (int)length, (const char *)bytes);
	return ++calls != refused_call;
}

static void take_form(struct percore_request *request)
{
	const struct percore_form_rules to_callback = { .part = take, .arg = &calls, .max_file = 9 };

	came = NULL;
	calls = 0;
	if (percore_body_form(request, &to_callback))
		percore_answer_text(request, 200, came ? came : "none");
	else if (calls == refused_call)
		percore_answer_text(request, 299, came);
	ck_assert_ptr_null(percore_form_files(request)->name);
}

static const struct told *send_to_callback(const char *body)
{
	return ask(&(struct ask){ .handler = take_form,
	                          .method = "POST",
	                          .type = "multipart/form-data; boundary=b",
	                          .body = body });
}

START_TEST(file_may_go_to_a_callback)
{
	static const char two[] =
		FIELD("a", "1") FILE_OF("f", "x", "12\r3") FILE_OF("none", "", "") FILE_OF("g", "y", "") END;

	refused_call = -1;
	ck_assert_str_eq(send_to_callback(two)->body, "f|x:12\r3[f|x][g|y]");
	ck_assert_str_eq(send_to_callback(END)->body, "none");
	for (refused_call = 1; refused_call <= 3; refused_call++)
		ck_assert_int_eq(send_to_callback(two)->status, 299);
	ck_assert_int_eq(send_to_callback(FIELD("a", "1") FILE_OF("f", "x", "1234567890") END)->status, 413);
}
END_TEST

/* ---- With what else reads a body. */

static void bytes_then_form(struct percore_request *request)
{
	size_t length;

	ck_assert_ptr_nonnull(percore_body_bytes(request, &length));
	answer_form(request);
}

static void form_then_bytes(struct percore_request *request)
{
	size_t length;

	ck_assert(percore_body_form(request, NULL));
	ck_assert_ptr_null(percore_body_bytes(request, &length)); /* it is gone, and nothing is made up */
	ck_assert_uint_eq(length, 0);
}

static void nothing_then_form(struct percore_request *request)
{
	ck_assert_ptr_null(percore_form(request, "a"));
	ck_assert_ptr_null(percore_form_all(request)->name);
	ck_assert_ptr_null(percore_form_files(request)->name);
	answer_form(request);
}

static void fail_twice(struct percore_request *request)
{
	ck_assert(!percore_body_form(request, NULL));
	ck_assert(!percore_body_form(request, NULL));
	ck_assert_ptr_null(percore_form_file(request, "f"));
}

START_TEST(form_goes_with_the_other_ways_to_read_a_body)
{
	struct ask it = { .handler = bytes_then_form,
		          .method = "POST",
		          .type = "multipart/form-data; boundary=b",
		          .body = mixed };

	ck_assert_str_eq(ask(&it)->body, mixed_line);
	it.handler = nothing_then_form;
	ck_assert_str_eq(ask(&it)->body, mixed_line);
	it.length = "";
	ck_assert_str_eq(ask(&it)->body, mixed_line);
	it.handler = form_then_bytes;
	ck_assert_int_eq(ask(&it)->status, 500);
	it.handler = fail_twice;
	it.body = FILE_OF("f", "x", "1");
	ck_assert_int_eq(ask(&it)->status, 400);
}
END_TEST

/* ---- The files. */

START_TEST(file_has_no_name_and_is_written_whole)
{
	static const char *const directories[] = { NULL, "/tmp", "/dev/shm" };
	char bytes[4];

	for (size_t i = 0; i < sizeof directories / sizeof directories[0]; i++) {
		int fd = upload_open(directories[i]);
		struct stat status;
		ck_assert_int_ge(fd, 0);
		ck_assert_int_eq(upload_write(fd, "abcd", 4), 0);
		ck_assert_int_eq(pread(fd, bytes, 4, 0), 4);
		ck_assert_mem_eq(bytes, "abcd", 4);
		ck_assert_int_eq(ftruncate(fd, 2), 0);
		ck_assert_int_eq(fstat(fd, &status), 0);
		ck_assert_int_eq(status.st_size, 2);
		const char *map = mmap(NULL, 2, PROT_READ, MAP_SHARED, fd, 0);
		ck_assert_ptr_ne(map, MAP_FAILED);
		munmap((void *)map, 2);
		close(fd);
	}
	ck_assert_int_lt(upload_open("/no/such"), 0);
	ck_assert_int_lt(upload_open("/proc"), 0);
}
END_TEST

Suite *form_suite(void)
{
	const TTest *const tests[] = { urlencoded_form_is_decoded,
		                       urlencoded_form_with_a_bad_pair_is_a_400,
		                       another_type_is_a_415,
		                       parts_are_values_and_files,
		                       parts_may_be_kept_in_a_directory,
		                       file_without_room_is_a_503,
		                       form_that_is_cut_short_is_a_400_and_leaves_nothing,
		                       text_that_is_no_text_is_a_400,
		                       parts_are_bounded_in_number,
		                       names_are_bounded,
		                       text_is_bounded_in_all,
		                       file_is_bounded,
		                       file_may_go_to_a_callback,
		                       form_goes_with_the_other_ways_to_read_a_body,
		                       file_has_no_name_and_is_written_whole,
		                       NULL };

	return suite_of("form", tests);
}
