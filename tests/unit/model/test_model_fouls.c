// SPDX-License-Identifier: MIT
/* The fouls that the model's referee must whistle at: each of these ends in abort(). */
#include "tests/unit/model_fixture.h"
#include "tests/unit/suite.h"

#include <stdatomic.h>

static void foul_close(void)
{
	sys->ops->close(sys->ctx, 555);
}

static void foul_close_twice(void)
{
	int fd = sys->ops->eventfd(sys->ctx);

	sys->ops->close(sys->ctx, fd);
	sys->ops->close(sys->ctx, fd);
}

static void foul_munmap_size(void)
{
	sys->ops->munmap(sys->ctx, ram, MIB(1) - 4096);
}

static void foul_munmap_unknown(void)
{
	sys->ops->munmap(sys->ctx, ram + 4096, 4096);
}

static void foul_ioctl_closed(void)
{
	struct kvm_vcpu copy = vcpu;

	kvm_vcpu_close(&vcpu);
	kvm_vcpu_run(&copy);
}

static void foul_wrong_object(void)
{
	kvm_ioctl(&vm.h, KVM_RUN, "KVM_RUN", NULL, NULL);
}

static void foul_leak(void)
{
	model_check_clean(m);
}

static void foul_answer(void)
{
	static const struct model_step steps[] = {IN(0x60, 1, 5), HALT()};

	model_script(m, 0, 0, steps, ARRAY_SIZE(steps));
	kvm_vcpu_run(&vcpu);
	((uint8_t *)vcpu.run)[4096] = 6;
	kvm_vcpu_run(&vcpu);
}

static void foul_nobody_kicks(void)
{
	model_set_patience(m, 1);
	kvm_vcpu_run(&vcpu);
}

static void foul_slot_not_mapped(void)
{
	set_region(0, 0, 4096, (uintptr_t)ram + MIB(1));
}

static void foul_run_without_memory(void)
{
	set_region(0, 0, 4096, (uintptr_t)ram);
	sys->ops->munmap(sys->ctx, ram, MIB(1));
	kvm_vcpu_run(&vcpu);
}

static void foul_join_twice(void)
{
	pthread_t self = pthread_self(), other;

	block_kick();
	sys->ops->thread_start(sys->ctx, &other, kick_later, &self);
	sys->ops->thread_join(sys->ctx, other);
	sys->ops->thread_join(sys->ctx, other);
}

/* Does `foul` while another thread is in KVM_RUN. */
static void in_the_guest(struct model *model, void *ctx)
{
	(void)model;
	atomic_store((atomic_bool *)ctx, true);
}

static void *run_vcpu(void *arg)
{
	(void)arg;
	kvm_vcpu_run(&vcpu);
	return NULL;
}

static void start_running(void)
{
	static atomic_bool inside;
	static const struct model_step steps[] = {CALL(in_the_guest, &inside), HALT()};
	pthread_t t;

	set_region(0, 0, 4096, (uintptr_t)ram);
	model_script(m, 0, 0, steps, ARRAY_SIZE(steps));
	sys->ops->thread_start(sys->ctx, &t, run_vcpu, NULL);
	while (!atomic_load(&inside))
		sched_yield();
}

static void foul_run_twice(void)
{
	start_running();
	kvm_vcpu_run(&vcpu);
}

static void foul_close_running(void)
{
	start_running();
	kvm_vcpu_close(&vcpu);
}

static void foul_unmap_under_vcpu(void)
{
	start_running();
	sys->ops->munmap(sys->ctx, ram, MIB(1));
}

static void foul_set_regs_while_running(void)
{
	struct kvm_regs regs = {0};

	start_running();
	kvm_vcpu_set_regs(&vcpu, &regs, NULL);
}

static void (*const fouls[])(void) = {
	foul_close,
	foul_close_twice,
	foul_munmap_size,
	foul_munmap_unknown,
	foul_ioctl_closed,
	foul_wrong_object,
	foul_leak,
	foul_answer,
	foul_nobody_kicks,
	foul_slot_not_mapped,
	foul_run_without_memory,
	foul_join_twice,
	foul_run_twice,
	foul_close_running,
	foul_unmap_under_vcpu,
	foul_set_regs_while_running,
};

START_TEST(the_referee_whistles)
{
	fouls[_i]();
}
END_TEST

SUITE(test_model_fouls)
{
	Suite *s = suite_create("model_fouls");
	TCase *tc = tcase_create("model_fouls");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test_raise_signal(tc, the_referee_whistles, SIGABRT, 0,
					 (int)ARRAY_SIZE(fouls));
	suite_add_tcase(s, tc);
	return s;
}
