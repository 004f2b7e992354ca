// SPDX-License-Identifier: MIT
/* A guest at the network: eth0 gets the address net_ip= of the kernel's command line, and whoever
 * connects to port 5001 says what traffic there is to be; the host is at net_host=. */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/guests/init/init.h"
#include "tests/guests/init/traffic.h"

#define PORT 5001

static struct sockaddr_in address(const char *ip, unsigned int port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

	inet_pton(AF_INET, ip, &a.sin_addr);
	return a;
}

static int request(int fd, unsigned long op, struct ifreq *ifr, const char *what)
{
	int ret = ioctl(fd, op, ifr);

	if (ret < 0)
		printf("GUEST eth0: %s: %s\n", what, strerror(errno));
	return ret;
}

/* eth0 with an address of a network of 24 bits; says what it is like. */
static int bring_up(const char *ip)
{
	struct sockaddr_in a = address(ip, 0), mask = address("255.255.255.0", 0);
	struct ifreq ifr = {.ifr_name = "eth0"};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int ret;

	memcpy(&ifr.ifr_addr, &a, sizeof(a));
	ret = request(fd, SIOCSIFADDR, &ifr, "address");
	memcpy(&ifr.ifr_netmask, &mask, sizeof(mask));
	if (ret == 0)
		ret = request(fd, SIOCSIFNETMASK, &ifr, "netmask");
	ifr.ifr_flags = IFF_UP | IFF_RUNNING;
	if (ret == 0)
		ret = request(fd, SIOCSIFFLAGS, &ifr, "up");
	if (ret == 0)
		ret = request(fd, SIOCGIFMTU, &ifr, "mtu");
	printf("GUEST net mtu=%d", ifr.ifr_mtu);
	if (ret == 0)
		ret = request(fd, SIOCGIFHWADDR, &ifr, "hardware address");
	for (int i = 0; i < 6; i++)
		printf("%s%02x", i ? ":" : " mac=", (unsigned char)ifr.ifr_hwaddr.sa_data[i]);
	putchar('\n');
	close(fd);
	return ret;
}

static int no_delay(int fd)
{
	int one = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

static int dial(unsigned int port)
{
	const char *host = getenv("net_host");
	struct sockaddr_in a = address(host ? host : "", port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int ret;

	if (connect(fd, (const struct sockaddr *)&a, sizeof(a)) == 0)
		return no_delay(fd);
	ret = -errno;
	printf("GUEST net_host=%s port %u: %s\n", host ? host : "", port, strerror(-ret));
	close(fd);
	return ret;
}

void serve_network(void)
{
	struct sockaddr_in a = address("0.0.0.0", PORT);
	const char *ip = getenv("net_ip");
	int one = 1, listener, fd, ret = 0;

	load_modules("/modules", "virtio-");
	if (!ip || bring_up(ip) < 0)
		return;
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener, (const struct sockaddr *)&a, sizeof(a)) < 0 || listen(listener, 4) < 0)
		printf("GUEST port %d: %s\n", PORT, strerror(errno));
	puts("GUEST net is up");
	while (ret != 1) {
		fd = accept(listener, NULL, NULL);
		if (fd < 0)
			return;
		ret = traffic_serve(no_delay(fd), dial);
		close(fd);
	}
	puts("GUEST net is done");
}
