// SPDX-License-Identifier: MIT
/* A whole TD over the model: it shares a page, asks for a quote, and gets it from a service. */
#include "tests/mock/model_tdx.h"
#include "tests/unit/machine_fixture.h"
#include "tests/unit/suite.h"

#include "cc/quote.h"
#include "cc/quote_frame.h"
#include "vmm/kvm/uapi_tdx.h"

#include <errno.h>
#include <linux/kvm_para.h>
#include <poll.h>
#include <stdio.h>
#include <time.h>

#define BUFFER	  MIB(32)
#define REPORT	  1024
#define QUOTE_LEN 3000

static struct model *m;
static struct machine t;
static char dir[32], path[64];
static int listener = -1;

static void setup(void)
{
	struct quote_address address;
	char value[80];

	m = model_new();
	model_set_gmem_dialect(m, MODEL_GMEM_REV8);
	model_offer_tdx(m);
	machine_setup(&t, m, "2");
	config_clear(&t.config);
	config_init(&t.config);
	ck_assert_int_eq(config_set(&t.config, "machine.cc", "\"tdx\"", &t.err), 0);
	ck_assert_int_eq(config_set(&t.config, "machine.vcpus", "2", &t.err), 0);
	ck_assert_int_eq(config_set(&t.config, "machine.memory", "\"64M\"", &t.err), 0);
	ck_assert_int_eq(config_set(&t.config, "serial.output", "\"null\"", &t.err), 0);
	ck_assert_int_eq(config_set(&t.config, "boot.firmware",
				    "\"" SOURCE_DIR "/tests/vectors/tdvf-a.fd\"", &t.err),
			 0);
	strcpy(dir, "/tmp/td.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/qgs", dir);
	snprintf(value, sizeof(value), "\"%s\"", path);
	ck_assert_int_eq(config_set(&t.config, "tdx.quote-socket", value, &t.err), 0);
	quote_address_set(&address, &(struct endpoint){.kind = ENDPOINT_UNIX, .path = path});
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(listener, &address.u.any, address.len), 0);
	ck_assert_int_eq(listen(listener, 4), 0);
}

static void teardown(void)
{
	machine_teardown(&t);
	close(listener);
	unlink(path);
	rmdir(dir);
	model_check_clean(m);
	model_free(m);
}

/* --- the guest -------------------------------------------------------------------------------- */

static struct run_tdx *call_of(struct model *model)
{
	const struct model_vcpu *v = model_vcpu(model, 0, 0);

	v->run->exit_reason = EXIT_TDX;
	return (struct run_tdx *)((uint8_t *)v->run + KVM_RUN_EXIT);
}

static void share_buffer(struct model *model, void *ctx)
{
	struct kvm_run *run = model_vcpu(model, 0, 0)->run;

	(void)ctx;
	run->exit_reason = KVM_EXIT_HYPERCALL;
	run->hypercall.nr = KVM_HC_MAP_GPA_RANGE;
	run->hypercall.args[0] = BUFFER;
	run->hypercall.args[1] = 2;
	run->hypercall.args[2] = 0;
	run->hypercall.ret = 99;
}

static void ask_what_there_is(struct model *model, void *ctx)
{
	(void)ctx;
	ck_assert_uint_eq(model_vcpu(model, 0, 0)->run->hypercall.ret, 0);
	*call_of(model) = (struct run_tdx){.nr = TDVMCALL_GET_INFO, .u.info = {.leaf = 1}};
}

static void ask_to_be_told(struct model *model, void *ctx)
{
	struct run_tdx *call = call_of(model);

	(void)ctx;
	/* bit 1, SetupEventNotifyInterrupt, is what the model's KVM leaves to the VMM */
	ck_assert_uint_eq(call->u.info.r11, 2);
	*call = (struct run_tdx){.nr = TDVMCALL_SETUP_NOTIFY, .u.notify = {.ret = 3, .vector = 64}};
}

static void ask_for_quote(struct model *model, void *ctx)
{
	struct run_tdx *call = call_of(model);
	uint8_t *p = model_guest_ptr(model, 0, BUFFER, 8192);

	(void)ctx;
	ck_assert_uint_eq(call->u.notify.ret, TDVMCALL_SUCCESS);
	memset(p, 0, 8192);
	put_le64(p, QUOTE_VERSION);
	put_le32(p + 16, REPORT);
	memset(p + QUOTE_HEADER_SIZE, 'r', REPORT);
	*call = (struct run_tdx){.nr = TDVMCALL_GET_QUOTE,
				 .u.quote = {.ret = 3, .gpa = BUFFER, .size = 8192}};
}

static void poll_status(struct model *model, void *ctx)
{
	volatile uint64_t *status =
		(volatile uint64_t *)((uint8_t *)model_guest_ptr(model, 0, BUFFER, 8192) + 8);
	const struct timespec pause = {.tv_nsec = 1000000};

	(void)ctx;
	ck_assert_uint_eq(call_of(model)->u.quote.ret, TDVMCALL_SUCCESS);
	for (unsigned int i = 0; i < 20000 && *status == QUOTE_STATUS_IN_FLIGHT; i++)
		nanosleep(&pause, NULL);
	ck_assert_uint_eq(*status, QUOTE_STATUS_DONE);
}

/* --- the service ------------------------------------------------------------------------------ */

static void serve_one(void)
{
	uint8_t request[QUOTE_LENGTH_SIZE + QUOTE_MESSAGE_FIXED + REPORT];
	uint8_t answer[QUOTE_LENGTH_SIZE + QUOTE_MESSAGE_FIXED + QUOTE_LEN] = {
		0,
		0,
		(QUOTE_MESSAGE_FIXED + QUOTE_LEN) >> 8,
		(QUOTE_MESSAGE_FIXED + QUOTE_LEN) & 0xff,
		1,
		0,
		1,
		0,
		1};
	struct pollfd p = {.fd = listener, .events = POLLIN};
	int fd;

	ck_assert_int_eq(poll(&p, 1, 20000), 1);
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(recv(fd, request, sizeof(request), MSG_WAITALL), (int)sizeof(request));
	ck_assert_uint_eq(request[sizeof(request) - 1], 'r');
	put_le32(answer + 12, QUOTE_MESSAGE_FIXED + QUOTE_LEN);
	put_le32(answer + 24, QUOTE_LEN);
	memset(answer + QUOTE_LENGTH_SIZE + QUOTE_MESSAGE_FIXED, 'q', QUOTE_LEN);
	ck_assert_int_eq(send(fd, answer, sizeof(answer), MSG_NOSIGNAL), (int)sizeof(answer));
	close(fd);
}

START_TEST(a_td_gets_its_quote)
{
	static const struct model_step guest[] = {
		CALL(share_buffer, NULL),   RETURN(0), CALL(ask_what_there_is, NULL), RETURN(0),
		CALL(ask_to_be_told, NULL), RETURN(0), CALL(ask_for_quote, NULL),     RETURN(0),
		CALL(poll_status, NULL),    POWER_OFF,
	};
	const uint8_t *p;

	model_script(m, 0, 0, guest, ARRAY_SIZE(guest));
	machine_must_start(&t);
	serve_one();
	machine_must_end(&t, MINIVMM_POWEROFF);
	p = mem_ptr(&t.vm->mem, BUFFER, 8192);
	ck_assert_ptr_nonnull(p);
	ck_assert_uint_eq(get_le32(p + 20), QUOTE_LEN);
	for (size_t i = 0; i < QUOTE_LEN; i++)
		ck_assert_uint_eq(p[QUOTE_HEADER_SIZE + i], 'q');
	ck_assert_uint_eq(model_count(m, "KVM_SIGNAL_MSI"), 1);
}
END_TEST

/* A service that never answers holds up neither the guest nor the end of the VM. */
START_TEST(a_td_ends_without_its_quote)
{
	static const struct model_step guest[] = {
		CALL(share_buffer, NULL),
		RETURN(0),
		CALL(ask_what_there_is, NULL),
		RETURN(0),
		CALL(ask_to_be_told, NULL),
		RETURN(0),
		CALL(ask_for_quote, NULL),
		RETURN(0),
		POWER_OFF,
	};

	model_script(m, 0, 0, guest, ARRAY_SIZE(guest));
	machine_must_start(&t);
	machine_must_end(&t, MINIVMM_POWEROFF);
	ck_assert_uint_eq(model_count(m, "KVM_SIGNAL_MSI"), 0);
}
END_TEST

SUITE(test_machine_tdx)
{
	Suite *s = suite_create("machine_tdx");
	TCase *tc = tcase_create("tdx");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_td_gets_its_quote);
	tcase_add_test(tc, a_td_ends_without_its_quote);
	suite_add_tcase(s, tc);
	return s;
}
