/* SPDX-License-Identifier: MIT */
/*
 * What the model remembers of each KVM object. Private to the model; tests read the state of VMs
 * and vCPUs through model_vm() and model_vcpu() while nothing runs.
 */
#ifndef TESTS_MOCK_OBJECTS_H
#define TESTS_MOCK_OBJECTS_H

#include "tests/mock/model.h"

#include <pthread.h>

#define MODEL_GSIS	    64
#define MODEL_MSRS	    64
#define MODEL_CPUID_ENTRIES 256	       /* KVM_MAX_CPUID_ENTRIES */
#define MODEL_RUN_SIZE	    (3 * 4096) /* kvm_run, port I/O data, coalesced MMIO */
#define MODEL_PHYS_BITS	    48

/* A memory slot, the program's or one of KVM's own. */
struct model_slot {
	uint32_t id;
	uint32_t flags;
	uint64_t gpa;
	uint64_t len;
	uint64_t hva;
	struct model_gmem *gmem; /* NULL: memory at hva */
	uint64_t gmem_offset;
	bool own;  /* KVM's: TSS, identity map, APIC page */
	bool gone; /* its mapping or file was taken away by the program */
};

/* The state of a page of a guest_memfd. */
#define MODEL_PAGE_PRIVATE   1
#define MODEL_PAGE_POPULATED 2 /* and part of the initial image */

struct model_gmem {
	struct model_vm *vm;
	uint64_t size;
	uint64_t flags;
	bool open;
	bool in_place; /* the file converts its pages */
	int fd;	       /* the model's own */
	uint8_t *page; /* MODEL_PAGE_* of each page; in files that do not convert all are private */
	uint8_t *view; /* the contents */
};

/* The parts of a vCPU's state that minivmm sets. */
struct model_vcpu {
	struct model_vm *vm;
	uint32_t id;
	int fd;
	struct kvm_run *run; /* the model's own view */
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	struct kvm_lapic_state lapic;
	struct kvm_mp_state mp_state;
	struct kvm_cpuid_entry2 cpuid[MODEL_CPUID_ENTRIES];
	uint32_t ncpuid;
	struct kvm_msr_entry msr[MODEL_MSRS];
	uint32_t nmsrs;
	bool sigset_active;
	uint64_t sigset; /* bit n - 1: signal n is blocked in KVM_RUN */

	bool sealed;	     /* SNP: measured, its registers are out of reach */
	bool td_initialized; /* TDX: INIT_VCPU */
	uint64_t td_rcx;
	uint32_t td_index;

	bool running;
	unsigned long runs; /* KVM_RUN calls */
	int wake_fd;	    /* -1, or what ends the wait of KVM_RUN */
	size_t step;
	unsigned int repeats; /* of step `step`: done */
	bool pending;	      /* step `step` has exited and is to be completed */
};

struct model_vm {
	struct model *model;
	unsigned int index;
	unsigned long type;
	bool irqchip;
	bool split_irqchip; /* local APICs only */
	uint64_t bus_cycle_ns;
	uint64_t hypercall_exits; /* mask */
	bool pit;
	uint64_t identity;
	struct model_slot *slot;
	size_t nslots;
	struct model_vcpu **vcpu;
	size_t nvcpus;
	bool level[MODEL_GSIS];
	unsigned int raised[MODEL_GSIS];		/* transitions from 0 to 1 */
	unsigned int noticed[MODEL_GSIS];		/* of those, seen by STEP_WAIT_IRQ */
	struct kvm_irq_routing_entry route[MODEL_GSIS]; /* type 0: none */
	unsigned int messages;				/* sent by KVM_SIGNAL_MSI */
	struct kvm_msi last_message;
	struct kvm_irqfd *irqfd;
	size_t nirqfds;
	struct kvm_ioeventfd *ioeventfd;
	size_t nioeventfds;
	uint8_t *private_gfn;  /* NULL, or 1 for each page that the VM has recorded as private */
	bool sealed;	       /* the launch is finished */
	bool dead;	       /* KVM gave the VM up: every ioctl fails */
	struct model_snp *snp; /* VMs of that type, else NULL */
	struct model_tdx *tdx;
	unsigned int twice;	 /* pages given to the firmware that it had already */
	uint64_t in_place_pages; /* pages given to it without a source */
};

const struct model_vm *model_vm(struct model *m, unsigned int vm);
const struct model_vcpu *model_vcpu(struct model *m, unsigned int vm, uint32_t vcpu);

#endif
