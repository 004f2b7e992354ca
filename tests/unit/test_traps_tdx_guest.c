// SPDX-License-Identifier: MIT
/* The traps of the TDX interface that are about the machine around the launch: see the table in
 * test_traps_tdx.c. The guest starts in a firmware image whose MRTD is published with it. */
#include "cc/measure.h"
#include "mem/convert.h"
#include "tests/unit/cc_machine.h"

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
