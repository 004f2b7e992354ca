// SPDX-License-Identifier: MIT
/*
 * The user space of plain test guests: one static program, run by the guest's kernel as /init.
 * It says what machine it finds, then does what the kernel command line asks with test=WORD
 * (the kernel hands parameters it does not know to init as environment variables).
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "tests/guests/init/init.h"

/* minivmm's boot-done mark: byte 0x01 to I/O port 0xf4, reported by `run --timings`. */
#define MARK_PORT      0xf4
#define MARK_BOOT_DONE 0x01

static sigjmp_buf without_mark;

static void no_ports(int sig)
{
	(void)sig;
	siglongjmp(without_mark, 1);
}

static void mark_boot_done(void)
{
	/* kernels without CONFIG_X86_IOPL_IOPERM say ENOSYS: such guests make no mark. Nor does a TD,
	 * whose kernel lets no program near a port: it gets SIGSEGV. */
	signal(SIGSEGV, no_ports);
	if (sigsetjmp(without_mark, 1) == 0 && ioperm(MARK_PORT, 1, 1) == 0)
		outb(MARK_BOOT_DONE, MARK_PORT);
	signal(SIGSEGV, SIG_DFL);
}

static void mount_all(void)
{
	mkdir("/proc", 0755);
	mkdir("/sys", 0755);
	mkdir("/dev", 0755);
	mount("proc", "/proc", "proc", 0, NULL);
	mount("sysfs", "/sys", "sysfs", 0, NULL);
	mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
}

/* An initramfs without /dev/console starts init without any open file; devtmpfs has one now. */
static void open_console(void)
{
	int fd = open("/dev/console", O_RDWR | O_NOCTTY);

	if (fd < 0)
		return;
	for (int std = 0; std <= 2; std++)
		dup2(fd, std);
	if (fd > 2)
		close(fd);
	setvbuf(stdout, NULL, _IOLBF, 0);
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		printf("GUEST %s: %s\n", path, strerror(errno));
	if (fd >= 0)
		close(fd);
}

/* What was printed must have left the guest's serial port before the machine ends. */
static void end(int how)
{
	tcdrain(STDOUT_FILENO);
	reboot(how);
}

static void do_poweroff(void)
{
	end(RB_POWER_OFF);
}

static void do_reboot(void)
{
	end(RB_AUTOBOOT);
}

static void do_halt(void)
{
	end((int)RB_HALT_SYSTEM);
}

static void do_panic(void)
{
	write_file("/proc/sysrq-trigger", "c");
}

/* Power off on the power button, as a distribution's user space would. */
static void do_powerbutton(void)
{
	int rc;

	puts("GUEST waits for the power button");
	rc = wait_for_power_button();
	if (rc) {
		printf("GUEST power button: %s\n", strerror(-rc));
		return;
	}
	puts("GUEST power button pressed");
	do_poweroff();
}

/* A guest that does not care to be asked. */
static void do_ignore(void)
{
	puts("GUEST ignores the power button");
	for (;;)
		pause();
}

/* And one that talks all the time. */
static void do_flood(void)
{
	for (unsigned int i = 0;; i++)
		printf("GUEST says again and again what nobody wants to hear, %u\n", i);
}

/* Input reaches the guest: one line is read and said again. */
static void do_echo(void)
{
	char line[256];

	puts("GUEST reads a line");
	if (fgets(line, sizeof(line), stdin))
		printf("GUEST read: %s", line);
	do_poweroff();
}

/* Runs a line of shell on the console, where the initramfs has busybox. */
static void run_busybox(const char *script)
{
	pid_t pid = fork();

	if (pid == 0) {
		setsid();
		ioctl(STDIN_FILENO, TIOCSCTTY, 1);
		execl("/bin/busybox", "sh", "-c", script, NULL);
		printf("GUEST /bin/busybox: %s\n", strerror(errno));
		_exit(127);
	}
	if (pid > 0)
		waitpid(pid, NULL, 0);
}

static void do_greeting(void)
{
	run_busybox("/bin/busybox --install -s /bin; uname -a; free -m;"
		    "grep -m 1 'model name' /proc/cpuinfo; uptime");
	do_poweroff();
}

static void do_shell(void)
{
	run_busybox("/bin/busybox --install -s /bin;"
		    "echo; echo 'A shell in the virtual machine; exit powers it off.'; echo;"
		    "exec env PS1='guest# ' sh");
	do_poweroff();
}

/* The kernel's source of random bytes is the host's device, and it gives some. */
static void do_rng(void)
{
	static const char source[] = "/sys/devices/virtual/misc/hw_random/rng_current";
	unsigned char bytes[4096];
	unsigned int seen[256] = {0}, values = 0;
	char name[64] = "";
	ssize_t n = 0;
	int fd;

	load_modules("/modules", "virtio-");
	fd = open(source, O_RDONLY);
	if (fd >= 0 && read(fd, name, sizeof(name) - 1) > 0)
		name[strcspn(name, "\n")] = '\0';
	close(fd);
	fd = open("/dev/hwrng", O_RDONLY);
	for (size_t got = 0; fd >= 0 && got < sizeof(bytes); got += (size_t)n) {
		n = read(fd, bytes + got, sizeof(bytes) - got);
		if (n <= 0)
			break;
	}
	if (fd < 0 || n <= 0) {
		printf("GUEST /dev/hwrng: %s\n", strerror(errno));
		do_poweroff();
	}
	/* of 4096 random bytes, all but a handful of the 256 values are there */
	for (size_t i = 0; i < sizeof(bytes); i++)
		values += seen[bytes[i]]++ == 0;
	printf("GUEST rng=%s values=%u\n", name, values);
	do_poweroff();
}

static unsigned long meminfo_kb(const char *key)
{
	unsigned long kb = 0;
	char line[128];
	FILE *file = fopen("/proc/meminfo", "re");

	while (file && fgets(line, sizeof(line), file))
		if (strncmp(line, key, strlen(key)) == 0)
			kb = strtoul(line + strlen(key), NULL, 10);
	if (file)
		fclose(file);
	return kb;
}

/* The balloon takes memory away; what the guest uses and frees goes back to the host. */
static void do_balloon(void)
{
	const size_t len = 96 << 20;
	unsigned long before = meminfo_kb("MemTotal:");
	char line[16];
	void *p;

	load_modules("/modules", "virtio-");
	for (int i = 0; i < 200 && meminfo_kb("MemTotal:") > before - 31000; i++)
		usleep(50000);
	printf("GUEST balloon=%lu KiB\n", before - meminfo_kb("MemTotal:"));
	p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1,
		 0);
	if (p == MAP_FAILED) {
		printf("GUEST mmap: %s\n", strerror(errno));
		do_poweroff();
	}
	memset(p, 0x5a, len);
	puts("GUEST uses memory");
	if (!fgets(line, sizeof(line), stdin))
		do_poweroff();
	munmap(p, len);
	puts("GUEST freed memory");
	if (!fgets(line, sizeof(line), stdin))
		do_poweroff();
	/* and it can be used again */
	p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p != MAP_FAILED)
		memset(p, 0xa5, len);
	printf("GUEST memory again=%d\n", p != MAP_FAILED);
	do_poweroff();
}

/* The virtio console: its size, and a line that comes from there goes back. */
static void do_hvc(void)
{
	struct winsize size = {0};
	char line[256];
	FILE *hvc;

	load_modules("/modules", "virtio-");
	hvc = fopen("/dev/hvc0", "r+");
	if (!hvc) {
		printf("GUEST /dev/hvc0: %s\n", strerror(errno));
		do_poweroff();
	}
	/* the driver learns of the size when it has spoken */
	fprintf(hvc, "GUEST hvc\n");
	fflush(hvc);
	for (int i = 0; i < 100 && size.ws_col == 0; i++) {
		usleep(50000);
		ioctl(fileno(hvc), TIOCGWINSZ, &size);
	}
	fprintf(hvc, "GUEST hvc size=%ux%u\n", size.ws_col, size.ws_row);
	fflush(hvc);
	if (fgets(line, sizeof(line), hvc)) {
		rewind(hvc);
		/* Linux hands over 16 bytes at a time */
		for (int i = 0; i < 100; i++)
			fprintf(hvc, "GUEST hvc line %d: %s", i, line);
	}
	fclose(hvc);
	do_poweroff();
}

/* Serves whoever wants traffic over the network. */
static void do_net(void)
{
	serve_network();
	do_poweroff();
}

static void do_disk_write(void)
{
	disk_test(1);
	do_poweroff();
}

/* The same, and then the power fails. */
static void do_disk_write_wait(void)
{
	disk_test(1);
	for (;;)
		pause();
}

static void do_disk_verify(void)
{
	disk_test(0);
	do_poweroff();
}

static void do_vsock(void)
{
	test_vsock();
	do_poweroff();
}

static void do_vsock_bench(void)
{
	bench_vsock();
	do_poweroff();
}

static void do_disk_discard(void)
{
	disk_discard_test();
	do_poweroff();
}

static void do_disk_bench(void)
{
	disk_bench();
	do_poweroff();
}

static void do_memory_bench(void)
{
	memory_bench();
	do_poweroff();
}

static const struct {
	const char *name;
	void (*run)(void);
} actions[] = {
	{"poweroff", do_poweroff},
	{"reboot", do_reboot},
	{"halt", do_halt},
	{"panic", do_panic},
	{"powerbutton", do_powerbutton},
	{"ignore", do_ignore},
	{"flood", do_flood},
	{"balloon", do_balloon},
	{"hvc", do_hvc},
	{"net", do_net},
	{"rng", do_rng},
	{"disk-write", do_disk_write},
	{"disk-write-wait", do_disk_write_wait},
	{"disk-verify", do_disk_verify},
	{"vsock", do_vsock},
	{"vsock-bench", do_vsock_bench},
	{"disk-discard", do_disk_discard},
	{"disk-bench", do_disk_bench},
	{"memory-bench", do_memory_bench},
	{"root", run_from_disk},
	{"echo", do_echo},
	{"greeting", do_greeting},
	{"shell", do_shell},
};

int main(void)
{
	const char *test = getenv("test");

	mark_boot_done();
	mount_all();
	open_console();
	load_modules("/modules", "");
	print_machine();
	for (size_t i = 0; test && i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (strcmp(actions[i].name, test) == 0)
			actions[i].run();
	}
	/* not reached by an action that works; the end of init would be a panic */
	printf("GUEST test=%s: not known, or did not work\n", test ? test : "");
	do_poweroff();
	return 1;
}
