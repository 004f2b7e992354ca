// SPDX-License-Identifier: MIT
/*
 * A room's unit tests:
 *
 *	unit-ROOM [SUITE...]
 *
 * runs all suites, or those named like their files. Check runs every test in a process of its own.
 * Check's own variables work: CK_FORK=no for a debugger, CK_RUN_CASE, CK_VERBOSITY=verbose.
 */
#include "tests/unit/suite.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SKIPPED 77 /* as in CMakeLists.txt */

#define X(name) Suite *name(void);
#include SUITES
#undef X

static const struct {
	const char *name;
	Suite *(*make)(void);
} suites[] = {
#define X(name) {#name, name},
#include SUITES
#undef X
};

static bool skipped;

void suite_skips(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("skipped: ", stdout);
	vprintf(format, args);
	putchar('\n');
	va_end(args);
	skipped = true;
}

static bool wanted(const char *name, char **names)
{
	if (!*names)
		return true;
	for (; *names; names++)
		if (strcmp(*names, name) == 0)
			return true;
	return false;
}

int main(int argc, char **argv)
{
	SRunner *runner = srunner_create(NULL);
	int found = 0, failed;

	for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++)
		if (wanted(suites[i].name, argv + 1)) {
			srunner_add_suite(runner, suites[i].make());
			found++;
		}
	if (argc > 1 && found != argc - 1) {
		fprintf(stderr, "%s: %d of %d suites exist; all of them:", argv[0], found,
			argc - 1);
		for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++)
			fprintf(stderr, " %s", suites[i].name);
		fputc('\n', stderr);
		return EXIT_FAILURE;
	}
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : skipped ? SKIPPED : EXIT_SUCCESS;
}
