/* SPDX-License-Identifier: MIT */
/*
 * What every reader and writer of text needs: hexadecimal, UTF-8, what may be shown on a terminal, and
 * how far two words are from each other.
 */
#ifndef VMM_BASE_WORDS_H
#define VMM_BASE_WORDS_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 0..15; -1: not a hexadecimal digit */
int hex_digit(char c);

/* Reads exactly `len` bytes, two digits each; false if `text` is anything else or longer. */
bool hex_read(const char *text, uint8_t *bytes, size_t len);

/* Writes 2 * len digits and a NUL. */
void hex_write(char *text, const uint8_t *bytes, size_t len);

/*
 * Length of the UTF-8 sequence at s, 1..4; 0 if it is not valid (overlong, a surrogate, above
 * U+10FFFF: Unicode 15, table 3-7) or does not end within `left` bytes. A NUL is a sequence.
 */
size_t utf8_len(const char *s, size_t left);

/*
 * Levenshtein's distance: how many bytes must be inserted, removed or replaced to make one of the
 * other. Words of more than WORD_MAX bytes are as far apart as words can be: SIZE_MAX.
 */
#define WORD_MAX 32
size_t word_distance(const char *a, size_t alen, const char *b, size_t blen);

/*
 * For text that a guest or a file has chosen: what a terminal would act on (the control characters
 * of ASCII, those above 0x7f, and bytes that are no UTF-8) becomes question marks. The sentences of
 * errors, the lines of the log and the faults of a configuration all go through it.
 */
void text_make_printable(char *text);

/* vsnprintf(), and makes what it wrote printable. Text too long is cut. */
void text_vprint(char *buf, size_t size, const char *fmt, va_list ap)
	__attribute__((format(printf, 3, 0)));

#endif
