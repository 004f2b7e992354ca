/* SPDX-License-Identifier: MIT */
/*
 * What a host offers for VMs: the facts behind `minivmm probe`. Facts are gathered here
 * (probe.c) and described in probe_print.c.
 */
#ifndef VMM_REPORT_PROBE_H
#define VMM_REPORT_PROBE_H

#include "cc/tech.h"
#include "mem/mode.h"
#include "vmm/base/error.h"
#include "vmm/base/sys.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct probe_type {
	const struct cc_tech *tech;
	bool offered;		      /* KVM lists it */
	bool usable;		      /* and a VM of it could be created */
	char problem[VMM_ERROR_TEXT]; /* offered, but not usable: why; else "" */
	uint32_t max_vcpus;
	struct mem_offer offer; /* which memory modes it can have, and why not */
	enum mem_mode mode;	/* what memory-mode = "auto" gives; MEM_MODE_AUTO: none */
	const char *backing;	/* what is mapped into the VMM in that mode */
};

#define PROBE_TYPES 8 /* at most */

struct probe_cap {
	const char *key; /* of the JSON report */
	const char *name;
	const char *remedy;
	int number; /* KVM_CAP_* */
	bool present;
};

#define PROBE_CAPS 5

struct probe {
	char cpu_vendor[13]; /* "AuthenticAMD", "GenuineIntel" */
	bool cpu_virtualization;
	bool kvm_usable;
	struct vmm_error kvm_error; /* why not */
	char kvm_remedy[VMM_ERROR_TEXT];
	int api_version;
	uint32_t max_vcpus;
	unsigned int address_bits; /* of guest physical addresses; 0: not known */
	struct probe_cap cap[PROBE_CAPS];
	struct probe_type type[PROBE_TYPES]; /* that a host may offer */
	size_t ntypes;
	bool hugepages_known; /* the kernel has 2 MiB pages */
	uint64_t hugepages_total, hugepages_free;
};

/* Never fails: what could not be found out is recorded as missing. */
void probe_host(struct probe *p, const struct sys *sys);

/* minivmm_probe() over any system calls. */
int probe_report(const struct sys *sys, bool json, char **text, struct vmm_error *err);

#endif
