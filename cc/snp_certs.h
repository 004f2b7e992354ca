/* SPDX-License-Identifier: MIT */
/*
 * The table of certificates that an SNP guest gets with an extended guest request, so that it can
 * hand out its attestation report together with what proves the signing key (SEV-ES
 * Guest-Hypervisor Communication Block Standardization, "SNP Extended Guest Request"): entries of
 * GUID, offset and length of 24 bytes, the last one all zeros, and behind them the certificates.
 */
#ifndef CC_SNP_CERTS_H
#define CC_SNP_CERTS_H

#include "mem/file.h"

/* Chains with a revocation list are a few KiB; guests of Linux have room for 16 KiB. */
#define SNP_CERTS_MAX (256u << 10)

/* Is it a table, all of whose certificates lie between its end and `len`? -EINVAL if not. */
int snp_certs_check(const uint8_t *table, size_t len, struct vmm_error *err);

/* A table as it stands in a file, which stays locked: who renews the host's key and certificates
 * locks the file for writing meanwhile (Linux, Documentation/virt/kvm/x86/
 * amd-memory-encryption.rst, KVM_SEV_SNP_ENABLE_REQ_CERTS). */
struct snp_certs {
	struct mem_file file;
	uint8_t *table;
	size_t len;
};

/* Locks, reads and checks. -EAGAIN: the certificates are being renewed. On failure *certs needs no
 * closing. */
int snp_certs_open(struct snp_certs *certs, const struct sys *sys, const char *path,
		   struct vmm_error *err);

/* Lets go of the file. Accepts a zeroed *certs, and one that is closed. */
void snp_certs_close(struct snp_certs *certs);

#endif
