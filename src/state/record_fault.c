/* SPDX-License-Identifier: ISC */
/* record_fault - see record_fault.h. */
#include "state/record_fault.h"

static const struct {
	const char *name, *text;
} faults[RECORD_FAULTS] = {
	[RECORD_FAULT_NONE] = { "none", "nothing wrong" },
	[RECORD_FAULT_VERSION] = { "version", "no FastCGI 1.0 record" },
	[RECORD_FAULT_BEGIN] = { "begin", "a malformed FCGI_BEGIN_REQUEST" },
	[RECORD_FAULT_ROLE] = { "role", "a role other than responder" },
	[RECORD_FAULT_STRAY] = { "stray", "a record outside any request" },
	[RECORD_FAULT_FOREIGN] = { "foreign", "a record of another request or type inside a request" },
	[RECORD_FAULT_PADDED_END] = { "padded_end", "a padded end of a stream" },
	[RECORD_FAULT_PAIR] = { "pair", "a parameter whose length cannot be" },
	[RECORD_FAULT_HEAD_SIZE] = { "head_size", "more parameters than --max-head allows" },
	[RECORD_FAULT_PARAMS] = { "params", "more parameters than --max-params allows" },
	[RECORD_FAULT_MANAGEMENT] = { "management", "a management record of more than 1 KiB" },
};

const char *record_fault_name(enum record_fault fault)
{
	return faults[fault < RECORD_FAULTS ? fault : RECORD_FAULT_NONE].name;
}

const char *record_fault_text(enum record_fault fault)
{
	return faults[fault < RECORD_FAULTS ? fault : RECORD_FAULT_NONE].text;
}
