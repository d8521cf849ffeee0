/* SPDX-License-Identifier: ISC */
/*
 * plain - the yardstick everybody writes first: libfcgi's own accept loop.
 *
 * The same answer and the same work as percore's GET /data (100 rounds of
 * formatting, an object of json-c), whatever path is asked for; one request after
 * the other from FCGX_Accept_r on fd 0.  Run N of it with spawn-fcgi -F N.  Behind a web server that keeps
 * connections it starves all but N of them, so it is to be run without.
 *
 * plain --time prints the cost of the work alone, nanoseconds a round trip: with
 * the formatting only, then with json-c's part too.
 */
#include <fcgiapp.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { ROUNDS = 100, TIMED = 100000 };

static void format(char *city, size_t size)
{
	for (long round = 0; round < ROUNDS; round++) {
		snprintf(city, size, "Value: %ld", round);
		__asm__ volatile("" ::"r"(city) : "memory"); /* every round's string is really made */
	}
}

static json_object *answer(const char *city)
{
	json_object *object = json_object_new_object();

	json_object_object_add(object, "street", json_object_new_string("10 Downing Street"));
	json_object_object_add(object, "city", json_object_new_string(city));
	return object;
}

static const char *text_of(json_object *object, size_t *length)
{
	return json_object_to_json_string_length(
		object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, length);
}

static void serve(FCGX_Request *request)
{
	char city[32];
	size_t length;

	format(city, sizeof city);
	json_object *object = answer(city);
	const char *text = text_of(object, &length);
	FCGX_FPrintF(request->out, "Content-Type: application/json\r\nContent-Length: %lu\r\n\r\n",
	             (unsigned long)length);
	FCGX_PutStr(text, (int)length, request->out);
	json_object_put(object);
}

static double cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static int time_work(void)
{
	char city[32];
	size_t length, sum = 0;

	double start = cpu_ns();
	for (int i = 0; i < TIMED; i++)
		format(city, sizeof city);
	double formatted = cpu_ns();
	for (int i = 0; i < TIMED; i++) {
		json_object *object = answer(city);
		text_of(object, &length);
		sum += length;
		json_object_put(object);
	}
	double serialised = cpu_ns();
	printf("%.0f %.0f\n", (formatted - start) / TIMED, (serialised - start) / TIMED);
	return sum == 0;
}

int main(int argc, char **argv)
{
	FCGX_Request request;

	if (argc == 2 && strcmp(argv[1], "--time") == 0)
		return time_work();
	if (FCGX_Init() != 0 || FCGX_InitRequest(&request, 0, 0) != 0)
		return 1;
	while (FCGX_Accept_r(&request) == 0)
		serve(&request);
	return 0;
}
