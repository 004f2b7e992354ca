/* SPDX-License-Identifier: MIT */
/* Status codes of the SNP firmware (SEV Secure Nested Paging Firmware ABI, table "Status Codes").
 */
#ifndef CC_SNP_STATUS_H
#define CC_SNP_STATUS_H

#include <stdint.h>

#define SNP_STATUS_NONE		 0xffffffff /* no firmware call was made */
#define SNP_STATUS_INVALID_PARAM 0x16

/* "INVALID_PARAM"; "?" for codes that have no name */
const char *snp_status_name(uint32_t status);

/* What such a status usually means during a launch, or NULL. */
const char *snp_status_hint(uint32_t status);

#endif
