/* SPDX-License-Identifier: ISC */
/* Memory of a request: pieces keep apart, are aligned, and none is left. */
#include "base/arena.h"
#include "unit.h"

#include <stdint.h>
#include <string.h>

enum { PIECES = 500 };

static _Alignas(max_align_t) unsigned char first[256];

/* Each piece holds what was written into it after all others were written. */
START_TEST(pieces_keep_apart)
{
	unsigned char *pieces[PIECES];
	size_t sizes[PIECES];
	struct arena arena;

	arena_init(&arena, first, sizeof first);
	for (size_t i = 0; i < PIECES; i++) {
		sizes[i] = i % 50 == 0 ? 9000 + i : i % 97;
		pieces[i] = arena_take(&arena, sizes[i]);
		ck_assert_uint_eq((uintptr_t)pieces[i] % _Alignof(max_align_t), 0);
		memset(pieces[i], (int)(i % 251), sizes[i]);
	}
	for (size_t i = 0; i < PIECES; i++)
		for (size_t at = 0; at < sizes[i]; at++)
			ck_assert_uint_eq(pieces[i][at], i % 251);
	arena_fini(&arena);
}
END_TEST

START_TEST(few_bytes_need_no_allocation)
{
	struct arena arena;

	arena_init(&arena, first, sizeof first);
	ck_assert_ptr_eq(arena_take(&arena, 100), first);
	ck_assert_ptr_null(arena.blocks);
	arena_take(&arena, 200);
	ck_assert_ptr_nonnull(arena.blocks);
	arena_fini(&arena);
}
END_TEST

START_TEST(a_large_piece_leaves_the_block_in_use)
{
	struct arena arena;

	arena_init(&arena, first, sizeof first);
	arena_take(&arena, 1 << 20);
	ck_assert_ptr_eq(arena_take(&arena, 16), first);
	arena_fini(&arena);
}
END_TEST

START_TEST(text_is_copied_whole)
{
	struct arena arena;

	arena_init(&arena, first, sizeof first);
	ck_assert_str_eq(arena_text(&arena, "abcdef", 3), "abc");
	ck_assert_str_eq(arena_text(&arena, "", 0), "");
	arena_fini(&arena);
}
END_TEST

Suite *arena_suite(void)
{
	return suite_of("arena", (const TTest *const[]){ pieces_keep_apart, few_bytes_need_no_allocation,
	                                                 a_large_piece_leaves_the_block_in_use,
	                                                 text_is_copied_whole, NULL });
}
