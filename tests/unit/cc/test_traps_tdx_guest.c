// SPDX-License-Identifier: MIT
/* The traps of the TDX interface that are about the machine around the launch: see the table in
 * test_traps_tdx.c. The guest starts in a firmware image whose MRTD is published with it. */
#include "cc/measure.h"
#include "mem/convert.h"
#include "tests/unit/cc_machine.h"
#include "tests/unit/suite.h"
#include "vmm/machine/exit_ports.h"

#define PAGES(n) ((n)*PAGE_SIZE)
#define AT	 MIB(12)

static struct machine t;

static void setup(void)
{
	cc_machine_setup(&t, "tdx", 1, "2");
	ck_assert_msg(cc_machine_launch(&t) == 0, "%s", t.err.text);
}

static void teardown(void)
{
	cc_machine_teardown(&t);
}

#define run(steps) cc_machine_run(&t, steps, ARRAY_SIZE(steps))

/* tests/vectors/tdx-vectors.json, synthetic-a: each page is extended before the next is added. */
START_TEST(trap_all_adds_before_extends)
{
	static const uint8_t mrtd[8] = {0x18, 0xfb, 0xba, 0xc5, 0x8d, 0x3d, 0xba, 0xb1};
	uint8_t digest[CC_DIGEST];

	model_launch_digest(t.model, 0, digest);
	ck_assert_mem_eq(digest, mrtd, sizeof(mrtd));
	model_check_launch(t.model, 0, false);
}
END_TEST

static _Atomic bool second_ran;

static void second(struct model *m, void *ctx)
{
	(void)m;
	(void)ctx;
	second_ran = true;
}

/* The firmware's other CPUs wait in a loop for its first one: all of them run at once. */
START_TEST(trap_only_vcpu_0_started)
{
	const struct model_step other[] = {CALL(second, NULL), POWER_OFF};
	const struct model_step boot[] = {HALT()};

	second_ran = false;
	model_script(t.model, 0, 1, other, ARRAY_SIZE(other));
	run(boot);
	machine_must_end(&t, MINIVMM_POWEROFF);
	ck_assert(second_ran);
	ck_assert_uint_eq(model_vcpu(t.model, 0, 1)->mp_state.mp_state, KVM_MP_STATE_RUNNABLE);
}
END_TEST

/* The model takes a negative number for a foul. */
START_TEST(trap_hypercall_ret_negative)
{
	const struct model_step steps[] = {MAP_GPA(AT + 1, 1, 0, EINVAL),
					   TO_SHARED(AT, 512),
					   TO_PRIVATE(AT, 512),
					   MAP_GPA(LAYOUT_VIRTIO_BASE, 1, 16, EINVAL),
					   MAP_GPA(LAYOUT_IOAPIC, 1, 0, 0),
					   POWER_OFF};

	run(steps);
	machine_must_end(&t, MINIVMM_POWEROFF);
}
END_TEST

START_TEST(trap_bus_cycles_cap_forgotten)
{
	ck_assert(model_vm(t.model, 0)->split_irqchip);
	ck_assert_uint_eq(model_vm(t.model, 0)->bus_cycle_ns, 40);
}
END_TEST

/* KVM does not see a TD's end of interrupt: a line is a message to a local APIC, and no more than
 * one before it falls, however the guest programs its pin. */
START_TEST(trap_level_triggered_interrupts)
{
	const struct model_step steps[] = {
		STORE(LAYOUT_IOAPIC, 4, 0x10 + 2 * PLATFORM_SERIAL_IRQ),
		STORE(LAYOUT_IOAPIC + 0x10, 4, 0x8000 | 0x41), /* level, vector 0x41 */
		OUT(UART_IER, 1, 2),
		OUT(PLATFORM_SERIAL_PORT, 1, '!'),
		IN_ANY(PLATFORM_SERIAL_PORT + 2, 1),
		POWER_OFF};

	run(steps);
	machine_must_end(&t, MINIVMM_POWEROFF);
	ck_assert_uint_eq(model_vm(t.model, 0)->last_message.data, 0x41);
	ck_assert_uint_eq(model_count(t.model, "KVM_IRQ_LINE"), 0);
	ck_assert_uint_eq(model_count(t.model, "KVM_CREATE_IRQCHIP"), 0);
}
END_TEST

/* The pin of a virtio device, whose irqfd KVM is to turn into a message. */
START_TEST(pins_that_the_guest_programs_are_routes)
{
	const struct model_step steps[] = {STORE(LAYOUT_IOAPIC, 4, 0x10 + 2 * 5 + 1),
					   STORE(LAYOUT_IOAPIC + 0x10, 4, 0x01000000),
					   STORE(LAYOUT_IOAPIC, 4, 0x10 + 2 * 5),
					   LOAD(LAYOUT_IOAPIC + 0x10, 4, 0x10000),
					   STORE(LAYOUT_IOAPIC + 0x10, 4, 0x52),
					   STORE(LAYOUT_IOAPIC, 4, 0x10 + 2 * 6),
					   STORE(LAYOUT_IOAPIC + 0x10, 4, 0x53),
					   STORE(LAYOUT_IOAPIC + 0x10, 4, 0x10053),
					   POWER_OFF};
	const struct kvm_irq_routing_entry *route = model_vm(t.model, 0)->route;

	run(steps);
	machine_must_end(&t, MINIVMM_POWEROFF);
	ck_assert_uint_eq(route[5].type, KVM_IRQ_ROUTING_MSI);
	ck_assert_uint_eq(route[5].u.msi.address_lo, 0xfee01000);
	ck_assert_uint_eq(route[5].u.msi.data, 0x52);
	ck_assert_uint_eq(route[6].type, 0);
}
END_TEST

START_TEST(trap_apic_ids_in_cpuid_other_than_vcpu_ids)
{
	for (uint32_t id = 0; id < 2; id++) {
		const struct model_vcpu *v = model_vcpu(t.model, 0, id);

		ck_assert_uint_eq(v->td_index, id);
		for (uint32_t i = 0; i < v->ncpuid; i++) {
			const struct kvm_cpuid_entry2 *e = &v->cpuid[i];

			if (e->function == 1)
				ck_assert_uint_eq(e->ebx >> 24, id);
			if (e->function == 0xb || e->function == 0x1f)
				ck_assert_uint_eq(e->edx, id);
		}
	}
}
END_TEST

/* The table that the firmware completes with its wakeup entry: one CPU for each vCPU, with its id. */
START_TEST(trap_apic_ids_in_madt_other_than_vcpu_ids)
{
	static uint8_t tables[128 * 1024];
	struct boot_config boot;
	const uint8_t *madt;
	uint32_t next = 0;
	int len;

	machine_boot_config(&t.config, &cc_tdx, &boot);
	len = acpi_build(&boot.platform, tables, sizeof(tables), 0xe0000, &t.err);
	ck_assert_msg(len > 0, "%s", t.err.text);
	madt = memmem(tables, (size_t)len, "APIC", 4);
	ck_assert_ptr_nonnull(madt);
	/* ACPI 6.5, table 5.19: entries from byte 44 on, of a type and a length */
	for (uint32_t at = 44; at < get_le32(madt + 4); at += madt[at + 1]) {
		ck_assert_uint_ge(madt[at + 1], 2);
		ck_assert_uint_ne(madt[at], 0x10); /* the firmware's to add */
		if (madt[at] != 0)
			continue;
		ck_assert_uint_eq(madt[at + 3], model_vcpu(t.model, 0, next)->id);
		ck_assert_uint_eq(madt[at + 3], model_vcpu(t.model, 0, next)->td_index);
		next++;
	}
	ck_assert_uint_eq(next, model_vm(t.model, 0)->nvcpus);
}
END_TEST

/* Each vCPU finds the list of memory by its RCX and R8. */
START_TEST(trap_hob_address_not_given_to_each_vcpu)
{
	uint64_t hob = t.vm->plan->entry.arg;

	ck_assert_uint_ne(hob, 0);
	ck_assert_uint_eq(model_vcpu(t.model, 0, 0)->td_rcx, hob);
	ck_assert_uint_eq(model_vcpu(t.model, 0, 1)->td_rcx, hob);
	ck_assert_uint_eq(get_le16(model_guest_ptr(t.model, 0, hob, 2)), 1); /* PHIT */
}
END_TEST

static void keep_line(void *ctx, int level, const char *line)
{
	char *logged = ctx;

	(void)level;
	if (strstr(line, "exits for I/O ports"))
		snprintf(logged, 256, "%s", line);
}

/*
 * The way of Linux to measure its TSC by the PIT, arch/x86/kernel/tsc.c, quick_pit_calibrate(): it
 * polls counter 2 for as long as the byte it waits for, 0xff, is there, up to 50,000 times two reads.
 * At the second read it has to be another one. The gate of that counter has bit 5 set, or
 * pit_calibrate_tsc() waits for ever.
 */
START_TEST(trap_timer_that_is_not_there_is_polled)
{
	const struct model_step steps[] = {
		IN(0x61, 1, 0xff),  OUT(0x61, 1, 0xfd), OUT(0x43, 1, 0xb0), OUT(0x42, 1, 0xff),
		OUT(0x42, 1, 0xff), IN(0x42, 1, 0),	IN(0x42, 1, 0),	    IN(0x40, 1, 0),
		IN(0x41, 2, 0),	    IN(0x43, 1, 0xff),	IN(0x61, 1, 0xff),  POWER_OFF,
	};
	char logged[256] = "";

	t.vm->log = (struct vmm_log){.write = keep_line,
				     .ctx = logged,
				     .level = VMM_LOG_DEBUG,
				     .limits = &t.vm->log_limits};
	t.vm->port_exits = exit_ports_create(&t.vm->log);
	run(steps);
	machine_must_end(&t, MINIVMM_POWEROFF);
	minivmm_destroy(t.vm);
	t.vm = NULL;
	ck_assert_msg(strcmp(logged, "exits for I/O ports: 12, most of them 0x42:4 0x61:3 0x43:2 "
				     "0x40:1 0x41:1 0x604:1") == 0,
		      "%s", logged);
}
END_TEST

/* More than the host has CPUs: KVM's limit for TDs is another than for other VMs. */
START_TEST(trap_limit_of_vcpus)
{
	teardown();
	cc_machine_setup(&t, "tdx", 1, "5");
	ck_assert_int_eq(cc_machine_launch(&t), -EINVAL);
	ck_assert_msg(strstr(t.err.text, "at most 4") != NULL, "%s", t.err.text);
}
END_TEST

SUITE(test_traps_tdx_guest)
{
	Suite *s = suite_create("traps_tdx_guest");
	TCase *tc = tcase_create("traps");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, trap_all_adds_before_extends);
	tcase_add_test(tc, trap_only_vcpu_0_started);
	tcase_add_test(tc, trap_hypercall_ret_negative);
	tcase_add_test(tc, trap_bus_cycles_cap_forgotten);
	tcase_add_test(tc, trap_level_triggered_interrupts);
	tcase_add_test(tc, pins_that_the_guest_programs_are_routes);
	tcase_add_test(tc, trap_apic_ids_in_cpuid_other_than_vcpu_ids);
	tcase_add_test(tc, trap_apic_ids_in_madt_other_than_vcpu_ids);
	tcase_add_test(tc, trap_hob_address_not_given_to_each_vcpu);
	tcase_add_test(tc, trap_timer_that_is_not_there_is_polled);
	tcase_add_test(tc, trap_limit_of_vcpus);
	suite_add_tcase(s, tc);
	return s;
}
