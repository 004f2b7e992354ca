// SPDX-License-Identifier: MIT
/*
 * The network device (virtio 1.2, section 5.1), with the host's network at its other end: it is
 * asked for its address (ARP, RFC 826), and has to echo what it is sent (ICMP, RFC 792).
 */
#include "tests/guests/cc/virtio.h"

#include <linux/virtio_net.h>

#define RX	  0
#define TX	  1
#define HDR	  sizeof(struct virtio_net_hdr_v1)
#define ETH	  14
#define IP	  20
#define ICMP	  8
#define ARP	  28
#define ECHO_SIZE 1000 /* bytes in each echo request */
#define ECHO_ID	  0x6d76

#define ETHERTYPE_IP  0x0800
#define ETHERTYPE_ARP 0x0806

static const uint8_t host_ip[4] = {10, 7, 0, 1}, our_ip[4] = {10, 7, 0, 2};
static uint8_t our_mac[6], host_mac[6];

/* A frame of ours, and one that came. */
static volatile uint8_t *const out = (volatile uint8_t *)BUFFER_PAGE + HDR;
static const volatile uint8_t *const in = (const volatile uint8_t *)RECEIVE_PAGE + HDR;

/* --- bytes ------------------------------------------------------------------------------------ */

static void put(volatile uint8_t *to, const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] = bytes[i];
}

static void put16(volatile uint8_t *to, unsigned int value)
{
	to[0] = (uint8_t)(value >> 8);
	to[1] = (uint8_t)value;
}

static unsigned int get16(const volatile uint8_t *from)
{
	return (unsigned int)from[0] << 8 | from[1];
}

static bool same(const volatile uint8_t *a, const uint8_t *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (a[i] != b[i])
			return false;
	return true;
}

/* RFC 1071; n is even */
static unsigned int checksum(const volatile uint8_t *bytes, size_t n)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i += 2)
		sum += get16(bytes + i);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (unsigned int)~sum & 0xffff;
}

/* --- frames ----------------------------------------------------------------------------------- */

static void start_frame(const uint8_t to[6], unsigned int ethertype)
{
	for (size_t i = 0; i < HDR; i++)
		((volatile uint8_t *)BUFFER_PAGE)[i] = 0;
	put(out, to, 6);
	put(out + 6, our_mac, 6);
	put16(out + 12, ethertype);
}

static int64_t send(size_t len)
{
	virtio_describe(TX, 0, BUFFER_PAGE, (uint32_t)(HDR + len), 0);
	virtio_offer(TX);
	return virtio_wait(TX);
}

/* The next frame of that type that is for us; the host sends others, too. */
static void receive(unsigned int ethertype)
{
	int64_t len;

	do {
		virtio_describe(RX, 0, RECEIVE_PAGE, GUEST_PAGE_SIZE, VRING_DESC_F_WRITE);
		virtio_offer(RX);
		len = virtio_wait(RX);
		if (len < (int64_t)(HDR + ETH))
			fail("%u bytes are no frame", (uint64_t)len);
	} while (get16(in + 12) != ethertype || !same(in, our_mac, 6));
}

/* --- the host's address ----------------------------------------------------------------------- */

static int64_t ask(void)
{
	static const uint8_t everybody[6] = {255, 255, 255, 255, 255, 255};
	static const uint8_t request[8] = {0, 1, ETHERTYPE_IP >> 8, 0, 6, 4, 0, 1};
	volatile uint8_t *arp = out + ETH;

	start_frame(everybody, ETHERTYPE_ARP);
	put(arp, request, 8);
	put(arp + 8, our_mac, 6);
	put(arp + 14, our_ip, 4);
	put(arp + 18, everybody, 6);
	put(arp + 24, host_ip, 4);
	return send(ETH + ARP);
}

static void find_host(void)
{
	const volatile uint8_t *arp = in + ETH;

	for (unsigned int i = 0; i < 6; i++)
		our_mac[i] = (uint8_t)(virtio_read(VIRTIO_MMIO_CONFIG + i / 4 * 4) >> i % 4 * 8);
	ask();
	do
		receive(ETHERTYPE_ARP);
	while (get16(arp + 6) != 2 || !same(arp + 14, host_ip, 4)); /* a reply, from there */
	for (unsigned int i = 0; i < 6; i++)
		host_mac[i] = arp[8 + i];
}

/* --- echoes ----------------------------------------------------------------------------------- */

static void send_echo(unsigned int number, uint64_t random)
{
	volatile uint8_t *ip = out + ETH, *icmp = ip + IP;

	start_frame(host_mac, ETHERTYPE_IP);
	for (size_t i = 0; i < IP + ICMP; i++)
		ip[i] = 0;
	ip[0] = 0x45; /* version, words of header */
	put16(ip + 2, IP + ICMP + ECHO_SIZE);
	ip[8] = 64; /* hops */
	ip[9] = 1;  /* ICMP */
	put(ip + 12, our_ip, 4);
	put(ip + 16, host_ip, 4);
	put16(ip + 10, checksum(ip, IP));
	icmp[0] = 8; /* echo request */
	put16(icmp + 4, ECHO_ID);
	put16(icmp + 6, number);
	for (size_t i = 0; i < ECHO_SIZE; i++)
		icmp[ICMP + i] = (uint8_t)random_next(&random);
	put16(icmp + 2, checksum(icmp, ICMP + ECHO_SIZE));
	send(ETH + IP + ICMP + ECHO_SIZE);
}

static void receive_echo(unsigned int number, uint64_t random)
{
	const volatile uint8_t *icmp = in + ETH + IP;

	do
		receive(ETHERTYPE_IP);
	while (in[ETH + 9] != 1 || get16(icmp + 4) != ECHO_ID);
	if (icmp[0] != 0 || get16(icmp + 6) != number)
		fail("echo %u: type %u, number %u", (uint64_t)number, (uint64_t)icmp[0],
		     (uint64_t)get16(icmp + 6));
	for (size_t i = 0; i < ECHO_SIZE; i++)
		if (icmp[ICMP + i] != (uint8_t)random_next(&random))
			fail("echo %u: byte %u is %x", (uint64_t)number, i,
			     (uint64_t)icmp[ICMP + i]);
}

static void works(uint64_t n)
{
	find_host();
	for (unsigned int i = 0; i < n; i++) {
		send_echo(i, i + 1);
		receive_echo(i, i + 1);
	}
}

const struct virtio_case virtio_net = {VIRTIO_ID_NET, 2, works, ask};
