// SPDX-License-Identifier: MIT
/*
 * What KVM_GET_SUPPORTED_CPUID says on an EPYC of the third generation. Feature words are those of
 * a Milan with KVM's additions (AMD64 Architecture Programmer's Manual volume 3, appendix E; KVM
 * leaves: Linux Documentation/virt/kvm/x86/cpuid.rst). Topology leaves are left empty or describe
 * the host, as KVM leaves them: filling them is the program's work.
 */
#include "tests/mock/internal.h"

#include "vmm/base/bytes.h"

#include <errno.h>
#include <string.h>

#define INDEXED KVM_CPUID_FLAG_SIGNIFCANT_INDEX

static const struct kvm_cpuid_entry2 table[] = {
	/* "AuthenticAMD" */
	{.function = 0x0, .eax = 0x10, .ebx = 0x68747541, .ecx = 0x444d4163, .edx = 0x69746e65},
	/* family 25, model 1; x2APIC, TSC deadline and hypervisor bits */
	{.function = 0x1,
	 .eax = 0x00a00f11,
	 .ebx = 0x00800800,
	 .ecx = 0xfffa3203,
	 .edx = 0x178bfbff},
	{.function = 0x5},
	{.function = 0x6, .eax = 0x4},
	{.function = 0x7,
	 .flags = INDEXED,
	 .eax = 1,
	 .ebx = 0x219c07ab,
	 .ecx = 0x40061c,
	 .edx = 0xac000010},
	{.function = 0x7, .index = 1, .flags = INDEXED},
	{.function = 0xb, .flags = INDEXED},
	{.function = 0xd, .flags = INDEXED, .eax = 0x207, .ebx = 0x988, .ecx = 0x988},
	{.function = 0xd, .index = 1, .flags = INDEXED, .eax = 0xf, .ebx = 0x988},
	{.function = 0xd, .index = 2, .flags = INDEXED, .eax = 0x100, .ebx = 0x240},
	{.function = 0xd, .index = 9, .flags = INDEXED, .eax = 0x8, .ebx = 0x980},
	{.function = 0x10, .flags = INDEXED},
	/* "KVMKVMKVM" */
	{.function = 0x40000000,
	 .eax = 0x40000001,
	 .ebx = 0x4b4d564b,
	 .ecx = 0x564b4d56,
	 .edx = 0x4d},
	{.function = 0x40000001, .eax = 0x01007efb},
	{.function = 0x80000000,
	 .eax = 0x80000021,
	 .ebx = 0x68747541,
	 .ecx = 0x444d4163,
	 .edx = 0x69746e65},
	{.function = 0x80000001, .eax = 0x00a00f11, .ecx = 0x00c003f7, .edx = 0x2fd3fbff},
	/* "Model of KVM" */
	{.function = 0x80000002, .eax = 0x65646f4d, .ebx = 0x666f206c, .ecx = 0x4d564b20},
	{.function = 0x80000003},
	{.function = 0x80000004},
	{.function = 0x80000005,
	 .eax = 0xff40ff40,
	 .ebx = 0xff40ff40,
	 .ecx = 0x20080140,
	 .edx = 0x20080140},
	{.function = 0x80000006,
	 .eax = 0x48002200,
	 .ebx = 0x68004200,
	 .ecx = 0x02006140,
	 .edx = 0x00809140},
	{.function = 0x80000007, .edx = 0x100},
	/* 48 bits of physical and of virtual address */
	{.function = 0x80000008, .eax = 0x3030, .ebx = 0x111ed205, .ecx = 0x703f},
	{.function = 0x8000000a, .eax = 1, .ebx = 8, .edx = 0x119b9cff},
	{.function = 0x80000019, .eax = 0xf040f040, .ebx = 0xf0400000},
	{.function = 0x8000001a, .eax = 0x6},
	{.function = 0x8000001d, .flags = INDEXED, .eax = 0x4121, .ebx = 0x01c0003f, .ecx = 0x3f},
	{.function = 0x8000001d,
	 .index = 1,
	 .flags = INDEXED,
	 .eax = 0x4122,
	 .ebx = 0x01c0003f,
	 .ecx = 0x3f},
	{.function = 0x8000001d,
	 .index = 2,
	 .flags = INDEXED,
	 .eax = 0x4143,
	 .ebx = 0x01c0003f,
	 .ecx = 0x3ff,
	 .edx = 2},
	{.function = 0x8000001d,
	 .index = 3,
	 .flags = INDEXED,
	 .eax = 0x3c163,
	 .ebx = 0x03c0003f,
	 .ecx = 0x7fff,
	 .edx = 1},
	{.function = 0x8000001e},
	{.function = 0x8000001f},
	{.function = 0x80000021, .eax = 0x45},
};

int model_supported_cpuid(struct kvm_cpuid2 *cpuid)
{
	/* too few entries: E2BIG, and nent stays (arch/x86/kvm/cpuid.c, kvm_dev_ioctl_get_cpuid) */
	if (cpuid->nent < ARRAY_SIZE(table))
		return -E2BIG;
	cpuid->nent = ARRAY_SIZE(table);
	memcpy(cpuid->entries, table, sizeof(table));
	return 0;
}
