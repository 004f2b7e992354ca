// SPDX-License-Identifier: MIT
#include "vmm/machine/io_threads.h"

#include "vmm/base/bytes.h"
#include "vmm/machine/vm.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>

struct io_thread {
	struct minivmm *vm;
	struct loop *loop;
	struct loop own_loop; /* not of the first, which has vm->loop */
	struct loop_source end;
	pthread_t thread;
	bool started;
};

static void end_ready(struct loop_source *source, uint32_t events)
{
	(void)events;
	container_of(source, struct io_thread, end)->loop->stop = true;
}

int io_threads_init(struct minivmm *vm, struct vmm_error *err)
{
	struct io_threads *io = &vm->io;
	size_t n = vm->config->machine.io_threads;
	int ret = 0;

	io->thread = calloc(n, sizeof(*io->thread));
	if (!io->thread)
		return vmm_error_errno(err, -ENOMEM, "unable to allocate the I/O threads");
	while (io->nloops < n && ret == 0) {
		struct io_thread *t = &io->thread[io->nloops];

		t->loop = io->nloops == 0 ? &vm->loop : &t->own_loop;
		io->loops[io->nloops++] = t->loop;
		t->vm = vm;
		t->end = (struct loop_source){.ready = end_ready, .fd = vm->end_fd};
		ret = loop_init(t->loop, vm->sys, err);
		if (ret == 0)
			ret = loop_add(t->loop, &t->end, EPOLLIN, err);
	}
	return ret;
}

void io_threads_destroy(struct minivmm *vm)
{
	for (size_t i = 0; i < vm->io.nloops; i++)
		loop_destroy(vm->io.loops[i]);
	free(vm->io.thread);
	vm->io.thread = NULL;
	vm->io.nloops = 0;
}

static void *thread_main(void *arg)
{
	struct io_thread *t = arg;
	struct vmm_error err;
	char name[16];

	snprintf(name, sizeof(name), "io%u", (unsigned int)(t - t->vm->io.thread));
	pthread_setname_np(pthread_self(), name);
	if (loop_run(t->loop, &err) < 0)
		machine_end(t->vm, MINIVMM_FAILED, "%s", err.text);
	machine_thread_over(t->vm);
	return NULL;
}

int io_threads_start(struct minivmm *vm, struct vmm_error *err)
{
	for (size_t i = 0; i < vm->io.nloops; i++) {
		struct io_thread *t = &vm->io.thread[i];
		int ret;

		loop_expect_thread(t->loop);
		ret = vm->sys->ops->thread_start(vm->sys->ctx, &t->thread, thread_main, t);
		if (ret < 0) {
			loop_give_up(t->loop);
			return vmm_error_errno(err, ret, "unable to start I/O thread %zu", i);
		}
		t->started = true;
		machine_thread_begins(vm);
	}
	return 0;
}

void io_threads_join(struct minivmm *vm)
{
	for (size_t i = 0; i < vm->io.nloops; i++) {
		if (vm->io.thread[i].started)
			vm->sys->ops->thread_join(vm->sys->ctx, vm->io.thread[i].thread);
		vm->io.thread[i].started = false;
	}
}
