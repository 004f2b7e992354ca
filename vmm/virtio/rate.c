// SPDX-License-Identifier: MIT
#include "vmm/virtio/rate.h"

#define SECOND_NS UINT64_C(1000000000)

uint64_t rate_wait(const struct rate *rate, uint64_t now)
{
	return rate->per_second && rate->paid_until > now ? rate->paid_until - now : 0;
}

uint64_t rate_cost(const struct rate *rate, uint32_t amount)
{
	return rate->per_second ? amount * SECOND_NS / rate->per_second : 0;
}

void rate_spend(struct rate *rate, uint32_t amount, uint64_t now)
{
	uint64_t least = now > RATE_BURST_NS ? now - RATE_BURST_NS : 0;

	if (!rate->per_second)
		return;
	if (rate->paid_until < least)
		rate->paid_until = least;
	rate->paid_until += rate_cost(rate, amount);
}
