/* SPDX-License-Identifier: MIT */
/*
 * A report has one description and two forms: lines for people, or JSON with stable keys. Who
 * describes it says both, fact by fact; what is said in the form that is not wanted goes nowhere.
 *
 *	struct report r;
 *
 *	report_begin(&r, json);
 *	json_u64(&r.json, "max_vcpus", n);
 *	text_add(r.text, "vCPUs: %" PRIu64 "\n", n);
 *	return text_take(&r.out, &string, err);
 */
#ifndef VMM_REPORT_RENDER_H
#define VMM_REPORT_RENDER_H

#include "vmm/base/json.h"
#include "vmm/base/text.h"

struct report {
	struct text out;
	struct json json;  /* writes into `out`, or nowhere */
	struct text *text; /* `out`, or NULL */
};

static inline void report_begin(struct report *r, bool json)
{
	*r = (struct report){.json.out = json ? &r->out : NULL, .text = json ? NULL : &r->out};
}

#endif
