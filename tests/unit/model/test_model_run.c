// SPDX-License-Identifier: MIT
/* The modelled KVM_RUN: exits look as KVM makes them, and signals work as in Linux. */
#include "tests/unit/model_fixture.h"
#include "tests/unit/suite.h"

/* --- KVM_RUN --- */

static void mask_of_kvm(uint64_t blocked)
{
	union {
		struct kvm_signal_mask head;
		uint8_t bytes[sizeof(struct kvm_signal_mask) + 8];
	} mask = {.head = {.len = 8}};

	memcpy(mask.bytes + sizeof(struct kvm_signal_mask), &blocked, 8);
	ck_assert_int_eq(kvm_vcpu_set_signal_mask(&vcpu, &mask.head, &err), 0);
}

static bool kick_pending(void)
{
	sigset_t set;

	sigpending(&set);
	return sigismember(&set, KICK);
}

START_TEST(exits_look_as_kvm_makes_them)
{
	static const struct model_step steps[] = {
		OUT(0x3f8, 1, 'A'),	   IN(0x3fd, 1, 0x60),
		OUTS(0x3f8, 2, 0x1234, 3), STORE(0xd0000000, 4, 0xdeadbeef),
		LOAD(0xd0000004, 8, 7),	   EXIT(KVM_EXIT_SHUTDOWN),
		FAIL_ENTRY(0x80000021),	   INTERNAL_ERROR(1),
		SYSTEM_EVENT(2, 9),	   RETURN(EFAULT),
	};
	struct kvm_run *run = vcpu.run;
	uint8_t *io = (uint8_t *)run + 4096;

	model_script(m, 0, 0, steps, ARRAY_SIZE(steps));
	ck_assert_int_eq(kvm_vcpu_run(&vcpu), 0);
	ck_assert_uint_eq(run->exit_reason, KVM_EXIT_IO);
	ck_assert_uint_eq(run->io.direction, KVM_EXIT_IO_OUT);
	ck_assert_uint_eq(run->io.port, 0x3f8);
	ck_assert_uint_eq(run->io.data_offset, 4096);
	ck_assert_uint_eq(io[0], 'A');
	ck_assert_int_eq(kvm_vcpu_run(&vcpu), 0);
	ck_assert_uint_eq(run->io.direction, KVM_EXIT_IO_IN);
	io[0] = 0x60;
	ck_assert_int_eq(kvm_vcpu_run(&vcpu), 0);
	ck_assert_uint_eq(run->io.count, 3);
	ck_assert_uint_eq(get_le16(io + 4), 0x1234);
	ck_assert_int_eq(kvm_vcpu_run(&vcpu), 0);
	ck_assert_uint_eq(run->exit_reason, KVM_EXIT_MMIO);
	ck_assert_uint_eq(run->mmio.is_write, 1);
	ck_assert_uint_eq(run->mmio.phys_addr, 0xd0000000);
	ck_assert_uint_eq(get_le32(run->mmio.data), 0xdeadbeef);
	ck_assert_int_eq(kvm_vcpu_run(&vcpu), 0);
	ck_assert_uint_eq(run->mmio.is_write, 0);
	put_le64(run->mmio.data, 7);
	ck_assert_int_eq(kvm_vcpu_run(&vcpu), 0);
	ck_assert_uint_eq(run->exit_reason, KVM_EXIT_SHUTDOWN);
	ck_assert_int_eq(kvm_vcpu_run(&vcpu), 0);
	ck_assert_uint_eq(run->fail_entry.hardware_entry_failure_reason, 0x80000021);
	ck_assert_int_eq(kvm_vcpu_run(&vcpu), 0);
	ck_assert_uint_eq(run->internal.suberror, 1);
	ck_assert_int_eq(kvm_vcpu_run(&vcpu), 0);
	ck_assert_uint_eq(run->system_event.type, 2);
	ck_assert_int_eq(kvm_vcpu_run(&vcpu), -EFAULT);
}
END_TEST

START_TEST(immediate_exit_completes_the_last_exit_and_returns)
{
	static const struct model_step steps[] = {IN(0x60, 1, 5), OUT(0x80, 1, 1)};

	model_script(m, 0, 0, steps, ARRAY_SIZE(steps));
	ck_assert_int_eq(kvm_vcpu_run(&vcpu), 0);
	((uint8_t *)vcpu.run)[4096] = 5;
	vcpu.run->immediate_exit = 1;
	ck_assert_int_eq(kvm_vcpu_run(&vcpu), -EINTR);
	((uint8_t *)vcpu.run)[4096] = 6;
	ck_assert_int_eq(kvm_vcpu_run(&vcpu), -EINTR);
	vcpu.run->immediate_exit = 0;
	ck_assert_int_eq(kvm_vcpu_run(&vcpu), 0);
	ck_assert_uint_eq(vcpu.run->io.port, 0x80);
}
END_TEST

/* What the kick of a vCPU thread relies on: vmm/machine/vcpu.c. */
START_TEST(a_signal_that_kvms_mask_lets_through_stays_pending)
{
	block_kick();
	mask_of_kvm(~(1ULL << (KICK - 1)));
	pthread_kill(pthread_self(), KICK);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(kvm_vcpu_run(&vcpu), -EINTR);
		ck_assert_uint_eq(vcpu.run->exit_reason, KVM_EXIT_INTR);
		ck_assert(kick_pending());
	}
}
END_TEST

START_TEST(a_signal_ends_a_wait)
{
	pthread_t self = pthread_self(), other;

	block_kick();
	mask_of_kvm(~(1ULL << (KICK - 1)));
	ck_assert_int_eq(sys->ops->thread_start(sys->ctx, &other, kick_later, &self), 0);
	ck_assert_int_eq(kvm_vcpu_run(&vcpu), -EINTR);
	ck_assert_int_eq(sys->ops->thread_join(sys->ctx, other), 0);
}
END_TEST

START_TEST(a_signal_that_the_mask_blocks_does_not_disturb)
{
	static const struct model_step steps[] = {OUT(0x80, 1, 1)};

	model_script(m, 0, 0, steps, ARRAY_SIZE(steps));
	block_kick();
	mask_of_kvm(~0ULL);
	pthread_kill(pthread_self(), KICK);
	ck_assert_int_eq(kvm_vcpu_run(&vcpu), 0);
	ck_assert(kick_pending());
}
END_TEST

static volatile sig_atomic_t handled;

static void handler(int sig)
{
	(void)sig;
	handled++;
}

START_TEST(without_a_mask_the_handler_runs)
{
	pthread_t self = pthread_self(), other;
	struct sigaction action = {.sa_handler = handler};

	handled = 0;
	sigaction(KICK, &action, NULL);
	ck_assert_int_eq(sys->ops->thread_start(sys->ctx, &other, kick_later, &self), 0);
	ck_assert_int_eq(kvm_vcpu_run(&vcpu), -EINTR);
	ck_assert_int_eq(handled, 1);
	ck_assert(!kick_pending());
	ck_assert_int_eq(sys->ops->thread_join(sys->ctx, other), 0);
}
END_TEST

static void *raise_line(void *arg)
{
	struct kvm_irq_level irq = {.irq = 9, .level = 1};

	(void)arg;
	ck_assert_int_eq(kvm_vm_irq_line(&vm, &irq, NULL), 0);
	ck_assert_int_eq(kvm_vm_irq_line(&vm, &irq, NULL), 0);
	return NULL;
}

START_TEST(an_interrupt_ends_a_wait_for_it)
{
	static const struct model_step steps[] = {WAIT_IRQ(9), OUT(0x80, 1, 1)};
	pthread_t other;

	model_script(m, 0, 0, steps, ARRAY_SIZE(steps));
	ck_assert_int_eq(sys->ops->thread_start(sys->ctx, &other, raise_line, NULL), 0);
	ck_assert_int_eq(kvm_vcpu_run(&vcpu), 0);
	ck_assert_int_eq(sys->ops->thread_join(sys->ctx, other), 0);
	ck_assert_uint_eq(model_irq_raised(m, 0, 9), 1);
}
END_TEST

SUITE(test_model_run)
{
	Suite *s = suite_create("model_run");
	TCase *tc = tcase_create("model_run");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, exits_look_as_kvm_makes_them);
	tcase_add_test(tc, immediate_exit_completes_the_last_exit_and_returns);
	tcase_add_test(tc, a_signal_that_kvms_mask_lets_through_stays_pending);
	tcase_add_test(tc, a_signal_ends_a_wait);
	tcase_add_test(tc, a_signal_that_the_mask_blocks_does_not_disturb);
	tcase_add_test(tc, without_a_mask_the_handler_runs);
	tcase_add_test(tc, an_interrupt_ends_a_wait_for_it);
	suite_add_tcase(s, tc);
	return s;
}
