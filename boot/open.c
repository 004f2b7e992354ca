// SPDX-License-Identifier: MIT
/* What is started is opened once: what is known of a file before there is a VM is known of the
 * bytes that are loaded later. */
#include "boot/boot.h"
#include "boot/direct.h"
#include "boot/firmware.h"
#include "boot/igvm.h"

#include <errno.h>
#include <stdlib.h>

struct boot {
	struct boot_config config;
	union {
		struct igvm igvm;
		struct firmware firmware;
		struct direct direct;
	};
};

static int open_files(struct boot *boot, const struct sys *sys, struct boot_demand *demand,
		      struct vmm_error *err)
{
	const struct boot_config *config = &boot->config;

	if (config->igvm)
		return igvm_open(&boot->igvm, config, sys, demand, err);
	if (config->firmware)
		return firmware_open(&boot->firmware, config, sys, err);
	if (config->guest == BOOT_TDX)
		return vmm_error_set(err, -EINVAL,
				     "a TD starts in firmware, and boot.firmware names none: an "
				     "OVMF that was built for TDX, or td-shim");
	return direct_open(&boot->direct, config, sys, err);
}

int boot_open(struct boot **out, const struct boot_config *config, const struct sys *sys,
	      struct boot_demand *demand, struct vmm_error *err)
{
	struct boot *boot = calloc(1, sizeof(*boot));
	int ret;

	*out = NULL;
	*demand = (struct boot_demand){.has_policy = false};
	if (!boot)
		return vmm_error_errno(err, -ENOMEM, "unable to open what is started");
	boot->config = *config;
	ret = open_files(boot, sys, demand, err);
	if (ret < 0) {
		free(boot);
		return ret;
	}
	*out = boot;
	return 0;
}

int boot_load(struct boot *boot, struct guest_mem *mem, struct load_plan *plan,
	      struct vmm_error *err)
{
	const struct boot_config *config = &boot->config;

	if (config->igvm)
		return igvm_load(&boot->igvm, config, mem, plan, err);
	if (config->firmware)
		return firmware_load(&boot->firmware, config, mem, plan, err);
	return direct_load(&boot->direct, config, mem, plan, err);
}

const struct fw_kernel *boot_fw_kernel(const struct boot *boot)
{
	bool firmware = boot->config.firmware && !boot->config.igvm;

	return firmware && boot->config.kernel ? &boot->firmware.kernel : NULL;
}

void boot_close(struct boot *boot)
{
	if (!boot)
		return;
	if (boot->config.igvm)
		igvm_close(&boot->igvm);
	else if (boot->config.firmware)
		firmware_close(&boot->firmware);
	else
		direct_close(&boot->direct);
	free(boot);
}
