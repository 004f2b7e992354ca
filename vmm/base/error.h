/* SPDX-License-Identifier: MIT */
/*
 * Errors are values: a function that can fail returns 0 or a negative errno and takes a
 * `struct vmm_error *err` as its last parameter, which may be NULL when the caller does not care.
 * The text is one sentence that says what was tried, on what, what came back by name, and what
 * helps. Nothing below main prints it.
 *
 *	return vmm_error_set(err, -EINVAL, "initrd %s: larger than guest memory", path);
 *	return vmm_error_errno(err, ret, "unable to open %s", path);   // adds ": ENOENT (No such…)"
 *
 * A caller that knows more about the purpose puts it in front with vmm_error_prefix().
 */
#ifndef VMM_BASE_ERROR_H
#define VMM_BASE_ERROR_H

#include "vmm/minivmm.h" /* struct vmm_error */

/* Stores code and text; returns code, so that it can end a function. Text too long is cut. */
int vmm_error_set(struct vmm_error *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The same, and appends the name and meaning of the errno in `code` (negative). */
int vmm_error_errno(struct vmm_error *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#ifdef __clang_analyzer__
/* It sees one file at a time, and would go on with a failed call as if it had not failed. */
#define vmm_error_set(err, code, ...)	(vmm_error_set(err, code, __VA_ARGS__), (code))
#define vmm_error_errno(err, code, ...) (vmm_error_errno(err, code, __VA_ARGS__), (code))
#endif

/* Puts "prefix: " in front of the text that is there. Leaves code and firmware alone. */
void vmm_error_prefix(struct vmm_error *err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Adds ": remedy" at the end. */
void vmm_error_hint(struct vmm_error *err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
