/* SPDX-License-Identifier: MIT */
/*
 * Guest memory of a confidential VM over the model of KVM, in each dialect that kernels speak. A
 * test starts with start() or start_as() and the teardown checks that nothing is left.
 */
#ifndef TESTS_UNIT_MEM_FIXTURE_H
#define TESTS_UNIT_MEM_FIXTURE_H

#include "mem/convert.h"
#include "mem/mode.h"
#include "mem/plan.h"
#include "tests/mock/model_gmem.h"
#include "tests/mock/objects.h"
#include "vmm/base/bytes.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAGES(n) ((n)*PAGE_SIZE)

static const struct dialect {
	const char *name;
	enum model_gmem_dialect kernel;
	bool hybrid;
	enum mem_mode mode;
	const char *conversion; /* the ioctl */
} dialects[] = {
	{"Linux 6.12", MODEL_GMEM_6_12, false, MEM_MODE_SPLIT, "KVM_SET_MEMORY_ATTRIBUTES"},
	{"Linux 6.18", MODEL_GMEM_6_18, false, MEM_MODE_SPLIT, "KVM_SET_MEMORY_ATTRIBUTES"},
	{"revision 8, split", MODEL_GMEM_REV8, true, MEM_MODE_SPLIT, "KVM_SET_MEMORY_ATTRIBUTES"},
	{"revision 5", MODEL_GMEM_REV5, false, MEM_MODE_IN_PLACE, "KVM_SET_MEMORY_ATTRIBUTES2"},
	{"revision 8", MODEL_GMEM_REV8, false, MEM_MODE_IN_PLACE, "KVM_SET_MEMORY_ATTRIBUTES2"},
	{"linux-next", MODEL_GMEM_NEXT, false, MEM_MODE_IN_PLACE, "KVM_SET_MEMORY_ATTRIBUTES2"},
};

#define DIALECTS      6
#define FIRST_INPLACE 3

static struct model *m;
static struct kvm_system kvm;
static struct kvm_vm vm;
static struct guest_mem mem;
static struct mem_offer offer;
static struct vmm_error err;

static _Atomic unsigned int pauses, longest_pause;
static _Atomic unsigned long paused_us;

static void __attribute__((unused)) no_pause(unsigned int microseconds)
{
	pauses++;
	paused_us += microseconds;
	if (microseconds > longest_pause)
		longest_pause = microseconds;
}

static void setup(void)
{
	m = model_new();
	model_set_cap(m, KVM_CAP_VM_TYPES,
		      1 << KVM_X86_DEFAULT_VM | 1 << KVM_X86_SW_PROTECTED_VM | 1 << KVM_X86_SNP_VM |
			      1 << KVM_X86_TDX_VM);
	kvm.h.fd = vm.h.fd = -1;
	pauses = longest_pause = 0;
	paused_us = 0;
}

static void __attribute__((unused)) teardown(void)
{
	mem_destroy(&mem);
	if (vm.h.fd >= 0)
		kvm_vm_close(&vm);
	if (kvm.h.fd >= 0)
		kvm_system_close(&kvm);
	model_check_clean(m);
	model_free(m);
}

static void create_vm(const struct dialect *d, unsigned long type)
{
	model_set_gmem_dialect(m, d->kernel);
	if (d->hybrid)
		model_set_gmem_hybrid(m);
	ck_assert_int_eq(kvm_system_open(&kvm, model_sys(m), &err), 0);
	ck_assert_int_eq(kvm_vm_create(&vm, &kvm, type, &err), 0);
	mem_init(&mem, model_sys(m), &vm, MEM_PAGES_SMALL);
}

/* A VM of this type whose memory has the dialect's mode, without regions. */
static void __attribute__((unused)) start_as(const struct dialect *d, unsigned long type)
{
	create_vm(d, type);
	ck_assert_int_eq(mem_probe(&vm, type, &offer, &err), 0);
	ck_assert_msg(mem_set_mode(&mem, &offer, d->mode, &err) == 0, "%s: %s", d->name, err.text);
	mem.pause = no_pause;
}

static void __attribute__((unused)) add(uint64_t gpa, uint64_t len)
{
	ck_assert_msg(mem_add_region(&mem, "RAM", gpa, len, &err) == 0, "%s", err.text);
}

static void __attribute__((unused)) assert_says(const char *text)
{
	ck_assert_msg(strstr(err.text, text) != NULL, "\"%s\" is missing in \"%s\"", text,
		      err.text);
}

/* What KVM knows is what minivmm knows: for each page of all regions. */
static void __attribute__((unused)) assert_record_is_true(void)
{
	for (size_t i = 0; i < mem.nregions; i++) {
		const struct mem_region *r = &mem.region[i];

		for (uint64_t gpa = r->gpa; gpa < r->gpa + r->len; gpa += PAGE_SIZE)
			ck_assert_msg(mem_is_private(&mem, gpa) == model_page_private(m, 0, gpa),
				      "page %#llx", (unsigned long long)gpa);
	}
}

/* Ioctls that convert pages, so far. */
static unsigned long __attribute__((unused)) conversions(const struct dialect *d)
{
	return model_count(m, d->conversion);
}

/* Could a thread touch this byte without a signal? */
static bool __attribute__((unused)) can_touch(const void *p)
{
	int fds[2];
	bool ok;

	ck_assert_int_eq(pipe(fds), 0);
	ok = write(fds[1], p, 1) == 1;
	ck_assert(ok || errno == EFAULT);
	close(fds[0]);
	close(fds[1]);
	return ok;
}

#endif
