// SPDX-License-Identifier: MIT
#include "boot/guid_table.h"

#include "vmm/base/bytes.h"

#include <errno.h>
#include <string.h>

#define RESET_VECTOR 32u /* bytes of code behind the table */
#define GUID_LEN     16u
#define TAIL	     18u /* of each entry: u16 length, GUID */

static const struct guid footer = /* 96b582de-1fb2-45f7-baea-a366c55a082d */
	GUID(0x96b582de, 0x1fb2, 0x45f7, 0xba, 0xea, 0xa3, 0x66, 0xc5, 0x5a, 0x08, 0x2d);

/* Do the lengths, from the last entry to the first, use up the table exactly? */
static int check_entries(const struct guid_table *table, struct vmm_error *err)
{
	size_t end = table->len;

	while (end >= TAIL) {
		size_t len = get_le16(table->entries + end - TAIL);

		if (len < TAIL || len > end)
			return vmm_error_set(err, -EINVAL,
					     "%s: its GUID table is damaged: an entry of %zu bytes "
					     "where %zu are left",
					     table->path, len, end);
		end -= len;
	}
	if (end > 0)
		return vmm_error_set(err, -EINVAL,
				     "%s: its GUID table is damaged: %zu bytes are left over",
				     table->path, end);
	return 0;
}

int guid_table_read(const struct mem_file *file, struct guid_table *table, struct vmm_error *err)
{
	uint8_t tail[TAIL];
	uint64_t end;
	size_t len;
	int ret;

	*table = (struct guid_table){.path = file->path};
	if (file->size < RESET_VECTOR + TAIL)
		return -ENOENT;
	end = file->size - RESET_VECTOR;
	ret = mem_file_read(file, end - TAIL, tail, sizeof(tail), err);
	if (ret < 0)
		return ret;
	if (memcmp(tail + TAIL - GUID_LEN, &footer, GUID_LEN) != 0)
		return -ENOENT;
	len = get_le16(tail);
	if (len < TAIL || len > end || len - TAIL > sizeof(table->entries))
		return vmm_error_set(err, -EINVAL,
				     "%s: its GUID table is damaged: a length of %zu bytes",
				     file->path, len);
	table->len = len - TAIL;
	ret = mem_file_read(file, end - len, table->entries, table->len, err);
	return ret < 0 ? ret : check_entries(table, err);
}

int guid_table_get(const struct guid_table *table, const struct guid *guid, const char *what,
		   void *data, size_t len, struct vmm_error *err)
{
	for (size_t end = table->len; end > 0;) {
		const uint8_t *tail = table->entries + end - TAIL;
		size_t entry_len = get_le16(tail);

		if (memcmp(tail + 2, guid, GUID_LEN) != 0) {
			end -= entry_len;
			continue;
		}
		if (entry_len - TAIL != len)
			return vmm_error_set(err, -EINVAL,
					     "%s: the GUID table's entry for %s has %zu bytes "
					     "instead of %zu",
					     table->path, what, entry_len - TAIL, len);
		memcpy(data, tail - len, len);
		return 0;
	}
	return -ENOENT;
}
