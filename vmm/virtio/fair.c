// SPDX-License-Identifier: MIT
#include "vmm/virtio/fair.h"

void fair_wait(struct fair *fair, unsigned int who)
{
	if (fair->waiting >> who & 1)
		return;
	fair->waiting |= UINT64_C(1) << who;
	if (fair->had[who] < fair->now)
		fair->had[who] = fair->now;
}

void fair_leave(struct fair *fair, unsigned int who)
{
	fair->waiting &= ~(UINT64_C(1) << who);
}

int fair_next(const struct fair *fair)
{
	int next = -1;

	for (uint64_t left = fair->waiting; left != 0; left &= left - 1) {
		int who = __builtin_ctzll(left);

		if (next < 0 || fair->had[who] < fair->had[next])
			next = who;
	}
	return next;
}

void fair_charge(struct fair *fair, unsigned int who, uint64_t amount)
{
	fair->now = fair->had[who];
	/* whatever is free of charge must not be one queue's for ever */
	fair->had[who] += amount > 0 ? amount : 1;
}
