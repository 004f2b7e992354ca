// SPDX-License-Identifier: MIT
/* What is written into parameter areas. None of it is measured: a guest has to check it. */
#include "boot/acpi_tables.h"
#include "boot/fdt.h"
#include "boot/igvm.h"
#include "boot/ram.h"
#include "vmm/base/bytes.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Where a parameter goes. */
struct place {
	const struct igvm_header *header;
	uint8_t *at;
	uint64_t room; /* bytes, up to the end of the area */
};

static int put(const struct place *place, const void *bytes, uint64_t len, struct vmm_error *err)
{
	if (len > place->room)
		return igvm_refuse(place->header, -ENOSPC, err,
				   "%" PRIu64 " bytes, and %" PRIu64 " are left in the area", len,
				   place->room);
	memcpy(place->at, bytes, len);
	return 0;
}

static int put_u32(const struct place *place, uint32_t value, struct vmm_error *err)
{
	uint8_t bytes[4];

	put_le32(bytes, value);
	return put(place, bytes, sizeof(bytes), err);
}

/* IGVM_VHS_MEMORY_MAP_ENTRY: u64 first page, u64 pages, u16 type (0: memory), u16 flags, u32; an
 * entry of no pages is the last. */
#define MAP_ENTRY 24

static int put_memory_map(const struct place *place, const struct guest_mem *mem,
			  struct vmm_error *err)
{
	uint8_t bytes[(MEM_MAX_REGIONS + 1) * MAP_ENTRY] = {0};
	struct gpa_range ram[MEM_MAX_REGIONS];
	size_t n = ram_ranges(mem, ram);

	for (size_t i = 0; i < n; i++) {
		put_le64(bytes + i * MAP_ENTRY, ram[i].gpa / PAGE_SIZE);
		put_le64(bytes + i * MAP_ENTRY + 8, ram[i].len / PAGE_SIZE);
	}
	return put(place, bytes, (n + 1) * MAP_ENTRY, err);
}

/* IGVM_VHS_MMIO_RANGES: twice u64 first page, u64 pages. All devices are in one range. */
static int put_mmio_ranges(const struct place *place, struct vmm_error *err)
{
	uint8_t bytes[32] = {0};

	put_le64(bytes, LAYOUT_VIRTIO_BASE / PAGE_SIZE);
	put_le64(bytes + 8, (LAYOUT_IOAPIC - LAYOUT_VIRTIO_BASE) / PAGE_SIZE);
	return put(place, bytes, sizeof(bytes), err);
}

static int put_madt(const struct place *place, const struct acpi_config *platform,
		    struct vmm_error *err)
{
	struct acpi_out out = {.buf = place->at, .size = place->room};

	acpi_write_madt(&out, platform);
	if (out.len <= out.size)
		return 0;
	return igvm_refuse(place->header, -ENOSPC, err,
			   "%zu bytes, and %" PRIu64 " are left in the area", out.len, place->room);
}

static int put_device_tree(const struct place *place, const struct boot_config *config,
			   const struct guest_mem *mem, struct vmm_error *err)
{
	struct gpa_range ram[MEM_MAX_REGIONS];
	size_t nram = ram_ranges(mem, ram);
	size_t size = fdt_size(&config->platform, nram, config->cmdline);
	uint8_t *tree = aligned_alloc(8, size);
	int ret;

	if (!tree)
		return vmm_error_errno(err, -ENOMEM, "unable to allocate the device tree");
	ret = fdt_build(&config->platform, ram, nram, config->cmdline, 0, 0, tree, size, err);
	if (ret >= 0)
		ret = put(place, tree, (uint64_t)ret, err);
	free(tree);
	return ret;
}

/* Bit 0: memory that the file does not fill is shared with the host. Here it is the guest's. */
#define ENVIRONMENT 0

static int put_value(const struct place *place, const struct boot_config *config,
		     const struct guest_mem *mem, struct vmm_error *err)
{
	switch (place->header->type) {
	case IGVM_VP_COUNT:
		return put_u32(place, config->platform.vcpus, err);
	case IGVM_ENVIRONMENT_INFO:
		return put_u32(place, ENVIRONMENT, err);
	case IGVM_MEMORY_MAP:
		return put_memory_map(place, mem, err);
	case IGVM_MMIO_RANGES:
		return put_mmio_ranges(place, err);
	case IGVM_MADT:
		return put_madt(place, &config->platform, err);
	case IGVM_DEVICE_TREE:
		return put_device_tree(place, config, mem, err);
	case IGVM_COMMAND_LINE:
		return put(place, config->cmdline, strlen(config->cmdline) + 1, err);
	default:
		return igvm_refuse(place->header, -ENOTSUP, err, "minivmm does not support it");
	}
}

int igvm_parameter(struct igvm_areas *areas, const struct igvm_header *header,
		   const struct boot_config *config, const struct guest_mem *mem,
		   struct vmm_error *err)
{
	uint32_t index = get_le32(header->data + PARAMETER_INDEX);
	uint32_t offset = get_le32(header->data + PARAMETER_OFFSET);
	struct place place = {.header = header};

	if (areas->nparameters++ == IGVM_PARAMETERS)
		return igvm_refuse(header, -E2BIG, err, "more than %d parameters", IGVM_PARAMETERS);
	for (size_t i = 0; i < areas->n; i++) {
		const struct igvm_area *area = &areas->area[i];

		if (area->index != index || !area->bytes)
			continue;
		if (offset >= area->len)
			return igvm_refuse(header, -EINVAL, err,
					   "offset %#x in an area of %#" PRIx64 " bytes", offset,
					   area->len);
		place.at = area->bytes + offset;
		place.room = area->len - offset;
		return put_value(&place, config, mem, err);
	}
	return igvm_refuse(header, -EINVAL, err,
			   "area %u does not exist, or has been inserted before", index);
}
