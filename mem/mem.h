/* SPDX-License-Identifier: MIT */
/*
 * Guest memory. `struct guest_mem` owns the regions of guest RAM and firmware: the files behind
 * each, its mapping into this process, its KVM memory slot and, for confidential VMs, the record of
 * which pages are private. Everybody else reaches guest memory through the functions below, which
 * check every address. mem/mode.h chooses how a VM's memory is made, mem/convert.h makes pages
 * private and shared; users of the functions below cannot tell the modes apart.
 *
 * Host memory is not touched here: a page comes into being when the loader or the guest first
 * writes it.
 *
 * Without a VM (`minivmm plan`, `check`, `measure`) the same regions exist as plain mappings, so
 * that the same loader can run.
 */
#ifndef MEM_MEM_H
#define MEM_MEM_H

#include "mem/layout.h"
#include "mem/state.h"
#include "vmm/base/error.h"
#include "vmm/kvm/kvm.h"

#include <stdatomic.h>
#include <stdbool.h>

#define MEM_MAX_REGIONS 8
#define MEM_AHEAD	8

/* How private memory is made. One mode for all regions of a VM: a kernel that converts in place
 * never looks at a second mapping, so a VM with both kinds would run on memory nobody wrote. */
enum mem_mode {
	MEM_MODE_AUTO,	   /* only as a wish: the first of the others that can be had */
	MEM_MODE_IN_PLACE, /* a page is private or shared where it is, in the guest_memfd */
	MEM_MODE_SPLIT,	   /* shared pages are in a memfd, private ones in a guest_memfd */
	MEM_MODE_SHARED,   /* no private memory: plain VMs */
	MEM_MODES,
};

/* The host's pages behind guest memory that is never private. */
enum mem_pages {
	MEM_PAGES_SMALL,       /* 4 KiB */
	MEM_PAGES_TRANSPARENT, /* 2 MiB wherever the host has them at the moment */
	MEM_PAGES_RESERVED,    /* 2 MiB from the pool that the host has set aside, all at once */
};

/*
 * What is mapped into this process. Plain RAM has no file behind it that anybody could use: a device
 * of the host (vhost) gets at it by its address here.
 *
 * The shared copy of MEM_MODE_SPLIT stays in a memfd with small pages. Each conversion gives back
 * exactly the pages that it leaves behind; a piece of a large page would only be free when the host
 * is short of memory, and a guest that shares one page in every 2 MiB would have all of its memory
 * twice. What such a VM shares for long is its bounce buffers, and loading it costs one copy from file
 * to file.
 */
enum mem_backing {
	MEM_ANONYMOUS,	 /* private anonymous mapping, nothing is committed */
	MEM_MEMFD,	 /* memfd: 4 KiB pages (MEM_MODE_SPLIT), or MEM_PAGES_RESERVED */
	MEM_GUEST_MEMFD, /* guest_memfd with mmap, all pages shared at first */
};

struct mem_region {
	const char *name; /* static string: "low RAM", "firmware" */
	uint64_t gpa;
	uint64_t len; /* bytes, multiple of the page size */
	/* where this process sees shared pages, PROT_READ | PROT_WRITE; equals gpa modulo 2 MiB, so
	 * that a large page of the host can be one of the guest */
	uint8_t *hva;
	void *map; /* the mapping that it is in, and its bytes */
	size_t map_len;
	int fd;			 /* what is mapped there; -1 for MEM_ANONYMOUS */
	int private_fd;		 /* MEM_MODE_SPLIT: guest_memfd of the private pages; else -1 */
	uint32_t slot;		 /* KVM memory slot */
	struct mem_state *state; /* NULL in MEM_MODE_SHARED: every page is shared for ever */
	bool readonly; /* for the guest: its CPUs' writes are exits, its devices' are refused */
};

/* What conversions have cost so far. */
struct mem_stats {
	_Atomic uint64_t conversions; /* ioctls that changed the state of pages */
	_Atomic uint64_t retries;     /* of those that were refused and tried again */
	_Atomic uint64_t discards;    /* runs of pages given back to the host (MEM_MODE_SPLIT) */
};

struct guest_mem {
	const struct sys *sys;
	const struct kvm_vm *vm; /* NULL: no VM */
	enum mem_mode mode;
	enum mem_backing backing;
	enum mem_pages pages;
	bool preserve; /* MEM_MODE_IN_PLACE: this kernel wants GMEM_PRESERVE to keep contents */
	bool sealed;   /* mem_seal() was called */
	/* waits between two attempts; tests put something faster here */
	void (*pause)(unsigned int microseconds);
	/* NULL, or true when the VM is to end: see mem_check_stop() */
	const atomic_bool *stop;
	/* no VM, and nobody looks at what files have loaded: they are looked up, not read */
	bool unseen;
	bool kept; /* mem_keep_mapped() was called */
	/* in pieces of 2 MiB that have small pages: what the guest is going to use of them */
	struct gpa_range ahead[MEM_AHEAD];
	size_t nahead;
	struct mem_stats stats;
	struct mem_region region[MEM_MAX_REGIONS];
	size_t nregions;
};

/*
 * Prepares *mem for MEM_MODE_SHARED, with the backing for a VM of type KVM_X86_DEFAULT_VM: private
 * anonymous memory, or a memfd for MEM_PAGES_RESERVED. `vm` NULL: anonymous. The VM must outlive
 * *mem. Does not fail; no region exists yet. mem_set_mode() (mem/mode.h) may follow.
 */
void mem_init(struct guest_mem *mem, const struct sys *sys, const struct kvm_vm *vm,
	      enum mem_pages pages);

/*
 * 0, or -ECANCELED with a sentence when the VM is to end. Whatever works on guest memory for long, in
 * the launch or for a request of the guest's, asks this between two steps: nobody else can end it, for
 * a thread that is not in KVM_RUN hears no kick.
 */
int mem_check_stop(const struct guest_mem *mem, struct vmm_error *err);

/* Creates a region, maps it and, with a VM, makes it a memory slot; all of its pages are shared.
 * Regions must not overlap. On failure nothing of the region is left. */
int mem_add_region(struct guest_mem *mem, const char *name, uint64_t gpa, uint64_t len,
		   struct vmm_error *err);

/* The same for the image of a firmware, which the guest cannot write to where KVM can see to that:
 * in MEM_MODE_SHARED. There mem_pin() sees to the guest's devices. In the other modes these pages
 * become private memory like any other. */
int mem_add_rom(struct guest_mem *mem, const char *name, uint64_t gpa, uint64_t len,
		struct vmm_error *err);

/* Adds the regions for `size` bytes of RAM as mem/layout.h lays them out. */
int mem_add_ram(struct guest_mem *mem, uint64_t size, struct vmm_error *err);

/* The kernel may still write to the memory of this VM when it is gone: mem_destroy() leaves it mapped,
 * or somebody else's would be in its place. Any thread of the VM. */
void mem_keep_mapped(struct guest_mem *mem);

/* Unmaps and closes everything. Safe after a failure half-way; no vCPU may run any more. */
void mem_destroy(struct guest_mem *mem);

/* The region that holds all of [gpa, gpa + len), or NULL. len 0 counts as 1. */
const struct mem_region *mem_find(const struct guest_mem *mem, uint64_t gpa, uint64_t len);

/* 1: the page at `gpa` is private, 0: shared, -EFAULT: no RAM is there. */
int mem_is_private(const struct guest_mem *mem, uint64_t gpa);

/* How many pages are private. */
uint64_t mem_private_pages(const struct guest_mem *mem);

/*
 * For the loader and the launch, before the guest runs: where [gpa, gpa + len) is in this process,
 * or NULL when it is not all inside one region, or part of it is private. The pointer is good until
 * somebody converts these pages.
 */
void *mem_ptr(const struct guest_mem *mem, uint64_t gpa, uint64_t len);

/*
 * For the loader, before it writes there: the guest is going to use [gpa, gpa + len) (len > 0) at once,
 * and nothing is known of what is around it. With MEM_PAGES_TRANSPARENT the 2 MiB that it begins in or
 * ends in get small pages, unless it fills them: a large one would cost a VM of some ten MiB one or two
 * more that nobody needs. Other memory stays as it is.
 */
void mem_expect(struct guest_mem *mem, uint64_t gpa, uint64_t len);

/* For the launch: the small pages that are expected to be used, mem->ahead[], exist from now on. That
 * they can be had in one call, and be mapped in one, is what makes them cheap. */
void mem_make_ahead(const struct guest_mem *mem);

/*
 * For devices, at any time: copy out of or into guest memory. -EFAULT when the range is not all RAM
 * of one region, -EACCES when part of it is private, -EROFS for what is to be written in a region
 * that the guest cannot write to; nothing is copied then. The guest may change the bytes meanwhile:
 * never read twice.
 */
int mem_read(const struct guest_mem *mem, uint64_t gpa, void *buf, size_t len);
int mem_write(const struct guest_mem *mem, uint64_t gpa, const void *buf, size_t len);

/*
 * For devices, at any time: shared guest memory in the caller's hands, for system calls that read
 * or write it directly. It stays shared until mem_unpin(), which the same thread calls soon: a
 * conversion of any page of the region waits for it, and fails after about a second with a sentence
 * that names `owner` (a string that outlives the pin: "disk 0"). A thread may hold any number of
 * pins. The errors are those of mem_read() and mem_write(); a request that fails with them is the
 * guest's fault and is answered with an error.
 *
 * This is why a page that the guest makes private under a device's hands costs no more than the
 * request: see mem/state.h.
 */
struct mem_pin {
	void *ptr;
	struct mem_state *state; /* whose lock is held; NULL: none */
	const char *owner;
};

/* What is going to be done with it: who pins for reading writes nothing there. */
enum mem_use { MEM_FOR_READING, MEM_FOR_WRITING };

int mem_pin(const struct guest_mem *mem, uint64_t gpa, size_t len, enum mem_use use,
	    const char *owner, struct mem_pin *pin);
void mem_unpin(struct mem_pin *pin); /* no harm when mem_pin() has failed */

/*
 * Gives the whole pages of a piece of memory that is pinned for writing, [ptr, ptr + len), back to
 * the host: the guest finds zeros when it touches them again. -ENOTSUP when there may be private pages, or with huge
 * pages, whose reservation is never given back.
 */
int mem_give_back(const struct guest_mem *mem, void *ptr, size_t len);

/* "memfd", "guest_memfd", … for messages */
const char *mem_backing_name(const struct guest_mem *mem);

#endif
