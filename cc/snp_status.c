// SPDX-License-Identifier: MIT
#include "cc/snp_status.h"

#include <stddef.h>

static const struct {
	uint32_t status;
	const char *name;
	const char *hint;
} statuses[] = {
	{0x00, "SUCCESS", NULL},
	{0x01, "INVALID_PLATFORM_STATE", "SNP is not initialised on this host"},
	{0x02, "INVALID_GUEST_STATE", "the launch was finished already, or never started"},
	{0x03, "INVALID_CONFIG", "the host is not configured for SNP"},
	{0x04, "INVALID_LEN", NULL},
	{0x05, "ALREADY_OWNED", NULL},
	{0x06, "INVALID_CERTIFICATE", NULL},
	{0x07, "POLICY_FAILURE",
	 "the host cannot satisfy snp.policy, or the ID block has another "
	 "policy"},
	{0x08, "INACTIVE", NULL},
	{0x09, "INVALID_ADDRESS", NULL},
	{0x0a, "BAD_SIGNATURE", "a signature in snp.id-auth is wrong"},
	{0x0b, "BAD_MEASUREMENT", "snp.id-block was made for another launch measurement"},
	{0x0c, "ASID_OWNED", NULL},
	{0x0d, "INVALID_ASID", NULL},
	{0x0e, "WBINVD_REQUIRED", NULL},
	{0x0f, "DFFLUSH_REQUIRED", NULL},
	{0x10, "INVALID_GUEST", NULL},
	{0x11, "INVALID_COMMAND", NULL},
	{0x12, "ACTIVE", NULL},
	{0x13, "HWERROR_PLATFORM", "the security processor failed, reset the host"},
	{0x14, "HWERROR_UNSAFE", "the security processor failed, reset the host"},
	{0x15, "UNSUPPORTED", "the firmware is too old"},
	{0x16, "INVALID_PARAM", NULL},
	{0x17, "RESOURCE_LIMIT", "the security processor is out of resources"},
	{0x18, "SECURE_DATA_INVALID", NULL},
	{0x19, "INVALID_PAGE_SIZE", NULL},
	{0x1a, "INVALID_PAGE_STATE", NULL},
	{0x1b, "INVALID_MDATA_ENTRY", NULL},
	{0x1c, "INVALID_PAGE_OWNER", NULL},
	{0x1d, "AEAD_OFLOW", NULL},
	{0x1f, "EXIT_RING_BUFFER", NULL},
	{0x20, "RMP_INIT_REQUIRED", "SNP is not initialised on this host"},
	{0x21, "BAD_SVN", NULL},
	{0x22, "BAD_VERSION", "snp.policy asks for a newer firmware than the host has"},
	{0x23, "SHUTDOWN_REQUIRED", NULL},
	{0x24, "UPDATE_FAILED", NULL},
	{0x25, "RESTORE_REQUIRED", NULL},
	{0x26, "RMP_INITIALIZATION_FAILED", NULL},
	{0x27, "INVALID_KEY", NULL},
	{SNP_STATUS_NONE, "no firmware call was made", "is the host's ccp driver loaded?"},
};

const char *snp_status_name(uint32_t status)
{
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		if (statuses[i].status == status)
			return statuses[i].name;
	return "?";
}

const char *snp_status_hint(uint32_t status)
{
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		if (statuses[i].status == status)
			return statuses[i].hint;
	return NULL;
}
