/* SPDX-License-Identifier: ISC */
/* record_fault - why a connection of the web server's is closed: see exchange/records.h. */
#ifndef PERCORE_RECORD_FAULT_H
#define PERCORE_RECORD_FAULT_H

enum record_fault {
	RECORD_FAULT_NONE,
	RECORD_FAULT_VERSION,
	RECORD_FAULT_BEGIN,
	RECORD_FAULT_ROLE,
	RECORD_FAULT_STRAY,
	RECORD_FAULT_FOREIGN,
	RECORD_FAULT_PADDED_END,
	RECORD_FAULT_PAIR,
	RECORD_FAULT_HEAD_SIZE,
	RECORD_FAULT_PARAMS,
	RECORD_FAULT_MANAGEMENT,
	RECORD_FAULTS,
};

/* "version" and the like, for a label; and words for the log. */
const char *record_fault_name(enum record_fault fault);
const char *record_fault_text(enum record_fault fault);

#endif
