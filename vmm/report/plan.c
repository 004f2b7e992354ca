// SPDX-License-Identifier: MIT
/* minivmm_plan(): the loader runs, into memory that no VM ever sees. */
#include "cc/dispatch.h"
#include "vmm/machine/config_api.h"
#include "vmm/machine/views.h"
#include "vmm/report/report.h"
#include "vmm/virtio/devices.h"

#include <errno.h>
#include <stdlib.h>

static int load(struct planned *planned, bool contents, struct vmm_error *err)
{
	struct boot_demand demand;
	struct boot_config config;
	struct boot *boot;
	int ret;

	machine_boot_config(planned->config, planned->cc.tech, &config);
	ret = boot_open(&boot, &config, planned->mem.sys, &demand, err);
	if (ret == 0)
		ret = cc_config_demand(&planned->cc, &demand, err);
	/* an ID block names the measurement, which the contents are needed for */
	planned->mem.unseen =
		!contents && !planned->config->cc.snp.id_block && !planned->cc.have_id;
	if (ret == 0)
		ret = boot_load(boot, planned->plan, err);
	boot_close(boot);
	return ret < 0 ? ret : cc_check_vcpus(&planned->cc, planned->plan, err);
}

int planned_build(struct planned *planned, const struct sys *sys, const struct vmm_config *config,
		  bool contents, struct vmm_error *err)
{
	const struct cc_tech *tech;
	int ret;

	*planned = (struct planned){.config = config};
	ret = config_validate(config, err);
	if (ret < 0)
		return ret;

	planned->plan = malloc(sizeof(*planned->plan));
	if (!planned->plan)
		return vmm_error_errno(err, -ENOMEM, "unable to allocate the load plan");
	load_plan_init(planned->plan, &planned->mem);
	ret = cc_choose(cc_techs[config->machine.cc], NULL, &tech, err);
	if (ret == 0)
		ret = virtio_check(config, tech, err);
	if (ret == 0)
		ret = machine_cc_config(&planned->cc, config, tech, sys, err);
	/* no huge pages: nothing runs in this memory, and it should not use up the host's */
	mem_init(&planned->mem, sys, NULL, MEM_PAGES_SMALL);
	if (ret == 0)
		ret = mem_add_ram(&planned->mem, config->machine.memory, err);
	if (ret == 0)
		ret = load(planned, contents, err);
	if (ret < 0)
		planned_free(planned);
	return ret;
}

void planned_free(struct planned *planned)
{
	mem_destroy(&planned->mem);
	free(planned->plan);
	planned->plan = NULL;
}

int minivmm_plan(const struct minivmm_config *config, bool json, char **text, struct vmm_error *err)
{
	struct planned planned;
	struct report r;
	int ret;

	*text = NULL;
	ret = planned_build(&planned, sys_host(), &config->config, false, err);
	if (ret < 0)
		return ret;
	report_begin(&r, json);
	planned_report(&planned, &r);
	planned_free(&planned);
	return text_take(&r.out, text, err);
}
