/*
 * no_resolver - for the static program only.
 *
 * libfcgi's file of system calls holds a connect that percore never calls, and with
 * it gethostbyname: glibc's whole name service, which in a static program would
 * want glibc's shared libraries at run time.  Names stay unresolved instead;
 * percore takes addresses in numbers.
 */
#include <netdb.h>
#include <stddef.h>

struct hostent *gethostbyname(const char *name)
{
	(void)name;
	return NULL;
}
