// SPDX-License-Identifier: MIT
/*
 * Private memory as the VM sees it: the record that it keeps itself where files do not (Linux
 * virt/kvm/kvm_main.c, kvm_vm_ioctl_set_mem_attributes()), populating and finishing.
 */
#include "tests/mock/model_gmem_state.h"

#include "vmm/base/bytes.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#define PAGE 4096ULL
#define GFNS (1ULL << 30) /* guest addresses up to 4 TiB are recorded */

bool model_gfn_private(const struct model_vm *vm, uint64_t gfn)
{
	return vm->private_gfn && gfn < GFNS && vm->private_gfn[gfn];
}

void model_vm_free_attributes(struct model_vm *vm)
{
	if (vm->private_gfn)
		munmap(vm->private_gfn, GFNS);
}

const struct model_slot *model_gmem_slot(const struct model_vm *vm, uint64_t gpa)
{
	for (size_t i = 0; i < vm->nslots; i++) {
		const struct model_slot *s = &vm->slot[i];

		if (s->gmem && !s->gone && range_inside(gpa, 1, s->gpa, s->len))
			return s;
	}
	return NULL;
}

static uint64_t file_offset(const struct model_slot *s, uint64_t gpa)
{
	return s->gmem_offset + (align_down(gpa, PAGE) - s->gpa);
}

bool model_slot_private(const struct model_slot *s, uint64_t gpa)
{
	if (s->gmem->in_place)
		return model_gmem_page_private(s->gmem, file_offset(s, gpa));
	return model_gfn_private(s->gmem->vm, gpa / PAGE);
}

void *model_slot_ptr(const struct model_slot *s, uint64_t gpa)
{
	/* a file that can be mapped is all there is; else it has the private pages only */
	bool file = s->gmem->in_place || s->gmem->flags & GUEST_MEMFD_FLAG_MMAP ||
		    model_slot_private(s, gpa);

	if (file)
		return s->gmem->view + file_offset(s, gpa) + gpa % PAGE;
	return (void *)(uintptr_t)(s->hva + (gpa - s->gpa));
}

/* One page of the VM's record. What was in the file is gone when the page becomes shared. */
static void set_gfn(struct model_vm *vm, uint64_t gfn, bool private)
{
	const struct model_slot *s = model_gmem_slot(vm, gfn * PAGE);

	if (private && !s)
		model_foul("PRIVATE set at guest address %#llx of VM %u, where no guest_memfd is",
			   (unsigned long long)(gfn * PAGE), vm->index);
	if (s && !s->gmem->in_place) {
		uint8_t *page = &s->gmem->page[file_offset(s, gfn * PAGE) / PAGE];

		if (*page & MODEL_PAGE_POPULATED && !vm->sealed)
			model_foul("conversion of guest address %#llx of VM %u, which has been "
				   "populated",
				   (unsigned long long)(gfn * PAGE), vm->index);
		*page &= (uint8_t)~MODEL_PAGE_POPULATED;
	}
	vm->private_gfn[gfn] = private;
}

int model_set_attributes(void *object, void *arg)
{
	struct model_vm *vm = object;
	const struct kvm_memory_attributes *a = arg;
	uint64_t supported = (uint64_t)model_vm_cap(vm, KVM_CAP_MEMORY_ATTRIBUTES);
	uint64_t end;
	bool private;

	if (a->flags || a->attributes & ~supported)
		return -EINVAL;
	if (a->size == 0 || __builtin_add_overflow(a->address, a->size, &end) ||
	    !is_aligned(a->address | a->size, PAGE))
		return -EINVAL;
	if (end / PAGE > GFNS)
		model_foul("attributes of guest address %#llx: beyond what the model records",
			   (unsigned long long)end);
	if (!vm->private_gfn) {
		vm->private_gfn = mmap(NULL, GFNS, PROT_READ | PROT_WRITE,
				       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (vm->private_gfn == MAP_FAILED)
			model_foul("no address space for the record of private pages");
	}
	private = a->attributes & KVM_MEMORY_ATTRIBUTE_PRIVATE;
	for (uint64_t gfn = a->address / PAGE; gfn < end / PAGE; gfn++) {
		if (vm->private_gfn[gfn] == private)
			vm->model->gmem_wasted++;
		else
			set_gfn(vm, gfn, private);
	}
	return 0;
}

/* --- for tests, and for the models of firmware --- */

static uint8_t *page_state(const struct model_slot *s, uint64_t gpa)
{
	return &s->gmem->page[file_offset(s, gpa) / PAGE];
}

void model_unpopulate(struct model_vm *vm, uint64_t gpa)
{
	*page_state(model_gmem_slot(vm, gpa), gpa) &= (uint8_t)~MODEL_PAGE_POPULATED;
}

bool model_gmem_has_page(const struct model_vm *vm, uint64_t gpa)
{
	const struct model_slot *s = model_gmem_slot(vm, gpa);
	unsigned char resident;

	return mincore(s->gmem->view + file_offset(s, gpa), PAGE, &resident) == 0 && resident & 1;
}

int model_populate(struct model_vm *vm, uint64_t gpa, uint64_t src, bool zero, void **page)
{
	const struct model_slot *s = model_gmem_slot(vm, gpa);
	struct iovec to, from;
	uint8_t *state;

	if (!s || !is_aligned(gpa | src, PAGE) || !model_slot_private(s, gpa) ||
	    (!src && !zero && !s->gmem->in_place))
		return -EINVAL;
	state = page_state(s, gpa);
	if (*state & MODEL_PAGE_POPULATED) {
		vm->twice++;
		return -EEXIST;
	}
	*page = s->gmem->view + file_offset(s, gpa);
	to = (struct iovec){*page, PAGE};
	from = (struct iovec){(void *)(uintptr_t)src, PAGE};
	/* a system call does not die of a source that cannot be read */
	if (src && process_vm_readv(getpid(), &to, 1, &from, 1, 0) != (ssize_t)PAGE)
		return -EFAULT;
	model_note_memory(vm->model);
	if (!src && !zero)
		vm->in_place_pages++;
	*state |= MODEL_PAGE_POPULATED;
	return 0;
}

static struct model_vm *find_vm(struct model *m, unsigned int vm)
{
	if (vm >= m->nvms)
		model_foul("the test asks for VM %u of %zu", vm, m->nvms);
	return m->vm[vm];
}

int model_populate_page(struct model *m, unsigned int vm, uint64_t gpa, uint64_t src, void **page)
{
	int ret;

	model_lock(m);
	ret = model_populate(find_vm(m, vm), gpa, src, false, page);
	model_unlock(m);
	return ret;
}

void model_seal(struct model *m, unsigned int vm)
{
	model_lock(m);
	find_vm(m, vm)->sealed = true;
	model_unlock(m);
}

uint64_t model_in_place_pages(struct model *m, unsigned int vm)
{
	uint64_t n;

	model_lock(m);
	n = find_vm(m, vm)->in_place_pages;
	model_unlock(m);
	return n;
}

bool model_page_private(struct model *m, unsigned int vm, uint64_t gpa)
{
	const struct model_slot *s;
	bool private;

	model_lock(m);
	s = model_gmem_slot(find_vm(m, vm), gpa);
	private = s && model_slot_private(s, gpa);
	model_unlock(m);
	return private;
}

void model_pin_page(struct model *m, unsigned int vm, uint64_t gpa, unsigned int attempts)
{
	const struct model_slot *s;

	model_lock(m);
	s = model_gmem_slot(find_vm(m, vm), gpa);
	if (!s || m->npins == ARRAY_SIZE(m->pin))
		model_foul("the test pins %#llx, which cannot be", (unsigned long long)gpa);
	m->pin[m->npins++] = (struct model_pin){s->gmem, file_offset(s, gpa), attempts};
	model_unlock(m);
}

void model_unpin_page(struct model *m, unsigned int vm, uint64_t gpa)
{
	const struct model_slot *s;

	model_lock(m);
	s = model_gmem_slot(find_vm(m, vm), gpa);
	for (size_t i = 0; s && i < m->npins; i++) {
		if (m->pin[i].gmem == s->gmem && m->pin[i].offset == file_offset(s, gpa)) {
			m->pin[i] = m->pin[--m->npins];
			break;
		}
	}
	model_unlock(m);
}
