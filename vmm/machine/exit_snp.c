// SPDX-License-Identifier: MIT
/*
 * A guest's request for the certificates that go with its attestation report. The file is read at
 * each request: who renews the certificates replaces it, and guests that run get the new ones.
 */
#include "vmm/kvm/uapi_snp.h"
#include "vmm/machine/exit.h"
#include "vmm/machine/vm.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* 0, or the positive errno that KVM wants; *npages is what is needed when that is ENOSPC. */
static uint64_t give_certs(struct minivmm *vm, const struct snp_certs *certs, uint64_t gpa,
			   __u64 *npages)
{
	uint64_t needed = (certs->len + PAGE_SIZE - 1) / PAGE_SIZE;

	if (needed > *npages) {
		*npages = needed;
		return ENOSPC;
	}
	if (mem_write(&vm->mem, gpa, certs->table, certs->len) == 0)
		return 0;
	vmm_log_limited(&vm->log, &vm->limits.certs, VMM_LOG_DEBUG,
			"no certificates for the guest: its buffer at %#" PRIx64
			" is not shared memory",
			gpa);
	return EIO;
}

static uint64_t open_certs(struct vcpu *vcpu)
{
	struct minivmm *vm = vcpu->vm;
	struct vmm_error err;
	int ret = snp_certs_open(&vcpu->certs, vm->sys, vm->config->cc.snp.certs, &err);

	if (ret == 0 || ret == -EAGAIN)
		return (uint64_t)-ret;
	vmm_log_limited(&vm->log, &vm->limits.certs, VMM_LOG_WARN,
			"no certificates for the guest: snp.certs: %s", err.text);
	return EIO;
}

/*
 * KVM asks the firmware for the report in the next KVM_RUN. So that nobody changes the key between
 * our reading the certificates and that, the file stays locked until then, and immediate_exit makes
 * KVM_RUN return as soon as it has done so.
 */
bool exit_snp_certs(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->kvm.run;
	uint8_t *shared = (uint8_t *)run + KVM_RUN_EXIT;
	struct run_snp_req_certs request;

	if (!vcpu->vm->config->cc.snp.certs) {
		machine_end(vcpu->vm, MINIVMM_FAILED,
			    "vCPU %u: KVM asks for certificates although nobody told it to",
			    vcpu->id);
		return false;
	}
	memcpy(&request, shared, sizeof(request));
	request.ret = open_certs(vcpu);
	if (request.ret == 0)
		request.ret = give_certs(vcpu->vm, &vcpu->certs, request.gpa, &request.npages);
	if (request.ret == 0)
		run->immediate_exit = 1;
	else
		snp_certs_close(&vcpu->certs);
	memcpy(shared, &request, sizeof(request));
	return true;
}

void exit_snp_certs_done(struct vcpu *vcpu)
{
	vcpu->kvm.run->immediate_exit = 0;
	snp_certs_close(&vcpu->certs);
}
