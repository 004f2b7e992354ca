/* SPDX-License-Identifier: MIT */
/* A vCPU and its thread. */
#ifndef VMM_MACHINE_VCPU_H
#define VMM_MACHINE_VCPU_H

#include "vmm/base/error.h"

#include <stdint.h>

struct minivmm;
struct vcpu;

/* Creates the vCPU and sets its registers for the entry that the plan asks for. */
int vcpu_init(struct vcpu *vcpu, struct minivmm *vm, uint32_t id, struct vmm_error *err);

/* Gives the vCPU the VM's CPUID table, before it has run. */
int vcpu_set_cpuid(struct vcpu *vcpu, struct vmm_error *err);
int vcpu_start(struct vcpu *vcpu, struct vmm_error *err);

void vcpu_join(struct vcpu *vcpu);
void vcpu_destroy(struct vcpu *vcpu);

#endif
