/* SPDX-License-Identifier: MIT */
/*
 * What a modelled vCPU does in KVM_RUN: a list of steps, each of them one exit as KVM reports it,
 * or a wait. What the program answers to a read is checked when the guest goes on, in the next
 * KVM_RUN.
 */
#ifndef TESTS_MOCK_SCRIPT_H
#define TESTS_MOCK_SCRIPT_H

#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>

struct model;

enum model_step_kind {
	STEP_HALT,	     /* for ever: each KVM_RUN returns only for a signal */
	STEP_IO,	     /* in or out; `count` > 1: a string instruction */
	STEP_MMIO,	     /* load or store where no memory slot is */
	STEP_EXIT,	     /* an exit without particulars: KVM_EXIT_SHUTDOWN, KVM_EXIT_HLT, ... */
	STEP_FAIL_ENTRY,     /* value: hardware reason */
	STEP_INTERNAL_ERROR, /* value: suberror */
	STEP_SYSTEM_EVENT,   /* addr: type, value: data[0] */
	STEP_RETURN,	     /* KVM_RUN returns -value */
	STEP_WAIT_KICK,	     /* until a signal ends this KVM_RUN */
	STEP_WAIT_IRQ,	     /* until line `addr` was raised once more */
	STEP_CALL,	     /* runs `call`, then goes on */
	STEP_HYPERCALL,	     /* MAP_GPA_RANGE of `value` pages from `addr`; `arg`: attributes */
	STEP_MEMORY_FAULT,   /* at `addr`, `arg` bytes, flags `value`; `count` times */
	STEP_TOUCH,	     /* access to RAM, `value` 1: private: faults until the page is so */
};

struct model_step {
	enum model_step_kind kind;
	uint32_t reason; /* STEP_EXIT: KVM_EXIT_* */
	uint64_t addr;	 /* port, guest address, ... */
	uint64_t value;	 /* written, or expected to be read */
	uint64_t arg;
	uint64_t ret;  /* STEP_HYPERCALL: what the program is to answer */
	uint8_t size;  /* bytes of one access */
	uint8_t count; /* STEP_IO: accesses in one exit; 0 counts as 1; all have `value` */
	bool write;
	bool any; /* a read may give anything, a hypercall be refused */
	void (*call)(struct model *m, void *ctx);
	void *ctx;
};

/* clang-format off */
#define OUT(port, bytes, v)	{.kind = STEP_IO, .addr = (port), .size = (bytes), .value = (v), .write = true}
#define OUTS(port, bytes, v, n)	{.kind = STEP_IO, .addr = (port), .size = (bytes), .value = (v), .write = true, .count = (n)}
#define IN(port, bytes, v)	{.kind = STEP_IO, .addr = (port), .size = (bytes), .value = (v)}
#define IN_ANY(port, bytes)	{.kind = STEP_IO, .addr = (port), .size = (bytes), .any = true}
#define STORE(gpa, bytes, v)	{.kind = STEP_MMIO, .addr = (gpa), .size = (bytes), .value = (v), .write = true}
#define LOAD(gpa, bytes, v)	{.kind = STEP_MMIO, .addr = (gpa), .size = (bytes), .value = (v)}
#define EXIT(r)			{.kind = STEP_EXIT, .reason = (r)}
#define FAIL_ENTRY(r)		{.kind = STEP_FAIL_ENTRY, .value = (r)}
#define INTERNAL_ERROR(sub)	{.kind = STEP_INTERNAL_ERROR, .value = (sub)}
#define SYSTEM_EVENT(type, v)	{.kind = STEP_SYSTEM_EVENT, .addr = (type), .value = (v)}
#define RETURN(code)		{.kind = STEP_RETURN, .value = (code)}
#define WAIT_KICK()		{.kind = STEP_WAIT_KICK}
#define WAIT_IRQ(gsi)		{.kind = STEP_WAIT_IRQ, .addr = (gsi)}
#define CALL(fn, c)		{.kind = STEP_CALL, .call = (fn), .ctx = (c)}
#define HALT()			{.kind = STEP_HALT}
#define TO_SHARED(gpa, n)	{.kind = STEP_HYPERCALL, .addr = (gpa), .value = (n)}
#define TO_PRIVATE(gpa, n)	{.kind = STEP_HYPERCALL, .addr = (gpa), .value = (n), .arg = 16}
#define MAP_GPA(gpa, n, a, r)	{.kind = STEP_HYPERCALL, .addr = (gpa), .value = (n), .arg = (a), .ret = (r)}
#define MAP_GPA_ANY(gpa, n, a)	{.kind = STEP_HYPERCALL, .addr = (gpa), .value = (n), .arg = (a), .any = true}
#define MEMORY_FAULT(gpa, len, flags, times)	{.kind = STEP_MEMORY_FAULT, .addr = (gpa), .arg = (len), .value = (flags), .count = (times)}
#define TOUCH_SHARED(gpa)	{.kind = STEP_TOUCH, .addr = (gpa)}
#define TOUCH_PRIVATE(gpa)	{.kind = STEP_TOUCH, .addr = (gpa), .value = 1}
/* clang-format on */

#endif
