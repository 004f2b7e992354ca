// SPDX-License-Identifier: MIT
#include "mem/mem.h"

#include "vmm/base/bytes.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/memfd.h>
#include <sys/mman.h>
#include <time.h>

#define HUGE_PAGE MIB(2)

/* It can be mapped, and everything in it is shared with the guest at first. */
static const uint64_t shared_flags = GUEST_MEMFD_FLAG_MMAP | GUEST_MEMFD_FLAG_INIT_SHARED;

static void sleep_for(unsigned int microseconds)
{
	struct timespec t = {
		.tv_sec = microseconds / 1000000,
		.tv_nsec = microseconds % 1000000 * 1000L,
	};

	/* a signal may cut it short: then the next attempt comes early, no harm */
	nanosleep(&t, NULL);
}

void mem_init(struct guest_mem *mem, const struct sys *sys, const struct kvm_vm *vm,
	      enum mem_pages pages)
{
	*mem = (struct guest_mem){
		.sys = sys,
		.vm = vm,
		.mode = MEM_MODE_SHARED,
		.backing = vm && pages == MEM_PAGES_RESERVED ? MEM_MEMFD : MEM_ANONYMOUS,
		.pages = pages,
		.pause = sleep_for,
	};
}

static bool reserved(const struct guest_mem *mem)
{
	return mem->pages == MEM_PAGES_RESERVED;
}

const char *mem_backing_name(const struct guest_mem *mem)
{
	if (mem->mode == MEM_MODE_IN_PLACE)
		return "guest_memfd, converted in place";
	if (mem->mode == MEM_MODE_SPLIT)
		return "memfd for shared and guest_memfd for private pages";
	switch (mem->backing) {
	case MEM_ANONYMOUS:
		return mem->vm && mem->pages == MEM_PAGES_TRANSPARENT
			       ? "anonymous, transparent huge pages"
			       : "anonymous";
	case MEM_MEMFD:
		return reserved(mem) ? "memfd, 2 MiB pages" : "memfd";
	case MEM_GUEST_MEMFD:
		return "guest_memfd";
	}
	return "?";
}

static int open_memfd(struct guest_mem *mem, struct mem_region *r, struct vmm_error *err)
{
	const struct sys *sys = mem->sys;
	unsigned int flags = reserved(mem) ? MFD_HUGETLB | MFD_HUGE_2MB : 0;
	int ret;

	if (reserved(mem) && !is_aligned(r->len, HUGE_PAGE))
		return vmm_error_set(err, -EINVAL,
				     "%s: %" PRIu64
				     " bytes are not a multiple of the 2 MiB huge page",
				     r->name, r->len);
	ret = sys->ops->memfd(sys->ctx, r->name, flags);
	if (ret < 0) {
		vmm_error_errno(err, ret, "unable to create a memfd for %s", r->name);
		if (reserved(mem))
			vmm_error_hint(err, "does this kernel support 2 MiB huge pages?");
		return ret;
	}
	r->fd = ret;
	ret = sys->ops->ftruncate(sys->ctx, r->fd, r->len);
	if (ret < 0)
		return vmm_error_errno(err, ret,
				       "unable to size the memfd of %s to %" PRIu64 " bytes",
				       r->name, r->len);
	return 0;
}

static int open_guest_memfd(struct guest_mem *mem, struct mem_region *r, uint64_t flags, int *fd,
			    struct vmm_error *err)
{
	int ret = kvm_vm_create_guest_memfd(mem->vm, r->len, flags, err);

	if (ret < 0) {
		vmm_error_prefix(err, "%s", r->name);
		return ret;
	}
	*fd = ret;
	return 0;
}

static int open_files(struct guest_mem *mem, struct mem_region *r, struct vmm_error *err)
{
	int ret = -EINVAL;

	switch (mem->backing) {
	case MEM_ANONYMOUS:
		return 0;
	case MEM_MEMFD:
		ret = open_memfd(mem, r, err);
		break;
	case MEM_GUEST_MEMFD:
		/* a slot with guest_memfd cannot be read-only */
		ret = r->readonly ? open_memfd(mem, r, err)
				  : open_guest_memfd(mem, r, shared_flags, &r->fd, err);
		break;
	}
	if (ret == 0 && mem->mode == MEM_MODE_SPLIT)
		ret = open_guest_memfd(mem, r, 0, &r->private_fd, err);
	return ret;
}

/* What the host is to know of a mapping that is nothing but this VM's memory. Kernels that do not
 * know one of these do without. */
static void advise(const struct guest_mem *mem, const struct mem_region *r)
{
	const struct sys *sys = mem->sys;

	/* A child that this process may fork has no use for it: it would double what either of
	 * them writes to. */
	sys->ops->madvise(sys->ctx, r->hva, r->len, MADV_DONTFORK);
	sys->ops->madvise(sys->ctx, r->hva, r->len,
			  mem->pages == MEM_PAGES_TRANSPARENT ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
}

/* The 2 MiB from `block` on, of which the guest uses [from, to) at first. */
static void keep_small(struct guest_mem *mem, uint64_t block, uint64_t from, uint64_t to)
{
	const struct mem_region *r = mem_find(mem, block, HUGE_PAGE);

	if (!r || (from <= block && to >= block + HUGE_PAGE) || mem->nahead == MEM_AHEAD)
		return;
	mem->sys->ops->madvise(mem->sys->ctx, r->hva + (block - r->gpa), HUGE_PAGE,
			       MADV_NOHUGEPAGE);
	from = align_down(from > block ? from : block, PAGE_SIZE);
	to = align_up(to < block + HUGE_PAGE ? to : block + HUGE_PAGE, PAGE_SIZE);
	mem->ahead[mem->nahead++] = (struct gpa_range){from, to - from};
}

void mem_expect(struct guest_mem *mem, uint64_t gpa, uint64_t len)
{
	uint64_t first = align_down(gpa, HUGE_PAGE), last = align_down(gpa + len - 1, HUGE_PAGE);

	if (!mem->vm || mem->backing != MEM_ANONYMOUS || mem->pages != MEM_PAGES_TRANSPARENT)
		return;
	keep_small(mem, first, gpa, gpa + len);
	if (last != first)
		keep_small(mem, last, gpa, gpa + len);
}

void mem_make_ahead(const struct guest_mem *mem)
{
	for (size_t i = 0; i < mem->nahead; i++)
		mem->sys->ops->madvise(mem->sys->ctx,
				       mem_ptr(mem, mem->ahead[i].gpa, mem->ahead[i].len),
				       mem->ahead[i].len, MADV_POPULATE_WRITE);
}

/*
 * Large pages of the host can only be the guest's where both addresses are equal modulo their size
 * (KVM falls back to small ones otherwise), and nobody promises that of an anonymous mapping. So it
 * is made larger than the region, which begins at the right place in it; what is around the region is
 * never touched. Files of 2 MiB pages and files of small ones are mapped as they are.
 */
static int map_region(struct guest_mem *mem, struct mem_region *r, struct vmm_error *err)
{
	const struct sys *sys = mem->sys;
	bool anonymous = r->fd < 0;
	int flags = anonymous ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
	uint64_t at = 0;
	void *map;
	int ret;

	/* huge pages are reserved now, so that too few of them are an error and not a SIGBUS later
	 */
	if (!reserved(mem))
		flags |= MAP_NORESERVE;
	r->map_len = r->len + (anonymous ? HUGE_PAGE : 0);
	ret = sys->ops->mmap(sys->ctx, &map, r->map_len, PROT_READ | PROT_WRITE, flags, r->fd, 0);
	if (ret < 0) {
		vmm_error_errno(err, ret, "unable to map %" PRIu64 " MiB for %s", r->len >> 20,
				r->name);
		if (reserved(mem) && ret == -ENOMEM)
			vmm_error_hint(err,
				       "%" PRIu64 " free huge pages of 2 MiB are needed, raise "
				       "vm.nr_hugepages",
				       r->len / HUGE_PAGE);
		return ret;
	}
	if (anonymous)
		at = (r->gpa - (uintptr_t)map) % HUGE_PAGE;
	r->map = map;
	r->hva = (uint8_t *)map + at;
	if (anonymous && mem->vm)
		advise(mem, r);
	return 0;
}

static int set_slot(struct guest_mem *mem, struct mem_region *r, struct vmm_error *err)
{
	int gmem = mem->backing == MEM_GUEST_MEMFD && !r->readonly ? r->fd : r->private_fd;
	struct kvm_userspace_memory_region2 slot = {
		.slot = r->slot,
		.guest_phys_addr = r->gpa,
		.memory_size = r->len,
		.userspace_addr = (uintptr_t)r->hva,
	};

	if (gmem >= 0) {
		slot.flags = KVM_MEM_GUEST_MEMFD;
		slot.guest_memfd = (uint32_t)gmem;
		return kvm_vm_set_region2(mem->vm, &slot, err);
	}
	return kvm_vm_set_region(mem->vm,
				 &(struct kvm_userspace_memory_region){
					 .slot = slot.slot,
					 .flags = r->readonly ? KVM_MEM_READONLY : 0,
					 .guest_phys_addr = slot.guest_phys_addr,
					 .memory_size = slot.memory_size,
					 .userspace_addr = slot.userspace_addr,
				 },
				 err);
}

static void release_region(struct guest_mem *mem, struct mem_region *r)
{
	const struct sys *sys = mem->sys;

	if (r->map && !mem->kept)
		sys->ops->munmap(sys->ctx, r->map, r->map_len);
	r->map = r->hva = NULL;
	sys_close(sys, &r->fd);
	sys_close(sys, &r->private_fd);
	mem_state_destroy(r->state, sys);
	r->state = NULL;
}

static bool overlaps(const struct guest_mem *mem, uint64_t gpa, uint64_t len)
{
	for (size_t i = 0; i < mem->nregions; i++) {
		const struct mem_region *r = &mem->region[i];

		if (gpa < r->gpa + r->len && r->gpa < gpa + len)
			return true;
	}
	return false;
}

static int add_region(struct guest_mem *mem, const char *name, uint64_t gpa, uint64_t len,
		      bool readonly, struct vmm_error *err)
{
	struct mem_region r = {
		.name = name,
		.gpa = gpa,
		.len = len,
		.fd = -1,
		.private_fd = -1,
		.readonly = readonly,
	};
	uint64_t end;
	int ret;

	if (len == 0 || !is_aligned(gpa | len, PAGE_SIZE) || __builtin_add_overflow(gpa, len, &end))
		return vmm_error_set(err, -EINVAL,
				     "%s: %#" PRIx64 "+%#" PRIx64 " is not a range of pages", name,
				     gpa, len);
	if (mem->nregions == MEM_MAX_REGIONS || overlaps(mem, gpa, len))
		return vmm_error_set(err, -EINVAL, "%s: no room for a region at %#" PRIx64, name,
				     gpa);
	r.slot = (uint32_t)mem->nregions;

	ret = open_files(mem, &r, err);
	if (ret == 0)
		ret = map_region(mem, &r, err);
	if (ret == 0 && mem->mode != MEM_MODE_SHARED)
		ret = mem_state_create(&r.state, mem->sys, len / PAGE_SIZE, err);
	if (ret == 0 && mem->vm) {
		ret = set_slot(mem, &r, err);
		if (ret < 0)
			vmm_error_prefix(err, "%s at %#" PRIx64, name, gpa);
	}
	if (ret < 0) {
		release_region(mem, &r);
		return ret;
	}
	mem->region[mem->nregions++] = r;
	return 0;
}

int mem_add_region(struct guest_mem *mem, const char *name, uint64_t gpa, uint64_t len,
		   struct vmm_error *err)
{
	return add_region(mem, name, gpa, len, false, err);
}

int mem_add_rom(struct guest_mem *mem, const char *name, uint64_t gpa, uint64_t len,
		struct vmm_error *err)
{
	return add_region(mem, name, gpa, len, mem->mode == MEM_MODE_SHARED, err);
}

int mem_add_ram(struct guest_mem *mem, uint64_t size, struct vmm_error *err)
{
	static const char *const names[] = {"low RAM", "high RAM"};
	struct gpa_range ram[2] = {{0}};
	size_t n = layout_ram(size, ram);

	for (size_t i = 0; i < n && i < ARRAY_SIZE(ram); i++) {
		int ret = mem_add_region(mem, names[i], ram[i].gpa, ram[i].len, err);

		if (ret < 0)
			return ret;
	}
	return 0;
}

void mem_keep_mapped(struct guest_mem *mem)
{
	mem->kept = true;
}

void mem_destroy(struct guest_mem *mem)
{
	while (mem->nregions > 0)
		release_region(mem, &mem->region[--mem->nregions]);
}

const struct mem_region *mem_find(const struct guest_mem *mem, uint64_t gpa, uint64_t len)
{
	for (size_t i = 0; i < mem->nregions; i++) {
		const struct mem_region *r = &mem->region[i];

		if (range_inside(gpa, len ? len : 1, r->gpa, r->len))
			return r;
	}
	return NULL;
}
