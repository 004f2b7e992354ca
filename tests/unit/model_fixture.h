/* SPDX-License-Identifier: MIT */
/*
 * For the tests of the model itself: a VM with interrupt controllers, one vCPU and a MiB of memory
 * that is in no slot yet. After each test nothing may be left.
 */
#ifndef TESTS_UNIT_MODEL_FIXTURE_H
#define TESTS_UNIT_MODEL_FIXTURE_H

#include "tests/mock/objects.h"
#include "vmm/base/bytes.h"
#include "vmm/kvm/kvm.h"

#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define KICK SIGUSR1

static struct model *m;
static const struct sys *sys;
static struct kvm_system kvm;
static struct kvm_vm vm;
static struct kvm_vcpu vcpu;
static uint8_t *ram;
static struct vmm_error err;

static inline void setup(void)
{
	void *p;

	m = model_new();
	sys = model_sys(m);
	ck_assert_int_eq(kvm_system_open(&kvm, sys, &err), 0);
	ck_assert_int_eq(kvm_vm_create(&vm, &kvm, KVM_X86_DEFAULT_VM, &err), 0);
	ck_assert_int_eq(kvm_vm_create_irqchip(&vm, 0, &err), 0);
	ck_assert_int_eq(kvm_vcpu_create(&vcpu, &vm, &kvm, 0, &err), 0);
	ck_assert_int_eq(sys->ops->mmap(sys->ctx, &p, MIB(1), PROT_READ | PROT_WRITE,
					MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
			 0);
	ram = p;
}

static inline void teardown(void)
{
	if (ram)
		sys->ops->munmap(sys->ctx, ram, MIB(1));
	kvm_vcpu_close(&vcpu);
	kvm_vm_close(&vm);
	kvm_system_close(&kvm);
	model_check_clean(m);
	model_free(m);
}

static inline int set_region(uint32_t slot, uint64_t gpa, uint64_t len, uint64_t hva)
{
	struct kvm_userspace_memory_region r = {
		.slot = slot, .guest_phys_addr = gpa, .memory_size = len, .userspace_addr = hva};

	return kvm_vm_set_region(&vm, &r, &err);
}

static inline void block_kick(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, KICK);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static inline void *kick_later(void *arg)
{
	const struct timespec pause = {.tv_nsec = 20000000};

	nanosleep(&pause, NULL);
	pthread_kill(*(pthread_t *)arg, KICK);
	return NULL;
}

#endif
