// SPDX-License-Identifier: MIT
/* Faults of a configuration that are found out after it was read. */
#include "vmm/base/bytes.h"
#include "vmm/config/config.h"
#include "vmm/config/place.h"

#include <errno.h>
#include <stdlib.h>

struct config_findings {
	const struct vmm_config *config;
	struct faults faults;
	int first;     /* code */
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
static bool is_the_hosts(int code, struct place place)
{
	static const int hosts[] = {EACCES, EADDRINUSE, EAGAIN, EBUSY, EIO,
				    EMFILE, ENFILE,	ENODEV, EPERM};

	for (size_t i = 0; i < ARRAY_SIZE(hosts); i++)
		if (code == -hosts[i])
			return true;
	return code == -ENOMEM && !place.line;
}

bool config_findings_add(struct config_findings *findings, const struct vmm_error *fault)
{
	struct place place = place_of(findings->config->document, fault->text);

	if (place.line && faults_has(&findings->faults, place))
		return true;
	if (!findings->first)
		findings->first = fault->code;
	findings->at_fault |= !is_the_hosts(fault->code, place);
	faults_add(&findings->faults, place, "%s", fault->text);
	return place.line > 0;
}

int config_findings_report(struct config_findings *findings, config_fault_fn *fault, void *ctx,
			   struct vmm_error *err)
{
	int ret = faults_report(&findings->faults, config_file_name(findings->config), fault, ctx,
				err);

	if (ret == -EINVAL && !findings->at_fault) {
		ret = findings->first;
		if (err)
			err->code = ret;
	}
	faults_clear(&findings->faults);
	free(findings);
	return ret;
}
