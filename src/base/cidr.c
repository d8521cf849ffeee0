/* SPDX-License-Identifier: ISC */
/* cidr - see cidr.h. */
#include "base/cidr.h"

#include <arpa/inet.h>
#include <string.h>

enum { ADDRESS_BITS = 128, MAPPED_BITS = 96, CLIENT_BYTES = 8 };

static const uint8_t mapped[MAPPED_BITS / 8] = { [10] = 0xff, [11] = 0xff };

bool address_parse(const char *text, size_t length, struct address *address)
{
	char copy[INET6_ADDRSTRLEN];

	if (length >= sizeof copy)
		return false;
	memcpy(copy, text, length);
	copy[length] = '\0';
	if (strlen(copy) != length)
		return false;
	if (memchr(copy, ':', length))
		return inet_pton(AF_INET6, copy, address->bytes) == 1;
	memcpy(address->bytes, mapped, sizeof mapped);
	return inet_pton(AF_INET, copy, address->bytes + sizeof mapped) == 1;
}

bool address_is_ipv4(const struct address *address)
{
	return memcmp(address->bytes, mapped, sizeof mapped) == 0;
}

void address_cut(struct address *address)
{
	if (!address_is_ipv4(address))
		memset(address->bytes + CLIENT_BYTES, 0, sizeof address->bytes - CLIENT_BYTES);
}

/* Digits alone, at most `max`. */
static bool read_bits(const char *text, unsigned max, unsigned *bits)
{
	size_t digits = strspn(text, "0123456789");

	if (digits == 0 || digits > 3 || text[digits])
		return false;
	*bits = 0;
	for (size_t i = 0; i < digits; i++)
		*bits = *bits * 10 + (unsigned)(text[i] - '0');
	return *bits <= max;
}

/* True when the first `bits` are alike. */
static bool is_alike(const uint8_t *one, const uint8_t *other, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;

	return memcmp(one, other, whole) == 0 &&
	       (rest == 0 || ((one[whole] ^ other[whole]) & (0xff00 >> rest & 0xff)) == 0);
}

static bool has_bits_after(const struct cidr *cidr)
{
	struct address cut = { { 0 } };

	for (unsigned i = 0; i < cidr->bits; i++)
		cut.bytes[i / 8] |= cidr->address.bytes[i / 8] & (uint8_t)(0x80 >> i % 8);
	return memcmp(&cut, &cidr->address, sizeof cut) != 0;
}

const char *cidr_parse(const char *text, struct cidr *cidr)
{
	size_t length = strcspn(text, "/");

	*cidr = (struct cidr){ .bits = ADDRESS_BITS };
	if (!address_parse(text, length, &cidr->address))
		return "must be an address or a block, as 192.0.2.1, 10.0.0.0/8 or 2001:db8::/32";
	if (!text[length])
		return NULL;
	bool is_ipv4 = !memchr(text, ':', length);
	if (!read_bits(text + length + 1, is_ipv4 ? ADDRESS_BITS - MAPPED_BITS : ADDRESS_BITS, &cidr->bits))
		return is_ipv4 ? "what follows / must be a number from 0 to 32"
		               : "what follows / must be a number from 0 to 128";
	if (is_ipv4)
		cidr->bits += MAPPED_BITS;
	return has_bits_after(cidr) ? "the address has bits set after those that / counts; set them to 0"
	                            : NULL;
}

bool cidr_has(const struct cidr *cidr, const struct address *address)
{
	if (cidr->bits < MAPPED_BITS && address_is_ipv4(address))
		return false;
	return is_alike(cidr->address.bytes, address->bytes, cidr->bits);
}
