// SPDX-License-Identifier: MIT
/*
 * What Linux needs to find out that it runs in an SNP guest when no firmware tells it: a
 * "confidential computing blob" with the addresses of secrets and CPUID page, found through an
 * entry of the boot parameters' setup_data list (Linux, arch/x86/include/asm/sev.h, struct
 * cc_blob_sev_info; arch/x86/boot/compressed/sev.c).
 */
#include "boot/handover.h"
#include "boot/lowmem.h"

#include <stddef.h>

#define SETUP_CC_BLOB 7
#define CC_BLOB_MAGIC 0x45444d41 /* "AMDE" */

struct cc_blob {
	uint32_t magic;
	uint16_t version;
	uint16_t reserved;
	uint64_t secrets;
	uint32_t secrets_len;
	uint32_t reserved1;
	uint64_t cpuid;
	uint32_t cpuid_len;
	uint32_t reserved2;
};

_Static_assert(sizeof(struct cc_blob) == 40, "struct cc_blob_sev_info");

/* Blob and list entry share a page, which the guest finds reserved: it reads the blob late. */
struct cc_page {
	struct cc_blob blob;
	struct {
		uint64_t next;
		uint32_t type;
		uint32_t len; /* bytes that follow */
		uint32_t blob_gpa;
		uint32_t pad;
	} node; /* struct setup_data */
};

int snp_pages_load(uint32_t cbit, struct handover *handover, struct guest_mem *mem,
		   struct load_plan *plan, struct vmm_error *err)
{
	struct cc_page page = {
		.blob =
			{
				.magic = CC_BLOB_MAGIC,
				.secrets = LOWMEM_SNP_SECRETS,
				.secrets_len = PAGE_SIZE,
				.cpuid = LOWMEM_SNP_CPUID,
				.cpuid_len = PAGE_SIZE,
			},
		.node =
			{
				.next = handover->setup_data,
				.type = SETUP_CC_BLOB,
				.len = sizeof(page.node.blob_gpa) + sizeof(page.node.pad),
				.blob_gpa = LOWMEM_SNP_BLOB,
			},
	};
	int ret;

	ret = load_plan_add(plan, mem, "SNP secrets", LOWMEM_SNP_SECRETS, PAGE_SIZE, LOAD_SECRETS,
			    err);
	if (ret == 0)
		ret = load_plan_add(plan, mem, "SNP CPUID", LOWMEM_SNP_CPUID, PAGE_SIZE, LOAD_CPUID,
				    err);
	/* Linux stops when it finds the blob but no C-bit */
	if (ret < 0 || cbit == 0)
		return ret;
	handover->setup_data = LOWMEM_SNP_BLOB + offsetof(struct cc_page, node);
	ret = load_plan_add(plan, mem, "SNP blob", LOWMEM_SNP_BLOB, sizeof(page), LOAD_DATA, err);
	if (ret == 0)
		ret = mem_write(mem, LOWMEM_SNP_BLOB, &page, sizeof(page));
	return ret;
}
