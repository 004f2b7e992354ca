// SPDX-License-Identifier: MIT
/* Formats of disk images that are more than the bytes of the disk, by the bytes they begin with. */
#include "vmm/base/bytes.h"
#include "vmm/virtio/blk_internal.h"

#include <string.h>

static const struct {
	const char *name;
	size_t offset, len;
	const char *magic;
} formats[] = {
	{"qcow2", 0, 8, "QFI\xfb\0\0\0\2"}, /* QEMU, docs/interop/qcow2.rst */
	{"qcow2", 0, 8, "QFI\xfb\0\0\0\3"},
	{"qcow", 0, 4, "QFI\xfb"},
	{"QED", 0, 4, "QED"},	/* with a NUL; QEMU, docs/interop/qed_spec.rst */
	{"VMDK", 0, 4, "KDMV"}, /* VMware Virtual Disk Format 1.1: hosted sparse extents, */
	{"VMDK", 0, 4, "COWD"}, /* those of ESX, */
	{"VMDK", 0, 21, "# Disk DescriptorFile"}, /* and what describes them */
	{"VDI", 0x40, 4, "\x7f\x10\xda\xbe"},	  /* VirtualBox, VDICore.h */
	{"VHDX", 0, 8, "vhdxfile"},		  /* [MS-VHDX] 2.2 */
	{"VHD", 0, 8, "conectix"}, /* Virtual Hard Disk Image Format Specification, dynamic ones */
	{"Parallels", 0, 16, "WithoutFreeSpace"}, /* QEMU, docs/interop/parallels.rst */
	{"Parallels", 0, 16, "WithouFreSpacExt"},
	{"Bochs", 0, 22, "Bochs Virtual HD Image"},   /* its bximage, hdimage.h */
	{"Android sparse", 0, 4, "\x3a\xff\x26\xed"}, /* libsparse, sparse_format.h */
};

const char *blk_format_name(const uint8_t *start, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		if (range_inside(formats[i].offset, formats[i].len, 0, len) &&
		    memcmp(start + formats[i].offset, formats[i].magic, formats[i].len) == 0)
			return formats[i].name;
	}
	return NULL;
}
