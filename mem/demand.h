/* SPDX-License-Identifier: MIT */
/* What the loader and the launch have to know of each other, besides the load plan. */
#ifndef MEM_DEMAND_H
#define MEM_DEMAND_H

#include "mem/snp_id.h"

#include <stdbool.h>

/* What kind of guest it is, as far as the loader has to know. */
enum boot_guest {
	BOOT_PLAIN, /* also a software-protected one */
	BOOT_SNP,
	BOOT_TDX,
};

/* What a file asks of the launch, besides its boot items. Only IGVM files ask for anything. */
struct boot_demand {
	bool has_policy;
	uint64_t policy; /* SNP: guest policy; TDX: attributes of the TD */
	bool has_features;
	uint64_t features; /* SNP: SEV_FEATURES */
	bool has_id;
	struct snp_id_block id_block; /* SNP: without its policy, which is the guest's */
	struct snp_id_auth id_auth;
};

#endif
