// SPDX-License-Identifier: MIT
#include "mem/mode.h"

#include <errno.h>

static const uint64_t mapped_shared = GUEST_MEMFD_FLAG_MMAP | GUEST_MEMFD_FLAG_INIT_SHARED;

/* Attempts at a question that somebody else may get in the way of. */
#define PROBES 10

static const char no_guest_memfd[] = "this kernel has no guest_memfd: Linux 6.8 or later is needed";

const char *mem_mode_name(enum mem_mode mode)
{
	static const char *const names[MEM_MODES] = {
		[MEM_MODE_AUTO] = "auto",
		[MEM_MODE_IN_PLACE] = "in-place",
		[MEM_MODE_SPLIT] = "split",
		[MEM_MODE_SHARED] = "shared",
	};

	return names[mode];
}

/*
 * Makes the page of a guest_memfd private with GMEM_PRESERVE, and learns from what comes back. The
 * kernel looks whether it has the ioctl before it looks at the flags, and at those before the page
 * (virt/kvm/guest_memfd.c):
 *
 *	ENOTTY      no in-place conversion, or it is switched off
 *	EINVAL      it knows no flags, and keeps contents without
 *	EOPNOTSUPP  it has the flag, and not for this type of VM
 *	0, EAGAIN   it has the flag, which is needed then; EAGAIN: somebody has the page
 *
 * Capabilities are not asked: their numbers moved, and one was given to something else.
 */
static int try_page(const struct sys *sys, int fd, struct mem_offer *offer, struct vmm_error *err)
{
	struct gmem_attributes page = {
		.size = PAGE_SIZE,
		.attributes = KVM_MEMORY_ATTRIBUTE_PRIVATE,
		.flags = GMEM_PRESERVE,
	};
	int ret = -EINTR;

	for (int i = 0; i < PROBES && (ret == -EINTR || ret == -EAGAIN); i++)
		ret = kvm_gmem_set_attributes(sys, fd, &page, err);
	switch (ret) {
	case -ENOTTY:
		offer->why_not[MEM_MODE_IN_PLACE] =
			"guest_memfd of this kernel does not convert pages, it refuses "
			"KVM_SET_MEMORY_ATTRIBUTES2";
		return 0;
	case -EOPNOTSUPP:
		offer->why_not[MEM_MODE_IN_PLACE] =
			"guest_memfd of this kernel does not keep what is in the pages of this "
			"type of VM";
		return 0;
	case -EINVAL:
		return 0;
	case 0:
	case -EAGAIN:
		offer->preserve = true;
		return 0;
	default:
		return ret;
	}
}

/* Is there guest_memfd that can be mapped, and whose pages are shared with the guest at first? */
static bool maps_shared(const struct kvm_vm *vm)
{
	uint64_t flags = (uint64_t)kvm_vm_cap(vm, KVM_CAP_GUEST_MEMFD_FLAGS);

	return kvm_vm_cap(vm, KVM_CAP_GUEST_MEMFD) && (flags & mapped_shared) == mapped_shared;
}

static int probe_in_place(const struct kvm_vm *vm, struct mem_offer *offer, struct vmm_error *err)
{
	int ret, fd = -EINVAL;

	if (maps_shared(vm))
		fd = kvm_vm_create_guest_memfd(vm, PAGE_SIZE, mapped_shared, err);
	/* the flags may be there, but not for this type of VM */
	if (fd == -EINVAL) {
		offer->why_not[MEM_MODE_IN_PLACE] =
			"guest_memfd of this kernel holds no shared pages of confidential VMs: it "
			"has no in-place conversion, or that is switched off "
			"(kvm.gmem_in_place_conversion)";
		return 0;
	}
	if (fd < 0)
		return fd;
	ret = try_page(vm->h.sys, fd, offer, err);
	sys_close(vm->h.sys, &fd);
	return ret;
}

static void probe_split(const struct kvm_vm *vm, struct mem_offer *offer)
{
	unsigned int attributes = (unsigned int)kvm_vm_cap(vm, KVM_CAP_MEMORY_ATTRIBUTES);

	if (attributes & KVM_MEMORY_ATTRIBUTE_PRIVATE)
		return;
	if (offer->why_not[MEM_MODE_IN_PLACE])
		offer->why_not[MEM_MODE_SPLIT] =
			"this kernel keeps no record of the private pages of this type of VM";
	else
		offer->why_not[MEM_MODE_SPLIT] =
			"this kernel converts in place, and would never look at a second mapping";
}

int mem_probe(const struct kvm_vm *vm, unsigned long vm_type, struct mem_offer *offer,
	      struct vmm_error *err)
{
	int ret;

	*offer = (struct mem_offer){0};
	if (vm_type == KVM_X86_DEFAULT_VM) {
		offer->why_not[MEM_MODE_SPLIT] = "a plain VM has no private memory";
		if (!maps_shared(vm))
			offer->why_not[MEM_MODE_IN_PLACE] =
				"this kernel has no guest_memfd that a plain VM could map: Linux "
				"6.18 or later is needed";
		return 0;
	}
	offer->why_not[MEM_MODE_SHARED] = "a confidential VM needs private memory";
	if (!kvm_vm_cap(vm, KVM_CAP_GUEST_MEMFD) || !kvm_vm_cap(vm, KVM_CAP_USER_MEMORY2)) {
		offer->why_not[MEM_MODE_IN_PLACE] = offer->why_not[MEM_MODE_SPLIT] = no_guest_memfd;
		return 0;
	}
	ret = probe_in_place(vm, offer, err);
	if (ret < 0) {
		vmm_error_prefix(err, "unable to find out about in-place conversion");
		return ret;
	}
	probe_split(vm, offer);
	return 0;
}

/* The first mode that can be had; MEM_MODE_AUTO: none. */
static enum mem_mode first_offered(const struct mem_offer *offer)
{
	/* a plain VM: guest_memfd has nothing for it but small pages, and can be forbidden */
	if (!offer->why_not[MEM_MODE_SHARED])
		return MEM_MODE_SHARED;
	for (enum mem_mode mode = MEM_MODE_IN_PLACE; mode < MEM_MODES; mode++)
		if (!offer->why_not[mode])
			return mode;
	return MEM_MODE_AUTO;
}

int mem_set_mode(struct guest_mem *mem, const struct mem_offer *offer, enum mem_mode wanted,
		 struct vmm_error *err)
{
	enum mem_mode mode = wanted == MEM_MODE_AUTO ? first_offered(offer) : wanted;

	if (mode == MEM_MODE_AUTO)
		return vmm_error_set(err, -ENOTSUP,
				     "no memory mode for this type of VM: not in-place, %s; not "
				     "split, %s",
				     offer->why_not[MEM_MODE_IN_PLACE],
				     offer->why_not[MEM_MODE_SPLIT]);
	if (offer->why_not[mode])
		return vmm_error_set(err, -ENOTSUP, "machine.memory-mode = \"%s\": %s",
				     mem_mode_name(mode), offer->why_not[mode]);
	if (mode != MEM_MODE_SHARED && mem->pages == MEM_PAGES_RESERVED)
		return vmm_error_set(err, -ENOTSUP,
				     "machine.hugepages: pages of a guest_memfd are converted one "
				     "by one and have 4 KiB");
	if (mode != MEM_MODE_SHARED)
		mem->backing = mode == MEM_MODE_IN_PLACE ? MEM_GUEST_MEMFD : MEM_MEMFD;
	/* in a plain VM nothing is ever converted, in whatever file it is */
	mem->mode = offer->why_not[MEM_MODE_SHARED] ? mode : MEM_MODE_SHARED;
	mem->preserve = mem->mode == MEM_MODE_IN_PLACE && offer->preserve;
	return 0;
}
