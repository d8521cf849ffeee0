/* SPDX-License-Identifier: ISC */
/*
 * multipart - any type and any bytes, whole, byte by byte or cut anyhow, give the same events; names are
 * UTF-8 and a file name is no path; no byte comes that was not sent; an urlencoded pair is text.
 */
#include "exchange/multipart.h"
#include "base/utf8.h"
#include "exchange/urlencoded.h"
#include "fuzz.h"

#include <string.h>

enum { RECORD_BYTES = 1 << 17 };

/* What was read, event by event. */
struct record {
	size_t used, bytes; /* bytes: of the parts */
	bool was_bytes;
	char text[RECORD_BYTES];
};

static void put(struct record *record, const char *bytes, size_t length)
{
	must(record->used + length <= RECORD_BYTES);
	memcpy(record->text + record->used, bytes, length);
	record->used += length;
}

static void put_text(struct record *record, const char *text)
{
	put(record, text ? text : "\xff", text ? strlen(text) + 1 : 1);
}

static void put_part(struct record *record, const struct multipart *m)
{
	must(utf8_is_valid(m->name, strlen(m->name)));
	must(!m->type || utf8_is_valid(m->type, strlen(m->type)));
	must(!m->filename || utf8_is_valid(m->filename, strlen(m->filename)));
	must(!m->filename || !strpbrk(m->filename, "/\\"));
	must(!m->filename || (strcmp(m->filename, ".") != 0 && strcmp(m->filename, "..") != 0));
	put_text(record, m->name);
	put_text(record, m->filename);
	put_text(record, m->type);
}

/* The events of the piece. */
static enum multipart_event read_piece(struct record *record, struct multipart *m)
{
	for (;;) {
		enum multipart_event event = multipart_next(m);
		char mark = (char)event;
		if (event == MULTIPART_MORE)
			return event;
		if (event != MULTIPART_BYTES || !record->was_bytes)
			put(record, &mark, 1);
		record->was_bytes = event == MULTIPART_BYTES;
		if (event == MULTIPART_PART)
			put_part(record, m);
		if (event == MULTIPART_FAULT)
			put_text(record, m->fault);
		if (event == MULTIPART_FAULT || event == MULTIPART_END)
			return event;
		if (event == MULTIPART_BYTES) {
			must(m->length > 0);
			record->bytes += m->length;
			put(record, m->bytes, m->length);
		}
	}
}

/* In pieces of `size` bytes; 0: of sizes that follow from `seed`. */
static void read_all(struct record *record, const char *type, struct fuzz f, size_t size, uint32_t seed)
{
	struct multipart *m = malloc(sizeof *m);
	enum multipart_event event = MULTIPART_MORE;
	size_t all = f.size;

	record->used = record->bytes = 0;
	record->was_bytes = false;
	must(m != NULL);
	if (!multipart_begin(m, type)) {
		while (f.size > 0 && event == MULTIPART_MORE) {
			seed = seed * 1664525 + 1013904223;
			size_t n = size ? size : 1 + (seed >> 24) % 67;
			n = n < f.size ? n : f.size;
			char *piece = malloc(n); /* nothing beside it may be read */
			must(piece != NULL);
			memcpy(piece, f.data, n);
			multipart_feed(m, piece, n);
			event = read_piece(record, m);
			free(piece);
			f.data += n;
			f.size -= n;
		}
		multipart_finish(m);
		if (event == MULTIPART_MORE)
			event = read_piece(record, m);
		must(event == MULTIPART_END || event == MULTIPART_FAULT);
		must(record->bytes <= all);
	}
	free(m);
}

static void read_urlencoded(const struct fuzz *f)
{
	struct arena arena;
	size_t wrong, count = 0;
	_Alignas(max_align_t) unsigned char first[256];

	arena_init(&arena, first, sizeof first);
	const struct percore_pair *pairs = urlencoded_read(&arena, (const char *)f->data, f->size, &wrong);
	for (; pairs[count].name; count++) {
		must(utf8_is_valid(pairs[count].name, strlen(pairs[count].name)));
		must(utf8_is_valid(pairs[count].value, strlen(pairs[count].value)));
	}
	size_t all = urlencoded_count((const char *)f->data, f->size);
	must(wrong == 0 ? count == all : wrong <= all && count < all);
	arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct record whole, bytes, cut;
	struct fuzz f = { data, size };
	uint32_t seed = fuzz_byte(&f);
	char type[512] = "multipart/form-data; boundary=b";

	if (seed & 1)
		fuzz_text(&f, type, sizeof type);
	if (f.size > 0)
		read_urlencoded(&f);
	if (!multipart_is_type(type))
		return 0;
	read_all(&whole, type, f, SIZE_MAX, 0);
	read_all(&bytes, type, f, 1, 0);
	read_all(&cut, type, f, 0, seed);
	must(whole.used == bytes.used && memcmp(whole.text, bytes.text, whole.used) == 0);
	must(whole.used == cut.used && memcmp(whole.text, cut.text, whole.used) == 0);
	return 0;
}
