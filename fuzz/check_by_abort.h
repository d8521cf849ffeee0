/* SPDX-License-Identifier: ISC */
/* check_by_abort - Check's assertions outside of Check: for tests/unit/ask.c.  Comes before all else. */
#ifndef CHECK_H
#define CHECK_H

#include <stdlib.h>

#define ck_assert(holds)               ((holds) ? (void)0 : abort())
#define ck_assert_int_eq(a, b)         ck_assert((a) == (b))
#define ck_assert_uint_le(a, b)        ck_assert((a) <= (b))
#define ck_assert_uint_lt(a, b)        ck_assert((a) < (b))
#define ck_assert_ptr_null(pointer)    ck_assert(!(pointer))
#define ck_assert_ptr_nonnull(pointer) ck_assert((pointer))

#endif
