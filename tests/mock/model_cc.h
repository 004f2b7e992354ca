/* SPDX-License-Identifier: MIT */
/*
 * Confidential VMs in the model of KVM: the SNP firmware (model_snp.h) and the TDX module
 * (model_tdx.h) behind KVM_MEMORY_ENCRYPT_OP. Argument checks, order and errnos are those of Linux
 * 6.12 (arch/x86/kvm/svm/sev.c) and 6.16 (arch/x86/kvm/vmx/tdx.c); the launch measurement is
 * computed from the firmware manuals and shares no code with cc/.
 *
 * Calls are counted under the names of the sub-commands: "KVM_SEV_SNP_LAUNCH_UPDATE",
 * "KVM_TDX_INIT_VM", ...; opening /dev/sev is "open /dev/sev".
 *
 * Further fouls:
 *	- a vCPU of an SNP VM runs before LAUNCH_FINISH, or one of a TD before FINALIZE_VM: no kernel
 *	  defines what happens then
 *	- a LAUNCH_ command, or KVM_CREATE_VCPU, for an SNP VM once LAUNCH_FINISH has measured its
 *	  vCPUs: kernels up to 6.18 at least crash at a second LAUNCH_FINISH (a fault in
 *	  sev_es_sync_vmsa())
 *	- a vCPU of a software-protected VM runs before any of its memory was made private
 *	- a memory slot is deleted although pages of the initial image are in it
 */
#ifndef TESTS_MOCK_MODEL_CC_H
#define TESTS_MOCK_MODEL_CC_H

#include "tests/mock/model_gmem.h"

/* --- what the host offers, before any VM is created --- */

void model_offer_snp(struct model *m);
void model_offer_tdx(struct model *m);

/* --- what gets in the way --- */

/* A populate call ends after this many pages, as for a signal: LAUNCH_UPDATE succeeds with a rest,
 * INIT_MEM_REGION returns EINTR. 0: never. */
void model_set_populate_stop(struct model *m, unsigned int npages);

/* Every n-th populate call finds a signal pending on entry: LAUNCH_UPDATE returns EIO without a
 * firmware status, INIT_MEM_REGION EINTR. 0: none; 1: all. */
void model_set_populate_interrupt(struct model *m, unsigned int every);

/* What firmware or module say in calls that model_answer(), model_fail_at() or model_fail_nth_of()
 * make fail; 0 at first. */
void model_set_fail_status(struct model *m, uint64_t status);

/*
 * The n-th page that a launch gives to the firmware, from 1, is never taken: a call that comes to it
 * has done the pages before. LAUNCH_UPDATE tells those as done, and fails when it starts with this
 * one, with EIO and the status of model_set_fail_status(); INIT_MEM_REGION returns -code.
 */
void model_fail_page(struct model *m, uint64_t n, int code);

/* Where the last populate call that was made to fail would have begun. */
uint64_t model_failed_gpa(struct model *m);

/* No launch is measured from now on, which takes most of the time of a launch in the model. */
void model_skip_measurement(struct model *m);

/* --- looking --- */

/* The launch measurement as far as it has come; final when the launch is finished. */
void model_launch_digest(struct model *m, unsigned int vm, uint8_t digest[48]);

/* LAUNCH_FINISH or FINALIZE_VM has succeeded. */
bool model_launched(struct model *m, unsigned int vm);

/*
 * The referee looks at a launched VM: it is finished, nothing ran before that, no page was given
 * to the firmware twice, no shared page is part of the image. With `all` each private page was
 * given to it, so that the guest need not accept any.
 */
void model_check_launch(struct model *m, unsigned int vm, bool all);

#endif
