/* SPDX-License-Identifier: ISC */
/*
 * auth - who asks: POST /login {"name": "ann", "password": "..."} gives a token (JWT, HS256), and what is
 * below /api wants it as Authorization: Bearer (RFC 6750), or a machine's key as X-API-Key.
 *
 *     openssl rand -hex 32 >key; echo "ann:$(openssl passwd -6):read admin" >users
 *     examples/auth --listen unix:/run/auth.sock --key key --users users --origins https://app.example
 *
 * The files are read when a worker starts: a reload takes what they are then.
 */
#include <percore.h>

#include <crypt.h>
#include <errno.h>
#include <jwt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MIN_KEY = 32, MAX_FILE = 65536 }; /* a shorter key than its hash is weaker: RFC 7518, 3.2 */

static const char *key_file = "", *users_file = "", *api_key_file = "", *issuer = "auth", *origins = "";
static double lifetime = 900;
static char key[MAX_FILE], users[MAX_FILE], api_key[MAX_FILE];

/* Who asks, which a hook has found out. */
struct caller {
	const char *name, *scope; /* parted by blanks: RFC 6749, 3.3 */
};
static const char caller_key; /* of percore_keep */

/* ---- The files. */

static bool read_file(const char *file, char to[MAX_FILE], size_t least)
{
	FILE *stream = fopen(file, "re");
	size_t length = stream ? fread(to, 1, MAX_FILE - 1, stream) : 0;

	if (stream)
		fclose(stream);
	while (length > 0 && to[length - 1] == '\n')
		length--;
	to[length] = '\0';
	if (stream && length >= least && strlen(to) == length)
		return true;
	percore_log(NULL, PERCORE_LOG_ERROR, "%s: %s", file,
	            stream ? "it must be a text of more bytes" : strerror(errno));
	return false;
}

static bool start(void *arg)
{
	(void)arg;
	return read_file(key_file, key, MIN_KEY) && (!*users_file || read_file(users_file, users, 1)) &&
	       (!*api_key_file || read_file(api_key_file, api_key, MIN_KEY));
}

/*
 * Takes as long wherever they differ.  strcmp() stops at the first difference, so its time tells how
 * much of a guess was right, and the key could be found byte by byte.
 */
static bool is_secret(const char *secret, const char *given)
{
	size_t given_length = strlen(given), length = strlen(secret);
	unsigned char differs = given_length != length;

	for (size_t i = 0; i < length; i++)
		differs |= (unsigned char)(secret[i] ^ given[i < given_length ? i : given_length]);
	return !differs;
}

/* ---- Tokens. */

static const char *make_token(struct percore_request *request, const struct caller *caller)
{
	jwt_t *jwt = NULL;
	char *token = NULL;

	if (jwt_new(&jwt) != 0 ||
	    jwt_set_alg(jwt, JWT_ALG_HS256, (unsigned char *)key, (int)strlen(key)) != 0 ||
	    jwt_add_grant(jwt, "iss", issuer) != 0 || jwt_add_grant(jwt, "sub", caller->name) != 0 ||
	    jwt_add_grant(jwt, "scope", caller->scope) != 0 ||
	    jwt_add_grant_int(jwt, "exp", (long)time(NULL) + (long)lifetime) != 0 ||
	    !(token = jwt_encode_str(jwt)))
		percore_no_memory();
	const char *lent = percore_format(request, "%s", token);
	free(token);
	jwt_free(jwt);
	return lent;
}

/* NULL, or what is wrong with it. */
static const char *wrong_claim(jwt_t *jwt)
{
	const char *from = jwt_get_grant(jwt, "iss");
	long now = (long)time(NULL);

	if (jwt_get_alg(jwt) != JWT_ALG_HS256) /* the token names it: so never another, and never none */
		return "The token must be signed by HS256.";
	if (!from || strcmp(from, issuer) != 0)
		return "The token is from another issuer.";
	if (jwt_get_grant_int(jwt, "exp") <= now)
		return "The token has expired.";
	errno = 0;
	long begin = jwt_get_grant_int(jwt, "nbf");
	if (begin > now || (begin <= 0 && errno != ENOENT)) /* not even a number */
		return "The token is not valid yet.";
	return jwt_get_grant(jwt, "sub") ? NULL : "The token names nobody.";
}

/* NULL, or what is wrong with the token. */
static const char *read_token(struct percore_request *request, const char *token, struct caller *caller)
{
	jwt_t *jwt = NULL;

	if (jwt_decode(&jwt, token, (unsigned char *)key, (int)strlen(key)) != 0)
		return "The token is malformed, or signed by another.";
	const char *wrong = wrong_claim(jwt), *scope = jwt_get_grant(jwt, "scope");
	if (!wrong)
		*caller = (struct caller){ percore_format(request, "%s", jwt_get_grant(jwt, "sub")),
			                   percore_format(request, "%s", scope ? scope : "") };
	jwt_free(jwt);
	return wrong;
}

/* ---- POST /login. */

/* A line is NAME:HASH:SCOPE.  False: the file has no more. */
static bool next_user(struct percore_request *request, const char **at, const char *field[3])
{
	size_t length = strcspn(*at, "\n");
	char *line = percore_format(request, "%.*s", (int)length, *at);
	bool is_one = **at != '\0';

	for (int i = 0; i < 3; i++) {
		field[i] = line ? line : "";
		line = line ? strchr(line, ':') : NULL;
		if (line)
			*line++ = '\0';
	}
	*at += length + ((*at)[length] == '\n');
	return is_one;
}

/* Whoever it is, it takes one hash, so that the time does not tell which names there are. */
static bool is_password(struct percore_request *request, struct caller *caller, const char *password)
{
	const char *at = users, *user[3], *hash = "", *setting = "";

	while (next_user(request, &at, user)) {
		bool is_it = strcmp(user[0], caller->name) == 0;
		if (is_it || !*setting)
			setting = user[1];
		if (is_it) {
			hash = user[1];
			caller->scope = user[2];
		}
	}
	const char *computed = crypt(password, setting);
	return *hash && computed && is_secret(hash, computed);
}

/* "" where it is no text, or holds a NUL. */
static const char *text(json_object *object, const char *name)
{
	json_object *value = json_object_object_get(object, name);
	const char *text = json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";

	return strlen(text) == (size_t)json_object_get_string_len(value) ? text : "";
}

static void log_in(struct percore_request *request)
{
	json_object *body, *answer = json_object_new_object();

	percore_lend(request, answer);
	if (!percore_body_json(request, 0, &body))
		return; /* 400, 413 or 415 is answered */
	struct caller caller = { .name = text(body, "name") };
	if (!is_password(request, &caller, text(body, "password"))) {
		percore_answer_problem(request, 403, "These are no name and password.");
		return;
	}
	percore_json_add(answer, "access_token", json_object_new_string(make_token(request, &caller)));
	percore_json_add(answer, "token_type", json_object_new_string("Bearer"));
	percore_json_add(answer, "expires_in", json_object_new_int64((int64_t)lifetime));
	percore_json_add(answer, "scope", json_object_new_string(caller.scope));
	percore_answer_json(request, 200, json_object_get(answer));
}

/* ---- Below /api. */

/* RFC 6750, 3: what is missing, for programs; "" where nothing was sent. */
static void refuse(struct percore_request *request, int status, const char *error, const char *detail)
{
	percore_set_header(request, "WWW-Authenticate",
	                   *error ? percore_format(request, "Bearer realm=\"auth\", error=\"%s\"", error)
	                          : "Bearer realm=\"auth\"");
	percore_answer_problem(request, status, detail);
}

static void authenticate(struct percore_request *request)
{
	const char *header = percore_header(request, "Authorization"),
		   *given = percore_header(request, "X-API-Key");
	struct caller *caller = percore_alloc(request, sizeof *caller);
	const char *wrong = NULL;

	*caller = (struct caller){ "machine", "read" };
	if (given && !(*api_key && is_secret(api_key, given)))
		wrong = "The key is not right.";
	else if (!given && header && strncasecmp(header, "Bearer ", 7) == 0)
		wrong = read_token(request, header + 7, caller);
	else if (!given) {
		refuse(request, 401, "", "Send a token of POST /login as Authorization: Bearer.");
		return;
	}
	if (wrong)
		refuse(request, 401, "invalid_token", wrong);
	percore_keep(request, &caller_key, caller);
}

static void require_scope(struct percore_request *request)
{
	const struct caller *caller = percore_kept(request, &caller_key);
	const char *wanted = percore_arg(request), *at = caller->scope;

	for (size_t length; *(at += strspn(at, " ")); at += length) {
		length = strcspn(at, " ");
		if (length == strlen(wanted) && memcmp(at, wanted, length) == 0)
			return;
	}
	refuse(request, 403, percore_format(request, "insufficient_scope\", scope=\"%s", wanted),
	       "The token does not allow that.");
}

static void tell_caller(struct percore_request *request)
{
	const struct caller *caller = percore_kept(request, &caller_key);
	json_object *json = json_object_new_object();

	percore_json_add(json, "name", json_object_new_string(caller->name));
	percore_json_add(json, "scope", json_object_new_string(caller->scope));
	percore_answer_json(request, 200, json);
}

static void list_users(struct percore_request *request)
{
	json_object *json = json_object_new_array();
	const char *at = users, *user[3];

	while (next_user(request, &at, user))
		percore_json_add(json, NULL, json_object_new_string(user[0]));
	percore_answer_json(request, 200, json);
}

static const struct percore_route routes[] = {
	{ .method = "POST",
	  .pattern = "/login",
	  .handler = log_in,
	  .max_body = 4096,
	  .limit = "5/m burst=5" },
	{ .pattern = "/api/me", .handler = tell_caller },
	{ .pattern = "/api/admin/users", .handler = list_users },
	{ 0 },
};

static struct percore_app *auth(void)
{
	struct percore_app *app = percore_app_new("auth", "1");

	percore_add_text(app, "key", &key_file, "file with the key of the tokens, 32 bytes or more");
	percore_add_text(app, "users", &users_file,
	                 "file of lines NAME:HASH:SCOPE, as openssl passwd -6 hashes");
	percore_add_text(app, "api-key", &api_key_file,
	                 "file with the key of the machines, 32 bytes or more");
	percore_add_text(app, "issuer", &issuer, "the tokens' iss");
	percore_add_time(app, "lifetime", &lifetime, 1, 1e6, "how long a token is good");
	percore_add_text(app, "origins", &origins, "of pages whose scripts may ask, parted by blanks");
	percore_on_worker(app, start, NULL, NULL);
	percore_add_cors(
		app,
		&(struct percore_cors){
			.origins = &origins,
			.headers = "Authorization, Content-Type, X-API-Key",
			.exposed =
				"RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate, X-Request-ID" });
	percore_add_hook(app, &(struct percore_hook){ .prefix = "/api", .before = authenticate });
	percore_add_hook(app, &(struct percore_hook){ .prefix = "/api/admin",
	                                              .before = require_scope,
	                                              .arg = (void *)"admin" });
	percore_add_routes(app, routes);
	return app;
}

int main(int argc, char **argv)
{
	return percore_run(auth(), argc, argv);
}
