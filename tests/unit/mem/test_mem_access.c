// SPDX-License-Identifier: MIT
/*
 * Devices and private pages: what they are refused, and what holds when the guest converts pages
 * under their hands. In the model a private page raises SIGBUS in the in-place dialects, and loses
 * its shared copy in the others; either would end these tests.
 */
#include "tests/unit/mem_fixture.h"
#include "tests/unit/suite.h"

#include <pthread.h>
#include <time.h>

static const struct dialect *d;

static void start(int dialect)
{
	d = &dialects[dialect];
	start_as(d, KVM_X86_SNP_VM);
	mem_seal(&mem);
	model_seal(m, 0);
}

static void convert(uint64_t gpa, uint64_t len, bool private)
{
	ck_assert_msg(mem_convert(&mem, gpa, len, private, &err) == 0, "%s", err.text);
}

/* --- one thread --- */

START_TEST(devices_are_refused_private_pages)
{
	char buf[2 * PAGE_SIZE] = {0};
	const struct {
		uint64_t gpa;
		size_t len;
		int result;
	} cases[] = {
		{MIB(1), PAGE_SIZE, 0},
		{MIB(1), PAGE_SIZE + 1, -EACCES},
		{MIB(1) + PAGE_SIZE - 1, 1, 0},
		{MIB(1) + PAGE_SIZE - 1, 2, -EACCES},
		{MIB(1) + PAGE_SIZE, 1, -EACCES},
		{MIB(1) + PAGE_SIZE, 0, -EACCES},
		{MIB(1) + 2 * PAGE_SIZE - 1, 1, -EACCES},
		{MIB(1) + 2 * PAGE_SIZE - 1, 2, -EACCES},
		{MIB(1) + 2 * PAGE_SIZE, 2 * PAGE_SIZE, 0},
		{MIB(1) + 2 * PAGE_SIZE, 2 * PAGE_SIZE + 1, -EFAULT},
		{MIB(1) - 1, 2, -EFAULT},
		{0, 1, -EFAULT},
		{UINT64_MAX, 2, -EFAULT},
	};

	start(_i);
	add(MIB(1), PAGES(4));
	convert(MIB(1) + PAGE_SIZE, PAGES(1), true);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		size_t len = cases[i].len < sizeof(buf) ? cases[i].len : sizeof(buf);
		struct mem_pin pin;

		ck_assert_int_eq(
			mem_pin(&mem, cases[i].gpa, cases[i].len, MEM_FOR_WRITING, "disk 0", &pin),
			cases[i].result);
		ck_assert_int_eq(pin.ptr != NULL, cases[i].result == 0);
		mem_unpin(&pin);
		ck_assert_ptr_null(pin.ptr);
		ck_assert_int_eq(mem_ptr(&mem, cases[i].gpa, cases[i].len) != NULL,
				 cases[i].result == 0);
		if (len != cases[i].len)
			continue;
		ck_assert_int_eq(mem_read(&mem, cases[i].gpa, buf, len), cases[i].result);
		ck_assert_int_eq(mem_write(&mem, cases[i].gpa, buf, len), cases[i].result);
	}
}
END_TEST

START_TEST(a_refused_access_copies_nothing)
{
	char buf[4] = "abc";

	start(_i);
	add(0, PAGES(2));
	ck_assert_int_eq(mem_write(&mem, PAGE_SIZE - 2, "12", 2), 0);
	convert(PAGE_SIZE, PAGES(1), true);
	ck_assert_int_eq(mem_read(&mem, PAGE_SIZE - 2, buf, 3), -EACCES);
	ck_assert_str_eq(buf, "abc");
	ck_assert_int_eq(mem_write(&mem, PAGE_SIZE - 2, "xyz", 3), -EACCES);
	ck_assert_int_eq(mem_read(&mem, PAGE_SIZE - 2, buf, 2), 0);
	ck_assert_str_eq(buf, "12c");
}
END_TEST

START_TEST(a_thread_may_hold_many_pins_and_read_besides)
{
	struct mem_pin pin[8];
	char c;

	start(_i);
	add(0, PAGES(8));
	add(PAGES(8), PAGES(8));
	for (size_t i = 0; i < ARRAY_SIZE(pin); i++) {
		ck_assert_int_eq(
			mem_pin(&mem, PAGES(2 * i), PAGES(1), MEM_FOR_WRITING, "disk 0", &pin[i]),
			0);
		ck_assert_int_eq(mem_read(&mem, PAGES(2 * i), &c, 1), 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(pin); i++)
		mem_unpin(&pin[i]);
	convert(0, PAGES(16), true);
}
END_TEST

START_TEST(a_plain_vm_takes_no_lock)
{
	struct mem_pin pin;

	create_vm(&dialects[1], KVM_X86_DEFAULT_VM);
	add(0, PAGES(8));
	ck_assert_int_eq(mem_pin(&mem, 0, 1, MEM_FOR_WRITING, "disk 0", &pin), 0);
	ck_assert_ptr_null(pin.state);
	mem_unpin(&pin);
}
END_TEST

START_TEST(firmware_that_the_guest_cannot_write_is_no_devices_to_write)
{
	const uint64_t rom = MIB(4) - PAGES(4);
	struct mem_pin pin;
	char c = 0;

	create_vm(&dialects[1], KVM_X86_DEFAULT_VM);
	add(0, PAGES(8));
	ck_assert_int_eq(mem_add_rom(&mem, "firmware", rom, PAGES(4), &err), 0);
	memset(mem_ptr(&mem, rom, PAGES(4)), 'f', PAGES(4)); /* the loader's way */
	ck_assert_int_eq(mem_pin(&mem, rom, PAGES(1), MEM_FOR_WRITING, "disk 0", &pin), -EROFS);
	ck_assert_ptr_null(pin.ptr);
	ck_assert_int_eq(mem_write(&mem, rom + 5, "x", 1), -EROFS);
	ck_assert_int_eq(mem_give_back(&mem, mem.region[1].hva, PAGES(2)), -EROFS);
	ck_assert_int_eq(mem_pin(&mem, rom, PAGES(1), MEM_FOR_READING, "disk 0", &pin), 0);
	mem_unpin(&pin);
	for (uint64_t at = 0; at < PAGES(4); at++) {
		ck_assert_int_eq(mem_read(&mem, rom + at, &c, 1), 0);
		ck_assert_int_eq(c, 'f');
	}
	ck_assert_int_eq(mem_pin(&mem, 0, PAGES(1), MEM_FOR_WRITING, "disk 0", &pin), 0);
	mem_unpin(&pin);
}
END_TEST

/* --- a pin in the way of a conversion --- */

struct conversion {
	pthread_t thread;
	_Atomic bool done;
	int result;
	struct vmm_error err;
};

static void *convert_first_page(void *arg)
{
	struct conversion *c = arg;

	c->result = mem_convert(&mem, 0, PAGE_SIZE, true, &c->err);
	c->done = true;
	return NULL;
}

static void sleep_ms(unsigned int ms)
{
	nanosleep(&(struct timespec){.tv_nsec = ms * 1000000L}, NULL);
}

START_TEST(a_conversion_waits_for_the_pin)
{
	struct conversion c = {.done = false};
	struct mem_pin pin;

	start(_i);
	add(0, PAGES(8));
	ck_assert_int_eq(mem_pin(&mem, PAGES(4), 1, MEM_FOR_WRITING, "disk 0", &pin), 0);
	ck_assert_int_eq(pthread_create(&c.thread, NULL, convert_first_page, &c), 0);
	sleep_ms(100);
	ck_assert(!c.done);
	/* readers go first: the waiting conversion does not stop this thread */
	ck_assert_int_eq(mem_write(&mem, 0, "x", 1), 0);
	ck_assert_int_eq(mem_is_private(&mem, 0), 0);
	mem_unpin(&pin);
	pthread_join(c.thread, NULL);
	ck_assert_int_eq(c.result, 0);
	ck_assert_int_eq(mem_write(&mem, 0, "x", 1), -EACCES);
}
END_TEST

/* A disk that hangs, say: the vCPU must come back, or the VM could not even be stopped. */
START_TEST(a_conversion_does_not_wait_for_ever)
{
	struct conversion c = {.done = false};
	struct mem_pin pin;

	start(_i);
	add(0, PAGES(8));
	ck_assert_int_eq(mem_pin(&mem, PAGES(4), 1, MEM_FOR_WRITING, "disk 0", &pin), 0);
	ck_assert_int_eq(pthread_create(&c.thread, NULL, convert_first_page, &c), 0);
	pthread_join(c.thread, NULL);
	ck_assert_int_eq(c.result, -EAGAIN);
	ck_assert_ptr_nonnull(strstr(c.err.text, "disk 0 holds memory there for a request"));
	/* a second of waiting for the lock, and no pauses beside that */
	ck_assert_uint_eq(mem.stats.retries, 1000000 / 20000);
	ck_assert_uint_eq(pauses, 0);
	mem_unpin(&pin);
	assert_record_is_true();
	convert(0, PAGE_SIZE, true);
}
END_TEST

/* --- everybody at once --- */

#define RACE_PAGES   64
#define RACE_THREADS 2
#define RACE_ROUNDS  2000

struct racer {
	pthread_t thread;
	unsigned int number; /* of the word in each page that is this device's */
	unsigned int seed;
	unsigned long allowed, refused, broken;
};

#define RACE_MOST (200 * RACE_ROUNDS)

static _Atomic bool race_over;
static _Atomic bool race_refused; /* a device has met a private page */

/* A request that the guest's conversions must not break: what is written stays, as long as the
 * memory is pinned. */
static void device_request(struct racer *r)
{
	uint64_t page = (uint64_t)rand_r(&r->seed) % RACE_PAGES;
	uint32_t value = (uint32_t)rand_r(&r->seed);
	volatile uint32_t *word;
	struct mem_pin pin;

	if (mem_pin(&mem, PAGES(page), PAGE_SIZE, MEM_FOR_WRITING, "disk 0", &pin) < 0) {
		r->refused++;
		race_refused = true;
		return;
	}
	word = (uint32_t *)pin.ptr + r->number;
	*word = value;
	for (int i = 0; i < 20; i++)
		if (*word != value)
			r->broken++;
	r->allowed++;
	mem_unpin(&pin);
}

static void *device(void *arg)
{
	while (!race_over)
		device_request(arg);
	return NULL;
}

static void *guest(void *arg)
{
	struct racer *r = arg;

	/* on a busy machine the devices may not have run at all by the last round */
	for (int i = 0; i < RACE_ROUNDS || (!race_refused && i < RACE_MOST); i++) {
		uint64_t page = (uint64_t)rand_r(&r->seed) % RACE_PAGES;
		uint64_t n = 1 + (uint64_t)rand_r(&r->seed) % (RACE_PAGES - page);
		uint64_t attributes = rand_r(&r->seed) & 1 ? 16 : 0;
		int ret;

		/* a device that is busy is the guest's to wait for */
		do
			ret = mem_map_gpa_range(&mem, PAGES(page), n, attributes, UINT64_MAX, NULL);
		while (ret == -EAGAIN);
		if (ret < 0)
			r->broken++;
	}
	return NULL;
}

START_TEST(pages_converted_under_a_devices_hands_cost_the_request_only)
{
	struct racer devices[RACE_THREADS] = {0}, guests[RACE_THREADS] = {0};
	unsigned long allowed = 0, refused = 0;

	start(_i);
	add(0, PAGES(RACE_PAGES));
	race_over = race_refused = false;
	for (unsigned int i = 0; i < RACE_THREADS; i++) {
		devices[i].number = i;
		devices[i].seed = 100 + i;
		guests[i].seed = 200 + i;
		pthread_create(&devices[i].thread, NULL, device, &devices[i]);
		pthread_create(&guests[i].thread, NULL, guest, &guests[i]);
	}
	for (unsigned int i = 0; i < RACE_THREADS; i++)
		pthread_join(guests[i].thread, NULL);
	race_over = true;
	for (unsigned int i = 0; i < RACE_THREADS; i++) {
		pthread_join(devices[i].thread, NULL);
		allowed += devices[i].allowed;
		refused += devices[i].refused;
		ck_assert_uint_eq(devices[i].broken, 0);
		ck_assert_uint_eq(guests[i].broken, 0);
	}
	ck_assert_uint_gt(allowed, 0);
	ck_assert_uint_gt(refused, 0);
	ck_assert_uint_eq(model_wasted_pages(m), 0);
	assert_record_is_true();
}
END_TEST

SUITE(test_mem_access)
{
	Suite *s = suite_create("memory access");
	TCase *tc = tcase_create("access");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, devices_are_refused_private_pages, 0, DIALECTS);
	tcase_add_loop_test(tc, a_refused_access_copies_nothing, 0, DIALECTS);
	tcase_add_loop_test(tc, a_thread_may_hold_many_pins_and_read_besides, 0, DIALECTS);
	tcase_add_test(tc, a_plain_vm_takes_no_lock);
	tcase_add_test(tc, firmware_that_the_guest_cannot_write_is_no_devices_to_write);
	suite_add_tcase(s, tc);

	tc = tcase_create("race");
	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, a_conversion_waits_for_the_pin, 0, DIALECTS);
	tcase_add_loop_test(tc, a_conversion_does_not_wait_for_ever, FIRST_INPLACE - 1,
			    FIRST_INPLACE + 1);
	tcase_add_loop_test(tc, pages_converted_under_a_devices_hands_cost_the_request_only, 0,
			    DIALECTS);
	suite_add_tcase(s, tc);
	return s;
}
