// SPDX-License-Identifier: MIT
#include "cc/measure_tdx.h"

#include "cc/sha384.h"
#include "vmm/base/bytes.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define RECORD_SIZE 128
#define RECORD_GPA  16
#define CHUNK	    256			 /* bytes per TDH.MR.EXTEND */
#define STEP	    (UINT64_C(16) << 20) /* a stop is looked for between two of these */

/* A third of what is hashed are records, which differ in their address only. */
struct mrtd {
	struct sha384_ctx sha;
	uint8_t page_add[RECORD_SIZE], extend[RECORD_SIZE];
};

static void mrtd_init(struct mrtd *mrtd)
{
	memset(mrtd, 0, sizeof(*mrtd));
	sha384_init(&mrtd->sha);
	memcpy(mrtd->page_add, "MEM.PAGE.ADD", 12);
	memcpy(mrtd->extend, "MR.EXTEND", 9);
}

static void add_record(struct mrtd *mrtd, uint8_t record[RECORD_SIZE], uint64_t gpa)
{
	put_le64(record + RECORD_GPA, gpa);
	sha384_take(&mrtd->sha, record, RECORD_SIZE);
}

static void add_page(struct mrtd *mrtd, uint64_t gpa, const uint8_t *contents)
{
	add_record(mrtd, mrtd->page_add, gpa);
	for (uint64_t at = 0; contents && at < PAGE_SIZE; at += CHUNK) {
		add_record(mrtd, mrtd->extend, gpa + at);
		sha384_take(&mrtd->sha, contents + at, CHUNK);
	}
}

int measure_tdx(const struct cc_config *config, const struct load_plan *plan,
		const struct guest_mem *mem, struct cc_measurement *out, struct vmm_error *err)
{
	struct mrtd mrtd;

	(void)config;
	mrtd_init(&mrtd);
	for (size_t i = 0; i < plan->nitems; i++) {
		const struct load_item *item = &plan->item[i];
		const uint8_t *bytes = item->src ? item->src : mem_ptr(mem, item->gpa, item->len);

		if (item->kind == LOAD_SHARED)
			continue;
		if (!bytes)
			return vmm_error_set(err, -EFAULT,
					     "%s at %#" PRIx64 " is outside of guest memory",
					     item->name, item->gpa);
		for (uint64_t at = 0; at < item->len; at += PAGE_SIZE) {
			int ret = at % STEP == 0 ? mem_check_stop(mem, err) : 0;

			if (ret < 0)
				return ret;
			add_page(&mrtd, item->gpa + at, item->measured ? bytes + at : NULL);
			out->pages++;
		}
		if (item->measured)
			out->bytes += item->len;
	}
	sha384_digest(&mrtd.sha, CC_DIGEST, out->digest);
	return 0;
}
