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
#include <string.h>

/* struct IgvmNativeVpContextX64 of igvm_defs. RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI and R8 to R15
 * come first, as processors number them. */
enum {
	NATIVE_RIP = 0x80,
	NATIVE_RFLAGS = 0x88,
	NATIVE_IDTR_BASE = 0x90,
	NATIVE_IDTR_LIMIT = 0x98,
	NATIVE_RESERVED = 0x9a, /* u32 */
	NATIVE_GDTR_LIMIT = 0x9e,
	NATIVE_GDTR_BASE = 0xa0,
	NATIVE_CODE = 0xa8, /* u16 selector, u16 attributes, u32 base, u32 limit */
	NATIVE_DATA = 0xb4,
	NATIVE_GS_BASE = 0xc0,
	NATIVE_CR0 = 0xc8,
	NATIVE_CR3 = 0xd0,
	NATIVE_CR4 = 0xd8,
	NATIVE_EFER = 0xe0,
	NATIVE_SIZE = 0xe8,
};

#define CR0_PG	 (1ULL << 31)
#define EFER_LME (1ULL << 8)
#define EFER_LMA (1ULL << 10)

/* Present, and a task state or a local descriptor table: what processors are reset to. */
#define ATTRIBUTES_TSS 0x8b
#define ATTRIBUTES_LDT 0x82

static int read_page(const struct igvm *igvm, const struct igvm_header *header,
		     uint8_t page[PAGE_SIZE], struct vmm_error *err)
{
	uint32_t offset = get_le32(header->data + CONTEXT_FILE_OFFSET);

	if (offset == 0 || !range_inside(offset, PAGE_SIZE, 0, igvm->file.size))
		return igvm_refuse(header, -EINVAL, err, "a page at file offset %#x, of %#" PRIx64,
				   offset, igvm->file.size);
	return mem_file_read(&igvm->file, offset, page, PAGE_SIZE, err);
}

static void put_segment(uint8_t *to, const uint8_t *from)
{
	uint16_t attributes = get_le16(from + 2);

	put_le16(to, get_le16(from));
	put_le16(to + 2, (uint16_t)((attributes & 0xff) | (attributes >> 4 & 0xf00)));
	put_le32(to + 4, get_le32(from + 8));
	put_le64(to + 8, get_le32(from + 4));
}

static void put_system_segment(uint8_t *to, uint16_t attributes)
{
	put_le16(to + 2, attributes);
	put_le32(to + 4, 0xffff);
}

static void put_segments(uint8_t *vmsa, const uint8_t *native)
{
	static const uint16_t data[] = {VMSA_ES, VMSA_SS, VMSA_DS, VMSA_FS, VMSA_GS};

	put_segment(vmsa + VMSA_CS, native + NATIVE_CODE);
	for (size_t i = 0; i < ARRAY_SIZE(data); i++)
		put_segment(vmsa + data[i], native + NATIVE_DATA);
	put_le64(vmsa + VMSA_GS + 8, get_le64(native + NATIVE_GS_BASE));
	put_system_segment(vmsa + VMSA_TR, ATTRIBUTES_TSS);
	put_system_segment(vmsa + VMSA_LDTR, ATTRIBUTES_LDT);
	put_le32(vmsa + VMSA_GDTR + 4, get_le16(native + NATIVE_GDTR_LIMIT));
	put_le64(vmsa + VMSA_GDTR + 8, get_le64(native + NATIVE_GDTR_BASE));
	put_le32(vmsa + VMSA_IDTR + 4, get_le16(native + NATIVE_IDTR_LIMIT));
	put_le64(vmsa + VMSA_IDTR + 8, get_le64(native + NATIVE_IDTR_BASE));
}

static void put_registers(uint8_t *vmsa, const uint8_t *native)
{
	static const uint16_t general[] = {
		VMSA_RAX,     VMSA_RCX,	    VMSA_RDX,	  VMSA_RBX,	VMSA_RSP,     VMSA_RBP,
		VMSA_RSI,     VMSA_RDI,	    VMSA_R8,	  VMSA_R8 + 8,	VMSA_R8 + 16, VMSA_R8 + 24,
		VMSA_R8 + 32, VMSA_R8 + 40, VMSA_R8 + 48, VMSA_R8 + 56,
	};
	uint64_t efer = get_le64(native + NATIVE_EFER);
	uint64_t cr0 = get_le64(native + NATIVE_CR0);

	for (size_t i = 0; i < ARRAY_SIZE(general); i++)
		put_le64(vmsa + general[i], get_le64(native + 8 * i));
	put_le64(vmsa + VMSA_RIP, get_le64(native + NATIVE_RIP));
	put_le64(vmsa + VMSA_RFLAGS, get_le64(native + NATIVE_RFLAGS));
	put_le64(vmsa + VMSA_CR0, cr0);
	put_le64(vmsa + VMSA_CR3, get_le64(native + NATIVE_CR3));
	put_le64(vmsa + VMSA_CR4, get_le64(native + NATIVE_CR4));
	/* a processor sets LMA itself when it turns paging on */
	if ((efer & EFER_LME) && (cr0 & CR0_PG))
		efer |= EFER_LMA;
	put_le64(vmsa + VMSA_EFER, efer);
}

static int check_native(const struct igvm_header *header, const uint8_t *native,
			struct vmm_error *err)
{
	static const uint16_t attributes[] = {NATIVE_CODE + 2, NATIVE_DATA + 2};

	if (get_le16(header->data + CONTEXT_INDEX) != 0)
		return igvm_refuse(
			header, -ENOTSUP, err,
			"registers for vCPU %u: in a plain VM it waits for INIT and SIPI",
			get_le16(header->data + CONTEXT_INDEX));
	if (get_le64(header->data + CONTEXT_GPA) != 0)
		return igvm_refuse(header, -EINVAL, err,
				   "guest address %#" PRIx64
				   ": a plain VM has its registers in none",
				   get_le64(header->data + CONTEXT_GPA));
	if (get_le32(native + NATIVE_RESERVED) != 0)
		return igvm_refuse(header, -EINVAL, err, "a reserved field is not zero");
	for (size_t i = 0; i < ARRAY_SIZE(attributes); i++)
		if (get_le16(native + attributes[i]) & 0xf00)
			return igvm_refuse(header, -EINVAL, err,
					   "segment attributes %#x, bits 8 to 11 are no attributes",
					   get_le16(native + attributes[i]));
	for (size_t i = NATIVE_SIZE; i < PAGE_SIZE; i++)
		if (native[i] != 0)
			return igvm_refuse(header, -EINVAL, err,
					   "byte %#zx behind the registers is not zero", i);
	return 0;
}

int igvm_vp_features(const struct igvm *igvm, const struct igvm_header *header, uint64_t *features,
		     struct vmm_error *err)
{
	uint8_t page[PAGE_SIZE] = {0};
	int ret = read_page(igvm, header, page, err);

	if (ret == 0)
		*features = get_le64(page + VMSA_SEV_FEATURES);
	return ret;
}

static struct load_vcpu *add_vcpu(const struct igvm_header *header, struct load_plan *plan,
				  struct vmm_error *err)
{
	const struct load_vcpu *last = plan->nvcpus ? &plan->vcpu[plan->nvcpus - 1] : NULL;
	uint32_t id = get_le16(header->data + CONTEXT_INDEX);
	struct load_vcpu *vcpu;

	if (last && id <= last->id) {
		igvm_refuse(header, -EINVAL, err,
			    "registers for vCPU %u behind those for vCPU %u: they are measured in "
			    "ascending order, once for each",
			    id, last->id);
		return NULL;
	}
	if (plan->nvcpus == LOAD_PLAN_VCPUS) {
		igvm_refuse(header, -ENOSPC, err, "registers for more than %d vCPUs",
			    LOAD_PLAN_VCPUS);
		return NULL;
	}
	vcpu = &plan->vcpu[plan->nvcpus++];
	vcpu->id = id;
	vcpu->gpa = get_le64(header->data + CONTEXT_GPA);
	memset(vcpu->vmsa, 0, sizeof(vcpu->vmsa));
	return vcpu;
}

int igvm_vp_context(const struct igvm *igvm, const struct igvm_header *header,
		    struct load_plan *plan, struct vmm_error *err)
{
	uint8_t page[PAGE_SIZE];
	struct load_vcpu *vcpu;
	int ret;

	if (igvm->platform == IGVM_TDX)
		return igvm_refuse(header, -EINVAL, err,
				   "the registers of a TD are set by the TDX module, a file has no "
				   "say in them");
	if (get_le16(header->data + CONTEXT_RESERVED) != 0)
		return igvm_refuse(header, -EINVAL, err, "a reserved field is not zero");
	ret = read_page(igvm, header, page, err);
	if (ret == 0 && igvm->platform == IGVM_NATIVE)
		ret = check_native(header, page, err);
	if (ret < 0)
		return ret;
	vcpu = add_vcpu(header, plan, err);
	if (!vcpu)
		return err ? err->code : -EINVAL;
	if (igvm->platform == IGVM_NATIVE) {
		put_segments(vcpu->vmsa, page);
		put_registers(vcpu->vmsa, page);
	} else {
		memcpy(vcpu->vmsa, page, sizeof(vcpu->vmsa));
	}
	if (vcpu->id == 0)
		plan->entry = (struct load_entry){.mode = ENTRY_CONTEXT,
						  .rip = get_le64(vcpu->vmsa + VMSA_RIP)};
	return 0;
}
