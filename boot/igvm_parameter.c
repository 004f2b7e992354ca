// SPDX-License-Identifier: MIT
/*
 * Parameter areas: pages in which the guest is told about its machine. They are filled in here, in
 * buffers of ours, and become boot items when the file inserts them. None of it is measured: a
 * guest has to check it.
 */
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
	if (bytes)
		memcpy(place->at, bytes, len);
	return 0;
}

static int put_memory_map(const struct place *place, const struct guest_mem *mem,
			  struct vmm_error *err)
{
	struct igvm_map_entry map[MEM_MAX_REGIONS + 1] = {{.pages = 0}};
	struct gpa_range ram[MEM_MAX_REGIONS];
	size_t n = ram_ranges(mem, ram);

	for (size_t i = 0; i < n; i++) {
		map[i].first_page = ram[i].gpa / PAGE_SIZE;
		map[i].pages = ram[i].len / PAGE_SIZE;
	}
	return put(place, map, (n + 1) * sizeof(map[0]), err);
}

static int put_madt(const struct place *place, const struct acpi_config *platform,
		    struct vmm_error *err)
{
	struct acpi_out out = {.buf = place->at, .size = place->room};

	acpi_write_madt(&out, platform);
	return put(place, NULL, out.len, err);
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

static int put_value(const struct place *place, const struct boot_config *config,
		     const struct guest_mem *mem, struct vmm_error *err)
{
	/* all devices are in one range */
	static const struct igvm_mmio_ranges mmio = {
		.range[0] = {LAYOUT_VIRTIO_BASE / PAGE_SIZE,
			     (LAYOUT_IOAPIC - LAYOUT_VIRTIO_BASE) / PAGE_SIZE}};
	/* bit 0: memory that the file does not fill is shared with the host. Here it is the guest's */
	static const uint32_t environment;

	switch (place->header->type) {
	case IGVM_VP_COUNT:
		return put(place, &config->platform.vcpus, sizeof(uint32_t), err);
	case IGVM_ENVIRONMENT_INFO:
		return put(place, &environment, sizeof(environment), err);
	case IGVM_MEMORY_MAP:
		return put_memory_map(place, mem, err);
	case IGVM_MMIO_RANGES:
		return put(place, &mmio, sizeof(mmio), err);
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

static struct igvm_filled *find_area(struct igvm_loader *l, uint32_t index)
{
	for (size_t i = 0; i < l->nareas; i++)
		if (l->area[i].index == index)
			return &l->area[i];
	return NULL;
}

int igvm_load_parameter(struct igvm_loader *l, const struct igvm_header *header,
			struct vmm_error *err)
{
	const struct igvm_parameter *parameter = header->data;
	const struct igvm_filled *area = find_area(l, parameter->index);
	struct place place = {.header = header};

	if (l->nparameters++ == IGVM_PARAMETERS)
		return igvm_refuse(header, -E2BIG, err, "more than %d parameters", IGVM_PARAMETERS);
	if (!area || !area->bytes)
		return igvm_refuse(header, -EINVAL, err,
				   "area %u does not exist, or has been inserted before",
				   parameter->index);
	if (parameter->offset >= area->len)
		return igvm_refuse(header, -EINVAL, err,
				   "offset %#x in an area of %#" PRIx64 " bytes", parameter->offset,
				   area->len);
	place.at = area->bytes + parameter->offset;
	place.room = area->len - parameter->offset;
	return put_value(&place, l->config, l->mem, err);
}

int igvm_load_area(struct igvm_loader *l, const struct igvm_header *header, struct vmm_error *err)
{
	const struct igvm_area *from = header->data;
	struct igvm_filled *area;

	if (find_area(l, from->index))
		return igvm_refuse(header, -EINVAL, err, "a second area of index %u", from->index);
	if (from->len == 0 || !is_aligned(from->len, PAGE_SIZE))
		return igvm_refuse(header, -EINVAL, err, "%#" PRIx64 " bytes are not whole pages",
				   from->len);
	if (l->nareas == IGVM_AREAS || from->len > IGVM_AREA_BYTES - l->areas_len)
		return igvm_refuse(header, -E2BIG, err,
				   "more than %d areas, or more than %" PRIu64
				   " bytes in all of them",
				   IGVM_AREAS, IGVM_AREA_BYTES);
	if (from->file_offset && !range_inside(from->file_offset, from->len, 0, l->igvm->file.size))
		return igvm_refuse(header, -EINVAL, err,
				   "%#" PRIx64 " bytes at file offset %#x, of %#" PRIx64, from->len,
				   from->file_offset, l->igvm->file.size);
	area = &l->area[l->nareas];
	*area = (struct igvm_filled){from->index, from->len, calloc(1, from->len)};
	if (!area->bytes)
		return vmm_error_errno(err, -ENOMEM, "unable to allocate a parameter area");
	l->nareas++;
	l->areas_len += from->len;
	if (from->file_offset == 0)
		return 0;
	return mem_file_read(&l->igvm->file, from->file_offset, area->bytes, area->len, err);
}

/* Copies the area to where the header says, as a boot item that is not measured. */
int igvm_load_insert(struct igvm_loader *l, const struct igvm_header *header, struct vmm_error *err)
{
	const struct igvm_insert *insert = header->data;
	struct igvm_filled *area = find_area(l, insert->index);
	int ret = igvm_check_order(l, header, err);
	void *to;

	if (ret == 0)
		ret = igvm_flush(l, err);
	if (ret < 0)
		return ret;
	if (!area || !area->bytes)
		return igvm_refuse(header, -EINVAL, err, "area %u %s", insert->index,
				   area ? "has been inserted before" : "does not exist");
	to = load_plan_add(l->plan, "parameter area", insert->gpa, area->len, LOAD_UNMEASURED, err);
	if (to)
		memcpy(to, area->bytes, area->len);
	free(area->bytes);
	area->bytes = NULL;
	return to ? 0 : err->code;
}
