// SPDX-License-Identifier: MIT
/* Direct kernel boot: everything that is loaded, in the order in which it becomes boot items.
 * Guests with firmware are boot/firmware.c's. */
#include "boot/direct.h"

#include "boot/cmdline.h"
#include "boot/fdt.h"
#include "boot/handover.h"
#include "boot/kernel.h"
#include "boot/lowmem.h"
#include "boot/ram.h"
#include "boot/uki.h"
#include "vmm/base/bytes.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* The end of all RAM. */
static uint64_t top_of_ram(const struct guest_mem *mem)
{
	struct gpa_range ram[MEM_MAX_REGIONS];
	size_t n = ram_ranges(mem, ram);

	return n ? ram[n - 1].gpa + ram[n - 1].len : 0;
}

static uint64_t end_of_items(const struct load_plan *plan)
{
	uint64_t end = 0;

	for (size_t i = 0; i < plan->nitems; i++)
		if (plan->item[i].gpa + plan->item[i].len > end)
			end = plan->item[i].gpa + plan->item[i].len;
	return end;
}

/* More memory is only advice where it helps. */
static const char *initrd_advice(const struct guest_mem *mem, const struct load_plan *plan,
				 const struct kernel *kernel, uint64_t len)
{
	uint64_t kernel_end = end_of_items(plan), end;

	if (kernel->initrd_anywhere)
		return "give the guest more memory";
	if (__builtin_add_overflow(kernel_end, len, &end) || end > kernel->initrd_end)
		return "this kernel, as it is started, takes no initrd above that address, whatever "
		       "memory the guest has";
	return ram_advice(mem, kernel_end, len);
}

/* As high as the kernel allows, so that the kernel has the room above itself to grow. */
static int find_initrd(uint64_t len, const struct kernel *kernel, const struct guest_mem *mem,
		       const struct load_plan *plan, uint64_t *gpa, struct vmm_error *err)
{
	uint64_t ram_end = kernel_ram_end(mem);
	uint64_t end = kernel->initrd_end < ram_end ? kernel->initrd_end : ram_end;
	int ret = load_plan_find(plan, mem, len, PAGE_SIZE, LOWMEM_END, end, gpa);

	if (ret < 0 && kernel->initrd_anywhere)
		ret = load_plan_find(plan, mem, len, PAGE_SIZE, LOWMEM_END, UINT64_MAX, gpa);
	if (ret == 0)
		return 0;
	return vmm_error_set(err, -ENOMEM,
			     "no room for its %" PRIu64 " bytes beside the kernel below %#" PRIx64
			     ": %s",
			     len, kernel->initrd_anywhere ? top_of_ram(mem) : end,
			     initrd_advice(mem, plan, kernel, len));
}

static int load_initrd(const struct mem_file *file, const struct kernel *kernel,
		       struct guest_mem *mem, struct load_plan *plan, struct handover *handover,
		       struct vmm_error *err)
{
	uint64_t gpa;
	int ret = find_initrd(file->size, kernel, mem, plan, &gpa, err);

	if (ret < 0)
		vmm_error_prefix(err, "%s", file->path);
	if (ret == 0)
		ret = load_plan_add(plan, mem, "initrd", gpa, file->size, LOAD_DATA, err);
	if (ret == 0)
		mem_keep_small(mem, gpa);
	if (ret == 0)
		ret = mem_file_load(file, 0, mem, gpa, file->size, err);
	if (ret == 0) {
		handover->initrd = gpa;
		handover->initrd_len = file->size;
	} else {
		vmm_error_prefix(err, "initrd");
	}
	return ret;
}

static int load_cmdline(const struct boot_config *config, uint64_t max, struct guest_mem *mem,
			struct load_plan *plan, struct handover *handover, struct vmm_error *err)
{
	char devices[CMDLINE_DEVICES];
	size_t own = strlen(config->cmdline);
	size_t len = own + cmdline_devices(config, devices);
	int ret;

	if (max > LOWMEM_CMDLINE_SIZE - 1)
		max = LOWMEM_CMDLINE_SIZE - 1;
	if (len > max)
		return vmm_error_set(err, -E2BIG,
				     "command line: %zu bytes, this kernel takes at most %" PRIu64,
				     len, max);
	ret = load_plan_add(plan, mem, "command line", LOWMEM_CMDLINE, len + 1, LOAD_DATA, err);
	if (ret == 0)
		ret = mem_write(mem, LOWMEM_CMDLINE, config->cmdline, own);
	if (ret == 0)
		ret = mem_write(mem, LOWMEM_CMDLINE + own, devices, len - own + 1);
	handover->cmdline = LOWMEM_CMDLINE;
	return ret;
}

/* *len: bytes that the tables take up, whole pages. */
static int load_acpi(const struct acpi_config *config, struct guest_mem *mem,
		     struct load_plan *plan, struct handover *handover, uint64_t *len,
		     struct vmm_error *err)
{
	size_t size = acpi_size(config);
	void *buf = mem_ptr(mem, LOWMEM_ACPI, size);
	int ret;

	if (size > LOWMEM_ACPI_SIZE || !buf)
		return vmm_error_set(err, -ENOSPC,
				     "ACPI tables: %zu bytes, there is room for %llu: configure "
				     "fewer CPUs or devices",
				     size, LOWMEM_ACPI_SIZE);
	ret = acpi_build(config, buf, size, LOWMEM_ACPI, err);
	if (ret < 0)
		return ret;
	mem_note_written(mem, LOWMEM_ACPI, (uint64_t)ret);
	handover->rsdp = LOWMEM_ACPI;
	*len = align_up((uint64_t)ret, PAGE_SIZE);
	return load_plan_add(plan, mem, "ACPI tables", LOWMEM_ACPI, (uint64_t)ret, LOAD_DATA, err);
}

/* As an entry of the list that boot parameters have for such things (boot.rst, setup_data). */
static int load_device_tree(const struct boot_config *config, struct guest_mem *mem,
			    struct load_plan *plan, struct handover *handover,
			    struct vmm_error *err)
{
	struct gpa_range ram[MEM_MAX_REGIONS];
	size_t nram = ram_ranges(mem, ram);
	size_t size = fdt_size(&config->platform, nram, config->cmdline);
	uint64_t ram_end = kernel_ram_end(mem), gpa;
	struct setup_data *data;
	int ret;

	ret = load_plan_find(plan, mem, sizeof(*data) + size, PAGE_SIZE, LOWMEM_END, ram_end, &gpa);
	if (ret < 0)
		return vmm_error_set(err, -ENOMEM,
				     "device tree: no room for its %zu bytes beside kernel and "
				     "initrd below %#" PRIx64 ": %s",
				     size, ram_end, ram_advice(mem, ram_end, size));
	data = mem_ptr(mem, gpa, sizeof(*data) + size);
	ret = fdt_build(&config->platform, ram, nram, config->cmdline, handover->initrd,
			handover->initrd_len, data->data, size, err);
	if (ret < 0)
		return ret;
	*data = (struct setup_data){.type = SETUP_DTB, .len = (uint32_t)ret};
	mem_note_written(mem, gpa, sizeof(*data) + (uint64_t)ret);
	handover->setup_data = gpa;
	return load_plan_add(plan, mem, "device tree", gpa, sizeof(*data) + (uint64_t)ret,
			     LOAD_DATA, err);
}

/* What the guest is told about its memory; `acpi_len` bytes of tables, whole pages. */
static int make_map(const struct guest_mem *mem, struct load_plan *plan, bool snp,
		    uint64_t acpi_len, struct vmm_error *err)
{
	uint64_t snp_end = snp ? LOWMEM_SNP_END : LOWMEM_SNP_SECRETS;
	uint64_t acpi_end = LOWMEM_ACPI + acpi_len;
	const struct gpa_map_entry low[] = {
		{0, LOWMEM_SNP_SECRETS, GPA_RAM},
		{LOWMEM_SNP_SECRETS, snp_end - LOWMEM_SNP_SECRETS, GPA_RESERVED},
		{snp_end, LOWMEM_RAM_END - snp_end, GPA_RAM},
		{LOWMEM_RAM_END, LOWMEM_ACPI - LOWMEM_RAM_END, GPA_RESERVED},
		{LOWMEM_ACPI, acpi_len, GPA_ACPI},
		{acpi_end, LOWMEM_END - acpi_end, GPA_RESERVED},
		{LOWMEM_END, kernel_ram_end(mem) - LOWMEM_END, GPA_RAM},
		/* used by KVM on Intel: nothing else may be put there */
		{LAYOUT_IDENTITY, 4 * PAGE_SIZE, GPA_RESERVED},
	};
	struct gpa_range ram[MEM_MAX_REGIONS];
	size_t nram = ram_ranges(mem, ram);
	int ret = 0;

	for (size_t i = 0; i < ARRAY_SIZE(low) && ret == 0; i++) {
		if (low[i].len > 0)
			ret = load_plan_map(plan, low[i].gpa, low[i].len, low[i].type, err);
	}
	for (size_t i = 0; i < nram && ret == 0; i++) {
		if (ram[i].gpa >= LAYOUT_HIGH_BASE)
			ret = load_plan_map(plan, ram[i].gpa, ram[i].len, GPA_RAM, err);
	}
	return ret;
}

/* The CPU's first state and what it needs for it, which is all that the two entries differ in. */
static int set_entry(const struct kernel *kernel, const struct handover *handover, uint32_t cbit,
		     struct guest_mem *mem, struct load_plan *plan, struct vmm_error *err)
{
	int ret;

	plan->entry = (struct load_entry){
		.mode = kernel->mode,
		.rip = kernel->entry,
		.arg = LOWMEM_PARAMS,
	};
	if (kernel->mode == ENTRY_PVH)
		return pvh_load(handover, mem, plan, err);
	plan->entry.cr3 = LOWMEM_PAGE_TABLES;
	ret = params_load(handover, kernel, mem, plan, err);
	return ret < 0 ? ret : page_tables_load(cbit, mem, plan, err);
}

/* --- opening ---------------------------------------------------------------------------------- */

/* What the configuration names goes before what the image has, as with any other kernel. */
static int open_uki(struct direct *direct, const struct boot_config *config, struct vmm_error *err)
{
	struct boot_image *image = &direct->image;
	struct mem_file whole = image->file;
	struct uki uki;
	int ret = uki_read(&whole, &uki, err);

	if (ret <= 0)
		return ret;
	if (!config->cmdline[0])
		ret = uki_cmdline(&whole, &uki, LOWMEM_CMDLINE_SIZE - 1, &direct->own_cmdline, err);
	if (ret >= 0 && !config->initrd && uki.initrd.len) {
		direct->initrd = mem_file_part(&whole, uki.initrd.offset, uki.initrd.len);
		direct->initrd_inside = true;
	}
	return ret < 0 ? ret : image_enter(image, uki.kernel.offset, uki.kernel.len, err);
}

static int open_initrd(struct mem_file *file, const struct sys *sys, const char *path,
		       struct vmm_error *err)
{
	int ret = mem_file_open(file, sys, path, err);

	if (ret == 0 && file->size == 0)
		ret = vmm_error_set(err, -ENODATA, "%s: the file is empty", path);
	if (ret < 0)
		vmm_error_prefix(err, "initrd");
	return ret;
}

int direct_open(struct direct *direct, const struct boot_config *config, const struct sys *sys,
		struct vmm_error *err)
{
	int ret;

	*direct = (struct direct){.initrd = {.sys = sys, .fd = -1}};
	ret = image_open(&direct->image, sys, config->kernel, err);
	if (ret == 0 && !direct->image.codec && !bzimage_is(&direct->image))
		ret = open_uki(direct, config, err);
	if (ret < 0)
		vmm_error_prefix(err, "kernel");
	if (ret == 0 && config->initrd)
		ret = open_initrd(&direct->initrd, sys, config->initrd, err);
	if (ret < 0)
		direct_close(direct);
	return ret;
}

void direct_close(struct direct *direct)
{
	image_close(&direct->image);
	if (!direct->initrd_inside)
		mem_file_close(&direct->initrd);
	free(direct->own_cmdline);
	direct->own_cmdline = NULL;
}

/* --- all of it -------------------------------------------------------------------------------- */

static int load(struct direct *direct, const struct boot_config *config, struct guest_mem *mem,
		struct load_plan *plan, struct vmm_error *err)
{
	const struct mem_file *initrd = &direct->initrd;
	bool snp = config->guest == BOOT_SNP;
	/* PVH has no way to hand over a device tree, nor, for Linux, an initrd above 4 GiB */
	bool need_long_mode = config->long_mode || config->device_tree || snp ||
			      initrd->size > kernel_ram_end(mem) - LOWMEM_END;
	struct handover handover = {.rsdp = 0};
	struct kernel kernel = {.mode = ENTRY_NONE};
	uint64_t acpi_len = 0;
	int ret;

	ret = kernel_load(&direct->image, need_long_mode, mem, plan, &kernel, err);
	/* behind its last item the kernel has free memory, of which it uses other parts first */
	if (ret == 0)
		mem_keep_small(mem, end_of_items(plan));
	if (ret == 0 && initrd->size)
		ret = load_initrd(initrd, &kernel, mem, plan, &handover, err);
	if (ret == 0)
		ret = load_cmdline(config, kernel.cmdline_max, mem, plan, &handover, err);
	if (ret == 0)
		ret = load_acpi(&config->platform, mem, plan, &handover, &acpi_len, err);
	if (ret == 0 && config->device_tree)
		ret = load_device_tree(config, mem, plan, &handover, err);
	if (ret == 0)
		ret = make_map(mem, plan, snp, acpi_len, err);
	if (ret == 0 && snp)
		ret = snp_pages_load(config->cbit, &handover, mem, plan, err);
	if (ret == 0)
		ret = set_entry(&kernel, &handover, config->cbit, mem, plan, err);
	/* Linux uses all of its RAM at once, so every page has to be accepted before it starts; a
	 * shim in the guest could do that later, and would make this step superfluous */
	if (ret == 0 && snp)
		ret = load_plan_fill(plan, mem, "RAM", LOAD_ZERO, err);
	return ret;
}

int direct_load(struct direct *direct, const struct boot_config *config, struct guest_mem *mem,
		struct load_plan *plan, struct vmm_error *err)
{
	struct boot_config own = *config;

	if (direct->own_cmdline)
		own.cmdline = direct->own_cmdline;
	return load(direct, &own, mem, plan, err);
}
