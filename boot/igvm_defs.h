/* SPDX-License-Identifier: MIT */
/*
 * The IGVM file format (Independent Guest Virtual Machine file format, as published in the crate
 * igvm_defs): a fixed header, variable headers one after the other, and data that they point to.
 * All numbers are little-endian. Offsets here are those in the content of a header, behind its type
 * and length.
 */
#ifndef BOOT_IGVM_DEFS_H
#define BOOT_IGVM_DEFS_H

#define IGVM_MAGIC 0x4d564749 /* "IGVM" */

/* The fixed header. Version 2 has two fields more. */
enum {
	IGVM_VERSION = 4,
	IGVM_HEADERS_OFFSET = 8,
	IGVM_HEADERS_SIZE = 12,
	IGVM_FILE_SIZE = 16,
	IGVM_CHECKSUM = 20,
	IGVM_V1_SIZE = 24,
	IGVM_ARCHITECTURE = 24,
	IGVM_PAGE_SIZE = 28,
	IGVM_V2_SIZE = 32,
};

#define IGVM_ARCH_X64	  0
#define IGVM_ARCH_AARCH64 1

/* Every variable header begins with u32 type, u32 length of the content; the next one begins at a
 * multiple of 8 bytes. */
#define IGVM_HEADER_SIZE 8
#define IGVM_OPTIONAL	 (1U << 31) /* who does not know the type may ignore the header */

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

/* IGVM_SUPPORTED_PLATFORM, 16 bytes */
enum {
	PLATFORM_MASK = 0, /* exactly one bit */
	PLATFORM_HIGHEST_VTL = 4,
	PLATFORM_TYPE = 5,
	PLATFORM_VERSION = 6,
	PLATFORM_SHARED_BOUNDARY = 8,
};

enum igvm_platform {
	IGVM_NATIVE = 0,
	IGVM_VSM_ISOLATION = 1,
	IGVM_SEV_SNP = 2,
	IGVM_TDX = 3,
	IGVM_SEV = 4,
	IGVM_SEV_ES = 5,
};

/* IGVM_GUEST_POLICY, 16 bytes */
enum {
	POLICY_VALUE = 0,
	POLICY_MASK = 8,
	POLICY_RESERVED = 12,
};

/* of a TDX policy */
#define IGVM_TD_DEBUG		(1ULL << 0)
#define IGVM_TD_SEPT_VE_DISABLE (1ULL << 1)
#define IGVM_TD_MIGRATABLE	(1ULL << 2)

/* IGVM_PAGE_DATA, 24 bytes. File offset 0: a page of zeros. */
enum {
	PAGE_GPA = 0,
	PAGE_MASK = 8,
	PAGE_FILE_OFFSET = 12,
	PAGE_FLAGS = 16,
	PAGE_TYPE = 20, /* u16 */
	PAGE_RESERVED = 22,
};

#define IGVM_PAGE_2MB	     (1U << 0)
#define IGVM_PAGE_UNMEASURED (1U << 1)
#define IGVM_PAGE_SHARED     (1U << 2)

enum igvm_page_type {
	IGVM_PAGE_NORMAL = 0,
	IGVM_PAGE_SECRETS = 1,
	IGVM_PAGE_CPUID = 2,
	IGVM_PAGE_CPUID_XF = 3,
};

/* IGVM_PARAMETER_AREA, 16 bytes */
enum {
	AREA_BYTES = 0,
	AREA_INDEX = 8,
	AREA_FILE_OFFSET = 12,
};

/* IGVM_PARAMETER_INSERT, 16 bytes */
enum {
	INSERT_GPA = 0,
	INSERT_MASK = 8,
	INSERT_INDEX = 12,
};

/* What fills in a parameter, 8 bytes */
enum {
	PARAMETER_INDEX = 0,
	PARAMETER_OFFSET = 4,
};

/* IGVM_VP_CONTEXT, 20 bytes */
enum {
	CONTEXT_GPA = 0,
	CONTEXT_MASK = 8,
	CONTEXT_FILE_OFFSET = 12,
	CONTEXT_INDEX = 16, /* u16 */
	CONTEXT_RESERVED = 18,
};

/* IGVM_REQUIRED_MEMORY, 24 bytes */
enum {
	REQUIRED_GPA = 0,
	REQUIRED_MASK = 8,
	REQUIRED_BYTES = 12,
	REQUIRED_FLAGS = 16,
	REQUIRED_RESERVED = 20,
};

#define IGVM_REQUIRED_VTL2 (1U << 0)

/* IGVM_ERROR_RANGE, 16 bytes */
enum {
	ERROR_GPA = 0,
	ERROR_MASK = 8,
	ERROR_BYTES = 12,
};

/* IGVM_SNP_ID_BLOCK, 696 bytes */
enum {
	ID_MASK = 0,
	ID_AUTHOR_ENABLED = 4,
	ID_RESERVED = 5,
	ID_DIGEST = 8,
	ID_FAMILY = 0x38,
	ID_IMAGE = 0x48,
	ID_VERSION = 0x58,
	ID_GUEST_SVN = 0x5c,
	ID_KEY_ALGORITHM = 0x60,
	ID_AUTHOR_ALGORITHM = 0x64,
	ID_SIGNATURE = 0x68,
	ID_KEY = 0xf8, /* u32 curve, u32 reserved, two coordinates */
	ID_AUTHOR_SIGNATURE = 0x190,
	ID_AUTHOR_KEY = 0x220,
	ID_SIZE = 0x2b8,
};

#endif
