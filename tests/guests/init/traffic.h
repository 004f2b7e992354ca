/* SPDX-License-Identifier: MIT */
/*
 * Traffic over a stream socket between a guest and the host, for tests and benchmarks: one end says
 * what to do, the other one does it. Each command is answered by eight bytes, the number of
 * eight-byte words that were not what they had to be.
 */
#ifndef MINIVMM_TESTS_GUESTS_TRAFFIC_H
#define MINIVMM_TESTS_GUESTS_TRAFFIC_H

#include <stdint.h>

enum traffic_op {
	TRAFFIC_SINK = 1, /* take `amount` bytes */
	TRAFFIC_SOURCE,	  /* give `amount` bytes */
	TRAFFIC_ECHO,	  /* give each of `amount` bytes back, one by one */
	TRAFFIC_CONNECT,  /* connect to port `amount` of the host and take commands there */
	TRAFFIC_END,	  /* power off */
};

struct traffic_command {
	uint32_t op;
	uint32_t check; /* the bytes are words that tell their place; else they do not matter */
	uint64_t amount;
};

/* Each returns 0 or a negative errno; -ECONNRESET at the end of the stream. */
int traffic_write(int fd, const void *bytes, uint64_t len);
int traffic_read(int fd, void *bytes, uint64_t len);

/* `amount` bytes one way; *wrong is the number of words that were received but not sent. */
int traffic_send(int fd, uint64_t amount, int check);
int traffic_receive(int fd, uint64_t amount, int check, uint64_t *wrong);

/* Gives `amount` bytes back, one by one; or sends them and waits for each. */
int traffic_echo(int fd, uint64_t amount);
int traffic_bounce(int fd, uint64_t amount);

/* Carries commands out until the stream ends (0) or it is to power off (1). `dial` makes a
 * connection to a port of the host. */
int traffic_serve(int fd, int (*dial)(unsigned int port));

#endif
