// SPDX-License-Identifier: MIT
#include "boot/elf_note.h"

#include "vmm/base/bytes.h"

#include <elf.h>
#include <errno.h>
#include <string.h>

int elf_note_find(const uint8_t *notes, size_t len, size_t align, const char *name, uint32_t type,
		  const uint8_t **desc, size_t *desc_len)
{
	size_t want = strlen(name) + 1;

	while (len >= sizeof(Elf64_Nhdr)) {
		uint64_t name_len = get_le32(notes), value_len = get_le32(notes + 4);
		uint64_t value_at = align_up(sizeof(Elf64_Nhdr) + name_len, align);
		uint64_t next = align_up(value_at + value_len, align);

		/* 32-bit lengths in 64-bit sums: nothing can wrap. The last note's padding may be
		 * missing. */
		if (value_at + value_len > len)
			return -EBADMSG;
		if (get_le32(notes + 8) == type && name_len == want &&
		    memcmp(notes + sizeof(Elf64_Nhdr), name, want) == 0) {
			*desc = notes + value_at;
			*desc_len = (size_t)value_len;
			return 1;
		}
		if (next >= len)
			break;
		notes += next;
		len -= next;
	}
	return 0;
}
