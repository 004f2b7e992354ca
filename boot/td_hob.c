// SPDX-License-Identifier: MIT
#include "boot/td_hob.h"

#include "boot/acpi_tables.h"
#include "vmm/base/bytes.h"

#include <errno.h>

enum hob_type {
	HOB_HANDOFF = 1,
	HOB_RESOURCE = 3,
	HOB_GUID = 4,
	HOB_END = 0xffff,
};

struct hob {
	uint16_t type;
	uint16_t len; /* with this */
	uint32_t reserved;
} __attribute__((packed));

/* Memory top and bottom and free memory are for the firmware to set. */
struct hob_handoff {
	struct hob header;
	uint32_t version;
	uint32_t boot_mode; /* 0: full configuration */
	uint64_t memory_top, memory_bottom, free_top, free_bottom;
	uint64_t end; /* of the list, filled in when it is known */
} __attribute__((packed));

#define HANDOFF_VERSION 9

struct hob_resource {
	struct hob header;
	struct guid owner;
	uint32_t type;
	uint32_t attributes;
	uint64_t gpa;
	uint64_t len;
} __attribute__((packed));

enum resource_type {
	RESOURCE_SYSTEM_MEMORY = 0, /* accepted: it was added before the TD started */
	RESOURCE_UNACCEPTED = 7,
};

/* present, initialised, tested: also for unaccepted memory, as QEMU has it */
#define RESOURCE_ATTRIBUTES 7u

struct hob_guid {
	struct hob header;
	struct guid guid;
} __attribute__((packed));

struct hob_payload {
	struct hob_guid header;
	uint32_t type;
	uint32_t reserved;
	uint64_t gpa;
} __attribute__((packed));

#define PAYLOAD_BZIMAGE 1

_Static_assert(sizeof(struct hob_handoff) == 56, "EFI_HOB_HANDOFF_INFO_TABLE");
_Static_assert(sizeof(struct hob_resource) == 48, "EFI_HOB_RESOURCE_DESCRIPTOR");
_Static_assert(sizeof(struct hob_payload) == 40, "TD payload info of td-shim's specification");

static const struct guid payload_info = /* b96fa412-461f-4be3-8c0d-ad805a497ac0 */
	GUID(0xb96fa412, 0x461f, 0x4be3, 0x8c, 0x0d, 0xad, 0x80, 0x5a, 0x49, 0x7a, 0xc0);
static const struct guid acpi_table = /* 6a0c5870-d4ed-44f4-a135-dd238b6f0c8d */
	GUID(0x6a0c5870, 0xd4ed, 0x44f4, 0xa1, 0x35, 0xdd, 0x23, 0x8b, 0x6f, 0x0c, 0x8d);

static void put_resource(struct acpi_out *out, enum resource_type type, uint64_t gpa, uint64_t len)
{
	const struct hob_resource hob = {
		.header = {HOB_RESOURCE, .len = sizeof(hob)},
		.type = type,
		.attributes = RESOURCE_ATTRIBUTES,
		.gpa = gpa,
		.len = len,
	};

	acpi_out_put(out, &hob, sizeof(hob));
}

/* The added section with the lowest address from `gpa` on, that starts below `end`; or NULL. */
static const struct fw_section *next_added(const struct fw_metadata *tdvf, uint64_t gpa,
					   uint64_t end)
{
	const struct fw_section *next = NULL;

	for (size_t i = 0; i < tdvf->nsections; i++) {
		const struct fw_section *s = &tdvf->section[i];

		if (fw_added(s) && s->gpa >= gpa && s->gpa < end && (!next || s->gpa < next->gpa))
			next = s;
	}
	return next;
}

/* The sections one by one, and what lies between them. */
static void put_range(struct acpi_out *out, const struct gpa_range *range,
		      const struct fw_metadata *tdvf)
{
	uint64_t end = range->gpa + range->len;
	uint64_t at = range->gpa;

	while (at < end) {
		const struct fw_section *s = next_added(tdvf, at, end);
		uint64_t to = s ? s->gpa : end;

		if (to > at)
			put_resource(out, RESOURCE_UNACCEPTED, at, to - at);
		if (s)
			put_resource(out, RESOURCE_SYSTEM_MEMORY, s->gpa, s->len);
		at = s ? s->gpa + s->len : end;
	}
}

static void put_payload(struct acpi_out *out, uint64_t gpa)
{
	const struct hob_payload hob = {
		.header = {{HOB_GUID, .len = sizeof(hob)}, payload_info},
		.type = PAYLOAD_BZIMAGE,
		.gpa = gpa,
	};

	acpi_out_put(out, &hob, sizeof(hob));
}

/* td-shim links FADT and DSDT itself, and there is no FACS. */
static void write_fadt(struct acpi_out *out, const struct acpi_config *config)
{
	(void)config;
	acpi_write_fadt(out, 0, 0);
}

/* One ACPI table in a HOB of its own, padded to a multiple of 8; RSDP and XSDT are td-shim's. */
static int put_acpi_table(struct acpi_out *out,
			  void (*table_of)(struct acpi_out *out, const struct acpi_config *config),
			  const struct acpi_config *config, struct vmm_error *err)
{
	struct hob_guid hob = {{HOB_GUID, .len = 0}, acpi_table};
	struct acpi_out table = acpi_out_behind(out, sizeof(hob));
	size_t len;

	table_of(&table, config);
	len = sizeof(hob) + align_up(table.len, 8);
	if (len > UINT16_MAX)
		return vmm_error_set(err, -ENOSPC,
				     "TD HOB: an ACPI table of %zu bytes does not fit into a HOB: "
				     "configure fewer CPUs",
				     table.len);
	hob.header.len = (uint16_t)len;
	acpi_out_put(out, &hob, sizeof(hob));
	out->len += table.len;
	acpi_out_align(out, 8);
	return 0;
}

static int put_acpi(struct acpi_out *out, const struct acpi_config *config, struct vmm_error *err)
{
	int ret = acpi_check(config, err);

	if (ret == 0)
		ret = put_acpi_table(out, write_fadt, config, err);
	if (ret == 0)
		ret = put_acpi_table(out, acpi_write_dsdt, config, err);
	if (ret == 0)
		ret = put_acpi_table(out, acpi_write_madt, config, err);
	return ret;
}

int td_hob_build(const struct td_hob_config *config, uint64_t gpa, void *buf, size_t size,
		 struct vmm_error *err)
{
	const struct hob_handoff handoff = {
		.header = {HOB_HANDOFF, .len = sizeof(handoff)},
		.version = HANDOFF_VERSION,
	};
	const struct hob end = {HOB_END, .len = sizeof(end)};
	struct acpi_out out = {.buf = buf, .size = size};
	int ret = 0;

	acpi_out_put(&out, &handoff, sizeof(handoff));
	for (size_t i = 0; i < config->nram; i++)
		put_range(&out, &config->ram[i], config->tdvf);
	if (config->payload)
		put_payload(&out, config->payload_gpa);
	if (config->acpi)
		ret = put_acpi(&out, config->acpi, err);
	if (ret < 0)
		return ret;
	acpi_out_put(&out, &end, sizeof(end));
	if (out.len > size)
		return vmm_error_set(err, -ENOSPC,
				     "TD HOB: %zu bytes do not fit into the %zu that the firmware "
				     "has for it",
				     out.len, size);
	((struct hob_handoff *)buf)->end = gpa + out.len;
	return (int)out.len;
}
