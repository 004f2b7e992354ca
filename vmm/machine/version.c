// SPDX-License-Identifier: MIT
#include "vmm/minivmm.h"

const char *minivmm_version(void)
{
	return MINIVMM_VERSION; /* from the project's CMakeLists.txt */
}
