// SPDX-License-Identifier: MIT
/* The requests of a VM: how they get from the vCPUs to the I/O thread, and their time limit. */
#include "cc/quote_internal.h"
#include "vmm/base/bytes.h"
#include "vmm/base/event.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>

/* While requests are under way: for time limits, and for services whose queue is full. */
#define TICK_MS 100

/* --- in the I/O thread ------------------------------------------------------------------------ */

/* Set anew with each request, it would never go off in a busy service. */
static void tick(struct quote_service *service)
{
	if (!service->ticking)
		timer_set(&service->tick, TICK_MS * UINT64_C(1000000));
	service->ticking = true;
}

/* Is the request in this state? Then it is this thread's from now on. */
static bool activate(struct request *r, enum request_state state)
{
	bool mine;

	pthread_mutex_lock(&r->service->lock);
	mine = r->state == state;
	if (mine)
		r->state = ACTIVE;
	pthread_mutex_unlock(&r->service->lock);
	return mine;
}

static void wake_ready(struct loop_source *source, uint32_t events)
{
	struct quote_service *service = container_of(source, struct quote_service, wake);

	(void)events;
	event_drain(source->fd);
	for (size_t i = 0; i < ARRAY_SIZE(service->request); i++) {
		struct request *r = &service->request[i];

		if (!activate(r, SUBMITTED))
			continue;
		tick(service);
		quote_request_start(r);
	}
}

static void ticked(struct timer *timer)
{
	struct quote_service *service = container_of(timer, struct quote_service, tick);
	uint64_t now = timer_now_ms();

	service->ticking = false;
	for (size_t i = 0; i < ARRAY_SIZE(service->request); i++) {
		struct request *r = &service->request[i];

		if (!activate(r, ACTIVE))
			continue;
		if (now >= r->deadline_ms)
			quote_request_fail(r, QUOTE_STATUS_UNAVAILABLE,
					   "no answer within the time limit");
		else if (r->source.fd < 0)
			quote_request_start(r);
		tick(service);
	}
}

/* --- from outside ----------------------------------------------------------------------------- */

static struct request *find_free(struct quote_service *service)
{
	for (size_t i = 0; i < ARRAY_SIZE(service->request); i++)
		if (service->request[i].state == FREE)
			return &service->request[i];
	return NULL;
}

/* The caller holds the lock; the I/O thread must not see the request before its status is set. */
static int enter(struct quote_service *service, const struct request *request)
{
	struct request *r = find_free(service);
	int ret;

	if (!r)
		return -EBUSY;
	ret = quote_set_status(service->mem, request->gpa, QUOTE_STATUS_IN_FLIGHT);
	if (ret == 0)
		*r = *request;
	return ret;
}

int quote_submit(struct quote_service *service, uint64_t gpa, uint32_t size, const uint8_t *report,
		 uint32_t report_len)
{
	struct request request = {
		.source = {.ready = quote_request_ready, .fd = -1},
		.service = service,
		.state = SUBMITTED,
		.gpa = gpa,
		.size = size,
		.deadline_ms = timer_now_ms() + service->limit_ms,
		.out = malloc(quote_request_size(report_len)),
		.out_len = quote_request_size(report_len),
	};
	int ret;

	if (!request.out)
		return -ENOMEM;
	quote_request_encode(report, report_len, request.out);
	pthread_mutex_lock(&service->lock);
	ret = enter(service, &request);
	pthread_mutex_unlock(&service->lock);
	if (ret < 0) {
		free(request.out);
		return ret;
	}
	event_raise(service->wake.fd);
	return 0;
}

int quote_create(struct quote_service **out, const struct quote_address *address,
		 const struct sys *sys, struct loop *loop, const struct guest_mem *mem,
		 const struct vmm_log *log, void (*done)(void *ctx), void *ctx,
		 struct vmm_error *err)
{
	struct quote_service *service = calloc(1, sizeof(*service));
	int ret;

	*out = NULL;
	if (!service)
		return vmm_error_errno(err, -ENOMEM, "unable to prepare the quoting service");
	service->address = *address;
	service->sys = sys;
	service->loop = loop;
	service->mem = mem;
	service->log = log;
	service->done = done;
	service->ctx = ctx;
	service->limit_ms = QUOTE_TIME_LIMIT_MS;
	pthread_mutex_init(&service->lock, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(service->request); i++)
		service->request[i] = (struct request){.service = service, .source = {.fd = -1}};
	service->tick.source.fd = -1;
	service->wake =
		(struct loop_source){.ready = wake_ready, .fd = sys->ops->eventfd(sys->ctx)};
	if (service->wake.fd < 0) {
		ret = vmm_error_errno(err, service->wake.fd, "unable to create an eventfd");
		goto fail;
	}
	ret = loop_add(loop, &service->wake, EPOLLIN, err);
	if (ret == 0)
		ret = timer_init(&service->tick, loop, ticked, err);
	if (ret < 0)
		goto fail;
	*out = service;
	return 0;
fail:
	quote_destroy(service);
	return ret;
}

void quote_destroy(struct quote_service *service)
{
	if (!service)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(service->request); i++)
		quote_request_release(&service->request[i]);
	if (service->wake.fd >= 0)
		loop_remove(service->loop, &service->wake);
	sys_close(service->sys, &service->wake.fd);
	timer_destroy(&service->tick);
	pthread_mutex_destroy(&service->lock);
	free(service);
}

void quote_set_time_limit(struct quote_service *service, unsigned int ms)
{
	service->limit_ms = ms;
}
