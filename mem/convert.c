// SPDX-License-Identifier: MIT
/*
 * The dialects. Linux Documentation/virt/kvm/api.rst, KVM_SET_MEMORY_ATTRIBUTES (split) and
 * KVM_SET_MEMORY_ATTRIBUTES2 (in place: a range of the file, not of the guest).
 */
#include "mem/convert.h"

#include "mem/plan.h"
#include "vmm/base/bytes.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/falloc.h>
#include <linux/kvm_para.h>
#include <time.h>

/* How long a conversion may wait altogether: then somebody holds a page for good. The wait between
 * two attempts doubles each time up to the longest. */
#define PATIENCE_US  1000000U
#define PAUSE_MIN_US 100U
#define PAUSE_MAX_US 20000U

/* Once the guest runs, so much is converted in one call of the kernel's, which cannot be interrupted. */
#define RUN_MAX (UINT64_C(1) << 30)

/* Attempts to give a copy back, a fifth of a second at most: devices wait meanwhile. */
#define DISCARDS 10

/* A run of pages of one region, all in the same state. */
struct run {
	const struct mem_region *region;
	uint64_t offset; /* bytes from the region's start, which is also the start of its files */
	uint64_t len;
};

static uint64_t attribute(bool private)
{
	return private ? KVM_MEMORY_ATTRIBUTE_PRIVATE : 0;
}

/* `*busy` is the offset of the page that was in the way, if the kernel knows. */
static int convert_in_place(struct guest_mem *mem, const struct run *run, bool to_private,
			    uint64_t *busy, struct vmm_error *err)
{
	struct gmem_attributes arg = {
		.offset = run->offset,
		.size = run->len,
		.attributes = attribute(to_private),
		/* kernels that have the flag allow it in this direction and before the end of the
		 * launch only */
		.flags = mem->preserve && to_private && !mem->sealed ? GMEM_PRESERVE : 0,
	};
	int ret = kvm_gmem_set_attributes(mem->sys, run->region->fd, &arg, err);

	*busy = arg.error_offset;
	return ret;
}

static int convert_split(struct guest_mem *mem, const struct run *run, bool to_private,
			 struct vmm_error *err)
{
	struct kvm_memory_attributes arg = {
		.address = run->region->gpa + run->offset,
		.size = run->len,
		.attributes = attribute(to_private),
	};

	return kvm_vm_set_attributes(mem->vm, &arg, err);
}

/* Gives the memory of a run in one of the region's files back to the host. The region's lock is held
 * for writing: nobody may use the copy again before it is gone. */
static int discard(struct guest_mem *mem, const struct run *run, int fd, struct vmm_error *err)
{
	const struct sys *sys = mem->sys;
	int ret = -EINTR;

	for (unsigned int i = 0; i < DISCARDS && (ret == -EINTR || ret == -EAGAIN); i++) {
		if (ret == -EAGAIN)
			mem->pause(PAUSE_MAX_US);
		ret = sys->ops->fallocate(sys->ctx, fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
					  run->offset, run->len);
	}
	/* The conversion itself is done. With these the caller would try that again, find nothing
	 * left to do, and forget this copy. */
	if (ret == -EAGAIN || ret == -EINTR)
		ret = -EBUSY;
	if (ret < 0)
		return vmm_error_errno(err, ret, "unable to discard the unused copy in the %s",
				       fd == run->region->fd ? "memfd" : "guest_memfd");
	mem->stats.discards++;
	return 0;
}

/* Converts one run and records it. The region's lock is held for writing. */
static int convert_run(struct guest_mem *mem, const struct run *run, bool to_private,
		       uint64_t *busy, struct vmm_error *err)
{
	const struct mem_region *r = run->region;
	int ret;

	if (mem->mode == MEM_MODE_IN_PLACE)
		ret = convert_in_place(mem, run, to_private, busy, err);
	else
		ret = convert_split(mem, run, to_private, err);
	if (ret < 0)
		return ret;
	mem_state_set(r->state, run->offset / PAGE_SIZE, run->len / PAGE_SIZE, to_private);
	mem->stats.conversions++;

	if (mem->mode == MEM_MODE_IN_PLACE)
		return 0;
	if (!to_private)
		return discard(mem, run, r->private_fd, err);
	/* until the launch is finished, the shared copy is what the pages are populated from */
	return mem->sealed ? discard(mem, run, r->fd, err) : 0;
}

/* Waits until no device has pages of the region in its hands, but not for ever: a vCPU that stands
 * here cannot be stopped. -ETIMEDOUT after PAUSE_MAX_US, with a sentence whose code is EAGAIN. */
static int lock_for_conversion(struct mem_state *state, struct vmm_error *err)
{
	const char *holder;
	struct timespec end;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_nsec += PAUSE_MAX_US * 1000L;
	if (end.tv_nsec >= 1000000000) {
		end.tv_sec++;
		end.tv_nsec -= 1000000000;
	}
	if (pthread_rwlock_clockwrlock(&state->lock, CLOCK_MONOTONIC, &end) == 0)
		return 0;
	holder = atomic_load(&state->holder);
	vmm_error_set(err, -EAGAIN, "%s holds memory there for a request that does not end",
		      holder ? holder : "a device of this VM");
	return -ETIMEDOUT;
}

/*
 * Converts the first run in [run->offset, end) that is not as wanted yet. run->offset moves to the
 * first page that remains to be looked at; on failure *run is what could not be converted.
 */
static int convert_next(struct guest_mem *mem, struct run *run, uint64_t end, bool to_private,
			uint64_t *busy, struct vmm_error *err)
{
	struct mem_state *state = run->region->state;
	uint64_t page, npages;
	int ret;

	ret = lock_for_conversion(state, err);
	if (ret < 0)
		return ret;
	if (mem_state_find(state, run->offset / PAGE_SIZE, end / PAGE_SIZE, !to_private, &page,
			   &npages)) {
		run->offset = page * PAGE_SIZE;
		run->len = npages * PAGE_SIZE;
		if (mem->sealed && run->len > RUN_MAX)
			run->len = RUN_MAX;
		ret = convert_run(mem, run, to_private, busy, err);
	} else {
		run->offset = end;
		run->len = 0;
	}
	pthread_rwlock_unlock(&state->lock);
	if (ret == 0)
		run->offset += run->len;
	return ret;
}

static int failed(const struct run *run, bool to_private, int code, uint64_t busy,
		  struct vmm_error *err)
{
	const struct mem_region *r = run->region;

	if (code == -EAGAIN && range_inside(busy, 1, run->offset, run->len))
		vmm_error_hint(err,
			       "the page at guest address %#" PRIx64
			       " is in use: by a device's request "
			       "that has not ended, by VFIO, or by another process that maps or "
			       "reads guest memory",
			       r->gpa + busy);
	vmm_error_prefix(err, "unable to make %#" PRIx64 "+%#" PRIx64 " (%s) %s",
			 r->gpa + run->offset, run->len, r->name,
			 to_private ? "private" : "shared");
	return code;
}

/* What is left of PATIENCE_US, and the next pause; and of the runs that may be converted. */
struct patience {
	unsigned int left_us;
	unsigned int pause_us;
	uint64_t runs;
};

/* Before another attempt; false when there was enough of them. `waited`: PAUSE_MAX_US have passed. */
static bool wait_again(struct guest_mem *mem, struct patience *p, bool waited)
{
	unsigned int us = waited ? PAUSE_MAX_US : p->pause_us;

	if (p->left_us < us)
		return false;
	p->left_us -= us;
	mem->stats.retries++;
	if (waited)
		return true;
	mem->pause(us);
	p->pause_us = us * 2 < PAUSE_MAX_US ? us * 2 : PAUSE_MAX_US;
	return true;
}

/* [offset, end) of one region. The lock is free between two attempts, so that whoever is in the way
 * can come to an end. */
static int convert_region(struct guest_mem *mem, const struct mem_region *r, uint64_t offset,
			  uint64_t end, bool to_private, struct patience *patience,
			  struct vmm_error *err)
{
	struct run run = {.region = r, .offset = offset};

	while (run.offset < end) {
		uint64_t busy = UINT64_MAX;
		int ret = mem_check_stop(mem, err);
		bool waited;

		if (ret < 0)
			return ret;
		if (patience->runs == 0)
			return vmm_error_set(err, -EINPROGRESS,
					     "there is more to convert than fits into one request");
		patience->runs--;
		ret = convert_next(mem, &run, end, to_private, &busy, err);
		waited = ret == -ETIMEDOUT;
		if (ret >= 0) {
			patience->pause_us = PAUSE_MIN_US;
			continue;
		}
		if (waited)
			ret = -EAGAIN;
		if ((ret != -EAGAIN && ret != -EINTR) || !wait_again(mem, patience, waited))
			return failed(&run, to_private, ret, busy, err);
	}
	return 0;
}

/* The part of [gpa, end) that starts at gpa and is inside one region; *next is where it ends. NULL:
 * gpa is in a hole, which ends at *next. */
static const struct mem_region *part(const struct guest_mem *mem, uint64_t gpa, uint64_t end,
				     uint64_t *next)
{
	const struct mem_region *r = mem_find(mem, gpa, 1);

	*next = end;
	if (r) {
		if (r->gpa + r->len < end)
			*next = r->gpa + r->len;
		return r;
	}
	for (size_t i = 0; i < mem->nregions; i++)
		if (mem->region[i].gpa > gpa && mem->region[i].gpa < *next)
			*next = mem->region[i].gpa;
	return NULL;
}

/* 0, or -EFAULT with the first address in [gpa, end) that is not RAM. */
static int all_ram(const struct guest_mem *mem, uint64_t gpa, uint64_t end, struct vmm_error *err)
{
	uint64_t next;

	for (uint64_t at = gpa; at < end; at = next)
		if (!part(mem, at, end, &next))
			return vmm_error_set(err, -EFAULT,
					     "%#" PRIx64 "+%#" PRIx64
					     ": there is no RAM at guest address %#" PRIx64,
					     gpa, end - gpa, at);
	return 0;
}

/* All RAM in [gpa, end). */
static int convert_range(struct guest_mem *mem, uint64_t gpa, uint64_t end, bool to_private,
			 uint64_t runs, struct vmm_error *err)
{
	struct patience patience = {PATIENCE_US, PAUSE_MIN_US, runs};
	uint64_t next;

	for (; gpa < end; gpa = next) {
		const struct mem_region *r = part(mem, gpa, end, &next);
		int ret = 0;

		if (r)
			ret = convert_region(mem, r, gpa - r->gpa, next - r->gpa, to_private,
					     &patience, err);
		if (ret < 0)
			return ret;
	}
	return 0;
}

/* Whole pages of a VM that can have private ones? */
static int check_range(const struct guest_mem *mem, uint64_t gpa, uint64_t len, uint64_t *end,
		       struct vmm_error *err)
{
	bool wraps = __builtin_add_overflow(gpa, len, end);

	if (len == 0 || wraps || !is_aligned(gpa | len, PAGE_SIZE))
		return vmm_error_set(err, -EINVAL,
				     "%#" PRIx64 "+%#" PRIx64 " is not a range of pages", gpa, len);
	if (mem->mode == MEM_MODE_SHARED)
		return vmm_error_set(err, -ENOTSUP, "this VM has no private memory");
	return 0;
}

int mem_convert(struct guest_mem *mem, uint64_t gpa, uint64_t len, bool to_private,
		struct vmm_error *err)
{
	uint64_t end;
	int ret;

	ret = check_range(mem, gpa, len, &end, err);
	if (ret == 0)
		ret = all_ram(mem, gpa, end, err);
	return ret < 0 ? ret : convert_range(mem, gpa, end, to_private, UINT64_MAX, err);
}

uint64_t mem_source(const struct guest_mem *mem, const struct load_item *item)
{
	const struct mem_region *r = mem_find(mem, item->gpa, item->len);

	if (item->src)
		return (uintptr_t)item->src;
	return r && mem->mode == MEM_MODE_SPLIT ? (uintptr_t)(r->hva + (item->gpa - r->gpa)) : 0;
}

/* [offset, end) of one region. */
static int discard_region(struct guest_mem *mem, const struct mem_region *r, uint64_t offset,
			  uint64_t end, struct vmm_error *err)
{
	struct run run = {.region = r, .offset = offset, .len = end - offset};
	uint64_t page, n;
	int ret;

	pthread_rwlock_wrlock(&r->state->lock);
	if (mem_state_find(r->state, offset / PAGE_SIZE, end / PAGE_SIZE, false, &page, &n))
		ret = vmm_error_set(err, -EINVAL,
				    "the page at %#" PRIx64 " (%s) is shared, its contents "
				    "are in use",
				    r->gpa + page * PAGE_SIZE, r->name);
	else
		ret = discard(mem, &run, r->fd, err);
	pthread_rwlock_unlock(&r->state->lock);
	return ret;
}

int mem_discard_shared(struct guest_mem *mem, uint64_t gpa, uint64_t len, struct vmm_error *err)
{
	uint64_t end, next;
	int ret;

	ret = check_range(mem, gpa, len, &end, err);
	if (ret == 0)
		ret = all_ram(mem, gpa, end, err);
	if (ret < 0 || mem->mode == MEM_MODE_IN_PLACE)
		return ret;
	for (; ret == 0 && gpa < end; gpa = next) {
		const struct mem_region *r = part(mem, gpa, end, &next);

		ret = discard_region(mem, r, gpa - r->gpa, next - r->gpa, err);
	}
	return ret;
}

void mem_seal(struct guest_mem *mem)
{
	mem->sealed = true;
}

int mem_map_gpa_range(struct guest_mem *mem, uint64_t gpa, uint64_t npages, uint64_t attributes,
		      uint64_t runs, struct vmm_error *err)
{
	bool to_private = attributes & KVM_MAP_GPA_RANGE_ENCRYPTED;
	uint64_t len, end;
	int ret;

	/* more bytes than there can be are not a range of pages either */
	if (__builtin_mul_overflow(npages, PAGE_SIZE, &len))
		len = UINT64_MAX;
	ret = check_range(mem, gpa, len, &end, err);
	if (ret == 0 && to_private)
		ret = all_ram(mem, gpa, end, err);
	if (ret == 0)
		ret = convert_range(mem, gpa, end, to_private, runs, err);
	if (ret == -EINTR || ret == -ENOMEM || ret == -EINPROGRESS || ret == -ECANCELED)
		return -EAGAIN;
	return ret == 0 || ret == -EAGAIN ? ret : -EINVAL;
}
