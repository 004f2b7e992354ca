/* SPDX-License-Identifier: MIT */
/*
 * The table of GUIDed structures at the end of firmware images (edk2,
 * OvmfPkg/ResetVector/Ia16/ResetVectorVtf0.asm): how a loader finds what OVMF and TDVF images say
 * about themselves. It ends 32 bytes before the end of the file and is read backwards:
 *
 *	data, u16 length (of data, length and GUID), GUID    one entry after the other
 *	u16 length (of the whole table, with this), footer GUID
 *	32 bytes of code: the reset vector
 */
#ifndef BOOT_GUID_TABLE_H
#define BOOT_GUID_TABLE_H

#include "mem/file.h"

#include <stddef.h>
#include <stdint.h>

struct guid {
	uint8_t byte[16];
};

/* From the text form: the first three groups are stored little-endian. */
#define GUID(a, b, c, ...)                                                                  \
	{                                                                                   \
		{                                                                           \
			(a) & 0xff, (a) >> 8 & 0xff, (a) >> 16 & 0xff, (a) >> 24, (b)&0xff, \
				(b) >> 8, (c)&0xff, (c) >> 8, __VA_ARGS__                   \
		}                                                                           \
	}

#define GUID_TABLE_MAX 4096 /* bytes of entries; real ones have a few hundred */

struct guid_table {
	const char *path; /* of the file, for messages */
	size_t len;
	uint8_t entries[GUID_TABLE_MAX]; /* without the footer; every length in it is sound */
};

/*
 * Reads the table of an image. -ENOENT when there is none: *err is left alone then, since the
 * caller knows better what that means. -EINVAL when it is damaged: an entry shorter than its own
 * length and GUID, or lengths that do not add up to the table's.
 */
int guid_table_read(const struct mem_file *file, struct guid_table *table, struct vmm_error *err);

/*
 * Copies the data of the entry `guid`, which has to be exactly `len` bytes. -ENOENT, and *err left
 * alone, when there is no such entry; -EINVAL when it has another size. `what` it is goes into the
 * message.
 */
int guid_table_get(const struct guid_table *table, const struct guid *guid, const char *what,
		   void *data, size_t len, struct vmm_error *err);

#endif
