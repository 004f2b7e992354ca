// SPDX-License-Identifier: MIT
/*
 * The devices, in ACPI's language. boot/acpi_dsdt.c copies what iasl makes of this, which is in
 * dsdt.h: tests/acpi/dsdt.sh writes that file, and tests that it is the current one.
 *
 * Each device of which a machine has several, or another one instead, is a template. An integer is
 * as long as its value in AML, so there is a template for each length. Order and form of the
 * devices are what acpi_dsdt.c expects; ports are those of mem/layout.h.
 */
DefinitionBlock ("", "DSDT", 2, "MINVMM", "MINIVMM ", 1)
{
	// SLP_TYP of PM1a and PM1b to power off, and two reserved ones (ACPI 6.5, section 7.4.2)
	Name (_S5, Package () {5, 5, 0, 0})

	Scope (_SB)
	{
		// CPUs; _UID is the processor UID of the entry in the MADT (section 8.4)
		Device (C000) { Name (_HID, "ACPI0007") Name (_UID, 0) }
		Device (C001) { Name (_HID, "ACPI0007") Name (_UID, 1) }
		Device (C002) { Name (_HID, "ACPI0007") Name (_UID, 2) }
		Device (C100) { Name (_HID, "ACPI0007") Name (_UID, 0x100) }

		// A 16550. Without an interrupt, Linux's driver polls.
		Device (COM0) {
			Name (_HID, EisaId ("PNP0501"))
			Name (_CRS, ResourceTemplate () {
				IO (Decode16, 0x3f8, 0x3f8, 1, 8)
			})
		}
		Device (COM1) {
			Name (_HID, EisaId ("PNP0501"))
			Name (_CRS, ResourceTemplate () {
				IO (Decode16, 0x3f8, 0x3f8, 1, 8)
				IRQNoFlags () {4}
			})
		}

		// Linux binds its driver pvpanic-mmio to this _HID and takes the port from _CRS
		Device (PVPN) {
			Name (_HID, "QEMU0001")
			Name (_CRS, ResourceTemplate () {
				IO (Decode16, 0x505, 0x505, 1, 1)
			})
		}

		// virtio-mmio transports, by the _HID of Linux's driver virtio_mmio. Interrupts are
		// shared: the I/O APIC has 24 pins, so two devices may have the same one.
		Device (VR00) {
			Name (_HID, "LNRO0005")
			Name (_UID, 0)
			Name (_CRS, ResourceTemplate () {
				Memory32Fixed (ReadWrite, 0xd0000000, 0x1000)
				Interrupt (ResourceConsumer, Edge, ActiveHigh, Shared) {5}
			})
		}
		Device (VR01) {
			Name (_HID, "LNRO0005")
			Name (_UID, 1)
			Name (_CRS, ResourceTemplate () {
				Memory32Fixed (ReadWrite, 0xd0001000, 0x1000)
				Interrupt (ResourceConsumer, Edge, ActiveHigh, Shared) {6}
			})
		}
		Device (VR02) {
			Name (_HID, "LNRO0005")
			Name (_UID, 2)
			Name (_CRS, ResourceTemplate () {
				Memory32Fixed (ReadWrite, 0xd0002000, 0x1000)
				Interrupt (ResourceConsumer, Edge, ActiveHigh, Shared) {7}
			})
		}
	}
}
