// SPDX-License-Identifier: MIT
/*
 * Confidential guests at run time: requests to convert pages and what they are answered, accesses
 * of the wrong kind, and the words in which such guests end. The model checks hypercall.ret of
 * every request when the guest goes on.
 */
#include "tests/unit/cc_machine.h"
#include "tests/unit/suite.h"

#include "mem/convert.h"

#include <errno.h>
#include <sched.h>

#define PAGES(n) ((n)*PAGE_SIZE)
#define AT	 MIB(2) /* RAM that nothing was loaded into */
#define PRIVATE	 MEMORY_FAULT_PRIVATE

static struct machine t;

static void launch_as(const char *cc, unsigned int kernel)
{
	cc_machine_setup(&t, cc, kernel, "1");
	ck_assert_msg(cc_machine_launch(&t) == 0, "%s", t.err.text);
}

static void setup(void)
{
	launch_as("sw-protected", 1);
}

static void teardown(void)
{
	cc_machine_teardown(&t);
}

#define run(steps) cc_machine_run(&t, steps, ARRAY_SIZE(steps))

static void ends(enum minivmm_end how, const char *says)
{
	machine_must_end(&t, how);
	ck_assert_msg(strstr(t.result.text, says) != NULL, "\"%s\" is not in \"%s\"", says,
		      t.result.text);
}

/* A step that looks: KVM and minivmm agree about a page. Runs on the vCPU's thread. */
struct look {
	uint64_t gpa;
	bool private;
};

static void look(struct model *m, void *ctx)
{
	const struct look *l = ctx;

	if (model_page_private(m, 0, l->gpa) != l->private ||
	    mem_is_private(&t.vm->mem, l->gpa) != l->private) {
		fprintf(stderr, "page %#llx is not %s\n", (unsigned long long)l->gpa,
			l->private ? "private" : "shared");
		abort();
	}
}

/* --- requests that take long --- */

#define PIECES 5000 /* shared pages, each between private ones: more than one request converts */

static const char *const techs[] = {"sw-protected", "snp"};

/* A guest of 64 MiB that shares every second page of its upper half; returns the next step. */
static struct model_step *checkerboard(struct model_step *step)
{
	for (uint64_t i = 0; i < PIECES; i++)
		*step++ = (struct model_step)TO_SHARED(MIB(16) + PAGES(2 * i), 1);
	return step;
}

static void launch_larger(const char *cc)
{
	teardown();
	cc_machine_setup(&t, cc, 1, "1");
	ck_assert_int_eq(config_set(&t.config, "machine.memory", "\"64M\"", &t.err), 0);
	model_skip_measurement(t.model);
	ck_assert_msg(cc_machine_launch(&t) == 0, "%s", t.err.text);
}

static atomic_bool armed;
static uint64_t converted;

static void arm(struct model *m, void *ctx)
{
	(void)m;
	(void)ctx;
	converted = atomic_load(&t.vm->mem.stats.conversions);
	atomic_store(&armed, true);
}

/* A wait in the middle of the long request: here somebody stops the VM. */
static void stop_when_armed(unsigned int microseconds)
{
	(void)microseconds;
	if (!atomic_load(&armed))
		return;
	minivmm_stop(t.vm, MINIVMM_STOP_NOW);
	while (!atomic_load(&t.vm->stopping))
		sched_yield();
}

START_TEST(one_request_of_many_runs_can_be_stopped)
{
	static struct model_step steps[PIECES + 3];
	struct model_step *step = checkerboard(steps);

	launch_larger(techs[_i]);
	atomic_store(&armed, false);
	t.vm->mem.pause = stop_when_armed;
	model_set_gmem_eagain_every(t.model, 100); /* conversions to private */
	*step++ = (struct model_step)CALL(arm, NULL);
	*step++ = (struct model_step)MAP_GPA_ANY(MIB(16), 2 * PIECES, 16);
	*step++ = (struct model_step)POWER_OFF;
	cc_machine_run(&t, steps, (size_t)(step - steps));
	ends(MINIVMM_STOPPED, "");
	ck_assert_uint_le(atomic_load(&t.vm->mem.stats.conversions) - converted, 101);
}
END_TEST

/* Who can be told to ask again is; Linux as an SNP guest gives up, and gets what it asked for. */
START_TEST(one_request_converts_so_many_runs_and_the_guest_asks_again)
{
	static struct model_step steps[PIECES + 3];
	struct model_step *step = checkerboard(steps);
	bool again = strcmp(techs[_i], "snp") != 0;

	launch_larger(techs[_i]);
	*step++ = (struct model_step)MAP_GPA(MIB(16), 2 * PIECES, 16, again ? EAGAIN : 0);
	*step++ = (struct model_step)MAP_GPA(MIB(16), 2 * PIECES, 16, 0);
	*step++ = (struct model_step)POWER_OFF;
	cc_machine_run(&t, steps, (size_t)(step - steps));
	ends(MINIVMM_POWEROFF, "");
	for (uint64_t i = 0; i < PIECES; i++)
		ck_assert(model_page_private(t.model, 0, MIB(16) + PAGES(2 * i)));
}
END_TEST

#define LOOK(at, is) CALL(look, (&(struct look){.gpa = (at), .private = (is)}))

/* --- hypercalls --- */

START_TEST(requests_convert_in_both_directions)
{
	const struct model_step steps[] = {
		LOOK(AT, true),
		TO_SHARED(AT, 4),
		LOOK(AT, false),
		LOOK(AT + PAGES(3), false),
		LOOK(AT + PAGES(4), true),
		TO_PRIVATE(AT + PAGES(1), 1),
		LOOK(AT, false),
		LOOK(AT + PAGES(1), true),
		LOOK(AT + PAGES(2), false),
		/* what is so already */
		TO_SHARED(AT, 1),
		TO_PRIVATE(AT + PAGES(1), 1),
		TO_PRIVATE(AT, 4),
		LOOK(AT + PAGES(3), true),
		POWER_OFF,
	};

	launch_as(_i % 2 ? "snp" : "sw-protected", (unsigned int)_i / 2);
	run(steps);
	ends(MINIVMM_POWEROFF, "");
	teardown();
}
END_TEST

/* All of RAM at once, back and forth; SNP merges requests up to 253 times 2 MiB. */
START_TEST(a_request_may_be_large)
{
	const uint64_t all = CC_MACHINE_RAM / PAGE_SIZE;
	const struct model_step steps[] = {
		MAP_GPA(0, all, 1, 0),
		LOOK(0, false),
		LOOK(CC_MACHINE_RAM - 1, false),
		MAP_GPA(0, all, 0x11, 0),
		LOOK(0, true),
		LOOK(CC_MACHINE_RAM - 1, true),
		/* and far beyond: where no RAM is, pages are shared anyway */
		MAP_GPA(0, 1ULL << 30, 0, 0),
		LOOK(0, false),
		POWER_OFF,
	};

	run(steps);
	ends(MINIVMM_POWEROFF, "");
}
END_TEST

static void count_warnings(void *ctx, int level, const char *line)
{
	unsigned int *count = ctx;

	(void)line;
	*count += level == VMM_LOG_WARN;
}

/* A warning for each of the first, one that there are more, and at the end how many. */
START_TEST(refused_requests_do_not_fill_the_log)
{
	struct model_step steps[1001];
	unsigned int warnings = 0;

	for (size_t i = 0; i < 1000; i++)
		steps[i] = (struct model_step)MAP_GPA(AT, 0, 16, EINVAL);
	steps[1000] = (struct model_step)POWER_OFF;
	t.vm->log.write = count_warnings;
	t.vm->log.ctx = &warnings;
	t.vm->log.level = VMM_LOG_WARN;
	run(steps);
	ends(MINIVMM_POWEROFF, "");
	ck_assert_uint_eq(warnings, VMM_LOG_LINES + 2);
}
END_TEST

/* Nothing changes, the guest is told so, and goes on. */
START_TEST(bad_ranges_are_refused)
{
	const uint64_t end = CC_MACHINE_RAM;
	const struct model_step steps[] = {
		MAP_GPA(AT + 1, 1, 0, EINVAL),
		MAP_GPA(AT + 0x800, 1, 16, EINVAL),
		MAP_GPA(AT, 0, 0, EINVAL),
		MAP_GPA(AT, 0, 16, EINVAL),
		MAP_GPA(AT, UINT64_MAX, 0, EINVAL),
		MAP_GPA(AT, UINT64_MAX / PAGE_SIZE, 0, EINVAL),
		MAP_GPA(AT, 1ULL << 52, 16, EINVAL),
		MAP_GPA(UINT64_MAX - 0xfff, 1, 0, EINVAL),
		MAP_GPA(UINT64_MAX - 0xfff, 2, 16, EINVAL),
		/* private where there is no RAM, or not only RAM */
		MAP_GPA(LAYOUT_VIRTIO_BASE, 1, 16, EINVAL),
		MAP_GPA(end, 1, 16, EINVAL),
		MAP_GPA(end - PAGES(1), 2, 16, EINVAL),
		MAP_GPA(LAYOUT_IOAPIC, 1, 16, EINVAL),
		LOOK(AT, true),
		LOOK(end - PAGES(1), true),
		/* shared it is already: device windows, the I/O APIC, the hole */
		MAP_GPA(LAYOUT_VIRTIO_BASE, 1, 0, 0),
		MAP_GPA(LAYOUT_IOAPIC, 1, 0, 0),
		MAP_GPA(end, 100, 0, 0),
		LOOK(end - PAGES(1), true),
		POWER_OFF,
	};

	run(steps);
	ends(MINIVMM_POWEROFF, "");
}
END_TEST

/* Somebody holds a page: the guest may try again, and nothing has changed. */
START_TEST(a_page_in_use_is_told_as_eagain)
{
	const struct model_step steps[] = {
		TO_SHARED(AT, 4), MAP_GPA(AT, 4, 16, EAGAIN),
		LOOK(AT, false),  LOOK(AT + PAGES(3), false),
		POWER_OFF,
	};

	model_pin_page(t.model, 0, AT + PAGES(2), 0);
	run(steps);
	ends(MINIVMM_POWEROFF, "");
}
END_TEST

/* Let go in time, the guest does not even notice. */
START_TEST(a_page_that_is_let_go_is_waited_for)
{
	const struct model_step steps[] = {TO_SHARED(AT, 4), TO_PRIVATE(AT, 4), LOOK(AT, true),
					   POWER_OFF};

	model_pin_page(t.model, 0, AT + PAGES(2), 5);
	run(steps);
	ends(MINIVMM_POWEROFF, "");
}
END_TEST

static const struct {
	int code;
	uint64_t told;
} conversion_errors[] = {
	{ENOMEM, EAGAIN}, {EINTR, EAGAIN},  {EAGAIN, EAGAIN}, {EIO, EINVAL},
	{EFAULT, EINVAL}, {EINVAL, EINVAL}, {ENOTTY, EINVAL},
};

START_TEST(what_the_kernel_says_is_told_in_one_of_three_words)
{
	const struct model_step steps[] = {MAP_GPA(AT, 1, 0, conversion_errors[_i].told),
					   LOOK(AT, true), POWER_OFF};

	model_answer(t.model, "KVM_SET_MEMORY_ATTRIBUTES2", -conversion_errors[_i].code);
	run(steps);
	ends(MINIVMM_POWEROFF, "");
}
END_TEST

static void other_hypercall(struct model *m, void *ctx)
{
	struct kvm_run *r = model_vcpu(m, 0, 0)->run;

	(void)ctx;
	r->exit_reason = KVM_EXIT_HYPERCALL;
	r->hypercall.nr = 11;
}

START_TEST(another_hypercall_is_a_failure)
{
	const struct model_step steps[] = {CALL(other_hypercall, NULL), RETURN(0)};

	run(steps);
	ends(MINIVMM_FAILED, "unexpected hypercall 11");
}
END_TEST

/* --- accesses of the wrong kind --- */

START_TEST(touching_a_page_converts_it)
{
	const struct model_step steps[] = {
		TOUCH_SHARED(AT),
		LOOK(AT, false),
		LOOK(AT + PAGES(1), true),
		TOUCH_PRIVATE(AT),
		LOOK(AT, true),
		TOUCH_SHARED(AT + PAGES(7) + 0x123),
		LOOK(AT + PAGES(7), false),
		LOOK(AT + PAGES(8), true),
		POWER_OFF,
	};

	launch_as(_i % 2 ? "snp" : "sw-protected", (unsigned int)_i / 2);
	run(steps);
	ends(MINIVMM_POWEROFF, "");
	teardown();
}
END_TEST

/* Many faults, but each gets on. */
START_TEST(faults_at_many_places_are_progress)
{
	struct model_step steps[101];

	for (unsigned int i = 0; i < 100; i++)
		steps[i] = (struct model_step)TOUCH_SHARED(AT + PAGES(i % 50));
	steps[100] = (struct model_step)POWER_OFF;
	run(steps);
	ends(MINIVMM_POWEROFF, "");
}
END_TEST

/* The page is as the guest wants it, and KVM cannot get it. */
START_TEST(a_vcpu_without_progress_is_ended)
{
	const struct model_step steps[] = {MEMORY_FAULT(AT, 4096, PRIVATE, 255), POWER_OFF};

	run(steps);
	ends(MINIVMM_CRASH, "vCPU 0: private access to guest address 0x200000 (low RAM)");
	ck_assert_msg(strstr(t.result.text, "no progress") != NULL, "%s", t.result.text);
	ck_assert_uint_le(minivmm_exits(t.vm), 20);
	ck_assert_int_eq(mem_is_private(&t.vm->mem, AT), 1);
}
END_TEST

/* A conversion that succeeds each time and never helps, as for a page that KVM sees elsewhere. */
START_TEST(a_conversion_that_does_not_help_is_no_progress)
{
	struct model_step steps[64];

	for (unsigned int i = 0; i < ARRAY_SIZE(steps); i++)
		steps[i] = (struct model_step)MEMORY_FAULT(AT, 4096, i & 2 ? PRIVATE : 0, 1);
	run(steps);
	ends(MINIVMM_CRASH, "no progress");
	ck_assert_uint_le(minivmm_exits(t.vm), 20);
}
END_TEST

START_TEST(a_few_faults_at_one_place_are_borne)
{
	const struct model_step steps[] = {MEMORY_FAULT(AT, 4096, PRIVATE, 10), IN_ANY(0x61, 1),
					   MEMORY_FAULT(AT, 4096, PRIVATE, 10), POWER_OFF};

	run(steps);
	ends(MINIVMM_POWEROFF, "");
}
END_TEST

START_TEST(a_fault_where_no_ram_is_is_the_end)
{
	const struct model_step steps[] = {
		MEMORY_FAULT(_i ? LAYOUT_VIRTIO_BASE : CC_MACHINE_RAM, 4096, PRIVATE, 1)};

	run(steps);
	ends(MINIVMM_CRASH, "private access to guest address");
	ck_assert_msg(strstr(t.result.text, "no memory is there") != NULL, "%s", t.result.text);
	ck_assert_msg(strstr(t.result.text, _i ? "0xd0000000" : "0x2000000") != NULL, "%s",
		      t.result.text);
}
END_TEST

/* Debian 12's OVMF as an SNP guest. */
START_TEST(a_private_access_to_the_local_apic_names_old_firmware)
{
	const struct model_step steps[] = {
		MEMORY_FAULT(LAYOUT_LAPIC + 0x20, _i ? 1 : 4096, _i ? 0 : PRIVATE, 1)};

	run(steps);
	ends(MINIVMM_CRASH, "access to guest address 0xfee00020");
	ck_assert_msg((strstr(t.result.text, "old firmware") != NULL) == !_i, "%s", t.result.text);
	ck_assert_msg((strstr(t.result.text, "2025.02") != NULL) == !_i, "%s", t.result.text);
}
END_TEST

START_TEST(a_fault_that_cannot_be_converted_is_the_end)
{
	const struct model_step steps[] = {TOUCH_SHARED(AT), POWER_OFF};

	model_answer(t.model, "KVM_SET_MEMORY_ATTRIBUTES2", -EIO);
	run(steps);
	ends(MINIVMM_CRASH, "shared access to guest address 0x200000 (low RAM)");
	ck_assert_msg(strstr(t.result.text, "EIO") != NULL, "%s", t.result.text);
}
END_TEST

static void fill_fault(struct model *m, void *ctx)
{
	struct kvm_run *r = model_vcpu(m, 0, 0)->run;
	struct run_memory_fault fault = {.gpa = AT, .size = 4096};

	(void)ctx;
	r->exit_reason = KVM_EXIT_MEMORY_FAULT;
	memcpy((uint8_t *)r + KVM_RUN_EXIT, &fault, sizeof(fault));
}

/* The exit comes with this errno, or with none; twice, as a guest that means it does. */
START_TEST(errnos_that_come_with_a_memory_fault)
{
	static const uint64_t with[] = {EFAULT, 0};
	const struct model_step steps[] = {CALL(fill_fault, NULL), RETURN(with[_i]),
					   CALL(fill_fault, NULL), RETURN(with[_i]),
					   LOOK(AT, false),	   POWER_OFF};

	run(steps);
	ends(MINIVMM_POWEROFF, "");
}
END_TEST

/* Not a question of private or shared: no conversion is tried, and no second time either. */
START_TEST(trap_ehwpoison_is_final)
{
	const struct model_step steps[] = {CALL(fill_fault, NULL), RETURN(EHWPOISON)};

	run(steps);
	ends(MINIVMM_CRASH, "shared access to guest address 0x200000 (low RAM): the host's memory "
			    "there is broken");
	ck_assert_int_eq(mem_is_private(&t.vm->mem, AT), 1);
	ck_assert_uint_eq(minivmm_exits(t.vm), 1);
}
END_TEST

/* A vCPU that is kicked between its faults has not got on by that. */
START_TEST(interruptions_are_no_progress)
{
	struct model_step steps[90];

	for (unsigned int i = 0; i < ARRAY_SIZE(steps); i += 3) {
		steps[i] = (struct model_step)MEMORY_FAULT(AT, 4096, PRIVATE, 1);
		steps[i + 1] = (struct model_step)RETURN(EINTR);
		steps[i + 2] = (struct model_step)RETURN(EAGAIN);
	}
	run(steps);
	ends(MINIVMM_CRASH, "no progress");
}
END_TEST

/* Other vCPUs' EIO is a failure of the host; a TD's is mostly its own. */
START_TEST(trap_a_td_that_kvm_gave_up_is_a_crash)
{
	const struct model_step steps[] = {RETURN(EIO)};

	launch_as("tdx", 1);
	run(steps);
	ends(MINIVMM_CRASH,
	     "KVM gave the TD up (KVM_RUN: EIO on vCPU 0): the guest touched memory that it "
	     "had not accepted");
	teardown();
}
END_TEST

/* With any other errno the exit reason is an old one. */
START_TEST(a_stale_memory_fault_is_not_looked_at)
{
	static const uint64_t with[] = {EINVAL, EIO, ENOMEM};
	const struct model_step steps[] = {CALL(fill_fault, NULL), RETURN(with[_i])};

	run(steps);
	ends(MINIVMM_FAILED, "KVM_RUN failed on vCPU 0");
	ck_assert_int_eq(mem_is_private(&t.vm->mem, AT), 1);
}
END_TEST

START_TEST(a_plain_vm_has_nothing_to_convert)
{
	const struct model_step steps[] = {MEMORY_FAULT(AT, 4096, PRIVATE, 255)};

	cc_machine_setup(&t, "none", 1, "1");
	ck_assert_msg(cc_machine_launch(&t) == 0, "%s", t.err.text);
	run(steps);
	ends(MINIVMM_CRASH, "no private memory");
	teardown();
}
END_TEST

/* --- how confidential guests end --- */

#define SEV_TERM(set, code) (0x100 | (uint64_t)(set) << 12 | (uint64_t)(code) << 16)

static const struct {
	uint64_t msr;
	const char *says;
} sev_terms[] = {
	{SEV_TERM(0, 0), "terminated itself, 0:0: general request"},
	{SEV_TERM(0, 1), "0:1: no common version of the GHCB protocol"},
	{SEV_TERM(0, 2), "0:2: the hypervisor does not support SNP features"},
	{SEV_TERM(1, 0), "1:0: the GHCB could not be registered"},
	{SEV_TERM(1, 1), "1:1: a page could not be converted"},
	{SEV_TERM(1, 2), "1:2: a page could not be validated"},
	{SEV_TERM(1, 3), "1:3: the guest does not run at VMPL0"},
	{SEV_TERM(1, 4), "1:4: the CPUID page is missing"},
	{SEV_TERM(1, 5), "1:5: a CPUID lookup"},
	{SEV_TERM(1, 6), "1:6: the secrets page"},
	{SEV_TERM(1, 7), "1:7: there is no SVSM"},
	{SEV_TERM(1, 8), "1:8: the SVSM left VMPL0"},
	{SEV_TERM(1, 9), "1:9: the SVSM's calling area"},
	{SEV_TERM(1, 10), "1:10: unknown reason"},
	{SEV_TERM(2, 7), "2:7: unknown reason"},
	{SEV_TERM(1, 200), "1:200: unknown reason"},
	{SEV_TERM(15, 255), "15:255: unknown reason"},
	{0x12345000, "through its GHCB at 0x12345000; the host kernel's log"},
	{0x12, "a request that is not allowed (GHCB MSR 0x12)"},
};

START_TEST(sev_termination_is_told_in_words)
{
	const struct model_step steps[] = {SYSTEM_EVENT(6, sev_terms[_i].msr)};

	run(steps);
	ends(MINIVMM_CRASH, sev_terms[_i].says);
}
END_TEST

/* Registers by their x86 numbers; RCX is the mask of those that the guest exposed. */
static uint64_t registers[16];

static uint64_t ascii(const char *text)
{
	uint64_t v = 0;

	memcpy(&v, text, strnlen(text, 8));
	return v;
}

static void tdx_fatal(struct model *m, void *ctx)
{
	struct kvm_run *r = model_vcpu(m, 0, 0)->run;
	uint32_t head[2] = {7, 16};

	(void)ctx;
	r->exit_reason = KVM_EXIT_SYSTEM_EVENT;
	memcpy((uint8_t *)r + 32, head, sizeof(head));
	memcpy((uint8_t *)r + 40, registers, sizeof(registers));
}

static const struct model_step fatal[] = {CALL(tdx_fatal, NULL), RETURN(0)};

START_TEST(tdx_text_is_read_in_its_order)
{
	static const unsigned int order[] = {14, 15, 3, 7, 6, 8, 9, 2};
	static const char *const part[] = {"The firm", "ware pan", "icked: 0", "123456789",
					   "abcdefgh", "ijklmnop", "qrstuvwx", "yz+-*/()"};

	registers[1] = 0xffff;
	registers[12] = 1ULL << 63 | 0x77ULL << 32 | 0x15;
	registers[13] = 0x1234000;
	for (size_t i = 0; i < ARRAY_SIZE(order); i++)
		registers[order[i]] = ascii(part[i]);
	run(fatal);
	ends(MINIVMM_CRASH, "the TD reported a fatal error, code 0x15, extended code 0x77, more "
			    "at guest address 0x1234000: The firmware panicked: "
			    "012345678abcdefghijklmnopqrstuvwxyz+-*/()");
}
END_TEST

/* The text is the guest's: nothing in it may reach the terminal as it is. */
START_TEST(tdx_text_is_filtered)
{
	registers[1] = 1 << 14 | 1 << 15 | 1 << 12;
	registers[12] = 0;
	registers[14] = ascii("a\x1b[2Jb\n\r");
	registers[15] = ascii("\x7f\xff\x80 end");
	run(fatal);
	ends(MINIVMM_CRASH, "fatal error, panic: a?[2Jb????? end");
	for (const char *c = t.result.text; *c; c++)
		ck_assert(*c >= ' ' && *c < 0x7f);
}
END_TEST

/* Registers that the guest did not expose are not part of it, and a zero byte ends the text. */
START_TEST(tdx_text_has_only_what_was_exposed)
{
	registers[1] = 1 << 15 | 1 << 3;
	registers[12] = 0;
	registers[14] = ascii("hidden!!");
	registers[15] = ascii("shown");
	registers[3] = ascii("later");
	run(fatal);
	ends(MINIVMM_CRASH, "fatal error, without a code: shown");
	ck_assert_ptr_null(strstr(t.result.text, "hidden"));
	ck_assert_ptr_null(strstr(t.result.text, "later"));
}
END_TEST

START_TEST(tdx_without_text)
{
	memset(registers, 0, sizeof(registers));
	run(fatal);
	ends(MINIVMM_CRASH, "fatal error, without a code: no text");
}
END_TEST

SUITE(test_cc_exits)
{
	Suite *s = suite_create("cc_exits");
	TCase *launched = tcase_create("launched"), *tc = tcase_create("exits");

	tcase_set_timeout(launched, 60);
	tcase_add_test(launched, trap_a_td_that_kvm_gave_up_is_a_crash);
	tcase_add_loop_test(launched, requests_convert_in_both_directions, 0,
			    2 * CC_MACHINE_KERNELS);
	tcase_add_loop_test(launched, touching_a_page_converts_it, 0, 2 * CC_MACHINE_KERNELS);
	tcase_add_test(launched, a_plain_vm_has_nothing_to_convert);
	suite_add_tcase(s, launched);

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_request_may_be_large);
	tcase_add_loop_test(tc, one_request_of_many_runs_can_be_stopped, 0, 2);
	tcase_add_loop_test(tc, one_request_converts_so_many_runs_and_the_guest_asks_again, 0, 2);
	tcase_add_test(tc, bad_ranges_are_refused);
	tcase_add_test(tc, refused_requests_do_not_fill_the_log);
	tcase_add_test(tc, a_page_in_use_is_told_as_eagain);
	tcase_add_test(tc, a_page_that_is_let_go_is_waited_for);
	tcase_add_loop_test(tc, what_the_kernel_says_is_told_in_one_of_three_words, 0,
			    (int)ARRAY_SIZE(conversion_errors));
	tcase_add_test(tc, another_hypercall_is_a_failure);
	tcase_add_test(tc, faults_at_many_places_are_progress);
	tcase_add_test(tc, a_vcpu_without_progress_is_ended);
	tcase_add_test(tc, a_conversion_that_does_not_help_is_no_progress);
	tcase_add_test(tc, a_few_faults_at_one_place_are_borne);
	tcase_add_loop_test(tc, a_fault_where_no_ram_is_is_the_end, 0, 2);
	tcase_add_loop_test(tc, a_private_access_to_the_local_apic_names_old_firmware, 0, 2);
	tcase_add_test(tc, a_fault_that_cannot_be_converted_is_the_end);
	tcase_add_loop_test(tc, errnos_that_come_with_a_memory_fault, 0, 2);
	tcase_add_test(tc, trap_ehwpoison_is_final);
	tcase_add_test(tc, interruptions_are_no_progress);
	tcase_add_loop_test(tc, a_stale_memory_fault_is_not_looked_at, 0, 3);
	tcase_add_loop_test(tc, sev_termination_is_told_in_words, 0, (int)ARRAY_SIZE(sev_terms));
	tcase_add_test(tc, tdx_text_is_read_in_its_order);
	tcase_add_test(tc, tdx_text_is_filtered);
	tcase_add_test(tc, tdx_text_has_only_what_was_exposed);
	tcase_add_test(tc, tdx_without_text);
	suite_add_tcase(s, tc);
	return s;
}
