/* SPDX-License-Identifier: MIT */
/*
 * A virtual machine: `struct minivmm` of the public interface, and the parts it is made of. The
 * order of construction is that of the members; destruction goes the other way and accepts a
 * machine that was only half built.
 *
 *	vm.c         what every part of it may do: end it, mark a time
 *	machine.c    create, load, launch, destroy; kvm_setup.c the VM before memory and vCPUs
 *	lifecycle.c  run, stop, wait: threads and the end of a VM
 *	platform.c   which devices there are, and where they stand: the one place to add one
 *	vcpu.c       a vCPU's thread; exit.c, exit_cc.c, exit_snp.c, exit_tdx.c what its exits mean
 *	vmm/x86/     what a vCPU looks like before its first instruction
 */
#ifndef VMM_MACHINE_VM_H
#define VMM_MACHINE_VM_H

#include "boot/boot.h"
#include "cc/launch.h"
#include "cc/snp_certs.h"
#include "cc/tech.h"
#include "mem/mem.h"
#include "mem/plan.h"
#include "vmm/base/log.h"
#include "vmm/base/loop.h"
#include "vmm/config/config.h"
#include "vmm/dev/bus.h"
#include "vmm/kvm/kvm.h"
#include "vmm/minivmm.h"

#include <pthread.h>
#include <stdatomic.h>

struct exit_ports;
struct io_thread;
struct platform;

struct vcpu {
	struct minivmm *vm;
	struct kvm_vcpu kvm;
	uint32_t id; /* also the APIC id */
	pthread_t thread;
	bool started;	     /* thread exists and has not been joined */
	uint64_t fault_gpa;  /* of the last KVM_EXIT_MEMORY_FAULT, see exit_cc.c */
	uint64_t fault_exit; /* exits when it came, and interruptions since */
	unsigned int same_faults;
	unsigned int agains;	/* EAGAIN of KVM_RUN, in a row */
	struct snp_certs certs; /* that the guest has just been given, see exit_snp.c */
	_Atomic uint64_t exits; /* written by the own thread only */
};

#define IO_THREADS_MAX 16

struct io_threads {
	struct io_thread *thread;
	struct loop *loops[IO_THREADS_MAX]; /* the first is vm->loop */
	size_t nloops;
};

/* What a request to end the VM was; the first one wins. And what is left of the VM's threads. */
struct vm_end {
	pthread_mutex_t lock;
	pthread_cond_t threads_over; /* of CLOCK_MONOTONIC: `live` is 0 */
	unsigned int running;	     /* threads that are in the VM */
	unsigned int live;	     /* those, and the last one while it writes out what is left */
	void (*flush)(struct platform *platform); /* what the last of them does */
	enum minivmm_end how;
	char text[VMM_ERROR_TEXT];
};

/* Lines that the guest can cause, see vmm/base/log.h. Devices have limits of their own. */
struct machine_limits {
	struct vmm_log_limit refusals; /* of requests to convert pages */
	struct vmm_log_limit certs;    /* requests for certificates that cannot be had */
	struct vmm_log_limit panics;   /* that a crash kernel takes over */
	struct vmm_log_limit touches;  /* conversions by an access of the other kind */
	struct vmm_log_limit debug_port, firmware;
};

struct minivmm {
	const struct sys *sys;
	const struct vmm_config *config;
	struct vmm_log log;
	struct vmm_log_limits log_limits; /* where lines were left out */
	struct machine_limits limits;
	_Atomic uint64_t mark_ns[MINIVMM_MARKS];

	struct kvm_system kvm;
	struct cc_config cc;
	struct boot *boot; /* what is started; the guest's firmware asks for parts of it */
	struct kvm_vm kvm_vm;
	struct guest_mem mem;
	struct cc_launch launch;
	struct load_plan *plan;
	bool loaded; /* the plan is complete */

	struct bus pio;	  /* I/O ports */
	struct bus mmio;  /* device memory */
	struct loop loop; /* of the first I/O thread */
	struct io_threads io;
	struct quote_service *quote;   /* tdx with a quoting service, else NULL */
	_Atomic uint64_t tdx_notify;   /* see exit_tdx.c */
	struct exit_ports *port_exits; /* NULL: not counted */
	struct platform *platform;

	struct kvm_cpuid2 *cpuid; /* what all vCPUs have in common */
	struct vcpu *vcpu;
	uint32_t nvcpus; /* how many of them exist */

	/* life cycle */
	struct vm_end end;
	int end_fd;  /* eventfd: readable when the VM is over, never read */
	int stop_fd; /* eventfd: minivmm_stop() wakes the first I/O thread */
	struct loop_source stop_source;
	_Atomic int stop_request; /* 1 + enum minivmm_stop of the strongest request */
	atomic_bool stopping;	  /* vCPU threads leave their loops; mem_check_stop() */
	atomic_bool ran;	  /* minivmm_run() was called */
};

/* The first of a kind counts: when that was, on CLOCK_MONOTONIC. */
void machine_mark(struct minivmm *vm, enum minivmm_mark mark);

/*
 * Ends the VM: the first call decides how; later ones change nothing. `text` may be NULL. Any
 * thread, also vCPU threads; returns at once, the threads end on their own.
 */
void machine_end(struct minivmm *vm, enum minivmm_end how, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* What makes a vCPU leave the guest: see vcpu.c. */
#define VCPU_KICK_SIGNAL SIGUSR1

/* A thread of the VM begins: end.lock is held, and the thread will not come to its end before it is
 * free. As the last thing that thread calls machine_thread_over(). */
void machine_thread_begins(struct minivmm *vm);
void machine_thread_over(struct minivmm *vm);

#endif
