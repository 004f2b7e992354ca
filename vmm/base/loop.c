// SPDX-License-Identifier: MIT
#include "vmm/base/loop.h"

#include "vmm/base/bytes.h"
#include "vmm/base/event.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

/* Stands on the stack of the thread that waits. */
struct loop_call {
	void (*fn)(void *arg);
	void *arg;
	bool done; /* or dropped */
	bool called;
	struct loop_call *next;
};

/* In the loop's thread: somebody waits for a call. */
static void calls_ready(struct loop_source *source, uint32_t events)
{
	struct loop *loop = container_of(source, struct loop, calls);
	struct loop_call *call;

	(void)events;
	event_drain(source->fd);
	pthread_mutex_lock(&loop->lock);
	while ((call = loop->first) != NULL) {
		loop->first = call->next;
		if (!loop->first)
			loop->last = &loop->first;
		pthread_mutex_unlock(&loop->lock);
		call->fn(call->arg);
		pthread_mutex_lock(&loop->lock);
		call->called = call->done = true;
		pthread_cond_broadcast(&loop->done);
	}
	pthread_mutex_unlock(&loop->lock);
}

int loop_init(struct loop *loop, const struct sys *sys, struct vmm_error *err)
{
	int ret;

	*loop = (struct loop){.epoll_fd = -1, .sys = sys, .calls = {calls_ready, -1}};
	loop->last = &loop->first;
	pthread_mutex_init(&loop->lock, NULL);
	pthread_cond_init(&loop->done, NULL);
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd < 0)
		return vmm_error_errno(err, -errno, "unable to create an epoll descriptor");
	ret = sys->ops->eventfd(sys->ctx);
	if (ret < 0)
		return vmm_error_errno(err, ret, "unable to create an eventfd");
	loop->calls.fd = ret;
	return loop_add(loop, &loop->calls, EPOLLIN, err);
}

void loop_destroy(struct loop *loop)
{
	if (!loop->sys)
		return;
	sys_close(loop->sys, &loop->calls.fd);
	if (loop->epoll_fd >= 0)
		close(loop->epoll_fd);
	loop->epoll_fd = -1;
	pthread_cond_destroy(&loop->done);
	pthread_mutex_destroy(&loop->lock);
	loop->sys = NULL;
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

void loop_expect_thread(struct loop *loop)
{
	pthread_mutex_lock(&loop->lock);
	loop->phase = LOOP_LIVE;
	pthread_mutex_unlock(&loop->lock);
}

void loop_give_up(struct loop *loop)
{
	pthread_mutex_lock(&loop->lock);
	loop->phase = LOOP_OVER;
	loop->have_thread = false;
	for (; loop->first; loop->first = loop->first->next)
		loop->first->done = true;
	loop->last = &loop->first;
	pthread_cond_broadcast(&loop->done);
	pthread_mutex_unlock(&loop->lock);
}

/* Waits for one event at a time: a function may then remove, and free, any source without another
 * event of it being left in our hands. The kernel takes turns between ready descriptors, so none
 * starves. Returns what epoll_wait() did, 0 also for a signal. */
static int step(struct loop *loop, int timeout_ms)
{
	struct epoll_event event;
	struct loop_source *source;
	int n = epoll_wait(loop->epoll_fd, &event, 1, timeout_ms);

	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	if (n == 0)
		return 0;
	source = event.data.ptr;
	source->ready(source, event.events);
	return 1;
}

int loop_run(struct loop *loop, struct vmm_error *err)
{
	int ret = 0;

	pthread_mutex_lock(&loop->lock);
	loop->phase = LOOP_LIVE;
	loop->thread = pthread_self();
	loop->have_thread = true;
	pthread_mutex_unlock(&loop->lock);
	while (!loop->stop && ret >= 0)
		ret = step(loop, -1);
	loop_give_up(loop);
	if (ret < 0)
		return vmm_error_errno(err, ret, "unable to wait for events");
	return 0;
}

void loop_poll(struct loop *loop, unsigned int rounds)
{
	while (rounds-- > 0 && step(loop, 0) > 0)
		;
}

/* Is this the thread that may call? The loop is locked. */
static bool is_own_thread(const struct loop *loop)
{
	if (loop->phase == LOOP_ALONE)
		return true;
	return loop->have_thread && pthread_equal(loop->thread, pthread_self());
}

bool loop_call(struct loop *loop, void (*fn)(void *arg), void *arg)
{
	struct loop_call call = {.fn = fn, .arg = arg};

	pthread_mutex_lock(&loop->lock);
	if (is_own_thread(loop)) {
		pthread_mutex_unlock(&loop->lock);
		fn(arg);
		return true;
	}
	if (loop->phase == LOOP_LIVE) {
		/* cppcheck-suppress autoVariables; it is out of the list when the wait ends */
		*loop->last = &call;
		loop->last = &call.next;
		event_raise(loop->calls.fd);
		while (!call.done)
			pthread_cond_wait(&loop->done, &loop->lock);
	}
	pthread_mutex_unlock(&loop->lock);
	return call.called;
}
