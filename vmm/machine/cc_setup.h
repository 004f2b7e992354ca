/* SPDX-License-Identifier: MIT */
/* From the [machine], [snp] and [tdx] sections to what the launch needs. */
#ifndef VMM_MACHINE_CC_SETUP_H
#define VMM_MACHINE_CC_SETUP_H

#include "cc/launch.h"
#include "vmm/config/config.h"

/* cc_config and the blobs that it points to; not to be copied. */
struct cc_setup {
	struct cc_config config;
	uint8_t id_block[SNP_ID_BLOCK_SIZE];
	uint8_t id_auth[SNP_ID_AUTH_SIZE];
};

/*
 * The technology of machine.cc. For "auto" the host decides: SNP where KVM offers it, else TDX,
 * else -ENOTSUP; never a plain VM. With `kvm` NULL "auto" is -EINVAL, as there is no host to ask.
 */
int cc_choose(const struct vmm_config *config, const struct kvm_system *kvm, enum cc_tech *tech,
	      struct vmm_error *err);

/* Reads what enters the launch from the files that [snp] and [tdx] name, and fills *setup. ID block
 * and certificates are left to attest_read(). */
int cc_setup_init(struct cc_setup *setup, const struct vmm_config *config, enum cc_tech tech,
		  const struct sys *sys, struct vmm_error *err);

#endif
