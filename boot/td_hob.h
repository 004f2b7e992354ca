/* SPDX-License-Identifier: MIT */
/*
 * The TD HOB list: what a TDX firmware is told about memory, before it knows anything else (UEFI
 * Platform Initialization Specification, volume 3, "HOB Code Definitions"; Intel TDX Virtual
 * Firmware Design Guide, section 7.1). The firmware measures it into RTMR[0].
 */
#ifndef BOOT_TD_HOB_H
#define BOOT_TD_HOB_H

#include "boot/acpi.h"
#include "boot/fw_metadata.h"
#include "mem/layout.h"

struct td_hob_config {
	const struct gpa_range *ram; /* ascending */
	size_t nram;
	const struct fw_metadata *tdvf; /* its sections in RAM are listed as accepted */

	/* td-shim only: a bzImage stands at payload_gpa, and these are its platform's tables */
	bool payload;
	uint64_t payload_gpa;
	const struct acpi_config *acpi;
};

/*
 * Writes the list into `buf`, which the firmware sees at `gpa`. Returns the bytes used, with the
 * final HOB; what is behind them stays as it is. -ENOSPC when `size` is too small. RAM that is not
 * listed as accepted is listed as unaccepted, so that the firmware can accept it when it likes.
 */
int td_hob_build(const struct td_hob_config *config, uint64_t gpa, void *buf, size_t size,
		 struct vmm_error *err);

#endif
