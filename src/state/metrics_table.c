/* SPDX-License-Identifier: ISC */
/* metrics_table - prints metrics.def as the table of percore-metrics(7); run by make. */
#include <ctype.h>
#include <stdio.h>

static void put(const char *type, const char *name, const char *labels, const char *help)
{
	printf(".It Sy %s\n%c%s", name, toupper((unsigned char)*type), type + 1);
	if (*labels)
		printf(", by %s", labels);
	printf(".\n%s\n", help);
}

int main(void)
{
#define COUNTER(field, name, help)                 put("counter", name, "", help);
#define VALUE(type, name, help, expression)        put(#type, name, "", help);
#define FAMILY(type, name, labels, help, function) put(#type, name, labels, help);
#include "state/metrics.def"
	return 0;
}
