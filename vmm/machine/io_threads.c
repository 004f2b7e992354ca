// SPDX-License-Identifier: MIT
#include "vmm/machine/io_threads.h"

#include "vmm/machine/machine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

struct io_thread {
	struct minivmm *vm;
	struct loop loop;
	struct loop_source stop;
	unsigned int number;
	pthread_t thread;
	bool started;
};

static void stop_ready(struct loop_source *source, uint32_t events)
{
	struct io_thread *t =
		(struct io_thread *)((char *)source - offsetof(struct io_thread, stop));

	(void)events;
	t->loop.stop = true; /* not read: it stays readable for the other threads */
}

int io_threads_init(struct io_threads *io, struct minivmm *vm, size_t n, struct vmm_error *err)
{
	const struct sys *sys = vm->sys;

	io->loops[io->nloops++] = &vm->loop;
	if (n <= 1)
		return 0;
	io->stop_fd = sys->ops->eventfd(sys->ctx);
	if (io->stop_fd < 0)
		return vmm_error_errno(err, io->stop_fd, "unable to create an eventfd");
	io->extra = calloc(n - 1, sizeof(*io->extra));
	if (!io->extra)
		return vmm_error_errno(err, -ENOMEM, "unable to allocate the I/O threads");
	while (io->nextra < n - 1) {
		struct io_thread *t = &io->extra[io->nextra++];
		int ret = loop_init(&t->loop, sys, err);

		t->vm = vm;
		t->number = (unsigned int)io->nextra;
		t->stop = (struct loop_source){.ready = stop_ready, .fd = io->stop_fd};
		if (ret == 0)
			ret = loop_add(&t->loop, &t->stop, EPOLLIN, err);
		if (ret < 0)
			return ret;
		io->loops[io->nloops++] = &t->loop;
	}
	return 0;
}

void io_threads_destroy(struct io_threads *io, struct minivmm *vm)
{
	for (size_t i = 0; i < io->nextra; i++)
		loop_destroy(&io->extra[i].loop);
	free(io->extra);
	io->extra = NULL;
	io->nextra = io->nloops = 0;
	sys_close(vm->sys, &io->stop_fd);
}

static void *thread_main(void *arg)
{
	struct io_thread *t = arg;
	struct vmm_error err;
	char name[16];

	snprintf(name, sizeof(name), "io%u", t->number);
	pthread_setname_np(pthread_self(), name);
	if (loop_run(&t->loop, &err) < 0)
		machine_end(t->vm, MINIVMM_FAILED, "%s", err.text);
	lifecycle_thread_over(t->vm);
	return NULL;
}

int io_threads_start(struct io_threads *io, struct minivmm *vm, struct vmm_error *err)
{
	for (size_t i = 0; i < io->nextra; i++) {
		struct io_thread *t = &io->extra[i];
		int ret;

		loop_expect_thread(&t->loop);
		ret = vm->sys->ops->thread_start(vm->sys->ctx, &t->thread, thread_main, t);
		if (ret < 0) {
			loop_give_up(&t->loop);
			return vmm_error_errno(err, ret, "unable to start I/O thread %u",
					       t->number);
		}
		t->started = true;
		lifecycle_thread_begins(vm);
	}
	return 0;
}

void io_threads_stop(struct io_threads *io)
{
	uint64_t one = 1;
	ssize_t n;

	if (io->nextra == 0)
		return;
	n = write(io->stop_fd, &one, sizeof(one));
	(void)n;
}

void io_threads_join(struct io_threads *io, struct minivmm *vm)
{
	for (size_t i = 0; i < io->nextra; i++) {
		if (io->extra[i].started)
			vm->sys->ops->thread_join(vm->sys->ctx, io->extra[i].thread);
		io->extra[i].started = false;
	}
}
