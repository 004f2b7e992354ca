// SPDX-License-Identifier: MIT
/*
 * What the program under test sees of private memory. Over private pages of a mapping lies a file
 * of no length, so that touching them raises SIGBUS, and EFAULT in a system call.
 */
#include "tests/mock/model_gmem_state.h"

#include "vmm/base/bytes.h"

#include <errno.h>
#include <linux/falloc.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE 4096ULL

static int nothing_file(struct model *m)
{
	if (m->nothing_fd <= 0)
		m->nothing_fd = memfd_create("nothing", MFD_CLOEXEC);
	if (m->nothing_fd <= 0)
		model_foul("no descriptor for an empty file");
	return m->nothing_fd;
}

/* The pages [offset, offset + len) of the file, all in one state, as `map` is to show them. */
static void overlay(struct model *m, const struct model_map *map, const struct model_gmem *gmem,
		    uint64_t offset, uint64_t len)
{
	uint64_t from = offset > map->offset ? offset : map->offset;
	uint64_t to = offset + len < map->offset + map->len ? offset + len : map->offset + map->len;
	int fd = model_gmem_page_private(gmem, offset) ? nothing_file(m) : gmem->fd;
	void *at = (uint8_t *)map->addr + (from - map->offset);

	if (from < to && mmap(at, to - from, PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_FIXED | MAP_NORESERVE, fd, (off_t)from) != at)
		model_foul("unable to change a mapping of a guest_memfd");
}

void model_gmem_show(struct model *m, const struct model_gmem *gmem, uint64_t offset, uint64_t len)
{
	uint64_t end = offset + len, next;

	for (; offset < end; offset = next) {
		bool private = model_gmem_page_private(gmem, offset);

		next = offset + PAGE;
		while (next < end && model_gmem_page_private(gmem, next) == private)
			next += PAGE;
		for (size_t i = 0; i < m->nmaps; i++)
			if (m->map[i].gmem == gmem)
				overlay(m, &m->map[i], gmem, offset, next - offset);
	}
}

void model_gmem_mapped(struct model *m, struct model_map *map, const struct model_fd *f,
		       uint64_t offset)
{
	map->fd = f->fd;
	map->offset = offset;
	if (f->kind != MODEL_GMEM)
		return;
	map->gmem = f->object;
	/* a new mapping shows everything; nothing to do when nothing is private */
	if (model_has_private(map->gmem->vm))
		model_gmem_show(m, map->gmem, offset, map->len);
}

bool model_maps_gmem(const struct model *m, uint64_t hva, uint64_t len,
		     const struct model_gmem *gmem, uint64_t offset)
{
	for (size_t i = 0; i < m->nmaps; i++) {
		const struct model_map *map = &m->map[i];

		if (map->gmem == gmem && range_inside(hva, len, (uintptr_t)map->addr, map->len) &&
		    map->offset + (hva - (uintptr_t)map->addr) == offset)
			return true;
	}
	return false;
}

/* --- fallocate --- */

/* virt/kvm/guest_memfd.c, kvm_gmem_fallocate() */
static int gmem_fallocate(const struct model_gmem *gmem, int mode, uint64_t offset, uint64_t len)
{
	if (!(mode & FALLOC_FL_KEEP_SIZE) || mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE))
		return -EOPNOTSUPP;
	if (len == 0 || !is_aligned(offset | len, PAGE))
		return -EINVAL;
	if (!(mode & FALLOC_FL_PUNCH_HOLE))
		return range_inside(offset, len, 0, gmem->size) ? 0 : -EINVAL;
	if (gmem->in_place && model_has_private(gmem->vm))
		model_foul("a hole is punched into a guest_memfd that converts in place: shared "
			   "and private contents are the same page");
	return 0;
}

/* Does the guest of `vm` use a page of slot `s` in the file with this descriptor? */
static void check_unused(const struct model_vm *vm, const struct model_slot *s, bool file_is_gmem,
			 uint64_t gpa, uint64_t len)
{
	for (uint64_t at = gpa; at < gpa + len; at += PAGE)
		if (s->gmem && model_slot_private(s, at) == file_is_gmem)
			model_foul("a hole is punched into the memory of guest address %#llx of "
				   "VM %u, which is in use",
				   (unsigned long long)at, vm->index);
}

/* The part of [offset, offset + len) of a file that slot `s` has from `start` on. */
static void check_slot(const struct model_vm *vm, const struct model_slot *s, bool file_is_gmem,
		       uint64_t start, uint64_t offset, uint64_t len)
{
	uint64_t from = offset > start ? offset : start;
	uint64_t to = offset + len < start + s->len ? offset + len : start + s->len;

	if (from < to)
		check_unused(vm, s, file_is_gmem, s->gpa + (from - start), to - from);
}

static void check_hole(struct model *m, const struct model_vm *vm, const struct model_fd *f,
		       uint64_t offset, uint64_t len)
{
	for (size_t i = 0; i < vm->nslots; i++) {
		const struct model_slot *s = &vm->slot[i];

		if (f->kind == MODEL_GMEM && s->gmem == f->object)
			check_slot(vm, s, true, s->gmem_offset, offset, len);
		for (size_t j = 0; j < m->nmaps && f->kind == MODEL_MEMFD && s->gmem; j++) {
			const struct model_map *map = &m->map[j];

			if (map->fd == f->fd &&
			    range_inside(s->hva, s->len, (uintptr_t)map->addr, map->len))
				check_slot(vm, s, false,
					   map->offset + (s->hva - (uintptr_t)map->addr), offset,
					   len);
		}
	}
}

int model_may_fallocate(struct model *m, const struct model_fd *f, int mode, uint64_t offset,
			uint64_t len)
{
	if (f->kind == MODEL_GMEM) {
		int ret = gmem_fallocate(f->object, mode, offset, len);

		if (ret < 0)
			return ret;
	}
	if (mode & FALLOC_FL_PUNCH_HOLE)
		for (size_t i = 0; i < m->nvms; i++)
			check_hole(m, m->vm[i], f, offset, len);
	return 0;
}

/* --- for tests --- */

void model_set_gmem_dialect(struct model *m, enum model_gmem_dialect dialect)
{
	m->gmem_dialect = dialect;
}

void model_set_gmem_hybrid(struct model *m)
{
	m->gmem_hybrid = true;
}

void model_set_gmem_eagain_every(struct model *m, unsigned int n)
{
	m->gmem_eagain_every = n;
}

uint64_t model_wasted_pages(struct model *m)
{
	uint64_t n;

	model_lock(m);
	n = m->gmem_wasted;
	model_unlock(m);
	return n;
}

uint64_t model_note_memory(struct model *m)
{
	uint64_t sum = 0;
	struct stat st;

	for (size_t i = 0; i < m->nfds; i++)
		if ((m->fd[i].kind == MODEL_MEMFD || m->fd[i].kind == MODEL_GMEM) &&
		    fstat(m->fd[i].fd, &st) == 0)
			sum += (uint64_t)st.st_blocks * 512;
	if (sum > m->gmem_peak)
		m->gmem_peak = sum;
	return sum;
}

uint64_t model_memory_in_use(struct model *m)
{
	uint64_t sum;

	model_lock(m);
	sum = model_note_memory(m);
	model_unlock(m);
	return sum;
}

uint64_t model_memory_peak(struct model *m)
{
	uint64_t peak;

	model_lock(m);
	peak = m->gmem_peak;
	model_unlock(m);
	return peak;
}
