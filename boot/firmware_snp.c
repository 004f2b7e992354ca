// SPDX-License-Identifier: MIT
/*
 * OVMF in an SNP guest: the image, then the sections of its metadata in the order of its table. The
 * rest of RAM is left to the firmware, which accepts it when it runs.
 */
#include "boot/firmware.h"
#include "boot/kernel_hashes.h"
#include "boot/ram.h"
#include "vmm/base/bytes.h"

#include <errno.h>

/* The section whose page the hashes go into, or NULL. */
static const struct ovmf_section *hash_section(const struct ovmf *ovmf)
{
	for (size_t i = 0; i < ovmf->nsections; i++)
		if (ovmf->section[i].type == OVMF_KERNEL_HASHES)
			return &ovmf->section[i];
	return NULL;
}

int firmware_snp_check(const struct firmware *fw, const struct boot_config *config,
		       struct vmm_error *err)
{
	const struct ovmf *ovmf = &fw->ovmf;
	const struct ovmf_section *section = hash_section(ovmf);

	if (!config->kernel)
		return 0;
	if (!section || ovmf->hash_gpa == 0)
		return vmm_error_set(
			err, -EINVAL,
			"%s: this build has no place for a kernel's hashes, so it "
			"would start any kernel or none: take an AmdSev build, or leave "
			"out the kernel",
			fw->file.path);
	if (ovmf->hash_len < KERNEL_HASHES_SIZE ||
	    !range_inside(ovmf->hash_gpa, KERNEL_HASHES_SIZE, section->gpa, section->len))
		return vmm_error_set(err, -EINVAL,
				     "%s: its place for a kernel's hashes, %#x+%#x, is too small "
				     "or not in the section for it at %#x+%#x",
				     fw->file.path, ovmf->hash_gpa, ovmf->hash_len, section->gpa,
				     section->len);
	return fw_kernel_check_cmdline(&fw->kernel, config->cmdline, err);
}

static enum load_kind section_kind(const struct ovmf_section *section, bool kernel)
{
	switch (section->type) {
	case OVMF_SECRETS:
		return LOAD_SECRETS;
	case OVMF_CPUID:
		return LOAD_CPUID;
	case OVMF_KERNEL_HASHES:
		return kernel ? LOAD_DATA : LOAD_ZERO;
	case OVMF_SEC_MEM:
	case OVMF_SVSM_CAA:
		break;
	}
	return LOAD_ZERO;
}

static int add_section(const struct ovmf_section *section, bool kernel, struct load_plan *plan,
		       struct vmm_error *err)
{
	if (load_plan_add(plan, ovmf_section_name(section->type), section->gpa, section->len,
			  section_kind(section, kernel), err))
		return 0;
	if (err->code == -EFAULT)
		vmm_error_hint(err, "%s", ram_advice(plan->mem, section->gpa, section->len));
	return err->code;
}

int firmware_snp_load(const struct firmware *fw, const struct boot_config *config,
		      struct load_plan *plan, struct vmm_error *err)
{
	uint8_t table[KERNEL_HASHES_SIZE] = {0};
	int ret;

	plan->entry.ap_eip = fw->ovmf.ap_eip;
	ret = firmware_image_load(fw, plan, err);
	for (size_t i = 0; i < fw->ovmf.nsections && ret == 0; i++)
		ret = add_section(&fw->ovmf.section[i], config->kernel, plan, err);
	if (ret < 0 || !config->kernel)
		return ret;
	if (!plan->mem->unseen) /* or it would read gigabytes for hashes that nobody looks at */
		ret = kernel_hashes_build(&fw->kernel.kernel,
					  fw->kernel.have_initrd ? &fw->kernel.initrd : NULL,
					  config->cmdline, table, err);
	if (ret < 0)
		return ret;
	/* with zeros around the table */
	return mem_write(plan->mem, fw->ovmf.hash_gpa, table, sizeof(table));
}
