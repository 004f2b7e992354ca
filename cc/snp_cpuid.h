/* SPDX-License-Identifier: MIT */
/*
 * The CPUID page of an SNP guest (SEV Secure Nested Paging Firmware ABI, "CPUID Page"): the table
 * from which the guest answers its own CPUID instructions. The firmware checks it against the
 * hardware and, when it refuses one, writes back what it would accept.
 */
#ifndef CC_SNP_CPUID_H
#define CC_SNP_CPUID_H

#include "vmm/base/error.h"
#include "vmm/base/log.h"

#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>

#define SNP_CPUID_ENTRIES 64 /* more would fit, but firmware and Linux stop here */

struct snp_cpuid_entry {
	uint32_t function;
	uint32_t index;
	uint64_t xcr0;
	uint64_t xss;
	uint32_t reg[4]; /* EAX, EBX, ECX, EDX */
	uint64_t reserved;
} __attribute__((packed));

struct snp_cpuid_page {
	uint32_t count;
	uint8_t reserved[12];
	struct snp_cpuid_entry entry[SNP_CPUID_ENTRIES];
	uint8_t rest[1008];
} __attribute__((packed));

_Static_assert(sizeof(struct snp_cpuid_entry) == 48 && sizeof(struct snp_cpuid_page) == 4096,
	       "CPUID page");

/* Writes the table of `cpuid` into `page`. Entries that say as much as missing ones are left out: no
 * bit set, or the end of a list of subleaves. -E2BIG when more than SNP_CPUID_ENTRIES remain. */
int snp_cpuid_build(const struct kvm_cpuid2 *cpuid, struct snp_cpuid_page *page,
		    struct vmm_error *err);

/* Warns of what Linux guests that know of SNP do not start without: RDRAND, and a way to compute the
 * size of XSAVE's area, where the table goes as far as leaf 0xd, which tells of that. */
void snp_cpuid_warn(const struct kvm_cpuid2 *cpuid, const struct vmm_log *log);

/*
 * Takes the firmware's corrections, found as differences between the page that was `sent` and the
 * one that came `back`, over into `cpuid`, and logs each of them. Returns how many registers
 * changed; entries whose function or index differ are not corrections and count as none.
 */
unsigned int snp_cpuid_correct(struct kvm_cpuid2 *cpuid, const struct snp_cpuid_page *sent,
			       const struct snp_cpuid_page *back, const struct vmm_log *log);

#endif
