// SPDX-License-Identifier: MIT
#include "boot/acpi.h"
#include "boot/acpi_tables.h"
#include "mem/layout.h"
#include "vmm/base/bytes.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* --- FADT: the fixed hardware ----------------------------------------------------------------- */

/* Flags of the FADT, ACPI 6.5 table 5.10. */
#define FADT_WBINVD	   (1U << 0)
#define FADT_PROC_C1	   (1U << 2) /* every CPU has HLT */
#define FADT_SLP_BUTTON	   (1U << 5) /* there is no fixed sleep button */
#define FADT_FIX_RTC	   (1U << 6) /* there is no fixed RTC wake-up status */
#define FADT_TMR_VAL_EXT   (1U << 8) /* the PM timer counts 32 bits, not 24 */
#define FADT_RESET_REG_SUP (1U << 10)
/* Not set: PWR_BUTTON (bit 4), which would take the power button out of the PM1 event block. */

/*
 * IA-PC boot architecture flags, table 5.11. Two things that exist are not announced, because an
 * announcement costs a Linux guest many port accesses, each of them an exit, and gives it nothing:
 *
 *  - the keyboard controller ("8042", and PNP0303 in the DSDT): no keyboard is plugged in. Linux
 *    resets through RESET_REG or, with reboot=k, through port 0x64 without asking for the driver.
 *  - the CMOS clock: Linux has the time from kvmclock.
 */
#define BOOT_LEGACY_DEVICES	  (1U << 0)
#define BOOT_VGA_NOT_PRESENT	  (1U << 2)
#define BOOT_CMOS_RTC_NOT_PRESENT (1U << 5)

/* Latencies that mean "no such state", table 5.9. */
#define P_LVL2_NONE 101
#define P_LVL3_NONE 1001

#define SYSTEM_IO 1

/* What is not named is not there, and zero. SMI_CMD is: so ACPI mode is on from the start (section
 * 4.8.1.5). */
static const struct acpi_fadt fadt_template = {
	.sci_irq = PLATFORM_SCI_IRQ,
	.pm1a_evt = PLATFORM_PM1A_EVT_PORT,
	.pm1a_cnt = PLATFORM_PM1A_CNT_PORT,
	.pm_tmr = PLATFORM_PM_TIMER_PORT,
	.pm1_evt_len = 4,
	.pm1_cnt_len = 2,
	.pm_tmr_len = 4,
	.p_lvl2_latency = P_LVL2_NONE,
	.p_lvl3_latency = P_LVL3_NONE,
	.boot_flags = BOOT_LEGACY_DEVICES | BOOT_VGA_NOT_PRESENT | BOOT_CMOS_RTC_NOT_PRESENT,
	.flags = FADT_WBINVD | FADT_PROC_C1 | FADT_SLP_BUTTON | FADT_FIX_RTC | FADT_TMR_VAL_EXT |
		 FADT_RESET_REG_SUP,
	.reset_reg = {SYSTEM_IO, .bits = 8, .access_size = 1, .address = PLATFORM_RESET_PORT},
	.reset_value = PLATFORM_RESET_VALUE,
	.minor_version = 5,
	.x_pm1a_evt = {SYSTEM_IO, .bits = 32, .access_size = 2, .address = PLATFORM_PM1A_EVT_PORT},
	.x_pm1a_cnt = {SYSTEM_IO, .bits = 16, .access_size = 2, .address = PLATFORM_PM1A_CNT_PORT},
	.x_pm_tmr = {SYSTEM_IO, .bits = 32, .access_size = 3, .address = PLATFORM_PM_TIMER_PORT},
	.hypervisor = ACPI_OEM_TABLE_ID,
};

/* Of the FACS only one of two addresses may be set, of the DSDT both. */
void acpi_write_fadt(struct acpi_out *out, uint64_t facs, uint64_t dsdt)
{
	const size_t start = acpi_table_begin(out, "FACP", 6);
	struct acpi_fadt fadt = fadt_template;

	fadt.firmware_ctrl = (uint32_t)facs;
	fadt.dsdt = (uint32_t)dsdt;
	fadt.x_dsdt = dsdt;
	acpi_out_put(out, &fadt, sizeof(fadt));
	acpi_table_end(out, start);
}

/* --- MADT: the interrupt controllers ---------------------------------------------------------- */

/* Interrupt controller structures, ACPI 6.5 table 5.21. */
enum madt_type {
	MADT_LAPIC = 0,
	MADT_IOAPIC = 1,
	MADT_OVERRIDE = 2,
	MADT_LAPIC_NMI = 4,
	MADT_X2APIC = 9,
	MADT_X2APIC_NMI = 10,
};

/* The local APIC structure has eight bits for the APIC id, and 255 means all of them. */
#define LAPIC_IDS 255U

#define CPU_ENABLED (1U << 0)

/* MPS INTI flags, table 5.26. */
#define INTI_ACTIVE_HIGH 0x1
#define INTI_LEVEL	 0xc

#define ALL_CPUS UINT32_MAX

struct madt {
	uint32_t lapic_gpa;
	uint32_t flags; /* bit 0, PCAT_COMPAT: two 8259 exist as well */
} __attribute__((packed));

/* A CPU's processor UID is its _UID in the DSDT. */
struct madt_lapic {
	uint8_t type, len;
	uint8_t uid, id;
	uint32_t flags;
} __attribute__((packed));

struct madt_x2apic {
	uint8_t type, len;
	uint16_t reserved;
	uint32_t id;
	uint32_t flags;
	uint32_t uid;
} __attribute__((packed));

struct madt_x2apic_nmi {
	uint8_t type, len;
	uint16_t flags;
	uint32_t uid;
	uint8_t lint;
	uint8_t reserved[3];
} __attribute__((packed));

/* What every machine has behind its CPUs. */
struct madt_rest {
	struct {
		uint8_t type, len;
		uint8_t id, reserved;
		uint32_t gpa;
		uint32_t first_gsi;
	} __attribute__((packed)) ioapic;
	struct {
		uint8_t type, len;
		uint8_t bus, irq;
		uint32_t gsi;
		uint16_t flags;
	} __attribute__((packed)) sci;
	struct {
		uint8_t type, len;
		uint8_t uid;
		uint16_t flags;
		uint8_t lint;
	} __attribute__((packed)) nmi;
} __attribute__((packed));

_Static_assert(sizeof(struct madt_lapic) == 8, "table 5.22");
_Static_assert(sizeof(struct madt_x2apic) == 16, "table 5.34");
_Static_assert(sizeof(struct madt_x2apic_nmi) == 12, "table 5.35");
_Static_assert(sizeof(struct madt_rest) == 12 + 10 + 6, "tables 5.23, 5.25 and 5.28");

/*
 * ISA interrupts are edge triggered; the SCI is level triggered, and KVM's I/O APIC knows only
 * active high. There is no override for IRQ 0: on KVM, unlike on PCs, the timer is wired to pin 0
 * (acpi.h). NMI is on LINT1 of every CPU, as on PCs, with the bus's own polarity and trigger.
 */
static const struct madt_rest madt_rest = {
	.ioapic = {MADT_IOAPIC, sizeof(madt_rest.ioapic), .gpa = LAYOUT_IOAPIC},
	.sci = {MADT_OVERRIDE, sizeof(madt_rest.sci), .irq = PLATFORM_SCI_IRQ,
		.gsi = PLATFORM_SCI_IRQ, .flags = INTI_ACTIVE_HIGH | INTI_LEVEL},
	.nmi = {MADT_LAPIC_NMI, sizeof(madt_rest.nmi), .uid = 0xff, .lint = 1},
};

static void write_cpu(struct acpi_out *out, uint32_t id)
{
	const struct madt_lapic lapic = {MADT_LAPIC, sizeof(lapic), (uint8_t)id, (uint8_t)id,
					 CPU_ENABLED};
	const struct madt_x2apic x2apic = {MADT_X2APIC, sizeof(x2apic), .id = id, .uid = id,
					   .flags = CPU_ENABLED};

	if (id < LAPIC_IDS)
		acpi_out_put(out, &lapic, sizeof(lapic));
	else
		acpi_out_put(out, &x2apic, sizeof(x2apic));
}

void acpi_write_madt(struct acpi_out *out, const struct acpi_config *config)
{
	static const struct madt_x2apic_nmi x2apic_nmi = {MADT_X2APIC_NMI, sizeof(x2apic_nmi),
							  .uid = ALL_CPUS, .lint = 1};
	const struct madt madt = {.lapic_gpa = LAYOUT_LAPIC, .flags = !config->no_pic};
	const size_t start = acpi_table_begin(out, "APIC", 6); /* table 5.19 */

	acpi_out_put(out, &madt, sizeof(madt));
	for (uint32_t id = 0; id < config->vcpus; id++)
		write_cpu(out, id);
	acpi_out_put(out, &madt_rest, sizeof(madt_rest));
	if (config->vcpus > LAPIC_IDS)
		acpi_out_put(out, &x2apic_nmi, sizeof(x2apic_nmi));
	acpi_table_end(out, start);
}

/* --- all of them ------------------------------------------------------------------------------ */

static void write_rsdp(struct acpi_rsdp *rsdp, uint64_t xsdt)
{
	*rsdp = (struct acpi_rsdp){
		.signature = "RSD PTR ",
		.oem_id = ACPI_OEM_ID,
		.revision = 2,
		.len = sizeof(*rsdp),
		.xsdt = xsdt,
	};
	rsdp->checksum = acpi_checksum(rsdp, ACPI_RSDP_V1_LEN);
	rsdp->extended_checksum = acpi_checksum(rsdp, sizeof(*rsdp));
}

/* The tables, each after those that it points at; only the RSDP has to stand in front. */
static void write_tables(struct acpi_out *out, const struct acpi_config *config, uint64_t gpa,
			 struct acpi_places *places)
{
	static const struct acpi_facs facs = {"FACS", sizeof(facs), .version = 2};
	struct acpi_rsdp rsdp = {.rsdt = 0};
	uint64_t tables[2];

	acpi_out_put(out, &rsdp, sizeof(rsdp));
	acpi_out_align(out, ACPI_TABLES_AT);
	places->facs = gpa + out->len;
	acpi_out_put(out, &facs, sizeof(facs));
	acpi_out_align(out, 16);
	places->dsdt = gpa + out->len;
	acpi_write_dsdt(out, config);
	acpi_out_align(out, 16);
	places->fadt = tables[0] = gpa + out->len;
	acpi_write_fadt(out, places->facs, places->dsdt);
	acpi_out_align(out, 16);
	places->madt = tables[1] = gpa + out->len;
	acpi_write_madt(out, config);
	places->xsdt = gpa + acpi_table_begin(out, "XSDT", 1);
	acpi_out_put(out, tables, sizeof(tables));
	acpi_table_end(out, places->xsdt - gpa);
	if (acpi_out_at(out, 0, sizeof(rsdp)))
		write_rsdp(acpi_out_at(out, 0, sizeof(rsdp)), places->xsdt);
}
int acpi_check(const struct acpi_config *config, struct vmm_error *err)
{
	if (config->vcpus == 0 || config->vcpus > ACPI_MAX_VCPUS)
		return vmm_error_set(err, -EINVAL,
				     "platform: unable to describe %" PRIu32 " CPUs: 1 to %u",
				     config->vcpus, ACPI_MAX_VCPUS);
	if (config->serial_irq > 15)
		return vmm_error_set(err, -EINVAL,
				     "platform: serial port: interrupt %" PRIu32
				     " is not one of the ISA bus, 0 to 15",
				     config->serial_irq);
	if (config->nvirtio > ACPI_MAX_VIRTIO)
		return vmm_error_set(err, -EINVAL, "platform: %zu virtio devices: at most %u",
				     config->nvirtio, ACPI_MAX_VIRTIO);
	for (size_t i = 0; i < config->nvirtio; i++) {
		if (!range_inside(config->virtio[i].gpa, PAGE_SIZE, 0, GIB(4)))
			return vmm_error_set(err, -EINVAL,
					     "platform: virtio device %zu: registers at %#" PRIx64
					     " are not below 4 GiB",
					     i, config->virtio[i].gpa);
	}
	return 0;
}

size_t acpi_size(const struct acpi_config *config)
{
	struct acpi_out out = {.size = 0};
	struct acpi_places places;

	if (acpi_check(config, NULL) < 0)
		return 0;
	write_tables(&out, config, 0, &places);
	return (size_t)align_up(out.len, PAGE_SIZE);
}

int acpi_write(const struct acpi_config *config, void *buf, size_t size, uint64_t gpa,
	       struct acpi_places *places, struct vmm_error *err)
{
	struct acpi_out out = {.buf = buf, .size = size};

	if (size > 0)
		memset(buf, 0, size);
	write_tables(&out, config, gpa, places);
	if (out.len > size)
		return vmm_error_set(err, -ENOSPC,
				     "ACPI tables: %zu bytes do not fit into the %zu at %#" PRIx64,
				     out.len, size, gpa);
	return (int)out.len;
}

int acpi_build(const struct acpi_config *config, void *buf, size_t size, uint64_t gpa,
	       struct vmm_error *err)
{
	struct acpi_places places;
	int ret = acpi_check(config, err);

	if (ret < 0)
		return ret;
	if (!is_aligned(gpa, 64) || !range_inside(gpa, size, 0, GIB(4)))
		return vmm_error_set(err, -EINVAL,
				     "ACPI tables: unable to place %zu bytes at %#" PRIx64
				     ": 64-byte aligned and below 4 GiB",
				     size, gpa);
	return acpi_write(config, buf, size, gpa, &places, err);
}
