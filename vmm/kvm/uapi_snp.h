/* SPDX-License-Identifier: MIT */
/*
 * KVM's interface to the SEV-SNP firmware: sub-commands of KVM_MEMORY_ENCRYPT_OP on the VM.
 * Source: Linux 6.12 arch/x86/include/uapi/asm/kvm.h and
 * Documentation/virt/kvm/x86/amd-memory-encryption.rst; names here are our own, so that newer
 * headers do not clash.
 */
#ifndef VMM_KVM_UAPI_SNP_H
#define VMM_KVM_UAPI_SNP_H

#include <linux/kvm.h>
#include <stddef.h>

enum snp_command {
	SNP_CMD_INIT2 = 22,
	SNP_CMD_LAUNCH_START = 100,
	SNP_CMD_LAUNCH_UPDATE = 101,
	SNP_CMD_LAUNCH_FINISH = 102,
	SNP_CMD_ENABLE_REQ_CERTS = 103, /* Linux 7.0 */
};

/* struct kvm_sev_cmd */
struct snp_cmd {
	__u32 id;
	__u32 pad0;
	__u64 data;  /* user address of the sub-command's structure */
	__u32 error; /* out: firmware status; the caller sets it to 0 */
	__u32 sev_fd;
};

/* struct kvm_sev_init, for SNP_CMD_INIT2 */
struct snp_init {
	__u64 vmsa_features; /* without bit 0 (SNP_ACTIVE), which KVM adds */
	__u32 flags;
	__u16 ghcb_version; /* 0: KVM's default */
	__u16 pad1;
	__u32 pad2[8];
};

/* struct kvm_sev_snp_launch_start */
struct snp_launch_start {
	__u64 policy;
	__u8 gosvw[16];
	__u16 flags;
	__u8 pad0[6];
	__u64 pad1[4];
};

enum snp_page_type {
	SNP_PAGE_NORMAL = 1,
	SNP_PAGE_VMSA = 2, /* KVM's own, measured by LAUNCH_FINISH */
	SNP_PAGE_ZERO = 3,
	SNP_PAGE_UNMEASURED = 4,
	SNP_PAGE_SECRETS = 5,
	SNP_PAGE_CPUID = 6,
};

/* struct kvm_sev_snp_launch_update; the first three fields are advanced by the kernel */
struct snp_launch_update {
	__u64 gfn_start;
	__u64 uaddr; /* 0: the guest_memfd page itself is the source */
	__u64 len;   /* bytes, multiple of 4096 */
	__u8 type;
	__u8 pad0;
	__u16 flags;
	__u32 pad1;
	__u64 pad2[4];
};

/* struct kvm_sev_snp_launch_finish */
struct snp_launch_finish {
	__u64 id_block_uaddr;
	__u64 id_auth_uaddr;
	__u8 id_block_en;
	__u8 auth_key_en;
	__u8 vcek_disabled;
	__u8 host_data[32]; /* at the odd offset 19 */
	__u8 pad0[3];
	__u16 flags;
	__u64 pad1[4];
};

/* The guest wants the host's certificates. 43 in Linux 7.0; kernels that were built from the series
 * before may have another number: -DEXIT_SNP_REQ_CERTS=42. */
#ifndef EXIT_SNP_REQ_CERTS
#define EXIT_SNP_REQ_CERTS 43
#endif

/* kvm_run at KVM_RUN_EXIT for EXIT_SNP_REQ_CERTS */
struct run_snp_req_certs {
	__u64 gpa;
	__u64 npages; /* room of the guest; with ENOSPC: needed */
	__u64 ret;    /* 0, or one of ENOSPC, EAGAIN, EIO, positive */
};

/* KVM_GET_DEVICE_ATTR and KVM_HAS_DEVICE_ATTR on /dev/kvm */
#define SNP_ATTR_GROUP	       1
#define SNP_ATTR_VMSA_FEATURES 0
#define SNP_ATTR_POLICY_BITS   1
#define SNP_ATTR_REQ_CERTS     2

_Static_assert(sizeof(struct snp_cmd) == 24, "kvm_sev_cmd");
_Static_assert(sizeof(struct snp_init) == 48, "kvm_sev_init");
_Static_assert(sizeof(struct snp_launch_start) == 64, "kvm_sev_snp_launch_start");
_Static_assert(sizeof(struct snp_launch_update) == 64, "kvm_sev_snp_launch_update");
_Static_assert(sizeof(struct snp_launch_finish) == 88, "kvm_sev_snp_launch_finish");
_Static_assert(offsetof(struct snp_launch_finish, host_data) == 19, "host_data");

#endif
