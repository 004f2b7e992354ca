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
 *	vmm/x86/     what a vCPU looks like before its first instruction
 */
#ifndef VMM_MACHINE_MACHINE_H
#define VMM_MACHINE_MACHINE_H

#include "boot/boot.h"
#include "cc/tech.h"
#include "mem/mem.h"
#include "mem/plan.h"
#include "vmm/base/log.h"
#include "vmm/base/loop.h"
#include "vmm/config/config.h"
#include "vmm/dev/bus.h"
#include "vmm/kvm/kvm.h"
#include "vmm/machine/exit_ports.h"
#include "vmm/machine/io_threads.h"
#include "vmm/machine/lifecycle.h"
#include "vmm/machine/platform.h"
#include "vmm/machine/vcpu.h"
#include "vmm/minivmm.h"

#include <pthread.h>
#include <stdatomic.h>

struct minivmm;

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

/* minivmm_create() over any system calls: tests put the KVM model here. */
int machine_create(struct minivmm **vm, const struct vmm_config *config, const struct sys *sys,
		   const struct vmm_log *log, struct vmm_error *err);

/* The loader's view of a configuration; strings are the configuration's. */
void machine_boot_config(const struct vmm_config *config, const struct cc_tech *tech,
			 struct boot_config *boot);

/* The launch's view of it; see cc_config_init(). */
int machine_cc_config(struct cc_config *cc, const struct vmm_config *config,
		      const struct cc_tech *tech, const struct sys *sys, struct vmm_error *err);

void machine_mark(struct minivmm *vm, enum minivmm_mark mark);

#endif
