// SPDX-License-Identifier: MIT
#include "boot/firmware.h"

#include "boot/ram.h"
#include "boot/td_hob.h"
#include "vmm/base/bytes.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define HUGE_PAGE MIB(2)

#define RESET_VECTOR_LEN 16

/* Nothing but the zeros or ones that memory and flash have by themselves? */
static bool is_blank(const uint8_t code[RESET_VECTOR_LEN])
{
	for (size_t i = 1; i < RESET_VECTOR_LEN; i++)
		if (code[i] != code[0])
			return false;
	return code[0] == 0 || code[0] == 0xff;
}

static int check_size(const struct mem_file *file, struct vmm_error *err)
{
	if (file->size > 0 && file->size <= FIRMWARE_MAX && is_aligned(file->size, PAGE_SIZE))
		return 0;
	return vmm_error_set(err, -EINVAL,
			     "%s: %" PRIu64 " bytes are no firmware image: whole pages of 4 KiB, "
			     "at most %" PRIu64 " MiB",
			     file->path, file->size, FIRMWARE_MAX >> 20);
}

/* The last bytes of an image, where processors start: an image of variables has none. */
static int check_reset_vector(const struct mem_file *file, struct vmm_error *err)
{
	uint8_t code[RESET_VECTOR_LEN];
	int ret = mem_file_read(file, file->size - sizeof(code), code, sizeof(code), err);

	if (ret < 0 || !is_blank(code))
		return ret;
	return vmm_error_set(err, -EINVAL,
			     "%s: there is no code at the reset vector, its last 16 bytes are all "
			     "%#x: an image of variables (VARS) is none that a guest can start in, "
			     "take the one with the code, such as Debian's OVMF.fd",
			     file->path, code[0]);
}

/* Can an OVMF start the kernel? */
static int check_kernel(const struct firmware *fw, const struct boot_config *config,
			struct vmm_error *err)
{
	if (!config->kernel)
		return 0;
	if (!fw->kernel.startable)
		return fw_kernel_refuse(&fw->kernel, err);
	return fw_kernel_check_cmdline(&fw->kernel, config->cmdline, err);
}

/* --- SNP -------------------------------------------------------------------------------------- */
/* The image, then the sections of its metadata in the order of its table. The rest of RAM is left to
 * the firmware, which accepts it when it runs. */

static int check_snp(const struct firmware *fw, const struct boot_config *config,
		     struct vmm_error *err)
{
	const struct fw_section *section = fw_find(&fw->metadata, OVMF_KERNEL_HASHES);
	uint32_t gpa = fw->metadata.hash_gpa, len = fw->metadata.hash_len;

	if (!config->kernel)
		return 0;
	if (!section || gpa == 0)
		return vmm_error_set(
			err, -EINVAL,
			"%s: this build has no place for a kernel's hashes, so it "
			"would start any kernel or none: take an AmdSev build, or leave "
			"out the kernel",
			fw->file.path);
	if (len < KERNEL_HASHES_SIZE ||
	    !range_inside(gpa, KERNEL_HASHES_SIZE, section->gpa, section->len))
		return vmm_error_set(err, -EINVAL,
				     "%s: its place for a kernel's hashes, %#x+%#x, is too small "
				     "or not in the section for it at %#" PRIx64 "+%#" PRIx64,
				     fw->file.path, gpa, len, section->gpa, section->len);
	return fw_kernel_check_cmdline(&fw->kernel, config->cmdline, err);
}

/* With zeros around the table. */
static int write_hashes(const struct firmware *fw, const struct boot_config *config,
			const struct guest_mem *mem, struct vmm_error *err)
{
	if (mem->unseen) /* it would read gigabytes for hashes that nobody looks at */
		return 0;
	return fw_kernel_hashes(&fw->kernel, config->cmdline,
				mem_ptr(mem, fw->metadata.hash_gpa, KERNEL_HASHES_SIZE), err);
}

/* --- TDX -------------------------------------------------------------------------------------- */
/*
 * The sections of the image's metadata in the order of its table, each measured or not as it says,
 * and among them what the VMM has to make: the list of memory, and for td-shim kernel and command
 * line. The rest of RAM is left to the firmware, which accepts it.
 *
 * No address of these depends on how much RAM there is, so neither does the MRTD.
 */

/* The section of this type that waits for what we have (td-shim), or NULL. */
static const struct fw_section *waiting(const struct firmware *fw, enum fw_section_type type)
{
	const struct fw_section *s = fw_find(&fw->metadata, type);

	return s && s->raw == 0 && fw_added(s) ? s : NULL;
}

/* td-shim unpacks nothing: the file has to be a bzImage as it is. */
static int check_payload(const struct fw_kernel *k, uint64_t room, struct vmm_error *err)
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

static int check_tdx(const struct firmware *fw, const struct boot_config *config,
		     struct vmm_error *err)
{
	const struct fw_section *payload = waiting(fw, TDVF_PAYLOAD);
	const struct fw_section *param = waiting(fw, TDVF_PAYLOAD_PARAM);
	const char *path = fw->file.path;
	int ret;

	if (!payload && config->kernel && fw_find(&fw->metadata, TDVF_PAYLOAD))
		return vmm_error_set(err, -EINVAL,
				     "%s: this firmware brings its own payload: leave out the "
				     "kernel",
				     path);
	if (!payload) /* an OVMF: it takes kernel and initrd from fw_cfg, and measures them */
		return check_kernel(fw, config, err);
	if (!config->kernel)
		return vmm_error_set(err, -EINVAL,
				     "%s: this firmware starts a kernel that it is given, and none "
				     "is configured",
				     path);
	if (config->initrd)
		return vmm_error_set(err, -ENOTSUP,
				     "%s: this firmware has no place for an initrd: link it into "
				     "the kernel",
				     path);
	if (config->cmdline[0] && (!param || strlen(config->cmdline) >= param->len))
		return vmm_error_set(err, -E2BIG,
				     "%s: a command line of %zu bytes, the firmware has room for "
				     "%" PRIu64,
				     path, strlen(config->cmdline), param ? param->len - 1 : 0);
	ret = check_payload(&fw->kernel, payload->len, err);
	return ret < 0 ? ret : fw_kernel_check_cmdline(&fw->kernel, config->cmdline, err);
}

/* Returns the bytes used, or a negative errno. */
static int write_hob(const struct firmware *fw, const struct boot_config *config,
		     const struct fw_section *s, const struct guest_mem *mem, struct vmm_error *err)
{
	const struct fw_section *payload = waiting(fw, TDVF_PAYLOAD);
	struct gpa_range ram[MEM_MAX_REGIONS];
	const struct td_hob_config hob = {
		.ram = ram,
		.nram = ram_ranges(mem, ram),
		.tdvf = &fw->metadata,
		.payload = payload,
		.payload_gpa = payload ? payload->gpa : 0,
		.acpi = payload ? &config->platform : NULL,
	};

	return td_hob_build(&hob, s->gpa, mem_ptr(mem, s->gpa, s->len), s->len, err);
}

/* Memory that the guest will accept itself has to be there, too. */
static int check_memory(const struct fw_metadata *fw, const struct guest_mem *mem,
			struct vmm_error *err)
{
	for (size_t i = 0; i < fw->nsections; i++) {
		const struct fw_section *s = &fw->section[i];

		if (s->len > 0 && !mem_find(mem, s->gpa, s->len))
			return vmm_error_set(err, -EFAULT,
					     "section %s at %#" PRIx64 "+%#" PRIx64 " is not all "
					     "in guest memory: %s",
					     fw_type_name(s->type), s->gpa, s->len,
					     ram_advice(mem, s->gpa, s->len));
	}
	return 0;
}

/* --- opening ---------------------------------------------------------------------------------- */

/* Can this image start this guest? */
static int check(struct firmware *fw, const struct boot_config *config, struct vmm_error *err)
{
	int ret = check_size(&fw->file, err);

	if (ret == 0)
		ret = check_reset_vector(&fw->file, err);
	if (ret < 0)
		return ret;
	if (config->device_tree)
		return vmm_error_set(err, -ENOTSUP,
				     "%s: firmware has no use for a device tree, and would not "
				     "hand it to a kernel",
				     fw->file.path);
	switch (config->guest) {
	case BOOT_PLAIN:
		return check_kernel(fw, config, err);
	case BOOT_SNP:
		ret = ovmf_parse(&fw->file, &fw->metadata, err);
		return ret < 0 ? ret : check_snp(fw, config, err);
	case BOOT_TDX:
		ret = tdvf_parse(&fw->file, &fw->metadata, err);
		return ret < 0 ? ret : check_tdx(fw, config, err);
	}
	return -EINVAL;
}

int firmware_open(struct firmware *fw, const struct boot_config *config, const struct sys *sys,
		  struct vmm_error *err)
{
	int ret;

	*fw = (struct firmware){
		.file = {.sys = sys, .fd = -1},
		.kernel = {.kernel = {.sys = sys, .fd = -1}, .initrd = {.sys = sys, .fd = -1}},
	};
	ret = mem_file_open(&fw->file, sys, config->firmware, err);
	if (ret == 0 && config->kernel)
		ret = fw_kernel_open(&fw->kernel, sys, config->kernel, config->initrd, err);
	if (ret == 0)
		ret = check(fw, config, err);
	if (ret < 0) {
		vmm_error_prefix(err, "firmware");
		firmware_close(fw);
	}
	return ret;
}

void firmware_close(struct firmware *fw)
{
	mem_file_close(&fw->file);
	fw_kernel_close(&fw->kernel);
}

/* --- loading ---------------------------------------------------------------------------------- */

/*
 * From the lowest address below 4 GiB that the image needs, which may be below its own start:
 * td-shim has its stack and heap there.
 */
static int add_region(const struct firmware *fw, bool tdx, struct guest_mem *mem,
		      struct vmm_error *err)
{
	uint64_t start = LAYOUT_HIGH_BASE - fw->file.size;

	for (size_t i = 0; tdx && i < fw->metadata.nsections; i++) {
		const struct fw_section *s = &fw->metadata.section[i];

		if (s->len > 0 && s->gpa >= LAYOUT_HIGH_BASE - FIRMWARE_MAX && s->gpa < start)
			start = s->gpa;
	}
	if (mem->pages == MEM_PAGES_RESERVED)
		start = align_down(start, HUGE_PAGE);
	return mem_add_rom(mem, "firmware", start, LAYOUT_HIGH_BASE - start, err);
}

/* What stands in a section that has contents; *used: how many bytes, zeros follow. */
static int write_section(const struct firmware *fw, const struct boot_config *config,
			 const struct fw_section *s, const struct guest_mem *mem, uint64_t *used,
			 struct vmm_error *err)
{
	int ret;

	if (s->type == OVMF_KERNEL_HASHES)
		return write_hashes(fw, config, mem, err);
	if (s->type == TDVF_TD_HOB) {
		ret = write_hob(fw, config, s, mem, err);
		*used = ret < 0 ? 0 : (uint64_t)ret;
		return ret < 0 ? ret : 0;
	}
	if (s == waiting(fw, TDVF_PAYLOAD)) {
		*used = fw->kernel.kernel.size;
		return mem_file_load(&fw->kernel.kernel, 0, mem, s->gpa, *used, err);
	}
	if (s == waiting(fw, TDVF_PAYLOAD_PARAM) && config->kernel) {
		*used = strlen(config->cmdline) + 1;
		return mem_write(mem, s->gpa, config->cmdline, *used);
	}
	*used = s->raw;
	return mem_file_load(&fw->file, s->offset, mem, s->gpa, s->raw, err);
}

static int add_section(const struct firmware *fw, const struct boot_config *config,
		       const struct fw_section *s, struct load_plan *plan, struct vmm_error *err)
{
	bool no_hashes = s->type == OVMF_KERNEL_HASHES && !config->kernel;
	enum load_kind kind = no_hashes ? LOAD_ZERO : fw_type_kind(s->type);
	struct load_item *item =
		load_plan_reserve(plan, fw_type_name(s->type), s->gpa, s->len, kind, err);
	int ret = 0;

	if (!item && err->code == -EFAULT)
		vmm_error_hint(err, "%s", ram_advice(plan->mem, s->gpa, s->len));
	if (!item)
		return err->code;
	if (kind == LOAD_DATA)
		ret = write_section(fw, config, s, plan->mem, &item->used, err);
	item->written = s->len;
	if (config->guest == BOOT_TDX)
		item->measured = s->attributes & TDVF_MR_EXTEND;
	return ret;
}

int firmware_load(const struct firmware *fw, const struct boot_config *config,
		  struct load_plan *plan, struct vmm_error *err)
{
	const struct fw_section *hob = fw_find(&fw->metadata, TDVF_TD_HOB);
	bool tdx = config->guest == BOOT_TDX;
	int ret;

	plan->entry = (struct load_entry){
		.mode = ENTRY_RESET,
		.rip = FIRMWARE_RESET_VECTOR,
		.arg = hob && fw_added(hob) ? hob->gpa : 0,
		.ap_eip = fw->metadata.ap_eip,
	};
	ret = add_region(fw, tdx, plan->mem, err);
	if (ret == 0 && tdx) /* the sections are the image */
		ret = check_memory(&fw->metadata, plan->mem, err);
	else if (ret == 0)
		ret = load_plan_file(plan, "firmware", LAYOUT_HIGH_BASE - fw->file.size, &fw->file,
				     0, fw->file.size, err);
	for (size_t i = 0; i < fw->metadata.nsections && ret == 0; i++)
		if (fw_added(&fw->metadata.section[i]))
			ret = add_section(fw, config, &fw->metadata.section[i], plan, err);
	if (ret == 0)
		ret = ram_map(plan, 0, err);
	if (ret < 0)
		vmm_error_prefix(err, "firmware %s", config->firmware);
	return ret;
}
