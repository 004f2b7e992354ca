// SPDX-License-Identifier: MIT
/*
 * What is started is opened once: what is known of a file before there is a VM is known of the bytes
 * that are loaded later. And direct kernel boot: everything that is loaded, in the order in which it
 * becomes boot items. Guests with firmware are boot/firmware.c's.
 */
#include "boot/boot.h"

#include "boot/fdt.h"
#include "boot/firmware.h"
#include "boot/handover.h"
#include "boot/igvm.h"
#include "boot/lowmem.h"
#include "boot/ram.h"
#include "boot/uki.h"
#include "vmm/base/bytes.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Direct kernel boot: from files of their own or from a unified kernel image. */
struct direct {
	struct kernel kernel;
	struct mem_file initrd; /* size 0: none */
	bool initrd_inside;	/* a part of the kernel's file */
	char *own_cmdline;	/* of a unified kernel image that counts, or NULL */
};

struct boot {
	struct boot_config config;
	union {
		struct igvm igvm;
		struct firmware firmware;
		struct direct direct;
	};
};

/* --- direct boot: the items ------------------------------------------------------------------- */

static uint64_t end_of_items(const struct load_plan *plan)
{
	uint64_t end = 0;

	for (size_t i = 0; i < plan->nitems; i++)
		if (plan->item[i].gpa + plan->item[i].len > end)
			end = plan->item[i].gpa + plan->item[i].len;
	return end;
}

/* More memory is only advice where it helps. */
static const char *initrd_advice(const struct load_plan *plan, const struct kernel *kernel,
				 uint64_t len)
{
	uint64_t kernel_end = end_of_items(plan), end;

	if (kernel->initrd_anywhere)
		return "give the guest more memory";
	if (__builtin_add_overflow(kernel_end, len, &end) || end > kernel->initrd_end)
		return "this kernel, as it is started, takes no initrd above that address, whatever "
		       "memory the guest has";
	return ram_advice(plan->mem, kernel_end, len);
}

/* As high as the kernel allows, so that the kernel has the room above itself to grow. */
static int find_initrd(uint64_t len, const struct kernel *kernel, const struct load_plan *plan,
		       uint64_t *gpa, struct vmm_error *err)
{
	uint64_t end = kernel_ram_end(plan->mem);
	int ret;

	if (kernel->initrd_end < end)
		end = kernel->initrd_end;
	ret = load_plan_find(plan, len, LOWMEM_END, end, gpa);
	if (ret < 0 && kernel->initrd_anywhere) {
		end = ram_end(plan->mem);
		ret = load_plan_find(plan, len, LOWMEM_END, end, gpa);
	}
	if (ret == 0)
		return 0;
	return vmm_error_set(err, -ENOMEM,
			     "no room for its %" PRIu64 " bytes beside the kernel below %#" PRIx64
			     ": %s",
			     len, end, initrd_advice(plan, kernel, len));
}

static int load_initrd(const struct mem_file *file, const struct kernel *kernel,
		       struct load_plan *plan, struct handover *handover, struct vmm_error *err)
{
	int ret = find_initrd(file->size, kernel, plan, &handover->initrd, err);

	if (ret < 0) {
		vmm_error_prefix(err, "%s", file->path);
	} else {
		mem_expect(plan->mem, handover->initrd, file->size);
		ret = load_plan_file(plan, "initrd", handover->initrd, file, 0, file->size, err);
	}
	handover->initrd_len = file->size;
	if (ret < 0)
		vmm_error_prefix(err, "initrd");
	return ret;
}

static int load_cmdline(const struct boot_config *config, uint64_t max, struct load_plan *plan,
			struct handover *handover, struct vmm_error *err)
{
	char devices[FDT_WORDS];
	size_t len = strlen(config->cmdline) + fdt_words(config, devices);
	char *to;

	if (max > LOWMEM_CMDLINE_SIZE - 1)
		max = LOWMEM_CMDLINE_SIZE - 1;
	if (len > max)
		return vmm_error_set(err, -E2BIG,
				     "command line: %zu bytes, this kernel takes at most %" PRIu64,
				     len, max);
	to = load_plan_add(plan, "command line", LOWMEM_CMDLINE, len + 1, LOAD_DATA, err);
	if (!to)
		return err->code;
	stpcpy(stpcpy(to, config->cmdline), devices);
	handover->cmdline = LOWMEM_CMDLINE;
	return 0;
}

/* *len: bytes that the tables take up, whole pages. */
static int load_acpi(const struct acpi_config *config, struct load_plan *plan,
		     struct handover *handover, uint64_t *len, struct vmm_error *err)
{
	size_t size = acpi_size(config);
	void *buf = mem_ptr(plan->mem, LOWMEM_ACPI, size);
	int ret;

	if (size > LOWMEM_ACPI_SIZE || !buf)
		return vmm_error_set(err, -ENOSPC,
				     "ACPI tables: %zu bytes, there is room for %" PRIu64
				     ": configure "
				     "fewer CPUs or devices",
				     size, LOWMEM_ACPI_SIZE);
	ret = acpi_build(config, buf, size, LOWMEM_ACPI, err);
	if (ret < 0)
		return ret;
	handover->rsdp = LOWMEM_ACPI;
	*len = align_up((uint64_t)ret, PAGE_SIZE);
	return load_plan_add(plan, "ACPI tables", LOWMEM_ACPI, (uint64_t)ret, LOAD_DATA, err)
		       ? 0
		       : err->code;
}

/* As an entry of the list that boot parameters have for such things (boot.rst, setup_data). */
static int load_device_tree(const struct boot_config *config, struct load_plan *plan,
			    struct handover *handover, struct vmm_error *err)
{
	struct gpa_range ram[MEM_MAX_REGIONS];
	size_t nram = ram_ranges(plan->mem, ram);
	size_t size = fdt_size(&config->platform, nram, config->cmdline);
	uint64_t end = kernel_ram_end(plan->mem), gpa;
	struct setup_data *data;
	int ret;

	ret = load_plan_find(plan, sizeof(*data) + size, LOWMEM_END, end, &gpa);
	if (ret < 0)
		return vmm_error_set(err, -ENOMEM,
				     "device tree: no room for its %zu bytes beside kernel and "
				     "initrd below %#" PRIx64 ": %s",
				     size, end, ram_advice(plan->mem, end, size));
	data = mem_ptr(plan->mem, gpa, sizeof(*data) + size);
	ret = fdt_build(&config->platform, ram, nram, config->cmdline, handover->initrd,
			handover->initrd_len, data->data, size, err);
	if (ret < 0)
		return ret;
	*data = (struct setup_data){.type = SETUP_DTB, .len = (uint32_t)ret};
	handover->setup_data = gpa;
	return load_plan_add(plan, "device tree", gpa, sizeof(*data) + (uint64_t)ret, LOAD_DATA,
			     err)
		       ? 0
		       : err->code;
}

/* What the guest is told about its memory; `acpi_len` bytes of tables, whole pages. */
static int make_map(struct load_plan *plan, bool snp, uint64_t acpi_len, struct vmm_error *err)
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
	};
	int ret = 0;

	for (size_t i = 0; i < ARRAY_SIZE(low) && ret == 0; i++)
		if (low[i].len > 0)
			ret = load_plan_map(plan, low[i].gpa, low[i].len, low[i].type, err);
	return ret < 0 ? ret : ram_map(plan, LOWMEM_END, err);
}

/* --- direct boot: its files ----------------------------------------------------------------------------- */

/* What the configuration names goes before what the image has, as with any other kernel. */
static int open_uki(struct direct *direct, const struct boot_config *config, struct vmm_error *err)
{
	struct boot_image *image = &direct->kernel.image;
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

static void direct_close(struct direct *direct)
{
	image_close(&direct->kernel.image);
	if (!direct->initrd_inside)
		mem_file_close(&direct->initrd);
	free(direct->own_cmdline);
	direct->own_cmdline = NULL;
}

static int direct_open(struct direct *direct, const struct boot_config *config,
		       const struct sys *sys, struct vmm_error *err)
{
	struct boot_image *image = &direct->kernel.image;
	int ret;

	*direct = (struct direct){.initrd = {.sys = sys, .fd = -1}};
	ret = image_open(image, sys, config->kernel, err);
	if (ret == 0 && !image->codec && !bzimage_is(image))
		ret = open_uki(direct, config, err);
	if (ret == 0)
		ret = kernel_parse(&direct->kernel, err);
	if (ret < 0)
		vmm_error_prefix(err, "kernel");
	if (ret == 0 && config->initrd)
		ret = open_initrd(&direct->initrd, sys, config->initrd, err);
	if (ret < 0)
		direct_close(direct);
	return ret;
}

/* --- direct boot: all of it ------------------------------------------------------------------- */

static int direct_load(struct direct *direct, struct boot_config *config, struct load_plan *plan,
		       struct vmm_error *err)
{
	const struct mem_file *initrd = &direct->initrd;
	bool snp = config->guest == BOOT_SNP;
	/* PVH has no way to hand over a device tree, nor, for Linux, an initrd above 4 GiB */
	bool need_long_mode = config->long_mode || config->device_tree || snp ||
			      initrd->size > kernel_ram_end(plan->mem) - LOWMEM_END;
	struct handover handover = {.rsdp = 0};
	struct kernel *kernel = &direct->kernel;
	uint64_t acpi_len = 0;
	int ret;

	if (direct->own_cmdline)
		config->cmdline = direct->own_cmdline;
	/* the first memory that Linux' allocator hands out; of what is below it, little is ever used */
	mem_expect(plan->mem, LOWMEM_END, MIB(2) - LOWMEM_END);
	ret = kernel_load(kernel, need_long_mode, plan, err);
	if (ret == 0)
		mem_expect(plan->mem, plan->item[0].gpa, end_of_items(plan) - plan->item[0].gpa);
	if (ret == 0 && initrd->size)
		ret = load_initrd(initrd, kernel, plan, &handover, err);
	if (ret == 0)
		ret = load_cmdline(config, kernel->cmdline_max, plan, &handover, err);
	if (ret == 0)
		ret = load_acpi(&config->platform, plan, &handover, &acpi_len, err);
	if (ret == 0 && config->device_tree)
		ret = load_device_tree(config, plan, &handover, err);
	if (ret == 0)
		ret = make_map(plan, snp, acpi_len, err);
	if (ret == 0)
		ret = handover_load(&handover, kernel, snp, config->cbit, plan, err);
	/* Linux uses all of its RAM at once, so every page has to be accepted before it starts; a
	 * shim in the guest could do that later, and would make this step superfluous */
	if (ret == 0 && snp)
		ret = load_plan_fill(plan, "RAM", LOAD_ZERO, err);
	return ret;
}

/* --- all kinds -------------------------------------------------------------------------------- */

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

int boot_load(struct boot *boot, struct load_plan *plan, struct vmm_error *err)
{
	struct boot_config *config = &boot->config;

	if (config->igvm)
		return igvm_load(&boot->igvm, config, plan, err);
	if (config->firmware)
		return firmware_load(&boot->firmware, config, plan, err);
	return direct_load(&boot->direct, config, plan, err);
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
