// SPDX-License-Identifier: MIT
/* Parameter areas: pages in which the guest is told about its machine. They are filled in here, in
 * buffers of ours, and become boot items when the file inserts them. */
#include "boot/igvm.h"

#include "vmm/base/bytes.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static struct igvm_area *find_area(struct igvm_areas *areas, uint32_t index)
{
	for (size_t i = 0; i < areas->n; i++)
		if (areas->area[i].index == index)
			return &areas->area[i];
	return NULL;
}

static int check_area(const struct igvm_areas *areas, const struct igvm *igvm,
		      const struct igvm_header *header, struct vmm_error *err)
{
	uint64_t len = get_le64(header->data + AREA_BYTES);
	uint32_t offset = get_le32(header->data + AREA_FILE_OFFSET);

	if (len == 0 || !is_aligned(len, PAGE_SIZE))
		return igvm_refuse(header, -EINVAL, err, "%#" PRIx64 " bytes are not whole pages",
				   len);
	if (areas->n == IGVM_AREAS || len > IGVM_AREA_BYTES - areas->total)
		return igvm_refuse(header, -E2BIG, err,
				   "more than %d areas, or more than %llu bytes in all of them",
				   IGVM_AREAS, (unsigned long long)IGVM_AREA_BYTES);
	if (offset && !range_inside(offset, len, 0, igvm->file.size))
		return igvm_refuse(header, -EINVAL, err,
				   "%#" PRIx64 " bytes at file offset %#x, of %#" PRIx64, len,
				   offset, igvm->file.size);
	return 0;
}

int igvm_area_add(struct igvm_areas *areas, const struct igvm *igvm,
		  const struct igvm_header *header, struct vmm_error *err)
{
	struct igvm_area area = {
		.index = get_le32(header->data + AREA_INDEX),
		.len = get_le64(header->data + AREA_BYTES),
	};
	uint32_t offset = get_le32(header->data + AREA_FILE_OFFSET);
	int ret;

	if (find_area(areas, area.index))
		return igvm_refuse(header, -EINVAL, err, "a second area of index %u", area.index);
	ret = check_area(areas, igvm, header, err);
	if (ret < 0)
		return ret;
	area.bytes = calloc(1, area.len);
	if (!area.bytes)
		return vmm_error_errno(err, -ENOMEM, "unable to allocate a parameter area");
	areas->area[areas->n++] = area;
	areas->total += area.len;
	return offset ? mem_file_read(&igvm->file, offset, area.bytes, area.len, err) : 0;
}

int igvm_area_insert(struct igvm_areas *areas, const struct igvm_header *header,
		     struct load_plan *plan, struct vmm_error *err)
{
	uint32_t index = get_le32(header->data + INSERT_INDEX);
	uint64_t gpa = get_le64(header->data + INSERT_GPA);
	struct igvm_area *area = find_area(areas, index);
	void *to;

	if (!area || !area->bytes)
		return igvm_refuse(header, -EINVAL, err, "area %u %s", index,
				   area ? "has been inserted before" : "does not exist");
	to = load_plan_add(plan, "parameter area", gpa, area->len, LOAD_UNMEASURED, err);
	if (to)
		memcpy(to, area->bytes, area->len);
	free(area->bytes);
	area->bytes = NULL;
	return to ? 0 : err->code;
}

void igvm_areas_free(struct igvm_areas *areas)
{
	for (size_t i = 0; i < areas->n; i++)
		free(areas->area[i].bytes);
	areas->n = 0;
}
