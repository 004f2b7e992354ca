// SPDX-License-Identifier: MIT
/* minivmm_measure(): the loader runs as for a VM, and its boot items are measured. */
#include "cc/measure.h"
#include "vmm/machine/config_api.h"
#include "vmm/report/report.h"

#include <errno.h>

static void json_vmsas(struct json *json, const struct planned *planned)
{
	const struct cc_config *config = &planned->cc;
	uint8_t digest[CC_DIGEST];

	json_array(json, "vmsas");
	for (uint32_t id = 0; id < config->vcpus; id++) {
		config->tech->measure_vcpu(config, planned->plan, id, digest);
		json_bytes(json, NULL, digest, sizeof(digest));
	}
	json_end(json);
}

static void json_item(struct json *json, const struct cc_config *config,
		      const struct load_item *item)
{
	json_object(json, NULL);
	json_string(json, "name", item->name);
	json_string(json, "kind", load_kind_name(item->kind));
	json_hex(json, "gpa", item->gpa);
	json_u64(json, "len", item->len);
	json_bool(json, "contents_measured", config->tech->measures(item));
	json_end(json);
}

/* Page ranges stand in the order in which they enter the measurement. */
static void add_measured(struct report *r, const struct planned *planned,
			 const struct cc_measurement *m)
{
	const struct cc_config *config = &planned->cc;
	struct json *json = &r->json;

	text_add_hex(r->text, m->digest, sizeof(m->digest));
	json_object(json, NULL);
	json_string(json, "cc", config->tech->name);
	json_bytes(json, "measurement", m->digest, sizeof(m->digest));
	json_u64(json, "pages", m->pages);
	json_u64(json, "bytes_hashed", m->bytes);
	json_array(json, "ranges");
	for (size_t i = 0; i < planned->plan->nitems; i++)
		json_item(json, config, &planned->plan->item[i]);
	json_end(json);
	if (config->tech->measure_vcpu)
		json_vmsas(json, planned);
	planned_depends_json(planned, json);
	json_end(json);
}

int minivmm_measure(const struct minivmm_config *config, bool json, char **text,
		    struct vmm_error *err)
{
	struct cc_measurement measurement;
	struct planned planned;
	struct report r;
	int ret;

	*text = NULL;
	ret = planned_build(&planned, sys_host(), &config->config, true, err);
	if (ret < 0)
		return ret;
	ret = cc_measure(&planned.cc, planned.plan, &planned.mem, &measurement, err);
	report_begin(&r, json);
	if (ret == 0)
		add_measured(&r, &planned, &measurement);
	planned_free(&planned);
	return ret < 0 ? ret : text_take(&r.out, text, err);
}
