/* SPDX-License-Identifier: ISC */
/* multipart/form-data, as curl 7.88 and Chromium sent it here, cut and cut short at each byte; and as nobody
 * should send it. */
#include "exchange/multipart.h"
#include "unit.h"

#include <stdio.h>
#include <string.h>

/* ---- What was read, as a line: "name|filename|type=bytes" of each part, ended by ";", then "end" or the
 * fault.
 */

static char line[1 << 20];
static size_t used;

static void put(const char *bytes, size_t length)
{
	ck_assert_uint_lt(used + length, sizeof line);
	memcpy(line + used, bytes, length);
	used += length;
	line[used] = '\0';
}

static void put_text(const char *text)
{
	put(text ? text : "-", strlen(text ? text : "-"));
}

/* False: there is no other event now. */
static bool put_event(struct multipart *m)
{
	switch (multipart_next(m)) {
	case MULTIPART_MORE:
		return false;
	case MULTIPART_PART:
		put_text(m->name);
		put_text("|");
		put_text(m->filename);
		put_text("|");
		put_text(m->type);
		put_text("=");
		return true;
	case MULTIPART_BYTES:
		ck_assert_uint_gt(m->length, 0);
		put(m->bytes, m->length);
		return true;
	case MULTIPART_PART_END:
		put_text(";");
		return true;
	case MULTIPART_END:
		put_text("end");
		return false;
	case MULTIPART_FAULT:
		put_text(m->is_too_large ? "too large: " : "fault: ");
		put_text(m->fault);
		return false;
	}
	return false;
}

/* In a first piece of `first` bytes, then in ones of `size`; each is where no byte beyond it may be read. */
static const char *read_pieces(const char *type, const char *text, size_t length, size_t first, size_t size)
{
	static struct multipart m;
	const char *wrong = multipart_begin(&m, type);

	used = 0;
	*line = '\0';
	if (wrong)
		return wrong;
	for (size_t at = 0, n = first; at < length; at += n, n = size) {
		if (n > length - at)
			n = length - at;
		multipart_feed(&m, text + at, n);
		while (put_event(&m))
			;
	}
	if (m.state != MULTIPART_FAULTY) {
		multipart_finish(&m);
		while (put_event(&m))
			;
	}
	return line;
}

static const char *read_text(const char *text)
{
	return read_pieces("multipart/form-data; boundary=b", text, strlen(text), strlen(text), 1);
}

/* One part with these lines before the empty one. */
static const char *read_head(const char *lines)
{
	static char text[24576];

	snprintf(text, sizeof text, "--b\r\n%s\r\n\r\nx\r\n--b--\r\n", lines);
	return read_text(text);
}

/* ---- What is sent in truth. */

#define CURL        "------------------------269916544aa9cc41"
#define CHROMIUM    "----WebKitFormBoundaryeyy9SKq8CkQgmlIJ"
#define BYTES(text) text, sizeof(text) - 1

static const struct form {
	const char *type, *body;
	size_t length;
	const char *line;
	size_t line_length;
} forms[] = {
	/* curl -F 'text=Grüße & 100%' -F 'a"b=q' -F 'file=@"Bär \"1\".txt"' -F
	   'empty=@empty.bin;type=image/png' -F 'json={"a":1};type=application/json' */
	{ "multipart/form-data; boundary=" CURL,
	  BYTES("--" CURL "\r\n"
	        "Content-Disposition: form-data; name=\"text\"\r\n\r\n"
	        "Gr\xc3\xbc\xc3\x9f"
	        "e & 100%\r\n"
	        "--" CURL "\r\n"
	        "Content-Disposition: form-data; name=\"a%22b\"\r\n\r\n"
	        "q\r\n"
	        "--" CURL "\r\n"
	        "Content-Disposition: form-data; name=\"file\"; filename=\"B\xc3\xa4r %221%22.txt\"\r\n"
	        "Content-Type: text/plain\r\n\r\n"
	        "bytes\r\n--of\r\n\r\n"
	        "--" CURL "\r\n"
	        "Content-Disposition: form-data; name=\"empty\"; filename=\"empty.bin\"\r\n"
	        "Content-Type: image/png\r\n\r\n"
	        "\r\n"
	        "--" CURL "\r\n"
	        "Content-Disposition: form-data; name=\"json\"\r\n"
	        "Content-Type: application/json\r\n\r\n"
	        "{\"a\":1}\r\n"
	        "--" CURL "--\r\n"),
	  BYTES("text|-|-=Gr\xc3\xbc\xc3\x9f"
	        "e & 100%;a\"b|-|-=q;"
	        "file|B\xc3\xa4r \"1\".txt|text/plain=bytes\r\n--of\r\n;"
	        "empty|empty.bin|image/png=;json|-|application/json={\"a\":1};end") },
	/* A form of Chromium with a text, a name with a quote, an area, a file, none, and two. */
	{ "multipart/form-data; boundary=" CHROMIUM,
	  BYTES("--" CHROMIUM "\r\n"
	        "Content-Disposition: form-data; name=\"text\"\r\n\r\n"
	        "Gr\xc3\xbc\xc3\x9f"
	        "e & 100%\r\n"
	        "--" CHROMIUM "\r\n"
	        "Content-Disposition: form-data; name=\"a%22b\"\r\n\r\n"
	        "q\r\n"
	        "--" CHROMIUM "\r\n"
	        "Content-Disposition: form-data; name=\"lines\"\r\n\r\n"
	        "one\r\ntwo\r\n"
	        "--" CHROMIUM "\r\n"
	        "Content-Disposition: form-data; name=\"file\"; filename=\"B\xc3\xa4r %221%22 %22.txt\"\r\n"
	        "Content-Type: text/plain\r\n\r\n"
	        "bytes\r\n--of\r\n\r\n"
	        "--" CHROMIUM "\r\n"
	        "Content-Disposition: form-data; name=\"none\"; filename=\"\"\r\n"
	        "Content-Type: application/octet-stream\r\n\r\n"
	        "\r\n"
	        "--" CHROMIUM "\r\n"
	        "Content-Disposition: form-data; name=\"many\"; filename=\"empty.bin\"\r\n"
	        "Content-Type: application/octet-stream\r\n\r\n"
	        "\r\n"
	        "--" CHROMIUM "\r\n"
	        "Content-Disposition: form-data; name=\"many\"; filename=\"two.png\"\r\n"
	        "Content-Type: image/png\r\n\r\n"
	        "\0\1\r\n"
	        "--" CHROMIUM "--\r\n"),
	  BYTES("text|-|-=Gr\xc3\xbc\xc3\x9f"
	        "e & 100%;a\"b|-|-=q;lines|-|-=one\r\ntwo;"
	        "file|B\xc3\xa4r \"1\" \".txt|text/plain=bytes\r\n--of\r\n;"
	        "none||application/octet-stream=;many|empty.bin|application/octet-stream=;"
	        "many|two.png|image/png=\0\1;end") },
	/* FormData of a script in Chromium: a name with a line's end, a Blob, no name. */
	{ "multipart/form-data; boundary=" CHROMIUM,
	  BYTES("--" CHROMIUM "\r\n"
	        "Content-Disposition: form-data; name=\"x%0D%0Ay\"\r\n\r\n"
	        "v\r\n"
	        "--" CHROMIUM "\r\n"
	        "Content-Disposition: form-data; name=\"blob\"; filename=\"blob\"\r\n"
	        "Content-Type: application/json\r\n\r\n"
	        "{}\r\n"
	        "--" CHROMIUM "\r\n"
	        "Content-Disposition: form-data; name=\"\"\r\n\r\n"
	        "empty name\r\n"
	        "--" CHROMIUM "--\r\n"),
	  BYTES("x\r\ny|-|-=v;blob|blob|application/json={};|-|-=empty name;end") },
	/* And an empty one. */
	{ "multipart/form-data; boundary=" CHROMIUM, BYTES("--" CHROMIUM "--\r\n"), BYTES("end") },
};

enum { FORMS = sizeof forms / sizeof forms[0] };

static void read_as_it_was_sent(const struct form *form, size_t first, size_t size)
{
	read_pieces(form->type, form->body, form->length, first, size);
	ck_assert_uint_eq(used, form->line_length);
	ck_assert_mem_eq(line, form->line, used);
}

START_TEST(form_of_curl_and_of_a_browser_is_read_however_it_is_cut)
{
	for (const struct form *form = forms; form < forms + FORMS; form++) {
		for (size_t first = 1; first <= form->length; first++)
			read_as_it_was_sent(form, first, form->length);
		for (size_t size = 1; size < 100; size++)
			read_as_it_was_sent(form, size, size);
	}
}
END_TEST

START_TEST(form_that_is_cut_short_at_any_byte_is_a_fault)
{
	static const char wanted[] = "fault: it ends before its last boundary";

	for (const struct form *form = forms; form < forms + FORMS; form++)
		for (size_t length = 0; length < form->length - 2;
		     length++) { /* the last CR LF are epilogue */
			read_pieces(form->type, form->body, length, length, 1);
			ck_assert_ptr_nonnull(memmem(line, used, wanted, strlen(wanted)));
		}
}
END_TEST

/* ---- Boundaries. */

START_TEST(boundary_is_taken_from_the_type)
{
	static const char *const good[] = { "multipart/form-data; boundary=b",
		                            "Multipart/Form-Data;BOUNDARY=b",
		                            "multipart/form-data; boundary=\"b\"",
		                            "multipart/form-data ; charset=utf-8 ; boundary=b ;" };
	static const char text[] = "--b\r\nContent-Disposition: form-data; name=a\r\n\r\nx\r\n--b--";

	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		ck_assert(multipart_is_type(good[i]));
		ck_assert_str_eq(read_pieces(good[i], text, strlen(text), 7, 7), "a|-|-=x;end");
	}
	ck_assert_str_eq(
		read_pieces("multipart/form-data; boundary=\"a 'b,=/:?(c)\"", "--a 'b,=/:?(c)--", 16, 16, 1),
		"end");
	ck_assert_str_eq(
		read_pieces("multipart/form-data; boundary=----=_Part_1", "------=_Part_1--", 16, 16, 1),
		"end");
	ck_assert(!multipart_is_type("multipart/form-data-x"));
	ck_assert(!multipart_is_type("multipart/mixed; boundary=b"));
}
END_TEST

#define SEVENTY "0123456789012345678901234567890123456789012345678901234567890123456789"

START_TEST(boundary_has_1_to_70_characters_of_those_allowed)
{
	static const struct {
		const char *type, *words;
	} bad[] = {
		{ "multipart/form-data", "no boundary" },
		{ "multipart/form-data; charset=utf-8", "no boundary" },
		{ "multipart/form-data; boundary=", "malformed" },
		{ "multipart/form-data; boundary", "malformed" },
		{ "multipart/form-data; boundary=\"b", "malformed" },
		{ "multipart/form-data boundary=b", "malformed" },
		{ "multipart/form-data; boundary=b\"c\"", "malformed" },
		{ "multipart/form-data; boundary=\"\"", "1 to 70" },
		{ "multipart/form-data; boundary=\"b \"", "1 to 70" },
		{ "multipart/form-data; boundary=b\xc3\xa4", "1 to 70" },
		{ "multipart/form-data; boundary=\"b\r\nx\"", "1 to 70" },
		{ "multipart/form-data; boundary=\"b%0D%0Ax\"", "1 to 70" },
		{ "multipart/form-data; boundary=" SEVENTY "0", "1 to 70" },
		{ "multipart/form-data; boundary=b; boundary=c", "two boundaries" },
	};

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		ck_assert_ptr_nonnull(strstr(read_pieces(bad[i].type, "--b--", 5, 5, 1), bad[i].words));
	ck_assert_str_eq(read_pieces("multipart/form-data; boundary=" SEVENTY, "--" SEVENTY "--", 74, 74, 1),
	                 "end");
}
END_TEST

#define PART "Content-Disposition: form-data; name=\"a\"\r\n\r\n"

START_TEST(what_is_around_the_boundaries_is_nothing)
{
	ck_assert_str_eq(read_text("preamble\r\n\r\n--b\r\n" PART "x\r\n--b--\r\nepilogue\r\n--b\r\n"),
	                 "a|-|-=x;end");
	ck_assert_str_eq(read_text("\r\n--b \t \r\n" PART "x\r\n--b--"), "a|-|-=x;end");
	ck_assert_str_eq(read_text("x--b--\r\n--b--"), "end");
}
END_TEST

START_TEST(bytes_that_look_like_a_boundary_are_bytes)
{
	static const char *const bytes[] = { "\r",        "\n",       "\r\n",   "\r\n-",
		                             "\r\n--",    "\r\r\n--", "\r\n\r", "-b\r\r\n-",
		                             "\r\n--a\r", "\n--b",    "--",     "\r\n\r\n--" };

	for (size_t i = 0; i < sizeof bytes / sizeof bytes[0]; i++) {
		char text[256], wanted[256];
		int n = snprintf(text, sizeof text, "--b\r\n" PART "%s\r\n--b--", bytes[i]);
		int length = snprintf(wanted, sizeof wanted, "a|-|-=%s;end", bytes[i]);
		for (size_t size = 1; size <= (size_t)n; size++) {
			read_pieces("multipart/form-data; boundary=b", text, (size_t)n, size, size);
			ck_assert_uint_eq(used, (size_t)length);
			ck_assert_mem_eq(line, wanted, used);
		}
	}
}
END_TEST

/* RFC 2046: a part need have no body, and its last line end is the delimiter's. */
START_TEST(part_may_end_with_its_head)
{
	ck_assert_str_eq(read_text("--b\r\nContent-Disposition: form-data; name=a\r\n\r\n--b--"),
	                 "a|-|-=;end");
}
END_TEST

START_TEST(boundary_with_more_behind_it_is_a_fault)
{
	static const char *const bad[] = {
		"--bc\r\n" PART "x\r\n--b--",  "--b\n" PART "x\r\n--b--",
		"--b\r" PART "x\r\n--b--",     "--b-\r\n" PART "x\r\n--b--",
		"--b x\r\n" PART "x\r\n--b--", "--b\r\n" PART "x\r\n--bc\r\ny\r\n--b--"
	};

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		ck_assert_ptr_nonnull(strstr(read_text(bad[i]), "fault: "));
}
END_TEST

/* ---- Heads. */

START_TEST(names_are_read_as_clients_write_them)
{
	static const struct {
		const char *value, *line;
	} good[] = {
		{ "form-data; name=\"a\"", "a|-|-=x;end" },
		{ "FORM-DATA;NAME=a;", "a|-|-=x;end" },
		{ "form-data ; filename=f ; name=a", "a|f|-=x;end" },
		{ "form-data; name=\"a\\\"b\"", "a\"b|-|-=x;end" },
		{ "form-data; name=\"a\\b\"", "a\\b|-|-=x;end" },
		{ "form-data; name=\"%22%0d%0A%41%25\"", "\"\r\n%41%25|-|-=x;end" },
		{ "form-data; name=\"a;b=c\"", "a;b=c|-|-=x;end" },
		{ "form-data; name=a; filename=\"C:\\dir\\f.txt\"", "a|f.txt|-=x;end" },
		{ "form-data; name=a; filename=\"../../etc/passwd\"", "a|passwd|-=x;end" },
		{ "form-data; name=a; filename=\"..\"", "a||-=x;end" },
		{ "form-data; name=a; filename=\"/x/.\"", "a||-=x;end" },
		{ "form-data; name=a; filename=\"\xe2\x82\xac\"", "a|\xe2\x82\xac|-=x;end" },
		{ "form-data; name=a; filename*=UTF-8''%e2%82%ac", "a|-|-=x;end" },
		{ "form-data; name=a; filename=f; filename*=UTF-8''g", "a|f|-=x;end" },
	};
	char head[256];

	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		snprintf(head, sizeof head, "content-DISPOSITION:%s \t", good[i].value);
		ck_assert_str_eq(read_head(head), good[i].line);
	}
}
END_TEST

START_TEST(other_headers_are_passed_over)
{
	ck_assert_str_eq(read_head("X-A: b\r\nContent-Length: 7\r\nContent-Type:text/plain;charset=utf-8\r\n"
	                           "Content-Transfer-Encoding: BINARY\r\nContent-Disposition: form-data; "
	                           "name=a\r\nX-A:"),
	                 "a|-|text/plain;charset=utf-8=x;end");
}
END_TEST

#define NAMED "Content-Disposition: form-data; name=a"

START_TEST(head_that_is_malformed_is_a_fault)
{
	static const struct {
		const char *head, *words;
	} bad[] = {
		{ "", "no Content-Disposition" },
		{ "X: y", "no Content-Disposition" },
		{ "Content-Disposition: form-data", "no name" },
		{ "Content-Disposition: form-data; filename=f", "no name" },
		{ "Content-Disposition: form-data; name*=a", "no name" },
		{ "Content-Disposition: attachment; name=a", "not form-data" },
		{ "Content-Disposition:", "not form-data" },
		{ "Content-Disposition: form-data, name=a", "malformed" },
		{ "Content-Disposition: form-data name=a", "malformed" },
		{ "Content-Disposition: form-data; name", "malformed" },
		{ "Content-Disposition: form-data; name=", "malformed" },
		{ "Content-Disposition: form-data; name =a", "malformed" },
		{ "Content-Disposition: form-data; name=\"a", "malformed" },
		{ "Content-Disposition: form-data; name=\"a\\\"", "malformed" },
		{ "Content-Disposition: form-data; name=\"a\"b", "malformed" },
		{ "Content-Disposition: form-data; name=\"a\"filename=\"b\"", "malformed" },
		{ NAMED "; name=b", "twice" },
		{ NAMED "; filename=b; filename=c", "twice" },
		{ NAMED "\r\n" NAMED, "two Content-Dispositions" },
		{ NAMED "\r\nContent-Type: a/b\r\nContent-Type: a/b", "two Content-Types" },
		{ NAMED "\r\nContent-Transfer-Encoding: 8bit\r\nContent-Transfer-Encoding: 7bit",
		  "two Content-Tr" },
		{ NAMED "\r\nContent-Transfer-Encoding: base64", "7bit, 8bit and binary" },
		{ NAMED "\r\nContent-Type: multipart/mixed; boundary=c", "of several parts" },
		{ NAMED "\r\nno colon", "a colon" },
		{ NAMED "\r\n: x", "a colon" },
		{ NAMED "\r\nX : y", "a colon" },
		{ NAMED ";\r\n filename=f", "over two lines" },
		{ NAMED "\nX: y", "CR LF" },
		{ NAMED "\rX: y", "control character" },
		{ NAMED "\r\nX: \x01", "control character" },
		{ NAMED "\r\nX: \x7f", "control character" },
		{ "Content-Disposition: form-data; name=\"\xff\"", "no UTF-8" },
		{ NAMED "; filename=\"\xed\xa0\x80\"", "no UTF-8" },
	};

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		const char *got = read_head(bad[i].head);
		ck_assert_msg(strncmp(got, "fault: ", 7) == 0 && strstr(got, bad[i].words), "%s: %s",
		              bad[i].head, got);
	}
}
END_TEST

START_TEST(nul_in_a_head_is_a_fault)
{
	static const char text[] = "--b\r\nContent-Disposition: form-data; name=\"a\0b\"\r\n\r\nx\r\n--b--";

	ck_assert_ptr_nonnull(
		strstr(read_pieces("multipart/form-data; boundary=b", text, sizeof text - 1, 9, 9),
	               "fault: a header of a part has a control character"));
}
END_TEST

START_TEST(head_is_bounded)
{
	static char head[20000];
	int n = snprintf(head, sizeof head, NAMED "\r\nX: ");

	memset(head + n, 'x', MULTIPART_HEAD_MAX - (size_t)n - 4);
	ck_assert_str_eq(read_head(head), "a|-|-=x;end");
	head[MULTIPART_HEAD_MAX - 4] = 'x';
	ck_assert_str_eq(read_head(head), "too large: the head of a part is longer than 8 KiB");
}
END_TEST

Suite *multipart_suite(void)
{
	const TTest *const tests[] = { form_of_curl_and_of_a_browser_is_read_however_it_is_cut,
		                       form_that_is_cut_short_at_any_byte_is_a_fault,
		                       boundary_is_taken_from_the_type,
		                       boundary_has_1_to_70_characters_of_those_allowed,
		                       what_is_around_the_boundaries_is_nothing,
		                       bytes_that_look_like_a_boundary_are_bytes,
		                       part_may_end_with_its_head,
		                       boundary_with_more_behind_it_is_a_fault,
		                       names_are_read_as_clients_write_them,
		                       other_headers_are_passed_over,
		                       head_that_is_malformed_is_a_fault,
		                       nul_in_a_head_is_a_fault,
		                       head_is_bounded,
		                       NULL };

	return suite_of("multipart", tests);
}
