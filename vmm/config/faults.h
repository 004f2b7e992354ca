/* SPDX-License-Identifier: MIT */
/*
 * What is wrong with a configuration: each fault is a sentence with the place in the file that it is
 * about. They are gathered, so that one reading shows all of them, and told in the order of the file.
 */
#ifndef VMM_CONFIG_FAULTS_H
#define VMM_CONFIG_FAULTS_H

#include "vmm/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Both count from 1. A column is a character (Unicode code point), not a byte. Line 0: no place. */
struct place {
	uint32_t line;
	uint32_t column;
};

#define FAULTS_MAX 100 /* further ones are only counted */

struct faults {
	struct fault {
		struct place place;
		char *text; /* may hold characters of the file, also unprintable ones */
	} list[FAULTS_MAX]; /* in the order of their places */
	size_t count;	    /* found, may exceed what is in the list */
	bool no_memory;	    /* something could not be kept: the list is not complete */
};

/* Called once for every fault, with "FILE:LINE:COL: message"; no newline in it. */
typedef void config_fault_fn(void *ctx, const char *fault);

void faults_add(struct faults *faults, struct place place, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

bool faults_has(const struct faults *faults, struct place place);

/* Calls `tell` (may be NULL) for each. 0: there are none; -EINVAL with the first in err. `file` may be
 * NULL: then no places are told. */
int faults_report(const struct faults *faults, const char *file, config_fault_fn *tell, void *ctx,
		  struct vmm_error *err);

void faults_clear(struct faults *faults);

#endif
