/* SPDX-License-Identifier: MIT */
/* What the rest of the model calls when confidential VMs are concerned. The model is locked in all
 * of these. */
#ifndef TESTS_MOCK_MODEL_CC_STATE_H
#define TESTS_MOCK_MODEL_CC_STATE_H

#include "tests/mock/internal.h"
#include "tests/mock/model_gmem_state.h"

/* --- model_cc.c: hooks --- */

int model_cc_create_vm(struct model_vm *vm);
void model_cc_free_vm(struct model_vm *vm);
int model_cc_may_create_vcpu(const struct model_vm *vm);
int model_cc_cap(const struct model_vm *vm, unsigned long cap, int value);
/* 0, or what KVM answers to a vCPU's register ioctls. */
int model_cc_registers(const struct model_vcpu *v);
/* Is this the position of the C-bit, which CR3 of the vCPU may have? */
uint64_t model_cc_cr3_bits(const struct model_vcpu *v);
/* 0, or what KVM_RUN returns at once. */
int model_cc_may_run(struct model_vcpu *v);
/* Exits of guests with private memory; KVM_EXIT_HYPERCALL: */
void model_cc_hypercall(const struct model_vcpu *v, const struct model_step *s);
void model_cc_check_hypercall(const struct model_vcpu *v, const struct model_step *s);
/* KVM_EXIT_MEMORY_FAULT, and what KVM_RUN returns with it. */
int model_cc_memory_fault(const struct model_vcpu *v, uint64_t gpa, uint64_t len, uint64_t flags);
bool model_cc_page_as_touched(const struct model_vcpu *v, const struct model_step *s);
/* Does the VM or vCPU belong to a TD that has died? */
bool model_cc_dead(const struct model_fd *f);

/* KVM_MEMORY_ENCRYPT_OP: a name for the call, the firmware's word in a call that was made to fail,
 * and the two handlers. */
const char *model_cc_name(const struct model_fd *f, const void *arg);
void model_cc_failed(struct model *m, const struct model_fd *f, void *arg);
int model_vm_encrypt_op(void *object, void *arg);
int model_vcpu_encrypt_op(void *object, void *arg);
int model_has_device_attr(void *object, void *arg);
int model_get_device_attr(void *object, void *arg);

/* --- for model_snp.c and model_tdx.c --- */

/* Is this populate call to find a signal pending on entry? Counts the call. */
bool model_cc_interrupted(struct model *m);

/* --- model_snp.c and the two files beside it --- */

struct snp_cmd;
int model_snp_command(struct model_vm *vm, struct snp_cmd *cmd);
/* The firmware looks at a CPUID page: true if it takes it. Else *page is what it would take. */
bool model_snp_check_cpuid(struct model_snp_host *host, uint8_t page[4096]);
/* The VMSA page that KVM makes from the registers that were set. */
void model_snp_vmsa(const struct model_vcpu *v, uint64_t features, uint8_t page[4096]);

/* --- model_tdx.c and model_tdx_init.c --- */

struct tdx_cmd;
int model_tdx_vm_command(struct model_vm *vm, struct tdx_cmd *cmd);
int model_tdx_vcpu_command(struct model_vcpu *v, struct tdx_cmd *cmd);
int model_tdx_capabilities(const struct model_vm *vm, const struct tdx_cmd *cmd);
int model_tdx_init_vm(struct model_vm *vm, struct tdx_cmd *cmd);

#endif
