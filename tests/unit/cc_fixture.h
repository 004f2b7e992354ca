/* SPDX-License-Identifier: MIT */
/*
 * For the tests of confidential launches: a small VM over the model of KVM, built step by step in
 * the order in which vmm/machine/machine.c does it, with a load plan made by hand that has an item of each
 * kind. A test starts with launch_init() and ends with launch_close(), which checks that nothing is
 * left.
 */
#ifndef TESTS_UNIT_CC_FIXTURE_H
#define TESTS_UNIT_CC_FIXTURE_H

#include "cc/launch.h"
#include "cc/measure.h"
#include "cc/tech.h"
#include "mem/convert.h"
#include "mem/mode.h"
#include "tests/mock/model_snp.h"
#include "tests/mock/model_tdx.h"
#include "tests/mock/objects.h"
#include "vmm/base/bytes.h"
#include "vmm/machine/machine.h"
#include "vmm/x86/cpu_state.h"
#include "vmm/x86/cpuid.h"

#include <check.h>
#include <errno.h>
#include <linux/kvm_para.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGES(n)      ((n)*PAGE_SIZE)
#define HIGH	      LAYOUT_HIGH_BASE
#define LOW_PAGES     64
#define HIGH_PAGES    16
#define CBIT	      51
#define LAUNCH_VCPUS  4
#define TDX_HOB	      PAGES(40)
#define BUS_CYCLES_NS 237 /* KVM_CAP_X86_APIC_BUS_CYCLES_NS */

/* The kernels: each dialect of private memory once. */
static const struct launch_mode {
	const char *name;
	enum model_gmem_dialect kernel;
	enum mem_mode mode;
} launch_modes[] = {
	{"in place, revision 5", MODEL_GMEM_REV5, MEM_MODE_IN_PLACE},
	{"in place, revision 8", MODEL_GMEM_REV8, MEM_MODE_IN_PLACE},
	{"split", MODEL_GMEM_6_12, MEM_MODE_SPLIT},
};

#define LAUNCH_MODES 3
enum { REV5, REV8, SPLIT };

struct launch {
	struct model *m;
	struct kvm_system kvm;
	struct kvm_vm vm;
	struct guest_mem mem;
	struct cc_config config;
	struct cc_launch cc;
	struct kvm_cpuid2 *cpuid;
	struct kvm_vcpu vcpu[LAUNCH_VCPUS];
	uint32_t nvcpus;
	struct load_plan plan;
	uint8_t *source; /* 2 pages of ours that an item comes from */
	struct cc_measurement expected;
	struct vmm_error err;
	struct vmm_log log;
	char logged[4096];
};

static unsigned int launch_pauses;

static inline void launch_no_pause(unsigned int microseconds)
{
	(void)microseconds;
	launch_pauses++;
}

static inline void launch_keep_line(void *ctx, int level, const char *line)
{
	struct launch *t = ctx;
	size_t used = strlen(t->logged);

	(void)level;
	snprintf(t->logged + used, sizeof(t->logged) - used, "%s\n", line);
}

static inline void launch_init(struct launch *t, const struct cc_tech *tech, unsigned int mode,
			       uint32_t vcpus)
{
	memset(t, 0, sizeof(*t));
	t->m = model_new();
	model_offer_snp(t->m);
	model_offer_tdx(t->m);
	model_set_gmem_dialect(t->m, launch_modes[mode].kernel);
	t->kvm.h.fd = t->vm.h.fd = -1;
	t->config = (struct cc_config){
		.tech = tech,
		.vcpus = vcpus,
		.snp = {.policy = 0x30000, .features = 1, .vcpu_sig = 0xa00f11, .cbit = CBIT},
		.tdx = {.attributes = 0x10000000},
	};
	t->cc.pause = launch_no_pause;
	t->log = (struct vmm_log){.write = launch_keep_line, .ctx = t, .level = VMM_LOG_INFO};
	load_plan_init(&t->plan, &t->mem);
	launch_pauses = 0;
	/* a page more than any item has, for sources that begin somewhere in the first one */
	t->source = aligned_alloc(PAGE_SIZE, PAGES(3));
	ck_assert_ptr_nonnull(t->source);
	memset(t->source, 0x55, PAGES(3));
	put_le32(t->source + 4, 0xcafe);
}

static inline void launch_close(struct launch *t)
{
	while (t->nvcpus > 0)
		kvm_vcpu_close(&t->vcpu[--t->nvcpus]);
	cc_close(&t->cc);
	mem_destroy(&t->mem);
	if (t->vm.h.fd >= 0)
		kvm_vm_close(&t->vm);
	if (t->kvm.h.fd >= 0)
		kvm_system_close(&t->kvm);
	free(t->cpuid);
	free(t->source);
	model_check_clean(t->m);
	model_free(t->m);
}

/* --- the steps; each returns what the function under test returned ---------------------------- */

static inline int launch_create_vm(struct launch *t)
{
	bool tdx = t->config.tech == &cc_tdx;
	int ret = kvm_system_open(&t->kvm, model_sys(t->m), &t->err);

	if (ret == 0)
		ret = kvm_vm_create(&t->vm, &t->kvm, t->config.tech->vm_type, &t->err);
	if (ret >= 0 && tdx)
		ret = kvm_vm_enable_cap(&t->vm, KVM_CAP_SPLIT_IRQCHIP, 24, &t->err);
	if (ret >= 0 && tdx)
		ret = kvm_vm_enable_cap(&t->vm, BUS_CYCLES_NS, 40, &t->err);
	if (ret >= 0 && !tdx)
		ret = kvm_vm_create_irqchip(&t->vm, 0, &t->err);
	if (ret >= 0)
		ret = kvm_vm_enable_cap(&t->vm, KVM_CAP_EXIT_HYPERCALL, 1 << KVM_HC_MAP_GPA_RANGE,
					&t->err);
	if (ret >= 0)
		ret = cpuid_create(&t->kvm, &t->vm, &t->config, &t->cpuid, &t->err);
	return ret < 0 ? ret : 0;
}

static inline int launch_open(struct launch *t)
{
	return cc_open(&t->cc, &t->config, &t->kvm, &t->vm, &t->mem, t->cpuid, &t->log, &t->err);
}

/* RAM in two regions; the mode is the one that the kernel offers. */
static inline int launch_memory(struct launch *t)
{
	struct mem_offer offer;
	int ret;

	mem_init(&t->mem, model_sys(t->m), &t->vm, MEM_PAGES_SMALL);
	t->mem.pause = launch_no_pause;
	ret = mem_probe(&t->vm, t->config.tech->vm_type, &offer, &t->err);
	if (ret == 0)
		ret = mem_set_mode(&t->mem, &offer, MEM_MODE_AUTO, &t->err);
	if (ret == 0)
		ret = mem_add_region(&t->mem, "low RAM", 0, PAGES(LOW_PAGES), &t->err);
	if (ret == 0)
		ret = mem_add_region(&t->mem, "high RAM", HIGH, PAGES(HIGH_PAGES), &t->err);
	return ret;
}

/* Adds an item and, where it has bytes, writes different ones into each page. */
static inline struct load_item *launch_item(struct launch *t, const char *name, uint64_t gpa,
					    uint64_t npages, enum load_kind kind)
{
	uint8_t *bytes = load_plan_add(&t->plan, name, gpa, PAGES(npages), kind, &t->err);
	struct load_item *item = &t->plan.item[t->plan.nitems - 1];

	ck_assert_msg(bytes != NULL, "%s", t->err.text);
	if (kind == LOAD_DATA || kind == LOAD_UNMEASURED)
		for (uint64_t at = 0; at < item->len; at += 64)
			put_le64(bytes + at, (gpa + at) * 0x9e3779b97f4a7c15);
	return item;
}

static inline void launch_load_snp(struct launch *t)
{
	bool firmware = t->config.tech == &cc_snp;

	launch_item(t, "kernel", PAGES(16), 9, LOAD_DATA);
	launch_item(t, "parameters", PAGES(1), 1, LOAD_UNMEASURED);
	if (firmware)
		launch_item(t, "secrets", PAGES(9), 1, LOAD_SECRETS);
	if (firmware)
		launch_item(t, "CPUID", PAGES(10), 1, LOAD_CPUID);
	launch_item(t, "high", HIGH + PAGES(3), 2, LOAD_DATA);
	/* what stands elsewhere: only firmware copies it */
	if (firmware)
		launch_item(t, "elsewhere", PAGES(48), 2, LOAD_ZERO)->kind = LOAD_DATA;
	if (firmware)
		t->plan.item[t->plan.nitems - 1].src = t->source;
	ck_assert_int_eq(load_plan_fill(&t->plan, "RAM", LOAD_ZERO, &t->err), 0);
	t->plan.entry = (struct load_entry){.mode = ENTRY_LONG_MODE,
					    .rip = PAGES(16) + 0x200,
					    .arg = PAGES(1),
					    .cr3 = PAGES(3)};
}

/* As a TDVF image has it: not in the order of addresses, some contents not measured, most of RAM
 * left to the guest. */
static inline void launch_load_tdx(struct launch *t)
{
	launch_item(t, "BFV", HIGH, 4, LOAD_DATA);
	launch_item(t, "CFV", HIGH + PAGES(4), 2, LOAD_DATA)->measured = false;
	launch_item(t, "TempMem", PAGES(32), 3, LOAD_ZERO)->measured = false;
	launch_item(t, "TD HOB", TDX_HOB, 1, LOAD_DATA)->measured = false;
	launch_item(t, "payload", PAGES(8), 2, LOAD_ZERO)->kind = LOAD_DATA;
	t->plan.item[t->plan.nitems - 1].src = t->source;
	t->plan.entry = (struct load_entry){.mode = ENTRY_RESET, .arg = TDX_HOB};
}

static inline void launch_load(struct launch *t)
{
	if (t->config.tech == &cc_tdx)
		launch_load_tdx(t);
	else
		launch_load_snp(t);
}

static inline int launch_add_vcpu(struct launch *t)
{
	struct kvm_vcpu *v = &t->vcpu[t->nvcpus];
	int ret = kvm_vcpu_create(v, &t->vm, &t->kvm, t->nvcpus, &t->err);

	if (ret < 0)
		return ret;
	cpuid_set_vcpu(t->cpuid, t->nvcpus++);
	ret = kvm_vcpu_set_cpuid(v, t->cpuid, &t->err);
	if (ret >= 0)
		ret = cpu_state_set(v, t->nvcpus - 1, &t->config, &t->plan, &t->err);
	if (ret >= 0)
		ret = cc_vcpu(&t->cc, v, t->plan.entry.arg, &t->err);
	return ret;
}

static inline int launch_vcpus(struct launch *t)
{
	int ret = 0;

	while (ret == 0 && t->nvcpus < t->config.vcpus)
		ret = launch_add_vcpu(t);
	return ret;
}

static inline int launch_measure(struct launch *t)
{
	if (t->config.tech == &cc_sw_protected || t->config.tech == &cc_none)
		return 0;
	return cc_measure(&t->config, &t->plan, &t->mem, &t->expected, &t->err);
}

static inline int launch_populate(struct launch *t)
{
	int ret = cc_populate(&t->cc, &t->plan, &t->err);

	for (uint32_t id = 0; ret == 0 && t->cc.cpuid_corrected && id < t->nvcpus; id++) {
		cpuid_set_vcpu(t->cpuid, id);
		ret = kvm_vcpu_set_cpuid(&t->vcpu[id], t->cpuid, &t->err);
	}
	return ret;
}

static inline int launch_finish(struct launch *t)
{
	return cc_finish(&t->cc, &t->err);
}

/* Up to and with the loaded plan. */
static inline int launch_prepare(struct launch *t)
{
	int ret = launch_create_vm(t);

	if (ret == 0)
		ret = launch_open(t);
	if (ret == 0)
		ret = launch_memory(t);
	if (ret == 0)
		launch_load(t);
	return ret;
}

/* The rest of it. */
static inline int launch_complete(struct launch *t)
{
	int ret = launch_vcpus(t);

	if (ret == 0)
		ret = launch_measure(t);
	if (ret == 0)
		ret = launch_populate(t);
	if (ret == 0)
		ret = launch_finish(t);
	return ret;
}

static inline int launch_all(struct launch *t)
{
	int ret = launch_prepare(t);

	return ret < 0 ? ret : launch_complete(t);
}

/* --- what the tests look at ------------------------------------------------------------------- */

#define must(ret, t) ck_assert_msg((ret) == 0, "%s", (t)->err.text)

static inline void launch_says(const struct launch *t, const char *text)
{
	ck_assert_msg(strstr(t->err.text, text) != NULL, "\"%s\" is missing in \"%s\"", text,
		      t->err.text);
}

static inline void launch_logged(const struct launch *t, const char *text)
{
	ck_assert_msg(strstr(t->logged, text) != NULL, "\"%s\" is missing in \"%s\"", text,
		      t->logged);
}

/* The firmware has measured what cc_measure() says. */
static inline void launch_assert_measured(struct launch *t)
{
	uint8_t digest[CC_DIGEST];

	model_launch_digest(t->m, 0, digest);
	ck_assert_mem_eq(digest, t->expected.digest, CC_DIGEST);
}

/* Ioctls so far that may change something: all of a launch but questions. */
static inline unsigned long launch_calls(const struct launch *t)
{
	return model_calls(t->m);
}

static inline const struct load_item *launch_find(const struct launch *t, const char *name)
{
	for (size_t i = 0; i < t->plan.nitems; i++)
		if (strcmp(t->plan.item[i].name, name) == 0)
			return &t->plan.item[i];
	ck_abort_msg("no item %s", name);
	return NULL;
}

/* Is the page of the guest the one that launch_item() wrote? */
static inline bool launch_page_written(struct launch *t, uint64_t gpa)
{
	const uint8_t *page = model_guest_ptr(t->m, 0, gpa, PAGE_SIZE);

	for (uint64_t at = 0; at < PAGE_SIZE; at += 64)
		if (get_le64(page + at) != (gpa + at) * 0x9e3779b97f4a7c15)
			return false;
	return true;
}

#endif
