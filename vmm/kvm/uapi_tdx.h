/* SPDX-License-Identifier: MIT */
/*
 * KVM's interface to the Intel TDX module: sub-commands of KVM_MEMORY_ENCRYPT_OP on VM and vCPU.
 * Source: Linux 6.16 arch/x86/include/uapi/asm/kvm.h and Documentation/virt/kvm/x86/intel-tdx.rst;
 * names here are our own, so that newer headers do not clash.
 */
#ifndef VMM_KVM_UAPI_TDX_H
#define VMM_KVM_UAPI_TDX_H

#include <linux/kvm.h>
#include <stddef.h>

enum tdx_command {
	TDX_CMD_CAPABILITIES = 0,    /* VM */
	TDX_CMD_INIT_VM = 1,	     /* VM */
	TDX_CMD_INIT_VCPU = 2,	     /* vCPU; data is the initial RCX and R8 */
	TDX_CMD_INIT_MEM_REGION = 3, /* vCPU */
	TDX_CMD_FINALIZE_VM = 4,     /* VM */
	TDX_CMD_GET_CPUID = 5,	     /* vCPU */
};

#define TDX_MEASURE_MEMORY_REGION (1u << 0) /* flag of INIT_MEM_REGION */

/* struct kvm_tdx_cmd */
struct tdx_cmd {
	__u32 id;
	__u32 flags;
	__u64 data;	/* user address or number */
	__u64 hw_error; /* out: status of the TDX module; must be 0 on entry */
};

/* struct kvm_tdx_capabilities */
struct tdx_capabilities {
	__u64 supported_attrs;
	__u64 supported_xfam;
	__u64 kernel_info_r11; /* TDVMCALL leaf 1: what the kernel handles */
	__u64 user_info_r11;   /* what the VMM may offer */
	__u64 kernel_info_r12;
	__u64 user_info_r12;
	__u64 reserved[250];
	__u32 nent;
	__u32 padding;
	struct kvm_cpuid_entry2 entry[];
};

/* struct kvm_tdx_init_vm */
struct tdx_init_vm {
	__u64 attributes;
	__u64 xfam;
	__u8 mrconfigid[48];
	__u8 mrowner[48];
	__u8 mrownerconfig[48];
	__u64 reserved[12];
	__u32 nent;
	__u32 padding;
	struct kvm_cpuid_entry2 entry[];
};

/* struct kvm_tdx_init_mem_region; always written back: what is left to do */
struct tdx_mem_region {
	__u64 source_addr; /* 0: the guest_memfd page itself */
	__u64 gpa;
	__u64 nr_pages;
};

#define EXIT_TDX 40

/* TDVMCALL numbers of EXIT_TDX (Intel TDX Guest-Hypervisor Communication Interface) */
#define TDVMCALL_GET_INFO     0x10000
#define TDVMCALL_GET_QUOTE    0x10002
#define TDVMCALL_SETUP_NOTIFY 0x10004

/* TDVMCALL status values, what the guest finds in R10 */
#define TDVMCALL_SUCCESS	 UINT64_C(0)
#define TDVMCALL_RETRY		 UINT64_C(1)
#define TDVMCALL_INVALID_OPERAND UINT64_C(0x8000000000000000)
#define TDVMCALL_ALIGN_ERROR	 UINT64_C(0x8000000000000002)

/* kvm_run at KVM_RUN_EXIT for EXIT_TDX */
struct run_tdx {
	__u64 flags;
	__u64 nr;
	union {
		struct {
			__u64 ret; /* a status; KVM has put a default there */
			__u64 leaf;
			__u64 r11, r12, r13, r14;
		} info;
		struct {
			__u64 ret;
			__u64 gpa; /* without the shared bit */
			__u64 size;
		} quote;
		struct {
			__u64 ret;
			__u64 vector;
		} notify;
	} u;
};

_Static_assert(offsetof(struct run_tdx, u.quote.gpa) == 56 - 32, "operands of KVM_EXIT_TDX");
_Static_assert(offsetof(struct run_tdx, u.info.r14) == 88 - 32, "operands of KVM_EXIT_TDX");
_Static_assert(sizeof(struct tdx_cmd) == 24, "kvm_tdx_cmd");
_Static_assert(offsetof(struct tdx_capabilities, nent) == 2048, "kvm_tdx_capabilities");
_Static_assert(offsetof(struct tdx_init_vm, nent) == 256, "kvm_tdx_init_vm");
_Static_assert(sizeof(struct tdx_mem_region) == 24, "kvm_tdx_init_mem_region");

#endif
