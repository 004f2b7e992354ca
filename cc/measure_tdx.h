/* SPDX-License-Identifier: MIT */
/*
 * MRTD: one SHA-384 over the records of TDH.MEM.PAGE.ADD and TDH.MR.EXTEND in call order (Intel TDX
 * Module Base Architecture Specification, "MRTD: Build-Time Measurement Register"). KVM adds a page
 * and extends it at once, before it goes on to the next one.
 */
#ifndef CC_MEASURE_TDX_H
#define CC_MEASURE_TDX_H

#include "cc/measure.h"

int measure_tdx(const struct cc_config *config, const struct load_plan *plan,
		const struct guest_mem *mem, struct cc_measurement *out, struct vmm_error *err);

#endif
