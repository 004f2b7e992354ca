/* SPDX-License-Identifier: MIT */
/*
 * The launch measurement, computed from the same load plan that the launch carries out, in the same
 * order: SNP's launch digest (SEV-SNP firmware ABI, PAGE_INFO chain) or TDX's MRTD (TDX module
 * base specification, TDH.MEM.PAGE.ADD and TDH.MR.EXTEND). Needs no KVM and nothing of the host.
 */
#ifndef CC_MEASURE_H
#define CC_MEASURE_H

#include "cc/config.h"
#include "mem/plan.h"

#define CC_DIGEST 48

struct cc_measurement {
	uint8_t digest[CC_DIGEST];
	uint64_t pages;		       /* page records that entered the digest, VMSAs included */
	uint64_t bytes;		       /* bytes of content hashed */
	uint8_t boot_vmsa[CC_DIGEST];  /* snp: SHA-384 of the boot CPU's VMSA page */
	uint8_t other_vmsa[CC_DIGEST]; /* snp: of every other CPU that the plan has no
					* registers for */
};

/* -ENOTSUP where nothing measures. */
int cc_measure(const struct cc_config *config, const struct load_plan *plan,
	       const struct guest_mem *mem, struct cc_measurement *out, struct vmm_error *err);

#endif
