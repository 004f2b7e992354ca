/* SPDX-License-Identifier: MIT */
/*
 * The keys that the console keeps for itself when it is on a terminal: Ctrl-A x quits, Ctrl-A h
 * explains, Ctrl-A Ctrl-A is Ctrl-A for the guest. Ctrl-A and any other key are the guest's, both.
 */
#ifndef VMM_DEV_ESCAPE_H
#define VMM_DEV_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct escape {
	bool pending; /* Ctrl-A was the last key */
};

/* What the keys asked for besides input. */
#define ESCAPE_QUIT 1u
#define ESCAPE_HELP 2u

/*
 * Takes `len` keys and writes what is for the guest to `out`, which has room for len + 1 bytes (a
 * Ctrl-A held back before may be let go). Returns their number; *asked gets ESCAPE_ bits.
 */
size_t escape_filter(struct escape *escape, const uint8_t *keys, size_t len, uint8_t *out,
		     unsigned int *asked);

#endif
