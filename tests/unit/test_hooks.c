/* SPDX-License-Identifier: ISC */
/* Hooks run in their order and below their prefix only; CORS lets in the origins that are named. */
#include "ask.h"
#include "unit.h"

#include <stdio.h>
#include <string.h>

static char trace[256];

static void note(const char *what)
{
	size_t used = strlen(trace);

	snprintf(trace + used, sizeof trace - used, "%s ", what);
}

static void handle(struct percore_request *request)
{
	note("handler");
	percore_answer_text(request, 200, percore_arg(request) ? percore_arg(request) : "none");
}

static void before(struct percore_request *request)
{
	note(percore_arg(request));
}

static void after(struct percore_request *request, int status)
{
	char text[32];

	snprintf(text, sizeof text, "%s=%d", (char *)percore_arg(request), status);
	note(text);
	percore_set_header(request, "X-After", percore_arg(request));
}

static void refuse(struct percore_request *request)
{
	note("refuse");
	percore_answer_problem(request, 401, NULL);
}

/* Two authors' hooks: each keeps under a key of its own what the handler and the other's after find. */
static const char ours, theirs;

static void keep_ours(struct percore_request *request)
{
	ck_assert_ptr_null(percore_kept(request, &ours)); /* of the request before */
	percore_keep(request, &ours, (void *)"first");
	percore_keep(request, &ours, percore_arg(request));
}

static void keep_theirs(struct percore_request *request)
{
	percore_keep(request, &theirs,
	             percore_format(request, "after %s", (char *)percore_kept(request, &ours)));
}

static void tell_kept(struct percore_request *request)
{
	percore_answer_text(request, 200,
	                    percore_format(request, "%s, %s", (char *)percore_kept(request, &ours),
	                                   (char *)percore_kept(request, &theirs)));
}

static void after_kept(struct percore_request *request, int status)
{
	(void)status;
	percore_set_header(request, "X-Kept", percore_kept(request, &ours));
}

static struct hooks hooks;

static void add(const char *prefix, percore_handler one, void (*other)(struct percore_request *, int),
                char *arg)
{
	ck_assert_ptr_null(hooks_add(&hooks, &(struct percore_hook){ prefix, one, other, arg }));
}

static const struct told *get(const char *uri)
{
	trace[0] = '\0';
	return ask(&(struct ask){ .handler = handle,
	                          .pattern = "/a/{name}",
	                          .uri = uri,
	                          .hooks = &hooks,
	                          .route = { .arg = (void *)"route", .takes_slashes = true } });
}

START_TEST(hooks_run_in_order_and_after_in_the_opposite_one)
{
	add(NULL, before, after, "one");
	add("/a/", before, after, "two");
	add("/b", before, after, "three");
	const struct told *told = get("/a/x");
	ck_assert_str_eq(trace, "one two handler two=200 one=200 ");
	ck_assert_str_eq(told->body, "route"); /* the arg is the handler's again */
	get("/ab");
	ck_assert_str_eq(trace, "one one=404 ");
	get("/a");
	ck_assert_str_eq(trace, "one two two=404 one=404 ");
}
END_TEST

START_TEST(hook_that_answers_ends_it_there)
{
	add("/", NULL, after, "first");
	add("/a", refuse, NULL, "");
	add("/a", before, NULL, "never");
	const struct told *told = get("/a/x");
	ck_assert_int_eq(told->status, 401);
	ck_assert_str_eq(trace, "refuse first=401 ");
	ck_assert_str_eq(told_header(told, "X-After"), "first");
}
END_TEST

START_TEST(what_a_hook_keeps_the_handler_has)
{
	add(NULL, keep_ours, after_kept, "ann");
	add("/a", keep_theirs, NULL, "");
	for (int i = 0; i < 2; i++) {
		const struct told *told = ask(
			&(struct ask){ .handler = tell_kept, .pattern = "/a", .uri = "/a", .hooks = &hooks });
		ck_assert_str_eq(told->body, "ann, after ann");
		ck_assert_str_eq(told_header(told, "X-Kept"), "ann");
	}
}
END_TEST

START_TEST(encoded_slashes_are_no_way_around_a_hook)
{
	add("/a", refuse, NULL, "");
	ck_assert_int_eq(get("/a/..%2Fx")->status, 401);
	ck_assert_int_eq(get("/a%2Fx")->status, 401);
	ck_assert_int_eq(get("/%61/x")->status, 401);
	ck_assert_int_eq(get("/b/../a/x")->status, 401);
}
END_TEST

START_TEST(mistaken_hooks_are_refused)
{
	ck_assert_ptr_nonnull(hooks_add(&hooks, &(struct percore_hook){ .prefix = "/a" }));
	ck_assert_ptr_nonnull(hooks_add(&hooks, &(struct percore_hook){ .prefix = "a", .before = before }));
	ck_assert_uint_eq(hooks.count, 0);
}
END_TEST

/* ---- CORS. */

static struct cors cors;
static const char *origins = "https://app.example http://localhost:3000";

static void allow(const struct percore_cors *spec)
{
	ck_assert_ptr_null(cors_add(&cors, spec));
}

static const struct told *ask_from(const char *method, const char *origin, const char *wanted)
{
	trace[0] = '\0';
	return ask(
		&(struct ask){ .handler = handle,
	                       .method = method,
	                       .pattern = "/a/{name}",
	                       .uri = "/a/x",
	                       .cors = &cors,
	                       .route = { .method = "PUT" },
	                       .params = { "HTTP_ORIGIN", origin,
	                                   wanted ? "HTTP_ACCESS_CONTROL_REQUEST_METHOD" : NULL, wanted } });
}

START_TEST(named_origin_may_read_and_others_may_not)
{
	allow(&(struct percore_cors){ .prefix = "/a", .origins = &origins });
	const struct told *told = ask_from("GET", "https://app.example", NULL);
	ck_assert_int_eq(told->status, 200);
	ck_assert_str_eq(told_header(told, "Access-Control-Allow-Origin"), "https://app.example");
	ck_assert_str_eq(told_header(told, "Vary"), "Origin");
	ck_assert_ptr_null(told_header(told, "Access-Control-Allow-Credentials"));
	told = ask_from("GET", "https://app.example.evil", NULL);
	ck_assert_int_eq(told->status, 200);
	ck_assert_ptr_null(told_header(told, "Access-Control-Allow-Origin"));
	ck_assert_str_eq(told_header(told, "Vary"), "Origin");
}
END_TEST

START_TEST(preflight_names_methods_and_headers)
{
	allow(&(struct percore_cors){
		.origins = &origins, .headers = "If-Match", .has_credentials = true, .max_age_s = 5 });
	const struct told *told = ask_from("OPTIONS", "http://localhost:3000", "PUT");
	ck_assert_int_eq(told->status, 204);
	ck_assert_str_eq(told_header(told, "Access-Control-Allow-Methods"), "OPTIONS");
	ck_assert_str_eq(told_header(told, "Access-Control-Allow-Headers"), "If-Match");
	ck_assert_str_eq(told_header(told, "Access-Control-Allow-Credentials"), "true");
	ck_assert_str_eq(told_header(told, "Access-Control-Max-Age"), "5");
	ck_assert_str_eq(trace, ""); /* the service's own OPTIONS is not asked */
	ask_from("OPTIONS", "http://localhost:3000", NULL);
	ck_assert_str_eq(trace, "handler ");
}
END_TEST

START_TEST(closest_prefix_counts_and_any_origin_is_a_star)
{
	static const char *any = "*";

	allow(&(struct percore_cors){ .origins = &origins });
	allow(&(struct percore_cors){ .prefix = "/a", .origins = &any });
	const struct told *told = ask_from("GET", "https://other.example", NULL);
	ck_assert_str_eq(told_header(told, "Access-Control-Allow-Origin"), "*");
	ck_assert_ptr_null(told_header(told, "Vary"));
}
END_TEST

START_TEST(mistaken_origins_are_said)
{
	static const char *const bad[] = {
		"https://a.example/", "app.example",         "https://",
		"https://A.example",  "* https://a.example", "https://a.example,https://b.example/x"
	};
	const char *text = NULL, *any = "*";
	const struct cors_rule *rule;

	allow(&(struct percore_cors){ .origins = &text });
	ck_assert_ptr_null(cors_check(&cors, &rule)); /* an option that was not given: nobody */
	ck_assert_ptr_null(
		told_header(ask_from("GET", "https://app.example", NULL), "Access-Control-Allow-Origin"));
	text = origins;
	ck_assert_ptr_null(cors_check(&cors, &rule));
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		text = bad[i];
		ck_assert_msg(cors_check(&cors, &rule) != NULL, "%s", text);
	}
	text = NULL;
	allow(&(struct percore_cors){ .origins = &any, .has_credentials = true });
	ck_assert_ptr_nonnull(cors_check(&cors, &rule));
	ck_assert_ptr_nonnull(cors_add(&cors, &(struct percore_cors){ .prefix = "/a" }));
}
END_TEST

Suite *hooks_suite(void)
{
	return suite_of("hooks",
	                (const TTest *const[]){
				hooks_run_in_order_and_after_in_the_opposite_one,
				hook_that_answers_ends_it_there, what_a_hook_keeps_the_handler_has,
				encoded_slashes_are_no_way_around_a_hook, mistaken_hooks_are_refused,
				named_origin_may_read_and_others_may_not, preflight_names_methods_and_headers,
				closest_prefix_counts_and_any_origin_is_a_star, mistaken_origins_are_said,
				NULL });
}
