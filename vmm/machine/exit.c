// SPDX-License-Identifier: MIT
/* What an exit from the guest means: an access for a device, the guest's end, or a failure. */
#include "vmm/machine/exit.h"

#include "vmm/kvm/uapi_snp.h"
#include "vmm/kvm/uapi_tdx.h"
#include "vmm/machine/exit_ports.h"
#include "vmm/machine/exit_tdx.h"
#include "vmm/machine/vm.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

static bool handle_io(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->kvm.run;
	uint64_t offset = run->io.data_offset;
	unsigned int size = run->io.size;
	uint32_t count = run->io.count;
	uint8_t *data = (uint8_t *)run;

	exit_ports_count(vcpu->vm->port_exits, run->io.port);
	if (offset > vcpu->kvm.run_size || (uint64_t)size * count > vcpu->kvm.run_size - offset) {
		machine_end(vcpu->vm, MINIVMM_FAILED, "KVM reported port I/O outside of kvm_run");
		return false;
	}
	for (data += offset; count > 0; count--, data += size)
		bus_access(&vcpu->vm->pio, run->io.port, data, size,
			   run->io.direction == KVM_EXIT_IO_OUT);
	return true;
}

static bool handle_mmio(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->kvm.run;
	uint32_t len = run->mmio.len;

	if (len == 0 || len > sizeof(run->mmio.data)) {
		machine_end(vcpu->vm, MINIVMM_FAILED, "KVM reported an access of %u bytes", len);
		return false;
	}
	bus_access(&vcpu->vm->mmio, run->mmio.phys_addr, run->mmio.data, len,
		   run->mmio.is_write != 0);
	return true;
}

static bool handle_system_event(struct vcpu *vcpu)
{
	uint32_t type = vcpu->kvm.run->system_event.type;

	if (exit_system_event_cc(vcpu))
		return false;
	switch (type) {
	case KVM_SYSTEM_EVENT_SHUTDOWN:
		machine_end(vcpu->vm, MINIVMM_POWEROFF, NULL);
		break;
	case KVM_SYSTEM_EVENT_RESET:
		machine_end(vcpu->vm, MINIVMM_REBOOT, NULL);
		break;
	case KVM_SYSTEM_EVENT_CRASH:
		machine_end(vcpu->vm, MINIVMM_CRASH, "the guest reported a crash");
		break;
	default:
		machine_end(vcpu->vm, MINIVMM_FAILED, "unknown system event %u", type);
		break;
	}
	return false;
}

/* Where the guest was, for the messages below; 0 if KVM does not tell. */
static uint64_t guest_rip(struct vcpu *vcpu)
{
	struct kvm_regs regs = {0};

	if (kvm_vcpu_get_regs(&vcpu->kvm, &regs, NULL) < 0)
		return 0;
	return regs.rip;
}

static void internal_error(struct vcpu *vcpu)
{
	static const char *const reasons[] = {
		[KVM_INTERNAL_ERROR_EMULATION] = "it cannot emulate the guest's instruction",
		[KVM_INTERNAL_ERROR_SIMUL_EX] = "simultaneous exceptions",
		[KVM_INTERNAL_ERROR_DELIVERY_EV] = "a fault while an event was delivered",
		[KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON] = "unexpected exit from the hardware",
	};
	uint32_t code = vcpu->kvm.run->internal.suberror;
	const char *reason = code < sizeof(reasons) / sizeof(reasons[0]) ? reasons[code] : NULL;

	machine_end(vcpu->vm, MINIVMM_FAILED,
		    "KVM gave up on vCPU %u at %#" PRIx64 ": %s (suberror %u)", vcpu->id,
		    guest_rip(vcpu), reason ? reason : "unknown", code);
}

bool exit_handle(struct vcpu *vcpu, int ret)
{
	struct kvm_run *run = vcpu->kvm.run;
	uint32_t reason = run->exit_reason;
	struct vmm_error err;

	/* this exit alone comes with an error; with any other errno the reason is an old one */
	if ((ret == -EFAULT || ret == -EHWPOISON || ret == 0) && reason == KVM_EXIT_MEMORY_FAULT)
		return exit_memory_fault(vcpu, ret);
	if (ret == -EIO && vcpu->vm->cc.tech == &cc_tdx) {
		machine_end(
			vcpu->vm, MINIVMM_CRASH,
			"KVM gave the TD up (KVM_RUN: EIO on vCPU %u): the guest touched memory that it "
			"had not accepted, or the TDX module failed; the host kernel's log "
			"may tell",
			vcpu->id);
		return false;
	}
	if (ret < 0) {
		vmm_error_errno(&err, ret, "KVM_RUN failed on vCPU %u at %#" PRIx64, vcpu->id,
				guest_rip(vcpu));
		machine_end(vcpu->vm, MINIVMM_FAILED, "%s", err.text);
		return false;
	}
	switch (reason) {
	case KVM_EXIT_IO:
		return handle_io(vcpu);
	case KVM_EXIT_MMIO:
		return handle_mmio(vcpu);
	case KVM_EXIT_HYPERCALL:
		return exit_hypercall(vcpu);
	case EXIT_TDX:
		return exit_tdx(vcpu);
	case EXIT_SNP_REQ_CERTS:
		return exit_snp_certs(vcpu);
	case KVM_EXIT_INTR:
	case KVM_EXIT_IRQ_WINDOW_OPEN:
		return true;
	case KVM_EXIT_SHUTDOWN:
		machine_end(vcpu->vm, MINIVMM_CRASH, "triple fault on vCPU %u", vcpu->id);
		return false;
	case KVM_EXIT_SYSTEM_EVENT:
		return handle_system_event(vcpu);
	case KVM_EXIT_FAIL_ENTRY:
		machine_end(
			vcpu->vm, MINIVMM_FAILED,
			"the CPU refused to enter the guest on vCPU %u, hardware reason %#" PRIx64,
			vcpu->id, (uint64_t)run->fail_entry.hardware_entry_failure_reason);
		return false;
	case KVM_EXIT_INTERNAL_ERROR:
		internal_error(vcpu);
		return false;
	default:
		machine_end(vcpu->vm, MINIVMM_FAILED, "vCPU %u: unexpected exit %u at %#" PRIx64,
			    vcpu->id, reason, guest_rip(vcpu));
		return false;
	}
}
