// SPDX-License-Identifier: MIT
#include "cc/snp_certs.h"

#include "vmm/base/bytes.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define ENTRY_SIZE   24
#define ENTRY_OFFSET 16
#define ENTRY_LENGTH 20

/* How many entries stand before the one of zeros; -1 if there is none. */
static int count_entries(const uint8_t *table, size_t len)
{
	static const uint8_t end[ENTRY_SIZE];

	for (size_t at = 0; len - at >= ENTRY_SIZE; at += ENTRY_SIZE)
		if (memcmp(table + at, end, ENTRY_SIZE) == 0)
			return (int)(at / ENTRY_SIZE);
	return -1;
}

int snp_certs_check(const uint8_t *table, size_t len, struct vmm_error *err)
{
	int n = count_entries(table, len);
	size_t end;

	if (n < 0)
		return vmm_error_set(err, -EINVAL,
				     "no table of certificates: an entry of zeros at its end is "
				     "missing");
	end = ((size_t)n + 1) * ENTRY_SIZE;
	for (int i = 0; i < n; i++) {
		const uint8_t *entry = table + (size_t)i * ENTRY_SIZE;
		uint32_t offset = get_le32(entry + ENTRY_OFFSET);
		uint32_t length = get_le32(entry + ENTRY_LENGTH);

		if (length == 0 || !range_inside(offset, length, end, len - end))
			return vmm_error_set(err, -EINVAL,
					     "certificate %d of %d, %u bytes at offset %u, is not "
					     "between the table and the end at %zu",
					     i + 1, n, length, offset, len);
	}
	return 0;
}

/* The file is open and locked. */
static int read_table(struct snp_certs *certs, struct vmm_error *err)
{
	uint64_t size = certs->file.size;
	int ret;

	if (size < ENTRY_SIZE || size > SNP_CERTS_MAX)
		return vmm_error_set(err, -EINVAL,
				     "%s has %" PRIu64
				     " bytes: a table of certificates has %u to %u",
				     certs->file.path, size, ENTRY_SIZE, SNP_CERTS_MAX);
	certs->len = size;
	certs->table = malloc(certs->len);
	if (!certs->table)
		return vmm_error_errno(err, -ENOMEM, "unable to read %s", certs->file.path);
	ret = mem_file_read(&certs->file, 0, certs->table, certs->len, err);
	if (ret < 0)
		return ret;
	ret = snp_certs_check(certs->table, certs->len, err);
	if (ret < 0)
		vmm_error_prefix(err, "%s", certs->file.path);
	return ret;
}

int snp_certs_open(struct snp_certs *certs, const struct sys *sys, const char *path,
		   struct vmm_error *err)
{
	int ret;

	*certs = (struct snp_certs){0};
	ret = mem_file_open(&certs->file, sys, path, err);
	if (ret < 0) {
		*certs = (struct snp_certs){0};
		return ret;
	}
	ret = sys->ops->lock(sys->ctx, certs->file.fd, false);
	if (ret < 0)
		vmm_error_errno(err, ret, "unable to lock %s for reading", path);
	if (ret == 0)
		ret = read_table(certs, err);
	if (ret < 0)
		snp_certs_close(certs);
	return ret;
}

void snp_certs_close(struct snp_certs *certs)
{
	if (certs->file.sys)
		mem_file_close(&certs->file);
	free(certs->table);
	*certs = (struct snp_certs){0};
}
