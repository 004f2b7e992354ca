/* SPDX-License-Identifier: MIT */
/* A timer in an event loop. Made and destroyed in the loop's thread, as its sources are; set in any. */
#ifndef VMM_BASE_TIMER_H
#define VMM_BASE_TIMER_H

#include "vmm/base/loop.h"

struct timer {
	struct loop_source source;
	struct loop *loop;
	void (*expired)(struct timer *timer);
};

/* Made stopped. `*timer` of zeros with source.fd -1 may be destroyed. */
int timer_init(struct timer *timer, struct loop *loop, void (*expired)(struct timer *timer),
	       struct vmm_error *err);
void timer_destroy(struct timer *timer);

/* Calls expired() once, `ns` nanoseconds from now, instead of what was set before; 0: never. */
void timer_set(struct timer *timer, uint64_t ns);

/* CLOCK_MONOTONIC in nanoseconds. */
uint64_t timer_now(void);

/* The same in milliseconds. */
static inline uint64_t timer_now_ms(void)
{
	return timer_now() / 1000000;
}

#endif
