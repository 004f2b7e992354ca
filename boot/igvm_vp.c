// SPDX-License-Identifier: MIT
/*
 * Initial registers. For SNP they come as a VMSA page and stay one. For a plain VM they come as a
 * list of x86-64 registers, which is written into such a page, because that is how a load plan has
 * registers. A TD has none.
 */
#include "boot/igvm.h"
#include "mem/vmsa.h"
#include "vmm/base/bytes.h"

#include <errno.h>
#include <inttypes.h>

#define CR0_PG	 (UINT64_C(1) << 31)
#define EFER_LME (UINT64_C(1) << 8)
#define EFER_LMA (UINT64_C(1) << 10)

/* Present, and a task state or a local descriptor table: what processors are reset to. */
#define ATTRIBUTES_TSS 0x8b
#define ATTRIBUTES_LDT 0x82

/* What the file has for a vCPU, by platform. */
union context {
	struct vmsa vmsa;
	struct igvm_native native;
	uint8_t bytes[PAGE_SIZE];
};

static int read_context(const struct igvm *igvm, const struct igvm_header *header,
			union context *context, struct vmm_error *err)
{
	uint32_t offset = ((const struct igvm_context *)header->data)->file_offset;

	if (offset == 0 || !range_inside(offset, PAGE_SIZE, 0, igvm->file.size))
		return igvm_refuse(header, -EINVAL, err, "a page at file offset %#x, of %#" PRIx64,
				   offset, igvm->file.size);
	return mem_file_read(&igvm->file, offset, context, PAGE_SIZE, err);
}

int igvm_open_context(struct igvm *igvm, const struct igvm_header *header,
		      struct boot_demand *demand, struct vmm_error *err)
{
	union context context;
	int ret;

	if (igvm->platform != IGVM_SEV_SNP || demand->has_features)
		return 0;
	ret = read_context(igvm, header, &context, err);
	if (ret < 0)
		return ret;
	/* the features are the whole VM's; that all vCPUs agree is seen later */
	demand->has_features = true;
	demand->features = context.vmsa.sev_features;
	return 0;
}

static int check_native(const struct igvm_header *header, const union context *context,
			struct vmm_error *err)
{
	const struct igvm_context *from = header->data;
	const struct igvm_native *native = &context->native;
	const uint16_t attributes[] = {native->code.attributes, native->data.attributes};

	if (from->index != 0)
		return igvm_refuse(
			header, -ENOTSUP, err,
			"registers for vCPU %u: in a plain VM it waits for INIT and SIPI",
			from->index);
	if (from->gpa != 0)
		return igvm_refuse(header, -EINVAL, err,
				   "guest address %#" PRIx64
				   ": a plain VM has its registers in none",
				   from->gpa);
	if (native->reserved != 0)
		return igvm_refuse(header, -EINVAL, err, "a reserved field is not zero");
	for (size_t i = 0; i < ARRAY_SIZE(attributes); i++)
		if (attributes[i] & 0xf00)
			return igvm_refuse(header, -EINVAL, err,
					   "segment attributes %#x, bits 8 to 11 are no attributes",
					   attributes[i]);
	for (size_t i = sizeof(*native); i < PAGE_SIZE; i++)
		if (context->bytes[i] != 0)
			return igvm_refuse(header, -EINVAL, err,
					   "byte %#zx behind the registers is not zero", i);
	return 0;
}

static struct vmsa_segment segment(const struct igvm_segment *from)
{
	uint16_t a = from->attributes;

	return (struct vmsa_segment){
		.selector = from->selector,
		.attributes = (uint16_t)((a & 0xff) | (a >> 4 & 0xf00)),
		.limit = from->limit,
		.base = from->base,
	};
}

static struct vmsa vmsa_from(const struct igvm_native *n)
{
#define COPY(name) .name = n->name
	struct vmsa vmsa = {
		VMSA_REGISTERS(COPY),
		.cs = segment(&n->code),
		.tr = {.attributes = ATTRIBUTES_TSS, .limit = 0xffff},
		.ldtr = {.attributes = ATTRIBUTES_LDT, .limit = 0xffff},
		.gdtr = {.limit = n->gdtr_limit, .base = n->gdtr_base},
		.idtr = {.limit = n->idtr_limit, .base = n->idtr_base},
		.cr0 = n->cr0,
		.cr3 = n->cr3,
		.cr4 = n->cr4,
		.efer = n->efer,
	};

	vmsa.es = vmsa.ss = vmsa.ds = vmsa.fs = vmsa.gs = segment(&n->data);
	vmsa.gs.base = n->gs_base;
	/* a processor sets LMA itself when it turns paging on */
	if ((n->efer & EFER_LME) && (n->cr0 & CR0_PG))
		vmsa.efer |= EFER_LMA;
	return vmsa;
}

int igvm_load_context(struct igvm_loader *l, const struct igvm_header *header,
		      struct vmm_error *err)
{
	const struct igvm_context *from = header->data;
	struct load_plan *plan = l->plan;
	const struct load_vcpu *last = plan->nvcpus ? &plan->vcpu[plan->nvcpus - 1] : NULL;
	bool native = l->igvm->platform == IGVM_NATIVE;
	union context context;
	struct load_vcpu *vcpu;
	int ret;

	if (l->igvm->platform == IGVM_TDX)
		return igvm_refuse(header, -EINVAL, err,
				   "the registers of a TD are set by the TDX module, a file has no "
				   "say in them");
	ret = read_context(l->igvm, header, &context, err);
	if (ret == 0 && native)
		ret = check_native(header, &context, err);
	if (ret < 0)
		return ret;
	if (last && from->index <= last->id)
		return igvm_refuse(header, -EINVAL, err,
				   "registers for vCPU %u behind those for vCPU %u: they are "
				   "measured in ascending order, once for each",
				   from->index, last->id);
	if (plan->nvcpus == LOAD_PLAN_VCPUS)
		return igvm_refuse(header, -ENOSPC, err, "registers for more than %d vCPUs",
				   LOAD_PLAN_VCPUS);
	vcpu = &plan->vcpu[plan->nvcpus++];
	vcpu->id = from->index;
	vcpu->gpa = from->gpa;
	vcpu->vmsa = native ? vmsa_from(&context.native) : context.vmsa;
	if (vcpu->id == 0)
		plan->entry = (struct load_entry){.mode = ENTRY_CONTEXT, .rip = vcpu->vmsa.rip};
	return 0;
}
