// SPDX-License-Identifier: MIT
/*
 * The model of SNP firmware and TDX module itself: it refuses what Linux refuses, with the same
 * errnos, and its referee whistles. Raw ioctls; minivmm makes none of these mistakes, so nothing
 * else would show that the model knows them.
 */
#include "tests/unit/cc_fixture.h"
#include "tests/unit/suite.h"
#include "vmm/kvm/uapi_snp.h"
#include "vmm/kvm/uapi_tdx.h"

#include <signal.h>

static struct launch t;

/* --- SNP --- */

static int snp(uint32_t id, void *data, uint32_t *status)
{
	struct snp_cmd cmd = {.id = id, .data = (uintptr_t)data, .sev_fd = (uint32_t)t.cc.sev_fd};
	int ret = kvm_ioctl(&t.vm.h, KVM_MEMORY_ENCRYPT_OP, "raw", &cmd, &t.err);

	if (status)
		*status = cmd.error;
	return ret;
}

static void snp_setup(void)
{
	launch_init(&t, &cc_snp, REV8, 1);
	must(launch_create_vm(&t), &t);
}

static void teardown(void)
{
	launch_close(&t);
}

/* launch_open() in two steps, by hand. */
static void snp_open_dev(void)
{
	const struct sys *sys = model_sys(t.m);

	t.cc = (struct cc_launch){.vm = &t.vm, .pause = launch_no_pause};
	t.cc.sev_fd = sys->ops->open(sys->ctx, "/dev/sev", 2);
	ck_assert_int_ge(t.cc.sev_fd, 0);
}

static void snp_close_dev(void)
{
	sys_close(model_sys(t.m), &t.cc.sev_fd);
}

START_TEST(snp_order)
{
	struct snp_init init = {.vmsa_features = 0};
	struct snp_launch_start start = {.policy = 0x30000};
	struct snp_launch_update u = {.len = PAGE_SIZE, .type = SNP_PAGE_NORMAL};
	struct snp_launch_finish f = {.id_block_en = 0};

	snp_open_dev();
	ck_assert_int_eq(kvm_ioctl(&t.vm.h, KVM_MEMORY_ENCRYPT_OP, "null", NULL, NULL), 0);
	ck_assert_int_eq(snp(SNP_CMD_LAUNCH_START, &start, NULL), -ENOTTY);
	ck_assert_int_eq(snp(SNP_CMD_LAUNCH_UPDATE, &u, NULL), -ENOTTY);
	ck_assert_int_eq(snp(SNP_CMD_LAUNCH_FINISH, &f, NULL), -ENOTTY);
	ck_assert_int_eq(snp(SNP_CMD_INIT2, &init, NULL), 0);
	ck_assert_int_eq(snp(SNP_CMD_INIT2, &init, NULL), -EPERM);
	ck_assert_int_eq(snp(3, &init, NULL), -EPERM);
	ck_assert_int_eq(snp(200, &init, NULL), -EINVAL);
	ck_assert_int_eq(snp(SNP_CMD_LAUNCH_UPDATE, &u, NULL), -EINVAL);
	ck_assert_int_eq(snp(SNP_CMD_LAUNCH_FINISH, &f, NULL), -EINVAL);
	ck_assert_int_eq(snp(SNP_CMD_LAUNCH_START, &start, NULL), 0);
	ck_assert_int_eq(snp(SNP_CMD_LAUNCH_START, &start, NULL), -EINVAL);
	ck_assert_int_eq(snp(SNP_CMD_LAUNCH_FINISH, &f, NULL), 0);
	snp_close_dev();
}
END_TEST

START_TEST(snp_arguments_of_init2_and_start)
{
	struct snp_init init = {.flags = 1};
	struct snp_launch_start start = {.policy = 0x30000, .flags = 1};

	snp_open_dev();
	ck_assert_int_eq(snp(SNP_CMD_INIT2, &init, NULL), -EINVAL);
	init = (struct snp_init){.ghcb_version = 3};
	ck_assert_int_eq(snp(SNP_CMD_INIT2, &init, NULL), -EINVAL);
	init = (struct snp_init){.vmsa_features = 0x200};
	ck_assert_int_eq(snp(SNP_CMD_INIT2, &init, NULL), -EINVAL);
	init = (struct snp_init){.vmsa_features = 0x20, .ghcb_version = 2};
	ck_assert_int_eq(snp(SNP_CMD_INIT2, &init, NULL), 0);
	ck_assert_int_eq(snp(SNP_CMD_LAUNCH_START, &start, NULL), -EINVAL);
	start.flags = 0;
	snp_close_dev();
	t.cc.sev_fd = t.kvm.h.fd; /* some other descriptor */
	ck_assert_int_eq(snp(SNP_CMD_LAUNCH_START, &start, NULL), -EBADF);
	t.cc.sev_fd = -1;
}
END_TEST

/* With everything ready for LAUNCH_UPDATE. */
static void snp_ready(void)
{
	must(launch_open(&t), &t);
	must(launch_memory(&t), &t);
	must(mem_convert(&t.mem, 0, PAGES(8), true, &t.err), &t);
}

static const struct {
	struct snp_launch_update u;
	int ret;
	const char *why;
} updates[] = {
	{{.gfn_start = 1, .len = 4096, .type = 1}, 0, "in place"},
	{{.gfn_start = 1, .len = 0, .type = 1}, -EINVAL, "nothing"},
	{{.gfn_start = 1, .len = 100, .type = 1}, -EINVAL, "not whole pages"},
	{{.gfn_start = 1, .len = 4096, .type = 2}, -EINVAL, "VMSA"},
	{{.gfn_start = 1, .len = 4096, .type = 0}, -EINVAL, "no type"},
	{{.gfn_start = 1, .len = 4096, .type = 7}, -EINVAL, "unknown type"},
	{{.gfn_start = 1, .len = 4096, .type = 1, .flags = 1}, -EINVAL, "flags"},
	{{.gfn_start = 1, .len = 4096, .type = 1, .uaddr = 8}, -EINVAL, "unaligned source"},
	{{.gfn_start = 1, .len = 4096, .type = 1, .uaddr = 4096}, -EIO, "nothing is mapped there"},
	{{.gfn_start = 8, .len = 4096, .type = 1}, -EIO, "a shared page"},
	{{.gfn_start = 7, .len = 8192, .type = 1}, 0, "half of it shared"},
	{{.gfn_start = 1000, .len = 4096, .type = 1}, -EINVAL, "no slot"},
	{{.gfn_start = 0x100000, .len = 4096, .type = 3}, -EIO, "another slot, shared"},
};

START_TEST(snp_arguments_of_update)
{
	struct snp_launch_update u = updates[_i].u;
	uint32_t status;

	snp_ready();
	ck_assert_msg(snp(SNP_CMD_LAUNCH_UPDATE, &u, &status) == updates[_i].ret, "%s",
		      updates[_i].why);
	ck_assert_uint_eq(status, 0);
	if (updates[_i].ret < 0)
		ck_assert_mem_eq(&u, &updates[_i].u, sizeof(u));
	if (_i == 10) { /* a part is a success */
		ck_assert_uint_eq(u.gfn_start, 8);
		ck_assert_uint_eq(u.len, 4096);
		ck_assert_int_eq(snp(SNP_CMD_LAUNCH_UPDATE, &u, &status), -EIO);
	}
}
END_TEST

START_TEST(snp_page_twice)
{
	struct snp_launch_update u = updates[0].u;
	uint32_t status;

	snp_ready();
	ck_assert_int_eq(snp(SNP_CMD_LAUNCH_UPDATE, &u, &status), 0);
	u = updates[0].u;
	ck_assert_int_eq(snp(SNP_CMD_LAUNCH_UPDATE, &u, &status), -EIO);
	ck_assert_uint_eq(status, 0);
	ck_assert_uint_eq(model_vm(t.m, 0)->twice, 1);
}
END_TEST

START_TEST(snp_is_not_there)
{
	struct model *m = model_new();
	const struct sys *sys = model_sys(m);
	struct kvm_system kvm;
	struct kvm_vm vm;

	ck_assert_int_eq(kvm_system_open(&kvm, sys, &t.err), 0);
	ck_assert_int_eq(kvm_vm_create(&vm, &kvm, KVM_X86_SNP_VM, &t.err), -EINVAL);
	ck_assert_int_eq(kvm_vm_create(&vm, &kvm, KVM_X86_DEFAULT_VM, &t.err), 0);
	ck_assert_int_eq(kvm_ioctl(&vm.h, KVM_MEMORY_ENCRYPT_OP, "null", NULL, NULL), -ENOTTY);
	ck_assert_int_eq(sys->ops->open(sys->ctx, "/dev/sev", 2), -ENOENT);
	kvm_vm_close(&vm);
	kvm_system_close(&kvm);
	model_check_clean(m);
	model_free(m);
}
END_TEST

/* --- TDX --- */

static int tdx_on(const struct kvm_fd *h, uint32_t id, uint32_t flags, const void *data)
{
	struct tdx_cmd cmd = {.id = id, .flags = flags, .data = (uintptr_t)data};

	return kvm_ioctl(h, KVM_MEMORY_ENCRYPT_OP, "raw", &cmd, &t.err);
}

static void tdx_setup(void)
{
	launch_init(&t, &cc_tdx, REV8, 1);
	must(launch_create_vm(&t), &t);
}

static struct tdx_init_vm *small_init(void)
{
	struct tdx_init_vm *init = calloc(1, sizeof(*init) + 300 * sizeof(init->entry[0]));

	init->attributes = 0x10000000;
	init->xfam = 3;
	init->nent = 1;
	init->entry[0] = (struct kvm_cpuid_entry2){.function = 0x80000008, .eax = 48 << 16};
	return init;
}

static int init_vm(const struct tdx_init_vm *init)
{
	return tdx_on(&t.vm.h, TDX_CMD_INIT_VM, 0, init);
}

START_TEST(tdx_arguments_of_init_vm)
{
	struct tdx_init_vm *init = small_init();

	ck_assert_int_eq(tdx_on(&t.vm.h, TDX_CMD_INIT_VM, 1, init), -EINVAL);
	init->reserved[3] = 1;
	ck_assert_int_eq(init_vm(init), -EINVAL);
	init->reserved[3] = 0;
	init->padding = 1;
	ck_assert_int_eq(init_vm(init), -EINVAL);
	init->padding = 0;
	init->attributes = 1;
	ck_assert_int_eq(init_vm(init), -EINVAL);
	init->attributes = 0;
	init->xfam = 1ULL << 40;
	ck_assert_int_eq(init_vm(init), -EINVAL);
	init->xfam = 0x67; /* half of AVX-512: the module's refusal */
	ck_assert_int_eq(init_vm(init), -EINVAL);
	init->xfam = 3;
	init->entry[0].eax = 47 << 16;
	ck_assert_int_eq(init_vm(init), -EINVAL);
	init->entry[0].eax = 52 << 16; /* without five levels of EPT */
	ck_assert_int_eq(init_vm(init), -EINVAL);
	init->entry[0].eax = 48 << 16;
	init->nent = 257;
	ck_assert_int_eq(init_vm(init), -E2BIG);
	init->nent = 2;
	init->entry[1] = (struct kvm_cpuid_entry2){.function = 0x40000000};
	ck_assert_int_eq(init_vm(init), -EINVAL);
	init->entry[1] = (struct kvm_cpuid_entry2){.function = 7, .ebx = 1 << 11}; /* RTM */
	ck_assert_int_eq(init_vm(init), -EINVAL);
	init->entry[1] = (struct kvm_cpuid_entry2){.function = 0x80000007, .edx = 1};
	ck_assert_int_eq(init_vm(init), -EINVAL);
	init->nent = 1;
	ck_assert_int_eq(init_vm(init), 0);
	ck_assert_int_eq(init_vm(init), -EINVAL);
	free(init);
}
END_TEST

START_TEST(tdx_order)
{
	struct tdx_init_vm *init = small_init();
	struct kvm_vcpu vcpu;

	ck_assert_int_eq(kvm_vcpu_create(&vcpu, &t.vm, &t.kvm, 0, &t.err), -EIO);
	ck_assert_int_eq(tdx_on(&t.vm.h, TDX_CMD_FINALIZE_VM, 0, NULL), -EINVAL);
	ck_assert_int_eq(tdx_on(&t.vm.h, 6, 0, NULL), -EINVAL);
	ck_assert_int_eq(tdx_on(&t.vm.h, TDX_CMD_INIT_VCPU, 0, NULL), -EINVAL);
	ck_assert_int_eq(init_vm(init), 0);
	must(kvm_vcpu_create(&vcpu, &t.vm, &t.kvm, 0, &t.err), &t);
	ck_assert_int_eq(tdx_on(&vcpu.h, TDX_CMD_FINALIZE_VM, 0, NULL), -EINVAL);
	must(kvm_vcpu_set_cpuid(&vcpu, t.cpuid, &t.err), &t);
	ck_assert_int_eq(tdx_on(&vcpu.h, TDX_CMD_INIT_VCPU, 1, NULL), -EINVAL);
	ck_assert_int_eq(tdx_on(&vcpu.h, TDX_CMD_INIT_VCPU, 0, NULL), 0);
	ck_assert_int_eq(tdx_on(&vcpu.h, TDX_CMD_INIT_VCPU, 0, NULL), -EINVAL);
	ck_assert_int_eq(tdx_on(&t.vm.h, TDX_CMD_FINALIZE_VM, 1, NULL), -EINVAL);
	ck_assert_int_eq(tdx_on(&t.vm.h, TDX_CMD_FINALIZE_VM, 0, NULL), 0);
	ck_assert_int_eq(tdx_on(&t.vm.h, TDX_CMD_FINALIZE_VM, 0, NULL), -EINVAL);
	ck_assert_int_eq(tdx_on(&vcpu.h, TDX_CMD_INIT_VCPU, 0, NULL), -EINVAL);
	kvm_vcpu_close(&vcpu);
	ck_assert_int_eq(kvm_vcpu_create(&vcpu, &t.vm, &t.kvm, 1, &t.err), -EIO);
	free(init);
}
END_TEST

START_TEST(tdx_what_kvm_does_not_do)
{
	struct kvm_lapic_state lapic;
	struct kvm_sregs sregs;
	struct kvm_regs regs;
	struct kvm_vcpu *v = &t.vcpu[0];

	ck_assert_int_eq(kvm_vm_create_irqchip(&t.vm, 0, &t.err), -ENOTTY);
	ck_assert_int_eq(kvm_vm_cap(&t.vm, KVM_CAP_READONLY_MEM), 0);
	ck_assert_int_eq(kvm_vm_cap(&t.vm, KVM_CAP_MAX_VCPUS), 4);
	must(launch_open(&t), &t);
	must(launch_memory(&t), &t);
	launch_load(&t);
	must(launch_vcpus(&t), &t);
	ck_assert_int_eq(kvm_vcpu_get_regs(v, &regs, &t.err), -EINVAL);
	ck_assert_int_eq(kvm_vcpu_set_regs(v, &regs, &t.err), -EINVAL);
	ck_assert_int_eq(kvm_vcpu_get_sregs(v, &sregs, &t.err), -EINVAL);
	ck_assert_int_eq(kvm_vcpu_set_sregs(v, &sregs, &t.err), -EINVAL);
	ck_assert_int_eq(kvm_vcpu_get_lapic(v, &lapic, &t.err), -EINVAL);
	ck_assert_int_eq(kvm_vcpu_set_lapic(v, &lapic, &t.err), -EINVAL);
}
END_TEST

static const struct {
	struct tdx_mem_region r;
	uint32_t flags;
	int ret;
	const char *why;
} regions[] = {
	{{0, PAGES(1), 1}, 0, 0, "in place"},
	{{0, PAGES(1), 1}, 1, 0, "measured"},
	{{0, PAGES(1), 1}, 2, -EINVAL, "unknown flag"},
	{{0, PAGES(1) + 8, 1}, 0, -EINVAL, "unaligned address"},
	{{8, PAGES(1), 1}, 0, -EINVAL, "unaligned source"},
	{{0, PAGES(1), 0}, 0, -EINVAL, "nothing"},
	{{0, PAGES(1), 1ULL << 52}, 0, -EINVAL, "wraps"},
	{{0, 1ULL << 47 | PAGES(1), 1}, 0, -EINVAL, "shared address"},
	{{0, (1ULL << 47) - PAGES(1), 2}, 0, -EINVAL, "over the shared bit"},
	{{0, PAGES(8), 1}, 0, -EINVAL, "a shared page"},
	{{0, PAGES(1000), 1}, 0, -EINVAL, "no slot"},
	{{4096, PAGES(1), 1}, 0, -EFAULT, "nothing is mapped there"},
};

START_TEST(tdx_arguments_of_init_mem_region)
{
	struct tdx_mem_region r = regions[_i].r;

	must(launch_open(&t), &t);
	must(launch_memory(&t), &t);
	must(launch_vcpus(&t), &t);
	must(mem_convert(&t.mem, 0, PAGES(8), true, &t.err), &t);
	ck_assert_msg(tdx_on(&t.vcpu[0].h, TDX_CMD_INIT_MEM_REGION, regions[_i].flags, &r) ==
			      regions[_i].ret,
		      "%s: %s", regions[_i].why, t.err.text);
	ck_assert_uint_eq(r.nr_pages, regions[_i].ret ? regions[_i].r.nr_pages : 0);
}
END_TEST

/* The structure tells how far it got, also in an error. */
START_TEST(tdx_region_is_written_back)
{
	struct tdx_mem_region r = {.source_addr = 0, .gpa = PAGES(6), .nr_pages = 4};

	must(launch_open(&t), &t);
	must(launch_memory(&t), &t);
	must(launch_vcpus(&t), &t);
	must(mem_convert(&t.mem, 0, PAGES(8), true, &t.err), &t);
	ck_assert_int_eq(tdx_on(&t.vcpu[0].h, TDX_CMD_INIT_MEM_REGION, 0, &r), -EINVAL);
	ck_assert_uint_eq(r.gpa, PAGES(8));
	ck_assert_uint_eq(r.nr_pages, 2);
	ck_assert_uint_eq(r.source_addr, 0);
}
END_TEST

START_TEST(tdx_bus_cycles_need_an_irqchip)
{
	struct kvm_vm vm;

	must(kvm_vm_create(&vm, &t.kvm, KVM_X86_TDX_VM, &t.err), &t);
	ck_assert_int_eq(kvm_vm_enable_cap(&vm, BUS_CYCLES_NS, 40, &t.err), -ENXIO);
	ck_assert_int_eq(kvm_vm_enable_cap(&vm, KVM_CAP_SPLIT_IRQCHIP, 24, &t.err), 0);
	ck_assert_int_eq(kvm_vm_enable_cap(&vm, KVM_CAP_SPLIT_IRQCHIP, 24, &t.err), -EEXIST);
	ck_assert_int_eq(kvm_vm_enable_cap(&vm, BUS_CYCLES_NS, 40, &t.err), 0);
	ck_assert_int_eq(kvm_vm_enable_cap(&vm, KVM_CAP_EXIT_HYPERCALL, 1, &t.err), -EINVAL);
	kvm_vm_close(&vm);
}
END_TEST

/* --- the referee --- */

START_TEST(foul_launch_not_finished)
{
	must(launch_open(&t), &t);
	model_check_launch(t.m, 0, false);
}
END_TEST

START_TEST(foul_private_page_left_out)
{
	must(launch_open(&t), &t);
	must(launch_memory(&t), &t);
	launch_load(&t);
	t.plan.nitems--; /* a part of RAM */
	must(launch_complete(&t), &t);
	model_check_launch(t.m, 0, false); /* that is allowed */
	model_check_launch(t.m, 0, true);
}
END_TEST

START_TEST(foul_page_given_twice)
{
	struct snp_launch_update u = {.gfn_start = 16, .len = PAGE_SIZE, .type = SNP_PAGE_NORMAL};

	must(launch_open(&t), &t);
	must(launch_memory(&t), &t);
	launch_load(&t);
	must(launch_vcpus(&t), &t);
	must(launch_populate(&t), &t);
	ck_assert_int_eq(snp(SNP_CMD_LAUNCH_UPDATE, &u, NULL), -EIO);
	must(launch_finish(&t), &t);
	model_check_launch(t.m, 0, true);
}
END_TEST

/* Each of these makes a real host's kernel oops, or may; an errno would let a test go on. */
static void foul_command_after_finish(uint32_t id)
{
	struct snp_launch_update u = {.gfn_start = 16, .len = PAGE_SIZE, .type = SNP_PAGE_NORMAL};
	struct snp_launch_start start = {.policy = 0x30000};
	struct snp_launch_finish f = {.id_block_en = 0};

	must(launch_all(&t), &t);
	if (id == SNP_CMD_LAUNCH_START)
		snp(id, &start, NULL);
	else if (id == SNP_CMD_LAUNCH_UPDATE)
		snp(id, &u, NULL);
	else
		snp(id, &f, NULL);
}

START_TEST(foul_launch_finish_twice)
{
	foul_command_after_finish(SNP_CMD_LAUNCH_FINISH);
}
END_TEST

START_TEST(foul_launch_update_after_finish)
{
	foul_command_after_finish(SNP_CMD_LAUNCH_UPDATE);
}
END_TEST

START_TEST(foul_launch_start_after_finish)
{
	foul_command_after_finish(SNP_CMD_LAUNCH_START);
}
END_TEST

/* The ID block is refused after the vCPUs were measured: once more would measure them twice. */
START_TEST(foul_launch_finish_after_one_that_failed)
{
	uint8_t block[SNP_ID_BLOCK_SIZE] = {0}, auth[SNP_ID_AUTH_SIZE] = {0};
	struct snp_launch_finish f = {
		.id_block_en = 1,
		.id_block_uaddr = (uintptr_t)block,
		.id_auth_uaddr = (uintptr_t)auth,
	};

	must(launch_prepare(&t), &t);
	must(launch_vcpus(&t), &t);
	must(launch_populate(&t), &t);
	if (snp(SNP_CMD_LAUNCH_FINISH, &f, NULL) == -EIO)
		snp(SNP_CMD_LAUNCH_FINISH, &f, NULL);
}
END_TEST

START_TEST(foul_vcpu_after_finish)
{
	struct kvm_vcpu late;

	must(launch_all(&t), &t);
	kvm_vcpu_create(&late, &t.vm, &t.kvm, 3, &t.err);
}
END_TEST

SUITE(test_cc_model)
{
	Suite *s = suite_create("cc_model");
	TCase *tc_snp = tcase_create("snp"), *tc_tdx = tcase_create("tdx");

	tcase_set_timeout(tc_snp, 60);
	tcase_add_checked_fixture(tc_snp, snp_setup, teardown);
	tcase_add_test(tc_snp, snp_order);
	tcase_add_test(tc_snp, snp_arguments_of_init2_and_start);
	tcase_add_loop_test(tc_snp, snp_arguments_of_update, 0, (int)ARRAY_SIZE(updates));
	tcase_add_test(tc_snp, snp_page_twice);
	tcase_add_test(tc_snp, snp_is_not_there);
	tcase_add_test_raise_signal(tc_snp, foul_launch_not_finished, SIGABRT);
	tcase_add_test_raise_signal(tc_snp, foul_private_page_left_out, SIGABRT);
	tcase_add_test_raise_signal(tc_snp, foul_page_given_twice, SIGABRT);
	tcase_add_test_raise_signal(tc_snp, foul_launch_finish_twice, SIGABRT);
	tcase_add_test_raise_signal(tc_snp, foul_launch_update_after_finish, SIGABRT);
	tcase_add_test_raise_signal(tc_snp, foul_launch_start_after_finish, SIGABRT);
	tcase_add_test_raise_signal(tc_snp, foul_launch_finish_after_one_that_failed, SIGABRT);
	tcase_add_test_raise_signal(tc_snp, foul_vcpu_after_finish, SIGABRT);
	suite_add_tcase(s, tc_snp);

	tcase_set_timeout(tc_tdx, 60);
	tcase_add_checked_fixture(tc_tdx, tdx_setup, teardown);
	tcase_add_test(tc_tdx, tdx_arguments_of_init_vm);
	tcase_add_test(tc_tdx, tdx_order);
	tcase_add_test(tc_tdx, tdx_what_kvm_does_not_do);
	tcase_add_loop_test(tc_tdx, tdx_arguments_of_init_mem_region, 0, (int)ARRAY_SIZE(regions));
	tcase_add_test(tc_tdx, tdx_region_is_written_back);
	tcase_add_test(tc_tdx, tdx_bus_cycles_need_an_irqchip);
	suite_add_tcase(s, tc_tdx);
	return s;
}
