/* SPDX-License-Identifier: ISC */
/*
 * form - percore_body_form: the body through the decoder that goes with its type, into lists in the arena.
 *
 * Nothing of a form is kept before its bounds have been looked at.
 */
#include "exchange/form.h"

#include "base/ascii.h"
#include "base/utf8.h"
#include "exchange/multipart.h"
#include "exchange/request.h"
#include "exchange/upload.h"
#include "exchange/urlencoded.h"

#include <string.h>
#include <unistd.h>

enum { PARTS = 100, NAME_BYTES = 1 << 10, TEXT_BYTES = 1 << 20, PIECE_BYTES = 32 << 10 };

/* Grows by doubling; what it was before stays in the arena. */
struct list {
	void *items;
	size_t count, room;
};

struct form {
	struct percore_form_rules rules; /* with the defaults */
	bool is_good;
	size_t part_count, text_bytes;
	struct list pairs, files; /* each with an empty one at its end */

	/* The part in hand. */
	struct percore_part part; /* filename NULL: a plain field */
	struct list value;        /* of a plain field, over and over */
	int fd;                   /* of a file, once it has bytes; -1 */
	size_t length;
};

void form_fini(struct form *form)
{
	if (!form)
		return;
	for (const struct percore_upload *file = form->files.items; file->name; file++)
		close(file->fd);
	if (form->fd >= 0)
		close(form->fd);
}

/* Room for `count` more; where they are to go. */
static void *list_add(struct arena *arena, struct list *list, size_t count, size_t size)
{
	if (count > list->room - list->count) {
		size_t room = list->room ? list->room : 8;
		while (room - list->count < count)
			room *= 2;
		void *items = arena_take(arena, room * size);
		if (list->count > 0)
			memcpy(items, list->items, list->count * size);
		list->items = items;
		list->room = room;
	}
	list->count += count;
	return (char *)list->items + (list->count - count) * size;
}

static void add_pair(struct percore_request *request, const char *name, const char *value)
{
	struct percore_pair *end = list_add(&request->arena, &request->form->pairs, 1, sizeof *end);

	*end = (struct percore_pair){ 0 };
	if (name)
		end[-1] = (struct percore_pair){ name, value };
}

static void add_file(struct percore_request *request, const struct percore_upload *file)
{
	struct percore_upload *end = list_add(&request->arena, &request->form->files, 1, sizeof *end);

	*end = (struct percore_upload){ .fd = -1 };
	if (file)
		end[-1] = *file;
}

/* ---- Refusing. */

static bool refuse(struct percore_request *request, int status, const char *detail)
{
	percore_answer_problem(request, status, detail);
	return false;
}

static bool refuse_malformed(struct percore_request *request, const char *what)
{
	return refuse(request, 400, percore_format(request, "The form is malformed: %s.", what));
}

static bool refuse_storage(struct percore_request *request, int error)
{
	const char *directory = request->exchange->upload_dir;

	percore_log(request, PERCORE_LOG_ERROR, "%s%s: an upload cannot be kept: %s",
	            directory ? "upload-dir " : "memory", directory ? directory : "", strerror(-error));
	percore_set_header(request, "Retry-After", "10");
	return refuse(request, 503, "The service has no room for the file now.");
}

static bool admits_part(struct percore_request *request, size_t count)
{
	struct form *form = request->form;

	form->part_count += count;
	if (form->part_count <= form->rules.max_parts)
		return true;
	return refuse(request, 413,
	              percore_format(request, "The form has more than %zu fields.", form->rules.max_parts));
}

static bool admits_name(struct percore_request *request, const char *name, const char *what)
{
	size_t most = request->form->rules.max_name;

	if (strlen(name) <= most)
		return true;
	return refuse(request, 413,
	              percore_format(request, "%s in the form is longer than %zu bytes.", what, most));
}

static bool admits_text(struct percore_request *request, size_t bytes)
{
	struct form *form = request->form;

	if (bytes <= form->rules.max_text - form->text_bytes) {
		form->text_bytes += bytes;
		return true;
	}
	return refuse(request, 413,
	              percore_format(request, "The names and values of the form are more than %zu bytes.",
	                             form->rules.max_text));
}

static bool admits_bytes(struct percore_request *request, size_t bytes)
{
	struct form *form = request->form;

	if (bytes <= form->rules.max_file - form->length)
		return true;
	return refuse(request, 413,
	              percore_format(request, "The file in the field \"%s\" is larger than %zu bytes.",
	                             form->part.name, form->rules.max_file));
}

/* ---- A part of multipart/form-data. */

static const char *keep(struct percore_request *request, const char *text)
{
	return text ? arena_text(&request->arena, text, strlen(text)) : NULL;
}

static size_t bytes_of(const char *text)
{
	return text ? strlen(text) : 0;
}

static bool begin_part(struct percore_request *request, const struct multipart *m)
{
	struct form *form = request->form;

	if (!admits_part(request, 1) || !admits_name(request, m->name, "A name") ||
	    !admits_name(request, m->filename ? m->filename : "", "The name of a file") ||
	    !admits_text(request, bytes_of(m->name) + bytes_of(m->filename) + bytes_of(m->type)))
		return false;
	form->part = (struct percore_part){ .name = keep(request, m->name),
		                            .filename = keep(request, m->filename),
		                            .content_type = keep(request, m->type) };
	form->value.count = 0;
	form->length = 0;
	return true;
}

static bool open_file(struct percore_request *request)
{
	int fd = upload_open(request->exchange->upload_dir);

	if (fd < 0)
		return refuse_storage(request, fd);
	request->form->fd = fd;
	return true;
}

static bool keep_bytes(struct percore_request *request, const void *bytes, size_t length)
{
	struct form *form = request->form;

	if (form->fd < 0 && !open_file(request))
		return false;
	int error = upload_write(form->fd, bytes, length);
	return error == 0 || refuse_storage(request, error);
}

static bool take_bytes(struct percore_request *request, const struct multipart *m)
{
	struct form *form = request->form;

	if (!form->part.filename) {
		if (!admits_text(request, m->length))
			return false;
		memcpy(list_add(&request->arena, &form->value, m->length, 1), m->bytes, m->length);
		return true;
	}
	if (!admits_bytes(request, m->length))
		return false;
	form->length += m->length;
	return form->rules.part ? form->rules.part(request, &form->part, m->bytes, m->length, form->rules.arg)
	                        : keep_bytes(request, m->bytes, m->length);
}

static bool end_value(struct percore_request *request)
{
	struct form *form = request->form;
	const char *value = form->value.items;
	size_t length = form->value.count;

	if (length > 0 && (memchr(value, '\0', length) || !utf8_is_valid(value, length)))
		return refuse_malformed(request, percore_format(request,
		                                                "the value of the field \"%s\" has a NUL or "
		                                                "is no UTF-8",
		                                                form->part.name));
	add_pair(request, form->part.name, arena_text(&request->arena, length > 0 ? value : "", length));
	return true;
}

static bool end_part(struct percore_request *request)
{
	struct form *form = request->form;

	if (!form->part.filename)
		return end_value(request);
	if (form->length == 0 && !*form->part.filename) /* no file was chosen */
		return true;
	if (form->rules.part)
		return form->rules.part(request, &form->part, "", 0, form->rules.arg);
	if (form->fd < 0 && !open_file(request))
		return false;
	lseek(form->fd, 0, SEEK_SET);
	add_file(request, &(struct percore_upload){ .name = form->part.name,
	                                            .filename = form->part.filename,
	                                            .content_type = form->part.content_type,
	                                            .fd = form->fd,
	                                            .length = form->length });
	form->fd = -1;
	return true;
}

/* ---- multipart/form-data. */

/* All that the piece holds.  True: go on; or the form is whole. */
static bool take_events(struct percore_request *request, struct multipart *m)
{
	for (bool is_good = true; is_good;) {
		switch (multipart_next(m)) {
		case MULTIPART_PART:
			is_good = begin_part(request, m);
			break;
		case MULTIPART_BYTES:
			is_good = take_bytes(request, m);
			break;
		case MULTIPART_PART_END:
			is_good = end_part(request);
			break;
		case MULTIPART_FAULT:
			return m->is_too_large ? refuse(request, 413,
			                                percore_format(request, "In the form %s.", m->fault))
			                       : refuse_malformed(request, m->fault);
		case MULTIPART_MORE:
		case MULTIPART_END:
			return true;
		}
	}
	return false;
}

static bool read_pieces(struct percore_request *request, struct multipart *m)
{
	char *piece = arena_take(&request->arena, PIECE_BYTES);
	ssize_t got;

	while ((got = percore_body_read(request, piece, PIECE_BYTES)) > 0) {
		multipart_feed(m, piece, (size_t)got);
		if (!take_events(request, m))
			return false;
	}
	return got == 0;
}

static bool read_multipart(struct percore_request *request, const char *type)
{
	struct multipart *m = arena_take(&request->arena, sizeof *m);
	const char *wrong = multipart_begin(m, type);

	if (wrong)
		return refuse_malformed(request, wrong);
	if (request->body) { /* percore_body_bytes has it */
		multipart_feed(m, request->body, request->body_length);
		if (!take_events(request, m))
			return false;
	} else if (!read_pieces(request, m)) {
		return false;
	}
	multipart_finish(m);
	return take_events(request, m);
}

/* ---- application/x-www-form-urlencoded. */

/* A byte is three at most when encoded, and a pair has two more, so a longer body is never one that is
 * admitted. */
static bool admits_body(struct percore_request *request)
{
	const struct percore_form_rules *rules = &request->form->rules;
	size_t length = percore_body_length(request);

	if (request->is_open_ended || length / 5 <= rules->max_text || length / 5 <= rules->max_parts)
		return true;
	return admits_text(request, length);
}

static bool take_pairs(struct percore_request *request, const struct percore_pair *pairs)
{
	for (; pairs->name; pairs++) {
		if (!admits_name(request, pairs->name, "A name") ||
		    !admits_text(request, strlen(pairs->name) + strlen(pairs->value)))
			return false;
		add_pair(request, pairs->name, pairs->value);
	}
	return true;
}

static bool read_urlencoded(struct percore_request *request)
{
	size_t length, wrong;
	const char *body = admits_body(request) ? percore_body_bytes(request, &length) : NULL;

	if (!body || !admits_part(request, urlencoded_count(body, length)))
		return false;
	const struct percore_pair *pairs = urlencoded_read(&request->arena, body, length, &wrong);
	if (wrong > 0)
		return refuse_malformed(request,
		                        percore_format(request,
		                                       "field %zu has a malformed escape or a NUL, or "
		                                       "is no UTF-8",
		                                       wrong));
	return take_pairs(request, pairs);
}

/* ---- The form. */

static bool is_urlencoded(const char *type)
{
	static const char name[] = "application/x-www-form-urlencoded";

	return ascii_begins(type, name) && strchr("; \t", type[sizeof name - 1]);
}

static size_t either(size_t given, size_t otherwise)
{
	return given ? given : otherwise;
}

static void make_form(struct percore_request *request, const struct percore_form_rules *rules)
{
	struct form *form = arena_take(&request->arena, sizeof *form);

	*form = (struct form){ .fd = -1 };
	if (rules)
		form->rules = *rules;
	form->rules.max_parts = either(form->rules.max_parts, PARTS);
	form->rules.max_name = either(form->rules.max_name, NAME_BYTES);
	form->rules.max_text = either(form->rules.max_text, TEXT_BYTES);
	form->rules.max_file = either(form->rules.max_file, SIZE_MAX);
	request->form = form;
	add_pair(request, NULL, NULL);
	add_file(request, NULL);
}

bool percore_body_form(struct percore_request *request, const struct percore_form_rules *rules)
{
	const char *type = percore_header(request, "Content-Type");

	if (request->form || request->answered)
		return request->form && request->form->is_good;
	make_form(request, rules);
	if (type && multipart_is_type(type))
		request->form->is_good = read_multipart(request, type);
	else if (type && is_urlencoded(type))
		request->form->is_good = read_urlencoded(request);
	else
		refuse(request, 415,
		       "Send the form as multipart/form-data or application/x-www-form-urlencoded.");
	return request->form->is_good;
}

const struct percore_pair *percore_form_all(struct percore_request *request)
{
	static const struct percore_pair none = { 0 };

	return request->form ? request->form->pairs.items : &none;
}

const char *percore_form(struct percore_request *request, const char *name)
{
	return request_find(percore_form_all(request), name);
}

const struct percore_upload *percore_form_files(struct percore_request *request)
{
	static const struct percore_upload none = { .fd = -1 };

	return request->form ? request->form->files.items : &none;
}

const struct percore_upload *percore_form_file(struct percore_request *request, const char *name)
{
	for (const struct percore_upload *file = percore_form_files(request); file->name; file++)
		if (strcmp(file->name, name) == 0)
			return file;
	return NULL;
}
