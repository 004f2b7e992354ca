/* SPDX-License-Identifier: MIT */
/* guest_memfd files straight through the seam, without mem/: for tests of the model itself. */
#ifndef TESTS_UNIT_GMEM_FILES_H
#define TESTS_UNIT_GMEM_FILES_H

#include "tests/unit/mem_fixture.h"

#include <linux/falloc.h>
#include <sys/mman.h>

static const uint64_t mapped = GUEST_MEMFD_FLAG_MMAP | GUEST_MEMFD_FLAG_INIT_SHARED;

static const struct sys *sys(void)
{
	return model_sys(m);
}

static void start(enum model_gmem_dialect kernel, unsigned long type)
{
	create_vm(&(struct dialect){.kernel = kernel}, type);
}

/* Sixteen pages. */
static int create_file(uint64_t flags)
{
	int fd = kvm_vm_create_guest_memfd(&vm, PAGES(16), flags, &err);

	ck_assert_msg(fd >= 0, "%s", err.text);
	return fd;
}

static void *map(int fd)
{
	void *p;

	ck_assert_int_eq(sys()->ops->mmap(sys()->ctx, &p, PAGES(16), PROT_READ | PROT_WRITE,
					  MAP_SHARED, fd, 0),
			 0);
	return p;
}

static int set_slot(uint32_t id, uint64_t gpa, int fd, uint64_t offset, uint64_t len, void *hva)
{
	struct kvm_userspace_memory_region2 slot = {
		.slot = id,
		.flags = KVM_MEM_GUEST_MEMFD,
		.guest_phys_addr = gpa,
		.memory_size = len,
		.userspace_addr = (uintptr_t)hva,
		.guest_memfd_offset = offset,
		.guest_memfd = (uint32_t)fd,
	};

	return kvm_vm_set_region2(&vm, &slot, &err);
}

static int convert(int fd, uint64_t offset, uint64_t size, uint64_t attributes, uint64_t flags)
{
	struct gmem_attributes a = {
		.offset = offset, .size = size, .attributes = attributes, .flags = flags};

	return kvm_gmem_set_attributes(sys(), fd, &a, &err);
}

static void __attribute__((unused)) release(int fd, void *p)
{
	sys()->ops->munmap(sys()->ctx, p, PAGES(16));
	sys_close(sys(), &fd);
}

#endif
