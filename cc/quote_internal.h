/* SPDX-License-Identifier: MIT */
/* What quote.c (the service) and quote_request.c (one request) share. */
#ifndef CC_QUOTE_INTERNAL_H
#define CC_QUOTE_INTERNAL_H

#include "cc/quote.h"
#include "cc/quote_frame.h"
#include "vmm/base/timer.h"

#include <pthread.h>
#include <stdbool.h>

enum request_state {
	FREE,
	SUBMITTED, /* by a vCPU, the I/O thread has not seen it */
	ACTIVE,	   /* the I/O thread's */
};

struct request {
	struct loop_source source; /* the connection; fd -1: none yet */
	struct quote_service *service;
	enum request_state state;
	uint64_t gpa;
	uint32_t size;
	uint64_t deadline_ms; /* CLOCK_MONOTONIC */

	bool connected;
	uint8_t *out;
	size_t out_len, sent;
	uint8_t length[QUOTE_LENGTH_SIZE]; /* that stands before the answer */
	uint8_t *in;			   /* the answer; NULL until its length is known */
	size_t in_len, received;	   /* received: with the length before it */
};

struct quote_service {
	struct quote_address address;
	const struct sys *sys;
	struct loop *loop;
	const struct guest_mem *mem;
	const struct vmm_log *log;
	void (*done)(void *ctx);
	void *ctx;
	unsigned int limit_ms;

	struct loop_source wake; /* eventfd: a request was submitted */
	struct timer tick;	 /* set while a request is active */
	bool ticking;
	struct vmm_log_limit failures;

	pthread_mutex_t lock; /* for the states, and for requests that are not ACTIVE */
	struct request request[QUOTE_MAX_IN_FLIGHT];
};

/* --- quote_request.c: the I/O thread's, for ACTIVE requests ------------------------------------
 */

/* Connects; called again while there is no connection (source.fd is -1). May end the request. */
void quote_request_start(struct request *r);

/* For loop_source.ready: goes on as far as it can without waiting. May end the request. */
void quote_request_ready(struct loop_source *source, uint32_t events);

/* Ends a request that got no quote: `status` for the guest, a sentence for the log. */
void quote_request_fail(struct request *r, uint64_t status, const char *why);

/* Frees what a request has and makes it FREE; also for requests that are FREE. */
void quote_request_release(struct request *r);

#endif
