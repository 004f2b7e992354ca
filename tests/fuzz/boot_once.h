/* SPDX-License-Identifier: MIT */
/* Opens what a configuration names, loads it and closes it, as `minivmm check` does. */
#ifndef TESTS_FUZZ_BOOT_ONCE_H
#define TESTS_FUZZ_BOOT_ONCE_H

#include "boot/boot.h"

static inline int boot_once(const struct boot_config *config, struct guest_mem *mem,
			    struct load_plan *plan, struct vmm_error *err)
{
	struct boot_demand demand;
	struct boot *boot;
	int ret = boot_open(&boot, config, mem->sys, &demand, err);

	if (ret == 0)
		ret = boot_load(boot, plan, err);
	boot_close(boot);
	return ret;
}

#endif
