/* SPDX-License-Identifier: ISC */
/* The example auth, in the test's process. */
#include "example.h"

#define main auth_main
#include "../../examples/auth.c" /* NOLINT(bugprone-suspicious-include): it is what is tested */
#undef main

static const char test_key[] = "0123456789abcdef0123456789abcdef",
		  machine_key[] = "machine-machine-machine-machine-";

static const char *write_file(char path[128], const char *name, const char *text)
{
	snprintf(path, 128, "%s/%s", example_directory, name);
	FILE *stream = fopen(path, "w");
	ck_assert_ptr_nonnull(stream);
	fprintf(stream, "%s\n", text);
	fclose(stream);
	return path;
}

static struct percore_test *start_auth(void)
{
	static char lines[1024], paths[3][128];
	const char *hash = crypt("secret", "$6$saltsalt$");

	snprintf(lines, sizeof lines, "bob:%s:read\nann:%s:read admin", hash, hash);
	return example_start(auth(),
	                     (const char *const[]){ "--key", write_file(paths[0], "key", test_key), "--users",
	                                            write_file(paths[1], "users", lines), "--api-key",
	                                            write_file(paths[2], "api-key", machine_key), "--origins",
	                                            "https://app.example", NULL });
}

static const struct percore_test_answer *get_with(struct percore_test *test, const char *target,
                                                  const char *name, const char *value)
{
	const struct percore_pair headers[] = { { name, value }, { NULL, NULL } };

	return example_send(test, "GET", target, NULL, headers);
}

static const struct percore_test_answer *get_as(struct percore_test *test, const char *target,
                                                const char *token)
{
	static char header[4096];

	snprintf(header, sizeof header, "Bearer %s", token);
	return get_with(test, target, "Authorization", header);
}

/* A token with these claims: "exp" and the like are there, times beside now stand for %ld. */
static const char *token_of(jwt_alg_t algorithm, const char *with, const char *claims, long beside)
{
	static char text[2048];
	char json[512];
	jwt_t *jwt;

	snprintf(json, sizeof json, claims, (long)time(NULL) + beside); /* NOLINT: formats of the test */
	ck_assert_int_eq(jwt_new(&jwt), 0);
	ck_assert_int_eq(jwt_add_grants_json(jwt, json), 0);
	ck_assert_int_eq(jwt_set_alg(jwt, algorithm, (unsigned char *)with, with ? (int)strlen(with) : 0), 0);
	char *token = jwt_encode_str(jwt);
	snprintf(text, sizeof text, "%s", token);
	free(token);
	jwt_free(jwt);
	return text;
}

static const char *log_in_as(struct percore_test *test, const char *name)
{
	char body[128];

	snprintf(body, sizeof body, "{\"name\": \"%s\", \"password\": \"secret\"}", name);
	const struct percore_test_answer *answer = example_send(test, "POST", "/login", body, NULL);
	ck_assert_int_eq(answer->status, 200);
	ck_assert_str_eq(example_member(answer, "token_type"), "Bearer");
	return example_member(answer, "access_token");
}

START_TEST(login_gives_a_token_that_tells_who_it_is)
{
	struct percore_test *test = start_auth();
	char token[1024];

	snprintf(token, sizeof token, "%s", log_in_as(test, "ann"));
	const struct percore_test_answer *answer = get_as(test, "/api/me", token);
	ck_assert_int_eq(answer->status, 200);
	ck_assert_str_eq(answer->body, "{\"name\":\"ann\",\"scope\":\"read admin\"}");
	ck_assert_str_eq(get_as(test, "/api/admin/users", token)->body, "[\"bob\",\"ann\"]");
	ck_assert_int_eq(get_with(test, "/api/me", "Authorization", "bearer ")->status, 401);
	percore_test_free(test);
}
END_TEST

START_TEST(scope_that_is_missing_is_403)
{
	struct percore_test *test = start_auth();
	char token[1024];

	snprintf(token, sizeof token, "%s", log_in_as(test, "bob"));
	const struct percore_test_answer *answer = get_as(test, "/api/admin/users", token);
	ck_assert_int_eq(answer->status, 403);
	ck_assert_str_eq(percore_test_header(answer, "WWW-Authenticate"),
	                 "Bearer realm=\"auth\", error=\"insufficient_scope\", scope=\"admin\"");
	ck_assert_int_eq(get_as(test, "/api/me", token)->status, 200);
	percore_test_free(test);
}
END_TEST

START_TEST(without_a_token_is_401_whatever_the_path)
{
	static const char *const paths[] = { "/api",      "/api/me",     "/api/none", "/api/admin/users",
		                             "/api%2Fme", "/x/../api/me" };
	struct percore_test *test = start_auth();

	for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
		const struct percore_test_answer *answer = example_get(test, paths[i]);
		ck_assert_int_eq(answer->status, 401);
		ck_assert_str_eq(percore_test_header(answer, "WWW-Authenticate"), "Bearer realm=\"auth\"");
	}
	ck_assert_int_eq(get_with(test, "/api/me", "Authorization", "Basic YTpi")->status, 401);
	percore_test_free(test);
}
END_TEST

#define GOOD_CLAIMS "{\"iss\":\"auth\",\"sub\":\"ann\",\"scope\":\"read\",\"exp\":%ld}"

START_TEST(token_that_is_not_ours_or_not_valid_is_refused)
{
	static const struct {
		jwt_alg_t algorithm;
		const char *key, *claims;
		long beside; /* seconds from now */
		const char *wrong;
	} tokens[] = {
		{ JWT_ALG_HS256, test_key, GOOD_CLAIMS, 5, NULL },
		{ JWT_ALG_HS256, test_key, GOOD_CLAIMS, -5, "The token has expired." },
		{ JWT_ALG_HS256, machine_key, GOOD_CLAIMS, 5,
		  "The token is malformed, or signed by another." },
		{ JWT_ALG_NONE, NULL, GOOD_CLAIMS, 5, "The token is malformed, or signed by another." },
		{ JWT_ALG_HS512, test_key, GOOD_CLAIMS, 5, "The token must be signed by HS256." },
		{ JWT_ALG_HS256, test_key, "{\"iss\":\"auth\",\"sub\":\"ann\"}", 0,
		  "The token has expired." },
		{ JWT_ALG_HS256, test_key, "{\"iss\":\"auth\",\"sub\":\"ann\",\"exp\":\"%ld\"}", 5,
		  "The token has expired." },
		{ JWT_ALG_HS256, test_key, "{\"iss\":\"other\",\"sub\":\"ann\",\"exp\":%ld}", 5,
		  "The token is from another issuer." },
		{ JWT_ALG_HS256, test_key, "{\"sub\":\"ann\",\"exp\":%ld}", 5,
		  "The token is from another issuer." },
		{ JWT_ALG_HS256, test_key, "{\"iss\":\"auth\",\"exp\":%ld}", 5, "The token names nobody." },
		{ JWT_ALG_HS256, test_key,
		  "{\"iss\":\"auth\",\"sub\":\"ann\",\"exp\":9999999999,\"nbf\":%ld}", 5,
		  "The token is not valid yet." },
		{ JWT_ALG_HS256, test_key,
		  "{\"iss\":\"auth\",\"sub\":\"ann\",\"exp\":9999999999,\"nbf\":%ld}", -5, NULL },
		{ JWT_ALG_HS256, test_key,
		  "{\"iss\":\"auth\",\"sub\":\"ann\",\"exp\":9999999999,\"nbf\":\"%ld\"}", -5,
		  "The token is not valid yet." },
	};
	struct percore_test *test = start_auth();

	for (size_t i = 0; i < sizeof tokens / sizeof tokens[0]; i++) {
		const struct percore_test_answer *answer = get_as(
			test, "/api/me",
			token_of(tokens[i].algorithm, tokens[i].key, tokens[i].claims, tokens[i].beside));
		ck_assert_msg(answer->status == (tokens[i].wrong ? 401 : 200), "%zu: %s", i, answer->body);
		if (!tokens[i].wrong)
			continue;
		ck_assert_str_eq(example_member(answer, "detail"), tokens[i].wrong);
		ck_assert_str_eq(percore_test_header(answer, "WWW-Authenticate"),
		                 "Bearer realm=\"auth\", error=\"invalid_token\"");
	}
	percore_test_free(test);
}
END_TEST

START_TEST(token_with_any_byte_changed_is_refused)
{
	struct percore_test *test = start_auth();
	char token[2048];

	snprintf(token, sizeof token, "%s", token_of(JWT_ALG_HS256, test_key, GOOD_CLAIMS, 100));
	ck_assert_int_eq(get_as(test, "/api/me", token)->status, 200);
	for (size_t i = 0; i + 1 < strlen(token); i++) { /* of the last character some bits are padding */
		char was = token[i];
		token[i] = was == 'A' ? 'B' : 'A';
		ck_assert_msg(get_as(test, "/api/me", token)->status == 401, "%zu", i);
		token[i] = was;
	}
	for (size_t length = strlen(token) - 1; length > 0; length -= length > 10 ? 7 : 1) {
		token[length] = '\0';
		ck_assert_int_eq(get_as(test, "/api/me", token)->status, 401);
	}
	percore_test_free(test);
}
END_TEST

START_TEST(machine_has_a_key)
{
	struct percore_test *test = start_auth();
	char wrong[64];

	ck_assert_str_eq(get_with(test, "/api/me", "X-API-Key", machine_key)->body,
	                 "{\"name\":\"machine\",\"scope\":\"read\"}");
	ck_assert_int_eq(get_with(test, "/api/admin/users", "X-API-Key", machine_key)->status, 403);
	snprintf(wrong, sizeof wrong, "%sx", machine_key);
	ck_assert_int_eq(get_with(test, "/api/me", "X-API-Key", wrong)->status, 401);
	for (size_t length = sizeof machine_key - 2; length > 0; length--) {
		wrong[length] = '\0';
		ck_assert_int_eq(get_with(test, "/api/me", "X-API-Key", wrong)->status, 401);
	}
	percore_test_free(test);
}
END_TEST

START_TEST(login_refuses_and_is_limited)
{
	static const char *const bad[] = { "{\"name\": \"ann\", \"password\": \"Secret\"}",
		                           "{\"name\": \"eve\", \"password\": \"secret\"}",
		                           "{\"name\": \"\", \"password\": \"\"}",
		                           "{\"name\": \"ann\", \"password\": \"secret\\u0000\"}", "[]" };
	struct percore_test *test = start_auth();

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		ck_assert_int_eq(example_send(test, "POST", "/login", bad[i], NULL)->status, 403);
	const struct percore_test_answer *answer = example_send(test, "POST", "/login", bad[0], NULL);
	ck_assert_int_eq(answer->status, 429);
	ck_assert_str_eq(percore_test_header(answer, "Retry-After"), "12");
	percore_test_wait(test, 12);
	log_in_as(test, "ann");
	percore_test_free(test);
}
END_TEST

START_TEST(scripts_of_named_origins_may_ask)
{
	struct percore_test *test = start_auth();
	const struct percore_pair from[] = { { "Origin", "https://app.example" },
		                             { "Access-Control-Request-Method", "GET" },
		                             { "Access-Control-Request-Headers", "authorization" },
		                             { NULL, NULL } };
	const struct percore_test_answer *answer = example_send(test, "OPTIONS", "/api/me", NULL, from);

	ck_assert_int_eq(answer->status, 204); /* a preflight has no token */
	ck_assert_ptr_nonnull(
		strstr(percore_test_header(answer, "Access-Control-Allow-Headers"), "Authorization"));
	answer = get_with(test, "/api/me", "Origin", "https://app.example");
	ck_assert_int_eq(answer->status, 401);
	ck_assert_str_eq(percore_test_header(answer, "Access-Control-Allow-Origin"), "https://app.example");
	ck_assert_ptr_nonnull(
		strstr(percore_test_header(answer, "Access-Control-Expose-Headers"), "WWW-Authenticate"));
	answer = get_with(test, "/api/me", "Origin", "https://other.example");
	ck_assert_ptr_null(percore_test_header(answer, "Access-Control-Allow-Origin"));
	percore_test_free(test);
}
END_TEST

START_TEST(short_or_missing_key_keeps_it_from_serving)
{
	char path[128];
	const char *const options[] = { "--key", path, NULL };

	ck_assert_ptr_null(percore_test_new(auth(), NULL));
	write_file(path, "key", "0123456789abcdef0123456789abcde");
	ck_assert_ptr_null(percore_test_new(auth(), options));
	write_file(path, "key", test_key);
	percore_test_free(example_start(auth(), options));
}
END_TEST

int main(void)
{
	return example_run_tests(
		"auth", (const TTest *const[]){
				login_gives_a_token_that_tells_who_it_is, scope_that_is_missing_is_403,
				without_a_token_is_401_whatever_the_path,
				token_that_is_not_ours_or_not_valid_is_refused,
				token_with_any_byte_changed_is_refused, machine_has_a_key,
				login_refuses_and_is_limited, scripts_of_named_origins_may_ask,
				short_or_missing_key_keeps_it_from_serving, NULL });
}
