// SPDX-License-Identifier: MIT
/*
 * The traps of filling private memory, whatever the technology: sections 3 of KVM's guest_memfd
 * interface (populate and finalize). Those of conversion and of memory modes are test_mem_*;
 * further ones of this section, tested elsewhere:
 *
 *	trap						where
 *	partial progress with success			test_cc_retry, trap_update_issued_once…
 *	EIO that hides EINTR				test_cc_retry
 *	structure rebuilt after EINTR			trap_region_rebuilt_after_eintr
 *	corrected CPUID page not copied back		trap_cpuid_buffer_that_cannot_be_written_to
 *	conversion over populated pages			test_mem_convert, and every launch: a foul
 *	LAUNCH_FINISH while a vCPU is being made	test_cc_retry (EBUSY)
 *	running before the end				trap_running_before_…
 */
#include "cc/tech.h"
#include "tests/unit/cc_fixture.h"
#include "tests/unit/suite.h"
#include "vmm/kvm/uapi_snp.h"
#include "vmm/kvm/uapi_tdx.h"

#include <signal.h>

static struct launch t;

/* Loops go over both technologies in all modes. */
#define CASES	     (2 * LAUNCH_MODES)
#define CASE_TECH(i) ((i) % 2 ? &cc_tdx : &cc_snp)
#define CASE_MODE(i) ((unsigned int)(i) / 2)
#define IN_PLACE(i)  (CASE_MODE(i) != SPLIT)

static int raw(const struct kvm_fd *h, void *cmd)
{
	return kvm_ioctl(h, KVM_MEMORY_ENCRYPT_OP, "raw", cmd, &t.err);
}

static const char *populate_call(void)
{
	return t.config.tech == &cc_snp ? "KVM_SEV_SNP_LAUNCH_UPDATE" : "KVM_TDX_INIT_MEM_REGION";
}

/* One page at `gpa` from `source`, past minivmm. */
static int raw_populate(uint64_t gpa, uint64_t source)
{
	struct snp_launch_update u = {.gfn_start = gpa / PAGE_SIZE,
				      .uaddr = source,
				      .len = PAGE_SIZE,
				      .type = SNP_PAGE_NORMAL};
	struct snp_cmd snp = {.id = SNP_CMD_LAUNCH_UPDATE,
			      .data = (uintptr_t)&u,
			      .sev_fd = (uint32_t)t.cc.sev_fd};
	struct tdx_mem_region r = {.source_addr = source, .gpa = gpa, .nr_pages = 1};
	struct tdx_cmd tdx = {.id = TDX_CMD_INIT_MEM_REGION, .data = (uintptr_t)&r};

	if (t.config.tech == &cc_snp)
		return raw(&t.vm.h, &snp);
	return raw(&t.vcpu[0].h, &tdx);
}

/* Address 0 means "in place", and only where pages are converted in place. */
START_TEST(trap_source_0)
{
	int refused = CASE_TECH(_i) == &cc_snp ? -EIO : -EINVAL;

	launch_init(&t, CASE_TECH(_i), CASE_MODE(_i), 1);
	must(launch_prepare(&t), &t);
	must(launch_vcpus(&t), &t);
	must(mem_convert(&t.mem, 0, PAGES(LOW_PAGES), true, &t.err), &t);
	ck_assert_int_eq(raw_populate(PAGES(20), 0), IN_PLACE(_i) ? 0 : refused);
	launch_close(&t);
}
END_TEST

START_TEST(trap_source_not_aligned)
{
	launch_init(&t, CASE_TECH(_i), CASE_MODE(_i), 1);
	must(launch_prepare(&t), &t);
	for (size_t i = 0; i < t.plan.nitems; i++)
		if (t.plan.item[i].src)
			t.plan.item[i].src = t.source + 8;
	ck_assert_int_eq(launch_complete(&t), -EINVAL);
	launch_says(&t, CASE_TECH(_i) == &cc_snp ? "elsewhere at 0x30000" : "payload at 0x8000");
	launch_says(&t, populate_call());
	ck_assert_uint_eq(launch_pauses, 0);
	launch_close(&t);
}
END_TEST

/* The source lies in guest memory, which has become private: nobody can read it any more. */
START_TEST(trap_source_in_private_memory)
{
	bool snp = CASE_TECH(_i) == &cc_snp;

	launch_init(&t, CASE_TECH(_i), CASE_MODE(_i), 1);
	must(launch_prepare(&t), &t);
	for (size_t i = 0; i < t.plan.nitems; i++)
		if (t.plan.item[i].src)
			t.plan.item[i].src = mem_ptr(&t.mem, PAGES(50), PAGES(2));
	must(launch_vcpus(&t), &t);
	if (!IN_PLACE(_i)) {
		/* the shared copy still stands */
		must(launch_populate(&t), &t);
		launch_close(&t);
		return;
	}
	ck_assert_int_eq(launch_populate(&t), snp ? -EIO : -EFAULT);
	launch_says(&t, snp ? "elsewhere at 0x30000" : "payload at 0x8000");
	if (snp)
		launch_says(&t, "its source cannot be read");
	launch_close(&t);
}
END_TEST

/* A second buffer works in every mode, for platforms that cannot load in place. */
START_TEST(trap_source_elsewhere_is_for_every_mode)
{
	launch_init(&t, CASE_TECH(_i), CASE_MODE(_i), 1);
	must(launch_prepare(&t), &t);
	for (size_t i = 0; i < t.plan.nitems; i++) {
		struct load_item *item = &t.plan.item[i];
		uint8_t *copy;

		if (item->src || item->kind != LOAD_DATA)
			continue;
		copy = aligned_alloc(PAGE_SIZE, item->len);
		memcpy(copy, mem_ptr(&t.mem, item->gpa, item->len), item->len);
		memset(mem_ptr(&t.mem, item->gpa, item->len), 0xee, item->len);
		item->src = copy;
	}
	must(launch_complete(&t), &t);
	launch_assert_measured(&t);
	model_check_launch(t.m, 0, CASE_TECH(_i) == &cc_snp);
	for (size_t i = 0; i < t.plan.nitems; i++) {
		const struct load_item *item = &t.plan.item[i];

		if (!item->src || item->src == t.source)
			continue;
		ck_assert_mem_eq(model_guest_ptr(t.m, 0, item->gpa, item->len), item->src,
				 item->len);
		free((void *)(uintptr_t)item->src);
	}
	launch_close(&t);
}
END_TEST

/* Bytes that are overwritten afterwards are none of the guest's. */
START_TEST(trap_source_changed_after_populate)
{
	uint8_t before[PAGES(2)];
	uint64_t gpa = CASE_TECH(_i) == &cc_snp ? PAGES(48) : PAGES(8);

	launch_init(&t, CASE_TECH(_i), CASE_MODE(_i), 1);
	must(launch_all(&t), &t);
	memcpy(before, t.source, sizeof(before));
	memset(t.source, 0, sizeof(before));
	ck_assert_mem_eq(model_guest_ptr(t.m, 0, gpa, PAGES(2)), before, sizeof(before));
	launch_close(&t);
}
END_TEST

/* Everything is converted before the first page is filled. */
START_TEST(trap_conversion_after_populate)
{
	unsigned long converted = 0, populated = 0;

	launch_init(&t, CASE_TECH(_i), CASE_MODE(_i), 1);
	must(launch_all(&t), &t);
	for (unsigned long n = 1; n <= model_calls(t.m); n++) {
		const char *name = model_call_name(t.m, n);

		if (strncmp(name, "KVM_SET_MEMORY_ATTRIBUTES", 25) == 0)
			converted = n;
		if (!populated && strcmp(name, populate_call()) == 0)
			populated = n;
	}
	ck_assert_uint_gt(converted, 0);
	ck_assert_uint_lt(converted, populated);
	ck_assert_uint_eq(model_wasted_pages(t.m), 0);
	launch_close(&t);
}
END_TEST

/* KVM and firmware refuse it, minivmm does not even ask. */
START_TEST(trap_populate_after_the_end)
{
	unsigned long calls;

	launch_init(&t, CASE_TECH(_i), CASE_MODE(_i), 1);
	must(launch_all(&t), &t);
	calls = model_calls(t.m);
	ck_assert_int_eq(cc_populate(&t.cc, &t.plan, &t.err), -EPERM);
	launch_says(&t, "sealed");
	ck_assert_uint_eq(model_calls(t.m), calls);
	/* an SNP host's kernel must not even be asked: the model aborts, see test_cc_model */
	if (CASE_TECH(_i) != &cc_snp)
		ck_assert_int_eq(raw_populate(PAGES(60), (uintptr_t)t.source), -EINVAL);
	launch_assert_measured(&t);
	launch_close(&t);
}
END_TEST

/* What the launch keeps by asking for it must not be asked for any more, where it can be. */
START_TEST(trap_preserve_after_the_end)
{
	launch_init(&t, CASE_TECH(_i), REV5, 1);
	must(launch_all(&t), &t);
	ck_assert(t.mem.preserve);
	/* a kernel of revision 5 answers EOPNOTSUPP to PRESERVE from here on */
	must(mem_convert(&t.mem, PAGES(50), PAGES(2), false, &t.err), &t);
	must(mem_convert(&t.mem, PAGES(50), PAGES(2), true, &t.err), &t);
	ck_assert(t.mem.preserve);
	launch_close(&t);
}
END_TEST

/* Three pages of an item of which the loader has written the first: KVM would make zeros of the rest,
 * measure them, and say nothing. */
static void add_forgotten(enum load_kind kind)
{
	struct load_item *item =
		load_plan_reserve(&t.plan, "forgotten", PAGES(52), PAGES(2) + 100, kind, &t.err);

	ck_assert_ptr_nonnull(item);
	ck_assert_int_eq(mem_write(&t.mem, PAGES(52), t.source, PAGE_SIZE), 0);
	item->written = PAGE_SIZE;
}

static unsigned long populates(void)
{
	return model_count(t.m, populate_call());
}

START_TEST(trap_forgotten_pages_become_zeros)
{
	const enum load_kind kind = CASE_TECH(_i) == &cc_snp ? LOAD_UNMEASURED : LOAD_DATA;
	unsigned long calls;

	launch_init(&t, CASE_TECH(_i), CASE_MODE(_i), 1);
	must(launch_create_vm(&t), &t);
	must(launch_open(&t), &t);
	must(launch_memory(&t), &t);
	add_forgotten(kind);
	launch_load(&t);
	must(launch_vcpus(&t), &t);
	calls = model_calls(t.m);
	ck_assert_int_eq(launch_populate(&t), -ENODATA);
	launch_says(&t, "forgotten at 0x35000: nobody has written that page");
	/* before anything was converted or handed over */
	ck_assert_uint_eq(model_calls(t.m), calls);
	ck_assert_uint_eq(populates(), 0);
	launch_close(&t);
}
END_TEST

/* The same pages, and who loads them says that zeros are meant; or has written all of them. */
START_TEST(pages_that_are_meant_to_be_zero_are_taken)
{
	launch_init(&t, CASE_TECH(_i), CASE_MODE(_i), 1);
	must(launch_create_vm(&t), &t);
	must(launch_open(&t), &t);
	must(launch_memory(&t), &t);
	add_forgotten(LOAD_DATA);
	t.plan.item[0].written = PAGES(2) + 100;
	ck_assert_int_eq(mem_write(&t.mem, PAGES(54) + 50, t.source, 50), 0);
	/* an item that is all zeros, and was said to be */
	ck_assert_ptr_nonnull(
		load_plan_add(&t.plan, "zeros", PAGES(56), PAGES(2), LOAD_DATA, &t.err));
	t.plan.item[1].used = 0;
	launch_load(&t);
	must(launch_complete(&t), &t);
	launch_assert_measured(&t);
	model_check_launch(t.m, 0, CASE_TECH(_i) == &cc_snp);
	launch_close(&t);
}
END_TEST

/* Nothing in KVM would stop it: the guest would run on pages that everybody can read. */
START_TEST(trap_running_before_memory_is_private_is_a_foul)
{
	launch_init(&t, &cc_sw_protected, (unsigned int)_i, 1);
	must(launch_prepare(&t), &t);
	must(launch_vcpus(&t), &t);
	kvm_vcpu_run(&t.vcpu[0]); /* the model ends the test */
}
END_TEST

SUITE(test_traps_populate)
{
	Suite *s = suite_create("traps_populate");
	TCase *tc = tcase_create("traps");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, trap_source_0, 0, CASES);
	tcase_add_loop_test(tc, trap_source_not_aligned, 0, CASES);
	tcase_add_loop_test(tc, trap_source_in_private_memory, 0, CASES);
	tcase_add_loop_test(tc, trap_source_elsewhere_is_for_every_mode, 0, CASES);
	tcase_add_loop_test(tc, trap_source_changed_after_populate, 0, CASES);
	tcase_add_loop_test(tc, trap_conversion_after_populate, 0, CASES);
	tcase_add_loop_test(tc, trap_populate_after_the_end, 0, CASES);
	tcase_add_loop_test(tc, trap_preserve_after_the_end, 0, 2);
	tcase_add_loop_test(tc, trap_forgotten_pages_become_zeros, 0, CASES);
	tcase_add_loop_test(tc, pages_that_are_meant_to_be_zero_are_taken, 0, CASES);
	tcase_add_loop_test_raise_signal(tc, trap_running_before_memory_is_private_is_a_foul,
					 SIGABRT, 0, LAUNCH_MODES);
	suite_add_tcase(s, tc);
	return s;
}
