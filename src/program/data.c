/* SPDX-License-Identifier: ISC */
/* data - the article's work: format a string N times, serialise an object. */
#include "endpoints.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

int64_t data_work = 100;
int64_t data_wait_us;

static void wait_us(int64_t us)
{
	struct timespec left = { us / 1000000, us % 1000000 * 1000 };

	while (nanosleep(&left, &left) != 0)
		; /* a signal interrupted it */
}

json_object *data_make(int64_t rounds)
{
	char city[32] = "X";

	for (int64_t round = 0; round < rounds; round++) {
		snprintf(city, sizeof city, "Value: %" PRId64, round);
		__asm__ volatile("" ::"r"(city) : "memory"); /* every round's string is really made */
	}
	json_object *answer = json_object_new_object();
	percore_json_add(answer, "street", json_object_new_string("10 Downing Street"));
	percore_json_add(answer, "city", json_object_new_string(city));
	return answer;
}

void data_get(struct percore_request *request)
{
	json_object *answer = data_make(data_work);

	if (data_wait_us > 0)
		wait_us(data_wait_us);
	percore_answer_json(request, 200, answer);
}
