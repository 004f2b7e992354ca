// SPDX-License-Identifier: MIT
#include "vmm/machine/vm.h"

#include "vmm/base/event.h"
#include "vmm/base/timer.h"
#include "vmm/base/words.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>

void machine_mark(struct minivmm *vm, enum minivmm_mark mark)
{
	uint64_t unset = 0;

	atomic_compare_exchange_strong(&vm->mark_ns[mark], &unset, timer_now());
}

uint64_t minivmm_mark_ns(const struct minivmm *vm, enum minivmm_mark mark)
{
	return mark < MINIVMM_MARKS ? atomic_load(&vm->mark_ns[mark]) : 0;
}

void machine_end(struct minivmm *vm, enum minivmm_end how, const char *fmt, ...)
{
	va_list ap;

	pthread_mutex_lock(&vm->end.lock);
	if (vm->end.how == MINIVMM_RUNNING) {
		vm->end.how = how;
		if (fmt) {
			va_start(ap, fmt);
			vsnprintf(vm->end.text, sizeof(vm->end.text), fmt, ap);
			va_end(ap);
			text_make_printable(vm->end.text); /* guests choose some of it */
		}
		atomic_store(&vm->stopping, true);
		for (uint32_t i = 0; i < vm->nvcpus; i++)
			if (vm->vcpu[i].started)
				pthread_kill(vm->vcpu[i].thread, VCPU_KICK_SIGNAL);
		event_raise(vm->end_fd);
	}
	pthread_mutex_unlock(&vm->end.lock);
}

void machine_thread_begins(struct minivmm *vm)
{
	vm->end.running++;
	vm->end.live++;
}

/* The last one writes out what devices still hold back. That may take seconds, if a reader is slow,
 * and whoever waits for the end has a limit of their own. */
void machine_thread_over(struct minivmm *vm)
{
	bool last;

	pthread_mutex_lock(&vm->end.lock);
	last = --vm->end.running == 0;
	pthread_mutex_unlock(&vm->end.lock);
	if (last)
		vm->end.flush(vm->platform);
	pthread_mutex_lock(&vm->end.lock);
	if (--vm->end.live == 0)
		pthread_cond_broadcast(&vm->end.threads_over);
	pthread_mutex_unlock(&vm->end.lock);
}
