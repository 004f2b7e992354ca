// SPDX-License-Identifier: MIT
/*
 * The console: what reaches the host's side, when, and what a reader or writer there can do to the
 * guest. The guest is this test, at the registers of a serial port; the event loop has its thread.
 */
#include "tests/unit/suite.h"
#include "vmm/dev/console.h"
#include "vmm/dev/serial.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/serial_reg.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static struct console console;
static struct serial serial;
static struct loop loop;
static struct loop_source stop;
static pthread_t thread;
static _Atomic int quits;
static char dir[] = P_tmpdir "/minivmm-console-XXXXXX";
static char path[128], output[160];

/* --- the machine around the console ----------------------------------------------------------- */

static void on_quit(void *ctx)
{
	ck_assert_ptr_eq(ctx, &quits);
	quits++;
}

/* Once, and as soon as the console's thread has had its turn. */
static void wait_for_quit(void)
{
	for (int i = 0; i < 500 && quits == 0; i++)
		usleep(10000);
	ck_assert_int_eq(quits, 1);
}

static void stop_ready(struct loop_source *source, uint32_t events)
{
	(void)source, (void)events;
	loop.stop = true;
}

static void *run(void *arg)
{
	(void)arg;
	loop_run(&loop, NULL);
	return NULL;
}

/* "stdio", "null", "file:PATH", "unix:PATH" */
static struct endpoint endpoint(const char *what)
{
	static const char *const kinds[] = {
		[ENDPOINT_STDIO] = "stdio",
		[ENDPOINT_NULL] = "null",
		[ENDPOINT_FILE] = "file:",
		[ENDPOINT_UNIX] = "unix:",
	};
	struct endpoint end = {.kind = ENDPOINT_STDIO};

	while (strncmp(what, kinds[end.kind], strlen(kinds[end.kind])) != 0)
		end.kind++;
	if (end.kind >= ENDPOINT_FILE)
		end.path = (char *)(uintptr_t)what + strlen(kinds[end.kind]);
	return end;
}

static int open_console(struct console *c, const char *what, struct vmm_error *err)
{
	struct endpoint end = endpoint(what);

	return console_open(c, &end, on_quit, &quits, err);
}

static void start(const char *what)
{
	const struct irq_line irq = {0};
	const struct serial_sink sink = {console_write, console_room, &console};
	const struct console_port port = {
		serial_room, serial_listening, serial_receive, serial_sink_ready, true, &serial};
	struct vmm_error err = {0};
	sigset_t all, old;

	ck_assert_int_eq(loop_init(&loop, sys_host(), NULL), 0);
	ck_assert_msg(open_console(&console, what, &err) == 0, "%s", err.text);
	serial_init(&serial, &irq, &sink);
	ck_assert_int_eq(console_start(&console, &port, &loop, NULL), 0);
	stop = (struct loop_source){.ready = stop_ready, .fd = eventfd(0, EFD_CLOEXEC)};
	ck_assert_int_eq(loop_add(&loop, &stop, EPOLLIN, NULL), 0);

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	ck_assert_int_eq(pthread_create(&thread, NULL, run, NULL), 0);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

static void stop_loop(void)
{
	ck_assert_int_eq(eventfd_write(stop.fd, 1), 0);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
}

static void finish(void)
{
	stop_loop();
	console_close(&console);
	serial_destroy(&serial);
	close(stop.fd);
	loop_destroy(&loop);
}

static uint8_t in(unsigned int reg)
{
	return (uint8_t)serial.dev.ops->read(&serial.dev, reg, 1);
}

static void out(unsigned int reg, uint8_t value)
{
	serial.dev.ops->write(&serial.dev, reg, 1, value);
}

static void print(const char *text)
{
	while (*text)
		out(UART_TX, (uint8_t)*text++);
}

static void sleep_ms(long ms)
{
	struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	nanosleep(&t, NULL);
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Reads until `want` bytes have come, at most 5 seconds. */
static size_t read_fd(int fd, char *buf, size_t want)
{
	uint64_t end = now_ms() + 5000;
	size_t n = 0;

	while (n < want && now_ms() < end) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		ssize_t got;

		if (poll(&p, 1, 100) == 0)
			continue;
		got = read(fd, buf + n, want - n);
		if (got <= 0)
			break;
		n += (size_t)got;
	}
	return n;
}

static void expect(int fd, const char *text)
{
	char buf[256];
	size_t n = read_fd(fd, buf, strlen(text));

	buf[n] = '\0';
	ck_assert_str_eq(buf, text);
}

/* What a guest reads that polls the line status register, at most `ms` without a byte. */
static size_t guest_read(char *buf, size_t want, long ms)
{
	uint64_t end = now_ms() + (uint64_t)ms;
	size_t n = 0;

	while (n < want && now_ms() < end) {
		if (in(UART_LSR)&UART_LSR_DR) {
			buf[n++] = (char)in(UART_RX);
			end = now_ms() + (uint64_t)ms;
		} else {
			sleep_ms(1);
		}
	}
	buf[n] = '\0';
	return n;
}

static void replace_fd(int fd, int with)
{
	ck_assert_int_eq(dup2(with, fd), fd);
	close(with);
}

/* Descriptors for the test's ends of standard input and output. */
static int new_stdin(void)
{
	int fds[2];

	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	replace_fd(STDIN_FILENO, fds[0]);
	return fds[1];
}

static int new_stdout(void)
{
	int fds[2];

	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	replace_fd(STDOUT_FILENO, fds[1]);
	return fds[0];
}

static unsigned int count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned int n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static void setup(void)
{
	int null = open("/dev/null", O_RDWR);

	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/console", dir);
	replace_fd(STDIN_FILENO, null);
	quits = 0;
}

static void teardown(void)
{
	unlink(path);
	rmdir(dir);
	strcpy(dir + strlen(dir) - 6, "XXXXXX");
}

/* --- output to standard output ---------------------------------------------------------------- */

START_TEST(a_line_is_one_write_and_a_rest_waits)
{
	char buf[64] = "";
	int fds[2];

	/* each packet of this socket is one write */
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
	replace_fd(STDOUT_FILENO, fds[1]);
	start("stdio");
	stop_loop(); /* no timer any more */
	print("Linux version 6.12\r\nlogin: ");
	ck_assert_int_eq(recv(fds[0], buf, sizeof(buf), MSG_DONTWAIT), 20);
	ck_assert_int_eq(recv(fds[0], buf, sizeof(buf), MSG_DONTWAIT), -1);
	console_close(&console);
	ck_assert_int_eq(recv(fds[0], buf, sizeof(buf), MSG_DONTWAIT), 7);
}
END_TEST

START_TEST(a_prompt_without_newline_comes_out_by_itself)
{
	int fd = new_stdout();

	start("stdio");
	print("login: ");
	expect(fd, "login: ");
	print("password: ");
	expect(fd, "password: ");
	finish();
}
END_TEST

START_TEST(long_output_without_newline_is_not_held_back)
{
	char buf[2 * CONSOLE_FLUSH_BYTES];
	int fd = new_stdout();

	start("stdio");
	stop_loop();
	for (int i = 0; i < CONSOLE_FLUSH_BYTES + 1; i++)
		out(UART_TX, 'x');
	fcntl(fd, F_SETFL, O_NONBLOCK);
	ck_assert_int_eq(read(fd, buf, sizeof(buf)), CONSOLE_FLUSH_BYTES);
	console_close(&console);
}
END_TEST

START_TEST(what_the_guest_printed_last_is_out_after_closing)
{
	int fd = new_stdout();

	start("stdio");
	stop_loop(); /* no timer any more */
	print("half a li");
	console_close(&console);
	expect(fd, "half a li");
}
END_TEST

START_TEST(standard_descriptors_stay_blocking_for_others)
{
	int fd_out = new_stdout(), fd_in = new_stdin();

	start("stdio");
	ck_assert(!(fcntl(STDOUT_FILENO, F_GETFL) & O_NONBLOCK));
	ck_assert(!(fcntl(STDIN_FILENO, F_GETFL) & O_NONBLOCK));
	finish();
	ck_assert_int_eq(fcntl(STDOUT_FILENO, F_GETFD), 0);
	close(fd_in);
	close(fd_out);
}
END_TEST

#define LINE "line %08u\n"

/* Sends numbered lines as a guest does that looks at LSR. Returns how many were sent before the
 * transmitter stayed busy for `ms`, or `lines`. */
static unsigned int print_lines(unsigned int lines, long ms)
{
	for (unsigned int i = 0; i < lines; i++) {
		char line[24];

		snprintf(line, sizeof(line), LINE, i);
		for (const char *p = line; *p; p++) {
			uint64_t end = now_ms() + (uint64_t)ms;

			while (!(in(UART_LSR)&UART_LSR_THRE)) {
				if (now_ms() >= end)
					return i;
				sleep_ms(1);
			}
			out(UART_TX, (uint8_t)*p);
		}
	}
	return lines;
}

struct reader {
	int fd;
	size_t len;
	bool in_order;
};

static void *read_lines(void *arg)
{
	struct reader *r = arg;
	char line[24];

	for (unsigned int i = 0;; i++) {
		char expected[24];
		size_t n = read_fd(r->fd, line, 14);

		r->len += n;
		if (n < 14)
			return NULL;
		snprintf(expected, sizeof(expected), LINE, i);
		r->in_order &= memcmp(line, expected, 14) == 0;
		if (i % 512 == 0)
			sleep_ms(5);
	}
}

START_TEST(a_slow_reader_slows_the_guest_down_and_gets_everything)
{
	struct reader reader = {.fd = new_stdout(), .in_order = true};
	pthread_t reading;
	const unsigned int lines = 20000; /* 280 KB: more than pipe and buffer hold */

	fcntl(reader.fd, F_SETPIPE_SZ, 4096);
	start("stdio");
	pthread_create(&reading, NULL, read_lines, &reader);
	ck_assert_uint_eq(print_lines(lines, 4000), lines);
	finish();
	close(STDOUT_FILENO);
	pthread_join(reading, NULL);
	ck_assert_uint_eq(reader.len, lines * 14);
	ck_assert(reader.in_order);
}
END_TEST

START_TEST(a_reader_that_does_not_read_makes_the_transmitter_busy_but_blocks_no_thread)
{
	int fd = new_stdout();
	uint64_t begin;

	fcntl(fd, F_SETPIPE_SZ, 4096);
	start("stdio");
	ck_assert_uint_lt(print_lines(20000, 100), 20000);
	begin = now_ms();
	for (int i = 0; i < 1000; i++)
		out(UART_TX, '!');
	ck_assert_uint_lt(now_ms() - begin, 1000);
	begin = now_ms();
	finish();
	ck_assert_uint_lt(now_ms() - begin, 3 * CONSOLE_END_MS + 1000);
}
END_TEST

START_TEST(a_reader_that_never_reads_holds_the_guest_up_for_a_bounded_time)
{
	int fd = new_stdout();

	fcntl(fd, F_SETPIPE_SZ, 4096);
	start("stdio");
	ck_assert_uint_lt(print_lines(20000, 100), 20000);
	/* time passes */
	pthread_mutex_lock(&console.lock);
	ck_assert(console.blocked);
	console.blocked_since -= CONSOLE_STALL_MS;
	pthread_mutex_unlock(&console.lock);
	ck_assert_uint_eq(print_lines(20000, 1000), 20000);
	ck_assert_uint_gt(console.dropped, 0);
	finish();
}
END_TEST

START_TEST(a_reader_that_went_away_harms_nobody)
{
	close(new_stdout());
	start("stdio");
	stop_loop();
	print("half a line"); /* the last flush is on this thread, where SIGPIPE is deadly */
	console_close(&console);
}
END_TEST

START_TEST(closed_standard_descriptors_are_like_null)
{
	close(STDIN_FILENO);
	close(STDOUT_FILENO);
	start("stdio");
	ck_assert_uint_eq(print_lines(2000, 100), 2000);
	finish();
}
END_TEST

/* --- input from standard input ---------------------------------------------------------------- */

START_TEST(a_script_on_standard_input_waits_for_the_guest_and_arrives_complete)
{
	static char buf[20001];
	int fd = new_stdin();
	char text[20001];

	for (size_t i = 0; i < sizeof(text) - 1; i++)
		text[i] = (char)('a' + i % 23); /* and escape keys mean nothing here */
	text[5] = 0x01;
	text[6] = 'x';
	ck_assert_int_eq(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
	close(fd);
	text[sizeof(text) - 1] = '\0';

	start("stdio");
	out(UART_FCR, UART_FCR_ENABLE_FIFO);
	sleep_ms(20);
	ck_assert(!(in(UART_LSR)&UART_LSR_DR));
	out(UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR); /* a driver starts up */
	out(UART_MCR, UART_MCR_OUT2);
	out(UART_IER, UART_IER_RDI);
	ck_assert_uint_eq(guest_read(buf, sizeof(text) - 1, 2000), sizeof(text) - 1);
	ck_assert_str_eq(buf, text);
	ck_assert_uint_eq(guest_read(buf, 1, 20), 0);
	ck_assert_int_eq(quits, 0);
	finish();
}
END_TEST

/*
 * What Linux does to the port, in its order: early console, probing, console, and at last the
 * driver's start for init's /dev/console (arch/x86/boot/early_serial_console.c, 8250_port.c).
 */
START_TEST(a_script_on_standard_input_survives_the_start_of_linux)
{
	static const char text[] = "hello\nworld\n";
	char buf[sizeof(text)];
	int fd = new_stdin();

	ck_assert_int_eq(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
	close(fd);
	start("stdio");
	out(UART_IER, 0);
	out(UART_FCR, 0);
	out(UART_MCR, UART_MCR_DTR | UART_MCR_RTS);
	sleep_ms(50);
	for (int i = 0; i < 100; i++) { /* its messages */
		in(UART_LSR);
		out(UART_TX, '.');
		in(UART_LSR);
	}
	sleep_ms(50);
	for (int i = 0; i < 2; i++) {
		out(UART_IER, 0x0f); /* does it have all four bits? */
		sleep_ms(20);
		out(UART_IER, 0);
		out(UART_FCR, UART_FCR_ENABLE_FIFO);
		out(UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR | UART_FCR_CLEAR_XMIT);
		out(UART_FCR, 0);
		in(UART_LSR);
		in(UART_RX);
		in(UART_IIR);
		in(UART_MSR);
		sleep_ms(20);
	}
	out(UART_MCR, UART_MCR_DTR | UART_MCR_RTS | UART_MCR_OUT2);
	out(UART_IER, UART_IER_RLSI | UART_IER_RDI);
	sleep_ms(50); /* on another CPU */
	out(UART_FCR, UART_FCR_ENABLE_FIFO);
	out(UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_R_TRIG_10);
	ck_assert_uint_eq(guest_read(buf, sizeof(text) - 1, 2000), sizeof(text) - 1);
	ck_assert_mem_eq(buf, text, sizeof(text) - 1);
	finish();
}
END_TEST

START_TEST(a_script_on_standard_input_reaches_a_guest_that_polls)
{
	char buf[8];
	int fd = new_stdin();

	ck_assert_int_eq(write(fd, "hello\n", 6), 6);
	close(fd);
	start("stdio");
	ck_assert_uint_eq(guest_read(buf, 6, 2000), 6);
	ck_assert_str_eq(buf, "hello\n");
	finish();
}
END_TEST

START_TEST(a_regular_file_is_read_like_a_pipe)
{
	char buf[101], text[101];
	int fd = open(path, O_RDWR | O_CREAT, 0600);

	memset(text, 'f', sizeof(text) - 1);
	text[100] = '\0';
	ck_assert_int_eq(write(fd, text, 100), 100);
	lseek(fd, 0, SEEK_SET);
	replace_fd(STDIN_FILENO, fd);
	start("stdio");
	out(UART_MCR, UART_MCR_OUT2);
	out(UART_IER, UART_IER_RDI);
	ck_assert_uint_eq(guest_read(buf, 100, 2000), 100);
	ck_assert_str_eq(buf, text);
	finish();
}
END_TEST

START_TEST(a_guest_that_does_not_read_leaves_input_in_the_pipe_and_the_loop_asleep)
{
	struct timespec before, after;
	clockid_t clock;
	char buf[64];
	int fd = new_stdin();

	ck_assert_int_eq(write(fd, "0123456789abcdef0123456789", 26), 26);
	close(fd); /* hang-up */
	start("stdio");
	out(UART_MCR, UART_MCR_OUT2);
	out(UART_IER, UART_IER_RDI);
	sleep_ms(50);
	ck_assert_uint_eq(serial_room(&serial), 0);
	pthread_getcpuclockid(thread, &clock);
	clock_gettime(clock, &before);
	sleep_ms(200);
	clock_gettime(clock, &after);
	ck_assert_int_lt((after.tv_sec - before.tv_sec) * 1000000000 + after.tv_nsec -
				 before.tv_nsec,
			 20000000);
	ck_assert_uint_eq(guest_read(buf, 26, 1000), 26);
	ck_assert_str_eq(buf, "0123456789abcdef0123456789");
	finish();
}
END_TEST

/* Makes standard input a terminal; returns the end where keys are pressed. */
static int new_terminal(void)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), slave;
	struct termios raw;

	ck_assert_int_ge(master, 0);
	ck_assert_int_eq(grantpt(master), 0);
	ck_assert_int_eq(unlockpt(master), 0);
	slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	ck_assert_int_ge(slave, 0);
	tcgetattr(slave, &raw);
	cfmakeraw(&raw);
	tcsetattr(slave, TCSANOW, &raw);
	replace_fd(STDIN_FILENO, slave);
	return master;
}

START_TEST(keys_from_a_terminal_reach_a_guest_that_only_polls)
{
	char buf[16];
	int keys = new_terminal();

	start("stdio");
	ck_assert_int_eq(write(keys, "ls\x01\x01y\x01z", 7), 7);
	ck_assert_uint_eq(guest_read(buf, 6, 1000), 6);
	ck_assert_str_eq(buf, "ls\x01y\x01z");
	ck_assert_int_eq(quits, 0);
	finish();
	close(keys);
}
END_TEST

START_TEST(escape_keys_help_and_quit)
{
	char buf[16];
	int keys = new_terminal(), screen = new_stdout();

	start("stdio");
	ck_assert_int_eq(write(keys, "\x01h", 2), 2);
	expect(screen, "\r\nCtrl-A x  stop");
	ck_assert_int_eq(write(keys, "\x01", 1), 1);
	sleep_ms(10);
	ck_assert_int_eq(write(keys, "x.", 2), 2);
	ck_assert_uint_eq(guest_read(buf, 1, 1000), 1);
	ck_assert_str_eq(buf, ".");
	sleep_ms(10);
	wait_for_quit();
	finish();
	close(keys);
}
END_TEST

static void press(int keys, const char *what, size_t len)
{
	ck_assert_int_eq(write(keys, what, len), (ssize_t)len);
	sleep_ms(30);
}

/* The one moment when they are needed. */
START_TEST(escape_keys_are_heard_when_the_guest_stops_reading)
{
	char buf[64];
	int keys = new_terminal();

	start("stdio");
	press(keys, "0123456789abcdef0123456789", 26);
	ck_assert_uint_eq(serial_room(&serial), 0);
	press(keys, "\x01x", 2);
	wait_for_quit();
	/* and nothing is lost when it reads again */
	ck_assert_uint_eq(guest_read(buf, 26, 1000), 26);
	ck_assert_str_eq(buf, "0123456789abcdef0123456789");
	finish();
	close(keys);
}
END_TEST

START_TEST(escape_keys_are_heard_in_loopback)
{
	char buf[8];
	int keys = new_terminal();

	start("stdio");
	out(UART_MCR, UART_MCR_LOOP);
	press(keys, "ls", 2);
	press(keys, "\x01x", 2);
	wait_for_quit();
	out(UART_MCR, 0);
	ck_assert_uint_eq(guest_read(buf, 2, 1000), 2);
	ck_assert_str_eq(buf, "ls");
	finish();
	close(keys);
}
END_TEST

START_TEST(keys_that_nobody_reads_are_dropped_and_the_bell_rings)
{
	static char much[CONSOLE_KEYS + 4096];
	int keys = new_terminal(), screen = new_stdout();

	memset(much, 'k', sizeof(much));
	start("stdio");
	for (size_t at = 0; at < sizeof(much); at += 1024)
		ck_assert_int_eq(write(keys, much + at, 1024), 1024);
	expect(screen, "\a");
	press(keys, "\x01x", 2);
	wait_for_quit();
	finish();
	close(keys);
}
END_TEST

START_TEST(escape_keys_may_come_in_pieces)
{
	char buf[8];
	int keys = new_terminal(), screen = new_stdout();

	start("stdio");
	press(keys, "\x01", 1);
	press(keys, "a\x01", 2);
	ck_assert_int_eq(quits, 0);
	press(keys, "xh\x01h", 4);
	wait_for_quit();
	expect(screen, "\r\nCtrl-A x  stop");
	ck_assert_uint_eq(guest_read(buf, 3, 1000), 3);
	ck_assert_str_eq(buf, "\x01"
			      "ah");
	finish();
	close(keys);
}
END_TEST

/* --- null and file ---------------------------------------------------------------------------- */

START_TEST(null_takes_everything_and_still_sees_a_panic)
{
	char text[64];

	start("null");
	ck_assert_uint_eq(print_lines(2000, 100), 2000);
	ck_assert(!console_recent_panic(&console, text, sizeof(text)));
	print("[    0.5] Kernel panic - not syncing: test\r\n");
	ck_assert(console_recent_panic(&console, text, sizeof(text)));
	ck_assert_str_eq(text, "Kernel panic - not syncing: test");
	ck_assert(console_recent_panic(&console, NULL, 0));
	finish();
}
END_TEST

START_TEST(file_is_private_and_appended_to)
{
	struct stat st;
	int fd;

	snprintf(output, sizeof(output), "file:%s", path);
	for (int i = 0; i < 2; i++) {
		start(output);
		print("boot\n");
		finish();
	}
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	fd = open(path, O_RDONLY);
	expect(fd, "boot\nboot\n");
	close(fd);
}
END_TEST

START_TEST(outputs_that_cannot_be_opened_are_errors_and_leave_nothing)
{
	static const struct {
		const char *output;
		int ret;
		const char *text;
	} bad[] = {
		{"file:", -ENOENT, "unable to open"},
		{"file:/nonexistent/x", -ENOENT, "/nonexistent/x"},
		{"file:/", -EISDIR, "unable to open"},
		{"unix:", -ENAMETOOLONG, "1 to 107 bytes"},
		{"unix:/nonexistent/x", -ENOENT, "/nonexistent/x"},
	};
	unsigned int fds = count_fds();

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct vmm_error err = {0};

		ck_assert_int_eq(open_console(&console, bad[i].output, &err), bad[i].ret);
		ck_assert_msg(strstr(err.text, bad[i].text), "%s", err.text);
	}
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	snprintf(output, sizeof(output), "file:%s", path);
	ck_assert_int_eq(open_console(&console, output, NULL), -ENXIO);
	ck_assert_uint_eq(count_fds(), fds);
}
END_TEST

START_TEST(closing_gives_every_descriptor_back)
{
	static const char *const outputs[] = {"stdio", "null", "file:", "unix:"};
	unsigned int fds = count_fds();

	for (int i = 0; i < 4; i++) {
		snprintf(output, sizeof(output), "%s%s", outputs[i], i >= 2 ? path : "");
		start(output);
		finish();
		unlink(path);
		ck_assert_uint_eq(count_fds(), fds);
	}
}
END_TEST

/* --- unix socket ------------------------------------------------------------------------------ */

static int try_connect(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(addr.sun_path, path);
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* A client that is talked to: the guest's greeting has arrived. */
static int client(void)
{
	int fd = try_connect();

	ck_assert_int_ge(fd, 0);
	for (int i = 0; i < 500; i++) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		char c;

		print("\n");
		if (poll(&p, 1, 2) > 0) {
			ck_assert_int_eq(read(fd, &c, 1), 1);
			/* one line for each try, so that the next expect() begins afresh */
			while (recv(fd, &c, 1, MSG_DONTWAIT) == 1)
				;
			return fd;
		}
	}
	ck_abort_msg("the client was not let in");
	return -1;
}

static void start_unix(void)
{
	snprintf(output, sizeof(output), "unix:%s", path);
	start(output);
}

START_TEST(a_client_gets_output_from_now_on_and_can_type)
{
	char buf[8];
	struct stat st;
	int fd;

	start_unix();
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	ck_assert_uint_eq(print_lines(5000, 100), 5000); /* nobody is there */
	fd = client();
	print("hello\n");
	expect(fd, "hello\n");
	ck_assert_int_eq(write(fd, "\x01xls", 4), 4); /* no escape keys: this is no terminal */
	ck_assert_uint_eq(guest_read(buf, 4, 1000), 4);
	ck_assert_str_eq(buf, "\x01xls");
	ck_assert_int_eq(quits, 0);
	finish();
	ck_assert_int_eq(read(fd, buf, 1), 0);
	ck_assert_int_eq(access(path, F_OK), -1);
	close(fd);
}
END_TEST

START_TEST(one_client_at_a_time)
{
	char c;
	int first, second;

	start_unix();
	first = client();
	second = try_connect();
	ck_assert_int_ge(second, 0);
	ck_assert_uint_eq(read_fd(second, &c, 1), 0); /* sent away */
	close(second);
	print("still you\n");
	expect(first, "still you\n");
	close(first);
	sleep_ms(20);
	second = client();
	print("now you\n");
	expect(second, "now you\n");
	close(second);
	finish();
}
END_TEST

START_TEST(a_client_that_left_unread_input_makes_room_for_the_next)
{
	char buf[32];
	int fd;

	start_unix();
	fd = client();
	ck_assert_int_eq(write(fd, "0123456789abcdef0123456789", 26), 26);
	sleep_ms(20); /* the guest reads nothing */
	close(fd);
	fd = client();
	guest_read(buf, 16, 100); /* what the first had sent */
	ck_assert_int_eq(write(fd, "new", 3), 3);
	ck_assert_uint_eq(guest_read(buf, 3, 1000), 3);
	ck_assert_str_eq(buf, "new");
	close(fd);
	finish();
}
END_TEST

START_TEST(a_client_that_has_no_more_to_say_still_listens)
{
	char buf[8];
	int fd;

	start_unix();
	fd = client();
	ck_assert_int_eq(write(fd, "ls\n", 3), 3);
	ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
	ck_assert_uint_eq(guest_read(buf, 3, 1000), 3);
	sleep_ms(20);
	print("bin etc\n");
	expect(fd, "bin etc\n");
	close(fd);
	finish();
}
END_TEST

START_TEST(a_client_that_does_not_read_never_holds_the_guest_up)
{
	uint64_t begin = now_ms();
	int fd;

	start_unix();
	fd = client();
	ck_assert_uint_eq(print_lines(100000, 100), 100000); /* 1.4 MB */
	ck_assert_uint_gt(console.dropped, 0);
	ck_assert(in(UART_LSR)&UART_LSR_THRE);
	expect(fd, "line 00000000\n");
	finish();
	ck_assert_uint_lt(now_ms() - begin, 20000);
	close(fd);
}
END_TEST

START_TEST(a_leftover_socket_is_replaced_and_nothing_else)
{
	struct console other;
	struct vmm_error err = {0};
	int fd;

	start_unix();
	ck_assert_int_eq(open_console(&other, output, &err), -EADDRINUSE);
	ck_assert_ptr_nonnull(strstr(err.text, "another VM listens there"));
	stop_loop();
	/* as after kill -9: the socket is closed but its path stays */
	console.listener.ino = 0;
	console_close(&console);
	ck_assert_int_eq(access(path, F_OK), 0);
	ck_assert_int_eq(open_console(&other, output, NULL), 0);
	console_close(&other);

	fd = open(path, O_CREAT | O_WRONLY, 0600);
	close(fd);
	ck_assert_int_eq(open_console(&other, output, NULL), -EADDRINUSE);
	ck_assert_int_eq(access(path, F_OK), 0);
}
END_TEST

START_TEST(a_path_that_somebody_else_took_over_is_not_removed)
{
	int fd;

	start_unix();
	unlink(path);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	close(fd);
	finish();
	ck_assert_int_eq(access(path, F_OK), 0);
}
END_TEST

/* --- panic watcher ---------------------------------------------------------------------------- */

static struct panic_watch watch;

static void feed(const char *text)
{
	panic_watch_feed(&watch, (const uint8_t *)text, strlen(text));
}

START_TEST(panic_lines_are_recognized)
{
	static const char *const lines[] = {
		"Kernel panic - not syncing: VFS: Unable to mount root fs\n",
		"[    1.234567] Kernel panic - not syncing: VFS: Unable to mount root fs\r\n",
		"[12345.678901] Kernel panic - not syncing: VFS: Unable to mount root fs\n",
		"[    1.234567][    T1] Kernel panic - not syncing: VFS: Unable to mount root fs\n",
		"[    1.234567][   C12] Kernel panic - not syncing: VFS: Unable to mount root fs\n",
		"some text\r\nKernel panic - not syncing: VFS: Unable to mount root fs\r",
		"Kernel panic - not \x07syncing: VFS: Unable\x1b to mount root fs\n",
	};

	memset(&watch, 0, sizeof(watch));
	feed(lines[_i]);
	ck_assert(panic_watch_recent(&watch));
	ck_assert_str_eq(watch.text, "Kernel panic - not syncing: VFS: Unable to mount root fs");
	ck_assert_uint_le(watch.after, 1); /* the "\n" of "\r\n" */
}
END_TEST

START_TEST(other_lines_are_not)
{
	static const char *const lines[] = {
		"",
		"root@guest:~# grep \"Kernel panic - not syncing: \" /var/log/messages\n",
		"[    1.234567] ---[ end Kernel panic - not syncing: VFS ]---\n",
		"[    1.2] x Kernel panic - not syncing: no\n",
		"[info] Kernel panic - not syncing: no\n",
		"[    1.2 Kernel panic - not syncing: no\n",
		"kernel panic - not syncing: no\n",
		"Kernel panic - not syncing: but the line does not end",
		"Kernel panic\n- not syncing: no\n",
	};

	memset(&watch, 0, sizeof(watch));
	feed(lines[_i]);
	ck_assert(!panic_watch_recent(&watch));
	ck_assert_str_eq(watch.text, "");
}
END_TEST

START_TEST(panic_lines_are_recognized_in_pieces_of_any_size)
{
	const char *text =
		"noise\n[    1.5] Kernel panic - not syncing: Attempted to kill init!\nmore";

	for (size_t piece = 1; piece <= strlen(text); piece++) {
		memset(&watch, 0, sizeof(watch));
		for (size_t at = 0; at < strlen(text); at += piece) {
			size_t n = strlen(text) - at < piece ? strlen(text) - at : piece;

			panic_watch_feed(&watch, (const uint8_t *)text + at, n);
		}
		ck_assert_str_eq(watch.text, "Kernel panic - not syncing: Attempted to kill init!");
		ck_assert_uint_eq(watch.after, 4);
	}
}
END_TEST

START_TEST(a_panic_is_recent_for_16_KiB_and_the_last_one_counts)
{
	memset(&watch, 0, sizeof(watch));
	feed("Kernel panic - not syncing: one\n");
	for (unsigned int i = 0; i < PANIC_WATCH_RECENT; i++)
		feed("x");
	ck_assert(panic_watch_recent(&watch));
	feed("x");
	ck_assert(!panic_watch_recent(&watch));
	ck_assert_str_eq(watch.text, "Kernel panic - not syncing: one");
	feed("\nKernel panic - not syncing: two\n");
	ck_assert(panic_watch_recent(&watch));
	ck_assert_str_eq(watch.text, "Kernel panic - not syncing: two");
}
END_TEST

START_TEST(endless_panic_text_is_cut)
{
	memset(&watch, 0, sizeof(watch));
	feed("Kernel panic - not syncing: ");
	for (int i = 0; i < 100000; i++)
		feed("y");
	feed("\n");
	ck_assert(panic_watch_recent(&watch));
	ck_assert_uint_eq(strlen(watch.text), PANIC_WATCH_LINE - 1);
}
END_TEST

SUITE(test_console)
{
	Suite *suite = suite_create("console");
	TCase *out_case = tcase_create("output"), *in_case = tcase_create("input");
	TCase *socket_case = tcase_create("socket"), *panic_case = tcase_create("panic watcher");

	tcase_add_checked_fixture(out_case, setup, teardown);
	tcase_set_timeout(out_case, 30);
	tcase_add_test(out_case, a_line_is_one_write_and_a_rest_waits);
	tcase_add_test(out_case, a_prompt_without_newline_comes_out_by_itself);
	tcase_add_test(out_case, long_output_without_newline_is_not_held_back);
	tcase_add_test(out_case, what_the_guest_printed_last_is_out_after_closing);
	tcase_add_test(out_case, standard_descriptors_stay_blocking_for_others);
	tcase_add_test(out_case, a_slow_reader_slows_the_guest_down_and_gets_everything);
	tcase_add_test(out_case,
		       a_reader_that_does_not_read_makes_the_transmitter_busy_but_blocks_no_thread);
	tcase_add_test(out_case, a_reader_that_never_reads_holds_the_guest_up_for_a_bounded_time);
	tcase_add_test(out_case, a_reader_that_went_away_harms_nobody);
	tcase_add_test(out_case, closed_standard_descriptors_are_like_null);
	tcase_add_test(out_case, null_takes_everything_and_still_sees_a_panic);
	tcase_add_test(out_case, file_is_private_and_appended_to);
	tcase_add_test(out_case, outputs_that_cannot_be_opened_are_errors_and_leave_nothing);
	tcase_add_test(out_case, closing_gives_every_descriptor_back);
	suite_add_tcase(suite, out_case);

	tcase_add_checked_fixture(in_case, setup, teardown);
	tcase_set_timeout(in_case, 30);
	tcase_add_test(in_case,
		       a_script_on_standard_input_waits_for_the_guest_and_arrives_complete);
	tcase_add_test(in_case, a_script_on_standard_input_survives_the_start_of_linux);
	tcase_add_test(in_case, a_script_on_standard_input_reaches_a_guest_that_polls);
	tcase_add_test(in_case, a_regular_file_is_read_like_a_pipe);
	tcase_add_test(in_case,
		       a_guest_that_does_not_read_leaves_input_in_the_pipe_and_the_loop_asleep);
	tcase_add_test(in_case, keys_from_a_terminal_reach_a_guest_that_only_polls);
	tcase_add_test(in_case, escape_keys_help_and_quit);
	tcase_add_test(in_case, escape_keys_are_heard_when_the_guest_stops_reading);
	tcase_add_test(in_case, escape_keys_are_heard_in_loopback);
	tcase_add_test(in_case, keys_that_nobody_reads_are_dropped_and_the_bell_rings);
	tcase_add_test(in_case, escape_keys_may_come_in_pieces);
	suite_add_tcase(suite, in_case);

	tcase_add_checked_fixture(socket_case, setup, teardown);
	tcase_set_timeout(socket_case, 30);
	tcase_add_test(socket_case, a_client_gets_output_from_now_on_and_can_type);
	tcase_add_test(socket_case, one_client_at_a_time);
	tcase_add_test(socket_case, a_client_that_left_unread_input_makes_room_for_the_next);
	tcase_add_test(socket_case, a_client_that_has_no_more_to_say_still_listens);
	tcase_add_test(socket_case, a_client_that_does_not_read_never_holds_the_guest_up);
	tcase_add_test(socket_case, a_leftover_socket_is_replaced_and_nothing_else);
	tcase_add_test(socket_case, a_path_that_somebody_else_took_over_is_not_removed);
	suite_add_tcase(suite, socket_case);

	tcase_add_loop_test(panic_case, panic_lines_are_recognized, 0, 7);
	tcase_add_loop_test(panic_case, other_lines_are_not, 0, 9);
	tcase_add_test(panic_case, panic_lines_are_recognized_in_pieces_of_any_size);
	tcase_add_test(panic_case, a_panic_is_recent_for_16_KiB_and_the_last_one_counts);
	tcase_add_test(panic_case, endless_panic_text_is_cut);
	suite_add_tcase(suite, panic_case);

	return suite;
}
