/* SPDX-License-Identifier: MIT */
/*
 * The error that every fallible function of minivmm fills in. The caller owns it; nothing in it is
 * allocated, so it needs no clean-up and can live on the stack. Part of the public interface.
 */
#ifndef VMM_ERROR_STRUCT_H
#define VMM_ERROR_STRUCT_H

#include <stdint.h>

#define VMM_ERROR_TEXT 512

struct vmm_error {
	int code;	   /* negative errno, as the function returned it; 0: no error */
	uint64_t firmware; /* status of SNP firmware or TDX module, 0 if none was involved */
	char text[VMM_ERROR_TEXT]; /* one sentence, no newline: what, on what, why, what helps */
};

#endif
