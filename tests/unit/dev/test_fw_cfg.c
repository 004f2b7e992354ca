// SPDX-License-Identifier: MIT
/* fw_cfg as a guest drives it: by ports, and by requests in its memory, sound and hostile ones. */
#include "tests/unit/suite.h"
#include "vmm/dev/fw_cfg.h"

#include "tests/unit/boot_files.h"
#include "tests/unit/mem_fixture.h"

#define RAM	MIB(4)
#define REQUEST 0x1000ULL
#define TARGET	0x2000ULL

/* control bits of a request */
#define ERROR  1u
#define READ   2u
#define SKIP   4u
#define SELECT 8u
#define WRITE  16u

#define FILE_KEY FW_CFG_KERNEL_DATA
#define FILE_LEN 150000u /* more than a piece of a transfer and many windows */

static struct fw_cfg fw;
static struct bus bus;
static struct test_file disk;
static struct mem_file file;
static uint8_t contents[FILE_LEN + 100];

static void setup_device(void)
{
	ck_assert_int_eq(fw_cfg_init(&fw, &mem, &err), 0);
	memset(&bus, 0, sizeof(bus));
	ck_assert_int_eq(bus_add(&bus, FW_CFG_PORT, FW_CFG_PORTS, &fw.dev, &err), 0);
	ck_assert_int_eq(bus_add(&bus, FW_CFG_DMA_PORT, FW_CFG_DMA_PORTS, &fw.dma_dev, &err), 0);
}

static void setup_plain(void)
{
	setup();
	create_vm(&dialects[0], KVM_X86_DEFAULT_VM);
	add(0, RAM);
	setup_device();
	fill(contents, sizeof(contents), 7);
	disk = file_make(contents, sizeof(contents));
	ck_assert_int_eq(mem_file_open(&file, model_sys(m), disk.path, &err), 0);
	/* not from its beginning, and not to its end */
	ck_assert_int_eq(fw_cfg_add_part(&fw, FILE_KEY, &file, 50, FILE_LEN, &err), 0);
}

static void teardown_plain(void)
{
	fw_cfg_destroy(&fw);
	mem_file_close(&file);
	file_free(&disk);
	teardown();
}

static void out(uint64_t port, unsigned int len, uint64_t value)
{
	uint8_t data[8];

	put_le64(data, value);
	bus_access(&bus, port, data, len, true);
}

static uint64_t in(uint64_t port, unsigned int len)
{
	uint8_t data[8] = {0};

	bus_access(&bus, port, data, len, false);
	return get_le64(data);
}

static void read_bytes(void *to, size_t len)
{
	for (size_t i = 0; i < len; i++)
		((uint8_t *)to)[i] = (uint8_t)in(FW_CFG_PORT + 1, 1);
}

static uint32_t read_number(uint16_t key, size_t len)
{
	uint8_t bytes[4] = {0};

	out(FW_CFG_PORT, 2, key);
	read_bytes(bytes, len);
	return get_le32(bytes);
}

static void put_be32(uint8_t *p, uint32_t value)
{
	put_le32(p, __builtin_bswap32(value));
}

static void write_request(uint64_t gpa, uint32_t control, uint32_t len, uint64_t address)
{
	uint8_t bytes[16];

	put_be32(bytes, control);
	put_be32(bytes + 4, len);
	put_be32(bytes + 8, (uint32_t)(address >> 32));
	put_be32(bytes + 12, (uint32_t)address);
	ck_assert_int_eq(mem_write(&mem, gpa, bytes, sizeof(bytes)), 0);
}

static void start_at(uint64_t gpa)
{
	uint8_t bytes[8];

	put_be32(bytes, (uint32_t)(gpa >> 32));
	put_be32(bytes + 4, (uint32_t)gpa);
	out(FW_CFG_DMA_PORT, 4, get_le32(bytes));
	out(FW_CFG_DMA_PORT + 4, 4, get_le32(bytes + 4));
}

/* What the guest finds in the control field. */
static uint32_t result(void)
{
	uint8_t bytes[4];

	ck_assert_int_eq(mem_read(&mem, REQUEST, bytes, sizeof(bytes)), 0);
	return __builtin_bswap32(get_le32(bytes));
}

static uint32_t request(uint32_t control, uint32_t len, uint64_t address)
{
	write_request(REQUEST, control, len, address);
	start_at(REQUEST);
	return result();
}

static const uint8_t *guest(uint64_t gpa)
{
	return mem_ptr(&mem, gpa, 1);
}

/* --- ports ------------------------------------------------------------------------------------ */

START_TEST(signature_and_features)
{
	char text[9] = "";

	out(FW_CFG_PORT, 2, FW_CFG_SIGNATURE);
	read_bytes(text, 4);
	ck_assert_str_eq(text, "QEMU");
	ck_assert_uint_eq(read_number(FW_CFG_ID, 4), 3);
	for (unsigned int i = 0; i < 8; i++)
		text[i] = (char)in(FW_CFG_DMA_PORT + i, 1);
	ck_assert_str_eq(text, "QEMU CFG");
	ck_assert_uint_eq(in(FW_CFG_DMA_PORT, 4), get_le32("QEMU"));
	ck_assert_uint_eq(in(FW_CFG_DMA_PORT + 4, 4), get_le32(" CFG"));
}
END_TEST

START_TEST(numbers_and_zeros_behind_their_end)
{
	uint8_t bytes[6];

	ck_assert_int_eq(fw_cfg_add_number(&fw, FW_CFG_CPUS, 0x1234, 2, &err), 0);
	out(FW_CFG_PORT, 2, FW_CFG_CPUS);
	read_bytes(bytes, sizeof(bytes));
	ck_assert_mem_eq(bytes, "\x34\x12\0\0\0\0", 6);
	/* selected again: from the beginning */
	ck_assert_uint_eq(read_number(FW_CFG_CPUS, 2), 0x1234);
	ck_assert_uint_eq(read_number(0x7777, 4), 0); /* there is none */
}
END_TEST

START_TEST(accesses_that_mean_nothing)
{
	ck_assert_uint_eq(read_number(FW_CFG_ID, 1), 3);
	out(FW_CFG_PORT, 1, FW_CFG_SIGNATURE);
	out(FW_CFG_PORT + 1, 1, FW_CFG_SIGNATURE);
	ck_assert_uint_eq(in(FW_CFG_PORT, 1), 0xff);
	ck_assert_uint_eq(in(FW_CFG_PORT, 2), 0xffff);
	ck_assert_uint_eq(in(FW_CFG_PORT + 1, 1), 0); /* the second byte of the ID */
	out(FW_CFG_DMA_PORT + 4, 2, 0);
	out(FW_CFG_DMA_PORT, 8, 0);
	out(FW_CFG_DMA_PORT + 1, 4, 0);
}
END_TEST

START_TEST(a_file_byte_by_byte)
{
	static uint8_t bytes[FILE_LEN + 10];

	out(FW_CFG_PORT, 2, FILE_KEY);
	read_bytes(bytes, sizeof(bytes));
	ck_assert_mem_eq(bytes, contents + 50, FILE_LEN);
	for (size_t i = FILE_LEN; i < sizeof(bytes); i++)
		ck_assert_uint_eq(bytes[i], 0);
}
END_TEST

START_TEST(two_files_at_once)
{
	uint8_t bytes[4];

	ck_assert_int_eq(fw_cfg_add_part(&fw, FW_CFG_INITRD_DATA, &file, 0, 100, &err), 0);
	for (unsigned int i = 0; i < 3; i++) {
		out(FW_CFG_PORT, 2, i % 2 ? FW_CFG_INITRD_DATA : FILE_KEY);
		read_bytes(bytes, sizeof(bytes));
		ck_assert_mem_eq(bytes, contents + (i % 2 ? 0 : 50), sizeof(bytes));
	}
}
END_TEST

START_TEST(the_directory_names_files)
{
	uint8_t dir[4 + 2 * 64], bytes[5];

	ck_assert_int_eq(fw_cfg_add_named(&fw, "etc/one", "1", 1, &err), 0);
	ck_assert_int_eq(fw_cfg_add_named(&fw, "etc/two", "two..", 5, &err), 0);
	out(FW_CFG_PORT, 2, FW_CFG_DIRECTORY);
	read_bytes(dir, sizeof(dir));
	ck_assert_mem_eq(dir, "\0\0\0\x02", 4);
	ck_assert_mem_eq(dir + 4, "\0\0\0\x01\0\x20\0\0etc/one", 16);
	ck_assert_mem_eq(dir + 68, "\0\0\0\x05\0\x21\0\0etc/two", 16);
	ck_assert_uint_eq(in(FW_CFG_PORT + 1, 1), 0);
	out(FW_CFG_PORT, 2, 0x21);
	read_bytes(bytes, 5);
	ck_assert_mem_eq(bytes, "two..", 5);
}
END_TEST

START_TEST(what_does_not_fit_is_refused)
{
	char name[FW_CFG_NAME + 1];

	memset(name, 'n', sizeof(name));
	name[FW_CFG_NAME] = 0;
	ck_assert_int_eq(fw_cfg_add_named(&fw, name, "", 0, &err), -EINVAL);
	name[FW_CFG_NAME - 1] = 0;
	for (unsigned int i = 0; i < FW_CFG_FILES; i++)
		ck_assert_int_eq(fw_cfg_add_named(&fw, name, "", 0, &err), 0);
	ck_assert_int_eq(fw_cfg_add_named(&fw, name, "", 0, &err), -ENOSPC);
	while (fw.nitems < FW_CFG_ITEMS)
		ck_assert_int_eq(fw_cfg_add_number(&fw, 9, 0, 4, &err), 0);
	ck_assert_int_eq(fw_cfg_add_number(&fw, 9, 0, 4, &err), -ENOSPC);
	ck_assert_int_eq(fw_cfg_add_part(&fw, 9, &file, 0, 1ULL << 32, &err), -E2BIG);
}
END_TEST

/* --- requests in memory ----------------------------------------------------------------------- */

START_TEST(a_file_goes_into_memory)
{
	memset(mem_ptr(&mem, TARGET, FILE_LEN + 100), 0xa5, FILE_LEN + 100);
	ck_assert_uint_eq(request(FILE_KEY << 16 | SELECT | READ, FILE_LEN + 10, TARGET), 0);
	ck_assert_mem_eq(guest(TARGET), contents + 50, FILE_LEN);
	for (size_t i = 0; i < 10; i++)
		ck_assert_uint_eq(guest(TARGET + FILE_LEN)[i], 0);
	ck_assert_uint_eq(guest(TARGET + FILE_LEN)[10], 0xa5);
}
END_TEST

START_TEST(reading_goes_on_where_it_stopped)
{
	out(FW_CFG_PORT, 2, FILE_KEY);
	ck_assert_uint_eq(request(READ, 3, TARGET), 0);
	ck_assert_uint_eq(request(SKIP, 1000, UINT64_MAX), 0);
	ck_assert_uint_eq(request(READ, 70000, TARGET + 3), 0);
	ck_assert_mem_eq(guest(TARGET), contents + 50, 3);
	ck_assert_mem_eq(guest(TARGET + 3), contents + 1053, 70000);
	ck_assert_uint_eq(in(FW_CFG_PORT + 1, 1), contents[71053]);
	/* no further than to the end */
	ck_assert_uint_eq(request(SKIP, UINT32_MAX, 0), 0);
	ck_assert_uint_eq(request(SKIP, UINT32_MAX, 0), 0);
	ck_assert_uint_eq(request(READ, 1, TARGET), 0);
	ck_assert_uint_eq(guest(TARGET)[0], 0);
}
END_TEST

START_TEST(an_item_that_does_not_exist_is_zeros)
{
	memset(mem_ptr(&mem, TARGET, 8), 0xa5, 8);
	ck_assert_uint_eq(request(0x4321u << 16 | SELECT | READ, 4, TARGET), 0);
	ck_assert_mem_eq(guest(TARGET), "\0\0\0\0\xa5", 5);
}
END_TEST

START_TEST(nothing_can_be_written)
{
	ck_assert_uint_eq(request(FILE_KEY << 16 | SELECT | WRITE, 4, TARGET), ERROR);
	ck_assert_uint_eq(request(FILE_KEY << 16 | SELECT | WRITE, 0, TARGET), 0);
	ck_assert_uint_eq(request(FILE_KEY << 16 | SELECT | READ, 4, TARGET), 0);
	ck_assert_mem_eq(guest(TARGET), contents + 50, 4);
	ck_assert_uint_eq(request(0, 4, TARGET), 0); /* nothing to do */
}
END_TEST

static const struct {
	uint32_t len;
	uint64_t address;
} outside[] = {
	{1, RAM},
	{2, RAM - 1},
	{UINT32_MAX, TARGET},
	{0x80000000, RAM - 0x20000},
	{16, UINT64_MAX - 7}, /* wraps */
	{UINT32_MAX, UINT64_MAX - UINT32_MAX + 1},
	{1, UINT64_MAX},
	{1, 1ULL << 52 | TARGET},
};

START_TEST(targets_outside_of_ram_are_errors)
{
	uint32_t len = outside[_i].len;

	ck_assert_uint_eq(request(FILE_KEY << 16 | SELECT | READ, len, outside[_i].address), ERROR);
	/* and no harm is done */
	ck_assert_uint_eq(request(FILE_KEY << 16 | SELECT | READ, 4, TARGET), 0);
	ck_assert_mem_eq(guest(TARGET), contents + 50, 4);
}
END_TEST

/* There is nowhere to put an error; nothing must happen. */
START_TEST(requests_outside_of_ram_are_dropped)
{
	static const uint64_t places[] = {RAM, RAM - 15, UINT64_MAX - 15, UINT64_MAX, 1ULL << 51};

	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		start_at(places[i]);
	write_request(RAM - 16, FW_CFG_ID << 16 | SELECT | READ, 4, TARGET);
	start_at(RAM - 16);
	ck_assert_mem_eq(guest(TARGET), "\x03\0\0\0", 4);
}
END_TEST

/* The upper half of the address counts once. */
START_TEST(the_address_is_forgotten_after_use)
{
	write_request(REQUEST, FW_CFG_ID << 16 | SELECT | READ, 4, TARGET);
	start_at(1ULL << 40 | REQUEST);
	ck_assert_uint_eq(guest(TARGET)[0], 0);
	out(FW_CFG_DMA_PORT + 4, 4, __builtin_bswap32((uint32_t)REQUEST));
	ck_assert_mem_eq(guest(TARGET), "\x03\0\0\0", 4);
}
END_TEST

/* 4 GiB are no request that holds up the end of the VM. */
START_TEST(a_transfer_ends_when_the_vm_does)
{
	atomic_bool stop = true;

	mem.stop = &stop;
	ck_assert_uint_eq(request(FILE_KEY << 16 | SELECT | READ, UINT32_MAX, TARGET), ERROR);
	ck_assert_uint_eq(guest(TARGET)[0], 0);
	atomic_store(&stop, false);
	ck_assert_uint_eq(request(FILE_KEY << 16 | SELECT | READ, 16, TARGET), 0);
	ck_assert_mem_eq(guest(TARGET), contents + 50, 16);
	mem.stop = NULL;
}
END_TEST

/* The request was read once: what is written over it changes nothing. */
START_TEST(a_request_that_overwrites_itself)
{
	uint32_t len = 0x100;

	write_request(TARGET + 0x10, FILE_KEY << 16 | SELECT | READ, len, TARGET);
	start_at(TARGET + 0x10);
	ck_assert_mem_eq(guest(TARGET), contents + 50, 0x10);
	ck_assert_mem_eq(guest(TARGET + 0x10), "\0\0\0\0", 4);
	ck_assert_mem_eq(guest(TARGET + 0x14), contents + 50 + 0x14, len - 0x14);
}
END_TEST

START_TEST(a_file_that_has_shrunk_is_an_error)
{
	ck_assert_int_eq(ftruncate(disk.fd, 60), 0);
	ck_assert_uint_eq(request(FILE_KEY << 16 | SELECT | READ, 100, TARGET), ERROR);
	ck_assert_uint_eq(request(FILE_KEY << 16 | SELECT | READ, 4, TARGET), 0);
	ck_assert_mem_eq(guest(TARGET), contents + 50, 4);
	ck_assert_uint_eq(request(FILE_KEY << 16 | SELECT | SKIP, 10, 0), 0);
	ck_assert_uint_eq(in(FW_CFG_PORT + 1, 1), 0);
}
END_TEST

/* --- private pages ---------------------------------------------------------------------------- */

static void teardown_private(void)
{
	fw_cfg_destroy(&fw);
	teardown();
}

static void start_private(int dialect)
{
	start_as(&dialects[dialect], KVM_X86_SNP_VM);
	add(0, RAM);
	setup_device();
	mem_seal(&mem);
}

static void make_private(uint64_t gpa, uint64_t len)
{
	ck_assert_msg(mem_convert(&mem, gpa, len, true, &err) == 0, "%s", err.text);
}

START_TEST(private_targets_are_errors)
{
	start_private(_i);
	make_private(TARGET + PAGE_SIZE, PAGE_SIZE);
	ck_assert_uint_eq(request(SELECT | READ, 4, TARGET + PAGE_SIZE), ERROR);
	ck_assert_uint_eq(request(SELECT | READ, 2, TARGET + PAGE_SIZE - 1), ERROR);
	ck_assert_uint_eq(request(SELECT | READ, (uint32_t)RAM - TARGET, TARGET), ERROR);
	ck_assert_uint_eq(request(SELECT | READ, 4, TARGET + PAGE_SIZE - 4), 0);
	ck_assert_mem_eq(guest(TARGET + PAGE_SIZE - 4), "QEMU", 4);
	assert_record_is_true();
}
END_TEST

START_TEST(private_requests_are_dropped)
{
	start_private(_i);
	write_request(REQUEST, SELECT | READ, 4, TARGET);
	make_private(REQUEST, PAGE_SIZE);
	start_at(REQUEST);
	start_at(REQUEST + PAGE_SIZE - 8); /* half of it is private */
	start_at(REQUEST - 8);
	ck_assert_uint_eq(guest(TARGET)[0], 0);
	assert_record_is_true();
}
END_TEST

SUITE(test_fw_cfg)
{
	Suite *suite = suite_create("fw_cfg");
	TCase *plain = tcase_create("plain"), *private = tcase_create("private");

	tcase_add_checked_fixture(plain, setup_plain, teardown_plain);
	tcase_add_test(plain, signature_and_features);
	tcase_add_test(plain, numbers_and_zeros_behind_their_end);
	tcase_add_test(plain, accesses_that_mean_nothing);
	tcase_add_test(plain, a_file_byte_by_byte);
	tcase_add_test(plain, two_files_at_once);
	tcase_add_test(plain, the_directory_names_files);
	tcase_add_test(plain, what_does_not_fit_is_refused);
	tcase_add_test(plain, a_file_goes_into_memory);
	tcase_add_test(plain, reading_goes_on_where_it_stopped);
	tcase_add_test(plain, an_item_that_does_not_exist_is_zeros);
	tcase_add_test(plain, nothing_can_be_written);
	tcase_add_loop_test(plain, targets_outside_of_ram_are_errors, 0, ARRAY_SIZE(outside));
	tcase_add_test(plain, requests_outside_of_ram_are_dropped);
	tcase_add_test(plain, the_address_is_forgotten_after_use);
	tcase_add_test(plain, a_transfer_ends_when_the_vm_does);
	tcase_add_test(plain, a_request_that_overwrites_itself);
	tcase_add_test(plain, a_file_that_has_shrunk_is_an_error);
	suite_add_tcase(suite, plain);
	tcase_add_checked_fixture(private, setup, teardown_private);
	tcase_add_loop_test(private, private_targets_are_errors, 0, DIALECTS);
	tcase_add_loop_test(private, private_requests_are_dropped, 0, DIALECTS);
	suite_add_tcase(suite, private);
	return suite;
}
