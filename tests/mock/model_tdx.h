/* SPDX-License-Identifier: MIT */
/* The TDX module of the model: Intel TDX Module ABI, and KVM's part of building a TD. */
#ifndef TESTS_MOCK_MODEL_TDX_H
#define TESTS_MOCK_MODEL_TDX_H

#include "tests/mock/model_cc.h"

#include <nettle/sha2.h>

#define MODEL_TD_CPUID 300

/* Of the host's: settings. */
struct model_tdx_host {
	bool present;
	uint64_t attributes; /* that KVM lets a TD have */
	uint64_t xfam;
	unsigned int entries; /* CPUID leaves that can be configured */
	unsigned int max_vcpus;
	unsigned int keyids;		  /* free ones */
	uint32_t hidden_leaf, hidden_ebx; /* bits that TDs never see */
};

/* Of one VM's: the TD. */
struct model_tdx {
	bool initialized, finalized;
	uint64_t attributes;
	uint64_t xfam;
	unsigned int gpa_bits;
	uint8_t mrconfigid[48], mrowner[48], mrownerconfig[48];
	struct kvm_cpuid_entry2 cpuid[MODEL_TD_CPUID]; /* what the module was told, by leaf */
	uint32_t ncpuid;
	uint32_t nvcpus; /* that INIT_VCPU has seen */
	struct sha384_ctx sha;
	uint8_t mrtd[48]; /* when finalized */
	uint64_t pages;
};

void model_tdx_set_attributes(struct model *m, uint64_t attributes);
void model_tdx_set_xfam(struct model *m, uint64_t xfam);
/* How many configurable leaves the module has, from 12 to MODEL_TD_CPUID. */
void model_tdx_set_entries(struct model *m, unsigned int n);
/* The module does not show TDs these bits of a leaf's EBX. */
void model_tdx_hide(struct model *m, uint32_t function, uint32_t ebx);
void model_tdx_set_keyids(struct model *m, unsigned int n);

#endif
