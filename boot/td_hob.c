// SPDX-License-Identifier: MIT
#include "boot/td_hob.h"

#include "boot/acpi_tables.h"
#include "boot/guid_table.h"
#include "vmm/base/bytes.h"

#include <errno.h>
#include <stdlib.h>

enum hob_type {
	HOB_HANDOFF = 1,
	HOB_RESOURCE = 3,
	HOB_GUID = 4,
	HOB_END = 0xffff,
};

#define HOB_HEADER	8u /* u16 type, u16 length of it all, u32 reserved */
#define HOB_GUID_HEADER (HOB_HEADER + 16)
#define HANDOFF_LEN	56u
#define HANDOFF_END	48u /* where the end of the list is noted */
#define RESOURCE_LEN	48u

#define HANDOFF_VERSION 9

enum resource_type {
	RESOURCE_SYSTEM_MEMORY = 0, /* accepted: it was added before the TD started */
	RESOURCE_UNACCEPTED = 7,
};

/* present, initialised, tested: also for unaccepted memory, as QEMU has it */
#define RESOURCE_ATTRIBUTES 7u

static const struct guid payload_info = /* b96fa412-461f-4be3-8c0d-ad805a497ac0 */
	GUID(0xb96fa412, 0x461f, 0x4be3, 0x8c, 0x0d, 0xad, 0x80, 0x5a, 0x49, 0x7a, 0xc0);
static const struct guid acpi_table = /* 6a0c5870-d4ed-44f4-a135-dd238b6f0c8d */
	GUID(0x6a0c5870, 0xd4ed, 0x44f4, 0xa1, 0x35, 0xdd, 0x23, 0x8b, 0x6f, 0x0c, 0x8d);

#define PAYLOAD_BZIMAGE 1

static void put_header(struct acpi_out *out, enum hob_type type, size_t len)
{
	acpi_out_16(out, type);
	acpi_out_16(out, (unsigned int)len);
	acpi_out_32(out, 0);
}

/* The end of the list is filled in when it is known. */
static void put_handoff(struct acpi_out *out)
{
	put_header(out, HOB_HANDOFF, HANDOFF_LEN);
	acpi_out_32(out, HANDOFF_VERSION);
	acpi_out_32(out, 0);	/* boot mode: full configuration */
	acpi_out_zero(out, 40); /* memory top and bottom, free memory: for the firmware to set */
}

static void put_resource(struct acpi_out *out, enum resource_type type, uint64_t gpa, uint64_t len)
{
	put_header(out, HOB_RESOURCE, RESOURCE_LEN);
	acpi_out_zero(out, 16); /* owner */
	acpi_out_32(out, type);
	acpi_out_32(out, RESOURCE_ATTRIBUTES);
	acpi_out_64(out, gpa);
	acpi_out_64(out, len);
}

/* The added section with the lowest address from `gpa` on, that starts below `end`; or NULL. */
static const struct tdvf_section *next_added(const struct tdvf *tdvf, uint64_t gpa, uint64_t end)
{
	const struct tdvf_section *next = NULL;

	for (size_t i = 0; i < tdvf->nsections; i++) {
		const struct tdvf_section *s = &tdvf->section[i];

		if (tdvf_added(s) && s->gpa >= gpa && s->gpa < end && (!next || s->gpa < next->gpa))
			next = s;
	}
	return next;
}

/* The sections one by one, and what lies between them. */
static void put_range(struct acpi_out *out, const struct gpa_range *range, const struct tdvf *tdvf)
{
	uint64_t end = range->gpa + range->len;
	uint64_t at = range->gpa;

	while (at < end) {
		const struct tdvf_section *s = next_added(tdvf, at, end);
		uint64_t to = s ? s->gpa : end;

		if (to > at)
			put_resource(out, RESOURCE_UNACCEPTED, at, to - at);
		if (s)
			put_resource(out, RESOURCE_SYSTEM_MEMORY, s->gpa, s->len);
		at = s ? s->gpa + s->len : end;
	}
}

static void put_guid_header(struct acpi_out *out, const struct guid *guid, size_t data_len)
{
	put_header(out, HOB_GUID, HOB_GUID_HEADER + align_up(data_len, 8));
	acpi_out_bytes(out, guid, sizeof(*guid));
}

static void put_payload_info(struct acpi_out *out, uint64_t gpa)
{
	put_guid_header(out, &payload_info, 16);
	acpi_out_32(out, PAYLOAD_BZIMAGE);
	acpi_out_32(out, 0); /* reserved */
	acpi_out_64(out, gpa);
}

/* td-shim links FADT and DSDT itself, and there is no FACS. */
static void write_fadt(struct acpi_out *out, const struct acpi_config *config)
{
	(void)config;
	acpi_write_fadt(out, 0, 0);
}

/* One ACPI table in a HOB of its own; RSDP and XSDT are td-shim's. */
static int put_acpi_table(struct acpi_out *out,
			  void (*table_of)(struct acpi_out *out, const struct acpi_config *config),
			  const struct acpi_config *config, struct vmm_error *err)
{
	struct acpi_out table = {.size = 0};

	table_of(&table, config);
	if (HOB_GUID_HEADER + align_up(table.len, 8) > UINT16_MAX)
		return vmm_error_set(err, -ENOSPC,
				     "TD HOB: an ACPI table of %zu bytes does not fit into a HOB: "
				     "configure fewer CPUs",
				     table.len);
	table = (struct acpi_out){.buf = malloc(table.len), .size = table.len};
	if (!table.buf)
		return vmm_error_errno(err, -ENOMEM, "TD HOB: unable to build an ACPI table");
	table_of(&table, config);
	put_guid_header(out, &acpi_table, table.len);
	acpi_out_bytes(out, table.buf, table.len);
	acpi_out_align(out, 8);
	free(table.buf);
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
	struct acpi_out out = {.buf = buf, .size = size};
	uint8_t end[8];
	int ret = 0;

	put_handoff(&out);
	for (size_t i = 0; i < config->nram; i++)
		put_range(&out, &config->ram[i], config->tdvf);
	if (config->payload)
		put_payload_info(&out, config->payload_gpa);
	if (config->acpi)
		ret = put_acpi(&out, config->acpi, err);
	if (ret < 0)
		return ret;
	put_header(&out, HOB_END, HOB_HEADER);
	if (out.len > size)
		return vmm_error_set(err, -ENOSPC,
				     "TD HOB: %zu bytes do not fit into the %zu that the firmware "
				     "has for it",
				     out.len, size);
	put_le64(end, gpa + out.len);
	acpi_out_patch(&out, HANDOFF_END, end, sizeof(end));
	return (int)out.len;
}
