// SPDX-License-Identifier: MIT
/*
 * The host's end of a network test: tells a guest (tests/guests/init/net.c) what traffic there is
 *to be, and says how it went.
 *
 *	net-peer ADDRESS PORT COMMAND...
 *
 *	pid:PID         the processor time of this process is told, too
 *	to-guest:N      N bytes, each of which is checked
 *	from-guest:N
 *	fast-to:N       N bytes that are not
 *	fast-from:N
 *	bounce:N        N bytes there and back, one after the other
 *	dialled:PORT    from here on over a connection that the guest makes to this port of ours
 *	end             the guest powers off
 *
 * Each prints a line: COMMAND us=TIME cpu_us=TIME wrong=WORDS. Exit status 1 when something is
 * wrong.
 */
#include "tests/guests/init/traffic.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static int pid;

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* User and system time of all threads of the process, as /proc has it, microseconds. */
static uint64_t cpu_us(void)
{
	unsigned long long user = 0, system = 0;
	char path[32], line[512];
	const char *at;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = pid ? fopen(path, "r") : NULL;
	if (!f)
		return 0;
	at = fgets(line, sizeof(line), f) ? strrchr(line, ')') : NULL;
	if (at)
		sscanf(at, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user,
		       &system);
	fclose(f);
	return (user + system) * 1000000 / (unsigned long long)sysconf(_SC_CLK_TCK);
}

static _Noreturn void fail(const char *what, int code)
{
	fprintf(stderr, "net-peer: %s: %s\n", what, strerror(code));
	exit(1);
}

static int no_delay(int fd)
{
	int one = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

static int dial(const char *ip, const char *port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	inet_pton(AF_INET, ip, &a.sin_addr);
	if (connect(fd, (const struct sockaddr *)&a, sizeof(a)) < 0)
		fail("connect", errno);
	return no_delay(fd);
}

static void command(int fd, enum traffic_op op, uint64_t amount, int check)
{
	struct traffic_command c = {.op = op, .check = (uint32_t)check, .amount = amount};
	int ret = traffic_write(fd, &c, sizeof(c));

	if (ret < 0)
		fail("command", -ret);
}

/* Has the guest dial us; commands go over that connection from now on. */
static int be_dialled(int fd, const char *port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int one = 1, other;

	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener, (const struct sockaddr *)&a, sizeof(a)) < 0 || listen(listener, 1) < 0)
		fail("listen", errno);
	command(fd, TRAFFIC_CONNECT, (uint64_t)atoi(port), 0);
	other = accept(listener, NULL, NULL);
	if (other < 0)
		fail("accept", errno);
	close(listener);
	return no_delay(other);
}

/* Returns the number of wrong words. */
static uint64_t transfer(int fd, const char *name, uint64_t amount)
{
	uint64_t began = now_us(), began_cpu = cpu_us(), wrong = 0, theirs = 0;
	int check = strncmp(name, "fast", 4) != 0;
	int ret;

	if (strcmp(name, "to-guest") == 0 || strcmp(name, "fast-to") == 0) {
		command(fd, TRAFFIC_SINK, amount, check);
		ret = traffic_send(fd, amount, check);
	} else if (strcmp(name, "from-guest") == 0 || strcmp(name, "fast-from") == 0) {
		command(fd, TRAFFIC_SOURCE, amount, check);
		ret = traffic_receive(fd, amount, check, &wrong);
	} else if (strcmp(name, "bounce") == 0) {
		command(fd, TRAFFIC_ECHO, amount, 0);
		ret = traffic_bounce(fd, amount);
	} else {
		ret = -EINVAL;
	}
	if (ret == 0)
		ret = traffic_read(fd, &theirs, sizeof(theirs));
	if (ret < 0)
		fail(name, -ret);
	printf("%s:%llu us=%llu cpu_us=%llu wrong=%llu\n", name, (unsigned long long)amount,
	       (unsigned long long)(now_us() - began), (unsigned long long)(cpu_us() - began_cpu),
	       (unsigned long long)(wrong + theirs));
	fflush(stdout);
	return wrong + theirs;
}

int main(int argc, char **argv)
{
	uint64_t wrong = 0;
	int fd;

	if (argc < 4)
		return 2;
	fd = dial(argv[1], argv[2]);
	for (int i = 3; i < argc; i++) {
		char *name = argv[i], *amount = strchr(name, ':');

		if (amount)
			*amount++ = '\0';
		if (strcmp(name, "pid") == 0 && amount)
			pid = atoi(amount);
		else if (strcmp(name, "dialled") == 0 && amount)
			fd = be_dialled(fd, amount);
		else if (strcmp(name, "end") == 0)
			command(fd, TRAFFIC_END, 0, 0);
		else if (amount)
			wrong += transfer(fd, name, strtoull(amount, NULL, 0));
		else
			return 2;
	}
	return wrong > 0;
}
