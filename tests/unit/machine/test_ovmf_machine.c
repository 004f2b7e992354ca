// SPDX-License-Identifier: MIT
/* Whole plain machines with firmware and a kernel for it, over the model of KVM: what the firmware
 * finds when it looks around. */
#include "boot/acpi_loader.h"
#include "tests/unit/firmware_image.h"
#include "tests/unit/machine_fixture.h"
#include "tests/unit/suite.h"
#include "vmm/dev/fw_cfg.h"
#include "vmm/machine/platform_ovmf.h"
#include "vmm/x86/cpuid.h"

#define REQUEST 0x10000ULL
#define TARGET	0x20000ULL

#define SELECT_AND_READ(key) ((uint32_t)(key) << 16 | 0xa)

static uint8_t image[IMAGE_LEN], bzimage[BZ_FILE];
static struct test_file file;
static struct model *m;
static struct machine t;
static char lines[1024];

static void on_log(void *ctx, int level, const char *text)
{
	(void)ctx;
	(void)level;
	strncat(lines, text, sizeof(lines) - strlen(lines) - 2);
	strcat(lines, "\n");
}

static void set(const char *key, const char *value)
{
	ck_assert_msg(config_set(&t.config, key, value, &t.err) == 0, "%s", t.err.text);
}

static void setup_machine(void)
{
	char path[48];

	m = model_new();
	lines[0] = 0;
	machine_setup(&t, m, "2");
	image_make(image);
	bzimage_make(bzimage);
	file = file_make(image, sizeof(image));
	snprintf(path, sizeof(path), "\"%s\"", file.path);
	set("boot.firmware", path);
}

static void teardown_machine(void)
{
	machine_teardown(&t);
	model_check_clean(m);
	model_free(m);
	file_free(&file);
}

/* Up to the launch. */
static int launch(void)
{
	static const struct vmm_log log = {.write = on_log, .level = VMM_LOG_DEBUG};
	int ret = machine_create(&t.vm, &t.config, model_sys(m), &log, &t.err);

	if (ret == 0)
		ret = minivmm_load(t.vm, &t.err);
	return ret < 0 ? ret : minivmm_launch(t.vm, &t.err);
}

static void run_to_power_off(const struct model_step *guest, size_t nsteps)
{
	model_script(m, 0, 0, guest, nsteps);
	ck_assert_msg(minivmm_run(t.vm, &t.err) == 0, "%s", t.err.text);
	machine_must_end(&t, MINIVMM_POWEROFF);
}

static void must_launch(void)
{
	ck_assert_msg(launch() == 0, "%s", t.err.text);
}

/* --- the machine ------------------------------------------------------------------------------ */

START_TEST(ports_and_windows_of_a_q35)
{
	static const struct model_step guest[] = {
		IN(OVMF_DEBUG_PORT, 1, 0xe9),
		OUTS(OVMF_DEBUG_PORT, 1, 'x', 3),
		OUT(OVMF_DEBUG_PORT, 1, '\n'),
		OUT(FW_CFG_PORT, 2, FW_CFG_SIGNATURE),
		IN(FW_CFG_PORT + 1, 1, 'Q'),
		OUT(FW_CFG_PORT, 2, FW_CFG_SIGNATURE),
		OUT(0xcf8, 4, 0x80000000),
		IN(0xcfc, 4, 0x29c08086),
		OUT(0xcf8, 4, 0x80000060),
		OUT(0xcfc, 4, 0xe0000001),
		LOAD(0xe00f8000, 4, 0x29188086),
		LOAD(0xb0000000, 4, 0xffffffff),
		/* 64 MiB of RAM, 48 of them above 16, in units of 64 KiB; none above 4 GiB */
		OUT(0x70, 1, 0x34),
		IN(0x71, 1, 0x00),
		OUT(0x70, 1, 0x35),
		IN(0x71, 1, 0x03),
		OUT(0x70, 1, 0x5b),
		IN(0x71, 1, 0),
		POWER_OFF,
	};
	const char *found;

	must_launch();
	run_to_power_off(guest, ARRAY_SIZE(guest));
	ck_assert_ptr_nonnull(strstr(lines, "firmware: xxx\n"));
	found = strstr(lines, "has found fw_cfg");
	ck_assert_ptr_nonnull(found);
	ck_assert_ptr_null(strstr(found + 1, "has found fw_cfg")); /* told once */
}
END_TEST

/* The port lies among those of the configuration space. */
/* The model's CPU has 48 bits. Page tables for so many would not fit into small guests. */
START_TEST(addresses_are_no_more_than_firmware_can_map)
{
	static const char *const memory[] = {"\"64M\"", "\"2T\""};

	set("machine.memory", memory[_i]);
	must_launch();
	ck_assert_uint_eq(cpuid_phys_bits(t.vm->cpuid), _i ? 42 : 40);
}
END_TEST

START_TEST(the_reset_register_works)
{
	static const struct model_step guest[] = {
		OUT(PLATFORM_RESET_PORT, 1, PLATFORM_RESET_VALUE)};

	must_launch();
	model_script(m, 0, 0, guest, 1);
	ck_assert_int_eq(minivmm_run(t.vm, &t.err), 0);
	machine_must_end(&t, MINIVMM_REBOOT);
}
END_TEST

/* Nothing of it costs a VM without firmware anything. */
START_TEST(without_firmware_there_is_none_of_it)
{
	static const struct model_step guest[] = {
		IN(OVMF_DEBUG_PORT, 1, 0xff),
		IN(FW_CFG_PORT + 1, 1, 0xff),
		IN(FW_CFG_DMA_PORT, 4, 0xffffffff),
		OUT(0xcf8, 4, 0x80000000),
		IN(0xcfc, 4, 0xffffffff),
		LOAD(0xe0000000, 4, 0xffffffff),
		POWER_OFF,
	};

	free(t.config.boot.firmware);
	t.config.boot.firmware = NULL;
	must_launch();
	run_to_power_off(guest, ARRAY_SIZE(guest));
}
END_TEST

static const struct model_slot *slot_at(uint64_t gpa)
{
	const struct model_vm *vm = model_vm(m, 0);

	for (size_t i = 0; i < vm->nslots; i++)
		if (range_inside(gpa, 1, vm->slot[i].gpa, vm->slot[i].len))
			return &vm->slot[i];
	ck_abort_msg("no slot at %#llx", (unsigned long long)gpa);
	return NULL;
}

START_TEST(the_image_is_read_only)
{
	static const struct model_step guest[] = {POWER_OFF};

	must_launch();
	ck_assert_uint_eq(slot_at(IMAGE_GPA)->flags, KVM_MEM_READONLY);
	ck_assert_uint_eq(slot_at(0)->flags & KVM_MEM_READONLY, 0);
	ck_assert_mem_eq(model_guest_ptr(m, 0, IMAGE_GPA, IMAGE_LEN), image, IMAGE_LEN);
	run_to_power_off(guest, 1);
}
END_TEST

/* --- what fw_cfg holds ------------------------------------------------------------------------ */

static void put_be32(uint8_t *p, uint32_t value)
{
	put_le32(p, __builtin_bswap32(value));
}

/* Runs a guest that has `len` bytes of an item written to TARGET. Once in a test. */
static const uint8_t *read_item(uint16_t key, uint32_t len)
{
	const struct model_step guest[] = {
		OUT(FW_CFG_DMA_PORT + 4, 4, __builtin_bswap32((uint32_t)REQUEST)),
		POWER_OFF,
	};
	uint8_t *request;

	must_launch();
	request = model_guest_ptr(m, 0, REQUEST, 16);
	put_be32(request, SELECT_AND_READ(key));
	put_be32(request + 4, len);
	put_be32(request + 12, (uint32_t)TARGET);
	run_to_power_off(guest, ARRAY_SIZE(guest));
	ck_assert_mem_eq(request, "\0\0\0\0", 4);
	return model_guest_ptr(m, 0, TARGET, len);
}

/* In bzimage_make()'s file. */
static uint32_t setup_len(void)
{
	return (bzimage[0x1f1] + 1u) * 512;
}

static const struct {
	uint16_t key;
	uint32_t value;
} numbers[] = {
	{FW_CFG_CPUS, 2},
	{FW_CFG_INITRD_SIZE, 17},
	{FW_CFG_CMDLINE_SIZE, 6},
};

START_TEST(numbers_are_those_of_the_machine)
{
	ck_assert_uint_eq(get_le32(read_item(numbers[_i].key, 4)), numbers[_i].value);
}
END_TEST

START_TEST(the_sizes_add_up_to_the_file)
{
	uint16_t key = _i ? FW_CFG_SETUP_SIZE : FW_CFG_KERNEL_SIZE;

	ck_assert_uint_eq(get_le32(read_item(key, 4)), _i ? setup_len() : BZ_FILE - setup_len());
}
END_TEST

/* A header with a type of loader in it, as boot loaders write, would not have its hash any more. */
START_TEST(trap_setup_header_patched_before_handing_it_out)
{
	ck_assert_mem_eq(read_item(FW_CFG_SETUP_DATA, setup_len()), bzimage, setup_len());
}
END_TEST

START_TEST(the_kernel_is_the_rest_of_the_file)
{
	uint32_t len = BZ_FILE - setup_len();

	ck_assert_mem_eq(read_item(FW_CFG_KERNEL_DATA, len), bzimage + setup_len(), len);
}
END_TEST

START_TEST(initrd_and_command_line)
{
	if (_i)
		ck_assert_mem_eq(read_item(FW_CFG_INITRD_DATA, 18), "070701 not really", 18);
	else
		ck_assert_str_eq((const char *)read_item(FW_CFG_CMDLINE_DATA, 6), "quiet");
}
END_TEST

/* An EFI program without a bzImage's header, as unified kernel images are. */
START_TEST(an_efi_program_has_no_setup_part)
{
	uint8_t efi[1000];
	char path[48];

	fill(efi, sizeof(efi), 3);
	memcpy(efi, "MZ", 2);
	file_free(&t.kernel);
	t.kernel = file_make(efi, sizeof(efi));
	snprintf(path, sizeof(path), "\"%s\"", t.kernel.path);
	set("boot.kernel", path);
	if (_i == 0)
		ck_assert_uint_eq(get_le32(read_item(FW_CFG_SETUP_SIZE, 4)), 0);
	else if (_i == 1)
		ck_assert_uint_eq(get_le32(read_item(FW_CFG_KERNEL_SIZE, 4)), sizeof(efi));
	else
		ck_assert_mem_eq(read_item(FW_CFG_KERNEL_DATA, sizeof(efi)), efi, sizeof(efi));
}
END_TEST

START_TEST(without_a_kernel_there_is_none)
{
	free(t.config.boot.kernel);
	free(t.config.boot.initrd);
	t.config.boot.kernel = t.config.boot.initrd = NULL;
	set("boot.cmdline", "\"\"");
	ck_assert_uint_eq(get_le32(read_item(_i ? FW_CFG_SETUP_SIZE : FW_CFG_KERNEL_SIZE, 4)), 0);
}
END_TEST

static const char *const names[] = {"etc/e820", ACPI_LOADER_RSDP, ACPI_LOADER_TABLES,
				    ACPI_LOADER_SCRIPT};

START_TEST(the_directory)
{
	const uint8_t *dir = read_item(FW_CFG_DIRECTORY, 4 + 4 * 64);

	ck_assert_mem_eq(dir, "\0\0\0\x04", 4);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		ck_assert_str_eq((const char *)dir + 4 + 64 * i + 8, names[i]);
}
END_TEST

/* Each as (address, length, type). */
START_TEST(the_memory_map)
{
	static const uint64_t low[][3] = {{0, MIB(64), 1}, {LAYOUT_IDENTITY, 4 * PAGE_SIZE, 2}};
	static const uint64_t high[][3] = {
		{0, GIB(2), 1}, {LAYOUT_IDENTITY, 4 * PAGE_SIZE, 2}, {GIB(4), GIB(3), 1}};
	const uint64_t(*want)[3] = _i ? high : low;
	size_t n = _i ? ARRAY_SIZE(high) : ARRAY_SIZE(low);
	const uint8_t *e820;

	if (_i)
		set("machine.memory", "\"5G\"");
	e820 = read_item(FW_CFG_FIRST_FILE, (uint32_t)n * 20);
	for (size_t i = 0; i < n; i++) {
		ck_assert_uint_eq(get_le64(e820 + 20 * i), want[i][0]);
		ck_assert_uint_eq(get_le64(e820 + 20 * i + 8), want[i][1]);
		ck_assert_uint_eq(get_le32(e820 + 20 * i + 16), want[i][2]);
	}
}
END_TEST

/* --- failures --------------------------------------------------------------------------------- */

/* One after the other, each call of a whole launch fails: an error, and nothing is left. */
START_TEST(any_call_may_fail)
{
	static const int codes[] = {ENOMEM, EINVAL, EIO};
	unsigned long failed = 0;
	int ret;

	teardown_machine();
	for (unsigned long n = 1;; n++) {
		setup_machine();
		model_fail_at(m, n, codes[n % ARRAY_SIZE(codes)]);
		ret = launch();
		if (ret == 0 && n > model_calls(m))
			break;
		/* some calls can be done without, and answers are asked for that may be no */
		ck_assert_msg(ret == 0 || (t.err.code == ret && t.err.text[0]), "call %lu, %s", n,
			      model_call_name(m, n));
		failed += ret < 0;
		teardown_machine();
	}
	ck_assert_uint_gt(failed, 30);
}
END_TEST

/* Image, kernel and initrd are those that were checked, whatever their names lead to by now. */
START_TEST(files_that_are_replaced_before_they_are_loaded)
{
	static const struct model_step guest[] = {
		OUT(FW_CFG_DMA_PORT + 4, 4, __builtin_bswap32((uint32_t)REQUEST)),
		POWER_OFF,
	};
	struct test_file other = file_make("another file", 12);
	const struct test_file *files[] = {&file, &t.kernel, &t.initrd};
	uint8_t *request;

	ck_assert_int_eq(machine_create(&t.vm, &t.config, model_sys(m), NULL, &t.err), 0);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		ck_assert_int_eq(dup2(other.fd, files[i]->fd), files[i]->fd);
	ck_assert_int_eq(minivmm_load(t.vm, &t.err), 0);
	ck_assert_int_eq(minivmm_launch(t.vm, &t.err), 0);
	ck_assert_mem_eq(model_guest_ptr(m, 0, IMAGE_GPA, IMAGE_LEN), image, IMAGE_LEN);
	request = model_guest_ptr(m, 0, REQUEST, 16);
	put_be32(request, SELECT_AND_READ(FW_CFG_SETUP_DATA));
	put_be32(request + 4, setup_len());
	put_be32(request + 12, (uint32_t)TARGET);
	run_to_power_off(guest, ARRAY_SIZE(guest));
	ck_assert_mem_eq(model_guest_ptr(m, 0, TARGET, setup_len()), bzimage, setup_len());
	file_free(&other);
}
END_TEST

SUITE(test_ovmf_machine)
{
	Suite *suite = suite_create("machines for OVMF");
	TCase *machines = tcase_create("machines");

	tcase_add_checked_fixture(machines, setup_machine, teardown_machine);
	tcase_set_timeout(machines, 60);
	tcase_add_loop_test(machines, addresses_are_no_more_than_firmware_can_map, 0, 2);
	tcase_add_test(machines, ports_and_windows_of_a_q35);
	tcase_add_test(machines, the_reset_register_works);
	tcase_add_test(machines, without_firmware_there_is_none_of_it);
	tcase_add_test(machines, the_image_is_read_only);
	tcase_add_loop_test(machines, numbers_are_those_of_the_machine, 0, ARRAY_SIZE(numbers));
	tcase_add_loop_test(machines, the_sizes_add_up_to_the_file, 0, 2);
	tcase_add_test(machines, trap_setup_header_patched_before_handing_it_out);
	tcase_add_test(machines, the_kernel_is_the_rest_of_the_file);
	tcase_add_loop_test(machines, initrd_and_command_line, 0, 2);
	tcase_add_loop_test(machines, an_efi_program_has_no_setup_part, 0, 3);
	tcase_add_loop_test(machines, without_a_kernel_there_is_none, 0, 2);
	tcase_add_test(machines, the_directory);
	tcase_add_loop_test(machines, the_memory_map, 0, 2);
	tcase_add_test(machines, any_call_may_fail);
	tcase_add_test(machines, files_that_are_replaced_before_they_are_loaded);
	suite_add_tcase(suite, machines);
	return suite;
}
