// SPDX-License-Identifier: MIT
#include "boot/acpi_tables.h"
#include "mem/layout.h"

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

static void write_lapic(struct acpi_out *out, uint32_t id)
{
	acpi_out_8(out, MADT_LAPIC);
	acpi_out_8(out, 8);  /* length */
	acpi_out_8(out, id); /* processor UID, as _UID in the DSDT */
	acpi_out_8(out, id); /* APIC id */
	acpi_out_32(out, CPU_ENABLED);
}

static void write_x2apic(struct acpi_out *out, uint32_t id)
{
	acpi_out_8(out, MADT_X2APIC);
	acpi_out_8(out, 16); /* length */
	acpi_out_16(out, 0); /* reserved */
	acpi_out_32(out, id);
	acpi_out_32(out, CPU_ENABLED);
	acpi_out_32(out, id); /* processor UID */
}

static void write_ioapic(struct acpi_out *out)
{
	acpi_out_8(out, MADT_IOAPIC);
	acpi_out_8(out, 12); /* length */
	acpi_out_8(out, 0);  /* I/O APIC id */
	acpi_out_8(out, 0);  /* reserved */
	acpi_out_32(out, LAYOUT_IOAPIC);
	acpi_out_32(out, 0); /* first GSI */
}

/* ISA interrupts are edge triggered; the SCI is level triggered, and KVM's I/O APIC knows only
 * active high. */
static void write_sci_override(struct acpi_out *out)
{
	acpi_out_8(out, MADT_OVERRIDE);
	acpi_out_8(out, 10); /* length */
	acpi_out_8(out, 0);  /* bus: ISA */
	acpi_out_8(out, PLATFORM_SCI_IRQ);
	acpi_out_32(out, PLATFORM_SCI_IRQ); /* GSI */
	acpi_out_16(out, INTI_ACTIVE_HIGH | INTI_LEVEL);
}

/* NMI on LINT1 of every CPU, as on PCs. */
static void write_lapic_nmi(struct acpi_out *out)
{
	acpi_out_8(out, MADT_LAPIC_NMI);
	acpi_out_8(out, 6);    /* length */
	acpi_out_8(out, 0xff); /* processor UID: all */
	acpi_out_16(out, 0);   /* polarity and trigger: the bus's own */
	acpi_out_8(out, 1);    /* LINT1 */
}

static void write_x2apic_nmi(struct acpi_out *out)
{
	acpi_out_8(out, MADT_X2APIC_NMI);
	acpi_out_8(out, 12);	      /* length */
	acpi_out_16(out, 0);	      /* polarity and trigger */
	acpi_out_32(out, UINT32_MAX); /* processor UID: all */
	acpi_out_8(out, 1);	      /* LINT1 */
	acpi_out_zero(out, 3);	      /* reserved */
}

void acpi_write_madt(struct acpi_out *out, const struct acpi_config *config)
{
	const size_t start = acpi_table_begin(out, "APIC", 6); /* table 5.19 */

	acpi_out_32(out, LAYOUT_LAPIC);
	acpi_out_32(out, !config->no_pic); /* PCAT_COMPAT: two 8259 exist as well */
	for (uint32_t id = 0; id < config->vcpus; id++) {
		if (id < LAPIC_IDS)
			write_lapic(out, id);
		else
			write_x2apic(out, id);
	}
	write_ioapic(out);
	/* No override for IRQ 0: on KVM, unlike on PCs, the timer is wired to pin 0 (acpi.h). */
	write_sci_override(out);
	write_lapic_nmi(out);
	if (config->vcpus > LAPIC_IDS)
		write_x2apic_nmi(out);
	acpi_table_end(out, start);
}
