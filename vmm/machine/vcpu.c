// SPDX-License-Identifier: MIT
/*
 * A vCPU and its thread. To make a vCPU leave the guest its thread is sent VCPU_KICK_SIGNAL, which is
 * blocked everywhere but inside KVM_RUN (KVM_SET_SIGNAL_MASK): KVM_RUN then returns EINTR, and the
 * signal stays pending without any handler. A signal that comes before KVM_RUN is not lost, since
 * KVM_RUN returns at once while it is pending. The kernel neither drops nor delivers such a signal,
 * whatever its disposition (kernel/signal.c, sig_ignored() and complete_signal(), real_blocked).
 */
#include "vmm/machine/vcpu.h"

#include "vmm/machine/exit.h"
#include "vmm/machine/vm.h"
#include "vmm/x86/cpu_state.h"
#include "vmm/x86/cpuid.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

/*
 * KVM_RUN says EAGAIN when a vCPU that waits for its start was woken by something else. KVM does not
 * say how often that may be: once for each INIT, or for ever when a guest's request for it cannot be
 * met (an SNP guest's to create a CPU that waits for INIT). From so many in a row on the thread waits
 * between two attempts, since nobody else would make it wait; a kick ends the wait.
 */
#define AGAIN_FREE     64
#define AGAIN_PAUSE_MS 10

/* sizeof(sigset_t) in the kernel, which is what KVM checks */
#define KERNEL_SIGSET_BYTES 8

static int set_signal_mask(const struct kvm_vcpu *kvm, struct vmm_error *err)
{
	union {
		struct kvm_signal_mask head;
		uint8_t bytes[sizeof(struct kvm_signal_mask) + KERNEL_SIGSET_BYTES];
	} mask = {.head = {.len = KERNEL_SIGSET_BYTES}};
	uint64_t blocked = ~(UINT64_C(1) << (VCPU_KICK_SIGNAL - 1));

	memcpy(mask.bytes + sizeof(struct kvm_signal_mask), &blocked, sizeof(blocked));
	return kvm_vcpu_set_signal_mask(kvm, &mask.head, err);
}

int vcpu_set_cpuid(struct vcpu *vcpu, struct vmm_error *err)
{
	cpuid_set_vcpu(vcpu->vm->cpuid, vcpu->id);
	return kvm_vcpu_set_cpuid(&vcpu->kvm, vcpu->vm->cpuid, err);
}

int vcpu_init(struct vcpu *vcpu, struct minivmm *vm, uint32_t id, struct vmm_error *err)
{
	int ret;

	vcpu->vm = vm;
	vcpu->id = id;
	ret = kvm_vcpu_create(&vcpu->kvm, &vm->kvm_vm, &vm->kvm, id, err);
	if (ret < 0)
		return ret;
	ret = vcpu_set_cpuid(vcpu, err);
	if (ret == 0)
		ret = cpu_state_set(&vcpu->kvm, id, &vm->cc, vm->plan, err);
	if (ret == 0)
		ret = set_signal_mask(&vcpu->kvm, err);
	if (ret < 0) {
		kvm_vcpu_close(&vcpu->kvm);
		return ret;
	}
	return 0;
}

void vcpu_destroy(struct vcpu *vcpu)
{
	snp_certs_close(&vcpu->certs);
	kvm_vcpu_close(&vcpu->kvm);
}

/* Takes a pending kick away, or KVM_RUN would return for ever; waits for one so long. */
static void consume_kick(unsigned int wait_ms)
{
	struct timespec patience = {.tv_nsec = wait_ms * 1000000L};
	sigset_t kick;

	sigemptyset(&kick);
	sigaddset(&kick, VCPU_KICK_SIGNAL);
	while (sigtimedwait(&kick, NULL, &patience) > 0)
		patience = (struct timespec){0};
}

/* The guest has done nothing since the last exit. */
static void interrupted(struct vcpu *vcpu, int ret)
{
	vcpu->fault_exit++;
	vcpu->agains = ret == -EAGAIN ? vcpu->agains + 1 : 0;
	if (vcpu->agains == AGAIN_FREE + 1)
		vmm_log(&vcpu->vm->log, VMM_LOG_DEBUG,
			"vCPU %u is woken again and again before it was started", vcpu->id);
	consume_kick(vcpu->agains > AGAIN_FREE ? AGAIN_PAUSE_MS : 0);
}

static void *vcpu_main(void *arg)
{
	struct vcpu *vcpu = arg;
	struct minivmm *vm = vcpu->vm;
	char name[16];

	snprintf(name, sizeof(name), "vcpu%u", vcpu->id);
	pthread_setname_np(pthread_self(), name);
	if (vcpu->id == 0)
		machine_mark(vm, MINIVMM_MARK_FIRST_RUN);

	while (!atomic_load(&vm->stopping)) {
		int ret = kvm_vcpu_run(&vcpu->kvm);

		if (vcpu->certs.table)
			exit_snp_certs_done(vcpu);
		atomic_store_explicit(&vcpu->exits, vcpu->exits + 1, memory_order_relaxed);
		if (ret == -EINTR || ret == -EAGAIN) {
			interrupted(vcpu, ret);
			continue;
		}
		vcpu->agains = 0;
		if (!exit_handle(vcpu, ret))
			break;
	}
	machine_thread_over(vm);
	return NULL;
}

int vcpu_start(struct vcpu *vcpu, struct vmm_error *err)
{
	const struct sys *sys = vcpu->vm->sys;
	int ret = sys->ops->thread_start(sys->ctx, &vcpu->thread, vcpu_main, vcpu);

	if (ret < 0)
		return vmm_error_errno(err, ret, "unable to start the thread of vCPU %u", vcpu->id);
	vcpu->started = true;
	machine_thread_begins(vcpu->vm);
	return 0;
}

void vcpu_join(struct vcpu *vcpu)
{
	if (vcpu->started)
		vcpu->vm->sys->ops->thread_join(vcpu->vm->sys->ctx, vcpu->thread);
	vcpu->started = false;
}
