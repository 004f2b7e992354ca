/* SPDX-License-Identifier: MIT */
/*
 * Quotes for TDs: a client of the quote generation service that works on the VM's I/O loop, so that
 * no vCPU ever waits for it. A request comes from a vCPU's thread, is carried out by the I/O
 * thread over a connection of its own, and ends in the guest's buffer:
 *
 *	offset 0   u64  version, 1       by the guest
 *	       8   u64  status           by us, last of all
 *	      16   u32  length of the report
 *	      20   u32  length of the quote
 *	      24        report, then quote
 *
 * (Intel TDX Guest-Hypervisor Communication Interface, TDG.VP.VMCALL<GetQuote>). The service is
 * connected to for each request, so it may be started, stopped and replaced while guests run.
 */
#ifndef CC_QUOTE_H
#define CC_QUOTE_H

#include "mem/mem.h"
#include "vmm/base/endpoint.h"
#include "vmm/base/log.h"
#include "vmm/base/loop.h"

#include <linux/vm_sockets.h>
#include <sys/socket.h>
#include <sys/un.h>

/* The guest's buffer */
#define QUOTE_VERSION	  1
#define QUOTE_HEADER_SIZE 24
#define QUOTE_BUFFER_MAX  (128u << 10) /* what Linux guests have */

#define QUOTE_STATUS_DONE	 UINT64_C(0)
#define QUOTE_STATUS_IN_FLIGHT	 UINT64_C(0xffffffffffffffff)
#define QUOTE_STATUS_ERROR	 UINT64_C(0x8000000000000000)
#define QUOTE_STATUS_UNAVAILABLE UINT64_C(0x8000000000000001)

#define QUOTE_MAX_IN_FLIGHT 16
#define QUOTE_TIME_LIMIT_MS 30000 /* Linux guests poll for as long */

struct quote_address {
	union {
		struct sockaddr any;
		struct sockaddr_un unix_path;
		struct sockaddr_vm vsock;
	} u;
	socklen_t len;
};

/* `end` is a Unix socket or vsock. */
void quote_address_set(struct quote_address *address, const struct endpoint *end);

struct quote_service;

/*
 * Before the loop runs. `done` is called in the I/O thread after each request that has ended, well
 * or not. Everything given must outlive *service. On failure *service is NULL.
 */
int quote_create(struct quote_service **service, const struct quote_address *address,
		 const struct sys *sys, struct loop *loop, const struct guest_mem *mem,
		 const struct vmm_log *log, void (*done)(void *ctx), void *ctx,
		 struct vmm_error *err);

/* After the loop has ended; requests in flight are dropped. NULL is allowed. */
void quote_destroy(struct quote_service *service);

/* For tests: another limit than QUOTE_TIME_LIMIT_MS, before the loop runs. */
void quote_set_time_limit(struct quote_service *service, unsigned int ms);

/*
 * Asks for a quote of the report (copied), to be put into the guest's buffer of `size` bytes, at
 * most QUOTE_BUFFER_MAX, at the page-aligned `gpa`. Sets the buffer's status to IN_FLIGHT and
 * returns at once; any thread. -EBUSY: QUOTE_MAX_IN_FLIGHT requests are under way; -EFAULT or
 * -EACCES: the buffer is not shared memory; -ENOMEM.
 */
int quote_submit(struct quote_service *service, uint64_t gpa, uint32_t size, const uint8_t *report,
		 uint32_t report_len);

/* Sets the status of a buffer, and nothing else. The errors are those of mem_pin(). */
int quote_set_status(const struct guest_mem *mem, uint64_t gpa, uint64_t status);

#endif
