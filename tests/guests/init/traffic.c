// SPDX-License-Identifier: MIT
#include "tests/guests/init/traffic.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define PIECE (128 << 10)

int traffic_write(int fd, const void *bytes, uint64_t len)
{
	const char *at = bytes;

	while (len > 0) {
		ssize_t n = send(fd, at, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		at += n;
		len -= (uint64_t)n;
	}
	return 0;
}

int traffic_read(int fd, void *bytes, uint64_t len)
{
	char *at = bytes;

	while (len > 0) {
		ssize_t n = recv(fd, at, len, MSG_WAITALL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -ECONNRESET;
		at += n;
		len -= (uint64_t)n;
	}
	return 0;
}

/* Differs for every word of a stream, in all of its bytes. */
static uint64_t word(uint64_t index)
{
	return (index + 1) * 0x9e3779b97f4a7c15;
}

int traffic_send(int fd, uint64_t amount, int check)
{
	static uint64_t piece[PIECE / 8];
	uint64_t index = 0;

	while (amount > 0) {
		uint64_t len = amount < PIECE ? amount : PIECE;
		int ret;

		for (uint64_t i = 0; check && i < PIECE / 8; i++)
			piece[i] = word(index++);
		ret = traffic_write(fd, piece, len);
		if (ret < 0)
			return ret;
		amount -= len;
	}
	return 0;
}

int traffic_receive(int fd, uint64_t amount, int check, uint64_t *wrong)
{
	static uint64_t piece[PIECE / 8];
	uint64_t index = 0;

	*wrong = 0;
	while (amount > 0) {
		uint64_t len = amount < PIECE ? amount : PIECE;
		int ret = traffic_read(fd, piece, len);

		if (ret < 0)
			return ret;
		for (uint64_t i = 0; check && i < len / 8; i++)
			*wrong += piece[i] != word(index++);
		amount -= len;
	}
	return 0;
}

int traffic_echo(int fd, uint64_t amount)
{
	int ret = 0;
	char byte;

	while (amount-- > 0 && ret == 0) {
		ret = traffic_read(fd, &byte, 1);
		if (ret == 0)
			ret = traffic_write(fd, &byte, 1);
	}
	return ret;
}

int traffic_bounce(int fd, uint64_t amount)
{
	char byte = 0, back;
	int ret = 0;

	for (; amount > 0 && ret == 0; amount--, byte++) {
		ret = traffic_write(fd, &byte, 1);
		if (ret == 0)
			ret = traffic_read(fd, &back, 1);
		if (ret == 0 && back != byte)
			ret = -EBADMSG;
	}
	return ret;
}

int traffic_serve(int fd, int (*dial)(unsigned int port))
{
	struct traffic_command command;
	uint64_t wrong;

	while (traffic_read(fd, &command, sizeof(command)) == 0) {
		int check = command.check != 0, ret = 0, other;

		wrong = 0;
		switch (command.op) {
		case TRAFFIC_SINK:
			ret = traffic_receive(fd, command.amount, check, &wrong);
			break;
		case TRAFFIC_SOURCE:
			ret = traffic_send(fd, command.amount, check);
			break;
		case TRAFFIC_ECHO:
			ret = traffic_echo(fd, command.amount);
			break;
		case TRAFFIC_CONNECT:
			other = dial((unsigned int)command.amount);
			ret = other < 0 ? other : traffic_serve(other, dial);
			if (other >= 0)
				close(other);
			if (ret == 1)
				return 1;
			break;
		case TRAFFIC_END:
			return 1;
		default:
			return -EPROTO;
		}
		if (ret < 0 || traffic_write(fd, &wrong, sizeof(wrong)) < 0)
			return ret;
	}
	return 0;
}
