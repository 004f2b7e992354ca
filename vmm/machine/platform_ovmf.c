// SPDX-License-Identifier: MIT
#include "vmm/machine/platform_ovmf.h"

#include "boot/acpi_loader.h"
#include "boot/fw_kernel.h"
#include "vmm/base/bytes.h"
#include "vmm/dev/cmos.h"
#include "vmm/dev/debug_console.h"
#include "vmm/dev/fw_cfg.h"
#include "vmm/dev/q35.h"
#include "vmm/machine/views.h"
#include "vmm/machine/vm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct platform_ovmf {
	struct minivmm *vm;
	struct fw_cfg fw_cfg;
	struct q35 q35;
	struct debug_console debug;
};

static void on_debug_line(void *ctx, const char *text)
{
	struct platform_ovmf *ovmf = ctx;

	vmm_log_limited(&ovmf->vm->log, &ovmf->vm->limits.firmware, VMM_LOG_DEBUG, "firmware: %s",
			text);
}

/* A sign of life: most builds of OVMF write nothing to the debug port. */
static void on_fw_cfg_found(void *ctx)
{
	struct platform_ovmf *ovmf = ctx;

	vmm_log(&ovmf->vm->log, VMM_LOG_DEBUG, "the firmware runs and has found fw_cfg");
}

/* --- what fw_cfg holds ------------------------------------------------------------------------ */

/* The memory map as e820 entries: u64 address, u64 length, u32 type. */
static int add_e820(struct fw_cfg *fw, const struct load_plan *plan, struct vmm_error *err)
{
	uint8_t bytes[LOAD_PLAN_MAP * 20];

	for (size_t i = 0; i < plan->nmap; i++) {
		put_le64(bytes + i * 20, plan->map[i].gpa);
		put_le64(bytes + i * 20 + 8, plan->map[i].len);
		put_le32(bytes + i * 20 + 16, plan->map[i].type); /* has the numbers of e820 */
	}
	return fw_cfg_add_named(fw, "etc/e820", bytes, plan->nmap * 20, err);
}

static int add_acpi(struct fw_cfg *fw, const struct acpi_config *config, struct vmm_error *err)
{
	struct acpi_loader acpi;
	int ret = acpi_loader_build(config, &acpi, err);

	if (ret == 0)
		ret = fw_cfg_add_named(fw, ACPI_LOADER_RSDP, acpi.rsdp, acpi.rsdp_len, err);
	if (ret == 0)
		ret = fw_cfg_add_named(fw, ACPI_LOADER_TABLES, acpi.tables, acpi.tables_len, err);
	if (ret == 0)
		ret = fw_cfg_add_named(fw, ACPI_LOADER_SCRIPT, acpi.script, acpi.script_len, err);
	acpi_loader_free(&acpi);
	return ret;
}

/* A number that says how long, and the bytes. */
static int add_file(struct fw_cfg *fw, enum fw_cfg_key size_key, enum fw_cfg_key data_key,
		    const struct mem_file *file, uint64_t offset, uint64_t len,
		    struct vmm_error *err)
{
	int ret = fw_cfg_add_number(fw, (uint16_t)size_key, (uint32_t)len, 4, err);

	return ret < 0 ? ret : fw_cfg_add_part(fw, (uint16_t)data_key, file, offset, len, err);
}

static int add_kernel(struct fw_cfg *fw, const struct fw_kernel *k, const char *cmdline,
		      struct vmm_error *err)
{
	uint32_t cmdline_len = (uint32_t)strlen(cmdline) + 1;
	int ret;

	ret = add_file(fw, FW_CFG_SETUP_SIZE, FW_CFG_SETUP_DATA, &k->kernel, 0, k->setup_len, err);
	if (ret == 0)
		ret = add_file(fw, FW_CFG_KERNEL_SIZE, FW_CFG_KERNEL_DATA, &k->kernel, k->setup_len,
			       k->kernel.size - k->setup_len, err);
	if (ret == 0 && k->have_initrd)
		ret = add_file(fw, FW_CFG_INITRD_SIZE, FW_CFG_INITRD_DATA, &k->initrd, 0,
			       k->initrd.size, err);
	if (ret == 0)
		ret = fw_cfg_add_number(fw, FW_CFG_CMDLINE_SIZE, cmdline_len, 4, err);
	if (ret == 0)
		ret = fw_cfg_add_bytes(fw, FW_CFG_CMDLINE_DATA, cmdline, cmdline_len, err);
	return ret;
}

int platform_ovmf_load(struct platform_ovmf *ovmf, struct vmm_error *err)
{
	struct minivmm *vm = ovmf->vm;
	const struct fw_kernel *kernel = boot_fw_kernel(vm->boot);
	struct boot_config boot;
	int ret;

	machine_boot_config(vm->config, vm->cc.tech, &boot);
	ret = fw_cfg_add_number(&ovmf->fw_cfg, FW_CFG_CPUS, boot.platform.vcpus, 2, err);
	if (ret == 0)
		ret = add_e820(&ovmf->fw_cfg, vm->plan, err);
	if (ret == 0)
		ret = add_acpi(&ovmf->fw_cfg, &boot.platform, err);
	if (ret == 0 && kernel)
		ret = add_kernel(&ovmf->fw_cfg, kernel, boot.cmdline, err);
	return ret;
}

/* --- the devices ------------------------------------------------------------------------------ */

static void set_memory(struct cmos *cmos, uint64_t size)
{
	struct gpa_range ram[2];
	size_t n = layout_ram(size, ram);

	cmos_set_memory(cmos, ram[0].len, n == 2 ? ram[1].len : 0);
}

static int add_to_buses(struct platform_ovmf *ovmf, struct vmm_error *err)
{
	const struct bus_range ports[] = {
		{OVMF_DEBUG_PORT, 1, &ovmf->debug.dev},
		{FW_CFG_PORT, FW_CFG_PORTS, &ovmf->fw_cfg.dev},
		{FW_CFG_DMA_PORT, FW_CFG_DMA_PORTS, &ovmf->fw_cfg.dma_dev},
		{Q35_CONFIG_PORT, Q35_CONFIG_PORTS, &ovmf->q35.ports},
	};
	int ret = 0;

	for (size_t i = 0; i < ARRAY_SIZE(ports) && ret == 0; i++)
		ret = bus_add(&ovmf->vm->pio, ports[i].base, ports[i].len, ports[i].dev, err);
	for (size_t i = 0; i < Q35_WINDOWS && ret == 0; i++)
		ret = bus_add(&ovmf->vm->mmio, ovmf->q35.window[i].base, LAYOUT_PCI_WINDOW_SIZE,
			      &ovmf->q35.window[i].dev, err);
	return ret;
}

int platform_ovmf_create(struct platform_ovmf **out, struct minivmm *vm, struct cmos *cmos,
			 struct device *reset, struct vmm_error *err)
{
	struct platform_ovmf *ovmf = calloc(1, sizeof(*ovmf));
	int ret;

	*out = NULL;
	if (!ovmf)
		return vmm_error_errno(err, -ENOMEM, "unable to allocate the devices");
	ovmf->vm = vm;
	q35_init(&ovmf->q35, reset);
	debug_console_init(&ovmf->debug, on_debug_line, ovmf);
	set_memory(cmos, vm->config->machine.memory);
	ret = fw_cfg_init(&ovmf->fw_cfg, &vm->mem, err);
	ovmf->fw_cfg.found = on_fw_cfg_found;
	ovmf->fw_cfg.ctx = ovmf;
	if (ret == 0)
		ret = add_to_buses(ovmf, err);
	if (ret < 0) {
		platform_ovmf_destroy(ovmf);
		return ret;
	}
	*out = ovmf;
	return 0;
}

void platform_ovmf_destroy(struct platform_ovmf *ovmf)
{
	if (!ovmf)
		return;
	fw_cfg_destroy(&ovmf->fw_cfg);
	debug_console_destroy(&ovmf->debug);
	free(ovmf);
}
