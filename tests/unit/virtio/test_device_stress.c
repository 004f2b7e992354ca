// SPDX-License-Identifier: MIT
/*
 * All virtio devices at once, for a while, from several threads as in a VM: two I/O threads, a vCPU
 * that drives each device, another one that touches its registers at any moment, resets and
 * DRIVER_OK among them, and programs of the host that come, send and go. It proves that devices go on
 * whatever happens, and, built with ThreadSanitizer (preset tsan), that no two threads use anything
 * without a lock.
 */
#include "tests/unit/device_stress.h"
#include "tests/unit/net_fixture.h"
#include "tests/unit/suite.h"
#include "vmm/virtio/console.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/virtio_balloon.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_net.h>
#include <linux/virtio_vsock.h>
#include <pthread.h>
#include <sys/stat.h>

#define RAM	   MIB(4)
#define DEVICES	   8
#define IO_THREADS 2
#define RUN_MS	   1500
#define CID	   42

static struct guest_mem mem;
static struct loop loop[IO_THREADS];
static struct vmm_log log_nowhere;
static struct net_host h;
static struct virtio_host host, host_of_nets;
static struct guest guest[DEVICES];
static unsigned int nguests;
static struct virtio_device *console;
static char dir[] = "/tmp/device-stress-XXXXXX";
static atomic_bool over;

/* --- what drivers ask for --------------------------------------------------------------------- */

static unsigned int rng_chain(struct guest *g, unsigned int queue, uint64_t gpa, struct buf *buf)
{
	(void)queue;
	buf[0] = (struct buf){gpa, 1 + some(g, 256), true};
	return 1;
}

static unsigned int disk_chain(struct guest *g, unsigned int queue, uint64_t gpa, struct buf *buf)
{
	static const uint32_t types[] = {
		VIRTIO_BLK_T_IN,	   VIRTIO_BLK_T_IN,	VIRTIO_BLK_T_OUT,
		VIRTIO_BLK_T_FLUSH,	   VIRTIO_BLK_T_GET_ID, VIRTIO_BLK_T_DISCARD,
		VIRTIO_BLK_T_WRITE_ZEROES,
	};
	uint32_t type = types[some(g, ARRAY_SIZE(types))];
	uint64_t sector = some(g, 2040);
	unsigned int n = 0;

	(void)queue;
	poke(g, gpa, type, 8);
	poke(g, gpa + 8, sector, 8);
	buf[n++] = (struct buf){gpa, 16, false};
	if (type == VIRTIO_BLK_T_DISCARD || type == VIRTIO_BLK_T_WRITE_ZEROES) {
		poke(g, gpa + 32, sector, 8);
		poke(g, gpa + 40, 8, 8);
		buf[n++] = (struct buf){gpa + 32, 16, false};
	} else if (type != VIRTIO_BLK_T_FLUSH) {
		buf[n++] = (struct buf){gpa + 512, 1024, type != VIRTIO_BLK_T_OUT};
	}
	buf[n++] = (struct buf){gpa + 64, 1, true};
	return n;
}

static unsigned int net_chain(struct guest *g, unsigned int queue, uint64_t gpa, struct buf *buf)
{
	if (queue == g->dev->nqueues - 1 && queue % 2 == 0 && queue > 0) {
		poke(g, gpa,
		     VIRTIO_NET_CTRL_MQ | VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET << 8 |
			     (1 + some(g, 2)) << 16,
		     4);
		buf[0] = (struct buf){gpa, 4, false};
		buf[1] = (struct buf){gpa + 8, 1, true};
		return 2;
	}
	buf[0] = (struct buf){gpa, queue % 2 ? 12 + 14 + some(g, 1400) : 1600, queue % 2 == 0};
	return 1;
}

static unsigned int console_chain(struct guest *g, unsigned int queue, uint64_t gpa,
				  struct buf *buf)
{
	buf[0] = (struct buf){gpa, 1 + some(g, 200), queue == 0};
	return 1;
}

/* The pages that go are those of the buffers themselves. */
static unsigned int balloon_chain(struct guest *g, unsigned int queue, uint64_t gpa,
				  struct buf *buf)
{
	for (unsigned int i = 0; i < 4; i++)
		poke(g, gpa + 4 * i, (g->area + AREA / 2) / PAGE_SIZE + some(g, 16), 4);
	buf[0] = queue == 2 ? (struct buf){g->area + AREA / 2, PAGE_SIZE, true}
			    : (struct buf){gpa, 16, false};
	return 1;
}

static unsigned int vsock_chain(struct guest *g, unsigned int queue, uint64_t gpa, struct buf *buf)
{
	static const uint16_t ops[] = {
		VIRTIO_VSOCK_OP_REQUEST,  VIRTIO_VSOCK_OP_RW,	    VIRTIO_VSOCK_OP_RW,
		VIRTIO_VSOCK_OP_RESPONSE, VIRTIO_VSOCK_OP_SHUTDOWN, VIRTIO_VSOCK_OP_RST,
	};
	uint16_t op = ops[some(g, ARRAY_SIZE(ops))];
	uint32_t len = op == VIRTIO_VSOCK_OP_RW ? some(g, 1500) : 0;

	if (queue != 1) {
		buf[0] = (struct buf){gpa, 1600, true};
		return 1;
	}
	poke(g, gpa, CID, 8);
	poke(g, gpa + 8, 2, 8);
	poke(g, gpa + 16, 5000 + some(g, 8), 4);
	poke(g, gpa + 20, op == VIRTIO_VSOCK_OP_RESPONSE ? (1u << 30) + some(g, 64) : 1000, 4);
	poke(g, gpa + 24, len, 4);
	poke(g, gpa + 28, VIRTIO_VSOCK_TYPE_STREAM, 2);
	poke(g, gpa + 30, op, 2);
	poke(g, gpa + 32, 3, 4);
	poke(g, gpa + 36, KIB(64), 4);
	poke(g, gpa + 40, 0, 4);
	buf[0] = (struct buf){gpa, 44 + len, false};
	return 1;
}

static const make_chain makers[] = {
	rng_chain, disk_chain,	  disk_chain,	 net_chain,
	net_chain, console_chain, balloon_chain, vsock_chain,
};

/* --- vCPUs ------------------------------------------------------------------------------------ */

static void *drive(void *arg)
{
	struct guest *g = arg;

	while (!atomic_load(&over)) {
		begin_life(g);
		for (unsigned int i = 0; i < 300 && !atomic_load(&over); i++) {
			offer(g, some(g, g->dev->nqueues), makers[g->kind]);
			if (some(g, 8) == 0)
				reg_write(g, VIRTIO_MMIO_INTERRUPT_ACK,
					  reg_read(g, VIRTIO_MMIO_INTERRUPT_STATUS));
			if (some(g, 8) == 0)
				usleep(100);
		}
		usleep(1000);
		count_used(g);
	}
	return NULL;
}

/* Another vCPU, which keeps to no order. It leaves the queues' addresses alone. */
static void touch(struct guest *g)
{
	static const uint64_t regs[] = {
		VIRTIO_MMIO_DEVICE_FEATURES_SEL, VIRTIO_MMIO_DRIVER_FEATURES_SEL,
		VIRTIO_MMIO_DRIVER_FEATURES,	 VIRTIO_MMIO_QUEUE_SEL,
		VIRTIO_MMIO_QUEUE_NUM,		 VIRTIO_MMIO_QUEUE_READY,
		VIRTIO_MMIO_QUEUE_NOTIFY,	 VIRTIO_MMIO_INTERRUPT_ACK,
	};
	uint64_t reg = regs[some(g, ARRAY_SIZE(regs))];

	switch (some(g, 40)) {
	case 0:
		reg_write(g, VIRTIO_MMIO_STATUS, 0);
		break;
	case 1:
		reg_write(g, VIRTIO_MMIO_STATUS, some(g, 16));
		break;
	case 2:
		reg_write(g, VIRTIO_MMIO_CONFIG + some(g, 64), some(g, 256));
		break;
	case 3:
	case 4:
		reg_write(g, reg, some(g, 3));
		break;
	default:
		reg_read(g, some(g, 2) ? VIRTIO_MMIO_CONFIG + some(g, 64) : 4 * some(g, 64));
		break;
	}
}

static void *disturb(void *arg)
{
	struct guest own[DEVICES]; /* but for the random numbers */

	(void)arg;
	memcpy(own, guest, sizeof(own));
	while (!atomic_load(&over)) {
		for (unsigned int i = 0; i < nguests; i++)
			touch(&own[i]);
		usleep(200);
	}
	return NULL;
}

/* --- programs of the host --------------------------------------------------------------------- */

static void use(int fd, bool framed)
{
	uint8_t bytes[4 + 600] = {0};

	*(uint32_t *)(void *)bytes = htonl(600);
	if (fd < 0)
		return;
	while (recv(fd, bytes + 4, 600, MSG_DONTWAIT) > 0)
		;
	send(fd, framed ? bytes : bytes + 4, framed ? sizeof(bytes) : 600,
	     MSG_DONTWAIT | MSG_NOSIGNAL);
}

static int listen_at(const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", dir, name);
	unlink(address.sun_path);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(listen(fd, 16), 0);
	return fd;
}

static int connect_to(const char *name, const char *greeting)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", dir, name);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		send(fd, greeting, strlen(greeting), MSG_DONTWAIT | MSG_NOSIGNAL);
	return fd;
}

static void replace(int *fd, int by)
{
	if (*fd >= 0)
		close(*fd);
	*fd = by;
}

static void *be_the_host(void *arg)
{
	int service = *(int *)arg, stream = -1, called[4] = {-1, -1, -1, -1};
	int calling[4] = {-1, -1, -1, -1}, terminal = -1;

	for (unsigned int i = 0; !atomic_load(&over); i++) {
		unsigned int n = i % 4;
		int fd = accept4(h.listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd >= 0)
			replace(&stream, fd);
		if (i % 500 == 499)
			replace(&stream, -1);
		if (i % 20 == 0)
			replace(&called[n], accept4(service, NULL, NULL, SOCK_CLOEXEC));
		if (i % 50 == 0)
			replace(&calling[n], connect_to("vsock", "CONNECT 52\n"));
		if (i % 100 == 0)
			replace(&terminal, connect_to("console", ""));
		if (i % 30 == 0)
			virtio_console_resized(console);
		use(h.own[n % 2], false);
		use(stream, true);
		use(called[n], false);
		use(calling[n], false);
		use(terminal, false);
		usleep(100);
	}
	replace(&stream, -1);
	replace(&terminal, -1);
	for (unsigned int n = 0; n < 4; n++) {
		replace(&called[n], -1);
		replace(&calling[n], -1);
	}
	return NULL;
}

/* --- pages that are converted ----------------------------------------------------------------- */

/* As the guest's conversions do (mem/convert.c): now and then a page of a device is private. */
static void *convert(void *arg)
{
	struct mem_state *state = mem.region[0].state;
	struct guest g = {.random = 7};

	(void)arg;
	while (!atomic_load(&over)) {
		uint64_t page = some(&g, (uint32_t)(RAM / PAGE_SIZE));

		for (int private = 1; private >= 0; private --) {
			pthread_rwlock_wrlock(&state->lock);
			mem_state_set(state, page, 1, private);
			pthread_rwlock_unlock(&state->lock);
		}
		usleep(500);
	}
	return NULL;
}

/* --- all of it -------------------------------------------------------------------------------- */

static void add(struct virtio_device *dev, unsigned int kind)
{
	struct guest *g = &guest[nguests];
	struct vmm_error err;

	*g = (struct guest){
		.dev = dev,
		.ram = mem.region[0].hva,
		.area = PAGE_SIZE + nguests * AREA,
		.kind = kind,
		.random = nguests + 1,
	};
	ck_assert(queue_page(g, dev->nqueues) <= g->area + AREA);
	ck_assert_int_eq(virtio_connect(dev, 0xd0000000 + nguests * VIRTIO_WINDOW, 5, &err), 0);
	nguests++;
}

static void set(const char *key, const char *value)
{
	struct vmm_error err;

	ck_assert_msg(config_set(&h.config, key, value, &err) == 0, "%s", err.text);
}

static void set_path(const char *key, const char *before, const char *name)
{
	char value[128];

	snprintf(value, sizeof(value), "\"%s%s/%s\"", before, dir, name);
	set(key, value);
}

static void configure(void)
{
	char image[80];
	int fd;

	set_path("disk[0].path", "", "image");
	set("disk[0].queues", "2");
	set_path("disk[1].path", "", "image2");
	set("disk[1].queues", "2");
	set("disk[1].iops", "5000");
	set("net[0].tap", "\"tap0\"");
	set("net[0].queues", "2");
	set("net[0].tx-bandwidth", "3000000");
	set_path("net[1].socket", "", "stream");
	set_path("console.output", "unix:", "console");
	set_path("vsock.path", "", "vsock");
	set("vsock.cid", "42"); /* CID */
	set("rng.source", "\"/dev/urandom\"");
	set("balloon.size", "\"1M\"");
	set("balloon.reporting", "true");
	for (unsigned int i = 0; i < 2; i++) {
		snprintf(image, sizeof(image), "%s/%s", dir, i ? "image2" : "image");
		fd = open(image, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		ck_assert_int_eq(ftruncate(fd, MIB(1)), 0);
		close(fd);
	}
}

static void create(const struct virtio_ops *ops, struct virtio_host *from, size_t index)
{
	static struct vmm_error err;
	struct virtio_device *dev;

	ck_assert_msg(virtio_create(&dev, ops, from, &h.config, index, &err) == 0, "%s", err.text);
	add(dev, nguests);
}

static void create_all(void)
{
	create(&virtio_rng, &host, 0);
	create(&virtio_blk, &host, 0);
	create(&virtio_blk, &host, 1);
	create(&virtio_net, &host_of_nets, 0);
	create(&virtio_net, &host_of_nets, 1);
	create(&virtio_console, &host, 0);
	console = guest[nguests - 1].dev;
	create(&virtio_balloon, &host, 0);
	create(&virtio_vsock, &host, 0);
}

static void *run_loop(void *arg)
{
	ck_assert_int_eq(loop_run(arg, NULL), 0);
	return NULL;
}

static void stop_loop(void *arg)
{
	((struct loop *)arg)->stop = true;
}

static void destroy_all(void)
{
	while (nguests > 0)
		virtio_destroy(guest[--nguests].dev);
	net_host_close(&h);
	for (unsigned int i = 0; i < IO_THREADS; i++)
		loop_destroy(&loop[i]);
	mem_destroy(&mem);
}

static void run(bool conversions)
{
	pthread_t io[IO_THREADS], vcpu[DEVICES], others[3];
	int service = listen_at("vsock_1000");
	unsigned int nothers = 0;

	for (unsigned int i = 0; i < IO_THREADS; i++) {
		loop_expect_thread(&loop[i]);
		ck_assert_int_eq(pthread_create(&io[i], NULL, run_loop, &loop[i]), 0);
	}
	pthread_create(&others[nothers++], NULL, disturb, NULL);
	pthread_create(&others[nothers++], NULL, be_the_host, &service);
	if (conversions)
		pthread_create(&others[nothers++], NULL, convert, NULL);
	for (unsigned int i = 0; i < nguests; i++)
		ck_assert_int_eq(pthread_create(&vcpu[i], NULL, drive, &guest[i]), 0);
	usleep(RUN_MS * 1000);
	atomic_store(&over, true);
	for (unsigned int i = 0; i < nguests; i++)
		pthread_join(vcpu[i], NULL);
	while (nothers > 0)
		pthread_join(others[--nothers], NULL);
	for (unsigned int i = 0; i < IO_THREADS; i++) {
		ck_assert(loop_call(&loop[i], stop_loop, &loop[i]));
		pthread_join(io[i], NULL);
	}
	close(service);
}

static void stress(bool conversions)
{
	static struct loop *loops[IO_THREADS];
	struct vmm_error err;

	atomic_store(&over, false);
	mem_init(&mem, sys_host(), NULL, false);
	ck_assert_int_eq(mem_add_region(&mem, "RAM", 0, RAM, &err), 0);
	if (conversions) {
		ck_assert_int_eq(
			mem_state_create(&mem.region[0].state, sys_host(), RAM / PAGE_SIZE, &err),
			0);
		mem.mode = MEM_MODE_SPLIT;
	}
	for (unsigned int i = 0; i < IO_THREADS; i++) {
		ck_assert_int_eq(loop_init(&loop[i], sys_host(), &err), 0);
		loops[i] = &loop[i];
	}
	host = (struct virtio_host){
		.sys = sys_host(),
		.mem = &mem,
		.log = &log_nowhere,
		.loops = loops,
		.nloops = IO_THREADS,
	};
	host_of_nets = host;
	net_host_init(&h, &host_of_nets);
	snprintf(h.dir, sizeof(h.dir), "%s", dir);
	snprintf(h.path, sizeof(h.path), "%s/stream", dir);
	ck_assert(net_host_listen(&h));
	configure();
	create_all();
	run(conversions);
	for (unsigned int i = 0; i < nguests; i++) {
		printf("%-10s %6u lives %8u chains\n", guest[i].dev->name, guest[i].lives,
		       guest[i].used);
		ck_assert_uint_gt(guest[i].lives, 1);
		ck_assert_uint_gt(guest[i].used, 10);
	}
	destroy_all();
}

START_TEST(devices_go_on_whatever_several_threads_do)
{
	stress(false);
}
END_TEST

START_TEST(devices_go_on_while_pages_are_converted)
{
	stress(true);
}
END_TEST

/* Around all tests, each of which is a process of its own. */
static void make_folder(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
}

static void remove_folder(void)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -rf %s", dir);
	if (system(command) != 0)
		exit(EXIT_FAILURE);
}

SUITE(test_device_stress)
{
	Suite *s = suite_create("device_stress");
	TCase *tc = tcase_create("stress");

	tcase_add_unchecked_fixture(tc, make_folder, remove_folder);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, devices_go_on_whatever_several_threads_do);
	tcase_add_test(tc, devices_go_on_while_pages_are_converted);
	suite_add_tcase(s, tc);
	return s;
}
