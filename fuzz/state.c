/* SPDX-License-Identifier: ISC */
/*
 * state - whatever stands in a state file, a generation that finds it takes it as its own or leaves it: it
 * never goes beyond what it laid out itself.
 */
#include "fuzz.h"
#include "state/shared.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const size_t sizes[SHARED_SECTIONS] = { 64, 4096, 5000, 1, 0, 128, 9000, 64, 70 };

/* A good one, for the input to change. */
static int good(void)
{
	struct shared shared;

	must(shared_create(&shared, NULL, sizes) == 0);
	munmap(shared.base, shared.bytes);
	return shared.fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz f = { data, size };
	struct shared shared;
	int fd = good();

	if (fuzz_byte(&f) & 1)
		must(ftruncate(fd, fuzz_number(&f) % 65536) == 0);
	size_t at = fuzz_byte(&f);
	must(pwrite(fd, f.data, f.size, (off_t)at) == (ssize_t)f.size);
	for (int i = 0; i < SHARED_SECTIONS; i++)
		shared_section_bytes(fd, i);
	int error = shared_attach(&shared, fd, NULL, sizes);
	must(error == 0 || error == -EPROTO);
	if (!error) {
		memset(shared.base, 0xff, 256); /* as a handler may, later */
		for (int i = 0; i < SHARED_SECTIONS; i++)
			memset(shared_section(&shared, i), 0xff, sizes[i]);
		munmap(shared.base, shared.bytes);
	}
	close(fd);
	return 0;
}
