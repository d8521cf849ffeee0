/* SPDX-License-Identifier: ISC */
/*
 * cidr - addresses of clients, and blocks of them.
 *
 * An address is 16 bytes.  IPv4 is kept as ::ffff:a.b.c.d, so the two ways to write
 * one IPv4 address (CVE-2026-30827) are one from the start.
 */
#ifndef PERCORE_CIDR_H
#define PERCORE_CIDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct address {
	uint8_t bytes[16];
};

struct cidr {
	struct address address;
	unsigned bits; /* of the 16 bytes: 10.0.0.0/8 has 104 */
};

/* "192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1"; false for anything else, as a name or a zone. */
bool address_parse(const char *text, size_t length, struct address *address);

bool address_is_ipv4(const struct address *address);

/* What belongs to one client: an IPv6 address is cut to its /64, IPv4 stays as it is. */
void address_cut(struct address *address);

/* "10.0.0.0/8", "2001:db8::/32", or one address.  NULL, or what is wrong. */
const char *cidr_parse(const char *text, struct cidr *cidr);

/* ::/0 and other blocks above ::ffff:0:0/96 hold no IPv4. */
bool cidr_has(const struct cidr *cidr, const struct address *address);

#endif
