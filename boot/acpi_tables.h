/* SPDX-License-Identifier: MIT */
/*
 * The ACPI tables as they stand in memory (ACPI 6.5, section 5.2), all numbers little-endian, and
 * their writers, which boot/acpi.c puts together. Writers report nothing: the configuration was
 * checked, and the size is checked at the end (boot/acpi_out.h).
 */
#ifndef BOOT_ACPI_TABLES_H
#define BOOT_ACPI_TABLES_H

#include "boot/acpi.h"
#include "boot/acpi_out.h"

/* Who made the tables; six and eight characters. */
#define ACPI_OEM_ID	  "MINVMM"
#define ACPI_OEM_TABLE_ID "MINIVMM "

/* Root system description pointer, table 5.3. Its first 20 bytes have a checksum of their own, the
 * one of ACPI 1.0. */
struct acpi_rsdp {
	char signature[8];
	uint8_t checksum;
	char oem_id[6];
	uint8_t revision;
	uint32_t rsdt;
	uint32_t len;
	uint64_t xsdt;
	uint8_t extended_checksum;
	uint8_t reserved[3];
} __attribute__((packed));

#define ACPI_RSDP_V1_LEN 20

/* What every other table but the FACS begins with, table 5.4. */
struct acpi_header {
	char signature[4];
	uint32_t len;
	uint8_t revision;
	uint8_t checksum;
	char oem_id[6];
	char oem_table_id[8];
	uint32_t oem_revision;
	char creator_id[4];
	uint32_t creator_revision;
} __attribute__((packed));

/* Firmware ACPI control structure, table 5.15. It has no checksum. */
struct acpi_facs {
	char signature[4];
	uint32_t len;
	uint32_t hardware_signature;
	uint32_t waking_vector;
	uint32_t global_lock;
	uint32_t flags;
	uint64_t x_waking_vector;
	uint8_t version;
	uint8_t reserved[31];
} __attribute__((packed));

/* Generic address structure, table 5.1. */
struct acpi_register {
	uint8_t space;
	uint8_t bits;
	uint8_t bit_offset;
	uint8_t access_size; /* 1 to 4 for byte to quadword */
	uint64_t address;
} __attribute__((packed));

/* Fixed ACPI description table, table 5.9, behind its header. */
struct acpi_fadt {
	uint32_t firmware_ctrl;
	uint32_t dsdt;
	uint8_t reserved;
	uint8_t preferred_pm_profile;
	uint16_t sci_irq;
	uint32_t smi_cmd;
	uint8_t acpi_enable, acpi_disable, s4bios_req, pstate_cnt;
	uint32_t pm1a_evt, pm1b_evt, pm1a_cnt, pm1b_cnt, pm2_cnt, pm_tmr, gpe0, gpe1;
	uint8_t pm1_evt_len, pm1_cnt_len, pm2_cnt_len, pm_tmr_len, gpe0_len, gpe1_len;
	uint8_t gpe1_base;
	uint8_t cst_cnt;
	uint16_t p_lvl2_latency, p_lvl3_latency;
	uint16_t flush_size, flush_stride;
	uint8_t duty_offset, duty_width;
	uint8_t day_alarm, month_alarm, century;
	uint16_t boot_flags;
	uint8_t reserved1;
	uint32_t flags;
	struct acpi_register reset_reg;
	uint8_t reset_value;
	uint16_t arm_boot_flags;
	uint8_t minor_version;
	uint64_t x_firmware_ctrl;
	uint64_t x_dsdt;
	struct acpi_register x_pm1a_evt, x_pm1b_evt, x_pm1a_cnt, x_pm1b_cnt, x_pm2_cnt, x_pm_tmr,
		x_gpe0, x_gpe1;
	struct acpi_register sleep_control, sleep_status;
	char hypervisor[8];
} __attribute__((packed));

_Static_assert(sizeof(struct acpi_rsdp) == 36, "table 5.3");
_Static_assert(sizeof(struct acpi_header) == 36, "table 5.4");
_Static_assert(sizeof(struct acpi_facs) == 64, "table 5.15");
_Static_assert(sizeof(struct acpi_header) + sizeof(struct acpi_fadt) == 276, "table 5.9");

/* Offset of the first table behind the RSDP, which is the FACS. */
#define ACPI_TABLES_AT 64

/* Guest addresses of the tables. */
struct acpi_places {
	uint64_t facs, dsdt, fadt, madt, xsdt;
};

/* acpi_build() for a configuration that was checked; `gpa` may be any multiple of 64, and addresses
 * wrap around it. */
int acpi_write(const struct acpi_config *config, void *buf, size_t size, uint64_t gpa,
	       struct acpi_places *places, struct vmm_error *err);

/* The fixed hardware; `facs` and `dsdt` are guest addresses below 4 GiB. */
void acpi_write_fadt(struct acpi_out *out, uint64_t facs, uint64_t dsdt);

/* The interrupt controllers. */
void acpi_write_madt(struct acpi_out *out, const struct acpi_config *config);

/* The devices, in AML. */
void acpi_write_dsdt(struct acpi_out *out, const struct acpi_config *config);

#endif
