// SPDX-License-Identifier: MIT
/* minivmm_check(): everything that `run` can know before it makes a VM, and all that is wrong with it;
 * minivmm_explain(): the same when it could not. */
#include "cc/dispatch.h"
#include "vmm/machine/config_api.h"
#include "vmm/machine/host_check.h"
#include "vmm/report/report.h"
#include "vmm/virtio/devices.h"

#include <errno.h>

static void add(void *ctx, const struct vmm_error *fault)
{
	config_findings_add(ctx, fault);
}

/* The loader runs, into memory that no VM ever sees. */
static int load(const struct vmm_config *config, const struct sys *sys, struct vmm_error *err)
{
	struct planned planned;
	int ret = planned_build(&planned, sys, config, false, err);

	if (ret < 0)
		return ret;
	ret = cc_check(&planned.cc, err);
	if (ret == 0)
		ret = cc_config_identity(&planned.cc, sys, err);
	if (ret == 0)
		ret = cc_expect(&planned.cc, planned.plan, &planned.mem, NULL, err);
	planned_free(&planned);
	return ret;
}

static int check(const struct vmm_config *config, const struct sys *sys, config_fault_fn *fault,
		 void *ctx, struct vmm_error *err)
{
	struct config_findings *findings;
	const struct cc_tech *tech;
	struct vmm_error problem;
	int ret = config_validate(config, err);

	if (ret < 0)
		return ret;
	findings = config_findings_new(config);
	if (!findings)
		return vmm_error_errno(err, -ENOMEM, "unable to check the configuration");
	ret = cc_choose(cc_techs[config->machine.cc], NULL, &tech, &problem);
	host_check(config, tech, sys, add, findings);
	if (ret == 0)
		ret = load(config, sys, &problem);
	if (ret < 0)
		config_findings_add(findings, &problem);
	return config_findings_report(findings, fault, ctx, err);
}

int minivmm_check(const struct minivmm_config *config, minivmm_fault_fn *fault, void *ctx,
		  struct vmm_error *err)
{
	return check(&config->config, sys_host(), fault, ctx, err);
}

bool minivmm_explain(const struct minivmm_config *config, const struct vmm_error *err,
		     minivmm_fault_fn *fault, void *ctx)
{
	const struct vmm_config *c = &config->config;
	struct config_findings *findings = config_findings_new(c);
	const struct cc_tech *tech;
	bool placed;

	if (!findings)
		return false;
	placed = config_findings_add(findings, err);
	if (placed) {
		cc_choose(cc_techs[c->machine.cc], NULL, &tech, NULL);
		host_check(c, tech, sys_host(), add, findings);
	}
	config_findings_report(findings, placed ? fault : NULL, ctx, NULL);
	return placed;
}
