/* SPDX-License-Identifier: MIT */
/*
 * The SNP firmware of the model: SEV Secure Nested Paging Firmware ABI, and KVM's part of a launch.
 */
#ifndef TESTS_MOCK_MODEL_SNP_H
#define TESTS_MOCK_MODEL_SNP_H

#include "tests/mock/model_cc.h"

#define MODEL_DIGEST 48

/* Of the host's: settings. */
struct model_snp_host {
	bool present;	      /* /dev/sev is there */
	bool knows_features;  /* KVM has device attribute 0 */
	uint64_t features;    /* which it answers: what may be in vmsa_features */
	uint64_t policy_bits; /* device attribute 1; 0: a kernel before it */
	bool certs;	      /* device attribute 2: requests for certificates can exit */
	unsigned int asids;   /* free ones */
	uint16_t api;	      /* firmware version, major in the high byte */
	unsigned int refuse;  /* CPUID tables that are refused whatever is in them */
	struct {
		uint32_t function, index, reg, bits; /* reg: 0 EAX … 3 EDX */
	} lacks[8];
	size_t nlacks;
};

/* Of one VM's: the firmware's context. */
struct model_snp {
	bool initialized, started, finished;
	bool finish_begun; /* VMSAs were measured, whatever came of it */
	bool certs;	   /* requests for certificates exit */
	uint64_t features; /* SEV_FEATURES of all vCPUs */
	uint64_t policy;
	uint8_t gosvw[16];
	uint16_t ghcb_version; /* as given */
	uint8_t digest[MODEL_DIGEST];
	uint64_t pages; /* entered into the digest */
	unsigned int cpuid_refused;
	uint8_t cpuid_page[4096]; /* as accepted */
	uint8_t host_data[32];
	bool id_block, author_key, vcek_disabled;
};

/* Device attribute 0 answers this; `known` false: KVM does not have the attribute. */
void model_snp_set_features(struct model *m, bool known, uint64_t features);

/* A kernel with device attribute 1. */
void model_snp_set_policy_bits(struct model *m, uint64_t bits);

/* A kernel with device attribute 2 and ENABLE_REQ_CERTS. */
void model_snp_set_certs(struct model *m);

void model_snp_set_asids(struct model *m, unsigned int n);

/* The CPU lacks these bits of a CPUID register (0 EAX … 3 EDX): the firmware refuses tables that
 * have them, and writes back one without. */
void model_snp_lacks(struct model *m, uint32_t function, uint32_t index, uint32_t reg,
		     uint32_t bits);

/* The firmware refuses the next n CPUID tables and has no better one. */
void model_snp_refuse_cpuid(struct model *m, unsigned int n);

#endif
