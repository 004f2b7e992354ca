// SPDX-License-Identifier: MIT
/* Guest memory in the hands of loader and devices: every access checks address and state. */
#include "mem/mem.h"

#include "vmm/base/bytes.h"

#include <errno.h>
#include <linux/falloc.h>
#include <string.h>
#include <sys/mman.h>

int mem_check_stop(const struct guest_mem *mem, struct vmm_error *err)
{
	if (!mem->stop || !atomic_load(mem->stop))
		return 0;
	return vmm_error_set(err, -ECANCELED, "the VM was stopped");
}

/* Is a page of [gpa, gpa + len) private? The caller holds the lock of the region's state. */
static bool touches_private(const struct mem_region *r, uint64_t gpa, uint64_t len)
{
	uint64_t offset = gpa - r->gpa;
	uint64_t last = (offset + (len ? len - 1 : 0)) / PAGE_SIZE;
	uint64_t first, n;

	return mem_state_find(r->state, offset / PAGE_SIZE, last + 1, true, &first, &n);
}

int mem_pin(const struct guest_mem *mem, uint64_t gpa, size_t len, enum mem_use use,
	    const char *owner, struct mem_pin *pin)
{
	const struct mem_region *r = mem_find(mem, gpa, len);

	*pin = (struct mem_pin){0};
	if (!r)
		return -EFAULT;
	if (use == MEM_FOR_WRITING && r->readonly)
		return -EROFS;
	if (r->state) {
		pthread_rwlock_rdlock(&r->state->lock);
		if (touches_private(r, gpa, len)) {
			pthread_rwlock_unlock(&r->state->lock);
			return -EACCES;
		}
		if (owner)
			atomic_store(&r->state->holder, owner);
	}
	*pin = (struct mem_pin){
		.ptr = r->hva + (gpa - r->gpa),
		.state = r->state,
		.owner = owner,
	};
	return 0;
}

void mem_unpin(struct mem_pin *pin)
{
	const char *owner = pin->owner;

	if (pin->state) {
		/* whoever came later may be holding pages still */
		if (owner)
			atomic_compare_exchange_strong(&pin->state->holder, &owner, NULL);
		pthread_rwlock_unlock(&pin->state->lock);
	}
	*pin = (struct mem_pin){0};
}

int mem_read(const struct guest_mem *mem, uint64_t gpa, void *buf, size_t len)
{
	struct mem_pin pin;
	int ret = mem_pin(mem, gpa, len, MEM_FOR_READING, NULL, &pin);

	if (ret < 0)
		return ret;
	memcpy(buf, pin.ptr, len);
	mem_unpin(&pin);
	return 0;
}

int mem_write(const struct guest_mem *mem, uint64_t gpa, const void *buf, size_t len)
{
	struct mem_pin pin;
	int ret = mem_pin(mem, gpa, len, MEM_FOR_WRITING, NULL, &pin);

	if (ret < 0)
		return ret;
	memcpy(pin.ptr, buf, len);
	mem_unpin(&pin);
	return 0;
}

int mem_give_back(const struct guest_mem *mem, void *ptr, size_t len)
{
	const struct sys *sys = mem->sys;
	uint64_t start, end = align_down((uintptr_t)ptr + len, PAGE_SIZE);

	if (mem->mode != MEM_MODE_SHARED || mem->pages == MEM_PAGES_RESERVED)
		return -ENOTSUP;
	if (!align_up_checked((uintptr_t)ptr, PAGE_SIZE, &start) || start >= end)
		return 0;
	for (size_t i = 0; i < mem->nregions; i++) {
		const struct mem_region *r = &mem->region[i];

		if (!range_inside(start, end - start, (uintptr_t)r->hva, r->len))
			continue;
		if (r->readonly)
			return -EROFS;
		if (r->fd < 0)
			return sys->ops->madvise(sys->ctx, r->hva + (start - (uintptr_t)r->hva),
						 end - start, MADV_DONTNEED);
		return sys->ops->fallocate(sys->ctx, r->fd,
					   FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
					   start - (uintptr_t)r->hva, end - start);
	}
	return -EFAULT;
}

void *mem_ptr(const struct guest_mem *mem, uint64_t gpa, uint64_t len)
{
	struct mem_pin pin;
	void *ptr;

	if (mem_pin(mem, gpa, len, MEM_FOR_READING, NULL, &pin) < 0)
		return NULL;
	ptr = pin.ptr;
	mem_unpin(&pin);
	return ptr;
}

int mem_is_private(const struct guest_mem *mem, uint64_t gpa)
{
	const struct mem_region *r = mem_find(mem, gpa, 1);
	bool private;

	if (!r)
		return -EFAULT;
	if (!r->state)
		return 0;
	pthread_rwlock_rdlock(&r->state->lock);
	private = touches_private(r, gpa, 1);
	pthread_rwlock_unlock(&r->state->lock);
	return private;
}

uint64_t mem_private_pages(const struct guest_mem *mem)
{
	uint64_t sum = 0, first, n;

	for (size_t i = 0; i < mem->nregions; i++) {
		struct mem_state *state = mem->region[i].state;
		uint64_t page = 0;

		if (!state)
			continue;
		pthread_rwlock_rdlock(&state->lock);
		while (mem_state_find(state, page, state->npages, true, &first, &n)) {
			sum += n;
			page = first + n;
		}
		pthread_rwlock_unlock(&state->lock);
	}
	return sum;
}
