// SPDX-License-Identifier: MIT
/* The balloon: what the guest gives away is given back to the host, and nothing else. */
#include "tests/unit/suite.h"
#include "tests/unit/virtio_driver.h"
#include "vmm/virtio/devices.h"

#include <errno.h>
#include <linux/virtio_balloon.h>
#include <stdlib.h>

#define INFLATE	  0
#define DEFLATE	  1
#define REPORTING 2

static struct world world;
static struct driver d;
static struct vmm_error err;

static void setup(void)
{
	struct vmm_config config = {
		.balloon = {.present = true,
			    .size = MIB(3),
			    .deflate_on_oom = true,
			    .reporting = true},
	};
	struct virtio_device *dev;

	world_setup(&world, false);
	ck_assert_int_eq(virtio_create(&dev, &virtio_balloon, &world.host, &config, 0, &err), 0);
	driver_attach(&d, &world, dev);
	driver_start(&d, 1 << VIRTIO_BALLOON_F_REPORTING, 32);
	/* every byte of RAM behind the queues tells whether its page was given back */
	memset(world.mem.region[0].hva + MIB(1), 0xaa, MIB(1));
}

static void teardown(void)
{
	driver_detach(&d);
	world_teardown(&world);
}

/* Is page `page` of the upper MiB as it was? */
static bool kept(uint64_t page)
{
	const uint8_t *p = world.mem.region[0].hva + MIB(1) + page * PAGE_SIZE;

	ck_assert_uint_eq(p[0], p[PAGE_SIZE - 1]);
	return p[0] == 0xaa;
}

static void inflate(const uint32_t *page, size_t n)
{
	struct driver_buf buf = {driver_alloc(&d, 4 * n), (uint32_t)(4 * n), false};
	uint32_t head, len;
	uint8_t raw[4];

	for (size_t i = 0; i < n; i++) {
		put_le32(raw, page[i]);
		driver_store(&d, buf.gpa + 4 * i, raw, 4);
	}
	driver_add(&d, INFLATE, &buf, 1);
	driver_kick(&d, INFLATE);
	ck_assert(driver_used(&d, INFLATE, &head, &len));
	ck_assert_uint_eq(len, 0);
}

START_TEST(the_target_is_in_the_configuration)
{
	ck_assert_uint_eq(driver_read(&d, VIRTIO_MMIO_CONFIG), MIB(3) / PAGE_SIZE);
	driver_write(&d, VIRTIO_MMIO_CONFIG + 4, 77);
	ck_assert_uint_eq(driver_read(&d, VIRTIO_MMIO_CONFIG + 4), 77);
	driver_write(&d, VIRTIO_MMIO_CONFIG, 1); /* not the driver's to change */
	ck_assert_uint_eq(driver_read(&d, VIRTIO_MMIO_CONFIG), MIB(3) / PAGE_SIZE);
}
END_TEST

START_TEST(inflated_pages_go_back)
{
	static const uint32_t base = MIB(1) / PAGE_SIZE;
	const uint32_t pages[] = {base + 3, base + 4, base + 5, base + 9, base + 8, base + 20};

	inflate(pages, ARRAY_SIZE(pages));
	for (uint32_t i = 0; i < 256; i++) {
		bool gone = false;

		for (size_t k = 0; k < ARRAY_SIZE(pages); k++)
			gone |= pages[k] == base + i;
		ck_assert_msg(kept(i) == !gone, "page %u", i);
	}
	ck_assert_uint_eq(world.log_lines, 0);
}
END_TEST

START_TEST(pages_that_are_no_ram_are_told_and_cost_nothing)
{
	const uint32_t pages[] = {WORLD_RAM / PAGE_SIZE, UINT32_MAX, 0xd0000, 0};

	for (int i = 0; i < 20; i++) {
		d.free_page = 64 * PAGE_SIZE;
		inflate(pages, 3);
	}
	ck_assert_uint_eq(world.log_lines, VMM_LOG_LINES + 1);
	ck_assert(!(driver_status(&d) & VIRTIO_CONFIG_S_NEEDS_RESET));
	for (uint32_t i = 0; i < 256; i++)
		ck_assert(kept(i));
}
END_TEST

START_TEST(a_request_counts_at_most_512_pages)
{
	static uint32_t pages[520];

	for (size_t i = 0; i < 520; i++)
		pages[i] = i < 512 ? 300 : MIB(1) / PAGE_SIZE;
	inflate(pages, 520);
	ck_assert(kept(0));
}
END_TEST

START_TEST(deflating_is_acknowledged)
{
	struct driver_buf buf = {driver_alloc(&d, 4), 4, false};
	uint32_t head, len;

	driver_add(&d, DEFLATE, &buf, 1);
	driver_kick(&d, DEFLATE);
	ck_assert(driver_used(&d, DEFLATE, &head, &len));
	ck_assert(kept(0));
}
END_TEST

/* Only whole pages of what is reported go back. */
START_TEST(reported_pages_go_back)
{
	const struct driver_buf buf[] = {
		{MIB(1) + PAGE_SIZE, 2 * PAGE_SIZE, true},
		{MIB(1) + 10 * PAGE_SIZE + 1, 3 * PAGE_SIZE, true},
		{MIB(1) + 20 * PAGE_SIZE + 5, 100, true},
	};
	uint32_t head, len;

	driver_add(&d, REPORTING, buf, 3);
	driver_kick(&d, REPORTING);
	ck_assert(driver_used(&d, REPORTING, &head, &len));
	for (uint32_t i = 0; i < 256; i++)
		ck_assert_msg(kept(i) == !(i == 1 || i == 2 || i == 11 || i == 12), "page %u", i);
}
END_TEST

START_TEST(reporting_needs_its_feature)
{
	const struct driver_buf buf = {MIB(1), PAGE_SIZE, true};
	uint32_t head, len;

	d.free_page = PAGE_SIZE;
	driver_start(&d, 0, 32);
	driver_add(&d, REPORTING, &buf, 1);
	driver_kick(&d, REPORTING);
	ck_assert(!driver_used(&d, REPORTING, &head, &len));
	ck_assert(kept(0));
}
END_TEST

START_TEST(memory_with_private_pages_is_not_given_back)
{
	const uint32_t page = MIB(1) / PAGE_SIZE;

	world.mem.mode = MEM_MODE_SPLIT;
	inflate(&page, 1);
	ck_assert(kept(0));
	ck_assert_ptr_nonnull(strstr(world.log_text, "EOPNOTSUPP"));
	world.mem.mode = MEM_MODE_SHARED;
	world.mem.pages = MEM_PAGES_RESERVED;
	inflate(&page, 1);
	ck_assert(kept(0));
}
END_TEST

/* Neither by its number nor by reporting it. */
START_TEST(read_only_firmware_is_not_given_back)
{
	const uint64_t rom = 0xfffff000;
	const uint32_t page = (uint32_t)(rom / PAGE_SIZE);
	const struct driver_buf buf = {rom, PAGE_SIZE, true};

	ck_assert_int_eq(mem_add_rom(&world.mem, "firmware", rom, PAGE_SIZE, &err), 0);
	memset(world.mem.region[1].hva, 'f', PAGE_SIZE);
	inflate(&page, 1);
	driver_add(&d, REPORTING, &buf, 1);
	driver_kick(&d, REPORTING);
	ck_assert(driver_status(&d) & VIRTIO_CONFIG_S_NEEDS_RESET);
	for (size_t i = 0; i < PAGE_SIZE; i++)
		ck_assert_int_eq(world.mem.region[1].hva[i], 'f');
}
END_TEST

START_TEST(a_balloon_is_for_plain_vms_without_huge_pages)
{
	struct vmm_config config;

	config_init(&config);
	ck_assert_int_eq(config_set(&config, "balloon.size", "\"64M\"", &err), 0);
	ck_assert(config.balloon.reporting && config.balloon.deflate_on_oom);
	ck_assert_int_eq(virtio_check(&config, &cc_none, &err), 0);
	ck_assert_int_eq(virtio_check(&config, &cc_snp, &err), -ENOTSUP);
	ck_assert_ptr_nonnull(strstr(err.text, "plain"));
	ck_assert_int_eq(virtio_check(&config, &cc_sw_protected, &err), -ENOTSUP);
	config.machine.hugepages = true;
	ck_assert_int_eq(virtio_check(&config, &cc_none, &err), -ENOTSUP);
	ck_assert_ptr_nonnull(strstr(err.text, "hugepages"));
	config_clear(&config);
}
END_TEST

SUITE(test_virtio_balloon)
{
	Suite *s = suite_create("virtio_balloon");
	TCase *tc = tcase_create("balloon");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, the_target_is_in_the_configuration);
	tcase_add_test(tc, inflated_pages_go_back);
	tcase_add_test(tc, pages_that_are_no_ram_are_told_and_cost_nothing);
	tcase_add_test(tc, a_request_counts_at_most_512_pages);
	tcase_add_test(tc, deflating_is_acknowledged);
	tcase_add_test(tc, reported_pages_go_back);
	tcase_add_test(tc, reporting_needs_its_feature);
	tcase_add_test(tc, memory_with_private_pages_is_not_given_back);
	tcase_add_test(tc, read_only_firmware_is_not_given_back);
	tcase_add_test(tc, a_balloon_is_for_plain_vms_without_huge_pages);
	suite_add_tcase(s, tc);
	return s;
}
