/* SPDX-License-Identifier: ISC */
/*
 * redis_url - where a Redis is, who asks it, and which of its databases.
 *
 * redis://[[USER]:PASSWORD@]HOST[:PORT][/DB]
 * redis+unix://[[USER]:PASSWORD@]/PATH[?db=DB]
 *
 * User, password and path are percent-encoded (RFC 3986).  The password is in the URL
 * and nowhere else, so nobody prints the URL but through redis_url_print().
 */
#ifndef PERCORE_REDIS_URL_H
#define PERCORE_REDIS_URL_H

#include <stdbool.h>
#include <stddef.h>

enum { REDIS_URL_PATH_SIZE = 108, REDIS_URL_SHOWN_MAX = 512 };

struct redis_url {
	char host[256]; /* without the brackets of IPv6; "": path has it */
	char path[REDIS_URL_PATH_SIZE];
	char user[128]; /* "": Redis' default user */
	char password[256];
	unsigned port, database;
};

/* Anything with a scheme before ://, be it wrong; no file is called so. */
bool redis_url_is_meant(const char *text);

/* NULL, or what is wrong and what to write; then *url is of no use. */
const char *redis_url_parse(const char *text, struct redis_url *url);

/*
 * As it was written, with *** for the password; a URL that is wrong, with *** for all
 * that could be one.
 */
void redis_url_print(const char *text, char *shown, size_t size);

/* The words of AUTH, lent from *url; returns how many: 0 where there is nobody to name. */
enum { REDIS_URL_AUTH_MAX = 3 };
int redis_url_auth(const struct redis_url *url, const char *words[REDIS_URL_AUTH_MAX]);

/*
 * What an error that Redis answered means for the user and the password; NULL: it is not
 * about them.  Redis repeats what it does not know, so what it answered to AUTH is not printed.
 */
const char *redis_url_refusal(const char *error);

#endif
