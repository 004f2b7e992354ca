// SPDX-License-Identifier: MIT
/*
 * KVM_RUN: plays the script of a vCPU.
 *
 * Signals work as in Linux (virt/kvm/kvm_main.c, kvm_sigset_activate()): during KVM_RUN the thread
 * has the mask of KVM_SET_SIGNAL_MASK, if there is one; a pending signal that this mask lets
 * through ends the call with EINTR; then the old mask is back, so that the signal stays pending, or
 * its handler runs. The model blocks all signals meanwhile and sees pending ones through a signalfd
 * that is polled and never read.
 */
#include "tests/mock/model_cc_state.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define PIO_DATA 4096 /* KVM_PIO_PAGE_OFFSET pages */

struct waiting {
	sigset_t old;
	int signal_fd;
};

/* Of a signal that an instruction raises: blocking it would end the process. */
static const int synchronous[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT};

static void signals_enter(const struct model_vcpu *v, struct waiting *w)
{
	sigset_t all, effective, seen;

	sigfillset(&all);
	for (size_t i = 0; i < sizeof(synchronous) / sizeof(synchronous[0]); i++)
		sigdelset(&all, synchronous[i]);
	pthread_sigmask(SIG_SETMASK, &all, &w->old);
	effective = w->old;
	if (v->sigset_active) {
		sigemptyset(&effective);
		memcpy(&effective, &v->sigset, sizeof(v->sigset));
	}
	sigemptyset(&seen);
	for (int sig = 1; sig <= SIGRTMAX; sig++)
		if (sigismember(&all, sig) == 1 && sigismember(&effective, sig) == 0)
			sigaddset(&seen, sig);
	w->signal_fd = signalfd(-1, &seen, SFD_CLOEXEC);
	if (w->signal_fd < 0)
		model_foul("no signalfd for KVM_RUN");
}

static void signals_leave(const struct waiting *w)
{
	close(w->signal_fd);
	pthread_sigmask(SIG_SETMASK, &w->old, NULL);
}

static bool signal_pending(const struct waiting *w)
{
	struct pollfd p = {.fd = w->signal_fd, .events = POLLIN};

	return poll(&p, 1, 0) > 0;
}

/* Unlocks the model until a signal comes or somebody calls model_wake(). */
static void wait_for_event(struct model_vcpu *v, const struct waiting *w)
{
	struct model *m = v->vm->model;
	struct pollfd p[2] = {{.fd = w->signal_fd, .events = POLLIN}, {.events = POLLIN}};
	int n;

	v->wake_fd = eventfd(0, EFD_CLOEXEC);
	if (v->wake_fd < 0)
		model_foul("no eventfd for KVM_RUN");
	p[1].fd = v->wake_fd;
	model_unlock(m);
	n = poll(p, 2, (int)m->patience * 1000);
	model_lock(m);
	close(v->wake_fd);
	v->wake_fd = -1;
	if (n == 0)
		model_foul("vCPU %u of VM %u waits in step %zu for %u seconds, nobody kicks it",
			   v->id, v->vm->index, v->step, m->patience);
}

void model_wake(struct model_vm *vm)
{
	for (size_t i = 0; i < vm->nvcpus; i++)
		if (vm->vcpu[i]->wake_fd >= 0)
			eventfd_write(vm->vcpu[i]->wake_fd, 1);
}

/* --- steps --- */

static const struct model_step *current_step(const struct model_vcpu *v)
{
	static const struct model_step halt = HALT();
	const struct model *m = v->vm->model;

	for (size_t i = 0; i < m->nscripts; i++) {
		const struct model_script *s = &m->script[i];

		if (s->vm == v->vm->index && s->vcpu == v->id && v->step < s->nsteps)
			return &s->step[v->step];
	}
	return &halt;
}

static unsigned int io_count(const struct model_step *s)
{
	return s->count ? s->count : 1;
}

static void exit_io(struct model_vcpu *v, const struct model_step *s)
{
	struct kvm_run *run = v->run;
	uint8_t *data = (uint8_t *)run + PIO_DATA;

	run->exit_reason = KVM_EXIT_IO;
	run->io.direction = s->write ? KVM_EXIT_IO_OUT : KVM_EXIT_IO_IN;
	run->io.size = s->size;
	run->io.port = (uint16_t)s->addr;
	run->io.count = io_count(s);
	run->io.data_offset = PIO_DATA;
	/* what an earlier exit left there is no answer to this one */
	memset(data, 0xa5, 4096);
	for (unsigned int i = 0; s->write && i < io_count(s); i++)
		memcpy(data + i * s->size, &s->value, s->size);
}

static void exit_mmio(struct model_vcpu *v, const struct model_step *s)
{
	struct kvm_run *run = v->run;

	run->exit_reason = KVM_EXIT_MMIO;
	run->mmio.phys_addr = s->addr;
	run->mmio.len = s->size;
	run->mmio.is_write = s->write;
	memset(run->mmio.data, s->write ? 0 : 0xa5, sizeof(run->mmio.data));
	if (s->write)
		memcpy(run->mmio.data, &s->value, s->size);
}

/* Is what the program answered to a read what the script expects? */
static void check_answer(const struct model_vcpu *v, const struct model_step *s, const void *data)
{
	uint64_t got = 0;

	memcpy(&got, data, s->size);
	if (!s->any && got != s->value)
		model_foul("vCPU %u of VM %u, step %zu: %u bytes read at %#llx: %#llx, expected "
			   "%#llx",
			   v->id, v->vm->index, v->step, s->size, (unsigned long long)s->addr,
			   (unsigned long long)got, (unsigned long long)s->value);
}

/* The program has dealt with the exit of the last KVM_RUN. */
static void complete_step(struct model_vcpu *v)
{
	const struct model_step *s = current_step(v);
	const uint8_t *data = (const uint8_t *)v->run + PIO_DATA;

	if (s->kind == STEP_IO && !s->write)
		for (unsigned int i = 0; i < io_count(s); i++)
			check_answer(v, s, data + i * s->size);
	if (s->kind == STEP_MMIO && !s->write)
		check_answer(v, s, v->run->mmio.data);
	if (s->kind == STEP_HYPERCALL)
		model_cc_check_hypercall(v, s);
	v->pending = false;
	v->step++;
}

/* The exits that have an exit_reason and return 0. */
static void fill_exit(struct model_vcpu *v, const struct model_step *s)
{
	struct kvm_run *run = v->run;

	switch (s->kind) {
	case STEP_IO:
		exit_io(v, s);
		break;
	case STEP_MMIO:
		exit_mmio(v, s);
		break;
	case STEP_FAIL_ENTRY:
		run->exit_reason = KVM_EXIT_FAIL_ENTRY;
		run->fail_entry.hardware_entry_failure_reason = s->value;
		run->fail_entry.cpu = 0;
		break;
	case STEP_INTERNAL_ERROR:
		run->exit_reason = KVM_EXIT_INTERNAL_ERROR;
		run->internal.suberror = (uint32_t)s->value;
		run->internal.ndata = 0;
		break;
	case STEP_SYSTEM_EVENT:
		run->exit_reason = KVM_EXIT_SYSTEM_EVENT;
		run->system_event.type = (uint32_t)s->addr;
		run->system_event.ndata = 1;
		run->system_event.data[0] = s->value;
		break;
	case STEP_HYPERCALL:
		model_cc_hypercall(v, s);
		break;
	default:
		run->exit_reason = s->reason;
		break;
	}
	v->pending = true;
}

/* Steps that wait: are they over? */
static bool irq_arrived(struct model_vcpu *v, const struct model_step *s)
{
	struct model_vm *vm = v->vm;

	if (s->addr >= MODEL_GSIS)
		model_foul("the script waits for interrupt line %llu", (unsigned long long)s->addr);
	if (vm->noticed[s->addr] == vm->raised[s->addr])
		return false;
	vm->noticed[s->addr]++;
	return true;
}

/* The program is called with the model unlocked, the vCPU still counts as running. */
static void call_out(struct model_vcpu *v, const struct model_step *s)
{
	struct model *m = v->vm->model;

	model_unlock(m);
	s->call(m, s->ctx);
	model_lock(m);
}

/* Plays until an exit. Returns what KVM_RUN returns. */
static int play(struct model_vcpu *v, const struct waiting *w)
{
	for (;;) {
		const struct model_step *s = current_step(v);

		if (signal_pending(w)) {
			if (s->kind == STEP_WAIT_KICK)
				v->step++;
			v->run->exit_reason = KVM_EXIT_INTR;
			return -EINTR;
		}
		switch (s->kind) {
		case STEP_HALT:
		case STEP_WAIT_KICK:
			wait_for_event(v, w);
			break;
		case STEP_WAIT_IRQ:
			if (irq_arrived(v, s))
				v->step++;
			else
				wait_for_event(v, w);
			break;
		case STEP_CALL:
			call_out(v, s);
			v->step++;
			break;
		case STEP_MEMORY_FAULT:
			if (++v->repeats >= s->count) {
				v->repeats = 0;
				v->step++;
			}
			return model_cc_memory_fault(v, s->addr, s->arg, s->value);
		case STEP_TOUCH:
			if (!model_cc_page_as_touched(v, s))
				return model_cc_memory_fault(v, s->addr, 4096, s->value << 3);
			v->step++;
			break;
		case STEP_RETURN:
			v->step++;
			return -(int)s->value;
		default:
			fill_exit(v, s);
			return 0;
		}
	}
}

static void check_memory(const struct model_vcpu *v)
{
	for (size_t i = 0; i < v->vm->nslots; i++)
		if (v->vm->slot[i].gone)
			model_foul("vCPU %u of VM %u runs, but the memory of slot %u is gone",
				   v->id, v->vm->index, v->vm->slot[i].id);
}

int model_run(void *object, void *arg)
{
	struct model_vcpu *v = object;
	struct waiting w;
	int ret;

	(void)arg;
	check_memory(v);
	ret = model_cc_may_run(v);
	if (ret < 0)
		return ret;
	v->running = true;
	v->runs++;
	v->run->exit_reason = KVM_EXIT_UNKNOWN;
	signals_enter(v, &w);
	if (v->pending)
		complete_step(v);
	/* Documentation/virt/kvm/api.rst: looked at once, on entry */
	if (__atomic_load_n(&v->run->immediate_exit, __ATOMIC_RELAXED))
		ret = -EINTR;
	else
		ret = play(v, &w);

	v->running = false;
	signals_leave(&w);
	return ret;
}
