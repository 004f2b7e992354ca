// SPDX-License-Identifier: MIT
#include "boot/image.h"
#include "boot_fuzz.h"

#define CONTENTS_MAX (256u << 10)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/*
 * The first CONTENTS_MAX bytes of the contents, in pieces of up to `piece` bytes; returns how many
 * there were.
 */
static size_t expand(const struct sys *sys, size_t piece, uint8_t *to)
{
	struct boot_image image;
	struct vmm_error err;
	size_t len = 0;

	if (image_open(&image, sys, "file", &err) < 0)
		return 0;
	while (len < CONTENTS_MAX) {
		size_t n = CONTENTS_MAX - len < piece ? CONTENTS_MAX - len : piece;

		if (image_read(&image, len, to + len, n, &err) < 0)
			break;
		len += n;
	}
	image_finish(&image, &err);
	image_close(&image);
	return len;
}

/* Contents do not depend on the size of the pieces that they are read in. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t one[CONTENTS_MAX], other[CONTENTS_MAX];
	struct fuzz_file file = {data, size};
	const struct sys sys = {&fuzz_ops, &file};
	size_t a, b;

	if (!codec_find(data, size))
		return -1;
	a = expand(&sys, 64, one);
	b = expand(&sys, 8191, other);
	/* a piece that is not complete does not count, so the lengths may differ by less than one
	 */
	fuzz_require(a < b + 8191 && b < a + 8191);
	fuzz_require(memcmp(one, other, a < b ? a : b) == 0);
	return 0;
}
