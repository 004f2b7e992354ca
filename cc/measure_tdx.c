// SPDX-License-Identifier: MIT
#include "cc/measure_tdx.h"

#include "cc/sha384.h"
#include "vmm/base/bytes.h"

#include <errno.h>
#include <string.h>

#define RECORD_SIZE 128
#define RECORD_GPA  16
#define CHUNK	    256 /* bytes per TDH.MR.EXTEND */

static void add_record(struct sha384_ctx *sha, const char *name, uint64_t gpa)
{
	uint8_t record[RECORD_SIZE] = {0};

	memcpy(record, name, strlen(name));
	put_le64(record + RECORD_GPA, gpa);
	sha384_take(sha, record, sizeof(record));
}

static void add_page(struct sha384_ctx *sha, uint64_t gpa, const uint8_t *contents)
{
	add_record(sha, "MEM.PAGE.ADD", gpa);
	for (uint64_t at = 0; contents && at < PAGE_SIZE; at += CHUNK) {
		add_record(sha, "MR.EXTEND", gpa + at);
		sha384_take(sha, contents + at, CHUNK);
	}
}

int measure_tdx(const struct load_plan *plan, const struct guest_mem *mem,
		struct cc_measurement *out, struct vmm_error *err)
{
	struct sha384_ctx sha;

	sha384_init(&sha);
	for (size_t i = 0; i < plan->nitems; i++) {
		const struct load_item *item = &plan->item[i];
		const uint8_t *bytes = item->src ? item->src : mem_ptr(mem, item->gpa, item->len);

		if (item->kind == LOAD_SHARED)
			continue;
		if (!bytes)
			return vmm_error_set(err, -EFAULT, "%s at %#llx is outside of guest memory",
					     item->name, (unsigned long long)item->gpa);
		for (uint64_t at = 0; at < item->len; at += PAGE_SIZE) {
			add_page(&sha, item->gpa + at, item->measured ? bytes + at : NULL);
			out->pages++;
		}
		if (item->measured)
			out->bytes += item->len;
	}
	sha384_digest(&sha, CC_DIGEST, out->digest);
	return 0;
}
