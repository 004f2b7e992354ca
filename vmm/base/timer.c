// SPDX-License-Identifier: MIT
#include "vmm/base/timer.h"

#include "vmm/base/bytes.h"

#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define SECOND_NS UINT64_C(1000000000)

static void timer_ready(struct loop_source *source, uint32_t events)
{
	struct timer *timer = container_of(source, struct timer, source);
	uint64_t count;

	(void)events;
	/* nothing to read: it was set anew between the event and here */
	if (read(source->fd, &count, sizeof(count)) == (ssize_t)sizeof(count))
		timer->expired(timer);
}

int timer_init(struct timer *timer, struct loop *loop, void (*expired)(struct timer *timer),
	       struct vmm_error *err)
{
	int fd = loop->sys->ops->timerfd(loop->sys->ctx);
	int ret;

	*timer = (struct timer){.source = {timer_ready, -1}, .loop = loop, .expired = expired};
	if (fd < 0)
		return vmm_error_errno(err, fd, "unable to create a timer");
	timer->source.fd = fd;
	ret = loop_add(loop, &timer->source, EPOLLIN, err);
	if (ret < 0)
		sys_close(loop->sys, &timer->source.fd);
	return ret;
}

void timer_destroy(struct timer *timer)
{
	if (timer->source.fd < 0)
		return;
	loop_remove(timer->loop, &timer->source);
	sys_close(timer->loop->sys, &timer->source.fd);
}

void timer_set(struct timer *timer, uint64_t ns)
{
	struct itimerspec at = {
		.it_value = {.tv_sec = (time_t)(ns / SECOND_NS), .tv_nsec = (long)(ns % SECOND_NS)},
	};

	timerfd_settime(timer->source.fd, 0, &at, NULL);
}

uint64_t timer_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}
