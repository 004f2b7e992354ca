/* SPDX-License-Identifier: MIT */
/* What the rest of the model calls when private memory is concerned. The model is locked in all of
 * these. */
#ifndef TESTS_MOCK_MODEL_GMEM_STATE_H
#define TESTS_MOCK_MODEL_GMEM_STATE_H

#include "tests/mock/internal.h"
#include "tests/mock/model_gmem.h"

/* --- model_gmem.c: a file and the state of its pages --- */

/* Can a VM of this type have private memory? */
bool model_has_private(const struct model_vm *vm);
/* KVM_CHECK_EXTENSION on a VM. */
int model_vm_cap(const struct model_vm *vm, unsigned long cap);
/* Completes a new guest_memfd, whose descriptor is `fd`; and the end of it. */
void model_gmem_init(struct model_gmem *gmem, int fd);
void model_gmem_free(struct model_gmem *gmem);
bool model_gmem_page_private(const struct model_gmem *gmem, uint64_t offset);
extern const struct model_request model_gmem_requests[];

/* --- model_gmem_vm.c: the VM's record, populating, finishing --- */

int model_set_attributes(void *object, void *arg);
bool model_gfn_private(const struct model_vm *vm, uint64_t gfn);
/* The slot with a guest_memfd at `gpa`, or NULL. */
const struct model_slot *model_gmem_slot(const struct model_vm *vm, uint64_t gpa);
bool model_slot_private(const struct model_slot *s, uint64_t gpa);
/* Where the guest finds `gpa` of a slot. */
void *model_slot_ptr(const struct model_slot *s, uint64_t gpa);
void model_vm_free_attributes(struct model_vm *vm);
/* model_populate_page(); `zero`: a source is not needed. */
int model_populate(struct model_vm *vm, uint64_t gpa, uint64_t src, bool zero, void **page);
/* The firmware gives a page back that was populated. */
void model_unpopulate(struct model_vm *vm, uint64_t gpa);
/* Is there memory behind a page? Without bringing it into being. */
bool model_gmem_has_page(const struct model_vm *vm, uint64_t gpa);

/* --- model_gmem_host.c: what the program sees and does --- */

/* `map` is new, and maps `fd` (f) from `offset` on. */
void model_gmem_mapped(struct model *m, struct model_map *map, const struct model_fd *f,
		       uint64_t offset);
/* A page range of the file has changed its state: mappings follow. */
void model_gmem_show(struct model *m, const struct model_gmem *gmem, uint64_t offset, uint64_t len);
/* fallocate() on a guest_memfd or memfd: 0 if it may go ahead. */
int model_may_fallocate(struct model *m, const struct model_fd *f, int mode, uint64_t offset,
			uint64_t len);
/* model_memory_in_use() with the model locked; takes note of the most. */
uint64_t model_note_memory(struct model *m);
/* Is [hva, hva + len) the program's mapping of `gmem` from `offset` on? */
bool model_maps_gmem(const struct model *m, uint64_t hva, uint64_t len,
		     const struct model_gmem *gmem, uint64_t offset);

#endif
