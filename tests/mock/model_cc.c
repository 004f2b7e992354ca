// SPDX-License-Identifier: MIT
/* Where confidential VMs hook into the model, and the referee of a launch. */
#include "tests/mock/model_cc_state.h"

#include "vmm/base/bytes.h"
#include "vmm/kvm/uapi_snp.h"
#include "vmm/kvm/uapi_tdx.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PAGE 4096ULL

#define SEV_ACTIVE (1u << 1) /* CPUID 0x8000001f EAX */

static void *zeroed(size_t size)
{
	void *p = calloc(1, size);

	if (!p)
		model_foul("out of memory");
	return p;
}

/* --- VMs --- */

int model_cc_create_vm(struct model_vm *vm)
{
	if (vm->type == KVM_X86_SNP_VM)
		vm->snp = zeroed(sizeof(*vm->snp));
	if (vm->type == KVM_X86_TDX_VM) {
		vm->tdx = zeroed(sizeof(*vm->tdx));
		sha384_init(&vm->tdx->sha);
	}
	return 0;
}

void model_cc_free_vm(struct model_vm *vm)
{
	free(vm->snp);
	free(vm->tdx);
}

int model_cc_cap(const struct model_vm *vm, unsigned long cap, int value)
{
	/* the logical CPUs of the host; arch/x86/kvm/vmx/tdx.c, tdx_vm_init() */
	if (vm->tdx && cap == KVM_CAP_MAX_VCPUS)
		return (int)vm->model->tdx.max_vcpus;
	/* arch/x86/kvm/x86.c: flash of a TD is plain RAM */
	if (vm->tdx && cap == KVM_CAP_READONLY_MEM)
		return 0;
	return value;
}

bool model_cc_dead(const struct model_fd *f)
{
	if (f->kind == MODEL_VM)
		return ((const struct model_vm *)f->object)->dead;
	return f->kind == MODEL_VCPU && ((const struct model_vcpu *)f->object)->vm->dead;
}

/* --- vCPUs --- */

int model_cc_may_create_vcpu(const struct model_vm *vm)
{
	/* kernels up to 6.18 at least measure its VMSA at no time, or twice: see model_snp_command() */
	if (vm->snp && vm->snp->finish_begun)
		model_foul("VM %u: a vCPU is created after LAUNCH_FINISH", vm->index);
	if (!vm->tdx)
		return 0;
	if (!vm->split_irqchip || vm->nvcpus >= vm->model->tdx.max_vcpus)
		return -EINVAL;
	return vm->tdx->initialized && !vm->tdx->finalized ? 0 : -EIO;
}

int model_cc_registers(const struct model_vcpu *v)
{
	return v->vm->tdx || v->sealed ? -EINVAL : 0;
}

uint64_t model_cc_cr3_bits(const struct model_vcpu *v)
{
	uint64_t bits = 0;

	for (uint32_t i = 0; v->vm->snp && i < v->ncpuid; i++)
		if (v->cpuid[i].function == 0x8000001f && v->cpuid[i].eax & SEV_ACTIVE)
			bits = 1ULL << (v->cpuid[i].ebx & 0x3f);
	return bits;
}

static bool has_private_page(const struct model_vm *vm)
{
	for (size_t i = 0; i < vm->nslots; i++) {
		const struct model_slot *s = &vm->slot[i];

		for (uint64_t at = 0; s->gmem && at < s->len; at += PAGE)
			if (model_slot_private(s, s->gpa + at))
				return true;
	}
	return false;
}

int model_cc_may_run(struct model_vcpu *v)
{
	struct model_vm *vm = v->vm;

	if (vm->snp && !vm->snp->finished)
		model_foul("vCPU %u of VM %u runs before LAUNCH_FINISH", v->id, vm->index);
	/* EINVAL on good days; a kernel was about to give the VM up for it */
	if (vm->tdx && !vm->tdx->finalized)
		model_foul("vCPU %u of VM %u runs before FINALIZE_VM", v->id, vm->index);
	/* nothing tells KVM that this launch is finished, but that it has begun can be seen */
	if (vm->type == KVM_X86_SW_PROTECTED_VM && v->runs == 0 && !has_private_page(vm))
		model_foul("vCPU %u of VM %u runs before any of its memory was made private", v->id,
			   vm->index);
	/* a vCPU made later has no VMSA, or was not made known to the module */
	if ((vm->snp && !v->sealed) || (vm->tdx && !v->td_initialized))
		return -EINVAL;
	return 0;
}

/* --- KVM_MEMORY_ENCRYPT_OP --- */

static const char *snp_name(uint32_t id)
{
	switch (id) {
	case SNP_CMD_INIT2:
		return "KVM_SEV_INIT2";
	case SNP_CMD_LAUNCH_START:
		return "KVM_SEV_SNP_LAUNCH_START";
	case SNP_CMD_LAUNCH_UPDATE:
		return "KVM_SEV_SNP_LAUNCH_UPDATE";
	case SNP_CMD_LAUNCH_FINISH:
		return "KVM_SEV_SNP_LAUNCH_FINISH";
	case SNP_CMD_ENABLE_REQ_CERTS:
		return "KVM_SEV_SNP_ENABLE_REQ_CERTS";
	default:
		return "KVM_MEMORY_ENCRYPT_OP";
	}
}

static const char *tdx_name(uint32_t id)
{
	static const char *const names[] = {
		[TDX_CMD_CAPABILITIES] = "KVM_TDX_CAPABILITIES",
		[TDX_CMD_INIT_VM] = "KVM_TDX_INIT_VM",
		[TDX_CMD_INIT_VCPU] = "KVM_TDX_INIT_VCPU",
		[TDX_CMD_INIT_MEM_REGION] = "KVM_TDX_INIT_MEM_REGION",
		[TDX_CMD_FINALIZE_VM] = "KVM_TDX_FINALIZE_VM",
		[TDX_CMD_GET_CPUID] = "KVM_TDX_GET_CPUID",
	};

	return id < ARRAY_SIZE(names) ? names[id] : "KVM_MEMORY_ENCRYPT_OP";
}

static const struct model_vm *vm_of(const struct model_fd *f)
{
	return f->kind == MODEL_VM ? f->object : ((const struct model_vcpu *)f->object)->vm;
}

const char *model_cc_name(const struct model_fd *f, const void *arg)
{
	const struct model_vm *vm = vm_of(f);

	if (arg && vm->snp)
		return snp_name(((const struct snp_cmd *)arg)->id);
	if (arg && vm->tdx)
		return tdx_name(((const struct tdx_cmd *)arg)->id);
	return "KVM_MEMORY_ENCRYPT_OP";
}

void model_cc_failed(struct model *m, const struct model_fd *f, void *arg)
{
	const struct model_vm *vm = vm_of(f);
	struct snp_cmd *snp = arg && vm->snp ? arg : NULL;
	struct tdx_cmd *tdx = arg && vm->tdx ? arg : NULL;

	if (snp)
		snp->error = (uint32_t)m->fail_status;
	if (tdx)
		tdx->hw_error = m->fail_status;
	if (snp && snp->id == SNP_CMD_LAUNCH_UPDATE)
		m->failed_gpa =
			((const struct snp_launch_update *)(uintptr_t)snp->data)->gfn_start * PAGE;
	if (tdx && tdx->id == TDX_CMD_INIT_MEM_REGION)
		m->failed_gpa = ((const struct tdx_mem_region *)(uintptr_t)tdx->data)->gpa;
}

int model_vm_encrypt_op(void *object, void *arg)
{
	struct model_vm *vm = object;

	if (vm->tdx)
		return arg ? model_tdx_vm_command(vm, arg) : -EFAULT;
	/* without argument it is the question whether there is SEV at all */
	if (vm->model->snp.present && !arg)
		return 0;
	return vm->snp ? model_snp_command(vm, arg) : -ENOTTY;
}

int model_vcpu_encrypt_op(void *object, void *arg)
{
	struct model_vcpu *v = object;

	return v->vm->tdx ? model_tdx_vcpu_command(v, arg) : -ENOTTY;
}

/* arch/x86/kvm/x86.c, kvm_x86_dev_get_attr() and arch/x86/kvm/svm/sev.c, sev_dev_get_attr() */
static int device_attr(const struct model *m, const struct kvm_device_attr *attr, uint64_t *value)
{
	const struct model_snp_host *snp = &m->snp;

	if (attr->flags || !snp->present || attr->group != SNP_ATTR_GROUP)
		return -ENXIO;
	switch (attr->attr) {
	case SNP_ATTR_VMSA_FEATURES:
		*value = snp->features;
		return snp->knows_features ? 0 : -ENXIO;
	case SNP_ATTR_POLICY_BITS:
		*value = snp->policy_bits;
		return snp->policy_bits ? 0 : -ENXIO;
	case SNP_ATTR_REQ_CERTS:
		*value = snp->certs;
		return snp->certs ? 0 : -ENXIO;
	default:
		return -ENXIO;
	}
}

int model_has_device_attr(void *object, void *arg)
{
	uint64_t value;

	return device_attr(object, arg, &value);
}

int model_get_device_attr(void *object, void *arg)
{
	const struct kvm_device_attr *attr = arg;
	uint64_t value;
	int ret = device_attr(object, attr, &value);

	if (ret == 0)
		*(uint64_t *)(uintptr_t)attr->addr = value;
	return ret;
}

bool model_cc_interrupted(struct model *m)
{
	m->populates++;
	return m->populate_interrupt && m->populates % m->populate_interrupt == 0;
}

/* --- settings --- */

static void offer(struct model *m, unsigned int type)
{
	model_lock(m);
	for (size_t i = 0; i < m->ncaps; i++)
		if (m->cap[i].cap == KVM_CAP_VM_TYPES)
			m->cap[i].value |= 1 << type;
	model_unlock(m);
}

void model_offer_snp(struct model *m)
{
	offer(m, KVM_X86_SNP_VM);
	m->snp = (struct model_snp_host){
		.present = true,
		.knows_features = true,
		.features = 0x20, /* DEBUG_SWAP */
		.asids = 10,
		.api = 0x137,
	};
}

void model_offer_tdx(struct model *m)
{
	offer(m, KVM_X86_TDX_VM);
	m->tdx = (struct model_tdx_host){
		.present = true,
		.attributes = 0x10000000, /* SEPT_VE_DISABLE */
		/* x87, SSE, AVX, AVX-512, PKRU, CET, AMX */
		.xfam = 0x61ae7,
		.entries = 40,
		.max_vcpus = 4,
		.keyids = 10,
	};
}

void model_set_populate_stop(struct model *m, unsigned int npages)
{
	m->populate_stop = npages;
}

void model_set_populate_interrupt(struct model *m, unsigned int every)
{
	m->populate_interrupt = every;
}

void model_set_fail_status(struct model *m, uint64_t status)
{
	m->fail_status = status;
}

void model_fail_page(struct model *m, uint64_t n, int code)
{
	m->fail_page = n;
	m->fail_page_code = code;
}

uint64_t model_failed_gpa(struct model *m)
{
	return m->failed_gpa;
}

void model_skip_measurement(struct model *m)
{
	m->skip_measurement = true;
}

/* --- looking --- */

void model_launch_digest(struct model *m, unsigned int vm, uint8_t digest[48])
{
	const struct model_vm *of = model_vm(m, vm);

	model_lock(m);
	if (m->skip_measurement || (!of->snp && !(of->tdx && of->tdx->finalized)))
		model_foul("VM %u has no launch measurement", vm);
	memcpy(digest, of->snp ? of->snp->digest : of->tdx->mrtd, MODEL_DIGEST);
	model_unlock(m);
}

bool model_launched(struct model *m, unsigned int vm)
{
	const struct model_vm *of = model_vm(m, vm);

	return (of->snp && of->snp->finished) || (of->tdx && of->tdx->finalized);
}

static void check_slot(const struct model_slot *s, bool all)
{
	for (uint64_t gpa = s->gpa; s->gmem && gpa < s->gpa + s->len; gpa += PAGE) {
		uint64_t offset = s->gmem_offset + (gpa - s->gpa);
		bool populated = s->gmem->page[offset / PAGE] & MODEL_PAGE_POPULATED;
		bool private = model_slot_private(s, gpa);

		if (populated && !private)
			model_foul("%#llx of VM %u is in the image, but shared",
				   (unsigned long long)gpa, s->gmem->vm->index);
		if (all && private && !populated)
			model_foul("%#llx of VM %u is private, but was never given to the firmware",
				   (unsigned long long)gpa, s->gmem->vm->index);
	}
}

void model_check_launch(struct model *m, unsigned int vm, bool all)
{
	const struct model_vm *of = model_vm(m, vm);

	if (!model_launched(m, vm))
		model_foul("the launch of VM %u was not finished", vm);
	model_lock(m);
	if (of->twice)
		model_foul("%u pages of VM %u were given to the firmware twice", of->twice, vm);
	for (size_t i = 0; i < of->nslots; i++)
		check_slot(&of->slot[i], all);
	model_unlock(m);
}
