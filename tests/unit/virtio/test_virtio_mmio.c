// SPDX-License-Identifier: MIT
/* The registers of a virtio device, and the steps by which a driver takes it into use. */
#include "tests/unit/suite.h"
#include "tests/unit/virtio_driver.h"

#include <errno.h>
#include <linux/virtio_ids.h>
#include <stdlib.h>

#define VERSION_1 (1ULL << VIRTIO_F_VERSION_1)
#define PLATFORM  (1ULL << VIRTIO_F_ACCESS_PLATFORM)
#define ALL_BASE                                                  \
	(VERSION_1 | PLATFORM | 1ULL << VIRTIO_RING_F_EVENT_IDX | \
	 1ULL << VIRTIO_RING_F_INDIRECT_DESC)

/* A device that remembers what it was told. */
struct probe {
	struct virtio_device virtio;
	uint8_t config[10];
	unsigned int activations, resets, notifications;
	unsigned int last_queue;
	int activate_ret;
	uint32_t written_offset, written_len;
};

static int activate(struct virtio_device *dev)
{
	struct probe *p = (struct probe *)dev;

	p->activations++;
	return p->activate_ret;
}

static void kick(struct virtio_device *dev, struct virtq *q)
{
	struct probe *p = (struct probe *)dev;

	p->notifications++;
	p->last_queue = q->index;
}

static void reset(struct virtio_device *dev)
{
	((struct probe *)dev)->resets++;
}

static void write_config(struct virtio_device *dev, uint32_t offset, const void *data, uint32_t len)
{
	struct probe *p = (struct probe *)dev;

	p->written_offset = offset;
	p->written_len = len;
	memcpy(p->config + offset, data, len);
}

static int open_probe(struct virtio_device *dev, const struct vmm_config *config, size_t index,
		      struct vmm_error *err)
{
	struct probe *p = (struct probe *)dev;

	(void)config, (void)index;
	dev->offered = 1 << 5;
	for (uint8_t i = 0; i < sizeof(p->config); i++)
		p->config[i] = i + 1;
	dev->config = p->config;
	dev->config_len = sizeof(p->config);
	return virtio_queues(dev, 3, 64, err);
}

static const struct virtio_ops ops = {
	.name = "probe",
	.id = 42,
	.activate = activate,
	.size = sizeof(struct probe),
	.open = open_probe,
	.kick = kick,
	.reset = reset,
	.write_config = write_config,
};

static struct world world;
static struct driver d;
static struct probe *probe;

static void start(bool confidential)
{
	struct virtio_device *dev;
	struct vmm_error err;

	world_setup(&world, confidential);
	ck_assert_int_eq(virtio_create(&dev, &ops, &world.host, NULL, 0, &err), 0);
	probe = (struct probe *)dev;
	driver_attach(&d, &world, dev);
}

static void setup(void)
{
	start(false);
}

static void teardown(void)
{
	driver_detach(&d);
	world_teardown(&world);
}

START_TEST(the_registers_say_what_the_device_is)
{
	ck_assert_uint_eq(driver_read(&d, VIRTIO_MMIO_MAGIC_VALUE), 0x74726976);
	ck_assert_uint_eq(driver_read(&d, VIRTIO_MMIO_VERSION), 2);
	ck_assert_uint_eq(driver_read(&d, VIRTIO_MMIO_DEVICE_ID), 42);
	ck_assert_uint_eq(driver_read(&d, VIRTIO_MMIO_STATUS), 0);
	ck_assert_uint_eq(driver_read(&d, VIRTIO_MMIO_CONFIG_GENERATION), 0);
	ck_assert_uint_eq(driver_offered(&d), ALL_BASE | 1 << 5);
	driver_write(&d, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 2);
	ck_assert_uint_eq(driver_read(&d, VIRTIO_MMIO_DEVICE_FEATURES), 0);
	/* there are no shared memory regions: 4.2.2, all ones */
	for (uint64_t reg = VIRTIO_MMIO_SHM_LEN_LOW; reg <= VIRTIO_MMIO_SHM_BASE_HIGH; reg += 4)
		ck_assert_uint_eq(driver_read(&d, reg), UINT32_MAX);
	for (uint32_t q = 0; q < 3; q++) {
		driver_write(&d, VIRTIO_MMIO_QUEUE_SEL, q);
		ck_assert_uint_eq(driver_read(&d, VIRTIO_MMIO_QUEUE_NUM_MAX), 64);
	}
	driver_write(&d, VIRTIO_MMIO_QUEUE_SEL, 3);
	ck_assert_uint_eq(driver_read(&d, VIRTIO_MMIO_QUEUE_NUM_MAX), 0);
	driver_write(&d, VIRTIO_MMIO_QUEUE_SEL, UINT32_MAX);
	ck_assert_uint_eq(driver_read(&d, VIRTIO_MMIO_QUEUE_NUM_MAX), 0);
}
END_TEST

START_TEST(a_driver_that_keeps_the_order_activates_the_device)
{
	driver_start(&d, 1 << 5, 8);
	ck_assert_uint_eq(probe->activations, 1);
	ck_assert(virtio_has(&probe->virtio, 5));
	ck_assert(!virtio_has(&probe->virtio, VIRTIO_RING_F_EVENT_IDX));
	ck_assert_uint_eq(driver_status(&d), 0xf);
	driver_ok(&d); /* again: nothing */
	ck_assert_uint_eq(probe->activations, 1);
	driver_write(&d, VIRTIO_MMIO_STATUS, 0);
	ck_assert_uint_eq(probe->resets, 1);
	ck_assert_uint_eq(driver_status(&d), 0);
	driver_write(&d, VIRTIO_MMIO_STATUS, 0); /* not active: nothing to reset */
	ck_assert_uint_eq(probe->resets, 1);
}
END_TEST

START_TEST(steps_in_the_wrong_order_lead_nowhere)
{
	driver_write(&d, VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_DRIVER_OK);
	ck_assert_uint_eq(driver_status(&d), 0);
	driver_write(&d, VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_DRIVER);
	ck_assert_uint_eq(driver_status(&d), 0);
	driver_write(&d, VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	driver_write(&d, VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_FEATURES_OK);
	ck_assert_uint_eq(driver_status(&d), VIRTIO_CONFIG_S_ACKNOWLEDGE);
	/* features that lack VERSION_1 */
	driver_write(&d, VIRTIO_MMIO_STATUS, 0xf);
	ck_assert_uint_eq(driver_status(&d), 3);
	ck_assert_uint_eq(probe->activations, 0);
}
END_TEST

START_TEST(only_offered_features_are_accepted)
{
	ck_assert(driver_negotiate(&d, VERSION_1));
	ck_assert(driver_negotiate(&d, ALL_BASE | 1 << 5));
	ck_assert(!driver_negotiate(&d, 1 << 5));
	for (unsigned int bit = 0; bit < 64; bit++) {
		bool good = (ALL_BASE | 1 << 5) >> bit & 1;

		ck_assert_int_eq(driver_negotiate(&d, VERSION_1 | 1ULL << bit), good);
	}
}
END_TEST

START_TEST(features_are_fixed_once_agreed)
{
	ck_assert(driver_negotiate(&d, VERSION_1));
	driver_write(&d, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
	driver_write(&d, VIRTIO_MMIO_DRIVER_FEATURES, UINT32_MAX);
	driver_ok(&d);
	ck_assert_uint_eq(probe->virtio.features, VERSION_1);
}
END_TEST

START_TEST(a_confidential_guest_has_to_accept_access_platform)
{
	teardown();
	start(true);
	ck_assert(!driver_negotiate(&d, VERSION_1));
	driver_ok(&d);
	ck_assert_uint_eq(probe->activations, 0);
	ck_assert(driver_negotiate(&d, VERSION_1 | PLATFORM));
	driver_ok(&d);
	ck_assert_uint_eq(probe->activations, 1);
}
END_TEST

START_TEST(a_queue_keeps_its_place_while_the_device_is_active)
{
	struct virtq before;

	driver_start(&d, 0, 8);
	before = probe->virtio.queue[1];
	ck_assert(before.ready);
	ck_assert_uint_eq(before.desc.gpa, d.queue[1].desc);
	ck_assert_uint_eq(before.size, 8);
	driver_write(&d, VIRTIO_MMIO_QUEUE_SEL, 1);
	ck_assert_uint_eq(driver_read(&d, VIRTIO_MMIO_QUEUE_READY), 1);
	for (uint64_t reg = VIRTIO_MMIO_QUEUE_NUM; reg <= VIRTIO_MMIO_QUEUE_USED_HIGH; reg += 4)
		if (reg != VIRTIO_MMIO_QUEUE_NOTIFY && reg != VIRTIO_MMIO_STATUS)
			driver_write(&d, reg, 0);
	ck_assert_mem_eq(&probe->virtio.queue[1], &before, sizeof(before));
	driver_write(&d, VIRTIO_MMIO_STATUS, 0);
	ck_assert(!probe->virtio.queue[1].ready);
	ck_assert_uint_eq(probe->virtio.queue[1].size, 64);
}
END_TEST

START_TEST(impossible_queues_break_the_device)
{
	static const struct driver_queue bad[] = {
		{0x1000, 0x2000, 0x3000, 0, 0, 0, 0},
		{0x1000, 0x2000, 0x3000, 3, 0, 0, 0},
		{0x1000, 0x2000, 0x3000, 128, 0, 0, 0},
		{0x1008, 0x2000, 0x3000, 8, 0, 0, 0},
		{0x1000, 0x2001, 0x3000, 8, 0, 0, 0},
		{0x1000, 0x2000, 0x3002, 8, 0, 0, 0},
		{0x1000, UINT64_MAX - 1, 0x3000, 8, 0, 0, 0},
		{0x1000, 0x2000, UINT64_MAX - 3, 8, 0, 0, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		ck_assert(driver_negotiate(&d, VERSION_1));
		d.queue[0] = bad[i];
		driver_place_queue(&d, 0);
		ck_assert_uint_eq(driver_read(&d, VIRTIO_MMIO_QUEUE_READY), 0);
		ck_assert(driver_status(&d) & VIRTIO_CONFIG_S_NEEDS_RESET);
		driver_ok(&d);
		ck_assert_uint_eq(probe->activations, 0);
	}
	ck_assert(driver_negotiate(&d, VERSION_1));
	driver_write(&d, VIRTIO_MMIO_QUEUE_SEL, 0);
	driver_write(&d, VIRTIO_MMIO_QUEUE_NUM, 0x10008); /* not cut off to 8 */
	driver_write(&d, VIRTIO_MMIO_QUEUE_READY, 1);
	ck_assert_uint_eq(driver_read(&d, VIRTIO_MMIO_QUEUE_READY), 0);
}
END_TEST

START_TEST(notifications_reach_the_device_while_it_is_active)
{
	driver_kick(&d, 1);
	ck_assert_uint_eq(probe->notifications, 0);
	driver_start(&d, 0, 8);
	/* each queue is looked at once, for notifications that came too early */
	ck_assert_uint_eq(probe->notifications, 3);
	driver_kick(&d, 1);
	ck_assert_uint_eq(probe->notifications, 4);
	ck_assert_uint_eq(probe->last_queue, 1);
	driver_kick(&d, 3);
	driver_kick(&d, UINT32_MAX);
	ck_assert_uint_eq(probe->notifications, 4);
	virtio_broken(&probe->virtio, "test");
	driver_kick(&d, 1);
	ck_assert_uint_eq(probe->notifications, 4);
}
END_TEST

START_TEST(a_queue_that_was_not_set_up_is_not_notified)
{
	ck_assert(driver_negotiate(&d, VERSION_1));
	driver_make_queue(&d, 2, 8);
	driver_ok(&d);
	ck_assert_uint_eq(probe->notifications, 1);
	driver_kick(&d, 0);
	ck_assert_uint_eq(probe->notifications, 1);
}
END_TEST

START_TEST(a_device_that_cannot_start_needs_a_reset)
{
	probe->activate_ret = -ENODEV;
	driver_start(&d, 0, 8);
	driver_must_need_reset(&d);
	ck_assert_uint_eq(probe->notifications, 0);
	ck_assert_ptr_nonnull(strstr(world.log_text, "ENODEV"));
	probe->activate_ret = 0;
	driver_start(&d, 0, 8);
	ck_assert(!(driver_status(&d) & VIRTIO_CONFIG_S_NEEDS_RESET));
}
END_TEST

START_TEST(the_configuration_is_read_at_any_width)
{
	const struct device_ops *mmio = probe->virtio.dev.ops;

	for (unsigned int len = 1; len <= 8; len++)
		for (uint64_t at = 0; at < 12; at++) {
			uint64_t expected = 0;

			for (unsigned int i = 0; i < len && at + i < 10; i++)
				expected |= (at + i + 1) << 8 * i;
			ck_assert_uint_eq(
				mmio->read(&probe->virtio.dev, VIRTIO_MMIO_CONFIG + at, len),
				expected);
		}
	ck_assert_uint_eq(mmio->read(&probe->virtio.dev, VIRTIO_WINDOW - 8, 8), 0);
}
END_TEST

START_TEST(the_configuration_is_written_inside_its_bounds_only)
{
	const struct device_ops *mmio = probe->virtio.dev.ops;

	mmio->write(&probe->virtio.dev, VIRTIO_MMIO_CONFIG + 8, 2, 0xabcd);
	ck_assert_uint_eq(probe->written_offset, 8);
	ck_assert_uint_eq(probe->written_len, 2);
	ck_assert_uint_eq(probe->config[9], 0xab);
	probe->written_len = 0;
	mmio->write(&probe->virtio.dev, VIRTIO_MMIO_CONFIG + 8, 4, 0);
	mmio->write(&probe->virtio.dev, VIRTIO_MMIO_CONFIG + 10, 1, 0);
	mmio->write(&probe->virtio.dev, VIRTIO_WINDOW - 1, 1, 0);
	ck_assert_uint_eq(probe->written_len, 0);
}
END_TEST

START_TEST(a_changed_configuration_is_told_to_the_driver)
{
	const uint8_t bytes[2] = {7, 8};

	virtio_set_config(&probe->virtio, 0, bytes, 2);
	ck_assert_uint_eq(driver_interrupts(&d), 0); /* nobody is there */
	driver_start(&d, 0, 8);
	virtio_set_config(&probe->virtio, 0, bytes, 2);
	ck_assert_uint_eq(driver_interrupts(&d), 1);
	ck_assert_uint_eq(driver_read(&d, VIRTIO_MMIO_INTERRUPT_STATUS), VIRTIO_MMIO_INT_CONFIG);
	ck_assert_uint_eq(driver_read(&d, VIRTIO_MMIO_CONFIG_GENERATION), 2);
}
END_TEST

/* Section 4.2.2: registers are read and written as aligned words. */
START_TEST(registers_ignore_accesses_of_other_widths)
{
	const struct device_ops *mmio = probe->virtio.dev.ops;

	for (unsigned int len = 1; len <= 8; len++) {
		if (len == 4)
			continue;
		ck_assert_uint_eq(mmio->read(&probe->virtio.dev, VIRTIO_MMIO_VERSION, len), 0);
		mmio->write(&probe->virtio.dev, VIRTIO_MMIO_STATUS, len, 1);
	}
	ck_assert_uint_eq(mmio->read(&probe->virtio.dev, 2, 4), 0);
	mmio->write(&probe->virtio.dev, VIRTIO_MMIO_STATUS + 2, 4, 1);
	ck_assert_uint_eq(driver_status(&d), 0);
}
END_TEST

START_TEST(any_write_to_any_register_does_no_harm)
{
	static const uint32_t values[] = {0, 1, 2, 3, 7, 8, 0xf, 0x80, 0xffff, UINT32_MAX};
	uint32_t random = 1;

	for (int i = 0; i < 100000; i++) {
		random = random * 1103515245 + 12345;
		driver_write(&d, (random >> 8) % 0x104 & ~3u, values[(random >> 20) % 10]);
		driver_read(&d, (random >> 12) % 0x110);
		if (i % 64 == 0)
			loop_poll(&world.loop, 10);
	}
	driver_start(&d, 0, 8);
	ck_assert_uint_eq(driver_status(&d), 0xf);
}
END_TEST

/* --- with an I/O thread ----------------------------------------------------------------------- */

static pthread_t io;

static void *run_loop(void *arg)
{
	loop_run(arg, NULL);
	return NULL;
}

static void stop_loop(void *arg)
{
	((struct loop *)arg)->stop = true;
}

static int activate_in_thread(struct virtio_device *dev)
{
	ck_assert(pthread_equal(pthread_self(), io));
	return activate(dev);
}

static void reset_in_thread(struct virtio_device *dev)
{
	ck_assert(pthread_equal(pthread_self(), io));
	reset(dev);
}

START_TEST(a_device_is_activated_and_reset_in_its_io_thread)
{
	struct virtio_ops threaded = ops;

	threaded.activate = activate_in_thread;
	threaded.reset = reset_in_thread;
	probe->virtio.ops = &threaded;
	loop_expect_thread(&world.loop);
	ck_assert_int_eq(pthread_create(&io, NULL, run_loop, &world.loop), 0);
	for (unsigned int i = 1; i <= 100; i++) {
		ck_assert(driver_negotiate(&d, VERSION_1));
		driver_write(&d, VIRTIO_MMIO_STATUS, 0xf);
		/* done when the write is */
		ck_assert_uint_eq(probe->activations, i);
		driver_write(&d, VIRTIO_MMIO_STATUS, 0);
		ck_assert_uint_eq(probe->resets, i);
	}
	ck_assert(loop_call(&world.loop, stop_loop, &world.loop));
	pthread_join(io, NULL);
	/* at the end of the VM nobody waits for a thread that is gone */
	ck_assert(!loop_call(&world.loop, stop_loop, &world.loop));
	driver_write(&d, VIRTIO_MMIO_STATUS, 0);
	probe->virtio.ops = &ops;
}
END_TEST

static void *write_zero(void *arg)
{
	(void)arg;
	driver_write(&d, VIRTIO_MMIO_STATUS, 0);
	return NULL;
}

static void *write_driver_ok(void *arg)
{
	(void)arg;
	driver_write(&d, VIRTIO_MMIO_STATUS, 0xf);
	return NULL;
}

/* Until one more vCPU waits for the I/O thread than when the list of calls ended at `last`. */
static void *wait_for_call(const void *last)
{
	void *now;

	do {
		usleep(1000);
		pthread_mutex_lock(&world.loop.lock);
		now = world.loop.last;
		pthread_mutex_unlock(&world.loop.lock);
	} while (now == last);
	return now;
}

/* One vCPU's reset comes to the I/O thread before another one's DRIVER_OK, which was good when it was
 * written: no device of features that nobody has agreed on comes to life. */
START_TEST(driver_ok_that_a_reset_has_overtaken_activates_nothing)
{
	pthread_t vcpu[2];
	void *last;

	ck_assert(driver_negotiate(&d, VERSION_1));
	loop_expect_thread(&world.loop);
	ck_assert_int_eq(pthread_create(&vcpu[0], NULL, write_zero, NULL), 0);
	last = wait_for_call(&world.loop.first);
	ck_assert_int_eq(pthread_create(&vcpu[1], NULL, write_driver_ok, NULL), 0);
	wait_for_call(last);
	ck_assert_int_eq(pthread_create(&io, NULL, run_loop, &world.loop), 0);
	pthread_join(vcpu[0], NULL);
	pthread_join(vcpu[1], NULL);
	ck_assert_uint_eq(probe->activations, 0);
	ck_assert(!probe->virtio.active);
	ck_assert_uint_eq(driver_status(&d), 0);
	ck_assert(loop_call(&world.loop, stop_loop, &world.loop));
	pthread_join(io, NULL);
}
END_TEST

SUITE(test_virtio_mmio)
{
	Suite *s = suite_create("virtio_mmio");
	TCase *tc = tcase_create("mmio");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, the_registers_say_what_the_device_is);
	tcase_add_test(tc, a_driver_that_keeps_the_order_activates_the_device);
	tcase_add_test(tc, steps_in_the_wrong_order_lead_nowhere);
	tcase_add_test(tc, only_offered_features_are_accepted);
	tcase_add_test(tc, features_are_fixed_once_agreed);
	tcase_add_test(tc, a_confidential_guest_has_to_accept_access_platform);
	tcase_add_test(tc, a_queue_keeps_its_place_while_the_device_is_active);
	tcase_add_test(tc, impossible_queues_break_the_device);
	tcase_add_test(tc, notifications_reach_the_device_while_it_is_active);
	tcase_add_test(tc, a_queue_that_was_not_set_up_is_not_notified);
	tcase_add_test(tc, a_device_that_cannot_start_needs_a_reset);
	tcase_add_test(tc, the_configuration_is_read_at_any_width);
	tcase_add_test(tc, the_configuration_is_written_inside_its_bounds_only);
	tcase_add_test(tc, a_changed_configuration_is_told_to_the_driver);
	tcase_add_test(tc, registers_ignore_accesses_of_other_widths);
	tcase_add_test(tc, any_write_to_any_register_does_no_harm);
	tcase_add_test(tc, a_device_is_activated_and_reset_in_its_io_thread);
	tcase_add_test(tc, driver_ok_that_a_reset_has_overtaken_activates_nothing);
	suite_add_tcase(s, tc);
	return s;
}
