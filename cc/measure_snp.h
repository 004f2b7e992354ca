/* SPDX-License-Identifier: MIT */
/*
 * The SNP launch digest: a chain of SHA-384 over one PAGE_INFO structure per page, in launch order
 * (SEV Secure Nested Paging Firmware ABI specification, section 8.17.2, table 67).
 */
#ifndef CC_MEASURE_SNP_H
#define CC_MEASURE_SNP_H

#include "cc/measure.h"

int measure_snp(const struct cc_config *config, const struct load_plan *plan,
		const struct guest_mem *mem, struct cc_measurement *out, struct vmm_error *err);

/* The PAGE_TYPE that an item's pages are launched with: enum snp_page_type. */
uint8_t snp_page_type(enum load_kind kind);

/* SHA-384 of the VMSA page of vCPU `id`. */
void measure_snp_vmsa(const struct cc_config *config, const struct load_plan *plan, uint32_t id,
		      uint8_t digest[CC_DIGEST]);

/* One link of the chain: `contents` is the page's SHA-384, or zeros for types without content. */
void snp_digest_extend(uint8_t digest[CC_DIGEST], uint8_t page_type,
		       const uint8_t contents[CC_DIGEST], uint64_t gpa);

#endif
