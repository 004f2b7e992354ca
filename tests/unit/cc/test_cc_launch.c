// SPDX-License-Identifier: MIT
/* Whole launches over the model of KVM: each technology in each memory mode, with one and two
 * vCPUs; what the firmware measured is what cc_measure() said before. */
#include "cc/dispatch.h"
#include "cc/tech.h"
#include "tests/unit/cc_fixture.h"
#include "tests/unit/suite.h"

static struct launch t;

/* Loop tests go over modes and numbers of vCPUs. */
#define CASES		 (LAUNCH_MODES * 2)
#define CASE_MODE(i)	 ((unsigned int)(i) / 2)
#define CASE_VCPUS(i)	 ((unsigned int)(i) % 2 + 1)
#define START_CASE(tech) launch_init(&t, tech, CASE_MODE(_i), CASE_VCPUS(_i))

static uint64_t image_pages(void)
{
	uint64_t n = 0;

	for (size_t i = 0; i < t.plan.nitems; i++)
		n += t.plan.item[i].len / PAGE_SIZE;
	return n;
}

START_TEST(snp_is_measured_as_computed)
{
	const struct model_vm *vm;

	START_CASE(&cc_snp);
	must(launch_all(&t), &t);
	ck_assert_int_eq(t.mem.mode, launch_modes[CASE_MODE(_i)].mode);
	launch_assert_measured(&t);
	model_check_launch(t.m, 0, true);
	ck_assert(launch_page_written(&t, PAGES(16)));
	ck_assert(launch_page_written(&t, PAGES(24)));
	ck_assert(launch_page_written(&t, HIGH + PAGES(4)));
	ck_assert_mem_eq(model_guest_ptr(t.m, 0, PAGES(48), PAGES(2)), t.source, PAGES(2));

	vm = model_vm(t.m, 0);
	ck_assert_uint_eq(vm->snp->pages, LOW_PAGES + HIGH_PAGES + CASE_VCPUS(_i));
	ck_assert_uint_eq(t.expected.pages, vm->snp->pages);
	ck_assert_uint_eq(t.cc.stats.pages, LOW_PAGES + HIGH_PAGES);
	ck_assert_uint_eq(image_pages(), LOW_PAGES + HIGH_PAGES);
	/* ioctls by ranges, not by pages */
	ck_assert_uint_eq(t.cc.stats.populates, t.plan.nitems);
	ck_assert_uint_eq(t.mem.stats.conversions, t.mem.nregions);
	ck_assert_uint_eq(t.cc.stats.retries, 0);
	ck_assert_uint_eq(model_wasted_pages(t.m), 0);
	launch_close(&t);
}
END_TEST

START_TEST(tdx_is_measured_as_computed)
{
	const struct model_vm *vm;

	START_CASE(&cc_tdx);
	must(launch_all(&t), &t);
	launch_assert_measured(&t);
	model_check_launch(t.m, 0, false);
	ck_assert(launch_page_written(&t, HIGH));
	ck_assert(launch_page_written(&t, HIGH + PAGES(5)));
	ck_assert(launch_page_written(&t, TDX_HOB));
	ck_assert_mem_eq(model_guest_ptr(t.m, 0, PAGES(8), PAGES(2)), t.source, PAGES(2));

	vm = model_vm(t.m, 0);
	ck_assert_uint_eq(vm->tdx->pages, image_pages());
	ck_assert_uint_eq(t.expected.pages, image_pages());
	ck_assert_uint_eq(t.cc.stats.pages, image_pages());
	ck_assert_uint_eq(t.cc.stats.populates, t.plan.nitems);
	ck_assert_uint_eq(t.mem.stats.conversions, t.mem.nregions);
	for (uint32_t id = 0; id < t.nvcpus; id++) {
		ck_assert_uint_eq(model_vcpu(t.m, 0, id)->td_rcx, TDX_HOB);
		ck_assert_uint_eq(model_vcpu(t.m, 0, id)->td_index, id);
	}
	launch_close(&t);
}
END_TEST

/* The image is private where pages are converted in place, and shared where they cannot be filled;
 * all other RAM is private. */
START_TEST(sw_protected_memory_is_private_as_far_as_possible)
{
	bool split = CASE_MODE(_i) == SPLIT;

	START_CASE(&cc_sw_protected);
	must(launch_all(&t), &t);
	ck_assert_uint_eq(model_wasted_pages(t.m), 0);
	/* each run of pages once, and none there and back */
	ck_assert_uint_eq(t.mem.stats.conversions, split ? 5 : 2);
	for (size_t i = 0; i < t.plan.nitems; i++) {
		const struct load_item *item = &t.plan.item[i];
		bool private = !split || item->kind == LOAD_ZERO;

		for (uint64_t gpa = item->gpa; gpa < item->gpa + item->len; gpa += PAGE_SIZE) {
			ck_assert_int_eq(model_page_private(t.m, 0, gpa), private);
			ck_assert_int_eq(mem_is_private(&t.mem, gpa), private);
		}
	}
	ck_assert(launch_page_written(&t, PAGES(16)));
	ck_assert(launch_page_written(&t, HIGH + PAGES(4)));
	launch_close(&t);
}
END_TEST

START_TEST(a_plain_vm_needs_nothing_of_all_this)
{
	unsigned long calls;

	launch_init(&t, &cc_none, SPLIT, 2);
	model_set_gmem_dialect(t.m, MODEL_GMEM_6_18);
	must(launch_create_vm(&t), &t);
	calls = launch_calls(&t);
	must(launch_open(&t), &t);
	ck_assert_uint_eq(launch_calls(&t), calls);
	mem_init(&t.mem, model_sys(t.m), &t.vm, MEM_PAGES_SMALL);
	must(mem_add_region(&t.mem, "low RAM", 0, PAGES(LOW_PAGES), &t.err), &t);
	must(mem_add_region(&t.mem, "high RAM", HIGH, PAGES(HIGH_PAGES), &t.err), &t);
	launch_load(&t);
	must(launch_vcpus(&t), &t);
	calls = launch_calls(&t);
	must(launch_populate(&t), &t);
	must(launch_finish(&t), &t);
	ck_assert_uint_eq(launch_calls(&t), calls);
	launch_close(&t);
}
END_TEST

/* One bit anywhere, and the measurement is another: else the comparisons above would show nothing.
 */
START_TEST(the_measurement_notices_a_changed_bit)
{
	const struct cc_tech *tech = _i ? &cc_tdx : &cc_snp;
	uint8_t digest[CC_DIGEST];

	launch_init(&t, tech, REV8, 1);
	must(launch_prepare(&t), &t);
	must(launch_vcpus(&t), &t);
	must(launch_measure(&t), &t);
	t.source[PAGES(1) + 77] ^= 1;
	must(launch_populate(&t), &t);
	must(launch_finish(&t), &t);
	model_launch_digest(t.m, 0, digest);
	ck_assert_mem_ne(digest, t.expected.digest, CC_DIGEST);
	launch_close(&t);
}
END_TEST

/* Nothing of the host enters the measurement: the same plan over plain mappings, without a VM. */
START_TEST(the_measurement_needs_no_vm)
{
	struct cc_measurement with_vm;

	launch_init(&t, _i ? &cc_tdx : &cc_snp, SPLIT, 2);
	must(launch_all(&t), &t);
	with_vm = t.expected;
	launch_close(&t);

	launch_init(&t, _i ? &cc_tdx : &cc_snp, SPLIT, 2);
	mem_init(&t.mem, model_sys(t.m), NULL, MEM_PAGES_SMALL);
	must(mem_add_region(&t.mem, "low RAM", 0, PAGES(LOW_PAGES), &t.err), &t);
	must(mem_add_region(&t.mem, "high RAM", HIGH, PAGES(HIGH_PAGES), &t.err), &t);
	launch_load(&t);
	must(launch_measure(&t), &t);
	ck_assert_mem_eq(&t.expected, &with_vm, sizeof(with_vm));
	launch_close(&t);
}
END_TEST

/* The host keeps one copy of each page: what was shared is given back as it becomes private. */
START_TEST(memory_does_not_double)
{
	uint64_t used;

	launch_init(&t, _i ? &cc_tdx : &cc_snp, SPLIT, 1);
	must(launch_all(&t), &t);
	used = model_memory_in_use(t.m);
	ck_assert_uint_le(used, PAGES(_i ? 12 : 17) + PAGES(2));
	launch_close(&t);
}
END_TEST

/* Nor does it on the way: an item is populated in slices, whose shared copies go one by one. */
START_TEST(trap_memory_never_doubles_during_a_launch)
{
	const uint64_t base = GIB(1), len = MIB(9);
	const struct cc_tech *tech = _i % 2 ? &cc_tdx : &cc_snp;
	uint64_t used;

	launch_init(&t, tech, _i < 2 ? SPLIT : REV8, 1);
	model_skip_measurement(t.m);
	t.config.copy = _i >= 4;
	must(launch_prepare(&t), &t);
	must(mem_add_region(&t.mem, "more RAM", base, len, &t.err), &t);
	launch_item(&t, "initrd", base, len / PAGE_SIZE, LOAD_DATA);
	used = model_memory_in_use(t.m);
	must(launch_vcpus(&t), &t);
	must(launch_populate(&t), &t);
	must(launch_finish(&t), &t);
	ck_assert_uint_ge(model_memory_peak(t.m), len);
	/* SNP: some of the pages that firmware writes come into being */
	ck_assert_uint_le(model_memory_peak(t.m), used + (_i < 2 ? MIB(2) : 0) + PAGES(8));
	ck_assert(launch_page_written(&t, base));
	ck_assert(launch_page_written(&t, base + len - PAGE_SIZE));
	launch_close(&t);
}
END_TEST

/* machine.memory-source = "copy": every page comes from a buffer, also in place. */
START_TEST(items_are_copied_where_they_could_be_taken_in_place)
{
	const struct cc_tech *tech = _i % 2 ? &cc_tdx : &cc_snp;

	launch_init(&t, tech, _i < 2 ? REV5 : REV8, 2);
	t.config.copy = true;
	must(launch_all(&t), &t);
	launch_assert_measured(&t);
	model_check_launch(t.m, 0, tech == &cc_snp);
	ck_assert_uint_eq(model_in_place_pages(t.m, 0), 0);
	ck_assert_uint_eq(t.cc.stats.populates, t.plan.nitems);
	ck_assert_uint_eq(model_wasted_pages(t.m), 0);
	launch_close(&t);

	launch_init(&t, tech, REV8, 2);
	must(launch_all(&t), &t);
	ck_assert_uint_gt(model_in_place_pages(t.m, 0), 0);
	launch_close(&t);
}
END_TEST

/* What the guest gets of an item that it is not measured by. */
START_TEST(unmeasured_contents_arrive)
{
	launch_init(&t, &cc_snp, (unsigned int)_i, 1);
	must(launch_all(&t), &t);
	ck_assert(launch_page_written(&t, PAGES(1)));
	/* secrets come from the firmware */
	ck_assert_uint_eq(get_le32(model_guest_ptr(t.m, 0, PAGES(9), 4)), 3);
	launch_close(&t);
}
END_TEST

/* --- machine.cc = "auto" --- */

static int choose(bool snp, bool tdx, const struct cc_tech **tech)
{
	struct model *m = model_new();
	struct kvm_system kvm;
	int ret;

	if (snp)
		model_offer_snp(m);
	if (tdx)
		model_offer_tdx(m);
	ck_assert_int_eq(kvm_system_open(&kvm, model_sys(m), &t.err), 0);
	ret = cc_choose(&cc_auto, &kvm, tech, &t.err);
	kvm_system_close(&kvm);
	model_check_clean(m);
	model_free(m);
	return ret;
}

START_TEST(auto_is_snp_else_tdx_else_an_error)
{
	const struct cc_tech *tech;

	ck_assert_int_eq(choose(true, true, &tech), 0);
	ck_assert_ptr_eq(tech, &cc_snp);
	ck_assert_int_eq(choose(true, false, &tech), 0);
	ck_assert_ptr_eq(tech, &cc_snp);
	ck_assert_int_eq(choose(false, true, &tech), 0);
	ck_assert_ptr_eq(tech, &cc_tdx);
	/* software-protected VMs, which the host offers, protect nothing */
	ck_assert_int_eq(choose(false, false, &tech), -ENOTSUP);
	launch_says(&t, "neither SNP nor TDX");
}
END_TEST

SUITE(test_cc_launch)
{
	Suite *s = suite_create("cc_launch");
	TCase *tc = tcase_create("launch");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, snp_is_measured_as_computed, 0, CASES);
	tcase_add_loop_test(tc, tdx_is_measured_as_computed, 0, CASES);
	tcase_add_loop_test(tc, sw_protected_memory_is_private_as_far_as_possible, 0, CASES);
	tcase_add_test(tc, a_plain_vm_needs_nothing_of_all_this);
	tcase_add_loop_test(tc, the_measurement_notices_a_changed_bit, 0, 2);
	tcase_add_loop_test(tc, the_measurement_needs_no_vm, 0, 2);
	tcase_add_loop_test(tc, memory_does_not_double, 0, 2);
	tcase_add_loop_test(tc, trap_memory_never_doubles_during_a_launch, 0, 6);
	tcase_add_loop_test(tc, items_are_copied_where_they_could_be_taken_in_place, 0, 4);
	tcase_add_loop_test(tc, unmeasured_contents_arrive, 0, LAUNCH_MODES);
	tcase_add_test(tc, auto_is_snp_else_tdx_else_an_error);
	suite_add_tcase(s, tc);
	return s;
}
