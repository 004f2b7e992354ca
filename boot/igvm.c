// SPDX-License-Identifier: MIT
/* An IGVM file is opened: its fixed header and its checksum. */
#include "boot/igvm.h"

#include "vmm/base/bytes.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

static enum igvm_platform platform_of(enum boot_guest guest)
{
	switch (guest) {
	case BOOT_PLAIN:
		break;
	case BOOT_SNP:
		return IGVM_SEV_SNP;
	case BOOT_TDX:
		return IGVM_TDX;
	}
	return IGVM_NATIVE;
}

/* CRC-32 as zlib computes it (RFC 1952, section 8), half a byte at a time: headers are short, and
 * opening zlib would take longer. */
static uint32_t crc32_update(uint32_t crc, const uint8_t *bytes, size_t len)
{
	static const uint32_t table[16] = {
		0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
		0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
		0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
	};

	for (size_t i = 0; i < len; i++) {
		crc ^= bytes[i];
		crc = crc >> 4 ^ table[crc & 15];
		crc = crc >> 4 ^ table[crc & 15];
	}
	return crc;
}

static int check_version_2(const uint8_t *fixed, struct vmm_error *err)
{
	uint32_t arch = get_le32(fixed + IGVM_ARCHITECTURE);
	uint32_t page_size = get_le32(fixed + IGVM_PAGE_SIZE);

	if (arch != IGVM_ARCH_X64)
		return vmm_error_set(err, -ENOTSUP, "it is for %s, not for x86-64",
				     arch == IGVM_ARCH_AARCH64 ? "AArch64"
							       : "an unknown processor");
	if (page_size != PAGE_SIZE)
		return vmm_error_set(err, -ENOTSUP, "its pages have %u bytes, not 4096", page_size);
	return 0;
}

static int check_fixed(struct igvm *igvm, const uint8_t *fixed, size_t fixed_size,
		       struct vmm_error *err)
{
	igvm->offset = get_le32(fixed + IGVM_HEADERS_OFFSET);
	igvm->len = get_le32(fixed + IGVM_HEADERS_SIZE);
	if (get_le32(fixed + IGVM_FILE_SIZE) != igvm->file.size)
		return vmm_error_set(err, -EINVAL,
				     "the file has %" PRIu64 " bytes, and its header says %u",
				     igvm->file.size, get_le32(fixed + IGVM_FILE_SIZE));
	if (igvm->offset < fixed_size || !is_aligned(igvm->offset, 8) ||
	    !range_inside(igvm->offset, igvm->len, 0, igvm->file.size))
		return vmm_error_set(err, -EINVAL,
				     "its variable headers at %#x+%#x are not in the file, or "
				     "overlap the fixed one",
				     igvm->offset, igvm->len);
	if (igvm->len > IGVM_HEADERS_MAX)
		return vmm_error_set(err, -E2BIG, "%u bytes of headers, at most %llu are read",
				     igvm->len, (unsigned long long)IGVM_HEADERS_MAX);
	return 0;
}

/* Reads all headers; the checksum is over both kinds, as if it were 0 itself. */
static int read_headers(struct igvm *igvm, struct vmm_error *err)
{
	uint8_t fixed[IGVM_V2_SIZE] = {0};
	size_t fixed_size = IGVM_V1_SIZE;
	uint32_t version, checksum, crc;
	int ret;

	if (igvm->file.size < IGVM_V1_SIZE)
		return vmm_error_set(err, -EINVAL, "too short for an IGVM file");
	ret = mem_file_read(&igvm->file, 0, fixed, IGVM_V1_SIZE, err);
	if (ret < 0)
		return ret;
	version = get_le32(fixed + IGVM_VERSION);
	if (get_le32(fixed) != IGVM_MAGIC)
		return vmm_error_set(err, -EINVAL, "not an IGVM file");
	if (version < 1 || version > 2)
		return vmm_error_set(err, -ENOTSUP,
				     "version %u of the IGVM format, known are 1 "
				     "and 2",
				     version);
	if (version == 2) {
		fixed_size = IGVM_V2_SIZE;
		ret = mem_file_read(&igvm->file, 0, fixed, IGVM_V2_SIZE, err);
		if (ret == 0)
			ret = check_version_2(fixed, err);
	}
	if (ret == 0)
		ret = check_fixed(igvm, fixed, fixed_size, err);
	if (ret < 0)
		return ret;
	igvm->headers = malloc(igvm->len ? igvm->len : 1);
	if (!igvm->headers)
		return vmm_error_errno(err, -ENOMEM, "unable to read its headers");
	ret = mem_file_read(&igvm->file, igvm->offset, igvm->headers, igvm->len, err);
	if (ret < 0)
		return ret;
	checksum = get_le32(fixed + IGVM_CHECKSUM);
	put_le32(fixed + IGVM_CHECKSUM, 0);
	crc = ~crc32_update(crc32_update(~0U, fixed, fixed_size), igvm->headers, igvm->len);
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

	*igvm = (struct igvm){.platform = platform_of(config->guest)};
	ret = mem_file_open(&igvm->file, sys, config->igvm, err);
	if (ret == 0) {
		ret = read_headers(igvm, err);
		if (ret == 0)
			ret = igvm_check_headers(igvm, err);
		if (ret == 0)
			ret = igvm_demand(igvm, demand, err);
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
