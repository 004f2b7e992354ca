// SPDX-License-Identifier: MIT
/*
 * The guest's end of the vsock tests; tests/rig/vsock_peer.py is the host's. Whoever answers gives
 * each byte back inverted, after the stream has ended.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/vm_sockets.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/guests/init/init.h"

#define ANSWERS	   1000 /* of the host: answers */
#define SILENT	   1001 /* of the host: accepts and never reads */
#define NOBODY	   1002
#define GUEST_PORT 2000
#define TAKES	   3000 /* of the host: reads as fast as it can */
#define GIVES	   3001 /* of the host: writes as fast as it can */
#define TOGETHER   200	/* connections open at the same time */
#define LONGEST	   20000

static struct sockaddr_vm address(unsigned int cid, unsigned int port)
{
	return (struct sockaddr_vm){.svm_family = AF_VSOCK, .svm_cid = cid, .svm_port = port};
}

static int connect_to(unsigned int port)
{
	struct sockaddr_vm addr = address(VMADDR_CID_HOST, port);
	int fd = socket(AF_VSOCK, SOCK_STREAM, 0);

	if (fd >= 0 && connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -errno;
}

static size_t length_of(unsigned int n)
{
	return 1 + n * 7919 % LONGEST;
}

static unsigned char byte_of(unsigned int n, size_t at)
{
	return (unsigned char)((at + n * 31) * 2654435761u >> 11);
}

static int send_all(int fd, const unsigned char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);

		if (n < 0)
			return -errno;
		bytes += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Bytes until the stream ends, or a negative errno. */
static ssize_t read_all(int fd, unsigned char *bytes, size_t size)
{
	size_t len = 0;
	ssize_t n;

	while (len < size && (n = read(fd, bytes + len, size - len)) != 0) {
		if (n < 0)
			return -errno;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

static int ask(int fd, unsigned int n)
{
	static unsigned char bytes[LONGEST];
	size_t len = length_of(n);

	for (size_t i = 0; i < len; i++)
		bytes[i] = byte_of(n, i);
	if (send_all(fd, bytes, len) < 0)
		return -1;
	return shutdown(fd, SHUT_WR);
}

static int check_answer(int fd, unsigned int n)
{
	static unsigned char bytes[LONGEST + 1];
	size_t len = length_of(n);

	if (read_all(fd, bytes, sizeof(bytes)) != (ssize_t)len)
		return -1;
	for (size_t i = 0; i < len; i++)
		if (bytes[i] != (unsigned char)~byte_of(n, i))
			return -1;
	return 0;
}

static void call_host(unsigned int total)
{
	int fd[TOGETHER];
	unsigned int good = 0;

	for (unsigned int first = 0; first < total; first += TOGETHER) {
		unsigned int count = total - first < TOGETHER ? total - first : TOGETHER;

		for (unsigned int i = 0; i < count; i++) {
			fd[i] = connect_to(ANSWERS);
			if (fd[i] < 0 || ask(fd[i], first + i) < 0)
				printf("GUEST vsock call %u: %s\n", first + i, strerror(errno));
		}
		for (unsigned int i = 0; i < count; i++) {
			good += fd[i] >= 0 && check_answer(fd[i], first + i) == 0;
			if (fd[i] >= 0)
				close(fd[i]);
		}
	}
	printf("GUEST vsock called=%u good=%u\n", total, good);
}

static void answer_host(unsigned int total)
{
	struct sockaddr_vm addr = address(VMADDR_CID_ANY, GUEST_PORT);
	static unsigned char bytes[LONGEST + 1];
	int listener = socket(AF_VSOCK, SOCK_STREAM, 0);

	if (bind(listener, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
	    listen(listener, TOGETHER) < 0) {
		printf("GUEST vsock listen: %s\n", strerror(errno));
		return;
	}
	printf("GUEST vsock listens\n");
	for (unsigned int i = 0; i < total; i++) {
		int fd = accept(listener, NULL, NULL);
		ssize_t len = fd >= 0 ? read_all(fd, bytes, sizeof(bytes)) : -1;

		for (ssize_t at = 0; at < len; at++)
			bytes[at] = (unsigned char)~bytes[at];
		if (len < 0 || send_all(fd, bytes, (size_t)len) < 0)
			printf("GUEST vsock answer %u: %s\n", i, strerror(errno));
		if (fd >= 0)
			close(fd);
	}
	close(listener);
	printf("GUEST vsock answered=%u\n", total);
}

/* What a program that never reads takes from us, while others are served. */
static void fill_silent(void)
{
	static unsigned char bytes[65536];
	int fd = connect_to(SILENT), other = -1;
	size_t taken = 0;
	ssize_t n;

	if (fd < 0) {
		printf("GUEST vsock silent: %s\n", strerror(-fd));
		return;
	}
	for (int quiet = 0; quiet < 20; quiet++) {
		while ((n = send(fd, bytes, sizeof(bytes), MSG_DONTWAIT | MSG_NOSIGNAL)) > 0)
			taken += (size_t)n;
		usleep(10000);
	}
	other = connect_to(ANSWERS);
	printf("GUEST vsock silent took=%zu others=%s\n", taken,
	       other >= 0 && ask(other, 1) == 0 && check_answer(other, 1) == 0 ? "served"
									       : "stalled");
	close(other);
	close(fd);
}

/* MIB in each direction as fast as it goes, and 1 MiB before, which is not measured. */
static void rush(unsigned int mib)
{
	static unsigned char bytes[65536];
	int out = connect_to(TAKES), in;

	for (unsigned int i = 0; out >= 0 && i < mib * 16; i++)
		if (send_all(out, bytes, sizeof(bytes)) < 0)
			break;
	shutdown(out, SHUT_WR);
	while (read(out, bytes, sizeof(bytes)) > 0)
		;
	close(out);
	in = connect_to(GIVES);
	while (read(in, bytes, sizeof(bytes)) > 0)
		;
	close(in);
}

void bench_vsock(void)
{
	const char *mib = getenv("mib");

	rush(1);
	rush(mib ? (unsigned int)atoi(mib) : 1);
	puts("GUEST vsock rushed");
}

void test_vsock(void)
{
	const char *number = getenv("vsock");
	unsigned int total = number ? (unsigned int)atoi(number) : 1;
	int refused;

	load_modules("/modules", "virtio-");
	refused = connect_to(NOBODY);
	printf("GUEST vsock nobody: %s\n", refused < 0 ? strerrorname_np(-refused) : "connected");
	call_host(total);
	fill_silent();
	answer_host(total);
}
