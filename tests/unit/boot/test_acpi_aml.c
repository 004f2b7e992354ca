// SPDX-License-Identifier: MIT
/* The AML encoder: integers, names and lengths in their shortest form, at every limit. */
#include "boot/aml.h"
#include "tests/unit/suite.h"

#include <stdlib.h>
#include <string.h>

static uint8_t buf[1 << 21];

static struct acpi_out fresh(void)
{
	memset(buf, 0xa5, sizeof(buf));
	return (struct acpi_out){.buf = buf, .size = sizeof(buf)};
}

static void expect_integer(uint64_t value, const char *bytes, size_t len)
{
	struct acpi_out out = fresh();

	aml_integer(&out, value);
	ck_assert_uint_eq(out.len, len);
	ck_assert_mem_eq(buf, bytes, len);
}

START_TEST(integers_take_the_shortest_form)
{
	expect_integer(0, "\x00", 1);
	expect_integer(1, "\x01", 1);
	expect_integer(2, "\x0a\x02", 2);
	expect_integer(0xff, "\x0a\xff", 2);
	expect_integer(0x100, "\x0b\x00\x01", 3);
	expect_integer(0xffff, "\x0b\xff\xff", 3);
	expect_integer(0x10000, "\x0c\x00\x00\x01\x00", 5);
	expect_integer(0xffffffff, "\x0c\xff\xff\xff\xff", 5);
	expect_integer(0x100000000, "\x0e\x00\x00\x00\x00\x01\x00\x00\x00", 9);
	expect_integer(UINT64_MAX, "\x0e\xff\xff\xff\xff\xff\xff\xff\xff", 9);
}
END_TEST

START_TEST(eisa_ids_are_compressed)
{
	struct acpi_out out = fresh();

	aml_eisa_id(&out, "PNP0501");
	aml_eisa_id(&out, "PNP0C0F");
	aml_eisa_id(&out, "ZAF9AF0");
	ck_assert_uint_eq(out.len, 15);
	/* The last by hand: Z 26, A 1, F 6 are 0x6826 in fifteen bits, the digits 0x9af0. */
	ck_assert_mem_eq(buf, "\x0c\x41\xd0\x05\x01\x0c\x41\xd0\x0c\x0f\x0c\x68\x26\x9a\xf0", 15);
}
END_TEST

/* A package of `content` zero bytes behind its opcode; decodes the length again. */
static void expect_length(size_t content, size_t nbytes)
{
	struct acpi_out out = fresh();
	size_t at, length;

	acpi_out_8(&out, 0x12);
	at = out.len;
	acpi_out_8(&out, 0x77);
	acpi_out_zero(&out, content - 1);
	aml_end(&out, at);
	ck_assert_uint_eq(out.len, 1 + nbytes + content);
	ck_assert_uint_eq(buf[1] >> 6, nbytes - 1);
	if (nbytes == 1) {
		length = buf[1];
	} else {
		ck_assert_uint_eq(buf[1] & 0x30, 0);
		length = buf[1] & 0xf;
		for (size_t i = 1; i < nbytes; i++)
			length |= (size_t)buf[1 + i] << (4 + 8 * (i - 1));
	}
	ck_assert_uint_eq(length, content + nbytes);
	ck_assert_uint_eq(buf[1 + nbytes], 0x77);
	ck_assert_uint_eq(buf[out.len - 1], content == 1 ? 0x77 : 0);
	ck_assert_uint_eq(buf[out.len], 0xa5);
}

START_TEST(lengths_take_the_shortest_form)
{
	expect_length(1, 1);
	expect_length(0x3f - 1, 1);
	expect_length(0x3f, 2);
	expect_length(0xfff - 2, 2);
	expect_length(0xfff - 1, 3);
	expect_length(0xfffff - 3, 3);
	expect_length(0xfffff - 2, 4);
}
END_TEST

/* Two levels, the inner one so long that its length moves it by two bytes. */
static void nested(struct acpi_out *out)
{
	size_t scope = aml_scope_begin(out, "_SB_");
	size_t device = aml_device_begin(out, "DEV0");
	size_t resources;

	aml_name(out, "_HID");
	aml_string(out, "a string that makes the device longer than sixty-three bytes");
	aml_name(out, "_CRS");
	resources = aml_resources_begin(out);
	aml_io(out, 0x1234, 8);
	aml_resources_end(out, resources);
	aml_end(out, device);
	aml_end(out, scope);
}

START_TEST(measuring_without_a_buffer_gives_the_length_with_one)
{
	struct acpi_out out = fresh();
	struct acpi_out measure = {.buf = NULL, .size = 0};

	nested(&out);
	nested(&measure);
	ck_assert_uint_eq(out.len, measure.len);
	ck_assert_uint_eq(buf[0], 0x10);
	ck_assert_mem_eq(buf + 3, "_SB_\x5b\x82", 6);
}
END_TEST

START_TEST(nothing_is_written_behind_a_buffer_of_any_size)
{
	struct acpi_out measure = {.size = 0};

	nested(&measure);
	for (size_t size = 0; size <= measure.len; size++) {
		struct acpi_out out = {.buf = malloc(size), .size = size};

		nested(&out);
		ck_assert_uint_eq(out.len, measure.len);
		free(out.buf);
	}
}
END_TEST

SUITE(test_acpi_aml)
{
	Suite *suite = suite_create("acpi_aml");
	TCase *tc = tcase_create("encoder");

	tcase_add_test(tc, integers_take_the_shortest_form);
	tcase_add_test(tc, eisa_ids_are_compressed);
	tcase_add_test(tc, lengths_take_the_shortest_form);
	tcase_add_test(tc, measuring_without_a_buffer_gives_the_length_with_one);
	tcase_add_test(tc, nothing_is_written_behind_a_buffer_of_any_size);
	suite_add_tcase(suite, tc);
	return suite;
}
