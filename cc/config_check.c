// SPDX-License-Identifier: MIT
/* What can be known to fail before there is a VM. */
#include "cc/launch.h"

#include <errno.h>

#define POLICY_ONE (1ULL << 17) /* "Reserved. Must be one." (SNP firmware ABI, guest policy) */
#define SECURE_TSC (1ULL << 9)

int cc_check(const struct cc_config *config, struct vmm_error *err)
{
	if (config->tech != CC_SNP)
		return 0;
	if (!(config->snp.policy & POLICY_ONE))
		return vmm_error_set(err, -EINVAL,
				     "snp.policy: bit 17 of %#llx must be 1, as in 0x30000",
				     (unsigned long long)config->snp.policy);
	/* the guest's TSC would run at a rate that nobody has set */
	if (config->snp.features & SECURE_TSC)
		return vmm_error_set(err, -ENOTSUP,
				     "snp.guest-features: bit 9, SECURE_TSC, is not supported by "
				     "minivmm");
	return 0;
}
