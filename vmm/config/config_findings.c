// SPDX-License-Identifier: MIT
/* Faults of a configuration that are found out after it was read. */
#include "vmm/config/internal.h"

#include <errno.h>
#include <stdlib.h>

struct config_findings {
	const struct vmm_config *config;
	struct config_faults faults;
	struct vmm_error first;
	bool at_fault; /* the configuration is, not only the host */
};

struct config_findings *config_findings_new(const struct vmm_config *config)
{
	struct config_findings *findings = calloc(1, sizeof(*findings));

	if (findings)
		findings->config = config;
	return findings;
}

/* Is it the host that says no for now, to something that would be good otherwise? A lack of memory is
 * the guest's if it is about a key: what that names does not fit. */
static bool is_the_hosts(int code, struct toml_pos pos)
{
	static const int hosts[] = {EACCES, EADDRINUSE, EAGAIN, EBUSY, EIO,
				    EMFILE, ENFILE,	ENODEV, EPERM};

	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
		if (code == -hosts[i])
			return true;
	return code == -ENOMEM && !pos.line;
}

static bool is_known(const struct config_findings *findings, struct toml_pos pos)
{
	size_t n = findings->faults.count;

	for (size_t i = 0; pos.line && i < n && i < CONFIG_MAX_FAULTS; i++)
		if (findings->faults.list[i].pos.line == pos.line &&
		    findings->faults.list[i].pos.column == pos.column)
			return true;
	return false;
}

bool config_findings_add(struct config_findings *findings, const struct vmm_error *fault)
{
	struct toml_pos pos = config_places_find(findings->config->places, fault->text);

	if (is_known(findings, pos))
		return true;
	if (!findings->first.code)
		findings->first = *fault;
	findings->at_fault |= !is_the_hosts(fault->code, pos);
	config_fault_add(&findings->faults, pos, "%s", fault->text);
	return pos.line > 0;
}

int config_findings_report(struct config_findings *findings, config_fault_fn *fault, void *ctx,
			   struct vmm_error *err)
{
	const char *file = config_places_file(findings->config->places);
	int ret = config_fault_report(&findings->faults, file, fault, ctx, err);

	if (ret == -EINVAL && !findings->at_fault) {
		ret = findings->first.code;
		if (err)
			err->code = ret;
	}
	free(findings);
	return ret;
}
