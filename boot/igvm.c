// SPDX-License-Identifier: MIT
/* An IGVM file is opened: its headers are checked, and what they ask of the launch itself is taken,
 * which has to be known before there is a VM: policy, SEV_FEATURES, and the ID block. */
#include "boot/igvm.h"

#include "vmm/base/bytes.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
			     header->form ? header->form->name : "unknown", header->offset, text);
}

/* --- platforms -------------------------------------------------------------------------------- */

static int check_boundary(const struct igvm *igvm, const struct igvm_header *header,
			  uint64_t boundary, struct vmm_error *err)
{
	/* in a TD it is the bit that makes an address shared, which follows from the address width
	 */
	if (boundary == 0 || (igvm->platform == IGVM_TDX &&
			      (boundary == UINT64_C(1) << 47 || boundary == UINT64_C(1) << 51)))
		return 0;
	return igvm_refuse(header, -ENOTSUP, err,
			   "memory above %#" PRIx64 " shall be shared with the host, which KVM "
			   "does not offer",
			   boundary);
}

/* Notes the platform, and whether it is the guest's. */
static int open_platform(struct igvm *igvm, const struct igvm_header *header,
			 struct boot_demand *demand, struct vmm_error *err)
{
	const struct igvm_supported *s = header->data;
	uint32_t type = s->type < 32 ? 1U << s->type : 0;

	(void)demand;
	if (s->mask == 0 || (s->mask & (s->mask - 1)) || (s->mask & igvm->platforms))
		return igvm_refuse(header, -EINVAL, err,
				   "compatibility mask %#x is not one bit of its own", s->mask);
	if (igvm->types & type)
		return igvm_refuse(header, -EINVAL, err, "a second one for %s",
				   platform_name(s->type));
	igvm->platforms |= s->mask;
	igvm->types |= type;
	if (s->type != igvm->platform)
		return 0;
	if (s->version != 1)
		return igvm_refuse(header, -ENOTSUP, err, "version %u of %s, known is 1",
				   s->version, platform_name(s->type));
	if (s->highest_vtl > 2)
		return igvm_refuse(header, -EINVAL, err, "VTL %u, the highest there is is 2",
				   s->highest_vtl);
	igvm->mask = s->mask;
	return check_boundary(igvm, header, s->shared_boundary, err);
}

static int refuse_platform(const struct igvm *igvm, struct vmm_error *err)
{
	char names[160] = "";
	size_t used = 0;

	for (unsigned int i = 0; i < 32; i++)
		if (igvm->types & 1U << i && used < sizeof(names))
			used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s",
						 used ? ", " : "", platform_name(i));
	return vmm_error_set(err, -EINVAL, "it is for %s, and this VM is %s",
			     used ? names : "no platform", platform_name(igvm->platform));
}

/* --- what the launch is asked for ------------------------------------------------------------- */

/* ATTRIBUTES of a TD (Intel TDX Module ABI specification, "ATTRIBUTES"). */
#define TD_DEBUG	   (UINT64_C(1) << 0)
#define TD_SEPT_VE_DISABLE (UINT64_C(1) << 28)
#define TD_MIGRATABLE	   (UINT64_C(1) << 29)

static int td_attributes(const struct igvm_header *header, uint64_t policy, uint64_t *attributes,
			 struct vmm_error *err)
{
	const uint64_t known = IGVM_TD_DEBUG | IGVM_TD_SEPT_VE_DISABLE | IGVM_TD_MIGRATABLE;

	if (policy & ~known)
		return igvm_refuse(header, -ENOTSUP, err,
				   "policy %#" PRIx64 " has bits of unknown meaning", policy);
	*attributes = (policy & IGVM_TD_DEBUG ? TD_DEBUG : 0) |
		      (policy & IGVM_TD_SEPT_VE_DISABLE ? TD_SEPT_VE_DISABLE : 0) |
		      (policy & IGVM_TD_MIGRATABLE ? TD_MIGRATABLE : 0);
	return 0;
}

static int open_policy(struct igvm *igvm, const struct igvm_header *header,
		       struct boot_demand *demand, struct vmm_error *err)
{
	const struct igvm_policy *policy = header->data;

	if (demand->has_policy)
		return igvm_refuse(header, -EINVAL, err, "a second policy for this platform");
	demand->has_policy = igvm->platform != IGVM_NATIVE;
	demand->policy = policy->policy;
	if (igvm->platform == IGVM_TDX)
		return td_attributes(header, policy->policy, &demand->policy, err);
	return 0;
}

static void copy_key(uint8_t to[SNP_ID_KEY_USED], const struct igvm_key *key)
{
	memcpy(to, &key->curve, sizeof(key->curve));
	memcpy(to + sizeof(key->curve), key->coordinates, sizeof(key->coordinates));
}

static int open_id_block(struct igvm *igvm, const struct igvm_header *header,
			 struct boot_demand *demand, struct vmm_error *err)
{
	const struct igvm_id_block *from = header->data;
	struct snp_id_block *block = &demand->id_block;
	struct snp_id_auth *auth = &demand->id_auth;

	if (igvm->platform != IGVM_SEV_SNP)
		return igvm_refuse(header, -EINVAL, err, "only SNP guests have one");
	if (demand->has_id)
		return igvm_refuse(header, -EINVAL, err, "a second ID block for this platform");
	if (from->author_enabled > 1)
		return igvm_refuse(header, -EINVAL, err,
				   "author key enabled: %u is neither 0 nor 1",
				   from->author_enabled);
	demand->has_id = true;
	memcpy(block->launch_digest, from->digest, sizeof(block->launch_digest));
	memcpy(block->family_id, from->family, sizeof(block->family_id));
	memcpy(block->image_id, from->image, sizeof(block->image_id));
	block->version = from->version;
	block->guest_svn = from->guest_svn;
	auth->key_algorithm = from->key_algorithm;
	memcpy(auth->signature, from->signature, sizeof(from->signature));
	copy_key(auth->key, &from->key);
	if (!from->author_enabled)
		return 0;
	auth->author_algorithm = from->author_algorithm;
	memcpy(auth->author_signature, from->author_signature, sizeof(from->author_signature));
	copy_key(auth->author_key, &from->author_key);
	return 0;
}

/* --- variable headers ------------------------------------------------------------------------- */

#define MASK(s) .mask = offsetof(struct s, mask)
#define RESERVED(s) \
	.reserved = offsetof(struct s, reserved), .reserved_len = sizeof(((struct s *)0)->reserved)
#define PARAMETER sizeof(struct igvm_parameter), IGVM_NO_MASK

/* In the order of types, which is that of the file's sections, too: platforms, what is needed before
 * there is memory, and directives. */
static const struct igvm_form forms[] = {
	{IGVM_SUPPORTED_PLATFORM, sizeof(struct igvm_supported), IGVM_NO_MASK,
	 .name = "supported platform", .open = open_platform},
	{IGVM_GUEST_POLICY, sizeof(struct igvm_policy), MASK(igvm_policy), RESERVED(igvm_policy),
	 .name = "guest policy", .open = open_policy},
	{IGVM_RELOCATABLE_REGION, 48, .name = "relocatable region"},
	{IGVM_PAGE_TABLE_RELOCATION, 32, .name = "page table relocation"},
	{IGVM_PARAMETER_AREA, sizeof(struct igvm_area), IGVM_NO_MASK, .name = "parameter area",
	 .load = igvm_load_area},
	{IGVM_PAGE_DATA, sizeof(struct igvm_page), MASK(igvm_page), RESERVED(igvm_page),
	 .name = "page data", .load = igvm_load_pages},
	{IGVM_PARAMETER_INSERT, sizeof(struct igvm_insert), MASK(igvm_insert),
	 .name = "parameter insert", .load = igvm_load_insert},
	{IGVM_VP_CONTEXT, sizeof(struct igvm_context), MASK(igvm_context), RESERVED(igvm_context),
	 .name = "VP context", .open = igvm_open_context, .load = igvm_load_context},
	{IGVM_REQUIRED_MEMORY, sizeof(struct igvm_required), MASK(igvm_required),
	 RESERVED(igvm_required), .name = "required memory", .load = igvm_load_required},
	{IGVM_VP_COUNT, PARAMETER, .name = "VP count", .load = igvm_load_parameter},
	{IGVM_SRAT, PARAMETER, .name = "SRAT"},
	{IGVM_MADT, PARAMETER, .name = "MADT", .load = igvm_load_parameter},
	{IGVM_MMIO_RANGES, PARAMETER, .name = "MMIO ranges", .load = igvm_load_parameter},
	{IGVM_SNP_ID_BLOCK, sizeof(struct igvm_id_block), MASK(igvm_id_block),
	 RESERVED(igvm_id_block), .name = "SNP ID block", .open = open_id_block},
	{IGVM_MEMORY_MAP, PARAMETER, .name = "memory map", .load = igvm_load_parameter},
	{IGVM_ERROR_RANGE, sizeof(struct igvm_error_range), MASK(igvm_error_range),
	 .name = "error range", .load = igvm_load_error_range},
	{IGVM_COMMAND_LINE, PARAMETER, .name = "command line", .load = igvm_load_parameter},
	{IGVM_SLIT, PARAMETER, .name = "SLIT"},
	{IGVM_PPTT, PARAMETER, .name = "PPTT"},
	{IGVM_VBS_MEASUREMENT, 864, .name = "VBS measurement"},
	{IGVM_DEVICE_TREE, PARAMETER, .name = "device tree", .load = igvm_load_parameter},
	{IGVM_ENVIRONMENT_INFO, PARAMETER, .name = "environment info", .load = igvm_load_parameter},
};

static const struct igvm_form *find_form(uint32_t type)
{
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++)
		if (forms[i].type == type)
			return &forms[i];
	return NULL;
}

static uint32_t mask_of(const struct igvm_header *header)
{
	return get_le32((const uint8_t *)header->data + header->form->mask);
}

bool igvm_next(const struct igvm *igvm, uint32_t *at, struct igvm_header *header)
{
	const struct igvm_prefix *prefix = (const void *)(igvm->headers + *at);

	if (*at >= igvm->len)
		return false;
	*header = (struct igvm_header){
		.form = find_form(prefix->type & ~IGVM_OPTIONAL),
		.type = prefix->type & ~IGVM_OPTIONAL,
		.offset = (uint64_t)igvm->offset + *at,
		.data = prefix + 1,
	};
	header->applies = header->form &&
			  (header->form->mask == IGVM_NO_MASK || (mask_of(header) & igvm->mask));
	*at += (uint32_t)align_up(sizeof(*prefix) + prefix->len, 8);
	return true;
}

/*
 * Is the header at `at` all there, and as long as its type says? Asked of every header before a
 * field of it is looked at. What is not known may be of any length, if it may be ignored.
 */
static int check_form(const struct igvm *igvm, uint32_t at, struct vmm_error *err)
{
	struct igvm_header header = {.offset = (uint64_t)igvm->offset + at};
	const struct igvm_prefix *prefix = (const void *)(igvm->headers + at);
	uint32_t left = igvm->len - at;
	uint64_t len, end;

	if (left < sizeof(*prefix))
		return igvm_refuse(&header, -EINVAL, err, "cut off by the end of the headers");
	len = sizeof(*prefix) + (uint64_t)prefix->len;
	end = align_up(len, 8);
	if (end > left)
		return igvm_refuse(&header, -EINVAL, err,
				   "%u bytes are cut off by the end of the headers", prefix->len);
	while (len < end)
		if (igvm->headers[at + len++] != 0)
			return igvm_refuse(&header, -EINVAL, err, "the padding is not zero");
	header.form = find_form(prefix->type & ~IGVM_OPTIONAL);
	if (!header.form && !(prefix->type & IGVM_OPTIONAL))
		return igvm_refuse(&header, -ENOTSUP, err, "type %#x", prefix->type);
	if (header.form && prefix->len != header.form->size)
		return igvm_refuse(&header, -EINVAL, err, "%u bytes instead of %u", prefix->len,
				   header.form->size);
	return 0;
}

/* Platforms, 0x1 to 0x100; what is needed before there is memory, to 0x200; directives. */
static int section_of(uint32_t type)
{
	return type <= 0x100 ? 0 : type <= 0x200 ? 1 : 2;
}

/* Of a header whose form is right. *section is that of the header before. */
static int open_header(struct igvm *igvm, const struct igvm_header *header, int *section,
		       struct boot_demand *demand, struct vmm_error *err)
{
	const struct igvm_form *form = header->form;

	if (section_of(header->type) < *section)
		return igvm_refuse(header, -EINVAL, err,
				   "behind headers that have to come after it");
	*section = section_of(header->type);
	if (form->mask != IGVM_NO_MASK &&
	    (mask_of(header) == 0 || (mask_of(header) & ~igvm->platforms)))
		return igvm_refuse(header, -EINVAL, err,
				   "for platforms %#x, and the file's platforms are %#x",
				   mask_of(header), igvm->platforms);
	if (!header->applies)
		return 0;
	for (size_t i = 0; i < form->reserved_len; i++)
		if (((const uint8_t *)header->data)[form->reserved + i] != 0)
			return igvm_refuse(header, -EINVAL, err, "a reserved field is not zero");
	if (!form->open && !form->load)
		return igvm_refuse(header, -ENOTSUP, err, "minivmm does not support it");
	return form->open ? form->open(igvm, header, demand, err) : 0;
}

static int open_headers(struct igvm *igvm, struct boot_demand *demand, struct vmm_error *err)
{
	struct igvm_header header;
	int section = 0, ret = 0;

	for (uint32_t at = 0; at < igvm->len && ret == 0;) {
		ret = check_form(igvm, at, err);
		if (ret == 0 && igvm_next(igvm, &at, &header) && header.form)
			ret = open_header(igvm, &header, &section, demand, err);
	}
	return ret == 0 && igvm->mask == 0 ? refuse_platform(igvm, err) : ret;
}

/* --- the fixed header ------------------------------------------------------------------------- */

/* CRC-32 as zlib computes it (RFC 1952, section 8), half a byte at a time: headers are short, and
 * opening zlib would take longer. */
static uint32_t crc32_update(uint32_t crc, const void *bytes, size_t len)
{
	static const uint32_t table[16] = {
		0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
		0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
		0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
	};
	const uint8_t *p = bytes;

	for (size_t i = 0; i < len; i++) {
		crc ^= p[i];
		crc = crc >> 4 ^ table[crc & 15];
		crc = crc >> 4 ^ table[crc & 15];
	}
	return crc;
}

/* Reads the fixed header, *size bytes, and checks all of it but the checksum. */
static int read_fixed(const struct igvm *igvm, struct igvm_fixed *fixed, size_t *size,
		      struct vmm_error *err)
{
	const struct mem_file *file = &igvm->file;
	int ret;

	if (file->size < IGVM_V1_SIZE)
		return vmm_error_set(err, -EINVAL, "too short for an IGVM file");
	ret = mem_file_read(file, 0, fixed, IGVM_V1_SIZE, err);
	if (ret < 0)
		return ret;
	if (fixed->magic != IGVM_MAGIC)
		return vmm_error_set(err, -EINVAL, "not an IGVM file");
	if (fixed->version < 1 || fixed->version > 2)
		return vmm_error_set(err, -ENOTSUP,
				     "version %u of the IGVM format, known are 1 and 2",
				     fixed->version);
	*size = fixed->version == 2 ? IGVM_V2_SIZE : IGVM_V1_SIZE;
	ret = mem_file_read(file, 0, fixed, *size, err);
	if (ret < 0)
		return ret;
	if (fixed->architecture != IGVM_ARCH_X64)
		return vmm_error_set(err, -ENOTSUP, "it is for %s, not for x86-64",
				     fixed->architecture == IGVM_ARCH_AARCH64
					     ? "AArch64"
					     : "an unknown processor");
	if (fixed->version == 2 && fixed->page_size != PAGE_SIZE)
		return vmm_error_set(err, -ENOTSUP, "its pages have %u bytes, not 4096",
				     fixed->page_size);
	if (fixed->file_size != file->size)
		return vmm_error_set(err, -EINVAL,
				     "the file has %" PRIu64 " bytes, and its header says %u",
				     file->size, fixed->file_size);
	if (fixed->headers_offset < *size || !is_aligned(fixed->headers_offset, 8) ||
	    !range_inside(fixed->headers_offset, fixed->headers_size, 0, file->size))
		return vmm_error_set(err, -EINVAL,
				     "its variable headers at %#x+%#x are not in the file, or "
				     "overlap the fixed one",
				     fixed->headers_offset, fixed->headers_size);
	if (fixed->headers_size > IGVM_HEADERS_MAX)
		return vmm_error_set(err, -E2BIG,
				     "%u bytes of headers, at most %" PRIu64 " are read",
				     fixed->headers_size, IGVM_HEADERS_MAX);
	return 0;
}

/* Reads all headers; the checksum is over both kinds, as if it were 0 itself. */
static int read_headers(struct igvm *igvm, struct vmm_error *err)
{
	struct igvm_fixed fixed = {.magic = 0};
	uint32_t checksum, crc;
	size_t size = 0;
	int ret = read_fixed(igvm, &fixed, &size, err);

	if (ret < 0)
		return ret;
	igvm->offset = fixed.headers_offset;
	igvm->len = fixed.headers_size;
	igvm->headers = malloc(igvm->len ? igvm->len : 1);
	if (!igvm->headers)
		return vmm_error_errno(err, -ENOMEM, "unable to read its headers");
	ret = mem_file_read(&igvm->file, igvm->offset, igvm->headers, igvm->len, err);
	if (ret < 0)
		return ret;
	checksum = fixed.checksum;
	fixed.checksum = 0;
	crc = ~crc32_update(crc32_update(~0U, &fixed, size), igvm->headers, igvm->len);
	if (crc != checksum)
		return vmm_error_set(err, -EBADMSG,
				     "its headers are damaged: their CRC-32 is %#x, and should be "
				     "%#x",
				     crc, checksum);
	return 0;
}

int igvm_open(struct igvm *igvm, const struct boot_config *config, const struct sys *sys,
	      struct boot_demand *demand, struct vmm_error *err)
{
	int ret;

	*igvm = (struct igvm){
		.platform = config->guest == BOOT_SNP	? IGVM_SEV_SNP
			    : config->guest == BOOT_TDX ? IGVM_TDX
							: IGVM_NATIVE,
	};
	ret = mem_file_open(&igvm->file, sys, config->igvm, err);
	if (ret == 0) {
		ret = read_headers(igvm, err);
		if (ret == 0)
			ret = open_headers(igvm, demand, err);
		if (ret < 0)
			vmm_error_prefix(err, "%s", config->igvm);
	}
	if (ret < 0) {
		vmm_error_prefix(err, "igvm");
		igvm_close(igvm);
	}
	return ret;
}

void igvm_close(struct igvm *igvm)
{
	mem_file_close(&igvm->file);
	free(igvm->headers);
	igvm->headers = NULL;
}
