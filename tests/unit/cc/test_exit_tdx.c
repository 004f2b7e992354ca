// SPDX-License-Identifier: MIT
/* TDVMCALLs that KVM leaves to the VMM: each answer as the guest finds it in struct kvm_run. */
#include "tests/unit/mem_fixture.h"
#include "tests/unit/suite.h"

#include "cc/quote.h"
#include "vmm/kvm/uapi_tdx.h"
#include "vmm/machine/exit.h"
#include "vmm/machine/exit_tdx.h"
#include "vmm/machine/machine.h"

#include <stdio.h>
#include <sys/epoll.h>

#define BUFFER PAGES(8)
#define PRESET 0x5a5a5a5a5a5a5a5aULL /* what KVM has put into a field */

static struct sys_ops ops; /* the model's, but that messages to APICs are kept */
static struct sys watching;
static struct kvm_msi msi;
static unsigned int msis;
static struct minivmm machine;
static struct vmm_config config;
static struct vcpu vcpu;
static uint8_t run_page[3 * 4096] __attribute__((aligned(4096)));

static int watch_ioctl(void *ctx, int fd, unsigned long request, void *arg)
{
	if (request == KVM_SIGNAL_MSI) {
		msi = *(struct kvm_msi *)arg;
		msis++;
	}
	return model_sys(m)->ops->ioctl(ctx, fd, request, arg);
}

static void exit_setup(void)
{
	setup();
	start_as(&dialects[FIRST_INPLACE + 1], KVM_X86_SW_PROTECTED_VM);
	ck_assert_int_eq(kvm_vm_create_irqchip(&vm, 0, &err), 0);
	add(0, MIB(4));
	ops = *model_sys(m)->ops;
	ops.ioctl = watch_ioctl;
	watching = (struct sys){.ops = &ops, .ctx = model_sys(m)->ctx};
	msis = 0;
	memset(&machine, 0, sizeof(machine));
	config_init(&config);
	machine.config = &config;
	machine.sys = &watching;
	machine.kvm_vm = vm;
	machine.kvm_vm.h.sys = &watching;
	machine.mem = mem;
	machine.loop.epoll_fd = -1;
	memset(run_page, 0, sizeof(run_page));
	vcpu = (struct vcpu){.vm = &machine, .id = 5, .kvm.run = (struct kvm_run *)run_page};
}

static void exit_teardown(void)
{
	tdx_calls_destroy(&machine);
	loop_destroy(&machine.loop);
	config_clear(&config);
	teardown();
}

static struct run_tdx *call(void)
{
	return (struct run_tdx *)(run_page + KVM_RUN_EXIT);
}

static void handle(uint64_t nr)
{
	vcpu.kvm.run->exit_reason = EXIT_TDX;
	call()->nr = nr;
	ck_assert(exit_handle(&vcpu, 0));
}

static uint64_t get_quote(uint64_t gpa, uint64_t size)
{
	*call() = (struct run_tdx){.u.quote = {.ret = PRESET, .gpa = gpa, .size = size}};
	handle(TDVMCALL_GET_QUOTE);
	return call()->u.quote.ret;
}

static uint64_t setup_notify(uint64_t vector)
{
	*call() = (struct run_tdx){.u.notify = {.ret = PRESET, .vector = vector}};
	handle(TDVMCALL_SETUP_NOTIFY);
	return call()->u.notify.ret;
}

/* A buffer with a report of `len` bytes. */
static uint8_t *prepare(uint64_t version, uint32_t len)
{
	uint8_t *p = mem_ptr(&mem, BUFFER, PAGES(64));

	ck_assert_ptr_nonnull(p);
	memset(p, 0x77, PAGES(64));
	put_le64(p, version);
	put_le64(p + 8, 0);
	put_le32(p + 16, len);
	return p;
}

/* --- what there is ---------------------------------------------------------------------------- */

START_TEST(leaf_1_offers_what_kernel_and_we_can)
{
	machine.launch.tdx_calls = (struct cc_tdx_calls){.kernel_r11 = 0x100,
							 .user_r11 = 0xffULL << 56 | 3,
							 .kernel_r12 = 8,
							 .user_r12 = ~0ULL};
	*call() = (struct run_tdx){
		.u.info = {.ret = PRESET, .leaf = 1, .r11 = PRESET, .r13 = PRESET, .r14 = PRESET}};
	handle(TDVMCALL_GET_INFO);
	ck_assert_uint_eq(call()->u.info.ret, TDVMCALL_SUCCESS);
	ck_assert_uint_eq(call()->u.info.r11, 0x102);
	ck_assert_uint_eq(call()->u.info.r12, 8);
	ck_assert_uint_eq(call()->u.info.r13, 0);
	ck_assert_uint_eq(call()->u.info.r14, 0);
}
END_TEST

START_TEST(what_the_kernel_does_not_let_us_offer_is_not_offered)
{
	machine.launch.tdx_calls = (struct cc_tdx_calls){.user_r11 = 1};
	*call() = (struct run_tdx){.u.info = {.leaf = 1}};
	handle(TDVMCALL_GET_INFO);
	ck_assert_uint_eq(call()->u.info.r11, 0);
}
END_TEST

/* 0: an unknown call; 1: one that never arrives here; 2: another leaf */
START_TEST(the_answer_to_what_we_do_not_know_is_kvms)
{
	static const uint64_t unknown[] = {0x10005, 0x10001, TDVMCALL_GET_INFO};
	uint8_t before[sizeof(run_page)];

	memset(run_page, 0x5a, sizeof(run_page));
	call()->nr = unknown[_i];
	vcpu.kvm.run->exit_reason = EXIT_TDX;
	memcpy(before, run_page, sizeof(before));
	handle(unknown[_i]);
	ck_assert_mem_eq(run_page, before, sizeof(before));
}
END_TEST

/* --- GetQuote --------------------------------------------------------------------------------- */

START_TEST(without_service_quotes_are_unavailable)
{
	uint8_t *p = prepare(1, 1024);

	ck_assert_uint_eq(get_quote(BUFFER, PAGES(2)), TDVMCALL_SUCCESS);
	ck_assert_uint_eq(get_le64(p + 8), QUOTE_STATUS_UNAVAILABLE);
	ck_assert_uint_eq(p[QUOTE_HEADER_SIZE], 0x77);
	/* nobody has asked for a message */
	ck_assert_uint_eq(msis, 0);
}
END_TEST

static const struct {
	uint64_t gpa, size, version;
	uint32_t in_len;
	uint64_t status;
} quotes[] = {
	{BUFFER, PAGES(1), 1, 4096 - 24, TDVMCALL_SUCCESS},
	{BUFFER, PAGES(1), 1, 0, TDVMCALL_SUCCESS},
	{BUFFER, PAGES(32), 1, 1024, TDVMCALL_SUCCESS},
	{BUFFER + 1, PAGES(1), 1, 1024, TDVMCALL_ALIGN_ERROR},
	{BUFFER + 2048, PAGES(1), 1, 1024, TDVMCALL_ALIGN_ERROR},
	{BUFFER, 4095, 1, 1024, TDVMCALL_ALIGN_ERROR},
	{BUFFER, 1, 1, 1024, TDVMCALL_ALIGN_ERROR},
	{BUFFER, 0, 1, 1024, TDVMCALL_INVALID_OPERAND},
	{BUFFER, PAGES(33), 1, 1024, TDVMCALL_INVALID_OPERAND},
	{BUFFER, 1ULL << 32, 1, 1024, TDVMCALL_INVALID_OPERAND},
	{BUFFER, ~0xfffULL, 1, 1024, TDVMCALL_INVALID_OPERAND},
	{BUFFER, PAGES(1), 0, 1024, TDVMCALL_INVALID_OPERAND},
	{BUFFER, PAGES(1), 2, 1024, TDVMCALL_INVALID_OPERAND},
	{BUFFER, PAGES(1), 1ULL << 32 | 1, 1024, TDVMCALL_INVALID_OPERAND},
	{BUFFER, PAGES(1), 1, 4096 - 23, TDVMCALL_INVALID_OPERAND},
	{BUFFER, PAGES(1), 1, 0xffffffff, TDVMCALL_INVALID_OPERAND},
	{MIB(4) - PAGES(1), PAGES(2), 1, 1024, TDVMCALL_INVALID_OPERAND},
	{MIB(4), PAGES(1), 1, 1024, TDVMCALL_INVALID_OPERAND},
	{~0xfffULL, PAGES(1), 1, 1024, TDVMCALL_INVALID_OPERAND},
};

START_TEST(a_buffer_is_checked)
{
	uint8_t *p = prepare(quotes[_i].version, quotes[_i].in_len);

	ck_assert_uint_eq(get_quote(quotes[_i].gpa, quotes[_i].size), quotes[_i].status);
	ck_assert_uint_eq(get_le64(p + 8),
			  quotes[_i].status == TDVMCALL_SUCCESS ? QUOTE_STATUS_UNAVAILABLE : 0);
}
END_TEST

/* 0: all of it, 1: its end */
START_TEST(a_private_buffer_is_refused)
{
	prepare(1, 1024);
	ck_assert_int_eq(mem_convert(&mem, BUFFER + PAGES((uint64_t)_i), PAGES(1), true, &err), 0);
	ck_assert_uint_eq(get_quote(BUFFER, PAGES(2)), TDVMCALL_INVALID_OPERAND);
}
END_TEST

static void create_client(void)
{
	ck_assert_int_eq(config_set(&config, "tdx.quote-socket", "\"/nowhere/at/all\"", &err), 0);
	machine.cc.tech = &cc_tdx;
	ck_assert_int_eq(loop_init(&machine.loop, sys_host(), &err), 0);
	ck_assert_int_eq(tdx_calls_init(&machine, &err), 0);
	ck_assert_ptr_nonnull(machine.quote);
}

/* The loop does not run: requests stay. */
START_TEST(more_than_sixteen_requests_are_asked_to_come_again)
{
	uint8_t *p;

	create_client();
	for (unsigned int i = 0; i < QUOTE_MAX_IN_FLIGHT; i++) {
		p = prepare(1, 1024);
		ck_assert_uint_eq(get_quote(BUFFER, PAGES(2)), TDVMCALL_SUCCESS);
		ck_assert_uint_eq(get_le64(p + 8), QUOTE_STATUS_IN_FLIGHT);
	}
	p = prepare(1, 1024);
	ck_assert_uint_eq(get_quote(BUFFER, PAGES(2)), TDVMCALL_RETRY);
	ck_assert_uint_eq(get_le64(p + 8), 0);
}
END_TEST

/* --- the notification ------------------------------------------------------------------------- */

static void stop_loop(struct loop_source *source, uint32_t events)
{
	(void)source;
	(void)events;
	machine.loop.stop = true;
}

START_TEST(the_vcpu_that_asked_is_told)
{
	uint8_t *p = prepare(1, 1024);

	ck_assert_uint_eq(setup_notify(0xd2), TDVMCALL_SUCCESS);
	ck_assert_uint_eq(get_quote(BUFFER, PAGES(2)), TDVMCALL_SUCCESS);
	ck_assert_uint_eq(get_le64(p + 8), QUOTE_STATUS_UNAVAILABLE);
	ck_assert_uint_eq(msis, 1);
	ck_assert_uint_eq(msi.address_lo, 0xfee05000);
	ck_assert_uint_eq(msi.address_hi, 0);
	ck_assert_uint_eq(msi.data, 0xd2);
	ck_assert_uint_eq(msi.flags, 0);

	/* the last one to ask, wherever the quote is asked for */
	vcpu.id = 0x1fe;
	ck_assert_uint_eq(setup_notify(32), TDVMCALL_SUCCESS);
	vcpu.id = 1;
	prepare(1, 1024);
	ck_assert_uint_eq(get_quote(BUFFER, PAGES(2)), TDVMCALL_SUCCESS);
	ck_assert_uint_eq(msis, 2);
	ck_assert_uint_eq(msi.address_lo, 0xfeefe000);
	ck_assert_uint_eq(msi.address_hi, 0x100);
	ck_assert_uint_eq(msi.data, 32);
}
END_TEST

/* With a client: after the request has ended, not before. */
START_TEST(the_message_comes_when_the_request_has_ended)
{
	struct loop_source stop = {.ready = stop_loop};
	uint8_t *p = prepare(1, 1024);

	create_client();
	ck_assert_uint_eq(setup_notify(0x40), TDVMCALL_SUCCESS);
	ck_assert_uint_eq(get_quote(BUFFER, PAGES(2)), TDVMCALL_SUCCESS);
	ck_assert_uint_eq(get_le64(p + 8), QUOTE_STATUS_IN_FLIGHT);
	ck_assert_uint_eq(msis, 0);
	/* the loop goes on until this one's turn has come */
	stop.fd = model_sys(m)->ops->eventfd(model_sys(m)->ctx);
	ck_assert_int_eq(write(stop.fd, "1234567", 8), 8);
	ck_assert_int_eq(loop_add(&machine.loop, &stop, EPOLLIN, &err), 0);
	while (msis == 0) {
		machine.loop.stop = false;
		ck_assert_int_eq(loop_run(&machine.loop, &err), 0);
	}
	ck_assert_uint_eq(msis, 1);
	ck_assert_uint_eq(msi.data, 0x40);
	ck_assert_uint_eq(get_le64(p + 8), QUOTE_STATUS_UNAVAILABLE);
	loop_remove(&machine.loop, &stop);
	sys_close(model_sys(m), &stop.fd);
}
END_TEST

START_TEST(vectors_of_exceptions_are_refused)
{
	static const uint64_t vectors[] = {0, 1, 31, 256, 0x120, ~0ULL};

	ck_assert_uint_eq(setup_notify(vectors[_i]), TDVMCALL_INVALID_OPERAND);
	prepare(1, 1024);
	ck_assert_uint_eq(get_quote(BUFFER, PAGES(2)), TDVMCALL_SUCCESS);
	ck_assert_uint_eq(msis, 0);
}
END_TEST

/* --- which VMs have a client ------------------------------------------------------------------ */

START_TEST(only_tds_with_a_service_have_a_client)
{
	machine.cc.tech = &cc_tdx;
	ck_assert_int_eq(tdx_calls_init(&machine, &err), 0);
	ck_assert_ptr_null(machine.quote);
	ck_assert_int_eq(config_set(&config, "tdx.quote-socket", "\"vsock:2:4050\"", &err), 0);
	machine.cc.tech = &cc_snp;
	ck_assert_int_eq(tdx_calls_init(&machine, &err), 0);
	ck_assert_ptr_null(machine.quote);
}
END_TEST

SUITE(test_exit_tdx)
{
	Suite *s = suite_create("exit_tdx");
	TCase *tc = tcase_create("exits");

	tcase_add_checked_fixture(tc, exit_setup, exit_teardown);
	tcase_add_test(tc, leaf_1_offers_what_kernel_and_we_can);
	tcase_add_test(tc, what_the_kernel_does_not_let_us_offer_is_not_offered);
	tcase_add_loop_test(tc, the_answer_to_what_we_do_not_know_is_kvms, 0, 3);
	tcase_add_test(tc, without_service_quotes_are_unavailable);
	tcase_add_loop_test(tc, a_buffer_is_checked, 0, (int)ARRAY_SIZE(quotes));
	tcase_add_loop_test(tc, a_private_buffer_is_refused, 0, 2);
	tcase_add_test(tc, more_than_sixteen_requests_are_asked_to_come_again);
	tcase_add_test(tc, the_vcpu_that_asked_is_told);
	tcase_add_test(tc, the_message_comes_when_the_request_has_ended);
	tcase_add_loop_test(tc, vectors_of_exceptions_are_refused, 0, 6);
	tcase_add_test(tc, only_tds_with_a_service_have_a_client);
	suite_add_tcase(s, tc);
	return s;
}
