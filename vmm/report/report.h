/* SPDX-License-Identifier: MIT */
/*
 * Reports that run the loader without KVM: the same loader, and the same boot items in the same
 * order, as a VM of that configuration would have.
 */
#ifndef VMM_REPORT_REPORT_H
#define VMM_REPORT_REPORT_H

#include "cc/tech.h"
#include "mem/mem.h"
#include "mem/plan.h"
#include "vmm/config/config.h"
#include "vmm/report/render.h"

struct planned {
	const struct vmm_config *config;
	struct guest_mem mem;
	struct load_plan *plan;
	struct cc_config cc;
};

/*
 * Checks the configuration and loads everything it names into memory of its own. `contents` false:
 * nobody will look at what is in there, and the files are not read as far as it can be helped. Returns
 * 0 or a negative errno; on failure *planned needs no freeing.
 */
int planned_build(struct planned *planned, const struct sys *sys, const struct vmm_config *config,
		  bool contents, struct vmm_error *err);
void planned_free(struct planned *planned);

void planned_report(const struct planned *planned, struct report *r);

/* Adds the keys of the configuration that the measurement depends on to an open object, and for TDX
 * the hash of what the firmware extends into RTMR[0] first. Nothing for VMs without measurement. */
void planned_depends_json(const struct planned *planned, struct json *json);

#endif
