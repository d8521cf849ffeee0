/* SPDX-License-Identifier: ISC */
/* example - what the tests of the examples share.  A test's file includes its example, whose main has another
 * name. */
#ifndef EXAMPLE_H
#define EXAMPLE_H

#include "percore.h"

#include <check.h>

/* Runs them, each in a process of its own; the exit status for main. */
int example_run_tests(const char *name, const TTest *const *tests);

/* A folder for the test, which is gone after it. */
extern char example_directory[64];
void example_make_directory(void);
void example_remove_directory(void);

/* The app with options of two words each, ended by NULL; fails where it does not start. */
struct percore_test *example_start(struct percore_app *app, const char *const *options);

/* A request with these headers, which may be NULL; "GET", or of a method and a body, which may be NULL. */
const struct percore_test_answer *example_get(struct percore_test *test, const char *target);
const struct percore_test_answer *example_send(struct percore_test *test, const char *method,
                                               const char *target, const char *body,
                                               const struct percore_pair *headers);

/* Of an answer's JSON object: the member's text, which lasts, or as JSON where it is none; "": there is none.
 */
const char *example_member(const struct percore_test_answer *answer, const char *name);

#endif
