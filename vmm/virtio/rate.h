/* SPDX-License-Identifier: MIT */
/*
 * A limit for what passes in a second: bytes, requests. Time is an argument, so tests make their
 * own. Whoever is about to pass something asks rate_wait(); when that is 0 it passes, however much
 * it is, and is paid for afterwards, by rate_spend(): a request larger than the limit of a moment
 * is late, never stuck. After a pause RATE_BURST_NS worth of it may pass at once.
 */
#ifndef VMM_VIRTIO_RATE_H
#define VMM_VIRTIO_RATE_H

#include <stdint.h>

#define RATE_BURST_NS UINT64_C(100000000)

struct rate {
	uint64_t per_second; /* 0: no limit */
	uint64_t paid_until; /* ns: when what has passed is paid for */
};

/* Nanoseconds from `now` until something may pass; 0: now. `now` never goes back. */
uint64_t rate_wait(const struct rate *rate, uint64_t now);

/* Nanoseconds that `amount` is worth; 0 without a limit. */
uint64_t rate_cost(const struct rate *rate, uint32_t amount);

/* `amount` has passed. */
void rate_spend(struct rate *rate, uint32_t amount, uint64_t now);

#endif
