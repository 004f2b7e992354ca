/* SPDX-License-Identifier: MIT */
/*
 * The IGVM file format (Independent Guest Virtual Machine file format, as published in the crate
 * igvm_defs): a fixed header, variable headers one after the other, and data that they point to.
 * All numbers are little-endian. File offset 0 stands for no data.
 */
#ifndef BOOT_IGVM_DEFS_H
#define BOOT_IGVM_DEFS_H

#include <stdint.h>

#define IGVM_MAGIC 0x4d564749 /* "IGVM" */

struct igvm_fixed {
	uint32_t magic;
	uint32_t version;
	uint32_t headers_offset;
	uint32_t headers_size;
	uint32_t file_size;
	uint32_t checksum;
	/* version 2 */
	uint32_t architecture;
	uint32_t page_size;
} __attribute__((packed));

#define IGVM_V1_SIZE offsetof(struct igvm_fixed, architecture)
#define IGVM_V2_SIZE sizeof(struct igvm_fixed)

#define IGVM_ARCH_X64	  0
#define IGVM_ARCH_AARCH64 1

/* Before the content of every variable header. The next one begins at a multiple of 8 bytes. */
struct igvm_prefix {
	uint32_t type;
	uint32_t len; /* of the content */
} __attribute__((packed));

#define IGVM_OPTIONAL (1U << 31) /* who does not know the type may ignore the header */

enum igvm_type {
	IGVM_SUPPORTED_PLATFORM = 0x1,
	IGVM_GUEST_POLICY = 0x101,
	IGVM_RELOCATABLE_REGION = 0x102,
	IGVM_PAGE_TABLE_RELOCATION = 0x103,
	IGVM_PARAMETER_AREA = 0x301,
	IGVM_PAGE_DATA = 0x302,
	IGVM_PARAMETER_INSERT = 0x303,
	IGVM_VP_CONTEXT = 0x304,
	IGVM_REQUIRED_MEMORY = 0x305,
	IGVM_VP_COUNT = 0x307,
	IGVM_SRAT = 0x308,
	IGVM_MADT = 0x309,
	IGVM_MMIO_RANGES = 0x30a,
	IGVM_SNP_ID_BLOCK = 0x30b,
	IGVM_MEMORY_MAP = 0x30c,
	IGVM_ERROR_RANGE = 0x30d,
	IGVM_COMMAND_LINE = 0x30e,
	IGVM_SLIT = 0x30f,
	IGVM_PPTT = 0x310,
	IGVM_VBS_MEASUREMENT = 0x311,
	IGVM_DEVICE_TREE = 0x312,
	IGVM_ENVIRONMENT_INFO = 0x313,
};

/* --- contents of the headers; `mask` has the bits of the platforms that a header is for ---------- */

struct igvm_supported {
	uint32_t mask; /* exactly one bit */
	uint8_t highest_vtl;
	uint8_t type; /* enum igvm_platform */
	uint16_t version;
	uint64_t shared_boundary;
} __attribute__((packed));

enum igvm_platform {
	IGVM_NATIVE = 0,
	IGVM_VSM_ISOLATION = 1,
	IGVM_SEV_SNP = 2,
	IGVM_TDX = 3,
	IGVM_SEV = 4,
	IGVM_SEV_ES = 5,
};

struct igvm_policy {
	uint64_t policy;
	uint32_t mask;
	uint32_t reserved;
} __attribute__((packed));

/* of a TDX policy */
#define IGVM_TD_DEBUG		(UINT64_C(1) << 0)
#define IGVM_TD_SEPT_VE_DISABLE (UINT64_C(1) << 1)
#define IGVM_TD_MIGRATABLE	(UINT64_C(1) << 2)

struct igvm_page {
	uint64_t gpa;
	uint32_t mask;
	uint32_t file_offset;
	uint32_t flags;
	uint16_t type;
	uint16_t reserved;
} __attribute__((packed));

#define IGVM_PAGE_2MB	     (1U << 0)
#define IGVM_PAGE_UNMEASURED (1U << 1)
#define IGVM_PAGE_SHARED     (1U << 2)

enum igvm_page_type {
	IGVM_PAGE_NORMAL = 0,
	IGVM_PAGE_SECRETS = 1,
	IGVM_PAGE_CPUID = 2,
	IGVM_PAGE_CPUID_XF = 3,
};

/* IGVM_PARAMETER_AREA */
struct igvm_area {
	uint64_t len;
	uint32_t index;
	uint32_t file_offset;
} __attribute__((packed));

struct igvm_insert {
	uint64_t gpa;
	uint32_t mask;
	uint32_t index;
} __attribute__((packed));

/* What fills in a parameter. */
struct igvm_parameter {
	uint32_t index;
	uint32_t offset;
} __attribute__((packed));

struct igvm_context {
	uint64_t gpa;
	uint32_t mask;
	uint32_t file_offset;
	uint16_t index;
	uint16_t reserved;
} __attribute__((packed));

struct igvm_required {
	uint64_t gpa;
	uint32_t mask;
	uint32_t len;
	uint32_t flags;
	uint32_t reserved;
} __attribute__((packed));

#define IGVM_REQUIRED_VTL2 (1U << 0)

struct igvm_error_range {
	uint64_t gpa;
	uint32_t mask;
	uint32_t len;
} __attribute__((packed));

struct igvm_key {
	uint32_t curve;
	uint32_t reserved; /* SNP's own form of a key has no such word */
	uint8_t coordinates[144];
} __attribute__((packed));

struct igvm_id_block {
	uint32_t mask;
	uint8_t author_enabled;
	uint8_t reserved[3];
	uint8_t digest[48];
	uint8_t family[16];
	uint8_t image[16];
	uint32_t version;
	uint32_t guest_svn;
	uint32_t key_algorithm;
	uint32_t author_algorithm;
	uint8_t signature[144];
	struct igvm_key key;
	uint8_t author_signature[144];
	struct igvm_key author_key;
} __attribute__((packed));

/* --- what they point to ------------------------------------------------------------------------- */

/* IGVM_VHS_MEMORY_MAP_ENTRY; one of no pages is the last. */
struct igvm_map_entry {
	uint64_t first_page;
	uint64_t pages;
	uint16_t type; /* 0: memory */
	uint16_t flags;
	uint32_t reserved;
} __attribute__((packed));

/* IGVM_VHS_MMIO_RANGES */
struct igvm_mmio_ranges {
	struct {
		uint64_t first_page;
		uint64_t pages;
	} range[2];
} __attribute__((packed));

struct igvm_segment {
	uint16_t selector;
	uint16_t attributes;
	uint32_t base;
	uint32_t limit;
} __attribute__((packed));

/* IgvmNativeVpContextX64. General registers are in the order in which processors number them. */
struct igvm_native {
	uint64_t rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15;
	uint64_t rip, rflags;
	uint64_t idtr_base;
	uint16_t idtr_limit;
	uint32_t reserved;
	uint16_t gdtr_limit;
	uint64_t gdtr_base;
	struct igvm_segment code, data;
	uint64_t gs_base;
	uint64_t cr0, cr3, cr4, efer;
} __attribute__((packed));

_Static_assert(sizeof(struct igvm_fixed) == 32, "IGVM_FIXED_HEADER_V2");
_Static_assert(sizeof(struct igvm_supported) == 16, "IGVM_VHS_SUPPORTED_PLATFORM");
_Static_assert(sizeof(struct igvm_policy) == 16, "IGVM_VHS_GUEST_POLICY");
_Static_assert(sizeof(struct igvm_page) == 24, "IGVM_VHS_PAGE_DATA");
_Static_assert(sizeof(struct igvm_area) == 16, "IGVM_VHS_PARAMETER_AREA");
_Static_assert(sizeof(struct igvm_insert) == 16, "IGVM_VHS_PARAMETER_INSERT");
_Static_assert(sizeof(struct igvm_context) == 20, "IGVM_VHS_VP_CONTEXT");
_Static_assert(sizeof(struct igvm_required) == 24, "IGVM_VHS_REQUIRED_MEMORY");
_Static_assert(sizeof(struct igvm_error_range) == 16, "IGVM_VHS_ERROR_RANGE");
_Static_assert(sizeof(struct igvm_id_block) == 696, "IGVM_VHS_SNP_ID_BLOCK");
_Static_assert(sizeof(struct igvm_map_entry) == 24, "IGVM_VHS_MEMORY_MAP_ENTRY");
_Static_assert(sizeof(struct igvm_native) == 0xe8, "IgvmNativeVpContextX64");

#endif
