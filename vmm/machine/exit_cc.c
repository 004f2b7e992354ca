// SPDX-License-Identifier: MIT
/*
 * Exits of guests with private memory: requests to convert pages, accesses of the wrong kind, and
 * the ways in which a confidential guest gives up.
 */
#include "mem/convert.h"
#include "vmm/machine/exit.h"
#include "vmm/machine/vm.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/kvm_para.h>
#include <stdio.h>
#include <string.h>

/* Faults in a row at one address before a vCPU counts as stuck. */
#define SAME_FAULTS_MAX 16

/*
 * Runs of pages that one request converts before it answers EAGAIN. What the guest makes of that is
 * KVM's affair: a TD is told to retry from this address on (KVM asks for 2 MiB at a time, which are
 * fewer runs; Linux 7.2 and later, before it is an error), the guest of a software-protected VM sees
 * EAGAIN itself. An SNP guest gets an error of the page-state change that says nothing, after which
 * Linux ends itself: its requests are carried out to the end, however long that takes.
 */
#define RUNS_MAX 4096

/* KVM_SYSTEM_EVENT types of newer kernels. */
#define SYSTEM_EVENT_SEV_TERM  6
#define SYSTEM_EVENT_TDX_FATAL 7

static void tell_refusal(struct minivmm *vm, uint64_t gpa, uint64_t npages, const char *why)
{
	vmm_log_limited(&vm->log, &vm->limits.refusals, VMM_LOG_WARN,
			"the guest's request to convert %" PRIu64 " pages at %#" PRIx64
			" was refused: %s",
			npages, gpa, why);
}

bool exit_hypercall(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->kvm.run;
	uint64_t gpa = run->hypercall.args[0];
	uint64_t npages = run->hypercall.args[1];
	uint64_t attributes = run->hypercall.args[2];
	uint64_t runs = vcpu->vm->cc.tech == &cc_snp ? UINT64_MAX : RUNS_MAX;
	struct vmm_error err;
	int ret;

	if (run->hypercall.nr != KVM_HC_MAP_GPA_RANGE) {
		machine_end(vcpu->vm, MINIVMM_FAILED, "vCPU %u: unexpected hypercall %" PRIu64,
			    vcpu->id, (uint64_t)run->hypercall.nr);
		return false;
	}
	ret = mem_map_gpa_range(&vcpu->vm->mem, gpa, npages, attributes, runs, &err);
	if (ret < 0 && err.code != -ECANCELED && err.code != -EINPROGRESS)
		tell_refusal(vcpu->vm, gpa, npages, err.text);
	/* written at every exit: KVM does not clear it; errors are positive here */
	run->hypercall.ret = (__u64)-ret;
	return true;
}

/* True while the vCPU still gets on; false when it faults at the same place for ever. */
static bool makes_progress(struct vcpu *vcpu, const struct run_memory_fault *fault)
{
	uint64_t exits = atomic_load(&vcpu->exits);

	if (fault->gpa == vcpu->fault_gpa && exits == vcpu->fault_exit + 1)
		vcpu->same_faults++;
	else
		vcpu->same_faults = 0;
	vcpu->fault_gpa = fault->gpa;
	vcpu->fault_exit = exits;
	return vcpu->same_faults < SAME_FAULTS_MAX;
}

/* Why a guest may touch what is no memory. The local APIC is the one window of a PC that a guest is
 * told of by the hardware, and old firmware maps it like RAM, as private; KVM then looks for memory. */
static const char *why_no_memory(const struct run_memory_fault *fault)
{
	if (fault->flags & MEMORY_FAULT_PRIVATE && (fault->gpa & ~(PAGE_SIZE - 1)) == LAYOUT_LAPIC)
		return "the local APIC is there, and the guest has mapped it as private memory, as "
		       "old firmware does (OVMF of 2022.11; that of 2025.02 does not): use a newer "
		       "one";
	return "no memory is there; was a device window taken for RAM?";
}

static bool fault_is_final(struct vcpu *vcpu, const struct run_memory_fault *fault,
			   const char *cause)
{
	const struct mem_region *r = mem_find(&vcpu->vm->mem, fault->gpa, 1);

	machine_end(vcpu->vm, MINIVMM_CRASH,
		    "vCPU %u: %s access to guest address %#" PRIx64 " (%s): %s", vcpu->id,
		    fault->flags & MEMORY_FAULT_PRIVATE ? "private" : "shared",
		    (uint64_t)fault->gpa, r ? r->name : "no memory", cause);
	return false;
}

/*
 * The guest touched a page in the state that it does not have. It converts implicitly when it did
 * not ask before; when the record says that the page already is what the guest wants, KVM could not
 * get the page, and repeating helps only for a while.
 *
 * One such fault alone proves nothing: another vCPU may have converted the page since KVM looked
 * what kind of access it is (for software-protected VMs KVM takes that from the page itself), and
 * undoing that would cost the page's contents. A guest that means it comes back at once.
 */
bool exit_memory_fault(struct vcpu *vcpu, int ret)
{
	struct run_memory_fault fault;
	bool to_private;
	struct vmm_error err;
	int state;

	memcpy(&fault, (const uint8_t *)vcpu->kvm.run + KVM_RUN_EXIT, sizeof(fault));
	to_private = fault.flags & MEMORY_FAULT_PRIVATE;
	if (ret == -EHWPOISON)
		return fault_is_final(vcpu, &fault, "the host's memory there is broken");
	state = mem_is_private(&vcpu->vm->mem, fault.gpa);
	if (state < 0)
		return fault_is_final(vcpu, &fault, why_no_memory(&fault));
	if (!makes_progress(vcpu, &fault))
		return fault_is_final(vcpu, &fault, "the vCPU makes no progress");
	if (state == to_private || vcpu->same_faults == 0)
		return true;
	vmm_log_limited(&vcpu->vm->log, &vcpu->vm->limits.touches, VMM_LOG_TRACE,
			"vCPU %u makes %#" PRIx64 " %s by touching it", vcpu->id,
			(uint64_t)fault.gpa, to_private ? "private" : "shared");
	ret = mem_convert(&vcpu->vm->mem, fault.gpa & ~(PAGE_SIZE - 1),
			  fault.size ? (fault.size + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1) : PAGE_SIZE,
			  to_private, &err);
	if (ret < 0 && ret != -EAGAIN)
		return fault_is_final(vcpu, &fault, err.text);
	return true;
}

/* Reasons of Linux guests: arch/x86/include/asm/sev-common.h, GHCB_SEV_ES_TERM_REASON. */
static const char *sev_reason(unsigned int set, unsigned int code)
{
	static const char *const general[] = {
		"general request, such as access to memory that was not validated",
		"no common version of the GHCB protocol",
		("the hypervisor does not support SNP features that the guest needs, or the guest "
		 "does not know one that is on"),
	};
	static const char *const linux_set[] = {
		"the GHCB could not be registered",
		"a page could not be converted",
		"a page could not be validated",
		"the guest does not run at VMPL0",
		"the CPUID page is missing or unusable",
		"a CPUID lookup at the hypervisor failed",
		"the secrets page is unusable",
		"there is no SVSM, and no VMPL0 without one",
		"the SVSM left VMPL0 to the guest",
		"the SVSM's calling area is not on a page",
	};

	if (set == 0 && code < sizeof(general) / sizeof(general[0]))
		return general[code];
	if (set == 1 && code < sizeof(linux_set) / sizeof(linux_set[0]))
		return linux_set[code];
	return "unknown reason";
}

static void end_sev_term(struct vcpu *vcpu, uint64_t ghcb_msr)
{
	unsigned int set = (unsigned int)(ghcb_msr >> 12 & 0xf);
	unsigned int code = (unsigned int)(ghcb_msr >> 16 & 0xff);

	if ((ghcb_msr & 0xfff) == 0x100)
		machine_end(vcpu->vm, MINIVMM_CRASH, "the SNP guest terminated itself, %u:%u: %s",
			    set, code, sev_reason(set, code));
	else if ((ghcb_msr & 0xfff) == 0)
		machine_end(vcpu->vm, MINIVMM_CRASH,
			    "the SNP guest terminated itself through its GHCB at %#" PRIx64
			    "; the host "
			    "kernel's log has the reason",
			    ghcb_msr);
	else
		machine_end(vcpu->vm, MINIVMM_CRASH,
			    "the SNP guest made a request that is not allowed (GHCB MSR %#" PRIx64
			    ")",
			    ghcb_msr);
}

/*
 * The text of a TD's fatal error: up to 64 bytes of ASCII in registers, in the order of the GHCI
 * specification (TDG.VP.VMCALL<ReportFatalError>). `data` is indexed by the x86 register number;
 * RCX has the mask of registers that the guest exposed.
 */
static void tdx_fatal_text(const uint64_t data[16], char text[65])
{
	static const uint8_t order[] = {14, 15, 3, 7, 6, 8, 9, 2};
	size_t n = 0;

	for (size_t i = 0; i < sizeof(order); i++) {
		if (!(data[1] & UINT64_C(1) << order[i]))
			continue;
		for (unsigned int byte = 0; byte < 8; byte++) {
			char c = (char)(data[order[i]] >> 8 * byte);

			if (c == '\0')
				goto out;
			text[n++] = c >= ' ' && c < 0x7f ? c : '?';
		}
	}
out:
	text[n] = '\0';
}

/* What R12 says: bits 31:0 the code, 62:32 an extended one, bit 63: R13 has an address. */
static void tdx_fatal_code(const uint64_t data[16], char *text, size_t size)
{
	uint32_t code = (uint32_t)data[12];
	uint32_t extended = (uint32_t)(data[12] >> 32) & 0x7fffffff;
	size_t n;

	if (!(data[1] & UINT64_C(1) << 12)) {
		snprintf(text, size, "without a code");
		return;
	}
	if (code == 0)
		n = (size_t)snprintf(text, size, "panic");
	else
		n = (size_t)snprintf(text, size, "code %#x", code);
	if (extended)
		n += (size_t)snprintf(text + n, size - n, ", extended code %#x", extended);
	if (data[12] >> 63 && data[1] & UINT64_C(1) << 13)
		snprintf(text + n, size - n, ", more at guest address %#" PRIx64, data[13]);
}

static void end_tdx_fatal(struct vcpu *vcpu, const uint64_t data[16])
{
	char text[65], code[96];

	tdx_fatal_text(data, text);
	tdx_fatal_code(data, code, sizeof(code));
	machine_end(vcpu->vm, MINIVMM_CRASH, "the TD reported a fatal error, %s: %s", code,
		    text[0] ? text : "no text");
}

/* kvm_run at KVM_RUN_EXIT for KVM_EXIT_SYSTEM_EVENT, as of Linux 6.12 (6.1 lacks the data) */
struct run_system_event {
	uint32_t type;
	uint32_t ndata;
	uint64_t data[16];
};

bool exit_system_event_cc(struct vcpu *vcpu)
{
	struct run_system_event event;

	memcpy(&event, (const uint8_t *)vcpu->kvm.run + KVM_RUN_EXIT, sizeof(event));
	switch (event.type) {
	case SYSTEM_EVENT_SEV_TERM:
		end_sev_term(vcpu, event.ndata > 0 ? event.data[0] : 0);
		return true;
	case SYSTEM_EVENT_TDX_FATAL:
		for (uint32_t i = event.ndata; i < 16; i++)
			event.data[i] = 0;
		end_tdx_fatal(vcpu, event.data);
		return true;
	default:
		return false;
	}
}
