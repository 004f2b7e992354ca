// SPDX-License-Identifier: MIT
#include "vmm/dev/escape.h"

#define CTRL_A 0x01

size_t escape_filter(struct escape *escape, const uint8_t *keys, size_t len, uint8_t *out,
		     unsigned int *asked)
{
	size_t n = 0;

	*asked = 0;
	for (size_t i = 0; i < len; i++) {
		uint8_t key = keys[i];

		if (!escape->pending) {
			if (key == CTRL_A)
				escape->pending = true;
			else
				out[n++] = key;
			continue;
		}
		escape->pending = false;
		switch (key) {
		case 'x':
			*asked |= ESCAPE_QUIT;
			break;
		case 'h':
			*asked |= ESCAPE_HELP;
			break;
		case CTRL_A:
			out[n++] = CTRL_A;
			break;
		default:
			out[n++] = CTRL_A;
			out[n++] = key;
			break;
		}
	}
	return n;
}
