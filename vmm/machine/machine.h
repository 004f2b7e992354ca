/* SPDX-License-Identifier: MIT */
/*
 * A virtual machine: `struct minivmm` of the public interface, and the parts it is made of. The
 * order of construction is that of the members; destruction goes the other way and accepts a
 * machine that was only half built.
 *
 *	machine.c    create, load, launch, destroy; kvm_setup.c the VM before memory and vCPUs
 *	lifecycle.c  run, stop, wait: threads and the end of a VM
 *	platform.c   which devices there are, and where they stand: the one place to add one
 *	vcpu.c       a vCPU's thread; exit.c, exit_cc.c, exit_snp.c, exit_tdx.c what its exits mean
 *	attest.c     the expected measurement; quote.c quotes for TDs
 *	cpuid.c, cpu_state.c  what a vCPU looks like before its first instruction
 */
#ifndef VMM_MACHINE_MACHINE_H
#define VMM_MACHINE_MACHINE_H

#include "boot/boot.h"
#include "cc/launch.h"
#include "cc/snp_certs.h"
#include "mem/mem.h"
#include "mem/plan.h"
#include "vmm/base/log.h"
#include "vmm/base/loop.h"
#include "vmm/config/config.h"
#include "vmm/dev/bus.h"
#include "vmm/kvm/kvm.h"
#include "vmm/machine/cc_setup.h"
#include "vmm/machine/exit_ports.h"
#include "vmm/machine/io_threads.h"
#include "vmm/machine/platform.h"
#include "vmm/minivmm.h"

#include <pthread.h>
#include <stdatomic.h>

struct minivmm;

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

/* What a request to end the VM was; the first one wins. And what is left of the VM's threads. */
struct vm_end {
	pthread_mutex_t lock;
	pthread_cond_t threads_over; /* of CLOCK_MONOTONIC: `live` is 0 */
	unsigned int running;	     /* threads that are in the VM */
	unsigned int live;	     /* those, and the last one while it writes out what is left */
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
	struct vmm_log_limit routes; /* of an I/O APIC */
};

struct minivmm {
	const struct sys *sys;
	const struct vmm_config *config;
	struct vmm_log log;
	struct vmm_log_limits log_limits; /* where lines were left out */
	struct machine_limits limits;
	_Atomic uint64_t mark_ns[MINIVMM_MARKS];

	struct kvm_system kvm;
	struct cc_setup cc;
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
	int end_fd;  /* eventfd: readable when the VM is over */
	int stop_fd; /* eventfd: minivmm_stop() wakes the I/O thread */
	struct loop_source stop_source;
	_Atomic int stop_request; /* 1 + enum minivmm_stop of the strongest request */
	atomic_bool stopping;	  /* vCPU threads leave their loops; mem_check_stop() */
	pthread_t io_thread;
	bool io_started;
	atomic_bool ran; /* minivmm_run() was called */
};

/* --- machine.c -------------------------------------------------------------------------------- */

/* minivmm_create() over any system calls: tests put the KVM model here. */
int machine_create(struct minivmm **vm, const struct vmm_config *config, const struct sys *sys,
		   const struct vmm_log *log, struct vmm_error *err);

/* The loader's view of a configuration; strings are the configuration's. */
void machine_boot_config(const struct vmm_config *config, enum cc_tech tech,
			 struct boot_config *boot);

void machine_mark(struct minivmm *vm, enum minivmm_mark mark);

/* --- kvm_setup.c ------------------------------------------------------------------------------ */

/* Creates the VM of the type that vm->cc asks for, with its interrupt controllers. */
int kvm_setup(struct minivmm *vm, struct vmm_error *err);

/* --- lifecycle.c ------------------------------------------------------------------------------ */

/*
 * Ends the VM: the first call decides how; later ones change nothing. `text` may be NULL. Any
 * thread, also vCPU threads; returns at once, the threads end on their own.
 */
void machine_end(struct minivmm *vm, enum minivmm_end how, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The first thing of a VM, and cannot fail. */
void lifecycle_locks(struct minivmm *vm);

/* The descriptors and the loop source of the life cycle; undone by lifecycle_destroy(). */
int lifecycle_init(struct minivmm *vm, struct vmm_error *err);
void lifecycle_destroy(struct minivmm *vm);

/* A thread of the VM begins: end.lock is held, and the thread will not come to its end before it is
 * free. As the last thing that thread calls thread_over(). */
void lifecycle_thread_begins(struct minivmm *vm);
void lifecycle_thread_over(struct minivmm *vm);

/* Ends the VM if it runs, and joins its threads. */
void lifecycle_finish(struct minivmm *vm);

/* --- vcpu.c, exit.c --------------------------------------------------------------------------- */

/* Creates the vCPU and sets its registers for the entry that the plan asks for. */
int vcpu_init(struct vcpu *vcpu, struct minivmm *vm, uint32_t id, struct vmm_error *err);

/* Gives the vCPU the VM's CPUID table, before it has run. */
int vcpu_set_cpuid(struct vcpu *vcpu, struct vmm_error *err);
int vcpu_start(struct vcpu *vcpu, struct vmm_error *err);

/* Makes the vCPU leave the guest. */
void vcpu_kick(struct vcpu *vcpu);
void vcpu_join(struct vcpu *vcpu);
void vcpu_destroy(struct vcpu *vcpu);

/* What KVM_RUN returned (0 or -errno): true to enter the guest again. */
bool exit_handle(struct vcpu *vcpu, int ret);

/* --- cpuid.c, cpu_state.c --------------------------------------------------------------------- */

/* What the host supports, made into what the guests of this VM see; *out is freed with free(). */
int cpuid_create(const struct kvm_system *kvm, const struct kvm_vm *vm,
		 const struct cc_config *config, struct kvm_cpuid2 **out, struct vmm_error *err);

/* Fills in the values that differ from vCPU to vCPU. */
void cpuid_set_vcpu(struct kvm_cpuid2 *cpuid, uint32_t id);

/* -EINVAL when the host's C-bit, as far as KVM tells, is not the configured one. */
int cpuid_check_cbit(const struct kvm_cpuid2 *cpuid, const struct cc_config *config,
		     struct vmm_error *err);

/* What guests of a confidential VM see differently; cpuid_cc.c. One entry may be added. */
void cpuid_set_cc(struct kvm_cpuid2 *cpuid, const struct cc_config *config);

/* guest physical address bits of the table, 36 if it does not say */
unsigned int cpuid_phys_bits(const struct kvm_cpuid2 *cpuid);

int cpu_state_set(const struct kvm_vcpu *vcpu, uint32_t id, const struct cc_config *config,
		  const struct load_plan *plan, struct vmm_error *err);

#endif
