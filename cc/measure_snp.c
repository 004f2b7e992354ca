// SPDX-License-Identifier: MIT
/*
 * Contents are hashed page by page and in parallel; only the chain of 112-byte structures has to be
 * computed in order. One thread does that between its own shares of the pages.
 */
#include "cc/measure_snp.h"

#include "cc/page_hash.h"
#include "cc/vcpu_state.h"
#include "cc/vmsa.h"
#include "vmm/base/bytes.h"
#include "vmm/kvm/uapi_snp.h"

#include <errno.h>
#include <inttypes.h>
#include <nettle/sha2.h>
#include <string.h>

#define PAGE_INFO_SIZE 0x70

/* A stop is looked for between so many pages. */
#define STEP_PAGES 16384

uint8_t snp_page_type(enum load_kind kind)
{
	switch (kind) {
	case LOAD_DATA:
		return SNP_PAGE_NORMAL;
	case LOAD_ZERO:
		return SNP_PAGE_ZERO;
	case LOAD_UNMEASURED:
		return SNP_PAGE_UNMEASURED;
	case LOAD_SECRETS:
		return SNP_PAGE_SECRETS;
	case LOAD_CPUID:
		return SNP_PAGE_CPUID;
	case LOAD_SHARED: /* never handed over */
		break;
	}
	return 0;
}

void snp_digest_extend(uint8_t digest[CC_DIGEST], uint8_t page_type,
		       const uint8_t contents[CC_DIGEST], uint64_t gpa)
{
	uint8_t info[PAGE_INFO_SIZE] = {0};
	struct sha384_ctx sha;

	memcpy(info, digest, CC_DIGEST);
	memcpy(info + 0x30, contents, CC_DIGEST);
	put_le16(info + 0x60, PAGE_INFO_SIZE);
	info[0x62] = page_type;
	put_le64(info + 0x68, gpa);
	sha384_init(&sha);
	sha384_update(&sha, sizeof(info), info);
	sha384_digest(&sha, CC_DIGEST, digest);
}

struct chain {
	struct cc_measurement *out;
	uint64_t gpa; /* of the next page */
};

static void extend_normal(void *ctx, const uint8_t digest[CC_DIGEST])
{
	struct chain *chain = ctx;

	snp_digest_extend(chain->out->digest, SNP_PAGE_NORMAL, digest, chain->gpa);
	chain->gpa += PAGE_SIZE;
}

static int measure_item(const struct load_item *item, const struct guest_mem *mem,
			struct cc_measurement *out, struct vmm_error *err)
{
	static const uint8_t no_contents[CC_DIGEST];
	struct chain chain = {.out = out, .gpa = item->gpa};
	const uint8_t *bytes = item->src ? item->src : mem_ptr(mem, item->gpa, item->len);
	uint64_t npages = item->len / PAGE_SIZE;

	if (item->kind == LOAD_SHARED)
		return 0;
	if (!bytes)
		return vmm_error_set(err, -EFAULT, "%s at %#" PRIx64 " is outside of guest memory",
				     item->name, item->gpa);
	out->pages += npages;
	if (item->kind == LOAD_DATA)
		out->bytes += item->len;
	for (uint64_t page = 0; page < npages; page += STEP_PAGES) {
		uint64_t n = npages - page < STEP_PAGES ? npages - page : STEP_PAGES;
		int ret = mem_check_stop(mem, err);

		if (ret == 0 && item->kind == LOAD_DATA)
			ret = page_hash(bytes + page * PAGE_SIZE, n, extend_normal, &chain, err);
		if (ret < 0)
			return ret;
		for (; item->kind != LOAD_DATA && n > 0; n--, chain.gpa += PAGE_SIZE)
			snp_digest_extend(out->digest, snp_page_type(item->kind), no_contents,
					  chain.gpa);
	}
	return 0;
}

void measure_snp_vmsa(const struct cc_config *config, const struct load_plan *plan, uint32_t id,
		      uint8_t digest[CC_DIGEST])
{
	struct cc_vcpu_state state;
	struct vmsa page;
	struct sha384_ctx sha;

	cc_vcpu_state(plan, id, config->snp.vcpu_sig, config->snp.cbit, &state);
	vmsa_build(&state, config->snp.features, &page);
	sha384_init(&sha);
	sha384_update(&sha, sizeof(page), (const uint8_t *)&page);
	sha384_digest(&sha, CC_DIGEST, digest);
}

int measure_snp(const struct cc_config *config, const struct load_plan *plan,
		const struct guest_mem *mem, struct cc_measurement *out, struct vmm_error *err)
{
	for (size_t i = 0; i < plan->nitems; i++) {
		int ret = measure_item(&plan->item[i], mem, out, err);

		if (ret < 0)
			return ret;
	}
	measure_snp_vmsa(config, plan, 0, out->boot_vmsa);
	/* no plan has registers for the vCPU of this number: it looks like all that have none */
	measure_snp_vmsa(config, plan, UINT32_MAX, out->other_vmsa);
	for (uint32_t id = 0; id < config->vcpus; id++) {
		const uint8_t *vmsa = id == 0 ? out->boot_vmsa : out->other_vmsa;
		uint8_t own[CC_DIGEST];

		if (id != 0 && load_plan_vcpu(plan, id)) {
			measure_snp_vmsa(config, plan, id, own);
			vmsa = own;
		}
		snp_digest_extend(out->digest, SNP_PAGE_VMSA, vmsa, VMSA_GPA);
		out->pages++;
		out->bytes += sizeof(struct vmsa);
	}
	return 0;
}
