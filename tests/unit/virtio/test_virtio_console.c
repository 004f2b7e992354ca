// SPDX-License-Identifier: MIT
/* The virtio console: bytes both ways, flow control, and its size. */
#include "tests/unit/suite.h"
#include "vmm/virtio/console.h"

#include "tests/unit/virtio_driver.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_console.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>

#define RECEIVE	 0
#define TRANSMIT 1

static struct world world;
static struct driver d;
static struct vmm_error err;
static char dir[] = P_tmpdir "/minivmm-hvc-XXXXXX";
static char path[128];

static void start(enum endpoint_kind kind, uint32_t columns, uint32_t rows)
{
	struct vmm_config config = {
		.console = {.output = {.kind = kind, .path = path},
			    .columns = columns,
			    .rows = rows},
	};
	struct virtio_device *dev;

	ck_assert_msg(virtio_create(&dev, &virtio_console, &world.host, &config, 0, &err) == 0,
		      "%s", err.text);
	driver_attach(&d, &world, dev);
}

static void start_in_dir(enum endpoint_kind kind, const char *name)
{
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	start(kind, 0, 0);
}

static void setup(void)
{
	world_setup(&world, false);
	ck_assert_ptr_nonnull(mkdtemp(dir));
}

static void teardown(void)
{
	unlink(path);
	rmdir(dir);
	world_teardown(&world);
}

static int client(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%.100s", path);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	loop_poll(&world.loop, 10);
	return fd;
}

/* Lets the device's loop run, also its timers. */
static void work(unsigned int ms)
{
	const struct timespec moment = {.tv_nsec = 1000000};

	for (unsigned int i = 0; i < ms; i++) {
		loop_poll(&world.loop, 100);
		nanosleep(&moment, NULL);
	}
}

static uint16_t transmit(const void *bytes, uint32_t len)
{
	struct driver_buf buf = {driver_alloc(&d, len), len, false};
	uint16_t head;

	driver_store(&d, buf.gpa, bytes, len);
	head = driver_add(&d, TRANSMIT, &buf, 1);
	driver_kick(&d, TRANSMIT);
	return head;
}

START_TEST(output_goes_to_the_file)
{
	uint32_t head, len;
	char text[64] = "";
	int fd;

	start_in_dir(ENDPOINT_FILE, "out");
	driver_start(&d, 0, 16);
	for (int i = 0; i < 3; i++)
		ck_assert_uint_eq(transmit("hello, file\n", 12), i);
	for (uint32_t i = 0; i < 3; i++) {
		ck_assert(driver_used(&d, TRANSMIT, &head, &len));
		ck_assert_uint_eq(head, i);
		ck_assert_uint_eq(len, 0);
	}
	fd = open(path, O_RDONLY);
	ck_assert_int_eq(read(fd, text, sizeof(text) - 1), 36);
	ck_assert_mem_eq(text, "hello, file\nhello, file\n", 24);
	close(fd);
	driver_detach(&d);
}
END_TEST

START_TEST(input_goes_into_the_buffers_there_are)
{
	struct driver_buf buf = {0, 5, true};
	uint32_t head, len;
	char got[8] = "";
	int fd;

	start_in_dir(ENDPOINT_UNIX, "sock");
	driver_start(&d, 0, 16);
	fd = client();
	ck_assert_int_eq(write(fd, "0123456789", 10), 10);
	work(5); /* nobody has given a buffer: it waits */
	buf.gpa = driver_alloc(&d, 5);
	for (int i = 0; i < 2; i++) {
		driver_add(&d, RECEIVE, &buf, 1);
		driver_kick(&d, RECEIVE);
		ck_assert(driver_used(&d, RECEIVE, &head, &len));
		ck_assert_uint_eq(len, 5);
		driver_load(&d, buf.gpa, got, 5);
		ck_assert_str_eq(got, i == 0 ? "01234" : "56789");
	}
	close(fd);
	driver_detach(&d);
}
END_TEST

/* Standard input that is no terminal, a script, waits for a driver that keeps what it gets. */
START_TEST(a_script_waits_until_the_guest_has_spoken)
{
	struct driver_buf buf = {0, 64, true};
	uint32_t head, len;
	int fds[2], old = dup(STDIN_FILENO);

	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	dup2(fds[0], STDIN_FILENO);
	start(ENDPOINT_STDIO, 100, 30);
	dup2(old, STDIN_FILENO);
	driver_start(&d, 1ULL << VIRTIO_CONSOLE_F_SIZE, 16);
	ck_assert_int_eq(write(fds[1], "script", 6), 6);
	buf.gpa = driver_alloc(&d, 64);
	driver_add(&d, RECEIVE, &buf, 1);
	driver_kick(&d, RECEIVE);
	work(10);
	ck_assert(!driver_used(&d, RECEIVE, &head, &len));
	ck_assert_uint_eq(driver_read(&d, VIRTIO_MMIO_INTERRUPT_STATUS), 0);
	transmit("\n", 1);
	work(10);
	ck_assert(driver_used(&d, RECEIVE, &head, &len));
	ck_assert_uint_eq(len, 6);
	/* and now it is told to look at the size */
	ck_assert(driver_read(&d, VIRTIO_MMIO_INTERRUPT_STATUS) & VIRTIO_MMIO_INT_CONFIG);
	driver_detach(&d);
	close(fds[0]);
	close(fds[1]);
	close(old);
}
END_TEST

/* Input is not read further than it can be kept: the rest stays with the sender. */
START_TEST(a_guest_that_does_not_read_holds_the_sender_up)
{
	static char bytes[1 << 20];
	struct driver_buf buf = {0, 4096, true};
	size_t sent = 0, received = 0;
	uint32_t head, len;
	ssize_t n;
	int fd;

	start_in_dir(ENDPOINT_UNIX, "sock");
	driver_start(&d, 0, 16);
	fd = client();
	buf.gpa = driver_alloc(&d, 4096);
	do {
		n = write(fd, bytes, sizeof(bytes));
		sent += n > 0 ? (size_t)n : 0;
		work(5);
	} while (n > 0);
	ck_assert_uint_gt(sent, 0);
	ck_assert_uint_lt(sent, sizeof(bytes) * 2);
	while (received < sent) {
		driver_add(&d, RECEIVE, &buf, 1);
		driver_kick(&d, RECEIVE);
		ck_assert(driver_used(&d, RECEIVE, &head, &len));
		received += len;
	}
	ck_assert_uint_eq(received, sent);
	close(fd);
	driver_detach(&d);
}
END_TEST

/* Standard output that nobody reads: the guest's buffers come back as the reader takes the bytes,
 * each byte once. */
START_TEST(a_slow_reader_gets_every_byte_once)
{
	static uint8_t sent[3][60000], got[sizeof(sent)];
	uint32_t head, len;
	size_t n = 0;
	int fds[2], old = dup(STDOUT_FILENO);
	bool all_waited = true;

	ck_assert_int_eq(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	fflush(stdout);
	dup2(fds[1], STDOUT_FILENO);
	start(ENDPOINT_STDIO, 0, 0);
	dup2(old, STDOUT_FILENO);
	driver_start(&d, 0, 16);
	for (size_t i = 0; i < sizeof(sent); i++)
		sent[i / 60000][i % 60000] = (uint8_t)(i * 31 + i / 256);
	for (int i = 0; i < 3; i++)
		transmit(sent[i], sizeof(sent[i]));
	work(30);
	/* the pipe has 64 KiB and the console 16 */
	ck_assert(driver_used(&d, TRANSMIT, &head, &len));
	all_waited = !driver_used(&d, TRANSMIT, &head, &len);
	ck_assert(all_waited);
	for (int i = 0; i < 2000 && n < sizeof(got); i++) {
		ssize_t ret = read(fds[0], got + n, 5000);

		n += ret > 0 ? (size_t)ret : 0;
		work(2);
	}
	ck_assert_uint_eq(n, sizeof(got));
	ck_assert_mem_eq(got, sent, sizeof(got));
	ck_assert(driver_used(&d, TRANSMIT, &head, &len));
	ck_assert(driver_used(&d, TRANSMIT, &head, &len));
	driver_detach(&d);
	close(fds[0]);
	close(fds[1]);
	close(old);
}
END_TEST

START_TEST(a_reset_in_the_middle_of_output_begins_anew)
{
	static uint8_t much[100000];
	uint32_t head, len;
	int fds[2], old = dup(STDOUT_FILENO);

	ck_assert_int_eq(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	dup2(fds[1], STDOUT_FILENO);
	start(ENDPOINT_STDIO, 0, 0);
	dup2(old, STDOUT_FILENO);
	driver_start(&d, 0, 16);
	transmit(much, sizeof(much));
	ck_assert(!driver_used(&d, TRANSMIT, &head, &len));
	d.free_page = WORLD_RAM / 2;
	driver_start(&d, 0, 16);
	while (read(fds[0], much, sizeof(much)) > 0)
		work(25);
	transmit("after the reset\n", 16);
	work(25);
	ck_assert(driver_used(&d, TRANSMIT, &head, &len));
	ck_assert_int_eq(read(fds[0], much, sizeof(much)), 16);
	ck_assert_mem_eq(much, "after the reset\n", 16);
	driver_detach(&d);
	close(fds[0]);
	close(fds[1]);
	close(old);
}
END_TEST

START_TEST(a_size_is_told_if_there_is_one)
{
	start(ENDPOINT_NULL, 80, 25);
	ck_assert_uint_eq(driver_offered(&d) & UINT32_C(0xffffff), 1 << VIRTIO_CONSOLE_F_SIZE);
	ck_assert_uint_eq(driver_read(&d, VIRTIO_MMIO_CONFIG), 25 << 16 | 80);
	driver_detach(&d);
	start(ENDPOINT_NULL, 0, 0);
	ck_assert_uint_eq(driver_offered(&d) & UINT32_C(0xffffff), 0);
	virtio_console_resized(d.dev);
	ck_assert_uint_eq(driver_read(&d, VIRTIO_MMIO_CONFIG_GENERATION), 0);
	driver_detach(&d);
}
END_TEST

START_TEST(output_without_anywhere_to_go_is_taken)
{
	static uint8_t much[200000];
	uint32_t head, len;

	start(ENDPOINT_NULL, 0, 0);
	driver_start(&d, 0, 16);
	transmit(much, sizeof(much));
	ck_assert(driver_used(&d, TRANSMIT, &head, &len));
	driver_detach(&d);
}
END_TEST

/* Huge buffers, and ones without a byte, take no more than a turn at a time. */
START_TEST(endless_output_leaves_others_their_turn)
{
	static struct driver_buf buf[64];
	uint32_t head, len, turns = 0;

	start(ENDPOINT_NULL, 0, 0);
	driver_start(&d, 1ULL << VIRTIO_RING_F_INDIRECT_DESC, 16);
	for (size_t i = 0; i < ARRAY_SIZE(buf); i++)
		buf[i] = (struct driver_buf){0, WORLD_RAM, false};
	driver_add_indirect(&d, TRANSMIT, buf, ARRAY_SIZE(buf));
	driver_write(&d, VIRTIO_MMIO_QUEUE_NOTIFY, TRANSMIT);
	for (; !driver_used(&d, TRANSMIT, &head, &len); turns++)
		loop_poll(&world.loop, 1);
	ck_assert_uint_eq(turns, 64 * WORLD_RAM / KIB(64));
	driver_detach(&d);
}
END_TEST

START_TEST(a_panic_is_noticed)
{
	static const char text[] = "Kernel panic - not syncing: test of it\n";
	char said[PANIC_WATCH_LINE];

	start(ENDPOINT_NULL, 0, 0);
	driver_start(&d, 0, 16);
	ck_assert(!console_recent_panic(virtio_console_end(d.dev), NULL, 0));
	transmit(text, sizeof(text) - 1);
	ck_assert(console_recent_panic(virtio_console_end(d.dev), said, sizeof(said)));
	ck_assert_ptr_nonnull(strstr(said, "test of it"));
	driver_detach(&d);
}
END_TEST

START_TEST(an_output_that_cannot_be_opened_is_named)
{
	char name[] = "/no/such/folder/file";
	struct vmm_config config = {.console = {.output = {.kind = ENDPOINT_FILE, .path = name}}};
	struct virtio_device *dev;

	ck_assert_int_eq(virtio_create(&dev, &virtio_console, &world.host, &config, 0, &err),
			 -ENOENT);
	ck_assert_ptr_nonnull(strstr(err.text, "console: "));
	ck_assert_ptr_nonnull(strstr(err.text, "/no/such/folder/file"));
}
END_TEST

SUITE(test_virtio_console)
{
	Suite *s = suite_create("virtio_console");
	TCase *tc = tcase_create("console");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, output_goes_to_the_file);
	tcase_add_test(tc, input_goes_into_the_buffers_there_are);
	tcase_add_test(tc, a_script_waits_until_the_guest_has_spoken);
	tcase_add_test(tc, a_guest_that_does_not_read_holds_the_sender_up);
	tcase_add_test(tc, a_slow_reader_gets_every_byte_once);
	tcase_add_test(tc, a_reset_in_the_middle_of_output_begins_anew);
	tcase_add_test(tc, a_size_is_told_if_there_is_one);
	tcase_add_test(tc, output_without_anywhere_to_go_is_taken);
	tcase_add_test(tc, endless_output_leaves_others_their_turn);
	tcase_add_test(tc, a_panic_is_noticed);
	tcase_add_test(tc, an_output_that_cannot_be_opened_is_named);
	suite_add_tcase(s, tc);
	return s;
}
