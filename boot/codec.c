// SPDX-License-Identifier: MIT
#include "boot/codec.h"

#include "vmm/base/bytes.h"

#include <string.h>

const struct codec *codec_find(const uint8_t *head, size_t len)
{
	static const struct codec *const codecs[] = {
		&codec_gzip, &codec_zstd, &codec_lz4, &codec_lz4_legacy, &codec_xz,
	};

	for (size_t i = 0; i < ARRAY_SIZE(codecs); i++) {
		const struct codec *c = codecs[i];

		if (len >= c->magic_len && memcmp(head, c->magic, c->magic_len) == 0)
			return c;
	}
	return NULL;
}
