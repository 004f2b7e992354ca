/* SPDX-License-Identifier: MIT */
/* Memory map of the shim */
#define IMAGE_SIZE 0x4000
#define IMAGE_BASE 0xffffc000

#define TEMP_BASE    0x800000
#define TEMP_SIZE    0x40000
#define MAILBOX	     0x800000 /* up to 0x810000: ACPI NVS for Linux, it stays in use */
#define PML4	     0x801000
#define PDPT	     0x802000
#define PD	     0x803000
#define TABLES_READY 0x807000
#define STACK_TOP    0x80c000
#define ACPI_NEXT    0x80c000
#define BOOT_PARAMS  0x810000 /* from here on: ACPI memory for Linux */
#define ACPI_BASE    0x811000
#define ACPI_END     0x840000
#define HOB_BASE     0x840000
#define HOB_SIZE     0x20000
#define PARAM_BASE   0x860000
#define PARAM_SIZE   0x1000
#define PAYLOAD_BASE 0x1000000
#define PAYLOAD_SIZE 0x2000000
