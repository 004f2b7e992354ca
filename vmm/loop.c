// SPDX-License-Identifier: MIT
#include "vmm/loop.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

int loop_init(struct loop *loop, struct vmm_error *err)
{
	loop->stop = false;
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd < 0)
		return vmm_error_errno(err, -errno, "unable to create an epoll descriptor");
	return 0;
}

void loop_destroy(struct loop *loop)
{
	if (loop->epoll_fd >= 0)
		close(loop->epoll_fd);
	loop->epoll_fd = -1;
}

int loop_add(struct loop *loop, struct loop_source *source, uint32_t events, struct vmm_error *err)
{
	struct epoll_event event = {.events = events, .data.ptr = source};

	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, source->fd, &event) < 0)
		return vmm_error_errno(err, -errno, "unable to watch descriptor %d", source->fd);
	return 0;
}

int loop_modify(struct loop *loop, struct loop_source *source, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = source};

	return epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, source->fd, &event) < 0 ? -errno : 0;
}

void loop_remove(struct loop *loop, struct loop_source *source)
{
	epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
}

int loop_run(struct loop *loop, struct vmm_error *err)
{
	while (!loop->stop) {
		struct epoll_event event;
		struct loop_source *source;
		/* One event at a time: a function may then remove, and free, any source without
		 * another event of it being left in our hands. The kernel takes turns between
		 * ready descriptors, so none starves. */
		int n = epoll_wait(loop->epoll_fd, &event, 1, -1);

		if (n < 0 && errno != EINTR)
			return vmm_error_errno(err, -errno, "unable to wait for events");
		if (n <= 0)
			continue;
		source = event.data.ptr;
		source->ready(source, event.events);
	}
	return 0;
}
