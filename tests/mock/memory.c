// SPDX-License-Identifier: MIT
/*
 * Memory slots and guest_memfd. The checks and their order are those of Linux
 * virt/kvm/kvm_main.c, kvm_set_memory_region(), and virt/kvm/guest_memfd.c, kvm_gmem_bind().
 */
#include "tests/mock/model_gmem_state.h"

#include "vmm/base/bytes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE	      4096ULL
#define USER_SLOTS    32764U		 /* KVM_USER_MEM_SLOTS on x86 */
#define MAX_PAGES     ((1ULL << 31) - 1) /* KVM_MEM_MAX_NR_PAGES */
#define OWN_SLOT      USER_SLOTS
#define TASK_SIZE_MAX ((1ULL << 47) - PAGE)

static bool overlap(uint64_t a, uint64_t alen, uint64_t b, uint64_t blen)
{
	return a < b + blen && b < a + alen;
}

static struct model_slot *find_slot(struct model_vm *vm, uint32_t id)
{
	for (size_t i = 0; i < vm->nslots; i++)
		if (vm->slot[i].id == id)
			return &vm->slot[i];
	return NULL;
}

static bool gpa_taken(const struct model_vm *vm, const struct model_slot *skip, uint64_t gpa,
		      uint64_t len)
{
	for (size_t i = 0; i < vm->nslots; i++) {
		const struct model_slot *s = &vm->slot[i];

		if (s != skip && overlap(s->gpa, s->len, gpa, len))
			return true;
	}
	return false;
}

static void append(struct model_vm *vm, const struct model_slot *s)
{
	vm->slot = model_grow(vm->slot, vm->nslots, sizeof(*vm->slot));
	vm->slot[vm->nslots++] = *s;
}

int model_own_slot(struct model_vm *vm, uint64_t gpa, uint64_t len)
{
	if (gpa_taken(vm, NULL, gpa, len))
		return -EEXIST;
	append(vm, &(struct model_slot){.id = OWN_SLOT, .gpa = gpa, .len = len, .own = true});
	return 0;
}

static bool valid_flags(const struct kvm_userspace_memory_region2 *r)
{
	uint32_t valid = KVM_MEM_LOG_DIRTY_PAGES | KVM_MEM_READONLY;

	/* a slot with a guest_memfd has no dirty log and cannot be read-only */
	if (r->flags & KVM_MEM_GUEST_MEMFD)
		valid = KVM_MEM_GUEST_MEMFD;
	return (r->flags & ~valid) == 0;
}

static bool valid_range(const struct kvm_userspace_memory_region2 *r)
{
	uint64_t end;

	if (!is_aligned(r->memory_size | r->guest_phys_addr | r->userspace_addr, PAGE))
		return false;
	if (!range_inside(r->userspace_addr, r->memory_size, 0, TASK_SIZE_MAX))
		return false;
	if (r->flags & KVM_MEM_GUEST_MEMFD &&
	    (!is_aligned(r->guest_memfd_offset, PAGE) ||
	     __builtin_add_overflow(r->guest_memfd_offset, r->memory_size, &end)))
		return false;
	if (r->slot >= USER_SLOTS || r->memory_size / PAGE > MAX_PAGES)
		return false;
	return !__builtin_add_overflow(r->guest_phys_addr, r->memory_size, &end) &&
	       end <= 1ULL << MODEL_PHYS_BITS;
}

static int bind_gmem(struct model_vm *vm, struct model_slot *s, uint32_t fd)
{
	struct model_fd *f = fd <= INT32_MAX ? model_find_fd(vm->model, (int)fd) : NULL;
	struct model_gmem *gmem;

	if (!f)
		return -EBADF;
	if (f->kind != MODEL_GMEM)
		return -EINVAL;
	gmem = f->object;
	if (gmem->vm != vm || !range_inside(s->gmem_offset, s->len, 0, gmem->size))
		return -EINVAL;
	for (size_t i = 0; i < vm->nslots; i++) {
		const struct model_slot *other = &vm->slot[i];

		if (other->gmem == gmem &&
		    overlap(other->gmem_offset, other->len, s->gmem_offset, s->len))
			return -EEXIST;
	}
	/* nothing in KVM checks this; what the program writes elsewhere the guest never sees */
	if (gmem->in_place && !model_maps_gmem(vm->model, s->hva, s->len, gmem, s->gmem_offset))
		model_foul("slot %u of VM %u: userspace_addr is not the mapping of its guest_memfd",
			   s->id, vm->index);
	s->gmem = gmem;
	return 0;
}

/* The initial image would be gone with the slot, which nothing brings back. */
static void check_image(const struct model_vm *vm, const struct model_slot *s)
{
	for (uint64_t at = 0; s->gmem && at < s->len; at += PAGE)
		if (s->gmem->page[(s->gmem_offset + at) / PAGE] & MODEL_PAGE_POPULATED)
			model_foul("slot %u of VM %u is deleted, but the page at %#llx is part of "
				   "the initial image",
				   s->id, vm->index, (unsigned long long)(s->gpa + at));
}

static int delete_slot(struct model_vm *vm, struct model_slot *s)
{
	if (!s)
		return -EINVAL;
	check_image(vm, s);
	*s = vm->slot[--vm->nslots];
	return 0;
}

/* An existing slot may move or change its flags, nothing else. */
static int change_slot(struct model_vm *vm, struct model_slot *s,
		       const struct kvm_userspace_memory_region2 *r)
{
	if (s->gmem || r->flags & KVM_MEM_GUEST_MEMFD || r->userspace_addr != s->hva ||
	    r->memory_size != s->len || (r->flags ^ s->flags) & KVM_MEM_READONLY)
		return -EINVAL;
	if (gpa_taken(vm, s, r->guest_phys_addr, r->memory_size))
		return -EEXIST;
	s->gpa = r->guest_phys_addr;
	s->flags = r->flags;
	return 0;
}

/* The host maps nothing there: KVM would notice only when the guest touches it. */
static void check_hva(struct model *m, const struct kvm_userspace_memory_region2 *r)
{
	for (size_t i = 0; i < m->nmaps; i++)
		if (range_inside(r->userspace_addr, r->memory_size, (uintptr_t)m->map[i].addr,
				 m->map[i].len))
			return;
	model_foul("slot %u at guest address %#llx: its %llu bytes of memory are not mapped",
		   r->slot, (unsigned long long)r->guest_phys_addr,
		   (unsigned long long)r->memory_size);
}

int model_set_slot(struct model_vm *vm, const struct kvm_userspace_memory_region2 *r)
{
	struct model_slot *old;
	struct model_slot s = {
		.id = r->slot,
		.flags = r->flags,
		.gpa = r->guest_phys_addr,
		.len = r->memory_size,
		.hva = r->userspace_addr,
		.gmem_offset = r->guest_memfd_offset,
	};

	if (!valid_flags(r) || !valid_range(r))
		return -EINVAL;
	old = find_slot(vm, r->slot);
	if (r->memory_size == 0)
		return delete_slot(vm, old);
	if (old)
		return change_slot(vm, old, r);
	if (gpa_taken(vm, NULL, s.gpa, s.len))
		return -EEXIST;
	if (r->flags & KVM_MEM_GUEST_MEMFD) {
		int ret = bind_gmem(vm, &s, r->guest_memfd);

		if (ret < 0)
			return ret;
	}
	check_hva(vm->model, r);
	append(vm, &s);
	return 0;
}

int model_create_gmem(struct model_vm *vm, const struct kvm_create_guest_memfd *arg)
{
	struct model *m = vm->model;
	struct model_gmem *gmem;
	char name[64];
	uint64_t valid;
	int fd;

	if (!model_get_cap(m, KVM_CAP_GUEST_MEMFD))
		return -ENOTTY;
	valid = (uint64_t)model_vm_cap(vm, KVM_CAP_GUEST_MEMFD_FLAGS);
	if (arg->flags & ~valid)
		return -EINVAL;
	if (arg->size == 0 || arg->size > INT64_MAX || !is_aligned(arg->size, PAGE))
		return -EINVAL;
	gmem = calloc(1, sizeof(*gmem));
	if (!gmem)
		model_foul("out of memory");
	*gmem = (struct model_gmem){.vm = vm, .size = arg->size, .flags = arg->flags, .open = true};
	m->gmem = model_grow(m->gmem, m->ngmems, sizeof(struct model_gmem *));
	m->gmem[m->ngmems++] = gmem;
	snprintf(name, sizeof(name), "guest_memfd of VM %u", vm->index);
	fd = model_object_fd(m, MODEL_GMEM, gmem, gmem->size, name);
	model_gmem_init(gmem, fd);
	return fd;
}

/* --- memory that the program takes away --- */

static void lost(struct model_vm *vm, struct model_slot *s)
{
	for (size_t i = 0; i < vm->nvcpus; i++)
		if (vm->vcpu[i]->running)
			model_foul("slot %u at guest address %#llx is taken away while vCPU %u of "
				   "VM %u runs",
				   s->id, (unsigned long long)s->gpa, vm->vcpu[i]->id, vm->index);
	s->gone = true;
}

void model_memory_unmapped(struct model *m, const void *addr, size_t len)
{
	for (size_t i = 0; i < m->nvms; i++) {
		struct model_vm *vm = m->vm[i];

		for (size_t j = 0; j < vm->nslots; j++) {
			struct model_slot *s = &vm->slot[j];

			if (!s->own && !s->gone && overlap(s->hva, s->len, (uintptr_t)addr, len))
				lost(vm, s);
		}
	}
}

void model_gmem_closed(struct model_gmem *gmem)
{
	struct model_vm *vm = gmem->vm;

	gmem->open = false;
	for (size_t j = 0; j < vm->nslots; j++)
		if (vm->slot[j].gmem == gmem)
			lost(vm, &vm->slot[j]);
}
