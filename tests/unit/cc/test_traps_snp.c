// SPDX-License-Identifier: MIT
/*
 * The traps of the SNP interface: what has cost implementers time, each with a test named after it.
 * Where a trap is about what minivmm does, the test shows that it does not fall into it, and, if
 * that is not obvious, that the model would have noticed. Here: the order of calls, what is
 * measured of vCPUs, and the end of a launch. The others:
 *
 *	pages on their way into the guest, the CPUID page	test_traps_snp_update
 *	exits, other CPUs, what the guest finds in memory	test_traps_snp_guest
 *	firmware images and their kernels			test_traps_ovmf
 */
#include "cc/vcpu_state.h"
#include "cc/vmsa.h"
#include "mem/convert.h"
#include "tests/unit/cc_fixture.h"
#include "tests/unit/suite.h"
#include "vmm/kvm/uapi_snp.h"

#include <signal.h>

static struct launch t;

static void setup(void)
{
	launch_init(&t, &cc_snp, REV8, 2);
}

static void teardown(void)
{
	launch_close(&t);
}

static int raw(uint32_t id, void *data)
{
	struct snp_cmd cmd = {.id = id, .data = (uintptr_t)data, .sev_fd = (uint32_t)t.cc.sev_fd};

	return kvm_ioctl(&t.vm.h, KVM_MEMORY_ENCRYPT_OP, "raw", &cmd, &t.err);
}

/* Number of the first call of this name; a failure if there is none. */
static unsigned long first(const char *name)
{
	for (unsigned long n = 1; n <= model_calls(t.m); n++)
		if (strcmp(model_call_name(t.m, n), name) == 0)
			return n;
	ck_abort_msg("%s was never called", name);
	return 0;
}

/* --- the order of calls --- */

START_TEST(trap_bit_0_in_vmsa_features)
{
	struct snp_init init = {.vmsa_features = 1};

	must(launch_create_vm(&t), &t);
	ck_assert_int_eq(raw(SNP_CMD_INIT2, &init), -EINVAL);
	t.config.snp.features = 0x21; /* as the measured VMSA has it */
	must(launch_open(&t), &t);
	ck_assert_uint_eq(model_vm(t.m, 0)->snp->features, 0x21);
}
END_TEST

START_TEST(trap_vcpu_before_init2)
{
	struct kvm_vcpu early;

	must(launch_create_vm(&t), &t);
	must(kvm_vcpu_create(&early, &t.vm, &t.kvm, 0, &t.err), &t);
	ck_assert_int_eq(launch_open(&t), -EINVAL);
	launch_says(&t, "KVM_SEV_INIT2");
	kvm_vcpu_close(&early);
	teardown();

	setup();
	must(launch_all(&t), &t);
	ck_assert_uint_lt(first("KVM_SEV_INIT2"), first("KVM_CREATE_VCPU"));
	ck_assert_uint_lt(first("KVM_SEV_INIT2"), first("KVM_SET_USER_MEMORY_REGION2"));
}
END_TEST

START_TEST(trap_vcpu_or_registers_after_finish)
{
	struct kvm_regs regs = {0};
	unsigned long calls;

	must(launch_all(&t), &t);
	ck_assert_int_eq(kvm_vcpu_set_regs(&t.vcpu[0], &regs, &t.err), -EINVAL);
	ck_assert_int_eq(kvm_vcpu_get_regs(&t.vcpu[0], &regs, &t.err), -EINVAL);
	calls = model_calls(t.m);
	ck_assert_int_eq(cc_vcpu(&t.cc, &t.vcpu[0], 0, &t.err), -EPERM);
	/* what would be one more FINISH: the model aborts at it, kernels crash */
	ck_assert_int_eq(cc_finish(&t.cc, &t.err), -EPERM);
	ck_assert_int_eq(cc_populate(&t.cc, &t.plan, &t.err), -EPERM);
	ck_assert_uint_eq(model_calls(t.m), calls);
}
END_TEST

static void run_early(void)
{
	must(launch_prepare(&t), &t);
	must(launch_vcpus(&t), &t);
	must(launch_populate(&t), &t);
	kvm_vcpu_run(&t.vcpu[0]);
}

START_TEST(trap_running_before_finish_is_a_foul)
{
	run_early(); /* the model aborts */
}
END_TEST

START_TEST(trap_sregs_before_cpuid)
{
	struct cc_vcpu_state state;
	struct kvm_vcpu vcpu;

	must(launch_prepare(&t), &t);
	cc_vcpu_state(&t.plan, 0, 0, CBIT, &state);
	ck_assert_uint_ne(state.sregs.cr3 & 1ULL << CBIT, 0);
	must(kvm_vcpu_create(&vcpu, &t.vm, &t.kvm, 0, &t.err), &t);
	/* the C-bit is an address bit too many for all that KVM knows */
	ck_assert_int_eq(kvm_vcpu_set_sregs(&vcpu, &state.sregs, &t.err), -EINVAL);
	must(kvm_vcpu_set_cpuid(&vcpu, t.cpuid, &t.err), &t);
	must(kvm_vcpu_set_sregs(&vcpu, &state.sregs, &t.err), &t);
	kvm_vcpu_close(&vcpu);
}
END_TEST

START_TEST(trap_leaf_8000001f_not_written)
{
	const struct model_vcpu *v;
	unsigned int found = 0;

	must(launch_all(&t), &t);
	for (uint32_t id = 0; id < 2; id++) {
		v = model_vcpu(t.m, 0, id);
		for (uint32_t i = 0; i < v->ncpuid; i++) {
			const struct kvm_cpuid_entry2 *e = &v->cpuid[i];

			if (e->function != 0x8000001f)
				continue;
			found++;
			ck_assert_uint_eq(e->eax, 0x1a);
			ck_assert_uint_eq(e->ebx, CBIT | 1 << 6);
			ck_assert_uint_eq(e->ecx | e->edx, 0);
		}
	}
	ck_assert_uint_eq(found, 2);
	ck_assert_uint_eq(model_vcpu(t.m, 0, 0)->sregs.cr3, PAGES(3) | 1ULL << CBIT);
}
END_TEST

/* --- what is measured of the vCPUs --- */

/* With firmware the other CPUs start where its reset block says, and RDX is the model's signature,
 * which KVM's reset does not know. */
START_TEST(trap_ap_state_from_the_reset_block)
{
	const struct model_vcpu *ap;

	must(launch_create_vm(&t), &t);
	must(launch_open(&t), &t);
	must(launch_memory(&t), &t);
	launch_item(&t, "firmware", PAGES(16), 9, LOAD_DATA);
	must(load_plan_fill(&t.plan, "RAM", LOAD_ZERO, &t.err), &t);
	t.plan.entry = (struct load_entry){.mode = ENTRY_RESET, .ap_eip = 0x80b004};
	must(launch_complete(&t), &t);
	launch_assert_measured(&t);
	ap = model_vcpu(t.m, 0, 1);
	ck_assert_uint_eq(ap->sregs.cs.base, 0x800000);
	ck_assert_uint_eq(ap->regs.rip, 0xb004);
	ck_assert_uint_eq(ap->regs.rdx, 0xa00f11);
	ck_assert_uint_eq(model_vcpu(t.m, 0, 0)->sregs.cs.base, 0xffff0000);
	ck_assert_uint_eq(model_vcpu(t.m, 0, 0)->regs.rdx, 0xa00f11);
}
END_TEST

START_TEST(trap_segments_not_accessed_or_busy)
{
	must(launch_all(&t), &t);
	for (uint32_t id = 0; id < 2; id++) {
		const struct kvm_sregs *s = &model_vcpu(t.m, 0, id)->sregs;
		const struct kvm_segment *data[] = {&s->ds, &s->es, &s->fs, &s->gs, &s->ss};

		ck_assert_uint_eq(s->cs.type, 0xb);
		ck_assert_uint_eq(s->tr.type, 0xb);
		ck_assert_uint_eq(s->ldt.type, 0x2);
		for (size_t i = 0; i < ARRAY_SIZE(data); i++)
			ck_assert_uint_eq(data[i]->type, 0x3);
	}
}
END_TEST

START_TEST(trap_fields_that_kvm_adds_to_the_vmsa)
{
	static const struct load_plan plan = {.entry = {.mode = ENTRY_RESET}};
	struct cc_vcpu_state state;
	uint8_t page[sizeof(struct vmsa)];

	cc_vcpu_state(&plan, 0, 0x800f12, 0, &state);
	vmsa_build(&state, 1, (struct vmsa *)page);
	ck_assert_uint_eq(get_le32(page + 0x408), 0x1f80);	       /* MXCSR */
	ck_assert_uint_eq(get_le16(page + 0x410), 0x37f);	       /* FCW */
	ck_assert_uint_eq(get_le64(page + 0x148), 0x40);	       /* CR4 */
	ck_assert_uint_eq(get_le64(page + 0xd0), 0x1000);	       /* EFER */
	ck_assert_uint_eq(get_le64(page + 0x268), 0x0007040600070406); /* PAT */
	ck_assert_uint_eq(get_le16(page + 0x12), 0x9b);		       /* CS */
	ck_assert_uint_eq(get_le16(page + 0x92), 0x8b);		       /* TR */
	ck_assert_uint_eq(get_le16(page + 0x32), 0x93);		       /* DS */
}
END_TEST

/* --- FINISH, and after it --- */

START_TEST(trap_host_data_is_at_19)
{
	struct snp_launch_finish f = {.vcek_disabled = 0};
	const uint8_t *bytes = (const uint8_t *)&f;

	memset(f.host_data, 0x77, sizeof(f.host_data));
	ck_assert_uint_eq(bytes[18], 0);
	ck_assert_uint_eq(bytes[19], 0x77);
	ck_assert_uint_eq(bytes[50], 0x77);
	ck_assert_uint_eq(bytes[51], 0);
	memset(t.config.snp.host_data, 0x99, 32);
	t.config.snp.host_data[0] = 1;
	must(launch_all(&t), &t);
	/* the model takes 32 bytes from offset 19 on */
	ck_assert_mem_eq(model_vm(t.m, 0)->snp->host_data, t.config.snp.host_data, 32);
}
END_TEST

static void delete_slot(void)
{
	struct kvm_userspace_memory_region2 r = {.slot = 0};

	must(launch_all(&t), &t);
	kvm_vm_set_region2(&t.vm, &r, &t.err);
}

START_TEST(trap_slot_deleted_over_loaded_pages_is_a_foul)
{
	delete_slot();
}
END_TEST

START_TEST(trap_hole_punched_over_loaded_pages_is_a_foul)
{
	const struct sys *sys = model_sys(t.m);

	teardown();
	launch_init(&t, &cc_snp, SPLIT, 1);
	sys = model_sys(t.m);
	must(launch_all(&t), &t);
	/* FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE */
	sys->ops->fallocate(sys->ctx, t.mem.region[0].private_fd, 3, PAGES(16), PAGE_SIZE);
}
END_TEST

/* Only RAM becomes private, though there is a hole of gigabytes between the two regions. */
START_TEST(trap_private_set_on_mmio_holes)
{
	teardown();
	launch_init(&t, &cc_snp, SPLIT, 1);
	must(launch_all(&t), &t);
	ck_assert(model_page_private(t.m, 0, 0));
	ck_assert(model_page_private(t.m, 0, HIGH + PAGES(HIGH_PAGES - 1)));
	ck_assert_int_eq(mem_is_private(&t.mem, LAYOUT_VIRTIO_BASE), -EFAULT);
	/* the model whistles at PRIVATE where no memory is, see the next test */
	ck_assert_uint_eq(t.mem.stats.conversions, 2);
}
END_TEST

START_TEST(trap_private_on_a_hole_is_a_foul)
{
	struct kvm_memory_attributes a = {
		.address = LAYOUT_VIRTIO_BASE, .size = PAGE_SIZE, .attributes = 8};

	teardown();
	launch_init(&t, &cc_snp, SPLIT, 1);
	must(launch_all(&t), &t);
	kvm_vm_set_attributes(&t.vm, &a, &t.err);
}
END_TEST

SUITE(test_traps_snp)
{
	Suite *s = suite_create("traps_snp");
	TCase *tc = tcase_create("traps");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, trap_bit_0_in_vmsa_features);
	tcase_add_test(tc, trap_vcpu_before_init2);
	tcase_add_test(tc, trap_vcpu_or_registers_after_finish);
	tcase_add_test_raise_signal(tc, trap_running_before_finish_is_a_foul, SIGABRT);
	tcase_add_test(tc, trap_sregs_before_cpuid);
	tcase_add_test(tc, trap_leaf_8000001f_not_written);
	tcase_add_test(tc, trap_ap_state_from_the_reset_block);
	tcase_add_test(tc, trap_segments_not_accessed_or_busy);
	tcase_add_test(tc, trap_fields_that_kvm_adds_to_the_vmsa);
	tcase_add_test(tc, trap_host_data_is_at_19);
	tcase_add_test_raise_signal(tc, trap_slot_deleted_over_loaded_pages_is_a_foul, SIGABRT);
	tcase_add_test_raise_signal(tc, trap_hole_punched_over_loaded_pages_is_a_foul, SIGABRT);
	tcase_add_test(tc, trap_private_set_on_mmio_holes);
	tcase_add_test_raise_signal(tc, trap_private_on_a_hole_is_a_foul, SIGABRT);
	suite_add_tcase(s, tc);
	return s;
}
