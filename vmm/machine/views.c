// SPDX-License-Identifier: MIT
#include "vmm/machine/views.h"

#include "cc/dispatch.h"
#include "vmm/virtio/devices.h"

void machine_boot_config(const struct vmm_config *config, const struct cc_tech *tech,
			 struct boot_config *boot)
{
	*boot = (struct boot_config){
		.guest = tech->boot,
		.igvm = config->boot.igvm,
		.firmware = config->boot.firmware,
		.kernel = config->boot.kernel,
		.initrd = config->boot.initrd,
		.cmdline = config->boot.cmdline ? config->boot.cmdline : "",
		.device_tree = config->boot.device_tree,
		.cbit = tech->boot == BOOT_SNP ? config->cc.snp.cbit : 0,
		.platform =
			{
				.vcpus = config->machine.vcpus,
				.serial_irq = PLATFORM_SERIAL_IRQ,
				.no_pic = tech->split_irqchip,
			},
	};
	boot->platform.nvirtio = virtio_places(config, boot->platform.virtio);
}

int machine_cc_config(struct cc_config *cc, const struct vmm_config *config,
		      const struct cc_tech *tech, const struct sys *sys, struct vmm_error *err)
{
	return cc_config_init(cc, tech, &config->cc, config->machine.vcpus,
			      config->machine.memory_source == CONFIG_SOURCE_COPY, sys, err);
}
