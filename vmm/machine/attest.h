/* SPDX-License-Identifier: MIT */
/*
 * What the owner of a confidential guest relies on beside the launch itself: the measurement that
 * he expects, the ID block that binds the guest to it, and what the guest needs from the host to
 * prove itself to others (certificates for SNP, the quoting service for TDX).
 */
#ifndef VMM_MACHINE_ATTEST_H
#define VMM_MACHINE_ATTEST_H

#include "mem/plan.h"
#include "vmm/base/log.h"
#include "vmm/machine/cc_setup.h"

/*
 * Reads ID block and ID authentication, raw or in base64, into *setup, and checks what is needed
 * only while the guest runs: the certificate table and the address of the quoting service. None of
 * it enters the measurement.
 */
int attest_read(struct cc_setup *setup, const struct vmm_config *config, const struct sys *sys,
		struct vmm_error *err);

/*
 * Computes the measurement that the hardware should arrive at, says it in the log (level info), and
 * refuses with -EINVAL an ID block that was made for another one: the firmware would do so too, at
 * the end of the launch and without saying why. While guest memory is still shared. Nothing happens
 * for VMs that nobody measures.
 */
int attest_expect(const struct cc_config *config, const struct load_plan *plan,
		  const struct guest_mem *mem, const struct vmm_log *log, struct vmm_error *err);

#endif
