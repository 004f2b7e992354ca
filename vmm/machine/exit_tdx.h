/* SPDX-License-Identifier: MIT */
/*
 * TDVMCALLs that KVM leaves to the VMM: what a TD may ask for, quotes, and the interrupt that tells
 * it that one is ready (Intel TDX Guest-Hypervisor Communication Interface).
 */
#ifndef VMM_MACHINE_EXIT_TDX_H
#define VMM_MACHINE_EXIT_TDX_H

#include "vmm/base/error.h"

#include <stdbool.h>

struct minivmm;
struct vcpu;

/* Prepares the client of tdx.quote-socket, if the VM is a TD that has one. Before the loop runs. */
int tdx_calls_init(struct minivmm *vm, struct vmm_error *err);
void tdx_calls_destroy(struct minivmm *vm);

/* EXIT_TDX; true: the guest goes on. */
bool exit_tdx(struct vcpu *vcpu);

#endif
