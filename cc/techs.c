// SPDX-License-Identifier: MIT
#include "cc/dispatch.h"
#include "cc/tech.h"

const struct cc_tech *const cc_techs[] = {
	&cc_none, &cc_auto, &cc_sw_protected, &cc_snp, &cc_tdx, NULL,
};
