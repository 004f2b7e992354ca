// SPDX-License-Identifier: MIT
/* One request: connect, send the report, receive the answer, put the quote into the guest's buffer.
 */
#include "cc/quote_internal.h"
#include "vmm/base/bytes.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
	AT_STATUS = 8,
	AT_OUT_LEN = 20,
};

/* The guest polls the status: what was written before it must be there when it changes. */
static void store_status(void *buffer, uint64_t status)
{
	__atomic_store_n((uint64_t *)((char *)buffer + AT_STATUS), htole64(status),
			 __ATOMIC_RELEASE);
}

int quote_set_status(const struct guest_mem *mem, uint64_t gpa, uint64_t status)
{
	struct mem_pin pin;
	int ret = mem_pin(mem, gpa, QUOTE_HEADER_SIZE, MEM_FOR_WRITING, "GetQuote", &pin);

	if (ret < 0)
		return ret;
	store_status(pin.ptr, status);
	mem_unpin(&pin);
	return 0;
}

static int put_quote(const struct request *r, const uint8_t *quote, uint32_t len)
{
	struct mem_pin pin;
	int ret = mem_pin(r->service->mem, r->gpa, (size_t)QUOTE_HEADER_SIZE + len, MEM_FOR_WRITING,
			  "GetQuote", &pin);

	if (ret < 0)
		return ret;
	put_le32((uint8_t *)pin.ptr + AT_OUT_LEN, len);
	memcpy((uint8_t *)pin.ptr + QUOTE_HEADER_SIZE, quote, len);
	store_status(pin.ptr, QUOTE_STATUS_DONE);
	mem_unpin(&pin);
	return 0;
}

static void disconnect(struct request *r)
{
	if (r->source.fd < 0)
		return;
	loop_remove(r->service->loop, &r->source);
	close(r->source.fd);
	r->source.fd = -1;
}

void quote_request_release(struct request *r)
{
	struct quote_service *service = r->service;

	disconnect(r);
	free(r->out);
	free(r->in);
	pthread_mutex_lock(&service->lock);
	*r = (struct request){.service = service, .source = {.fd = -1}, .state = FREE};
	pthread_mutex_unlock(&service->lock);
}

void quote_request_fail(struct request *r, uint64_t status, const char *why)
{
	struct quote_service *service = r->service;

	vmm_log_limited(service->log, &service->failures, VMM_LOG_WARN,
			"no quote for the TD: the quoting service: %s", why);
	/* the guest may have taken its buffer away meanwhile: then there is nobody to tell */
	quote_set_status(service->mem, r->gpa, status);
	quote_request_release(r);
	service->done(service->ctx);
}

static void fail_errno(struct request *r, int code, const char *what)
{
	struct vmm_error err;

	vmm_error_errno(&err, code, "%s", what);
	quote_request_fail(r, QUOTE_STATUS_UNAVAILABLE, err.text);
}

static void finish(struct request *r)
{
	struct quote_service *service = r->service;
	const uint8_t *quote;
	struct vmm_error err;
	uint32_t len;
	int ret;

	if (quote_response_decode(r->in, r->in_len, &quote, &len, &err) < 0) {
		quote_request_fail(r, QUOTE_STATUS_ERROR, err.text);
		return;
	}
	ret = put_quote(r, quote, len);
	if (ret < 0) {
		quote_request_fail(r, QUOTE_STATUS_ERROR,
				   "it answered, but the buffer is not shared any more");
		return;
	}
	quote_request_release(r);
	service->done(service->ctx);
}

/* The answer's length is there: may it be? */
static int prepare_answer(struct request *r)
{
	size_t len = quote_length_decode(r->length);

	if (len < QUOTE_MESSAGE_FIXED || len > QUOTE_MESSAGE_FIXED + r->size - QUOTE_HEADER_SIZE) {
		quote_request_fail(r, QUOTE_STATUS_ERROR,
				   "its answer does not fit the guest's buffer");
		return -EPROTO;
	}
	r->in = malloc(len);
	if (!r->in) {
		fail_errno(r, -ENOMEM, "unable to read its answer");
		return -ENOMEM;
	}
	r->in_len = len;
	return 0;
}

static void receive(struct request *r)
{
	while (!r->in || r->received < QUOTE_LENGTH_SIZE + r->in_len) {
		uint8_t *to =
			r->in ? r->in + (r->received - QUOTE_LENGTH_SIZE) : r->length + r->received;
		size_t want =
			(r->in ? r->in_len + QUOTE_LENGTH_SIZE : QUOTE_LENGTH_SIZE) - r->received;
		ssize_t n = recv(r->source.fd, to, want, 0);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n < 0) {
			fail_errno(r, -errno, "unable to read its answer");
			return;
		}
		if (n == 0) {
			quote_request_fail(r, QUOTE_STATUS_UNAVAILABLE,
					   "it hung up before its answer was whole");
			return;
		}
		r->received += (size_t)n;
		if (!r->in && r->received == QUOTE_LENGTH_SIZE && prepare_answer(r) < 0)
			return;
	}
	finish(r);
}

/* True when all has been sent, false when the request waits, or has ended. */
static bool send_all(struct request *r)
{
	while (r->sent < r->out_len) {
		ssize_t n =
			send(r->source.fd, r->out + r->sent, r->out_len - r->sent, MSG_NOSIGNAL);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return false;
		if (n < 0) {
			fail_errno(r, -errno, "unable to send the report");
			return false;
		}
		r->sent += (size_t)n;
	}
	return true;
}

void quote_request_ready(struct loop_source *source, uint32_t events)
{
	struct request *r = (struct request *)source;
	socklen_t len = sizeof(int);
	int code = 0;

	(void)events; /* the calls below find out what happened */
	if (!r->connected) {
		if (getsockopt(r->source.fd, SOL_SOCKET, SO_ERROR, &code, &len) < 0)
			code = errno;
		if (code) {
			fail_errno(r, -code, "unable to connect");
			return;
		}
		r->connected = true;
	}
	if (r->sent < r->out_len) {
		if (!send_all(r))
			return;
		loop_modify(r->service->loop, &r->source, EPOLLIN);
	}
	receive(r);
}

void quote_request_start(struct request *r)
{
	const struct quote_address *address = &r->service->address;
	struct vmm_error err;
	int fd = socket(address->u.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0) {
		fail_errno(r, -errno, "unable to create a socket");
		return;
	}
	if (connect(fd, &address->u.any, address->len) < 0 && errno != EINPROGRESS) {
		int code = -errno;

		close(fd);
		/* the queue of a Unix socket is full: the next tick tries again */
		if (code != -EAGAIN)
			fail_errno(r, code, "unable to connect");
		return;
	}
	r->source.fd = fd;
	if (loop_add(r->service->loop, &r->source, EPOLLOUT, &err) < 0) {
		close(fd);
		r->source.fd = -1;
		quote_request_fail(r, QUOTE_STATUS_UNAVAILABLE, err.text);
	}
}
