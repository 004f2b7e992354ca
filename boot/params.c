// SPDX-License-Identifier: MIT
/*
 * Boot parameters, "the zero page" (Linux, Documentation/arch/x86/zero-page.rst). Everything that
 * is not set here is zero: no screen, no EFI, no disks known to a BIOS.
 */
#include "boot/handover.h"
#include "boot/lowmem.h"

#include <errno.h>
#include <stddef.h>

#define LOADER_UNKNOWN 0xff /* type_of_loader: none of those with a number */

_Static_assert(sizeof(struct boot_params) == PAGE_SIZE, "boot parameters are one page");
_Static_assert(offsetof(struct boot_params, hdr) == 0x1f1, "as in the file");
_Static_assert(LOAD_PLAN_MAP <= E820_MAX_ENTRIES_ZEROPAGE, "the whole memory map fits");

static void fill_e820(struct boot_params *params, const struct load_plan *plan)
{
	for (size_t i = 0; i < plan->nmap; i++) {
		params->e820_table[i] = (struct boot_e820_entry){
			.addr = plan->map[i].gpa,
			.size = plan->map[i].len,
			.type = plan->map[i].type, /* enum gpa_type has the numbers of e820 */
		};
	}
	params->e820_entries = (uint8_t)plan->nmap;
}

int params_load(const struct handover *handover, const struct kernel *kernel, struct guest_mem *mem,
		struct load_plan *plan, struct vmm_error *err)
{
	struct boot_params *params = mem_ptr(mem, LOWMEM_PARAMS, sizeof(*params));
	struct setup_header *h;
	int ret;

	ret = load_plan_add(plan, mem, "boot parameters", LOWMEM_PARAMS, sizeof(*params), LOAD_DATA,
			    err);
	if (ret < 0 || !params)
		return ret < 0 ? ret : -EFAULT;
	*params = (struct boot_params){
		.acpi_rsdp_addr = handover->rsdp,
		.hdr = kernel->header,
	};
	h = &params->hdr;
	h->type_of_loader = LOADER_UNKNOWN;
	h->loadflags |= LOADED_HIGH;
	h->cmd_line_ptr = (uint32_t)handover->cmdline;
	h->ramdisk_image = (uint32_t)handover->initrd;
	h->ramdisk_size = (uint32_t)handover->initrd_len;
	params->ext_ramdisk_image = (uint32_t)(handover->initrd >> 32);
	params->ext_ramdisk_size = (uint32_t)(handover->initrd_len >> 32);
	h->setup_data = handover->setup_data;
	fill_e820(params, plan);
	mem_note_written(mem, LOWMEM_PARAMS, sizeof(*params));
	return 0;
}
