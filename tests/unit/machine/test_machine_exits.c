// SPDX-License-Identifier: MIT
/* What each exit of a vCPU means for the VM: how it ends, and what the sentence says. */
#include "tests/unit/machine_fixture.h"
#include "tests/unit/suite.h"

#include <errno.h>

static struct model *m;
static struct machine t;

static void setup(void)
{
	m = model_new();
	machine_setup(&t, m, "2");
}

static void teardown(void)
{
	machine_teardown(&t);
	model_check_clean(m);
	model_free(m);
}

static const struct {
	struct model_step step;
	enum minivmm_end end;
	const char *says; /* part of the sentence; "": none */
} ends[] = {
	{POWER_OFF, MINIVMM_POWEROFF, ""},
	{OUT(PLATFORM_RESET_PORT, 1, PLATFORM_RESET_VALUE), MINIVMM_REBOOT, ""},
	{OUT(I8042_COMMAND_PORT, 1, 0xfe), MINIVMM_REBOOT, ""},
	{OUT(PLATFORM_PVPANIC_PORT, 1, PVPANIC_PANICKED), MINIVMM_CRASH, "guest panic"},
	{EXIT(KVM_EXIT_SHUTDOWN), MINIVMM_CRASH, "triple fault on vCPU 0"},
	{SYSTEM_EVENT(KVM_SYSTEM_EVENT_SHUTDOWN, 0), MINIVMM_POWEROFF, ""},
	{SYSTEM_EVENT(KVM_SYSTEM_EVENT_RESET, 0), MINIVMM_REBOOT, ""},
	{SYSTEM_EVENT(KVM_SYSTEM_EVENT_CRASH, 0), MINIVMM_CRASH, "crash"},
	{SYSTEM_EVENT(99, 0), MINIVMM_FAILED, "system event 99"},
	{FAIL_ENTRY(0x80000021), MINIVMM_FAILED, "0x80000021"},
	{INTERNAL_ERROR(KVM_INTERNAL_ERROR_EMULATION), MINIVMM_FAILED, "emulate"},
	{INTERNAL_ERROR(12345), MINIVMM_FAILED, "suberror 12345"},
	{EXIT(KVM_EXIT_DEBUG), MINIVMM_FAILED, "unexpected exit 4"},
	{RETURN(EFAULT), MINIVMM_FAILED, "EFAULT"},
	{RETURN(EIO), MINIVMM_FAILED, "KVM_RUN failed on vCPU 0"},
};

START_TEST(an_exit_ends_the_vm_as_it_should)
{
	model_script(m, 0, 0, &ends[_i].step, 1);
	machine_must_start(&t);
	machine_must_end(&t, ends[_i].end);
	ck_assert_msg(strstr(t.result.text, ends[_i].says) != NULL, "\"%s\" is not in \"%s\"",
		      ends[_i].says, t.result.text);
	if (ends[_i].end == MINIVMM_POWEROFF || ends[_i].end == MINIVMM_REBOOT)
		ck_assert_str_eq(t.result.text, "");
	ck_assert(!t.result.relaunch);
}
END_TEST

START_TEST(the_other_vcpu_ends_the_vm_as_well)
{
	static const struct model_step guest[] = {EXIT(KVM_EXIT_SHUTDOWN)};

	model_script(m, 0, 1, guest, ARRAY_SIZE(guest));
	machine_must_start(&t);
	machine_must_end(&t, MINIVMM_CRASH);
	ck_assert_msg(strstr(t.result.text, "vCPU 1") != NULL, "%s", t.result.text);
}
END_TEST

/* None of these is an end: the guest goes on to its power-off. */
START_TEST(these_exits_are_nothing_special)
{
	static const struct model_step guest[] = {
		RETURN(EINTR),
		RETURN(EAGAIN),
		EXIT(KVM_EXIT_INTR),
		EXIT(KVM_EXIT_IRQ_WINDOW_OPEN),
		/* nothing stands there: all ones, and writes are dropped */
		IN(0x5ff, 1, 0xff),
		IN(0x1234, 4, 0xffffffff),
		OUT(0x1234, 4, 0),
		LOAD(0xd0000000, 8, UINT64_MAX),
		LOAD(0xd0000000, 1, 0xff),
		STORE(0xd0000000, 4, 1),
		LOAD(UINT64_MAX - 3, 4, 0xffffffff),
		/* a string instruction: several accesses in one exit */
		OUTS(PLATFORM_SERIAL_PORT, 1, '.', 200),
		POWER_OFF,
	};

	model_script(m, 0, 0, guest, ARRAY_SIZE(guest));
	machine_must_start(&t);
	machine_must_end(&t, MINIVMM_POWEROFF);
	ck_assert_uint_ge(minivmm_exits(t.vm), ARRAY_SIZE(guest));
}
END_TEST

START_TEST(a_reset_relaunches_only_when_configured)
{
	static const struct model_step guest[] = {
		OUT(PLATFORM_RESET_PORT, 1, PLATFORM_RESET_VALUE)};

	ck_assert_int_eq(config_set(&t.config, "machine.on-reboot", "\"relaunch\"", NULL), 0);
	model_script(m, 0, 0, guest, ARRAY_SIZE(guest));
	machine_must_start(&t);
	machine_must_end(&t, MINIVMM_REBOOT);
	ck_assert(t.result.relaunch);
}
END_TEST

START_TEST(marks_are_passed_in_order)
{
	static const struct model_step guest[] = {OUT(BOOT_MARK_PORT, 1, 1), POWER_OFF};
	uint64_t last = 0;

	model_script(m, 0, 0, guest, ARRAY_SIZE(guest));
	machine_must_start(&t);
	machine_must_end(&t, MINIVMM_POWEROFF);
	for (unsigned int mark = 0; mark < MINIVMM_MARKS; mark++) {
		uint64_t ns = minivmm_mark_ns(t.vm, (enum minivmm_mark)mark);

		ck_assert_msg(ns > 0 && ns >= last, "mark %u", mark);
		last = ns;
	}
	ck_assert_uint_eq(minivmm_mark_ns(t.vm, MINIVMM_MARKS), 0);
}
END_TEST

/* What KVM must never report, and what a broken one could: nothing is touched outside kvm_run. */
static void shift_data(struct model *model, void *ctx)
{
	const struct model_vcpu *v = model_vcpu(model, 0, 0);

	(void)ctx;
	v->run->exit_reason = KVM_EXIT_IO;
	v->run->io.size = 4;
	v->run->io.count = 3;
	v->run->io.direction = KVM_EXIT_IO_OUT;
	v->run->io.data_offset = MODEL_RUN_SIZE - 8;
}

static void stretch_mmio(struct model *model, void *ctx)
{
	const struct model_vcpu *v = model_vcpu(model, 0, 0);

	(void)ctx;
	v->run->exit_reason = KVM_EXIT_MMIO;
	v->run->mmio.len = 9;
}

START_TEST(impossible_exits_are_refused)
{
	const struct model_step steps[] = {CALL(_i ? stretch_mmio : shift_data, NULL), RETURN(0)};

	model_script(m, 0, 0, steps, ARRAY_SIZE(steps));
	machine_must_start(&t);
	machine_must_end(&t, MINIVMM_FAILED);
	ck_assert_msg(strstr(t.result.text, "KVM reported") != NULL, "%s", t.result.text);
}
END_TEST

SUITE(test_machine_exits)
{
	Suite *s = suite_create("machine_exits");
	TCase *tc = tcase_create("exits");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, an_exit_ends_the_vm_as_it_should, 0, (int)ARRAY_SIZE(ends));
	tcase_add_test(tc, the_other_vcpu_ends_the_vm_as_well);
	tcase_add_test(tc, these_exits_are_nothing_special);
	tcase_add_test(tc, a_reset_relaunches_only_when_configured);
	tcase_add_test(tc, marks_are_passed_in_order);
	tcase_add_loop_test(tc, impossible_exits_are_refused, 0, 2);
	suite_add_tcase(s, tc);
	return s;
}
