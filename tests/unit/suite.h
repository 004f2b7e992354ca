/* SPDX-License-Identifier: MIT */
/*
 * Unit tests: every folder here is one program, with tests of the room of the same name. A file
 * tests/unit/ROOM/test_THIS.c has one function that makes its suite:
 *
 *	SUITE(test_this)
 *	{
 *		Suite *suite = suite_create("this");
 *		...
 *		return suite;
 *	}
 *
 * CMake makes the table of them from the files' names, and each suite a test of its own.
 */
#ifndef TESTS_UNIT_SUITE_H
#define TESTS_UNIT_SUITE_H

#include <check.h>

#define SUITE(name)        \
	Suite *name(void); \
	Suite *name(void)

/* Something is missing on this machine, and a suite that is being made leaves tests out: says so, and
 * the program's exit status will be that of a skipped test if nothing fails. */
__attribute__((format(printf, 1, 2))) void suite_skips(const char *format, ...);

#endif
