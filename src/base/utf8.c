/* SPDX-License-Identifier: ISC */
/* utf8 - see utf8.h.  Most text is ASCII, which is looked at eight bytes at a time. */
#include "base/utf8.h"

#include <stdint.h>
#include <string.h>

#define HIGH_BITS UINT64_C(0x8080808080808080)

/* RFC 3629, section 4: what may follow some of the first bytes is narrower. */
static bool is_second(unsigned char first, unsigned char second)
{
	switch (first) {
	case 0xe0:
		return second >= 0xa0 && second <= 0xbf;
	case 0xed:
		return second >= 0x80 && second <= 0x9f;
	case 0xf0:
		return second >= 0x90 && second <= 0xbf;
	case 0xf4:
		return second >= 0x80 && second <= 0x8f;
	default:
		return second >= 0x80 && second <= 0xbf;
	}
}

size_t utf8_character(const unsigned char *text, size_t left)
{
	unsigned char first = left > 0 ? text[0] : 0xff;

	if (first < 0x80)
		return 1;
	size_t length = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
	if (length == 0 || length > left || !is_second(first, text[1]))
		return 0;
	for (size_t i = 2; i < length; i++)
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	return length;
}

static size_t ascii_bytes(const char *text, size_t length)
{
	size_t i = 0;
	uint64_t eight;

	for (; i + sizeof eight <= length; i += sizeof eight) {
		memcpy(&eight, text + i, sizeof eight);
		if (eight & HIGH_BITS)
			break;
	}
	while (i < length && (unsigned char)text[i] < 0x80)
		i++;
	return i;
}

bool utf8_is_valid(const char *text, size_t length)
{
	for (size_t i = ascii_bytes(text, length); i < length; i += ascii_bytes(text + i, length - i)) {
		size_t bytes = utf8_character((const unsigned char *)text + i, length - i);
		if (bytes == 0)
			return false;
		i += bytes;
	}
	return true;
}

void utf8_mend(char *text)
{
	for (size_t left = strlen(text), bytes; left > 0; text += bytes, left -= bytes) {
		bytes = utf8_character((const unsigned char *)text, left);
		if (bytes == 0) {
			*text = '?';
			bytes = 1;
		}
	}
}
