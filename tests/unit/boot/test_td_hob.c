// SPDX-License-Identifier: MIT
/* The TD HOB list. Its bytes are held against vectors in test_vectors_tdx.c; here is the rest. */
#include "boot/td_hob.h"
#include "tests/unit/boot_files.h"
#include "tests/unit/suite.h"

#define GPA 0x809000ull

static uint8_t buf[0x4000];
static struct fw_metadata tdvf;
static struct vmm_error err;

/* The next HOB; its type and length are sound, and the reserved word is zero. */
static const uint8_t *next_hob(const uint8_t *hob)
{
	ck_assert_uint_eq(get_le16(hob + 2) % 8, 0);
	ck_assert_uint_ge(get_le16(hob + 2), 8);
	ck_assert_uint_eq(get_le32(hob + 4), 0);
	return hob + get_le16(hob + 2);
}

static void assert_resource(const uint8_t *hob, uint32_t type, uint64_t gpa, uint64_t len)
{
	ck_assert_uint_eq(get_le16(hob), 3);
	ck_assert_uint_eq(get_le16(hob + 2), 48);
	ck_assert_uint_eq(get_le32(hob + 24), type);
	ck_assert_uint_eq(get_le32(hob + 28), 7);
	ck_assert_uint_eq(get_le64(hob + 32), gpa);
	ck_assert_uint_eq(get_le64(hob + 40), len);
}

static int build(const struct td_hob_config *config, size_t size)
{
	memset(buf, 0, sizeof(buf));
	return td_hob_build(config, GPA, buf, size, &err);
}

START_TEST(ram_above_the_hole_is_listed_too)
{
	static const struct gpa_range ram[] = {{0, 0x80000000}, {0x100000000, 0x40000000}};
	const struct td_hob_config config = {.ram = ram, .nram = 2, .tdvf = &tdvf};
	const uint8_t *hob = buf;
	int len;

	tdvf = (struct fw_metadata){
		.section = {{.gpa = GPA, .len = 0x2000, .type = TDVF_TD_HOB},
			    {.gpa = 0x800000, .len = 0x9000, .type = TDVF_TEMP_MEM},
			    {.gpa = 0xfffff000, .len = 0x1000, .type = TDVF_BFV}},
		.nsections = 3,
	};
	len = build(&config, sizeof(buf));
	ck_assert_int_eq(len, 56 + 5 * 48 + 8);
	ck_assert_uint_eq(get_le16(hob), 1);
	ck_assert_uint_eq(get_le64(hob + 48), GPA + (uint64_t)len);
	assert_resource(hob = next_hob(hob), 7, 0, 0x800000);
	assert_resource(hob = next_hob(hob), 0, 0x800000, 0x9000);
	assert_resource(hob = next_hob(hob), 0, GPA, 0x2000); /* neighbours are not merged */
	assert_resource(hob = next_hob(hob), 7, 0x80b000, 0x80000000 - 0x80b000);
	assert_resource(hob = next_hob(hob), 7, 0x100000000, 0x40000000);
	hob = next_hob(hob);
	ck_assert_uint_eq(get_le16(hob), 0xffff);
	ck_assert_ptr_eq(next_hob(hob), buf + len);
}
END_TEST

START_TEST(a_list_that_does_not_fit_is_an_error)
{
	static const struct gpa_range ram[] = {{0, 0x80000000}};
	const struct td_hob_config config = {.ram = ram, .nram = 1, .tdvf = &tdvf};
	int len;

	tdvf.nsections = 0;
	len = build(&config, sizeof(buf));
	ck_assert_int_eq(len, 56 + 48 + 8);
	ck_assert_int_eq(build(&config, (size_t)len), len);
	for (size_t size = 0; size < (size_t)len; size++) {
		ck_assert_int_eq(build(&config, size), -ENOSPC);
		ck_assert_ptr_nonnull(strstr(err.text, "112 bytes do not fit"));
		for (size_t i = size; i < (size_t)len; i++)
			ck_assert_uint_eq(buf[i], 0);
	}
}
END_TEST

static void assert_guid_hob(const uint8_t *hob, uint32_t first)
{
	ck_assert_uint_eq(get_le16(hob), 4);
	ck_assert_uint_eq(get_le32(hob + 8), first);
}

START_TEST(td_shim_is_told_its_payload_and_the_platform)
{
	static const char *const signatures[] = {"FACP", "DSDT", "APIC"};
	static const struct gpa_range ram[] = {{0, 0x8000000}};
	const struct acpi_config acpi = {.vcpus = 3};
	const struct td_hob_config config = {.ram = ram,
					     .nram = 1,
					     .tdvf = &tdvf,
					     .payload = true,
					     .payload_gpa = 0x861000,
					     .acpi = &acpi};
	const uint8_t *hob = buf;
	int len;

	tdvf.nsections = 0;
	len = build(&config, sizeof(buf));
	ck_assert_msg(len > 0, "%s", err.text);
	assert_resource(hob = next_hob(hob), 7, 0, 0x8000000);
	assert_guid_hob(hob = next_hob(hob), 0xb96fa412);
	ck_assert_uint_eq(get_le16(hob + 2), 24 + 16);
	ck_assert_uint_eq(get_le32(hob + 24), 1);
	ck_assert_uint_eq(get_le32(hob + 28), 0);
	ck_assert_uint_eq(get_le64(hob + 32), 0x861000);
	for (size_t i = 0; i < ARRAY_SIZE(signatures); i++) {
		uint8_t sum = 0;
		uint32_t table_len;

		assert_guid_hob(hob = next_hob(hob), 0x6a0c5870);
		ck_assert_mem_eq(hob + 24, signatures[i], 4);
		table_len = get_le32(hob + 28);
		ck_assert_uint_eq(get_le16(hob + 2), 24 + align_up(table_len, 8));
		for (uint32_t j = 0; j < table_len; j++)
			sum = (uint8_t)(sum + hob[24 + j]);
		ck_assert_uint_eq(sum, 0);
	}
	hob = next_hob(hob);
	ck_assert_uint_eq(get_le16(hob), 0xffff);
	ck_assert_uint_eq(get_le64(buf + 48), GPA + (uint64_t)len);
}
END_TEST

START_TEST(a_table_too_long_for_a_hob_is_an_error)
{
	const struct acpi_config acpi = {.vcpus = ACPI_MAX_VCPUS};
	const struct td_hob_config config = {.tdvf = &tdvf, .acpi = &acpi};

	tdvf.nsections = 0;
	ck_assert_int_eq(build(&config, sizeof(buf)), -ENOSPC);
	ck_assert_ptr_nonnull(strstr(err.text, "configure fewer CPUs"));
}
END_TEST

SUITE(test_td_hob)
{
	Suite *suite = suite_create("TD HOB");
	TCase *tc = tcase_create("list");

	tcase_add_test(tc, ram_above_the_hole_is_listed_too);
	tcase_add_test(tc, a_list_that_does_not_fit_is_an_error);
	tcase_add_test(tc, td_shim_is_told_its_payload_and_the_platform);
	tcase_add_test(tc, a_table_too_long_for_a_hob_is_an_error);
	suite_add_tcase(suite, tc);
	return suite;
}
