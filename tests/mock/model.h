/* SPDX-License-Identifier: MIT */
/*
 * A model of KVM behind the seam (vmm/base/sys.h), for tests: it answers the ioctls as Linux does,
 * plays guests from scripts, and is a referee at the same time. Files, memfds, mappings, eventfds
 * and threads are real ones that the model keeps account of.
 *
 * The referee: wrong use that no error code can excuse (closing what is not open, unmapping another
 * size, running one vCPU from two threads, taking memory away under a running vCPU, ...) ends the
 * test program at once with a sentence on stderr and abort().
 *
 * Every function may be called from any thread. A call through the seam is "fallible" unless it is
 * close, munmap or thread_join; fallible calls are counted from 1.
 */
#ifndef TESTS_MOCK_MODEL_H
#define TESTS_MOCK_MODEL_H

#include "tests/mock/script.h"
#include "vmm/base/sys.h"
#include "vmm/kvm/uapi.h"

#include <stdbool.h>

struct model;

/* A host like Linux 6.18 on an EPYC: guest_memfd with mmap, default and software-protected VMs. */
struct model *model_new(void);

/* Releases everything, also what the code under test has leaked. */
void model_free(struct model *m);

/* The table to hand to the code under test. */
const struct sys *model_sys(struct model *m);

/* --- what the host offers ------------------------------------------------------------------ */

/* What KVM_CHECK_EXTENSION answers; creating VMs, vCPUs, guest_memfds and slots obeys it. */
void model_set_cap(struct model *m, unsigned long cap, int value);

/* Free huge pages of 2 MiB; 0 at first. */
void model_set_huge_pages(struct model *m, uint64_t npages);

/* KVM works on a CPU that shows neither SVM nor VMX. */
void model_set_pagetable_based(struct model *m);

/* KVM_SET_MSRS stops at this index from now on, as for an MSR that the CPU lacks. */
void model_refuse_msr(struct model *m, uint32_t index);

/* --- failing calls ------------------------------------------------------------------------- */

/* From now on calls of this name do nothing and return `ret`. Names are those of the request
 * ("KVM_CREATE_VM") or of the member of struct sys_ops ("mmap"); opening KVM is "open /dev/kvm". */
void model_answer(struct model *m, const char *call, int ret);

/* The n-th fallible call does nothing and returns -code (`code` is positive: ENOMEM). 0: none. */
void model_fail_at(struct model *m, unsigned long n, int code);

/* The n-th call of this name, from now on, does nothing and returns -code; others go on. */
void model_fail_nth_of(struct model *m, const char *call, unsigned long n, int code);

/* Fallible calls so far. */
unsigned long model_calls(struct model *m);

/* Name of fallible call n; "?" when it has not been made. */
const char *model_call_name(struct model *m, unsigned long n);

/* How often a call of this name was made. */
unsigned long model_count(struct model *m, const char *call);

/* --- the guest ----------------------------------------------------------------------------- */

/* What vCPU `vcpu` of the `vm`-th VM (from 0, in order of creation) does in KVM_RUN; may be given
 * before the VM exists. The steps are copied. A vCPU without a script, or at the end of it, halts:
 * KVM_RUN returns only for a signal. */
void model_script(struct model *m, unsigned int vm, uint32_t vcpu, const struct model_step *steps,
		  size_t nsteps);

/* Longest wait in KVM_RUN before the referee takes it for a hang; 20 seconds at first. */
void model_set_patience(struct model *m, unsigned int seconds);

/* Where the guest of the `vm`-th VM finds [gpa, gpa + len), or NULL if no slot holds all of it. */
void *model_guest_ptr(struct model *m, unsigned int vm, uint64_t gpa, uint64_t len);

/* How many VMs have been created so far. */
unsigned int model_vms(struct model *m);

/* How often the line `gsi` of a VM went from 0 to 1, by KVM_IRQ_LINE. */
unsigned int model_irq_raised(struct model *m, unsigned int vm, unsigned int gsi);

/* --- the account --------------------------------------------------------------------------- */

/* Writes what is still open, mapped or running, one line each, and returns how many there are. */
size_t model_leaks(struct model *m, char *text, size_t size);

/* The referee ends the program if there are any. */
void model_check_clean(struct model *m);

#endif
