// SPDX-License-Identifier: MIT
/*
 * A VMSA page that a file brings. KVM takes no such page: it makes one from the registers that user
 * space sets, at LAUNCH_FINISH. So the page is taken apart, put together again as KVM will, and has
 * to be the same, or the guest would be measured as something else than its author signed.
 */
#include "cc/vmsa.h"
#include "mem/vmsa.h"
#include "vmm/base/bytes.h"

#include <errno.h>
#include <string.h>

/* What a byte of the page belongs to; the last entry that starts at or before it. Names of
 * registers that only have to be as KVM leaves them are here, too (APM volume 2, table B-4). */
static const struct {
	uint16_t offset;
	const char *name;
} fields[] = {
	{VMSA_ES, "ES"},
	{VMSA_CS, "CS"},
	{VMSA_SS, "SS"},
	{VMSA_DS, "DS"},
	{VMSA_FS, "FS"},
	{VMSA_GS, "GS"},
	{VMSA_GDTR, "GDTR"},
	{VMSA_LDTR, "LDTR"},
	{VMSA_IDTR, "IDTR"},
	{VMSA_TR, "TR"},
	{0xa0, "a shadow stack register"},
	{0xc8, "a reserved field"},
	{0xca, "VMPL"},
	{VMSA_CPL, "CPL"},
	{0xcc, "a reserved field"},
	{VMSA_EFER, "EFER"},
	{0xd8, "a reserved field"},
	{0x140, "XSS"},
	{VMSA_CR4, "CR4"},
	{VMSA_CR3, "CR3"},
	{VMSA_CR0, "CR0"},
	{VMSA_DR7, "DR7"},
	{VMSA_DR6, "DR6"},
	{VMSA_RFLAGS, "RFLAGS"},
	{VMSA_RIP, "RIP"},
	{0x180, "a debug address register"},
	{0x1c0, "a reserved field"},
	{VMSA_RSP, "RSP"},
	{0x1e0, "a shadow stack register"},
	{VMSA_RAX, "RAX"},
	{0x200, "a system call register"},
	{0x240, "CR2"},
	{0x248, "a reserved field"},
	{VMSA_PAT, "PAT"},
	{0x270, "a debug register"},
	{0x298, "a reserved field"},
	{0x2e8, "PKRU"},
	{0x2ec, "TSC_AUX"},
	{0x2f0, "a reserved field"},
	{VMSA_RCX, "RCX"},
	{VMSA_RDX, "RDX"},
	{VMSA_RBX, "RBX"},
	{0x320, "a reserved field"},
	{VMSA_RBP, "RBP"},
	{VMSA_RSI, "RSI"},
	{VMSA_RDI, "RDI"},
	{VMSA_R8, "R8"},
	{0x348, "R9"},
	{0x350, "R10"},
	{0x358, "R11"},
	{0x360, "R12"},
	{0x368, "R13"},
	{0x370, "R14"},
	{0x378, "R15"},
	{0x380, "a reserved field"},
	{VMSA_SEV_FEATURES, "SEV_FEATURES"},
	{0x3b8, "an interrupt control field"},
	{0x3c8, "VIRTUAL_TOM"},
	{0x3d0, "a TLB or event field"},
	{VMSA_XCR0, "XCR0"},
	{0x3f0, "a reserved field"},
	{VMSA_MXCSR, "MXCSR"},
	{0x40c, "FTW"},
	{0x40e, "FSW"},
	{VMSA_FCW, "FCW"},
	{0x412, "a floating point register"},
	{0x670, "a reserved field"},
};

static const char *field_at(size_t offset, size_t *start)
{
	size_t i = 0;

	while (i + 1 < ARRAY_SIZE(fields) && fields[i + 1].offset <= offset)
		i++;
	*start = fields[i].offset;
	return fields[i].name;
}

/* Up to eight bytes, for a message. */
static uint64_t value_at(const uint8_t page[VMSA_SIZE], size_t offset)
{
	return get_le64(page + align_down(offset, 8));
}

int vmsa_check(const struct load_vcpu *vcpu, uint64_t features, struct vmm_error *err)
{
	struct cc_vcpu_state state;
	uint8_t made[VMSA_SIZE];
	const char *name;
	size_t at = 0, start;

	if (vcpu->gpa != VMSA_GPA)
		return vmm_error_set(err, -EINVAL,
				     "the registers of vCPU %u are for guest address %#llx, KVM "
				     "measures them at %#llx",
				     vcpu->id, (unsigned long long)vcpu->gpa, VMSA_GPA);
	vmsa_read(vcpu->vmsa, &state);
	vmsa_build(&state, features, made);
	while (at < VMSA_SIZE && made[at] == vcpu->vmsa[at])
		at++;
	if (at == VMSA_SIZE)
		return 0;
	name = field_at(at, &start);
	return vmm_error_set(err, -EINVAL,
			     "the registers of vCPU %u have %#llx in %s (VMSA offset %#zx), where "
			     "KVM would seal %#llx",
			     vcpu->id, (unsigned long long)value_at(vcpu->vmsa, at), name, start,
			     (unsigned long long)value_at(made, at));
}
