/* SPDX-License-Identifier: MIT */
/*
 * What a user says of a confidential launch: the keys of [snp] and [tdx], as the configuration's
 * schema fills them in; and what a launch is made from.
 */
#ifndef CC_CONFIG_H
#define CC_CONFIG_H

#include "mem/demand.h"
#include "vmm/base/endpoint.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cc_tech;

struct cc_snp_config {
	uint64_t policy;
	bool have_policy;
	uint32_t vcpu_sig;   /* CPUID leaf 1 EAX: RDX of a CPU that starts at a reset vector */
	bool have_vcpu_type; /* which key it came from */
	bool have_vcpu_sig;
	uint64_t features; /* SEV_FEATURES as the VMSA has them, with or without bit 0 */
	bool have_features;
	uint32_t cbit; /* position of the C-bit in the guest's page tables; 0: none */
	uint8_t host_data[32];
	bool have_host_data;
	char *host_data_file;  /* its SHA-256 is the host data */
	uint8_t gosvw[16];     /* workarounds that the guest sees in its secrets page */
	uint32_t ghcb_version; /* highest that KVM offers the guest; 0: KVM's default */
	bool vcek_disabled;    /* reports must not be signed with the chip's own key */
	char *id_block;	       /* paths, or NULL */
	char *id_auth;
	char *certs; /* given: guest requests for certificates come to us, where KVM can */
};

struct cc_tdx_config {
	uint64_t attributes;
	bool have_attributes;
	uint8_t mrconfigid[48];
	bool have_mrconfigid;
	char *mrconfigid_file; /* its SHA-384 is MRCONFIGID */
	uint8_t mrowner[48];
	uint8_t mrownerconfig[48];
	struct endpoint quote_socket; /* a Unix socket or vsock */
};

struct cc_keys {
	struct cc_snp_config snp;
	struct cc_tdx_config tdx;
};

/* What a launch is made from: the user's keys, and what was read from the files that they name. */
struct cc_config {
	const struct cc_tech *tech;
	uint32_t vcpus;
	bool copy; /* firmware gets boot items from a buffer, also where it need not */
	struct cc_snp_config snp;
	struct cc_tdx_config tdx;
	bool have_id; /* snp: the guest has an ID block */
	struct snp_id_block id_block;
	struct snp_id_auth id_auth;
};

#endif
