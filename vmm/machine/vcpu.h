/* SPDX-License-Identifier: MIT */
/* A vCPU and its thread. */
#ifndef VMM_MACHINE_VCPU_H
#define VMM_MACHINE_VCPU_H

#include "cc/snp_certs.h"
#include "vmm/kvm/kvm.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct minivmm;

struct vcpu {
	struct minivmm *vm;
	struct kvm_vcpu kvm;
	uint32_t id; /* also the APIC id */
	pthread_t thread;
	bool started;	     /* thread exists and has not been joined */
	uint64_t fault_gpa;  /* of the last KVM_EXIT_MEMORY_FAULT, see exit_cc.c */
	uint64_t fault_exit; /* exits when it came, and interruptions since */
	unsigned int same_faults;
	unsigned int agains;	/* EAGAIN of KVM_RUN, in a row */
	struct snp_certs certs; /* that the guest has just been given, see exit_snp.c */
	_Atomic uint64_t exits; /* written by the own thread only */
};

/* Creates the vCPU and sets its registers for the entry that the plan asks for. */
int vcpu_init(struct vcpu *vcpu, struct minivmm *vm, uint32_t id, struct vmm_error *err);

/* Gives the vCPU the VM's CPUID table, before it has run. */
int vcpu_set_cpuid(struct vcpu *vcpu, struct vmm_error *err);
int vcpu_start(struct vcpu *vcpu, struct vmm_error *err);

/* Makes the vCPU leave the guest. */
void vcpu_kick(struct vcpu *vcpu);
void vcpu_join(struct vcpu *vcpu);
void vcpu_destroy(struct vcpu *vcpu);

#endif
