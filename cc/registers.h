/* SPDX-License-Identifier: MIT */
#ifndef CC_REGISTERS_H
#define CC_REGISTERS_H

#include <linux/kvm.h>

/* The registers of a vCPU before its first instruction. */
struct cc_vcpu_state {
	struct kvm_sregs sregs; /* segments, tables, control registers, EFER; rest zero */
	struct kvm_regs regs;
};

#endif
