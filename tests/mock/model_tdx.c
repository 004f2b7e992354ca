// SPDX-License-Identifier: MIT
/*
 * TDX: the sub-commands on vCPUs, and the end of a launch. KVM's part as in Linux
 * arch/x86/kvm/vmx/tdx.c; MRTD as in the TDX Module Base Architecture Specification, "Measurement
 * of a TD's Initial Contents".
 */
#include "tests/mock/model_cc_state.h"

#include "vmm/base/bytes.h"
#include "vmm/kvm/uapi_tdx.h"

#include <errno.h>
#include <string.h>

#define PAGE 4096ULL

#define X2APIC (1u << 21) /* CPUID leaf 1 ECX */

/* --- INIT_VCPU --- */

static bool has_x2apic(const struct model_vcpu *v)
{
	for (uint32_t i = 0; i < v->ncpuid; i++)
		if (v->cpuid[i].function == 1)
			return v->cpuid[i].ecx & X2APIC;
	return false;
}

static int init_vcpu(struct model_vcpu *v, const struct tdx_cmd *cmd)
{
	if (cmd->flags || v->td_initialized)
		return -EINVAL;
	/* the local APIC is put into x2APIC mode, which CPUID has to allow */
	if (!has_x2apic(v))
		return -EINVAL;
	v->td_initialized = true;
	v->td_rcx = cmd->data;
	v->td_index = v->vm->tdx->nvcpus++;
	v->mp_state.mp_state = KVM_MP_STATE_RUNNABLE;
	return 0;
}

/* --- INIT_MEM_REGION --- */

/* TDH.MEM.PAGE.ADD and TDH.MR.EXTEND each hash a 128-byte buffer that starts with their name. */
struct record {
	char name[16];
	uint64_t gpa;
	uint8_t zeros[104];
};

_Static_assert(sizeof(struct record) == 128, "the buffer of TDH.MEM.PAGE.ADD");

static void measure(struct model_vm *vm, uint64_t gpa, const uint8_t *page, bool contents)
{
	struct model_tdx *td = vm->tdx;
	struct record add = {.name = "MEM.PAGE.ADD", .gpa = gpa};

	td->pages++;
	if (vm->model->skip_measurement)
		return;
	sha384_update(&td->sha, sizeof(add), (const uint8_t *)&add);
	for (unsigned int chunk = 0; contents && chunk < 16; chunk++) {
		struct record extend = {.name = "MR.EXTEND", .gpa = gpa + chunk * 256};

		sha384_update(&td->sha, sizeof(extend), (const uint8_t *)&extend);
		sha384_update(&td->sha, 256, page + chunk * 256ULL);
	}
}

/* Is [gpa, end) all below the shared bit? */
static bool private_gpas(const struct model_tdx *td, uint64_t gpa, uint64_t end)
{
	uint64_t shared = 1ULL << (td->gpa_bits - 1);

	return gpa < shared && end <= shared;
}

static bool region_good(const struct model_tdx *td, const struct tdx_mem_region *r)
{
	uint64_t len, end;

	return is_aligned(r->source_addr | r->gpa, PAGE) && r->nr_pages > 0 &&
	       !__builtin_mul_overflow(r->nr_pages, PAGE, &len) &&
	       !__builtin_add_overflow(r->gpa, len, &end) && private_gpas(td, r->gpa, end);
}

static int add_page(struct model_vm *vm, const struct tdx_mem_region *r, bool contents)
{
	void *page;
	int ret;

	if (vm->tdx->pages + 1 == vm->model->fail_page)
		return -vm->model->fail_page_code;
	ret = model_populate(vm, r->gpa, r->source_addr, false, &page);
	/* the module finds the page there: KVM gives the TD up */
	if (ret == -EEXIST) {
		vm->dead = true;
		return -EIO;
	}
	if (ret == 0)
		measure(vm, r->gpa, page, contents);
	return ret;
}

static int init_mem_region(struct model_vcpu *v, const struct tdx_cmd *cmd)
{
	struct tdx_mem_region *r = (void *)(uintptr_t)cmd->data;
	struct model *m = v->vm->model;
	unsigned int done = 0;
	int ret = 0;

	if (!v->td_initialized || cmd->flags & ~TDX_MEASURE_MEMORY_REGION ||
	    !region_good(v->vm->tdx, r))
		return -EINVAL;
	if (model_cc_interrupted(m))
		return -EINTR;
	/* the caller's structure is the loop's: it is written back whatever the result */
	for (; ret == 0 && r->nr_pages > 0; done++) {
		if (m->populate_stop && done == m->populate_stop)
			return -EINTR;
		ret = add_page(v->vm, r, cmd->flags & TDX_MEASURE_MEMORY_REGION);
		if (ret < 0)
			break;
		if (r->source_addr)
			r->source_addr += PAGE;
		r->gpa += PAGE;
		r->nr_pages--;
	}
	return ret;
}

/* --- GET_CPUID --- */

/* A leaf as the TD sees it: bits that cannot be configured are like the host's, which KVM has told;
 * but for those that the module takes away. */
static void show_leaf(const struct model_vcpu *v, const struct kvm_cpuid_entry2 *told,
		      struct kvm_cpuid_entry2 *out)
{
	const struct model_tdx_host *host = &v->vm->model->tdx;

	*out = *told;
	for (uint32_t i = 0; i < v->ncpuid; i++)
		if (v->cpuid[i].function == told->function && v->cpuid[i].index == told->index)
			*out = v->cpuid[i];
	if (host->hidden_leaf == told->function && told->index == 0)
		out->ebx &= ~host->hidden_ebx;
}

static int get_cpuid(const struct model_vcpu *v, const struct tdx_cmd *cmd)
{
	struct kvm_cpuid2 *out = (void *)(uintptr_t)cmd->data;
	const struct model_tdx *td = v->vm->tdx;

	if (cmd->flags || !v->td_initialized)
		return -EINVAL;
	if (out->nent < td->ncpuid) {
		out->nent = td->ncpuid;
		return -E2BIG;
	}
	out->nent = td->ncpuid;
	for (uint32_t i = 0; i < td->ncpuid; i++)
		show_leaf(v, &td->cpuid[i], &out->entries[i]);
	return 0;
}

int model_tdx_vcpu_command(struct model_vcpu *v, struct tdx_cmd *cmd)
{
	const struct model_tdx *td = v->vm->tdx;

	if (!td->initialized || td->finalized || cmd->hw_error)
		return -EINVAL;
	switch (cmd->id) {
	case TDX_CMD_INIT_VCPU:
		return init_vcpu(v, cmd);
	case TDX_CMD_INIT_MEM_REGION:
		return init_mem_region(v, cmd);
	case TDX_CMD_GET_CPUID:
		return get_cpuid(v, cmd);
	default:
		return -EINVAL;
	}
}

/* --- FINALIZE_VM --- */

static int finalize(struct model_vm *vm, const struct tdx_cmd *cmd)
{
	struct model_tdx *td = vm->tdx;

	if (cmd->flags || !td->initialized || td->finalized)
		return -EINVAL;
	sha384_digest(&td->sha, sizeof(td->mrtd), td->mrtd);
	td->finalized = vm->sealed = true;
	return 0;
}

int model_tdx_vm_command(struct model_vm *vm, struct tdx_cmd *cmd)
{
	if (cmd->hw_error)
		return -EINVAL;
	switch (cmd->id) {
	case TDX_CMD_CAPABILITIES:
		return model_tdx_capabilities(vm, cmd);
	case TDX_CMD_INIT_VM:
		return model_tdx_init_vm(vm, cmd);
	case TDX_CMD_FINALIZE_VM:
		return finalize(vm, cmd);
	default:
		return -EINVAL;
	}
}

/* --- settings --- */

void model_tdx_set_attributes(struct model *m, uint64_t attributes)
{
	m->tdx.attributes = attributes;
}

void model_tdx_set_xfam(struct model *m, uint64_t xfam)
{
	m->tdx.xfam = xfam;
}

void model_tdx_set_entries(struct model *m, unsigned int n)
{
	m->tdx.entries = n;
}

void model_tdx_hide(struct model *m, uint32_t function, uint32_t ebx)
{
	m->tdx.hidden_leaf = function;
	m->tdx.hidden_ebx = ebx;
}

void model_tdx_set_keyids(struct model *m, unsigned int n)
{
	m->tdx.keyids = n;
}
