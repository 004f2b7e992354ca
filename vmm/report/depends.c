// SPDX-License-Identifier: MIT
/*
 * Which keys of the configuration the measured values depend on, and no others: what somebody has
 * to know who predicts them for a fleet. A TD's firmware and kernel measure more, into registers of
 * their own (RTMRs): they start with a list of memory that the VMM makes, whose hash is the first
 * thing that is extended into RTMR[0].
 */
#include "cc/measure.h"
#include "vmm/base/bytes.h"
#include "vmm/report/report.h"

#include <nettle/sha2.h>
#include <string.h>

#define END_HOB 8 /* bytes */

static const struct load_item *find_item(const struct load_plan *plan, const char *name)
{
	for (size_t i = 0; i < plan->nitems; i++)
		if (strcmp(plan->item[i].name, name) == 0)
			return &plan->item[i];
	return NULL;
}

static void kernel_keys(struct json *json, const struct config_boot *boot)
{
	if (!boot->kernel)
		return;
	json_string(json, NULL, "boot.kernel");
	json_string(json, NULL, "boot.initrd");
	json_string(json, NULL, "boot.cmdline");
}

/* What the ACPI tables describe, beside the serial port. A balloon is none of a confidential
 * guest's devices. */
static void platform_keys(struct json *json)
{
	static const char *const devices[] = {"disk", "net", "vsock", "rng", "console"};

	json_string(json, NULL, "machine.vcpus");
	for (size_t i = 0; i < ARRAY_SIZE(devices); i++)
		json_string(json, NULL, devices[i]);
}

/* What the state of a vCPU is made from that starts at a reset vector: with its signature in RDX. */
static void reset_keys(struct json *json)
{
	json_string(json, NULL, "snp.vcpu-type");
	json_string(json, NULL, "snp.vcpu-sig");
}

/* Registers come from the file as well, for those vCPUs that it has some for; features always do. */
static void igvm_snp_keys(struct json *json, const struct planned *planned)
{
	json_array(json, "measurement_depends_on");
	json_string(json, NULL, "boot.igvm");
	json_string(json, NULL, "machine.vcpus");
	if (planned->plan->nvcpus < planned->config->machine.vcpus)
		reset_keys(json);
	json_end(json);
}

static void snp_keys(struct json *json, const struct vmm_config *config)
{
	json_array(json, "measurement_depends_on");
	if (config->boot.firmware)
		json_string(json, NULL, "boot.firmware");
	kernel_keys(json, &config->boot);
	if (!config->boot.firmware) {
		/* the guest is told of its memory in measured pages */
		json_string(json, NULL, "boot.device-tree");
		json_string(json, NULL, "machine.memory");
		json_string(json, NULL, "snp.cbit");
		platform_keys(json);
	} else {
		json_string(json, NULL, "machine.vcpus");
	}
	/* the first one starts in the kernel where there is no firmware */
	if (config->boot.firmware || config->machine.vcpus > 1)
		reset_keys(json);
	json_string(json, NULL, "snp.guest-features");
	json_end(json);
}

static void hash_json(struct json *json, const char *key, const uint8_t *bytes, size_t len)
{
	uint8_t digest[CC_DIGEST];
	struct sha384_ctx sha;

	sha384_init(&sha);
	sha384_update(&sha, len, bytes);
	sha384_digest(&sha, sizeof(digest), digest);
	json_bytes(json, key, digest, sizeof(digest));
}

/* td-shim's list comes with ACPI tables. */
static void hob_keys(struct json *json, bool payload)
{
	json_string(json, NULL, "boot.firmware");
	json_string(json, NULL, "machine.memory");
	if (payload)
		platform_keys(json);
}

/* OVMF hashes the list without its last element, td-shim with it. */
static void hob_json(struct json *json, const struct planned *planned, bool payload)
{
	const struct load_item *hob = find_item(planned->plan, "TD_HOB");
	const uint8_t *bytes = hob ? mem_ptr(&planned->mem, hob->gpa, hob->used) : NULL;

	if (!bytes || hob->used < END_HOB)
		return;
	json_object(json, "td_hob");
	hash_json(json, "sha384_ovmf", bytes, hob->used - END_HOB);
	hash_json(json, "sha384_td_shim", bytes, hob->used);
	json_array(json, "depends_on");
	hob_keys(json, payload);
	json_end(json);
	json_end(json);
}

/* One key; NULL: those of the ACPI tables. */
static void rtmr_input(struct json *json, unsigned int index, const char *what, const char *key)
{
	json_object(json, NULL);
	json_u64(json, "rtmr", index);
	json_string(json, "input", what);
	json_array(json, "depends_on");
	if (key)
		json_string(json, NULL, key);
	else
		platform_keys(json);
	json_end(json);
	json_end(json);
}

/*
 * What the VMM hands to the guest and the guest measures, after the list of memory: OVMF what is in
 * its image and comes through fw_cfg, and Linux's EFI stub what it is handed on; td-shim its
 * payload. Variables and boot entries, which are the firmware's own, are not among them.
 */
static void rtmr_json(struct json *json, const struct planned *planned, bool payload)
{
	const struct config_boot *boot = &planned->config->boot;
	const struct load_item *item = find_item(planned->plan, "Payload");

	json_array(json, "rtmr_inputs");
	if (find_item(planned->plan, "CFV") && !payload)
		rtmr_input(json, 0, "CFV", "boot.firmware");
	if (!payload)
		rtmr_input(json, 0, "ACPI loader script, RSDP, ACPI tables", NULL);
	if (boot->kernel && !(item && item->measured))
		rtmr_input(json, 1, payload ? "payload" : "kernel", "boot.kernel");
	if (boot->kernel)
		rtmr_input(json, payload ? 1 : 2, "command line", "boot.cmdline");
	if (boot->initrd)
		rtmr_input(json, 2, "initrd", "boot.initrd");
	json_end(json);
}

static void tdx_keys(struct json *json, const struct planned *planned)
{
	const struct load_item *payload = find_item(planned->plan, "Payload");
	bool kernel = payload && planned->config->boot.kernel;

	json_array(json, "measurement_depends_on");
	json_string(json, NULL, planned->config->boot.igvm ? "boot.igvm" : "boot.firmware");
	if (kernel && payload->measured)
		json_string(json, NULL, "boot.kernel");
	json_end(json);
	hob_json(json, planned, kernel);
	rtmr_json(json, planned, payload != NULL);
}

void planned_depends_json(const struct planned *planned, struct json *json)
{
	switch (planned->cc.tech->boot) {
	case BOOT_SNP:
		if (planned->config->boot.igvm)
			igvm_snp_keys(json, planned);
		else
			snp_keys(json, planned->config);
		break;
	case BOOT_TDX:
		tdx_keys(json, planned);
		break;
	case BOOT_PLAIN:
		break;
	}
}
