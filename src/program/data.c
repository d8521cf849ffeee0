/* SPDX-License-Identifier: ISC */
/* data - the article's work: format a string N times, serialise an object. */
#include "endpoints.h"

#include <stdio.h>
#include <time.h>

long data_work = 100;
long data_wait_us;

static void wait_us(long us)
{
	struct timespec left = { us / 1000000, us % 1000000 * 1000 };

	while (nanosleep(&left, &left) != 0)
		; /* a signal interrupted it */
}

json_object *data_make(long rounds)
{
	char city[32] = "X";

	for (long round = 0; round < rounds; round++) {
		snprintf(city, sizeof city, "Value: %ld", round);
		__asm__ volatile("" ::"r"(city) : "memory"); /* every round's string is really made */
	}
	json_object *answer = json_object_new_object();
	json_object_object_add(answer, "street", json_object_new_string("10 Downing Street"));
	json_object_object_add(answer, "city", json_object_new_string(city));
	return answer;
}

void data_get(struct percore_request *request)
{
	json_object *answer = data_make(data_work);

	if (data_wait_us > 0)
		wait_us(data_wait_us);
	percore_answer_json(request, 200, answer);
}
