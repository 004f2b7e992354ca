// SPDX-License-Identifier: MIT
/* The variable headers of an IGVM file, as far as all of them are alike; what they ask for is in
 * igvm_load.c and igvm_check.c. */
#include "boot/igvm.h"

#include "vmm/base/bytes.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define NO_MASK 0xff

/* What every header of a type has: its size, and where its mask of platforms is. */
static const struct form {
	uint16_t type;
	uint16_t size;
	uint8_t mask;
	bool refused; /* known, but there is nothing here that could do it */
	const char *name;
} forms[] = {
	{IGVM_SUPPORTED_PLATFORM, 16, NO_MASK, false, "supported platform"},
	{IGVM_GUEST_POLICY, 16, POLICY_MASK, false, "guest policy"},
	{IGVM_RELOCATABLE_REGION, 48, 0, true, "relocatable region"},
	{IGVM_PAGE_TABLE_RELOCATION, 32, 0, true, "page table relocation"},
	{IGVM_PARAMETER_AREA, 16, NO_MASK, false, "parameter area"},
	{IGVM_PAGE_DATA, 24, PAGE_MASK, false, "page data"},
	{IGVM_PARAMETER_INSERT, 16, INSERT_MASK, false, "parameter insert"},
	{IGVM_VP_CONTEXT, 20, CONTEXT_MASK, false, "VP context"},
	{IGVM_REQUIRED_MEMORY, 24, REQUIRED_MASK, false, "required memory"},
	{IGVM_VP_COUNT, 8, NO_MASK, false, "VP count"},
	{IGVM_SRAT, 8, NO_MASK, true, "SRAT"},
	{IGVM_MADT, 8, NO_MASK, false, "MADT"},
	{IGVM_MMIO_RANGES, 8, NO_MASK, false, "MMIO ranges"},
	{IGVM_SNP_ID_BLOCK, ID_SIZE, ID_MASK, false, "SNP ID block"},
	{IGVM_MEMORY_MAP, 8, NO_MASK, false, "memory map"},
	{IGVM_ERROR_RANGE, 16, ERROR_MASK, false, "error range"},
	{IGVM_COMMAND_LINE, 8, NO_MASK, false, "command line"},
	{IGVM_SLIT, 8, NO_MASK, true, "SLIT"},
	{IGVM_PPTT, 8, NO_MASK, true, "PPTT"},
	{IGVM_VBS_MEASUREMENT, 864, 0, true, "VBS measurement"},
	{IGVM_DEVICE_TREE, 8, NO_MASK, false, "device tree"},
	{IGVM_ENVIRONMENT_INFO, 8, NO_MASK, false, "environment info"},
};

static const struct form *find_form(uint32_t type)
{
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++)
		if (forms[i].type == type)
			return &forms[i];
	return NULL;
}

static const char *platform_name(enum igvm_platform platform)
{
	static const char *const names[] = {
		[IGVM_NATIVE] = "native (plain)",
		[IGVM_VSM_ISOLATION] = "VSM isolation",
		[IGVM_SEV_SNP] = "SEV-SNP",
		[IGVM_TDX] = "TDX",
		[IGVM_SEV] = "SEV",
		[IGVM_SEV_ES] = "SEV-ES",
	};

	return (size_t)platform < ARRAY_SIZE(names) ? names[platform] : "an unknown platform";
}

int igvm_refuse(const struct igvm_header *header, int code, struct vmm_error *err, const char *fmt,
		...)
{
	char text[VMM_ERROR_TEXT / 2];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	return vmm_error_set(err, code, "%s header at offset %#" PRIx64 ": %s",
			     header->name ? header->name : "unknown", header->offset, text);
}

bool igvm_next(const struct igvm *igvm, uint32_t *at, struct igvm_header *header)
{
	const uint8_t *bytes = igvm->headers + *at;
	const struct form *form;

	if (*at >= igvm->len)
		return false;
	*header = (struct igvm_header){
		.type = get_le32(bytes) & ~IGVM_OPTIONAL,
		.data = bytes + IGVM_HEADER_SIZE,
		.offset = (uint64_t)igvm->offset + *at,
	};
	form = find_form(header->type);
	if (form) {
		header->name = form->name;
		header->applies =
			form->mask == NO_MASK || (get_le32(header->data + form->mask) & igvm->mask);
	}
	*at += (uint32_t)align_up(IGVM_HEADER_SIZE + get_le32(bytes + 4), 8);
	return true;
}

/* Platforms come first, then what is needed before there is memory, then directives. */
static int section_of(uint32_t type)
{
	if (type >= 0x1 && type <= 0x100)
		return 0;
	if (type >= 0x101 && type <= 0x200)
		return 1;
	return 2;
}

/* Is the header at `at`, of which nothing is known so far, all there? */
static int check_extent(const struct igvm *igvm, uint32_t at, const struct igvm_header *header,
			struct vmm_error *err)
{
	uint32_t left = igvm->len - at;
	uint64_t len, end;

	if (left < IGVM_HEADER_SIZE)
		return igvm_refuse(header, -EINVAL, err, "cut off by the end of the headers");
	len = get_le32(igvm->headers + at + 4);
	end = align_up(IGVM_HEADER_SIZE + len, 8);
	if (end > left)
		return igvm_refuse(header, -EINVAL, err,
				   "%" PRIu64 " bytes are cut off by the end of the headers", len);
	for (uint64_t i = IGVM_HEADER_SIZE + len; i < end; i++)
		if (igvm->headers[at + i] != 0)
			return igvm_refuse(header, -EINVAL, err, "the padding is not zero");
	return 0;
}

/*
 * Is the header at `at` all there, and as long as its type says? Asked of every header before a
 * field of it is looked at. What is not known may be of any length, if it may be ignored.
 */
static int check_form(const struct igvm *igvm, uint32_t at, struct vmm_error *err)
{
	struct igvm_header header = {.offset = (uint64_t)igvm->offset + at};
	const struct form *form;
	uint32_t type, len;
	int ret = check_extent(igvm, at, &header, err);

	if (ret < 0)
		return ret;
	type = get_le32(igvm->headers + at);
	len = get_le32(igvm->headers + at + 4);
	form = find_form(type & ~IGVM_OPTIONAL);
	if (!form)
		return type & IGVM_OPTIONAL ? 0
					    : igvm_refuse(&header, -ENOTSUP, err, "type %#x", type);
	header.name = form->name;
	if (len != form->size)
		return igvm_refuse(&header, -EINVAL, err, "%u bytes instead of %u", len,
				   form->size);
	return 0;
}

/* Of a header whose form is right. *section is that of the header before. */
static int check_header(const struct igvm *igvm, const struct igvm_header *header, int *section,
			struct vmm_error *err)
{
	const struct form *form = find_form(header->type);
	uint32_t mask;

	if (!form)
		return 0;
	if (section_of(form->type) < *section)
		return igvm_refuse(header, -EINVAL, err,
				   "behind headers that have to come after it");
	*section = section_of(form->type);
	mask = form->mask == NO_MASK ? 0 : get_le32(header->data + form->mask);
	if (form->mask != NO_MASK && (mask == 0 || (mask & ~igvm->platforms)))
		return igvm_refuse(header, -EINVAL, err,
				   "for platforms %#x, and the file's platforms are %#x", mask,
				   igvm->platforms);
	if (form->refused && (form->mask == NO_MASK || (mask & igvm->mask)))
		return igvm_refuse(header, -ENOTSUP, err, "minivmm does not support it");
	return 0;
}

static int check_boundary(const struct igvm *igvm, const struct igvm_header *header,
			  struct vmm_error *err)
{
	uint64_t boundary = get_le64(header->data + PLATFORM_SHARED_BOUNDARY);

	/* in a TD it is the bit that makes an address shared, which follows from the address width
	 */
	if (boundary == 0 ||
	    (igvm->platform == IGVM_TDX && (boundary == 1ULL << 47 || boundary == 1ULL << 51)))
		return 0;
	return igvm_refuse(header, -ENOTSUP, err,
			   "memory above %#" PRIx64 " shall be shared with the host, which KVM "
			   "does not offer",
			   boundary);
}

/* Notes the platform, and whether it is the guest's. */
static int add_platform(struct igvm *igvm, const struct igvm_header *header, uint32_t *types,
			struct vmm_error *err)
{
	uint32_t mask = get_le32(header->data + PLATFORM_MASK);
	uint8_t type = header->data[PLATFORM_TYPE];

	if (mask == 0 || (mask & (mask - 1)) || (mask & igvm->platforms))
		return igvm_refuse(header, -EINVAL, err,
				   "compatibility mask %#x is not one bit of its own", mask);
	if (type < 32 && (*types & 1U << type))
		return igvm_refuse(header, -EINVAL, err, "a second one for %s",
				   platform_name(type));
	igvm->platforms |= mask;
	if (type < 32)
		*types |= 1U << type;
	if (type != igvm->platform)
		return 0;
	if (get_le16(header->data + PLATFORM_VERSION) != 1)
		return igvm_refuse(header, -ENOTSUP, err, "version %u of %s, known is 1",
				   get_le16(header->data + PLATFORM_VERSION), platform_name(type));
	if (header->data[PLATFORM_HIGHEST_VTL] > 2)
		return igvm_refuse(header, -EINVAL, err, "VTL %u, the highest there is is 2",
				   header->data[PLATFORM_HIGHEST_VTL]);
	igvm->mask = mask;
	return check_boundary(igvm, header, err);
}

/* "SEV-SNP, TDX" into `text`. */
static void list_platforms(uint32_t types, char *text, size_t size)
{
	size_t used = 0;

	text[0] = '\0';
	for (unsigned int i = 0; i < 32; i++)
		if (types & 1U << i && used < size)
			used += (size_t)snprintf(text + used, size - used, "%s%s", used ? ", " : "",
						 platform_name(i));
}

/* Goes over all headers for the first time: their form, and which platforms there are. */
static int find_platform(struct igvm *igvm, struct vmm_error *err)
{
	uint32_t at = 0, types = 0;
	struct igvm_header header;
	char names[160];
	int ret;

	while (at < igvm->len) {
		ret = check_form(igvm, at, err);
		if (ret < 0)
			return ret;
		igvm_next(igvm, &at, &header);
		if (header.type == IGVM_SUPPORTED_PLATFORM)
			ret = add_platform(igvm, &header, &types, err);
		if (ret < 0)
			return ret;
	}
	if (igvm->mask)
		return 0;
	list_platforms(types, names, sizeof(names));
	return vmm_error_set(err, -EINVAL, "it is for %s, and this VM is %s",
			     names[0] ? names : "no platform", platform_name(igvm->platform));
}

int igvm_check_headers(struct igvm *igvm, struct vmm_error *err)
{
	struct igvm_header header;
	int section = 0, ret = find_platform(igvm, err);

	for (uint32_t at = 0; ret == 0 && igvm_next(igvm, &at, &header);)
		ret = check_header(igvm, &header, &section, err);
	return ret;
}
