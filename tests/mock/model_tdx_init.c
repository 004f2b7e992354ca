// SPDX-License-Identifier: MIT
/*
 * TDX: KVM_TDX_CAPABILITIES and KVM_TDX_INIT_VM (Linux arch/x86/kvm/vmx/tdx.c,
 * tdx_get_capabilities(), setup_tdparams(), setup_tdparams_cpuids()).
 */
#include "tests/mock/model_cc_state.h"

#include "vmm/base/bytes.h"
#include "vmm/kvm/uapi_tdx.h"

#include <errno.h>
#include <string.h>

#define MAX_CPUID_ENTRIES 256 /* KVM_MAX_CPUID_ENTRIES */

/* TDX_OPERAND_INVALID; the low half says which operand, or which CPUID leaf */
#define OPERAND_INVALID 0xc000010000000000ULL

#define XFAM_FIXED1 0x3ULL

/* Bits that a VMM chooses; all others are the module's. The list comes without flags. */
static const struct kvm_cpuid_entry2 masks[] = {
	{.function = 0x1,
	 .eax = 0x0fff3fff,
	 .ebx = 0x00ff0000,
	 .ecx = 0x31144d88,
	 .edx = 0x9068202c},
	{.function = 0x4, .index = 0, .eax = 0xffffc000, .ebx = UINT32_MAX, .ecx = UINT32_MAX},
	{.function = 0x4, .index = 1, .eax = 0xffffc000, .ebx = UINT32_MAX, .ecx = UINT32_MAX},
	{.function = 0x4, .index = 3, .eax = 0xffffc000, .ebx = UINT32_MAX, .ecx = UINT32_MAX},
	{.function = 0x7, .index = 0, .ebx = 0xd02b97a9, .ecx = 0x1b445fde, .edx = 0xac90c130},
	{.function = 0x7, .index = 1, .eax = 0x00001c30},
	{.function = 0x7, .index = 2, .edx = 0x0000001f},
	{.function = 0x1f, .index = 0, .eax = 0x1f, .ebx = 0xffff, .ecx = 0xff00},
	{.function = 0x1f, .index = 1, .eax = 0x1f, .ebx = 0xffff, .ecx = 0xff00},
	{.function = 0x80000007, .edx = 0x100},
	{.function = 0x80000008, .eax = 0x00ff0000, .ebx = 0x200},
};

/* The n-th configurable leaf; after those above more subleaves of leaf 0x14. */
static struct kvm_cpuid_entry2 configurable(unsigned int n)
{
	if (n < ARRAY_SIZE(masks))
		return masks[n];
	return (struct kvm_cpuid_entry2){
		.function = 0x14,
		.index = n - (unsigned int)ARRAY_SIZE(masks),
		.eax = 0xff,
	};
}

int model_tdx_capabilities(const struct model_vm *vm, const struct tdx_cmd *cmd)
{
	const struct model_tdx_host *host = &vm->model->tdx;
	struct tdx_capabilities *caps = (void *)(uintptr_t)cmd->data;

	if (cmd->flags)
		return -EINVAL;
	if (caps->nent < host->entries)
		return -E2BIG;
	caps->supported_attrs = host->attributes;
	caps->supported_xfam = host->xfam;
	caps->kernel_info_r11 = caps->kernel_info_r12 = caps->user_info_r12 = 0;
	caps->user_info_r11 = 1ULL << 1; /* SetupEventNotifyInterrupt */
	memset(caps->reserved, 0, sizeof(caps->reserved));
	caps->nent = host->entries;
	for (unsigned int i = 0; i < host->entries; i++)
		caps->entry[i] = configurable(i);
	return 0;
}

/* --- INIT_VM --- */

/* cpuid_entry2_find(): an index counts only where it is marked as significant. */
static const struct kvm_cpuid_entry2 *find(const struct tdx_init_vm *init, uint32_t function,
					   uint32_t index)
{
	for (uint32_t i = 0; i < init->nent; i++) {
		const struct kvm_cpuid_entry2 *e = &init->entry[i];

		if (e->function == function &&
		    (!(e->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX) || e->index == index))
			return e;
	}
	return NULL;
}

static int set_address_bits(struct model_tdx *td, const struct tdx_init_vm *init)
{
	const struct kvm_cpuid_entry2 *e = find(init, 0x80000008, 0);

	if (!e)
		return -EINVAL;
	td->gpa_bits = e->eax >> 16 & 0xff;
	/* 52 needs five levels of EPT, which this host has not */
	return td->gpa_bits == 48 ? 0 : -EINVAL;
}

/* HLE and RTM, WAITPKG */
static bool unsupported(const struct kvm_cpuid_entry2 *e)
{
	return e->function == 7 && e->index == 0 &&
	       (e->ebx & (1u << 4 | 1u << 11) || e->ecx & 1u << 5);
}

static bool inside(const struct kvm_cpuid_entry2 *e, const struct kvm_cpuid_entry2 *mask)
{
	return !((e->eax & ~mask->eax) | (e->ebx & ~mask->ebx) | (e->ecx & ~mask->ecx) |
		 (e->edx & ~mask->edx));
}

static int set_cpuids(struct model_vm *vm, const struct tdx_init_vm *init, struct tdx_cmd *cmd)
{
	struct model_tdx *td = vm->tdx;
	uint32_t copied = 0;

	for (unsigned int i = 0; i < vm->model->tdx.entries; i++) {
		struct kvm_cpuid_entry2 mask = configurable(i);
		const struct kvm_cpuid_entry2 *e = find(init, mask.function, mask.index);

		td->cpuid[i] =
			(struct kvm_cpuid_entry2){.function = mask.function, .index = mask.index};
		if (!e)
			continue;
		if (unsupported(e))
			return -EINVAL;
		if (!inside(e, &mask)) {
			cmd->hw_error = OPERAND_INVALID | (mask.function & 0xffff);
			return -EINVAL;
		}
		td->cpuid[i].eax = e->eax;
		td->cpuid[i].ebx = e->ebx;
		td->cpuid[i].ecx = e->ecx;
		td->cpuid[i].edx = e->edx;
		copied++;
	}
	td->ncpuid = vm->model->tdx.entries;
	/* an entry that no configurable leaf took */
	return copied == init->nent ? 0 : -EINVAL;
}

/* Features that come as a whole: AVX-512 (with AVX), CET, AMX. */
static bool xfam_good(uint64_t xfam)
{
	static const uint64_t groups[] = {7ULL << 5, 3ULL << 11, 3ULL << 17};

	for (size_t i = 0; i < ARRAY_SIZE(groups); i++)
		if ((xfam & groups[i]) != 0 && (xfam & groups[i]) != groups[i])
			return false;
	return !(xfam & groups[0]) || xfam & 4;
}

static bool reserved_zero(const struct tdx_init_vm *init)
{
	for (size_t i = 0; i < ARRAY_SIZE(init->reserved); i++)
		if (init->reserved[i])
			return false;
	return init->padding == 0;
}

int model_tdx_init_vm(struct model_vm *vm, struct tdx_cmd *cmd)
{
	const struct tdx_init_vm *init = (const void *)(uintptr_t)cmd->data;
	struct model_tdx_host *host = &vm->model->tdx;
	struct model_tdx *td = vm->tdx;
	int ret;

	if (td->initialized || cmd->flags)
		return -EINVAL;
	if (init->nent > MAX_CPUID_ENTRIES)
		return -E2BIG;
	if (!reserved_zero(init))
		return -EINVAL;
	if (vm->nvcpus > 0)
		return -EBUSY;
	if (init->attributes & ~host->attributes || init->xfam & ~host->xfam)
		return -EINVAL;
	ret = set_address_bits(td, init);
	if (ret == 0)
		ret = set_cpuids(vm, init, cmd);
	if (ret < 0)
		return ret;
	if (!xfam_good(init->xfam)) {
		cmd->hw_error = OPERAND_INVALID;
		return -EINVAL;
	}
	if (host->keyids == 0)
		return -ENOSPC;
	host->keyids--;
	td->initialized = true;
	td->attributes = init->attributes;
	td->xfam = init->xfam | XFAM_FIXED1;
	memcpy(td->mrconfigid, init->mrconfigid, sizeof(td->mrconfigid));
	memcpy(td->mrowner, init->mrowner, sizeof(td->mrowner));
	memcpy(td->mrownerconfig, init->mrownerconfig, sizeof(td->mrownerconfig));
	return 0;
}
