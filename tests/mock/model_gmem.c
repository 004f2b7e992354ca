// SPDX-License-Identifier: MIT
/* A guest_memfd: which of its pages are private, and the ioctl that converts them in place. */
#include "tests/mock/model_gmem_state.h"

#include "vmm/base/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096ULL

#define CONTENT_ZERO 1ULL /* KVM_SET_MEMORY_ATTRIBUTES2_ZERO of revision 5 */

/* --- what is offered --- */

bool model_has_private(const struct model_vm *vm)
{
	return vm->type != KVM_X86_DEFAULT_VM;
}

static bool in_place(const struct model *m)
{
	return m->gmem_dialect >= MODEL_GMEM_REV5;
}

static uint64_t file_flags(const struct model_vm *vm)
{
	switch (vm->model->gmem_dialect) {
	case MODEL_GMEM_6_12:
		return 0;
	case MODEL_GMEM_6_18:
		if (model_has_private(vm))
			return GUEST_MEMFD_FLAG_MMAP;
		break;
	default:
		break;
	}
	return GUEST_MEMFD_FLAG_MMAP | GUEST_MEMFD_FLAG_INIT_SHARED;
}

/* The capabilities of in-place conversion, whose numbers moved. */
static int in_place_cap(const struct model *m, unsigned long cap)
{
	switch (m->gmem_dialect) {
	case MODEL_GMEM_REV5:
		if (cap == 249)
			return KVM_MEMORY_ATTRIBUTE_PRIVATE;
		return cap == 250 ? CONTENT_ZERO | GMEM_PRESERVE : 0;
	case MODEL_GMEM_REV7:
		return cap == 249 ? KVM_MEMORY_ATTRIBUTE_PRIVATE : 0;
	case MODEL_GMEM_REV8:
		return cap == 250 ? KVM_MEMORY_ATTRIBUTE_PRIVATE : 0;
	default:
		return 0;
	}
}

int model_vm_cap(const struct model_vm *vm, unsigned long cap)
{
	const struct model *m = vm->model;
	int value = model_get_cap(m, cap);

	switch (cap) {
	case KVM_CAP_GUEST_MEMFD:
		return model_has_private(vm) || m->gmem_dialect != MODEL_GMEM_6_12 ? value : 0;
	case KVM_CAP_GUEST_MEMFD_FLAGS:
		return value & (int)file_flags(vm);
	case KVM_CAP_MEMORY_ATTRIBUTES:
		if (!model_has_private(vm) || (in_place(m) && !m->gmem_hybrid))
			return 0;
		return KVM_MEMORY_ATTRIBUTE_PRIVATE;
	case 249:
	case 250:
		return value || !model_has_private(vm) ? value : in_place_cap(m, cap);
	default:
		return value;
	}
}

/* --- files --- */

/* Zeros that cost nothing until they are written. */
static void *lazy(size_t len, int fd)
{
	int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, flags | MAP_NORESERVE, fd, 0);

	if (p == MAP_FAILED)
		model_foul("no %zu bytes of address space for a guest_memfd", len);
	return p;
}

void model_gmem_init(struct model_gmem *gmem, int fd)
{
	const struct model *m = gmem->vm->model;

	gmem->in_place = in_place(m) && (!m->gmem_hybrid || gmem->flags);
	gmem->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (gmem->fd < 0)
		model_foul("no descriptor for a guest_memfd");
	gmem->view = lazy(gmem->size, gmem->fd);
	gmem->page = lazy(gmem->size / PAGE, -1);
	if (!(gmem->flags & GUEST_MEMFD_FLAG_INIT_SHARED))
		memset(gmem->page, MODEL_PAGE_PRIVATE, gmem->size / PAGE);
}

void model_gmem_free(struct model_gmem *gmem)
{
	munmap(gmem->view, gmem->size);
	munmap(gmem->page, gmem->size / PAGE);
	close(gmem->fd);
	free(gmem);
}

bool model_gmem_page_private(const struct model_gmem *gmem, uint64_t offset)
{
	return gmem->page[offset / PAGE] & MODEL_PAGE_PRIVATE;
}

/* --- conversion --- */

/* Is there a page in the range that has to change? Counts those that have not. */
static bool differs(const struct model_gmem *gmem, const struct gmem_attributes *a, bool private,
		    uint64_t *same)
{
	*same = 0;
	for (uint64_t at = a->offset; at < a->offset + a->size; at += PAGE)
		if (model_gmem_page_private(gmem, at) == private)
			*same += 1;
	return *same < a->size / PAGE;
}

/* EAGAIN for the first page that somebody holds. */
static int check_references(struct model_gmem *gmem, struct gmem_attributes *a)
{
	struct model *m = gmem->vm->model;
	struct model_pin *first = NULL;

	if (m->gmem_eagain_every && ++m->gmem_conversions % m->gmem_eagain_every == 0) {
		a->error_offset = a->offset;
		return -EAGAIN;
	}
	for (size_t i = 0; i < m->npins; i++) {
		struct model_pin *pin = &m->pin[i];

		if (pin->gmem == gmem && range_inside(pin->offset, PAGE, a->offset, a->size) &&
		    (!first || pin->offset < first->offset))
			first = pin;
	}
	if (!first)
		return 0;
	a->error_offset = first->offset;
	if (first->attempts && --first->attempts == 0)
		*first = m->pin[--m->npins];
	return -EAGAIN;
}

/* Is there memory at this offset? Without bringing it into being. */
static bool allocated(const struct model_gmem *gmem, uint64_t offset)
{
	unsigned char resident;

	return mincore(gmem->view + offset, PAGE, &resident) == 0 && resident & 1;
}

/* What becomes of the bytes of a page that changes. Where nothing is promised they are spoilt. */
static void convert_content(struct model_gmem *gmem, uint64_t offset, bool private, uint64_t flags)
{
	const struct model_vm *vm = gmem->vm;
	bool rev5 = vm->model->gmem_dialect == MODEL_GMEM_REV5;
	bool keep = rev5 ? flags & GMEM_PRESERVE : !vm->sealed && private;

	/* there is no firmware that could end a launch, and nothing that touches the bytes */
	if (!rev5 && vm->type == KVM_X86_SW_PROTECTED_VM)
		keep = true;
	if (keep || !allocated(gmem, offset))
		return;
	for (uint64_t i = 0; i < PAGE; i++) {
		uint8_t *byte = &gmem->view[offset + i];

		*byte = flags & CONTENT_ZERO ? 0 : (uint8_t)(*byte + 0x5c);
	}
}

/* Revision 8 and older drop guest mappings of pages that are private already, too, and with that a
 * TD's contents; making them shared destroys them in every dialect. */
static void check_populated(const struct model_gmem *gmem, const struct gmem_attributes *a)
{
	for (uint64_t at = a->offset; at < a->offset + a->size && !gmem->vm->sealed; at += PAGE)
		if (gmem->page[at / PAGE] & MODEL_PAGE_POPULATED)
			model_foul("conversion of %#llx+%#llx of a guest_memfd of VM %u covers "
				   "%#llx, which has been populated",
				   (unsigned long long)a->offset, (unsigned long long)a->size,
				   gmem->vm->index, (unsigned long long)at);
}

/* The order of effects: nothing has changed when this fails. */
static int convert(struct model_gmem *gmem, struct gmem_attributes *a)
{
	struct model *m = gmem->vm->model;
	bool private = a->attributes & KVM_MEMORY_ATTRIBUTE_PRIVATE;
	bool firmware = gmem->vm->type != KVM_X86_SW_PROTECTED_VM;
	uint64_t same;

	if (!differs(gmem, a, private, &same))
		return 0;
	/* ZERO is only for pages that become shared; PRESERVE is a matter of firmware */
	if ((a->flags & CONTENT_ZERO && private) ||
	    (a->flags & GMEM_PRESERVE && firmware && (!private || gmem->vm->sealed))) {
		a->error_offset = a->offset;
		return -EOPNOTSUPP;
	}
	if (private) {
		int ret = check_references(gmem, a);

		if (ret < 0)
			return ret;
	}
	check_populated(gmem, a);
	for (uint64_t at = a->offset; at < a->offset + a->size; at += PAGE) {
		if (model_gmem_page_private(gmem, at) == private)
			continue;
		convert_content(gmem, at, private, a->flags);
		gmem->page[at / PAGE] = private ? MODEL_PAGE_PRIVATE : 0;
	}
	m->gmem_wasted += same;
	model_gmem_show(m, gmem, a->offset, a->size);
	return 0;
}

/* The checks in the kernel's order. */
static int set_attributes(void *object, void *arg)
{
	struct model_gmem *gmem = object;
	struct gmem_attributes *a = arg;
	bool rev5 = gmem->vm->model->gmem_dialect == MODEL_GMEM_REV5;
	uint64_t valid = rev5 ? CONTENT_ZERO | GMEM_PRESERVE : 0;

	if (!gmem->in_place)
		return -ENOTTY;
	if (!a)
		return -EFAULT;
	if (rev5 && a->error_offset)
		return -EINVAL;
	if (a->flags & ~valid || (valid && a->flags == valid))
		return -EINVAL;
	for (size_t i = 0; i < ARRAY_SIZE(a->reserved); i++)
		if (a->reserved[i])
			return -EINVAL;
	if (!model_has_private(gmem->vm) || a->attributes & ~KVM_MEMORY_ATTRIBUTE_PRIVATE)
		return -EINVAL;
	if (a->size == 0 || !is_aligned(a->offset | a->size, PAGE) ||
	    !range_inside(a->offset, a->size, 0, gmem->size))
		return -EINVAL;
	return convert(gmem, a);
}

const struct model_request model_gmem_requests[] = {
	{GMEM_SET_ATTRIBUTES, "KVM_SET_MEMORY_ATTRIBUTES2", set_attributes},
	{0},
};
