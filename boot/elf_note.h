/* SPDX-License-Identifier: MIT */
/* Notes in an ELF file (System V gABI, chapter 5, "Note Section"). */
#ifndef BOOT_ELF_NOTE_H
#define BOOT_ELF_NOTE_H

#include <stddef.h>
#include <stdint.h>

/*
 * Looks for the note `type` of owner `name` among `len` bytes of notes, aligned to `align` (4 or
 * 8). Returns 1 and sets *desc and *desc_len (pointing into `notes`), 0 when there is none, or
 * -EBADMSG when a note reaches beyond the end.
 */
int elf_note_find(const uint8_t *notes, size_t len, size_t align, const char *name, uint32_t type,
		  const uint8_t **desc, size_t *desc_len);

#endif
