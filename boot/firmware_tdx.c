// SPDX-License-Identifier: MIT
/*
 * OVMF or td-shim in a TD: the sections of the image's metadata in the order of its table, each
 * measured or not as it says, and among them what the VMM has to make: the list of memory, and for
 * td-shim kernel and command line. The rest of RAM is left to the firmware, which accepts it.
 *
 * No address of these depends on how much RAM there is, so neither does the MRTD.
 */
#include "boot/firmware.h"
#include "boot/ram.h"
#include "boot/td_hob.h"
#include "vmm/base/bytes.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* The section that waits for a kernel of ours (td-shim), or NULL. */
static const struct tdvf_section *payload_section(const struct tdvf *tdvf)
{
	const struct tdvf_section *s = tdvf_find(tdvf, TDVF_PAYLOAD);

	return s && s->raw == 0 && tdvf_added(s) ? s : NULL;
}

/* The section for the command line, or NULL. */
static const struct tdvf_section *param_section(const struct tdvf *tdvf)
{
	const struct tdvf_section *s = tdvf_find(tdvf, TDVF_PAYLOAD_PARAM);

	return s && s->raw == 0 && tdvf_added(s) ? s : NULL;
}

/* td-shim unpacks nothing: the file has to be a bzImage as it is. */
static int check_kernel(const struct fw_kernel *k, uint64_t room, struct vmm_error *err)
{
	if (k->kernel.size > room)
		return vmm_error_set(err, -E2BIG,
				     "kernel: %s: %" PRIu64 " bytes, the firmware has room for "
				     "%" PRIu64,
				     k->kernel.path, k->kernel.size, room);
	if (k->setup_len == 0)
		return vmm_error_set(err, -ENOEXEC,
				     "kernel: %s: not a bzImage, which is all that this firmware "
				     "starts",
				     k->kernel.path);
	return 0;
}

int firmware_tdx_check(const struct firmware *fw, const struct boot_config *config,
		       struct vmm_error *err)
{
	const struct tdvf_section *payload = payload_section(&fw->tdvf);
	const struct tdvf_section *param = param_section(&fw->tdvf);
	int ret;

	if (!config->kernel) {
		if (!payload)
			return 0;
		return vmm_error_set(err, -EINVAL,
				     "%s: this firmware starts a kernel that it is given, and none "
				     "is configured",
				     fw->file.path);
	}
	if (!payload && tdvf_find(&fw->tdvf, TDVF_PAYLOAD))
		return vmm_error_set(err, -EINVAL,
				     "%s: this firmware brings its own payload: leave out the "
				     "kernel",
				     fw->file.path);
	if (!payload) /* an OVMF: it takes kernel and initrd from fw_cfg, and measures them */
		return firmware_kernel_check(fw, config, err);
	if (config->initrd)
		return vmm_error_set(err, -ENOTSUP,
				     "%s: this firmware has no place for an initrd: link it into "
				     "the kernel",
				     fw->file.path);
	if (config->cmdline[0] && (!param || strlen(config->cmdline) >= param->len))
		return vmm_error_set(err, -E2BIG,
				     "%s: a command line of %zu bytes, the firmware has room for "
				     "%" PRIu64,
				     fw->file.path, strlen(config->cmdline),
				     param ? param->len - 1 : 0);
	ret = check_kernel(&fw->kernel, payload->len, err);
	return ret < 0 ? ret : fw_kernel_check_cmdline(&fw->kernel, config->cmdline, err);
}

/* --- the items -------------------------------------------------------------------------------- */

/* Where the loader writes, and how much it wrote. */
struct target {
	const struct tdvf_section *section;
	struct load_plan *plan;
	uint64_t used;
};

static int write_hob(const struct firmware *fw, const struct boot_config *config,
		     struct target *target, struct vmm_error *err)
{
	const struct tdvf_section *s = target->section;
	const struct tdvf_section *payload = payload_section(&fw->tdvf);
	struct gpa_range ram[MEM_MAX_REGIONS];
	const struct td_hob_config hob = {
		.ram = ram,
		.nram = ram_ranges(target->plan->mem, ram),
		.tdvf = &fw->tdvf,
		.payload = payload,
		.payload_gpa = payload ? payload->gpa : 0,
		.acpi = payload ? &config->platform : NULL,
	};
	int ret =
		td_hob_build(&hob, s->gpa, mem_ptr(target->plan->mem, s->gpa, s->len), s->len, err);

	target->used = ret < 0 ? 0 : (uint64_t)ret;
	return ret < 0 ? ret : 0;
}

static int write_kernel(const struct mem_file *kernel, struct target *target, struct vmm_error *err)
{
	target->used = kernel->size;
	return mem_file_load(kernel, 0, target->plan->mem, target->section->gpa, kernel->size, err);
}

static int write_cmdline(const char *cmdline, struct target *target)
{
	target->used = strlen(cmdline) + 1;
	return mem_write(target->plan->mem, target->section->gpa, cmdline, target->used);
}

static int write_contents(const struct firmware *fw, const struct boot_config *config,
			  struct target *target, struct vmm_error *err)
{
	const struct tdvf_section *s = target->section;

	if (s->type == TDVF_TD_HOB)
		return write_hob(fw, config, target, err);
	if (s == payload_section(&fw->tdvf))
		return write_kernel(&fw->kernel.kernel, target, err);
	if (s == param_section(&fw->tdvf) && config->kernel)
		return write_cmdline(config->cmdline, target);
	target->used = s->raw;
	return mem_file_load(&fw->file, s->offset, target->plan->mem, s->gpa, s->raw, err);
}

static int add_section(const struct firmware *fw, const struct boot_config *config,
		       const struct tdvf_section *s, struct load_plan *plan, struct vmm_error *err)
{
	struct target target = {.section = s, .plan = plan};
	enum load_kind kind = s->type == TDVF_TEMP_MEM ? LOAD_ZERO : LOAD_DATA;
	struct load_item *item;
	int ret = 0;

	item = load_plan_reserve(plan, tdvf_type_name(s->type), s->gpa, s->len, kind, err);
	if (!item)
		return err->code;
	if (kind == LOAD_DATA)
		ret = write_contents(fw, config, &target, err);
	item->used = target.used;
	item->written = s->len; /* zeros follow */
	item->measured = s->attributes & TDVF_MR_EXTEND;
	return ret;
}

/* Memory that the guest will accept itself has to be there, too. */
static int check_memory(const struct tdvf *tdvf, const struct guest_mem *mem, struct vmm_error *err)
{
	for (size_t i = 0; i < tdvf->nsections; i++) {
		const struct tdvf_section *s = &tdvf->section[i];

		if (s->len > 0 && !mem_find(mem, s->gpa, s->len))
			return vmm_error_set(err, -EFAULT,
					     "section %s at %#" PRIx64 "+%#" PRIx64 " is not all "
					     "in guest memory: %s",
					     tdvf_type_name(s->type), s->gpa, s->len,
					     ram_advice(mem, s->gpa, s->len));
	}
	return 0;
}

int firmware_tdx_load(const struct firmware *fw, const struct boot_config *config,
		      struct load_plan *plan, struct vmm_error *err)
{
	const struct tdvf_section *hob = tdvf_find(&fw->tdvf, TDVF_TD_HOB);
	int ret = check_memory(&fw->tdvf, plan->mem, err);

	if (hob && tdvf_added(hob))
		plan->entry.arg = hob->gpa;
	for (size_t i = 0; i < fw->tdvf.nsections && ret == 0; i++)
		if (tdvf_added(&fw->tdvf.section[i]))
			ret = add_section(fw, config, &fw->tdvf.section[i], plan, err);
	return ret;
}
