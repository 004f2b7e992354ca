// SPDX-License-Identifier: MIT
/* Certificates for SNP guests: the table's bounds, and the answers to requests for it. */
#include "cc/snp_certs.h"
#include "tests/mock/model_snp.h"
#include "tests/unit/mem_fixture.h"
#include "tests/unit/suite.h"
#include "vmm/kvm/uapi_snp.h"
#include "vmm/machine/exit.h"
#include "vmm/machine/machine.h"

#include <fcntl.h>
#include <stdio.h>

#define BUFFER PAGES(8)

static char path[32];
static struct snp_certs certs;
static struct minivmm machine;
static struct vmm_config config;
static struct vcpu vcpu;
static uint8_t run_page[3 * 4096] __attribute__((aligned(4096)));

static void certs_setup(void)
{
	char value[64];
	int fd;

	setup();
	start_as(&dialects[FIRST_INPLACE + 1], KVM_X86_SW_PROTECTED_VM);
	add(0, MIB(4));
	strcpy(path, "/tmp/certs.XXXXXX");
	fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	close(fd);
	memset(&machine, 0, sizeof(machine));
	config_init(&config);
	snprintf(value, sizeof(value), "\"%s\"", path);
	ck_assert_int_eq(config_set(&config, "snp.certs", value, &err), 0);
	machine.config = &config;
	machine.sys = model_sys(m);
	machine.mem = mem;
	machine.end_fd = machine.stop_fd = -1;
	pthread_mutex_init(&machine.end.lock, NULL);
	vcpu = (struct vcpu){.vm = &machine, .kvm.run = (struct kvm_run *)run_page};
}

static void certs_teardown(void)
{
	pthread_mutex_destroy(&machine.end.lock);
	unlink(path);
	config_clear(&config);
	teardown();
}

static void put_file(const void *data, size_t len)
{
	FILE *f = fopen(path, "w");

	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(data, 1, len, f), len);
	ck_assert_int_eq(fclose(f), 0);
}

static void put_entry(uint8_t *entry, uint8_t guid, uint32_t offset, uint32_t length)
{
	memset(entry, guid, 16);
	put_le32(entry + 16, offset);
	put_le32(entry + 20, length);
}

/* A table of two certificates of 100 bytes each, `len` bytes in all; data without meaning. */
static uint8_t *make_table(size_t len)
{
	uint8_t *table = malloc(len);

	ck_assert_ptr_nonnull(table);
	memset(table, 0xcc, len);
	memset(table, 0, 72);
	put_entry(table, 1, 72, 100);
	put_entry(table + 24, 2, 172, 100);
	return table;
}

static void put_table(size_t len)
{
	uint8_t *table = make_table(len);

	put_file(table, len);
	free(table);
}

/* --- the table -------------------------------------------------------------------------------- */

START_TEST(a_table_is_taken)
{
	static const uint8_t empty[24];
	uint8_t *table = make_table(272);

	ck_assert_int_eq(snp_certs_check(table, 272, &err), 0);
	/* in another order, and sharing bytes: the guest sorts that out */
	put_entry(table, 1, 172, 100);
	put_entry(table + 24, 2, 72, 200);
	ck_assert_int_eq(snp_certs_check(table, 272, &err), 0);
	free(table);
	ck_assert_int_eq(snp_certs_check(empty, sizeof(empty), &err), 0);
}
END_TEST

START_TEST(a_table_cut_anywhere_is_refused)
{
	uint8_t *table = make_table(272);

	for (size_t len = 0; len < 272; len++) {
		uint8_t *cut = malloc(len ? len : 1);

		ck_assert_ptr_nonnull(cut);
		memcpy(cut, table, len);
		ck_assert_int_eq(snp_certs_check(cut, len, &err), -EINVAL);
		free(cut);
	}
	free(table);
}
END_TEST

static const struct {
	uint32_t offset, length;
} bad[] = {
	{71, 100}, {0, 100},	    {72, 0},	     {72, 201},	       {272, 1},
	{273, 0},  {UINT32_MAX, 1}, {1, UINT32_MAX}, {72, UINT32_MAX}, {UINT32_MAX, UINT32_MAX},
};

START_TEST(a_certificate_elsewhere_is_refused)
{
	uint8_t *table = make_table(272);

	put_entry(table + 24, 2, bad[_i].offset, bad[_i].length);
	ck_assert_int_eq(snp_certs_check(table, 272, &err), -EINVAL);
	assert_says("certificate 2 of 2");
	free(table);
}
END_TEST

START_TEST(a_guid_of_zeros_with_a_place_ends_nothing)
{
	uint8_t *table = make_table(272);

	put_entry(table + 48, 0, 172, 100);
	ck_assert_int_eq(snp_certs_check(table, 272, &err), -EINVAL);
	free(table);
}
END_TEST

START_TEST(files_of_impossible_size_are_refused)
{
	static const size_t sizes[] = {0, 23, SNP_CERTS_MAX + 1};
	uint8_t *table = make_table(SNP_CERTS_MAX + 1);

	put_file(table, sizes[_i]);
	free(table);
	ck_assert_int_eq(snp_certs_open(&certs, model_sys(m), path, &err), -EINVAL);
	ck_assert_ptr_null(certs.table);
	assert_says(path);
}
END_TEST

START_TEST(the_largest_file_is_read)
{
	put_table(SNP_CERTS_MAX);
	ck_assert_int_eq(snp_certs_open(&certs, model_sys(m), path, &err), 0);
	ck_assert_uint_eq(certs.len, SNP_CERTS_MAX);
	snp_certs_close(&certs);
	snp_certs_close(&certs);
}
END_TEST

/* --- requests --------------------------------------------------------------------------------- */

static struct run_snp_req_certs *request(void)
{
	return (struct run_snp_req_certs *)(run_page + KVM_RUN_EXIT);
}

static uint64_t ask(uint64_t gpa, uint64_t npages)
{
	*request() = (struct run_snp_req_certs){gpa, npages, 0x5a5a};
	vcpu.kvm.run->exit_reason = EXIT_SNP_REQ_CERTS;
	ck_assert(exit_handle(&vcpu, 0));
	ck_assert_uint_eq(vcpu.kvm.run->immediate_exit, request()->ret == 0);
	ck_assert_int_eq(vcpu.certs.table != NULL, request()->ret == 0);
	return request()->ret;
}

/* The next KVM_RUN has asked the firmware for the report. */
static uint64_t ask_and_run(uint64_t gpa, uint64_t npages)
{
	uint64_t ret = ask(gpa, npages);

	if (ret == 0)
		exit_snp_certs_done(&vcpu);
	ck_assert_uint_eq(vcpu.kvm.run->immediate_exit, 0);
	return ret;
}

/* Four pages of guest memory, and what is there after a request that wrote `len` bytes. */
static void fill_memory(void)
{
	memset(mem_ptr(&mem, BUFFER, PAGES(4)), 0x77, PAGES(4));
}

static void assert_written(const uint8_t *table, size_t len)
{
	const uint8_t *p = mem_ptr(&mem, BUFFER, PAGES(4));

	ck_assert_mem_eq(p, table, len);
	for (size_t i = len; i < PAGES(4); i++)
		ck_assert_uint_eq(p[i], 0x77);
}

START_TEST(the_guest_gets_the_table)
{
	static const size_t sizes[] = {272, 4096, 4097, 8192};
	uint8_t *table = make_table(sizes[_i]);

	put_file(table, sizes[_i]);
	fill_memory();
	ck_assert_uint_eq(ask_and_run(BUFFER, 2), 0);
	assert_written(table, sizes[_i]);
	free(table);
}
END_TEST

START_TEST(too_few_pages_get_the_number_that_is_needed)
{
	put_table(8193);
	fill_memory();
	for (uint64_t npages = 0; npages < 3; npages++) {
		ck_assert_uint_eq(ask_and_run(BUFFER, npages), ENOSPC);
		ck_assert_uint_eq(request()->npages, 3);
		assert_written((const uint8_t *)"", 0);
	}
	ck_assert_uint_eq(ask_and_run(BUFFER, 3), 0);
}
END_TEST

static unsigned int lines;

static void count_line(void *ctx, int level, const char *line)
{
	(void)ctx, (void)level;
	lines += strstr(line, "snp.certs") != NULL;
}

START_TEST(requests_while_there_is_no_table_do_not_fill_the_log)
{
	ck_assert_int_eq(unlink(path), 0);
	machine.log = (struct vmm_log){.write = count_line, .level = VMM_LOG_TRACE};
	lines = 0;
	for (unsigned int i = 0; i < 10000; i++)
		ck_assert_uint_eq(ask_and_run(BUFFER, 1), EIO);
	ck_assert_uint_ge(lines, 1);
	ck_assert_uint_le(lines, VMM_LOG_LINES + 1);
}
END_TEST

START_TEST(the_file_is_read_at_each_request)
{
	uint8_t *table;

	put_table(272);
	ck_assert_uint_eq(ask_and_run(BUFFER, 1), 0);
	table = make_table(300);
	put_file(table, 300);
	fill_memory();
	ck_assert_uint_eq(ask_and_run(BUFFER, 1), 0);
	assert_written(table, 300);
	free(table);
	/* what is wrong with it is the host's affair: the guest hears of an I/O error */
	put_file("nonsense", 8);
	ck_assert_uint_eq(ask_and_run(BUFFER, 1), EIO);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_uint_eq(ask_and_run(BUFFER, 1), EIO);
	put_table(272);
	ck_assert_uint_eq(ask_and_run(BUFFER, UINT64_MAX), 0);
}
END_TEST

START_TEST(a_buffer_that_is_not_shared_memory_gets_nothing)
{
	static const uint64_t places[] = {MIB(4), MIB(4) - PAGES(1), UINT64_MAX - 4095};

	put_table(8192);
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		ck_assert_uint_eq(ask_and_run(places[i], 2), EIO);
	fill_memory();
	ck_assert_int_eq(mem_convert(&mem, BUFFER + PAGES(1), PAGES(1), true, &err), 0);
	ck_assert_uint_eq(ask_and_run(BUFFER, 2), EIO);
	ck_assert_uint_eq(*(uint8_t *)mem_ptr(&mem, BUFFER, 1), 0x77);
}
END_TEST

/* --- while the certificates are renewed ------------------------------------------------------- */

static int lock_for_writing(int fd)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	return fcntl(fd, F_OFD_SETLK, &lock) < 0 ? -errno : 0;
}

START_TEST(certificates_that_are_being_renewed_are_asked_for_again)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	put_table(272);
	ck_assert_int_eq(lock_for_writing(fd), 0);
	fill_memory();
	ck_assert_uint_eq(ask_and_run(BUFFER, 1), EAGAIN);
	assert_written((const uint8_t *)"", 0);
	close(fd);
	ck_assert_uint_eq(ask_and_run(BUFFER, 1), 0);
}
END_TEST

START_TEST(they_are_not_renewed_before_the_report_is_there)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	put_table(272);
	ck_assert_uint_eq(ask(BUFFER, 1), 0);
	ck_assert_int_eq(lock_for_writing(fd), -EAGAIN);
	exit_snp_certs_done(&vcpu);
	ck_assert_int_eq(lock_for_writing(fd), 0);
	close(fd);
}
END_TEST

/* Requests that fail hold nothing up. */
START_TEST(a_failed_request_leaves_no_lock)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	put_table(8192);
	ck_assert_uint_eq(ask(BUFFER, 1), ENOSPC);
	ck_assert_uint_eq(ask(MIB(4), 2), EIO);
	model_answer(m, "lock", -ENOLCK);
	ck_assert_uint_eq(ask(BUFFER, 2), EIO);
	ck_assert_int_eq(lock_for_writing(fd), 0);
	close(fd);
}
END_TEST

START_TEST(a_request_that_nobody_enabled_ends_the_vm)
{
	config_clear(&config);
	config_init(&config);
	vcpu.kvm.run->exit_reason = EXIT_SNP_REQ_CERTS;
	ck_assert(!exit_handle(&vcpu, 0));
	ck_assert_int_eq(machine.end.how, MINIVMM_FAILED);
}
END_TEST

SUITE(test_snp_certs)
{
	Suite *s = suite_create("snp_certs");
	TCase *tc = tcase_create("certs");

	tcase_add_checked_fixture(tc, certs_setup, certs_teardown);
	tcase_add_test(tc, a_table_is_taken);
	tcase_add_test(tc, a_table_cut_anywhere_is_refused);
	tcase_add_loop_test(tc, a_certificate_elsewhere_is_refused, 0, (int)ARRAY_SIZE(bad));
	tcase_add_test(tc, a_guid_of_zeros_with_a_place_ends_nothing);
	tcase_add_loop_test(tc, files_of_impossible_size_are_refused, 0, 3);
	tcase_add_test(tc, the_largest_file_is_read);
	tcase_add_loop_test(tc, the_guest_gets_the_table, 0, 4);
	tcase_add_test(tc, too_few_pages_get_the_number_that_is_needed);
	tcase_add_test(tc, requests_while_there_is_no_table_do_not_fill_the_log);
	tcase_add_test(tc, the_file_is_read_at_each_request);
	tcase_add_test(tc, a_buffer_that_is_not_shared_memory_gets_nothing);
	tcase_add_test(tc, certificates_that_are_being_renewed_are_asked_for_again);
	tcase_add_test(tc, they_are_not_renewed_before_the_report_is_there);
	tcase_add_test(tc, a_failed_request_leaves_no_lock);
	tcase_add_test(tc, a_request_that_nobody_enabled_ends_the_vm);
	suite_add_tcase(s, tc);
	return s;
}
