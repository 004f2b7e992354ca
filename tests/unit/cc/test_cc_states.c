// SPDX-License-Identifier: MIT
/*
 * The state machines of a launch: every operation in every state of every technology. What is not
 * legal is refused with a sentence, before any system call, and changes nothing.
 */
#include "tests/unit/cc_fixture.h"
#include "tests/unit/suite.h"

static const struct cc_tech *const techs[] = {&cc_none, &cc_sw_protected, &cc_snp, &cc_tdx};

#define TECHS 4

enum state { NEVER_OPENED, OPENED, ONE_VCPU, ALL_VCPUS, POPULATED, SEALED, BROKEN, CLOSED, STATES };

enum operation { VCPU, POPULATE, FINISH, OPERATIONS };

static const char *const operation_words[] = {
	[VCPU] = "add a vCPU",
	[POPULATE] = "populate",
	[FINISH] = "finish",
};

/* What the state is called in the sentence. */
static const char *const state_words[TECHS][STATES] = {
	[0] = {"closed", "opened", "opened", "opened", "populated", "sealed", "broken", "closed"},
	[1] = {"closed", "opened", "opened", "opened", "populated", "sealed", "broken", "closed"},
	[2] = {"closed", "opened", "opened", "opened", "populated", "sealed", "broken", "closed"},
	[3] = {"closed", "opened", "given vCPUs", "given vCPUs", "populated", "sealed", "broken",
	       "closed"},
};

/* The legal ones: a bit for each operation. The fourth: all vCPUs have been given by then. */
#define B(op) (1u << (op))
static const unsigned int legal[TECHS][STATES] = {
	[0] = {0, B(VCPU) | B(POPULATE), B(VCPU) | B(POPULATE), B(VCPU) | B(POPULATE), B(FINISH), 0,
	       0, 0},
	[1] = {0, B(VCPU) | B(POPULATE), B(VCPU) | B(POPULATE), B(VCPU) | B(POPULATE), B(FINISH), 0,
	       0, 0},
	[2] = {0, B(VCPU) | B(POPULATE), B(VCPU) | B(POPULATE), B(VCPU) | B(POPULATE),
	       B(VCPU) | B(FINISH), 0, 0, 0},
	/* pages of a TD are added through a vCPU */
	[3] = {0, B(VCPU), B(VCPU) | B(POPULATE), B(VCPU) | B(POPULATE), B(FINISH), 0, 0, 0},
};

static struct launch t;

/* A vCPU more than the launch has, to offer it; KVM knows it already. */
static struct kvm_vcpu spare;

static void reach(const struct cc_tech *tech, enum state state)
{
	launch_init(&t, tech, tech == &cc_none ? SPLIT : REV8, 2);
	if (tech == &cc_none)
		model_set_gmem_dialect(t.m, MODEL_GMEM_6_18);
	spare = (struct kvm_vcpu){.h = {.sys = model_sys(t.m), .fd = -1}};
	if (state == NEVER_OPENED)
		return;
	must(launch_create_vm(&t), &t);
	must(launch_open(&t), &t);
	if (tech == &cc_none) {
		mem_init(&t.mem, model_sys(t.m), &t.vm, MEM_PAGES_SMALL);
		must(mem_add_region(&t.mem, "low RAM", 0, PAGES(LOW_PAGES), &t.err), &t);
		must(mem_add_region(&t.mem, "high RAM", HIGH, PAGES(HIGH_PAGES), &t.err), &t);
	} else {
		must(launch_memory(&t), &t);
	}
	launch_load(&t);
	if (state >= ONE_VCPU)
		must(launch_add_vcpu(&t), &t);
	if (state >= ALL_VCPUS)
		must(launch_add_vcpu(&t), &t);
	must(kvm_vcpu_create(&spare, &t.vm, &t.kvm, 3, &t.err), &t);
	must(kvm_vcpu_set_cpuid(&spare, t.cpuid, &t.err), &t);
	if (state == BROKEN) {
		/* any failure half-way */
		model_answer(t.m, "KVM_SET_MEMORY_ATTRIBUTES2", -EIO);
		if (tech == &cc_none)
			t.cc.state = CC_BROKEN; /* nothing can fail there */
		else
			ck_assert_int_eq(launch_populate(&t), -EIO);
		return;
	}
	if (state >= POPULATED)
		must(launch_populate(&t), &t);
	if (state >= SEALED)
		must(launch_finish(&t), &t);
	if (state == CLOSED)
		cc_close(&t.cc);
}

static void leave(void)
{
	kvm_vcpu_close(&spare);
	launch_close(&t);
}

static int operate(enum operation operation)
{
	switch (operation) {
	case VCPU:
		return cc_vcpu(&t.cc, &spare, TDX_HOB, &t.err);
	case POPULATE:
		return cc_populate(&t.cc, &t.plan, &t.err);
	default:
		return cc_finish(&t.cc, &t.err);
	}
}

START_TEST(only_legal_operations_reach_the_kernel)
{
	const struct cc_tech *tech = techs[_i / STATES];
	enum state state = (enum state)(_i % STATES);

	for (enum operation op = VCPU; op < OPERATIONS; op++) {
		bool allowed = legal[_i / STATES][state] & B(op);
		enum cc_state before;
		unsigned long calls;
		int ret;

		reach(tech, state);
		before = t.cc.state;
		calls = launch_calls(&t);
		ret = operate(op);
		ck_assert_msg((ret == 0) == allowed, "%s: %s, state %d: %d, %s", tech->name,
			      operation_words[op], state, ret, t.err.text);
		if (!allowed) {
			ck_assert_int_eq(ret, -EPERM);
			ck_assert_uint_eq(launch_calls(&t), calls);
			ck_assert_int_eq(t.cc.state, before);
			launch_says(&t, operation_words[op]);
			launch_says(&t, state_words[_i / STATES][state]);
			if (state != NEVER_OPENED && state != CLOSED)
				launch_says(&t, tech->name);
		}
		leave();
	}
}
END_TEST

/* SNP measures all vCPUs when it finishes; one that is missing could never run. */
START_TEST(finishing_with_too_few_vcpus_is_refused)
{
	unsigned long calls;

	launch_init(&t, techs[_i], REV8, 2);
	must(launch_prepare(&t), &t);
	must(launch_add_vcpu(&t), &t);
	must(launch_populate(&t), &t);
	calls = launch_calls(&t);
	ck_assert_int_eq(launch_finish(&t), -EPERM);
	launch_says(&t, "2 vCPUs");
	ck_assert_uint_eq(launch_calls(&t), calls);
	launch_close(&t);
}
END_TEST

/* A failure half-way leaves nothing that one could go on with. */
START_TEST(after_a_failure_only_closing_is_left)
{
	static const char *const calls[] = {"KVM_SEV_SNP_LAUNCH_UPDATE", "KVM_TDX_INIT_MEM_REGION",
					    "KVM_SEV_SNP_LAUNCH_FINISH", "KVM_TDX_FINALIZE_VM",
					    "KVM_TDX_INIT_VCPU"};

	launch_init(&t, strstr(calls[_i], "TDX") ? &cc_tdx : &cc_snp, REV5, 1);
	must(launch_prepare(&t), &t);
	model_fail_nth_of(t.m, calls[_i], 1, EINVAL);
	ck_assert_int_eq(launch_complete(&t), -EINVAL);
	ck_assert_int_eq(t.cc.state, CC_BROKEN);
	for (enum operation op = VCPU; op < OPERATIONS; op++) {
		spare = t.vcpu[0];
		ck_assert_int_eq(operate(op), -EPERM);
		launch_says(&t, "broken");
	}
	launch_close(&t);
}
END_TEST

START_TEST(closing_is_always_possible)
{
	for (enum state state = NEVER_OPENED; state < STATES; state++) {
		reach(techs[_i], state);
		cc_close(&t.cc);
		cc_close(&t.cc);
		leave();
	}
}
END_TEST

SUITE(test_cc_states)
{
	Suite *s = suite_create("cc_states");
	TCase *tc = tcase_create("states");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, only_legal_operations_reach_the_kernel, 0, TECHS * STATES);
	tcase_add_loop_test(tc, finishing_with_too_few_vcpus_is_refused, 1, TECHS);
	tcase_add_loop_test(tc, after_a_failure_only_closing_is_left, 0, 5);
	tcase_add_loop_test(tc, closing_is_always_possible, 0, TECHS);
	suite_add_tcase(s, tc);
	return s;
}
