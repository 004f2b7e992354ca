/* SPDX-License-Identifier: MIT */
/* What the files of SNP have of each other. */
#ifndef CC_SNP_H
#define CC_SNP_H

#include "cc/launch.h"
#include "cc/tech.h"

/* SEV_FEATURES */
#define SNP_ACTIVE     (UINT64_C(1) << 0)
#define SNP_SECURE_TSC (UINT64_C(1) << 9)

/* --- snp_config.c: members of cc_snp ---------------------------------------------------------- */

extern const struct cc_file snp_files[];
int snp_read(struct cc_config *config, const struct sys *sys, struct vmm_error *err);
int snp_demand(struct cc_config *config, const struct boot_demand *demand, struct vmm_error *err);
int snp_read_identity(struct cc_config *config, const struct sys *sys, struct vmm_error *err);
int snp_check(const struct cc_config *config, struct vmm_error *err);
int snp_check_vcpu(const struct cc_config *config, const struct load_vcpu *vcpu,
		   struct vmm_error *err);
int snp_check_identity(const struct cc_config *config, const uint8_t measurement[48],
		       struct vmm_error *err);

/* Has the authentication data an author key beside the ID key? */
bool snp_id_auth_has_author(const struct snp_id_auth *auth);

/* --- cpuid.c ---------------------------------------------------------------------------------- */

int snp_cpuid(const struct cc_config *config, struct kvm_cpuid2 *cpuid, struct vmm_error *err);

#endif
