// SPDX-License-Identifier: MIT
/* Where virtio devices stand is a function of the configuration, and every part agrees on it. */
#include "cc/dispatch.h"
#include "tests/unit/suite.h"
#include "vmm/virtio/devices.h"

#include "vmm/machine/machine.h"
#include "vmm/machine/views.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct vmm_config config;
static struct vmm_error err;

static void set(const char *key, const char *value)
{
	ck_assert_msg(config_set(&config, key, value, &err) == 0, "%s", err.text);
}

static void setup(void)
{
	config_init(&config);
	set("rng.source", "\"/dev/urandom\"");
	set("console.output", "\"null\"");
}

static void teardown(void)
{
	config_clear(&config);
}

START_TEST(windows_and_interrupts_are_distinct)
{
	struct acpi_virtio place[VIRTIO_MAX_DEVICES];
	size_t n = virtio_places(&config, place);

	ck_assert_uint_eq(n, 2);
	for (size_t i = 0; i < n; i++) {
		ck_assert_uint_eq(place[i].gpa, LAYOUT_VIRTIO_BASE + i * PAGE_SIZE);
		ck_assert_uint_ne(place[i].gsi, PLATFORM_SERIAL_IRQ);
		ck_assert_uint_ne(place[i].gsi, PLATFORM_SCI_IRQ);
		ck_assert_uint_lt(place[i].gsi, 24);
	}
	ck_assert_uint_ne(place[0].gsi, place[1].gsi);
}
END_TEST

START_TEST(the_loader_describes_the_same_places)
{
	struct acpi_virtio place[VIRTIO_MAX_DEVICES];
	struct boot_config boot;
	size_t n = virtio_places(&config, place);

	machine_boot_config(&config, &cc_snp, &boot);
	ck_assert_uint_eq(boot.platform.nvirtio, n);
	for (size_t i = 0; i < n; i++) {
		ck_assert_uint_eq(boot.platform.virtio[i].gpa, place[i].gpa);
		ck_assert_uint_eq(boot.platform.virtio[i].gsi, place[i].gsi);
	}
}
END_TEST

START_TEST(a_configuration_without_devices_has_none)
{
	struct vmm_config empty;
	struct boot_config boot;

	config_init(&empty);
	machine_boot_config(&empty, &cc_none, &boot);
	ck_assert_uint_eq(boot.platform.nvirtio, 0);
	ck_assert_int_eq(virtio_check(&empty, &cc_tdx, &err), 0);
	config_clear(&empty);
}
END_TEST

START_TEST(each_kind_of_vm_may_have_them)
{
	for (size_t i = 0; cc_techs[i]; i++)
		ck_assert_int_eq(virtio_check(&config, cc_techs[i], &err), 0);
}
END_TEST

SUITE(test_virtio_places)
{
	Suite *s = suite_create("virtio_places");
	TCase *tc = tcase_create("places");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, windows_and_interrupts_are_distinct);
	tcase_add_test(tc, the_loader_describes_the_same_places);
	tcase_add_test(tc, a_configuration_without_devices_has_none);
	tcase_add_test(tc, each_kind_of_vm_may_have_them);
	suite_add_tcase(s, tc);
	return s;
}
