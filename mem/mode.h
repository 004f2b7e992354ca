/* SPDX-License-Identifier: MIT */
/*
 * Which memory modes a VM can have, and the choice of one. Found out on the descriptor of the VM
 * itself, by asking it and by trying, because the capability numbers of in-place conversion moved
 * with nearly every revision of the kernel's patches.
 */
#ifndef MEM_MODE_H
#define MEM_MODE_H

#include "mem/mem.h"

struct mem_offer {
	/* by enum mem_mode, NULL: can be had; else why not, a static string. Nothing is said about
	 * MEM_MODE_AUTO. For a plain VM, MEM_MODE_IN_PLACE says whether it can have its memory in a
	 * guest_memfd. */
	const char *why_not[MEM_MODES];
	/* MEM_MODE_IN_PLACE: conversions take flags, and only GMEM_PRESERVE keeps the contents
	 * (revisions 4 and 5 of the kernel's patches). Newer kernels know no flags. */
	bool preserve;
};

/* `vm_type` is the KVM_X86_*_VM of `vm`. An error means that the host could not be asked (it is
 * short of memory or descriptors), not that a mode is missing. */
int mem_probe(const struct kvm_vm *vm, unsigned long vm_type, struct mem_offer *offer,
	      struct vmm_error *err);

/*
 * Gives *mem the mode that is wanted, or for MEM_MODE_AUTO the first of the offered ones in the
 * order of enum mem_mode; for a plain VM that is MEM_MODE_SHARED, which it has with the wish for
 * MEM_MODE_IN_PLACE as well, but with its memory in a guest_memfd. -ENOTSUP with the reason when it
 * cannot be had. Called once, before there is any region.
 */
int mem_set_mode(struct guest_mem *mem, const struct mem_offer *offer, enum mem_mode wanted,
		 struct vmm_error *err);

/* As in the configuration: "auto", "in-place", "split", "shared" */
const char *mem_mode_name(enum mem_mode mode);

#endif
