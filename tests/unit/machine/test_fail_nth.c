// SPDX-License-Identifier: MIT
/*
 * A plain VM from create to destroy over the model of KVM, once for each call through the seam and
 * each plausible errno, with that call failing. Every time the VM either ends with an error that
 * says something, or the call was one of those listed below that a VM can do without; and every
 * time nothing is left open, mapped or running.
 */
#include "tests/unit/machine_fixture.h"
#include "tests/unit/suite.h"

#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_mmio.h>
#include <time.h>

#define VIRTIO(reg) (LAYOUT_VIRTIO_BASE + (reg))
#define NET(reg)    (LAYOUT_VIRTIO_BASE + 0x2000 + VIRTIO_MMIO_##reg)

/* One of the network device's queues, of 16 entries. */
#define NET_QUEUE(n, gpa)                                                                          \
	STORE(NET(QUEUE_SEL), 4, n), STORE(NET(QUEUE_NUM), 4, 16),                                 \
		STORE(NET(QUEUE_DESC_LOW), 4, gpa), STORE(NET(QUEUE_AVAIL_LOW), 4, (gpa) + 0x400), \
		STORE(NET(QUEUE_USED_LOW), 4, (gpa) + 0x800), STORE(NET(QUEUE_READY), 4, 1)

/* A guest that uses the serial port with interrupts, looks at its virtio devices, starts the third
 * one, sets its boot mark and powers off. */
static const struct model_step guest[] = {
	OUT(UART_IER, 1, 2),
	IN_ANY(PLATFORM_SERIAL_PORT + 2, 1),
	OUT(PLATFORM_SERIAL_PORT, 1, '!'),
	IN(UART_LSR, 1, 0x60),
	LOAD(VIRTIO(VIRTIO_MMIO_DEVICE_ID), 4, VIRTIO_ID_RNG),
	STORE(VIRTIO(VIRTIO_MMIO_STATUS), 4, 0),
	STORE(VIRTIO(VIRTIO_MMIO_STATUS), 4, VIRTIO_CONFIG_S_ACKNOWLEDGE),
	LOAD(VIRTIO(VIRTIO_MMIO_STATUS), 4, VIRTIO_CONFIG_S_ACKNOWLEDGE),
	LOAD(NET(DEVICE_ID), 4, VIRTIO_ID_NET),
	STORE(NET(STATUS), 4, 3),
	STORE(NET(DRIVER_FEATURES_SEL), 4, 1),
	STORE(NET(DRIVER_FEATURES), 4, 1u << (VIRTIO_F_VERSION_1 - 32)),
	STORE(NET(STATUS), 4, 11),
	NET_QUEUE(0, 0x10000),
	NET_QUEUE(1, 0x11000),
	STORE(NET(STATUS), 4, 15),
	OUT(BOOT_MARK_PORT, 1, 1),
	POWER_OFF,
};

static const int errnos[] = {EINTR, EAGAIN, ENOMEM, EINVAL, EFAULT,
			     EBUSY, EIO,    EMFILE, EPERM,  ENOSPC};

#define NEEDS_RESET "when the guest starts the device: it is told that the device needs a reset"

/* Calls whose failure need not end the VM, and why. */
static const struct {
	const char *call;
	int code; /* 0: whatever the errno */
	const char *reason;
} optional[] = {
	{"copy", 0, "what the kernel does not copy is read"},
	{"madvise", 0, "pages that are not made in advance are made when they are written"},
	{"KVM_PRE_FAULT_MEMORY", 0, "what is not mapped ahead is mapped when the guest touches it"},
	{"KVM_CHECK_EXTENSION", 0, "a capability that cannot be asked for counts as missing"},
	{"cloexec", 0, "the guest_memfd then stays open in a child that the caller makes"},
	{"KVM_IRQ_LINE", 0, "the guest polls, or shows that it hangs; there is no way to tell it"},
	{"KVM_CREATE_VM", EINTR, "tried again"},
	{"open /dev/vhost-net", ENOENT, "this process moves the frames then"},
	{"open /dev/vhost-net", EPERM, "this process moves the frames then"},
	{"TUNSETIFF", EINVAL, "tried as an interface with several queues"},
	{"VHOST_GET_VRING_BASE", 0, "where it was does not matter at a reset"},
	{"VHOST_SET_FEATURES", 0, NEEDS_RESET},
	{"VHOST_SET_MEM_TABLE", 0, NEEDS_RESET},
	{"VHOST_SET_VRING_NUM", 0, NEEDS_RESET},
	{"VHOST_SET_VRING_BASE", 0, NEEDS_RESET},
	{"VHOST_SET_VRING_ADDR", 0, NEEDS_RESET},
	{"VHOST_SET_VRING_KICK", 0, NEEDS_RESET},
	{"VHOST_SET_VRING_CALL", 0, NEEDS_RESET},
	{"VHOST_SET_VRING_ERR", 0, NEEDS_RESET},
	{"VHOST_NET_SET_BACKEND", 0, NEEDS_RESET},
	{"TUNSETOFFLOAD", 0, NEEDS_RESET},
	{"KVM_RUN", EINTR, "entered again"},
	{"KVM_RUN", EAGAIN, "entered again"},
	{"uring_setup", 0, "a disk's thread then waits itself"},
	{"mmap io_uring", 0, "the same"},
};

/* Devices of all kinds; the model has the interfaces. `image` is the disk's. */
static void add_devices(struct vmm_config *config, const struct test_file *image)
{
	static const char *const settings[][2] = {
		{"machine.io-threads", "2"},
		{"rng.source", "\"/dev/urandom\""},
		{"disk[0].iops", "100"},
		{"net[0].tap", "\"tap0\""},
		{"net[0].queues", "2"},
		{"net[1].tap", "\"tap1\""},
		{"net[1].rx-bandwidth", "\"1M\""},
		{"net[1].tx-bandwidth", "\"1M\""},
	};
	char path[48];

	snprintf(path, sizeof(path), "\"%s\"", image->path);
	ck_assert_int_eq(config_set(config, "disk[0].path", path, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++)
		ck_assert_int_eq(config_set(config, settings[i][0], settings[i][1], NULL), 0);
	snprintf(path, sizeof(path), "\"/tmp/fail-nth-%d.vsock\"", getpid());
	ck_assert_int_eq(config_set(config, "vsock.path", path, NULL), 0);
}

static struct test_file make_image(void)
{
	static const uint8_t bytes[4096];

	return file_make(bytes, sizeof(bytes));
}

static bool is_optional(const char *call, int code)
{
	for (size_t i = 0; i < ARRAY_SIZE(optional); i++)
		if (strcmp(optional[i].call, call) == 0 &&
		    (optional[i].code == 0 || optional[i].code == code))
			return true;
	return false;
}

static void check_sentence(const char *text, unsigned long n, const char *call, int code)
{
	const char *name = strerrorname_np(code);

	ck_assert_msg(text[0] != '\0' && !strchr(text, '\n'), "call %lu (%s), %s: \"%s\"", n, call,
		      name, text);
	/* whoever asks for the sentence wants to know what came back */
	if (!is_optional(call, code))
		ck_assert_msg(strstr(text, name) != NULL, "call %lu (%s): %s is not in \"%s\"", n,
			      call, name, text);
}

/* How the machine ended: 0 when the guest powered off, else the errno of what failed. */
static int live(struct machine *t, char text[VMM_ERROR_TEXT])
{
	int ret = machine_start(t);

	text[0] = '\0';
	if (ret < 0) {
		ck_assert_int_eq(t->err.code, ret);
		strcpy(text, t->err.text);
		return ret;
	}
	ck_assert_msg(minivmm_wait(t->vm, 20000, &t->result) == 0, "the VM does not end");
	if (t->result.end == MINIVMM_POWEROFF)
		return 0;
	ck_assert_msg(t->result.end == MINIVMM_FAILED, "end %d", t->result.end);
	strcpy(text, t->result.text);
	return -ECANCELED;
}

/* A joined thread is still in /proc for a moment, while the kernel takes it down. */
static bool threads_come_down_to(size_t expected)
{
	const struct timespec moment = {.tv_nsec = 1000000};

	for (int i = 0; i < 2000; i++) {
		if (count_entries("/proc/self/task") == expected)
			return true;
		nanosleep(&moment, NULL);
	}
	return false;
}

/* Returns whether call `n` was made at all. */
static bool fail_call(const char *vcpus, bool old_host, unsigned long n, int code)
{
	size_t fds = count_entries("/proc/self/fd"), threads = count_entries("/proc/self/task");
	struct test_file image = make_image();
	struct model *m = model_new();
	char text[VMM_ERROR_TEXT];
	struct machine t;
	const char *call;
	bool made;
	int ret;

	if (old_host)
		model_set_cap(m, KVM_CAP_GUEST_MEMFD, 0);
	model_script(m, 0, 0, guest, ARRAY_SIZE(guest));
	model_fail_at(m, n, code);
	machine_setup(&t, m, vcpus);
	add_devices(&t.config, &image);
	ret = live(&t, text);
	machine_teardown(&t);

	made = model_calls(m) >= n;
	call = model_call_name(m, n);
	if (!made)
		ck_assert_msg(ret == 0, "without a failure: %s", text);
	else if (ret == 0)
		ck_assert_msg(is_optional(call, code), "call %lu (%s), %s: goes unnoticed", n, call,
			      strerrorname_np(code));
	else
		check_sentence(text, n, call, code);
	if (ret < 0 && ret != -ECANCELED && !is_optional(call, code))
		ck_assert_msg(ret == -code, "call %lu (%s): %s becomes %s", n, call,
			      strerrorname_np(code), strerrorname_np(-ret));
	model_check_clean(m);
	model_free(m);
	file_free(&image);
	ck_assert_msg(count_entries("/proc/self/fd") == fds, "call %lu (%s): descriptors leak", n,
		      call);
	ck_assert_msg(threads_come_down_to(threads), "call %lu (%s): threads leak", n, call);
	return made;
}

/* With one vCPU the order of all calls is the same each time, so no call escapes. */
START_TEST(each_call_of_a_launch_may_fail)
{
	unsigned long n = 1;

	while (fail_call("1", false, n, errnos[_i]))
		n++;
	ck_assert_uint_gt(n, 40);
}
END_TEST

START_TEST(each_call_of_a_launch_on_an_older_kernel_may_fail)
{
	unsigned long n = 1;

	while (fail_call("1", true, n, errnos[_i]))
		n++;
	ck_assert_uint_gt(n, 40);
}
END_TEST

/* Three more vCPUs, up to the start of their threads: from there on the order is chance. */
START_TEST(each_call_of_a_launch_of_four_vcpus_may_fail)
{
	struct test_file image = make_image();
	struct model *m = model_new();
	struct machine t;
	unsigned long calls;

	machine_setup(&t, m, "4");
	add_devices(&t.config, &image);
	ck_assert_int_eq(machine_create(&t.vm, &t.config, model_sys(m), NULL, &t.err), 0);
	ck_assert_int_eq(minivmm_load(t.vm, &t.err), 0);
	ck_assert_int_eq(minivmm_launch(t.vm, &t.err), 0);
	calls = model_calls(m);
	machine_teardown(&t);
	model_free(m);
	file_free(&image);
	for (unsigned long n = 1; n <= calls; n++)
		ck_assert(fail_call("4", false, n, errnos[_i]));
}
END_TEST

/* Threads: the second, third, ... fails after the ones before it already run. */
START_TEST(a_thread_that_cannot_be_started_ends_those_that_were)
{
	for (unsigned long before = 0; before < 5; before++) {
		struct model *m = model_new();
		struct machine t;
		int ret;

		machine_setup(&t, m, "4");
		ck_assert_int_eq(machine_create(&t.vm, &t.config, model_sys(m), NULL, &t.err), 0);
		ck_assert_int_eq(minivmm_load(t.vm, &t.err), 0);
		ck_assert_int_eq(minivmm_launch(t.vm, &t.err), 0);
		model_fail_nth_of(m, "thread_start", before + 1, EAGAIN);
		ret = minivmm_run(t.vm, &t.err);
		ck_assert_int_eq(ret, -EAGAIN);
		ck_assert_msg(strstr(t.err.text, "thread") != NULL, "%s", t.err.text);
		ck_assert_msg(strstr(t.err.text, "EAGAIN") != NULL, "%s", t.err.text);
		machine_teardown(&t);
		model_check_clean(m);
		model_free(m);
	}
}
END_TEST

SUITE(test_fail_nth)
{
	Suite *s = suite_create("fail_nth");
	TCase *tc = tcase_create("fail_nth");
	const int n = ARRAY_SIZE(errnos);

	tcase_set_timeout(tc, 100);
	tcase_add_loop_test(tc, each_call_of_a_launch_may_fail, 0, n);
	tcase_add_loop_test(tc, each_call_of_a_launch_on_an_older_kernel_may_fail, 0, n);
	tcase_add_loop_test(tc, each_call_of_a_launch_of_four_vcpus_may_fail, 0, n);
	tcase_add_test(tc, a_thread_that_cannot_be_started_ends_those_that_were);
	suite_add_tcase(s, tc);
	return s;
}
