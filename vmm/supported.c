// SPDX-License-Identifier: MIT
#include "vmm/supported.h"

#include "vmm/base/bytes.h"

#include <errno.h>

int config_supported(const struct vmm_config *config, struct vmm_error *err)
{
	const struct {
		bool asked;
		const char *key;
		const char *what;
	} missing[] = {
		{config->control.socket != NULL, "control.socket", "control sockets"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(missing); i++)
		if (missing[i].asked)
			return vmm_error_set(err, -ENOTSUP,
					     "%s: this version of minivmm has no %s yet",
					     missing[i].key, missing[i].what);
	return 0;
}
