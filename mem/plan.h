/* SPDX-License-Identifier: MIT */
/*
 * The load plan: the ordered list of boot items that a loader makes and a launch carries out.
 * Record, then commit: boot/ decides what is where and writes the bytes into shared guest memory,
 * cc/ decides how pages become private and are measured, and the measurement walks the same list
 * in the same order. `minivmm plan` prints it.
 *
 * Items are whole pages and never overlap; their order is the order of the launch.
 */
#ifndef MEM_PLAN_H
#define MEM_PLAN_H

#include "mem/file.h"
#include "mem/vmsa.h"

#include <stdbool.h>

#define LOAD_PLAN_ITEMS 512
#define LOAD_PLAN_MAP	64
#define LOAD_PLAN_VCPUS 256

enum load_kind {
	LOAD_DATA,	 /* the bytes written there (SNP: NORMAL) */
	LOAD_ZERO,	 /* zeros, nothing is written (SNP: ZERO) */
	LOAD_UNMEASURED, /* the bytes, but not measured (SNP: UNMEASURED) */
	LOAD_SECRETS,	 /* SNP: written by the firmware */
	LOAD_CPUID,	 /* SNP: checked by the firmware */
	LOAD_SHARED,	 /* the bytes, in pages that stay shared with the host: the launch leaves
			  * them alone */
};

struct load_item {
	char name[28]; /* "kernel", "initrd", "boot parameters": for people */
	enum load_kind kind;
	bool measured; /* TDX: contents are extended into MRTD; SNP derives it from the kind */
	uint64_t gpa;  /* page aligned */
	uint64_t len;  /* bytes, whole pages */
	uint64_t used; /* bytes of it that the loader writes; the rest is zero */
	uint64_t
		written; /* bytes, from its start, of which the loader has said that they are there */
	const void *src; /* NULL: the bytes stand in guest memory at gpa; else len bytes here */
};

/* What the guest is told about its address space (e820 types, ACPI 6.5 section 15). */
enum gpa_type {
	GPA_RAM = 1,
	GPA_RESERVED = 2,
	GPA_ACPI = 3,
};

struct gpa_map_entry {
	uint64_t gpa;
	uint64_t len;
	enum gpa_type type;
};

/* How the boot CPU starts. */
enum load_entry_mode {
	ENTRY_NONE,
	ENTRY_LONG_MODE, /* 64-bit, paging on: Linux 64-bit boot protocol */
	ENTRY_PVH,	 /* 32-bit protected mode, paging off: Xen PVH start of day */
	ENTRY_RESET,	 /* reset vector of a firmware image */
	ENTRY_CONTEXT,	 /* the registers that `vcpu` has for it */
};

struct load_entry {
	enum load_entry_mode mode;
	uint64_t rip;
	uint64_t arg;	 /* gpa of boot_params (RSI) or of hvm_start_info (EBX) */
	uint64_t cr3;	 /* gpa of the top-level page table, ENTRY_LONG_MODE only */
	uint32_t ap_eip; /* ENTRY_RESET: where the other CPUs start, from the firmware's table */
};

/*
 * Registers that a file brings for a vCPU, in the form in which SNP measures them: a VMSA page
 * (mem/vmsa.h). A plain VM takes those out of it that KVM_SET_SREGS and KVM_SET_REGS set.
 */
struct load_vcpu {
	uint32_t id;
	uint64_t gpa; /* that is measured for the page */
	struct vmsa vmsa;
};

struct load_plan {
	struct guest_mem *mem;
	struct load_item item[LOAD_PLAN_ITEMS];
	size_t nitems;
	struct gpa_map_entry map[LOAD_PLAN_MAP]; /* ascending, no overlap */
	size_t nmap;
	struct load_entry entry;
	struct load_vcpu vcpu[LOAD_PLAN_VCPUS]; /* ids ascending; the firmware measures them last */
	size_t nvcpus;
};

/* `mem` has the regions that items lie in, and outlives the plan. */
void load_plan_init(struct load_plan *plan, struct guest_mem *mem);

/*
 * Appends an item of `used` bytes at the page-aligned `gpa`; its length is `used` rounded up to
 * pages. It must lie inside one region and overlap no other item. Returns where its bytes are to be
 * written, which the caller does at once: all that is `used`. `measured` is true for everything but
 * LOAD_UNMEASURED and LOAD_SHARED; a loader for TDX sets it in the item afterwards. NULL on failure:
 * the reason is err->code, so `err` is not NULL here.
 */
void *load_plan_add(struct load_plan *plan, const char *name, uint64_t gpa, uint64_t used,
		    enum load_kind kind, struct vmm_error *err);

/* The same for bytes that come later, in one piece or several: returns the item, of which nothing is
 * written so far. Whoever writes it says so there. */
struct load_item *load_plan_reserve(struct load_plan *plan, const char *name, uint64_t gpa,
				    uint64_t used, enum load_kind kind, struct vmm_error *err);

/* Appends an item with `len` bytes of a file, LOAD_DATA. */
int load_plan_file(struct load_plan *plan, const char *name, uint64_t gpa,
		   const struct mem_file *file, uint64_t offset, uint64_t len,
		   struct vmm_error *err);

/*
 * Was everything written that items claim to have? -ENODATA with the item and the page if not: KVM
 * makes zeros of pages that were forgotten, and measures them. An item with contents of which
 * nothing is `used` claims zeros, which somebody has to have said. Those that come from elsewhere,
 * that are zeros by their kind, and that the firmware fills in are not looked at.
 */
int load_plan_check_written(const struct load_plan *plan, struct vmm_error *err);

/* Appends an item of `kind` for each run of pages, ascending, that no item covers so far. */
int load_plan_fill(struct load_plan *plan, const char *name, enum load_kind kind,
		   struct vmm_error *err);

/* The highest place for `len` bytes, whole pages inside [low, high), that is RAM and overlaps no item
 * so far. -ENOSPC when there is none. */
int load_plan_find(const struct load_plan *plan, uint64_t len, uint64_t low, uint64_t high,
		   uint64_t *gpa);

/* Appends to the map, or extends its last entry; they come ascending. -ENOSPC when it is full. */
int load_plan_map(struct load_plan *plan, uint64_t gpa, uint64_t len, enum gpa_type type,
		  struct vmm_error *err);

/* The registers that the plan has for this vCPU, or NULL: the entry says how it starts. */
const struct load_vcpu *load_plan_vcpu(const struct load_plan *plan, uint32_t id);

const char *load_kind_name(enum load_kind kind);
const char *gpa_type_name(enum gpa_type type);

#endif
