/* SPDX-License-Identifier: MIT */
#ifndef VMM_MACHINE_KVM_SETUP_H
#define VMM_MACHINE_KVM_SETUP_H

#include "vmm/base/error.h"

struct minivmm;

/* Creates the VM of the type that vm->cc asks for, with its interrupt controllers. */
int kvm_setup(struct minivmm *vm, struct vmm_error *err);

#endif
