/* SPDX-License-Identifier: MIT */
/*
 * Private memory in the model of KVM: which pages of a guest_memfd are private, in each dialect
 * that kernels speak (section numbers below are those of the guest_memfd interface as the kernel
 * documents it in api.rst, KVM_SET_MEMORY_ATTRIBUTES and KVM_SET_MEMORY_ATTRIBUTES2).
 *
 * A page that is private really raises SIGBUS when the program touches it through its mapping, and
 * EFAULT when a system call does. Contents that the kernel does not promise to keep are destroyed.
 *
 * Further fouls, which kernels would punish with a guest that dies later:
 *	- PRIVATE set on addresses without a guest_memfd
 *	- a conversion that covers pages which were populated, before the launch is finished
 *	- a slot of an in-place file whose userspace_addr is not the mapping of that very file
 *	- a hole punched into memory that the guest uses
 */
#ifndef TESTS_MOCK_MODEL_GMEM_H
#define TESTS_MOCK_MODEL_GMEM_H

#include "tests/mock/model.h"

enum model_gmem_dialect {
	MODEL_GMEM_6_12, /* private pages are recorded by the VM, nothing can be mapped */
	MODEL_GMEM_6_18, /* the same, but plain VMs can map theirs; what model_new() starts with */
	MODEL_GMEM_REV5, /* in place; contents are kept on request (GMEM_PRESERVE) */
	MODEL_GMEM_REV7, /* in place; no flags */
	MODEL_GMEM_REV8, /* the same; its capability has another number */
	MODEL_GMEM_NEXT, /* the same; no capability number is known */
};

/* --- settings, before any VM is created --- */

void model_set_gmem_dialect(struct model *m, enum model_gmem_dialect dialect);

/* An in-place kernel that goes on to record private pages by VM, for files created without flags:
 * a VMM has the choice. Real kernels do one or the other. */
void model_set_gmem_hybrid(struct model *m);

/* --- what is in the way --- */

/* Every n-th conversion to private fails with EAGAIN; 0: none. */
void model_set_gmem_eagain_every(struct model *m, unsigned int n);

/* Somebody holds a reference on the page at `gpa`, for the next `attempts` conversions to private
 * that cover it; 0: until model_unpin_page(). */
void model_pin_page(struct model *m, unsigned int vm, uint64_t gpa, unsigned int attempts);
void model_unpin_page(struct model *m, unsigned int vm, uint64_t gpa);

/* --- the launch --- */

/*
 * One page of an initial image (virt/kvm/guest_memfd.c, kvm_gmem_populate()): from the user address
 * `src`, or from where it is if `src` is 0. *page is where the firmware finds it. -EINVAL: not
 * private, or source 0 and not an in-place file; -EEXIST: populated before; -EFAULT: the source
 * cannot be read.
 */
int model_populate_page(struct model *m, unsigned int vm, uint64_t gpa, uint64_t src, void **page);

/* The launch is finished: conversions destroy contents from now on. */
void model_seal(struct model *m, unsigned int vm);

/* --- looking --- */

/* What KVM knows about the page at `gpa`. */
bool model_page_private(struct model *m, unsigned int vm, uint64_t gpa);

/* Pages that were populated from where they are, without a source. */
uint64_t model_in_place_pages(struct model *m, unsigned int vm);

/* Pages that successful conversions covered although they were in that state already. */
uint64_t model_wasted_pages(struct model *m);

/* Host memory behind all memfds and guest_memfds, bytes. */
uint64_t model_memory_in_use(struct model *m);

/* The most of it that there was when a page had just been populated. */
uint64_t model_memory_peak(struct model *m);

#endif
