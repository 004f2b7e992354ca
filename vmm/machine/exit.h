/* SPDX-License-Identifier: MIT */
/* What the exits of a vCPU mean. */
#ifndef VMM_MACHINE_EXIT_H
#define VMM_MACHINE_EXIT_H

#include <stdbool.h>

struct vcpu;

/* What KVM_RUN returned (0 or -errno): true to enter the guest again. */
bool exit_handle(struct vcpu *vcpu, int ret);

/* --- exit_cc.c, exit_snp.c: guests with private memory, for exit.c --------------------------- */

/* KVM_EXIT_HYPERCALL and KVM_EXIT_MEMORY_FAULT: true to enter the guest again. */
bool exit_hypercall(struct vcpu *vcpu);
bool exit_memory_fault(struct vcpu *vcpu, int ret); /* ret: what KVM_RUN returned */

/* EXIT_SNP_REQ_CERTS: true to enter the guest again; exit_snp.c. When it has left vcpu->certs open,
 * exit_snp_certs_done() comes after the next KVM_RUN. */
bool exit_snp_certs(struct vcpu *vcpu);
void exit_snp_certs_done(struct vcpu *vcpu);

/* Was the system event one of a confidential guest's ends? Then the VM has been ended. */
bool exit_system_event_cc(struct vcpu *vcpu);

#endif
