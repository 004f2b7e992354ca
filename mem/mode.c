// SPDX-License-Identifier: MIT
#include "mem/mode.h"

#include <errno.h>

static const uint64_t mapped_shared = GUEST_MEMFD_FLAG_MMAP | GUEST_MEMFD_FLAG_INIT_SHARED;

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
 * Does a guest_memfd of this VM convert its pages? The ioctl is called with size 0: it is refused
 * with ENOTTY where it is not there or switched off, and with EINVAL where it is live, whatever the
 * number of its capability. 1 or 0, or a negative errno.
 */
static int converts_in_place(const struct kvm_vm *vm, struct vmm_error *err)
{
	struct gmem_attributes nothing = {.attributes = KVM_MEMORY_ATTRIBUTE_PRIVATE};
	const struct sys *sys = vm->h.sys;
	int ret, fd;

	fd = kvm_vm_create_guest_memfd(vm, PAGE_SIZE, mapped_shared, err);
	if (fd == -EINVAL)
		return 0; /* the flags are there, but not for this type of VM */
	if (fd < 0)
		return fd;
	ret = kvm_gmem_set_attributes(sys, fd, &nothing, err);
	sys_close(sys, &fd);
	if (ret == -EINVAL)
		return 1;
	return ret == -ENOTTY || ret >= 0 ? 0 : ret;
}

static int probe_in_place(const struct kvm_vm *vm, struct mem_offer *offer, struct vmm_error *err)
{
	uint64_t flags = (uint64_t)kvm_vm_cap(vm, KVM_CAP_GUEST_MEMFD_FLAGS);
	unsigned int modes;
	int ret;

	if ((flags & mapped_shared) != mapped_shared) {
		offer->why_not[MEM_MODE_IN_PLACE] =
			"guest_memfd of this kernel holds no shared pages of confidential VMs: it "
			"has no in-place conversion, or that is switched off "
			"(kvm.gmem_in_place_conversion)";
		return 0;
	}
	ret = converts_in_place(vm, err);
	if (ret < 0)
		return ret;
	if (!ret)
		offer->why_not[MEM_MODE_IN_PLACE] =
			"guest_memfd of this kernel does not convert pages, it refuses "
			"KVM_SET_MEMORY_ATTRIBUTES2";
	/* the number of the flags was given to the attributes later, whose value is 8 */
	modes = (unsigned int)kvm_vm_cap(vm, GMEM_CAP_FLAGS_V5);
	offer->preserve = kvm_vm_cap(vm, GMEM_CAP_ATTRIBUTES_V5) == KVM_MEMORY_ATTRIBUTE_PRIVATE &&
			  modes <= 3 && modes & GMEM_PRESERVE;
	return 0;
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
		offer->why_not[MEM_MODE_IN_PLACE] = offer->why_not[MEM_MODE_SPLIT] =
			"a plain VM has no private memory";
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
	if (mode != MEM_MODE_SHARED && mem->hugepages)
		return vmm_error_set(err, -ENOTSUP,
				     "machine.hugepages: pages of a confidential VM are converted "
				     "one by one and have 4 KiB");
	mem->mode = mode;
	mem->preserve = mode == MEM_MODE_IN_PLACE && offer->preserve;
	if (mode != MEM_MODE_SHARED)
		mem->backing = mode == MEM_MODE_IN_PLACE ? MEM_GUEST_MEMFD : MEM_MEMFD;
	return 0;
}
