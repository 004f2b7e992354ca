/* SPDX-License-Identifier: MIT */
/*
 * For the fuzzers of the loader: the fuzzer's input is the file, guest memory is emptied after each
 * run, and what was loaded is held against the rules of mem/plan.h.
 */
#ifndef TESTS_FUZZ_BOOT_FUZZ_H
#define TESTS_FUZZ_BOOT_FUZZ_H

#include "boot/boot.h"
#include "tests/fuzz/boot_once.h"
#include "tests/fuzz/fuzz_file.h"
#include "vmm/base/bytes.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define FUZZ_RAM MIB(64)

/* The guest is made once; its pages are given back after each run. */
static inline struct guest_mem *fuzz_guest(void)
{
	static struct guest_mem mem;
	static bool made;

	if (!made) {
		mem_init(&mem, sys_host(), NULL, MEM_PAGES_SMALL);
		fuzz_require(mem_add_ram(&mem, FUZZ_RAM, NULL) == 0);
		made = true;
	}
	return &mem;
}

/* Every item is pages of RAM, no two overlap, and the first instruction is in one of them. */
static inline void fuzz_check_plan(const struct load_plan *plan)
{
	bool entry_loaded = false;

	for (size_t i = 0; i < plan->nitems; i++) {
		const struct load_item *a = &plan->item[i];

		fuzz_require(a->len > 0 && is_aligned(a->gpa | a->len, PAGE_SIZE));
		fuzz_require(range_inside(a->gpa, a->len, 0, FUZZ_RAM) && a->used <= a->len);
		for (size_t j = 0; j < i; j++) {
			const struct load_item *b = &plan->item[j];

			fuzz_require(a->gpa >= b->gpa + b->len || b->gpa >= a->gpa + a->len);
		}
		entry_loaded |= range_inside(plan->entry.rip, 1, a->gpa, a->used);
	}
	fuzz_require(entry_loaded);
	fuzz_require(plan->entry.mode == ENTRY_LONG_MODE || plan->entry.mode == ENTRY_PVH);
}

/* One whole load of a kernel (and of itself as the initrd), both ways of starting it. */
static inline void fuzz_boot(const uint8_t *bytes, size_t len)
{
	static struct load_plan plan;
	struct guest_mem *mem = fuzz_guest();
	struct fuzz_file file = {bytes, len};
	const struct sys sys = {&fuzz_ops, &file};
	const struct sys *host = mem->sys;
	struct vmm_error err;
	struct boot_config config = {
		.kernel = "kernel", .initrd = "initrd", .cmdline = "x", .platform = {.vcpus = 1}};

	mem->sys = &sys;
	for (int i = 0; i < 2; i++) {
		config.long_mode = i;
		load_plan_init(&plan, mem);
		memset(&err, 0, sizeof(err));
		if (boot_once(&config, mem, &plan, &err) == 0)
			fuzz_check_plan(&plan);
		else
			fuzz_require(err.code < 0 && err.text[0] != 0);
		madvise(mem->region[0].hva, FUZZ_RAM, MADV_DONTNEED);
	}
	mem->sys = host;
}

#endif
