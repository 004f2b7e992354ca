/* SPDX-License-Identifier: MIT */
/*
 * The VMSA page that KVM seals and the SNP firmware measures for each vCPU at LAUNCH_FINISH: the
 * virtual machine save area of AMD64 APM volume 2, table B-4, as Linux fills it from the registers
 * that user space set (arch/x86/kvm/svm/sev.c, sev_es_sync_vmsa()).
 */
#ifndef CC_VMSA_H
#define CC_VMSA_H

#include "cc/registers.h"
#include "mem/plan.h"

#include <stdint.h>

/* The guest address that KVM gives for every VMSA page (Linux, arch/x86/kvm/svm/sev.c). */
#define VMSA_GPA UINT64_C(0xfffffffff000)

/* `features` is SEV_FEATURES; bit 0 (SNP active) is added. */
void vmsa_build(const struct cc_vcpu_state *state, uint64_t features, struct vmsa *page);

/* The other way: those of the page's registers that vmsa_build() puts into one. */
void vmsa_read(const struct vmsa *page, struct cc_vcpu_state *state);

/*
 * Of a page that a file brings: can KVM seal a vCPU with exactly this one, if it is given what
 * vmsa_read() returns? If not, the guest would be measured as something else than its author signed:
 * -EINVAL and the name of a register in which the page that KVM makes differs.
 */
int vmsa_check(const struct load_vcpu *vcpu, uint64_t features, struct vmm_error *err);

#endif
