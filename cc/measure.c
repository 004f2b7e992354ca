// SPDX-License-Identifier: MIT
#include "cc/measure.h"

#include "cc/measure_snp.h"
#include "cc/measure_tdx.h"

#include <errno.h>

int cc_measure(const struct cc_config *config, const struct load_plan *plan,
	       const struct guest_mem *mem, struct cc_measurement *out, struct vmm_error *err)
{
	*out = (struct cc_measurement){0};
	switch (config->tech) {
	case CC_SNP:
		return measure_snp(config, plan, mem, out, err);
	case CC_TDX:
		return measure_tdx(plan, mem, out, err);
	case CC_NONE:
		return vmm_error_set(err, -ENOTSUP,
				     "a plain VM (machine.cc = \"none\") is not "
				     "measured");
	case CC_SW_PROTECTED:
		return vmm_error_set(err, -ENOTSUP, "a software-protected VM is not measured");
	}
	return -EINVAL;
}
