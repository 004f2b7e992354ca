/* SPDX-License-Identifier: MIT */
/*
 * What KVM offers beyond the 6.1 headers of Debian 12. Each part is declared only when the build
 * host's <linux/kvm.h> lacks it; sizes and request numbers are asserted here and compared with a
 * newer kernel's headers by tests/unit/test_uapi.c.
 *
 * Sources: Linux 6.12 include/uapi/linux/kvm.h and Documentation/virt/kvm/api.rst; for
 * guest_memfd flags Linux 6.18 (api.rst, KVM_CREATE_GUEST_MEMFD).
 */
#ifndef VMM_KVM_UAPI_H
#define VMM_KVM_UAPI_H

#include <linux/kvm.h>
#include <stddef.h>

/* Types of VM for KVM_CREATE_VM, reported as a bit map by KVM_CAP_VM_TYPES. */
#ifndef KVM_X86_DEFAULT_VM
#define KVM_X86_DEFAULT_VM 0
#endif
#ifndef KVM_X86_SW_PROTECTED_VM
#define KVM_X86_SW_PROTECTED_VM 1
#endif
#ifndef KVM_X86_SNP_VM
#define KVM_X86_SNP_VM 4
#endif
#ifndef KVM_X86_TDX_VM
#define KVM_X86_TDX_VM 5
#endif

#ifndef KVM_CAP_USER_MEMORY2
#define KVM_CAP_USER_MEMORY2 231
#endif
#ifndef KVM_CAP_MEMORY_FAULT_INFO
#define KVM_CAP_MEMORY_FAULT_INFO 232
#endif
#ifndef KVM_CAP_MEMORY_ATTRIBUTES
#define KVM_CAP_MEMORY_ATTRIBUTES 233
#endif
#ifndef KVM_CAP_GUEST_MEMFD
#define KVM_CAP_GUEST_MEMFD 234
#endif
#ifndef KVM_CAP_VM_TYPES
#define KVM_CAP_VM_TYPES 235
#endif
#ifndef KVM_CAP_GUEST_MEMFD_FLAGS
#define KVM_CAP_GUEST_MEMFD_FLAGS 244
#endif

/* Maps memory that the guest has not touched yet, as it would be mapped then (api.rst 4.143). */
#ifndef KVM_PRE_FAULT_MEMORY
struct kvm_pre_fault_memory {
	__u64 gpa; /* out: what is left, after EINTR or EAGAIN */
	__u64 size;
	__u64 flags;
	__u64 padding[5];
};
#define KVM_PRE_FAULT_MEMORY _IOWR(KVMIO, 0xd5, struct kvm_pre_fault_memory)
#endif

#ifndef KVM_MEM_GUEST_MEMFD
#define KVM_MEM_GUEST_MEMFD (1UL << 2)
#endif

#ifndef KVM_SET_USER_MEMORY_REGION2
struct kvm_userspace_memory_region2 {
	__u32 slot;
	__u32 flags;
	__u64 guest_phys_addr;
	__u64 memory_size;
	__u64 userspace_addr;
	__u64 guest_memfd_offset;
	__u32 guest_memfd;
	__u32 pad1;
	__u64 pad2[14];
};
#define KVM_SET_USER_MEMORY_REGION2 _IOW(KVMIO, 0x49, struct kvm_userspace_memory_region2)
#endif

#ifndef KVM_CREATE_GUEST_MEMFD
struct kvm_create_guest_memfd {
	__u64 size;
	__u64 flags;
	__u64 reserved[6];
};
#define KVM_CREATE_GUEST_MEMFD _IOWR(KVMIO, 0xd4, struct kvm_create_guest_memfd)
#endif

#ifndef GUEST_MEMFD_FLAG_MMAP
#define GUEST_MEMFD_FLAG_MMAP (UINT64_C(1) << 0)
#endif
#ifndef GUEST_MEMFD_FLAG_INIT_SHARED
#define GUEST_MEMFD_FLAG_INIT_SHARED (UINT64_C(1) << 1)
#endif

/* The VM's own record of private pages, for guest_memfd without in-place conversion. */
#ifndef KVM_SET_MEMORY_ATTRIBUTES
struct kvm_memory_attributes {
	__u64 address; /* gpa */
	__u64 size;
	__u64 attributes;
	__u64 flags;
};
#define KVM_SET_MEMORY_ATTRIBUTES _IOW(KVMIO, 0xd2, struct kvm_memory_attributes)
#endif
#ifndef KVM_MEMORY_ATTRIBUTE_PRIVATE
#define KVM_MEMORY_ATTRIBUTE_PRIVATE (UINT64_C(1) << 3)
#endif

/*
 * In-place conversion, an ioctl of the guest_memfd itself. Not in any released header: the series
 * "guest_memfd: In-place conversion support" revision 8 and linux-next of September 2026.
 */
struct gmem_attributes {
	__u64 offset; /* into the file */
	__u64 size;
	__u64 attributes;
	__u64 flags;	    /* GMEM_PRESERVE in revisions 4 and 5, else 0 */
	__u64 error_offset; /* out: first offending page */
	__u64 reserved[11];
};
#define GMEM_SET_ATTRIBUTES _IOWR(KVMIO, 0xd2, struct gmem_attributes)

/* Of revisions 4 and 5. The capabilities of the series are not used: their numbers moved with each
 * revision, and mem/mode.c finds out by trying. A kernel with another value: -DGMEM_PRESERVE=... */
#ifndef GMEM_PRESERVE
#define GMEM_PRESERVE (UINT64_C(1) << 1)
#endif

#ifndef KVM_EXIT_MEMORY_FAULT
#define KVM_EXIT_MEMORY_FAULT 39
#endif
#define MEMORY_FAULT_PRIVATE (UINT64_C(1) << 3)

/* kvm_run at KVM_RUN_EXIT for KVM_EXIT_MEMORY_FAULT */
struct run_memory_fault {
	__u64 flags;
	__u64 gpa;
	__u64 size;
};
#define KVM_RUN_EXIT offsetof(struct kvm_run, hw) /* where the exits' structures start */

_Static_assert(sizeof(struct kvm_memory_attributes) == 32, "memory_attributes is 32 bytes");
_Static_assert(sizeof(struct gmem_attributes) == 128, "memory_attributes2 is 128 bytes");
_Static_assert(sizeof(struct kvm_pre_fault_memory) == 64, "pre_fault_memory is 64 bytes");
_Static_assert(KVM_PRE_FAULT_MEMORY == 0xc040aed5, "request number");
_Static_assert(KVM_SET_MEMORY_ATTRIBUTES == 0x4020aed2, "request number");
_Static_assert(GMEM_SET_ATTRIBUTES == 0xc080aed2, "request number");
_Static_assert(offsetof(struct kvm_run, hw) == 32, "exit structures start at 32");
_Static_assert(sizeof(struct kvm_userspace_memory_region2) == 160, "region2 is 160 bytes");
_Static_assert(sizeof(struct kvm_create_guest_memfd) == 64, "create_guest_memfd is 64 bytes");
_Static_assert(KVM_SET_USER_MEMORY_REGION2 == 0x40a0ae49, "request number");
_Static_assert(KVM_CREATE_GUEST_MEMFD == 0xc040aed4, "request number");

#endif
