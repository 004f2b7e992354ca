// SPDX-License-Identifier: MIT
/* What KVM holds when a plain VM is launched: memory, kernel, CPUID, and registers of each vCPU. */
#include "tests/unit/machine_fixture.h"
#include "tests/unit/suite.h"

#include <errno.h>

static struct model *m;
static struct machine t;

static void setup(void)
{
	m = model_new();
	machine_setup(&t, m, "4");
}

static void teardown(void)
{
	machine_teardown(&t);
	model_check_clean(m);
	model_free(m);
}

static void launch(void)
{
	ck_assert_msg(machine_create(&t.vm, &t.config, model_sys(m), NULL, &t.err) == 0, "%s",
		      t.err.text);
	ck_assert_msg(minivmm_load(t.vm, &t.err) == 0, "%s", t.err.text);
	ck_assert_msg(minivmm_launch(t.vm, &t.err) == 0, "%s", t.err.text);
}

START_TEST(the_guest_finds_its_kernel_and_nothing_else_was_touched)
{
	static uint8_t bzimage[BZ_FILE];
	const struct model_vm *vm;

	launch();
	vm = model_vm(m, 0);
	ck_assert_uint_eq(vm->type, KVM_X86_DEFAULT_VM);
	ck_assert(vm->irqchip);
	ck_assert(vm->pit);
	ck_assert_uint_eq(vm->identity, LAYOUT_IDENTITY);
	bzimage_make(bzimage);
	ck_assert_mem_eq(model_guest_ptr(m, 0, BZ_PREF, BZ_LEN), bzimage + BZ_SETUP, BZ_LEN);
	ck_assert_ptr_nonnull(model_guest_ptr(m, 0, MIB(64) - 1, 1));
	ck_assert_ptr_null(model_guest_ptr(m, 0, MIB(64), 1));
	/* files are read and closed again: nothing but KVM, memory and the machine is open */
	ck_assert_uint_eq(model_count(m, "open"), 2);
}
END_TEST

START_TEST(the_boot_cpu_stands_at_the_kernels_entry)
{
	const struct model_vcpu *v;

	launch();
	v = model_vcpu(m, 0, 0);
	ck_assert_uint_eq(v->regs.rip, BZ_PREF + 0x200); /* boot.rst, 64-bit boot protocol */
	ck_assert_uint_eq(v->regs.rsi, t.vm->plan->entry.arg);
	ck_assert_uint_eq(v->regs.rflags, 2);
	ck_assert_uint_eq(v->sregs.efer & 0x500, 0x500);
	ck_assert_uint_eq(v->sregs.cr0 & 0x80000001, 0x80000001);
	ck_assert_uint_eq(v->sregs.cr4 & 0x20, 0x20);
	ck_assert_uint_eq(v->sregs.cs.l, 1);
	ck_assert_uint_eq(v->sregs.cs.db, 0);
	/* what KVM had: enabled, at its place, boot processor */
	ck_assert_uint_eq(v->sregs.apic_base, LAYOUT_LAPIC | 0x900);
	/* the page tables map the entry to itself */
	ck_assert_ptr_nonnull(model_guest_ptr(m, 0, v->sregs.cr3, 4096));
	ck_assert_uint_eq(get_le64(model_guest_ptr(m, 0, v->sregs.cr3, 8)) & 1, 1);
}
END_TEST

START_TEST(the_other_cpus_wait_in_their_reset_state)
{
	launch();
	for (uint32_t id = 1; id < 4; id++) {
		const struct model_vcpu *v = model_vcpu(m, 0, id);

		ck_assert_uint_eq(v->regs.rip, 0xfff0);
		ck_assert_uint_eq(v->sregs.cs.base, 0xffff0000);
		ck_assert_uint_eq(v->mp_state.mp_state, KVM_MP_STATE_UNINITIALIZED);
	}
}
END_TEST

static const struct kvm_cpuid_entry2 *leaf(const struct model_vcpu *v, uint32_t function,
					   uint32_t index)
{
	const struct kvm_cpuid_entry2 *found = NULL;

	for (uint32_t i = 0; i < v->ncpuid; i++) {
		if (v->cpuid[i].function != function || v->cpuid[i].index != index)
			continue;
		ck_assert_msg(!found, "leaf %#x.%u twice", function, index);
		found = &v->cpuid[i];
	}
	ck_assert_msg(found != NULL, "no leaf %#x.%u", function, index);
	return found;
}

START_TEST(each_cpu_knows_its_place)
{
	launch();
	for (uint32_t id = 0; id < 4; id++) {
		const struct model_vcpu *v = model_vcpu(m, 0, id);

		ck_assert_uint_eq(leaf(v, 1, 0)->ebx >> 24, id);
		ck_assert_uint_eq(leaf(v, 1, 0)->ebx >> 16 & 0xff, 4);
		ck_assert_uint_eq(leaf(v, 1, 0)->ecx >> 31, 1);
		/* SMT level: one thread; core level: two bits of the id, four cores */
		ck_assert_uint_eq(leaf(v, 0xb, 0)->eax, 0);
		ck_assert_uint_eq(leaf(v, 0xb, 0)->ebx, 1);
		ck_assert_uint_eq(leaf(v, 0xb, 0)->ecx, 0x100);
		ck_assert_uint_eq(leaf(v, 0xb, 0)->edx, id);
		ck_assert_uint_eq(leaf(v, 0xb, 1)->eax, 2);
		ck_assert_uint_eq(leaf(v, 0xb, 1)->ebx, 4);
		ck_assert_uint_eq(leaf(v, 0xb, 1)->ecx, 0x201);
		ck_assert_uint_eq(leaf(v, 0xb, 1)->edx, id);
		ck_assert_uint_eq(leaf(v, 0x80000008, 0)->ecx, 0x2003);
		ck_assert_uint_eq(leaf(v, 0x8000001e, 0)->eax, id);
		/* KVM's own leaves pass through: kvmclock */
		ck_assert_uint_eq(leaf(v, 0x40000000, 0)->ebx, 0x4b4d564b);
		ck_assert_uint_ne(leaf(v, 0x40000001, 0)->eax & 8, 0);
	}
}
END_TEST

START_TEST(the_guest_sees_only_what_the_host_supports)
{
	struct kvm_cpuid2 *host =
		calloc(1, sizeof(*host) + MODEL_CPUID_ENTRIES * sizeof(host->entries[0]));
	const uint32_t same[] = {0x7, 0xd, 0x80000001, 0x80000007, 0x40000001};
	struct kvm_system kvm;

	launch();
	ck_assert_int_eq(kvm_system_open(&kvm, model_sys(m), NULL), 0);
	host->nent = MODEL_CPUID_ENTRIES;
	ck_assert_int_eq(kvm_get_supported_cpuid(&kvm, host, NULL), 0);
	for (uint32_t i = 0; i < host->nent; i++) {
		const struct kvm_cpuid_entry2 *h = &host->entries[i], *g;

		for (size_t j = 0; j < ARRAY_SIZE(same); j++) {
			if (h->function != same[j])
				continue;
			g = leaf(model_vcpu(m, 0, 3), h->function, h->index);
			ck_assert_mem_eq(g, h, sizeof(*h));
		}
	}
	free(host);
	kvm_system_close(&kvm);
}
END_TEST

START_TEST(interrupt_pins_are_wired_as_firmware_leaves_them)
{
	launch();
	for (uint32_t id = 0; id < 4; id++) {
		const struct model_vcpu *v = model_vcpu(m, 0, id);
		uint32_t lint0 = get_le32(v->lapic.regs + 0x350);

		/* Intel MultiProcessor Specification 3.6.2.2: ExtINT on the boot CPU only */
		ck_assert_uint_eq(lint0, id == 0 ? 0x700 : 0x10000);
		ck_assert_uint_eq(get_le32(v->lapic.regs + 0x360), 0x400);
	}
}
END_TEST

START_TEST(a_refused_msr_is_named)
{
	model_refuse_msr(m, 0x2ff);
	ck_assert_int_eq(machine_create(&t.vm, &t.config, model_sys(m), NULL, &t.err), 0);
	ck_assert_int_eq(minivmm_load(t.vm, &t.err), 0);
	ck_assert_int_eq(minivmm_launch(t.vm, &t.err), -EINVAL);
	ck_assert_msg(strstr(t.err.text, "0x2ff") != NULL, "%s", t.err.text);
}
END_TEST

START_TEST(more_than_the_host_has_is_refused_before_anything_starts)
{
	model_set_cap(m, KVM_CAP_MAX_VCPUS, 3);
	ck_assert_int_eq(machine_create(&t.vm, &t.config, model_sys(m), NULL, &t.err), -EINVAL);
	ck_assert_ptr_null(t.vm);
	ck_assert_msg(strstr(t.err.text, "machine.vcpus = 4") != NULL, "%s", t.err.text);
	ck_assert_msg(strstr(t.err.text, "at most 3") != NULL, "%s", t.err.text);
}
END_TEST

/* The model's CPU has 48 bits of address: 256 TiB less the hole. */
START_TEST(memory_beyond_the_cpus_address_bits_is_refused)
{
	t.config.machine.memory = 1ULL << 48;
	ck_assert_int_eq(machine_create(&t.vm, &t.config, model_sys(m), NULL, &t.err), -EINVAL);
	ck_assert_msg(strstr(t.err.text, "48 address bits") != NULL, "%s", t.err.text);
}
END_TEST

START_TEST(memory_of_half_a_terabyte_is_laid_out)
{
	ck_assert_int_eq(config_set(&t.config, "machine.memory", "\"600G\"", &t.err), 0);
	launch();
	ck_assert_ptr_nonnull(model_guest_ptr(m, 0, GIB(602) - 1, 1));
	ck_assert_ptr_null(model_guest_ptr(m, 0, GIB(602), 1));
	ck_assert_ptr_null(model_guest_ptr(m, 0, GIB(2), 1));
}
END_TEST

START_TEST(as_many_vcpus_as_apic_ids_allow)
{
	ck_assert_int_eq(config_set(&t.config, "machine.vcpus", "255", &t.err), 0);
	launch();
	ck_assert_uint_eq(leaf(model_vcpu(m, 0, 254), 1, 0)->ebx >> 24, 254);
	ck_assert_uint_eq(leaf(model_vcpu(m, 0, 254), 0xb, 1)->eax, 8);
}
END_TEST

SUITE(test_machine_launch)
{
	Suite *s = suite_create("machine_launch");
	TCase *tc = tcase_create("launch");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, the_guest_finds_its_kernel_and_nothing_else_was_touched);
	tcase_add_test(tc, the_boot_cpu_stands_at_the_kernels_entry);
	tcase_add_test(tc, the_other_cpus_wait_in_their_reset_state);
	tcase_add_test(tc, each_cpu_knows_its_place);
	tcase_add_test(tc, the_guest_sees_only_what_the_host_supports);
	tcase_add_test(tc, interrupt_pins_are_wired_as_firmware_leaves_them);
	tcase_add_test(tc, a_refused_msr_is_named);
	tcase_add_test(tc, more_than_the_host_has_is_refused_before_anything_starts);
	tcase_add_test(tc, memory_beyond_the_cpus_address_bits_is_refused);
	tcase_add_test(tc, memory_of_half_a_terabyte_is_laid_out);
	tcase_add_test(tc, as_many_vcpus_as_apic_ids_allow);
	suite_add_tcase(s, tc);
	return s;
}
