/* SPDX-License-Identifier: MIT */
/*
 * Making pages of guest memory private and shared, in whichever mode the VM has. Before mem_seal()
 * this is part of the launch: what the loader wrote into shared pages is still there when they have
 * become private. After it, at run time, contents are undefined in both directions.
 *
 * All functions but mem_seal() may be called from several threads at once.
 */
#ifndef MEM_CONVERT_H
#define MEM_CONVERT_H

#include "mem/mem.h"

struct load_item;

/*
 * Makes [gpa, gpa + len) private or shared: whole pages that are all RAM, in any number of regions.
 * Exactly the pages that are in the other state are converted, in the largest ranges there are; so
 * a call over all of RAM leaves alone what has been populated.
 *
 * When the kernel says that a page is in use (EAGAIN), or a device has pages of the region in its
 * hands, it is tried again: all waiting of a call takes about a second at most, however many ranges
 * there are, and another fifth for each copy that the kernel does not take back (MEM_MODE_SPLIT).
 * The error then names the range and the page. On any failure the pages that were converted stay so,
 * and the others stay as they were; the record is true to both, and calling again is safe.
 *
 *	-EINVAL  not whole pages	-EFAULT  not all RAM	-ENOTSUP  MEM_MODE_SHARED
 *	-EAGAIN  still in use		others   as the kernel returned them
 */
int mem_convert(struct guest_mem *mem, uint64_t gpa, uint64_t len, bool to_private,
		struct vmm_error *err);

/*
 * The user address from which the launch populates a boot item whose pages are private by now: the
 * item's own source, or in MEM_MODE_SPLIT the shared copy of its pages; 0: the contents are in
 * place. The shared copy stands until mem_discard_shared().
 */
uint64_t mem_source(const struct guest_mem *mem, const struct load_item *item);

/*
 * [gpa, gpa + len) is private and populated: gives the memory of the shared copy back, where there
 * is one (MEM_MODE_SPLIT). -EINVAL when a page of it is shared. Only needed before mem_seal(); from
 * then on a conversion discards the copy that it leaves behind.
 */
int mem_discard_shared(struct guest_mem *mem, uint64_t gpa, uint64_t len, struct vmm_error *err);

/* The launch is finished: no contents are preserved from here on. Before any vCPU runs. */
void mem_seal(struct guest_mem *mem);

/*
 * KVM_HC_MAP_GPA_RANGE: the guest asks for `npages` pages of 4 KiB from `gpa` on to become private
 * (bit 4 of `attributes`) or shared. Returns what the guest is to be told; hypercall.ret is the
 * positive number, and KVM knows no others:
 *
 *	0	 done
 *	-EAGAIN	 a page is in use, or memory is short: the guest may try again; err->code tells apart
 *		 -ECANCELED (the VM is to end) and -EINPROGRESS (`runs` runs of pages in the other
 *		 state were converted, and there are more: asked again, the rest is less)
 *	-EINVAL	 not whole pages, nothing at all, or private where there is no RAM
 *
 * Making addresses shared where there is no RAM succeeds and does nothing: guests do it for device
 * windows. *err says what was wrong, for the log.
 */
int mem_map_gpa_range(struct guest_mem *mem, uint64_t gpa, uint64_t npages, uint64_t attributes,
		      uint64_t runs, struct vmm_error *err);

#endif
