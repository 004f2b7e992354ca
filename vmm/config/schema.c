// SPDX-License-Identifier: MIT
/* The table of all keys. Help texts continue "KEY: …" and have no full stop. */
#include "vmm/config/schema.h"

#include "vmm/base/bytes.h"
#include "vmm/base/log.h"

/* The default of a char * field. The fields are not const, so this must not be a literal. */
#define TEXT(string) ((char[]){string})

static const struct schema_choice cc_choices[] = {
	{.name = "none", .value = CONFIG_CC_NONE},
	{.name = "auto", .value = CONFIG_CC_AUTO},
	{.name = "sw-protected", .value = CONFIG_CC_SW_PROTECTED},
	{.name = "snp", .value = CONFIG_CC_SNP},
	{.name = "tdx", .value = CONFIG_CC_TDX},
	{0},
};

static const struct schema_choice memory_mode_choices[] = {
	{.name = "auto", .value = CONFIG_MEMORY_AUTO},
	{.name = "in-place", .value = CONFIG_MEMORY_IN_PLACE},
	{.name = "split", .value = CONFIG_MEMORY_SPLIT},
	{.name = "shared", .value = CONFIG_MEMORY_SHARED},
	{0},
};

static const struct schema_choice on_reboot_choices[] = {
	{.name = "exit", .value = CONFIG_REBOOT_EXIT},
	{.name = "relaunch", .value = CONFIG_REBOOT_RELAUNCH},
	{0},
};

static const struct schema_choice log_level_choices[] = {
	{.name = "error", .value = VMM_LOG_ERROR}, {.name = "warn", .value = VMM_LOG_WARN},
	{.name = "info", .value = VMM_LOG_INFO},   {.name = "debug", .value = VMM_LOG_DEBUG},
	{.name = "trace", .value = VMM_LOG_TRACE}, {0},
};

/*
 * CPUID leaf 1 EAX (family, model, stepping: AMD APM volume 3, appendix E.3.2) of the CPU models of
 * those names, which is what tools that predict SNP launch digests call them.
 */
#define SIG_NAPLES 0x800f12
static const struct schema_choice vcpu_type_choices[] = {
	{.name = "EPYC", .value = SIG_NAPLES, .versions = true},
	{.name = "EPYC-IBPB", .value = SIG_NAPLES},
	{.name = "EPYC-Rome", .value = 0x830f10, .versions = true},
	{.name = "EPYC-Milan", .value = 0xa00f11, .versions = true},
	{.name = "EPYC-Genoa", .value = 0xa10f10, .versions = true},
	{.name = "EPYC-Turin", .value = 0xb00f00, .versions = true},
	{0},
};

static const struct schema_key machine_keys[] = {
	{.name = "vcpus",
	 .help = "virtual CPUs; the host may allow fewer",
	 .type = SCHEMA_NUMBER,
	 .offset = offsetof(struct config_machine, vcpus),
	 .min = 1,
	 .max = 1024,
	 .number = 1},
	{.name = "memory",
	 .help = "guest memory, in steps of 2M",
	 .type = SCHEMA_SIZE,
	 .offset = offsetof(struct config_machine, memory),
	 .min = MIB(32),
	 .max = GIB(64 << 10), /* 46 bits, the least physical address width of servers */
	 .multiple = MIB(2),
	 .number = MIB(512)},
	{.name = "cc",
	 .help = "confidential computing; auto is snp, else tdx, else an error",
	 .type = SCHEMA_CHOICE,
	 .offset = offsetof(struct config_machine, cc),
	 .choices = cc_choices,
	 .number = CONFIG_CC_NONE},
	{.name = "memory-mode",
	 .help = "how private and shared memory are kept; auto asks the host",
	 .type = SCHEMA_CHOICE,
	 .offset = offsetof(struct config_machine, memory_mode),
	 .choices = memory_mode_choices,
	 .number = CONFIG_MEMORY_AUTO},
	{.name = "hugepages",
	 .help = "back guest memory by reserved 2 MiB pages",
	 .type = SCHEMA_BOOL,
	 .offset = offsetof(struct config_machine, hugepages)},
	{.name = "on-reboot",
	 .help = "what a reset by the guest does",
	 .type = SCHEMA_CHOICE,
	 .offset = offsetof(struct config_machine, on_reboot),
	 .choices = on_reboot_choices,
	 .number = CONFIG_REBOOT_EXIT},
	{.name = "grace",
	 .help = "seconds between SIGTERM's power button and the end",
	 .type = SCHEMA_NUMBER,
	 .offset = offsetof(struct config_machine, grace),
	 .max = 86400,
	 .number = 10},
	{.name = "io-threads",
	 .help = "threads for the work of virtio devices, which take turns among them",
	 .type = SCHEMA_NUMBER,
	 .offset = offsetof(struct config_machine, io_threads),
	 .min = 1,
	 .max = 16,
	 .number = 1},
};

static const struct schema_key boot_keys[] = {
	{.name = "kernel",
	 .help = "bzImage, or ELF vmlinux",
	 .type = SCHEMA_PATH,
	 .offset = offsetof(struct config_boot, kernel)},
	{.name = "initrd",
	 .help = "initial file system for the kernel",
	 .type = SCHEMA_PATH,
	 .offset = offsetof(struct config_boot, initrd)},
	{.name = "cmdline",
	 .help = "the kernel's command line",
	 .type = SCHEMA_STRING,
	 .offset = offsetof(struct config_boot, cmdline),
	 .text = TEXT("")},
	{.name = "firmware",
	 .help = "OVMF or TDVF; with it, kernel and initrd go through fw_cfg",
	 .type = SCHEMA_PATH,
	 .offset = offsetof(struct config_boot, firmware)},
	{.name = "igvm",
	 .help = "IGVM file, instead of kernel and firmware",
	 .type = SCHEMA_PATH,
	 .offset = offsetof(struct config_boot, igvm)},
	{.name = "device-tree",
	 .help = "give the kernel a device tree beside the ACPI tables",
	 .type = SCHEMA_BOOL,
	 .offset = offsetof(struct config_boot, device_tree)},
};

static const struct schema_key snp_keys[] = {
	{.name = "policy",
	 .help = "guest policy",
	 .type = SCHEMA_BITS,
	 .hex = true,
	 .number = 0x30000, /* SMT allowed, and the bit that must be 1 */
	 .offset = offsetof(struct config_snp, policy)},
	{.name = "vcpu-type",
	 .help = "the CPU whose signature goes into the measured vCPU state",
	 .type = SCHEMA_CHOICE,
	 .offset = offsetof(struct config_snp, vcpu_sig),
	 .given = offsetof(struct config_snp, have_vcpu_type),
	 .choices = vcpu_type_choices,
	 .number = SIG_NAPLES},
	{.name = "vcpu-sig",
	 .help = "the same as a number, CPUID leaf 1 EAX",
	 .type = SCHEMA_NUMBER,
	 .hex = true,
	 .offset = offsetof(struct config_snp, vcpu_sig),
	 .given = offsetof(struct config_snp, have_vcpu_sig),
	 .max = UINT32_MAX,
	 .number = SIG_NAPLES},
	{.name = "guest-features",
	 .help = "SEV_FEATURES of the measured vCPU state",
	 .type = SCHEMA_BITS,
	 .hex = true,
	 .number = 1, /* SNPActive */
	 .offset = offsetof(struct config_snp, guest_features)},
	{.name = "cbit",
	 .help = "position of the C-bit in page tables, as the host's CPU has it; 0: none",
	 .type = SCHEMA_NUMBER,
	 .offset = offsetof(struct config_snp, cbit),
	 .max = 62,
	 .number = 51}, /* Milan to Turin */
	{.name = "host-data",
	 .help = "returned in every attestation report",
	 .type = SCHEMA_HEX,
	 .offset = offsetof(struct config_snp, host_data),
	 .given = offsetof(struct config_snp, have_host_data),
	 .max = sizeof(((struct config_snp *)0)->host_data)},
	{.name = "host-data-file",
	 .help = "the same: the SHA-256 of this file",
	 .type = SCHEMA_PATH,
	 .offset = offsetof(struct config_snp, host_data_file)},
	{.name = "id-block",
	 .help = "ID block, 96 bytes raw or in base64",
	 .type = SCHEMA_PATH,
	 .offset = offsetof(struct config_snp, id_block)},
	{.name = "id-auth",
	 .help = "ID authentication information, 4096 bytes raw or in base64",
	 .type = SCHEMA_PATH,
	 .offset = offsetof(struct config_snp, id_auth)},
	{.name = "certs",
	 .help = "certificate table for extended guest requests",
	 .type = SCHEMA_PATH,
	 .offset = offsetof(struct config_snp, certs)},
};

static const struct schema_key tdx_keys[] = {
	{.name = "attributes",
	 .help = "TD attributes",
	 .type = SCHEMA_BITS,
	 .hex = true,
	 .number = 0x10000000, /* SEPT_VE_DISABLE */
	 .offset = offsetof(struct config_tdx, attributes)},
	{.name = "mrconfigid",
	 .help = "MRCONFIGID, reported in quotes",
	 .type = SCHEMA_HEX,
	 .offset = offsetof(struct config_tdx, mrconfigid),
	 .given = offsetof(struct config_tdx, have_mrconfigid),
	 .max = sizeof(((struct config_tdx *)0)->mrconfigid)},
	{.name = "mrconfigid-file",
	 .help = "the same: the SHA-384 of this file",
	 .type = SCHEMA_PATH,
	 .offset = offsetof(struct config_tdx, mrconfigid_file)},
	{.name = "mrowner",
	 .help = "MROWNER, reported in quotes",
	 .type = SCHEMA_HEX,
	 .offset = offsetof(struct config_tdx, mrowner),
	 .max = sizeof(((struct config_tdx *)0)->mrowner)},
	{.name = "mrownerconfig",
	 .help = "MROWNERCONFIG, reported in quotes",
	 .type = SCHEMA_HEX,
	 .offset = offsetof(struct config_tdx, mrownerconfig),
	 .max = sizeof(((struct config_tdx *)0)->mrownerconfig)},
	{.name = "quote-socket",
	 .help = "the quote generation service",
	 .type = SCHEMA_ENDPOINT,
	 .offset = offsetof(struct config_tdx, quote_socket)},
};

static const struct schema_key serial_keys[] = {
	{.name = "output",
	 .help = "where the serial port goes",
	 .type = SCHEMA_OUTPUT,
	 .offset = offsetof(struct config_serial, output),
	 .text = TEXT("stdio")},
};

static const struct schema_key disk_keys[] = {
	{.name = "path",
	 .help = "raw image or block device",
	 .type = SCHEMA_PATH,
	 .required = true,
	 .offset = offsetof(struct config_disk, path)},
	{.name = "readonly",
	 .help = "the guest cannot write to it",
	 .type = SCHEMA_BOOL,
	 .offset = offsetof(struct config_disk, readonly)},
};

static const struct schema_key net_keys[] = {
	{.name = "tap",
	 .help = "name of the host's tap interface",
	 .type = SCHEMA_STRING,
	 .required = true,
	 .min = 1,
	 .max = 15, /* IFNAMSIZ - 1 */
	 .offset = offsetof(struct config_net, tap)},
	{.name = "mac",
	 .help = "the guest's Ethernet address; made up if not given",
	 .type = SCHEMA_MAC,
	 .offset = offsetof(struct config_net, mac)},
};

static const struct schema_key vsock_keys[] = {
	{.name = "cid",
	 .help = "the guest's context ID",
	 .type = SCHEMA_NUMBER,
	 .offset = offsetof(struct config_vsock, cid),
	 .min = 3, /* 0 to 2 and the highest are taken: Linux, vm_sockets.h */
	 .max = UINT32_MAX - 1,
	 .number = 3},
	{.name = "path",
	 .help = "Unix socket at which the host reaches the guest",
	 .type = SCHEMA_SOCKET,
	 .required = true,
	 .offset = offsetof(struct config_vsock, path)},
};

static const struct schema_key rng_keys[] = {
	{.name = "source",
	 .help = "file that the guest's random bytes come from",
	 .type = SCHEMA_PATH,
	 .offset = offsetof(struct config_rng, source),
	 .text = TEXT("/dev/urandom")},
};

static const struct schema_key control_keys[] = {
	{.name = "socket",
	 .help = "Unix socket that takes commands",
	 .type = SCHEMA_SOCKET,
	 .offset = offsetof(struct config_control, socket)},
};

static const struct schema_key log_keys[] = {
	{.name = "level",
	 .help = "the least important messages that are written",
	 .type = SCHEMA_CHOICE,
	 .offset = offsetof(struct config_log, level),
	 .choices = log_level_choices,
	 .number = VMM_LOG_INFO},
	{.name = "file",
	 .help = "where to, instead of stderr",
	 .type = SCHEMA_PATH,
	 .offset = offsetof(struct config_log, file)},
};

const struct schema_table schema_tables[] = {
	{.name = "machine",
	 .help = "CPUs, memory, kind of VM",
	 .keys = machine_keys,
	 .nkeys = ARRAY_SIZE(machine_keys),
	 .offset = offsetof(struct vmm_config, machine)},
	{.name = "boot",
	 .help = "what the VM starts; kernel, firmware or igvm is needed",
	 .keys = boot_keys,
	 .nkeys = ARRAY_SIZE(boot_keys),
	 .offset = offsetof(struct vmm_config, boot)},
	{.name = "snp",
	 .help = "AMD SEV-SNP, when [machine] cc says so",
	 .keys = snp_keys,
	 .nkeys = ARRAY_SIZE(snp_keys),
	 .offset = offsetof(struct vmm_config, snp)},
	{.name = "tdx",
	 .help = "Intel TDX, when [machine] cc says so",
	 .keys = tdx_keys,
	 .nkeys = ARRAY_SIZE(tdx_keys),
	 .offset = offsetof(struct vmm_config, tdx)},
	{.name = "serial",
	 .help = "the serial port",
	 .keys = serial_keys,
	 .nkeys = ARRAY_SIZE(serial_keys),
	 .offset = offsetof(struct vmm_config, serial)},
	{.name = "disk",
	 .help = "a block device",
	 .keys = disk_keys,
	 .nkeys = ARRAY_SIZE(disk_keys),
	 .offset = offsetof(struct vmm_config, disk),
	 .max_elements = CONFIG_MAX_DISKS,
	 .element_size = sizeof(struct config_disk),
	 .count = offsetof(struct vmm_config, ndisks)},
	{.name = "net",
	 .help = "a network interface",
	 .keys = net_keys,
	 .nkeys = ARRAY_SIZE(net_keys),
	 .offset = offsetof(struct vmm_config, net),
	 .max_elements = CONFIG_MAX_NETS,
	 .element_size = sizeof(struct config_net),
	 .count = offsetof(struct vmm_config, nnets)},
	{.name = "vsock",
	 .help = "a socket device between host and guest",
	 .keys = vsock_keys,
	 .nkeys = ARRAY_SIZE(vsock_keys),
	 .offset = offsetof(struct vmm_config, vsock),
	 .present = offsetof(struct vmm_config, vsock.present)},
	{.name = "rng",
	 .help = "a device that gives random bytes",
	 .keys = rng_keys,
	 .nkeys = ARRAY_SIZE(rng_keys),
	 .offset = offsetof(struct vmm_config, rng),
	 .present = offsetof(struct vmm_config, rng.present)},
	{.name = "control",
	 .help = "the control socket",
	 .keys = control_keys,
	 .nkeys = ARRAY_SIZE(control_keys),
	 .offset = offsetof(struct vmm_config, control)},
	{.name = "log",
	 .help = "messages of minivmm itself",
	 .keys = log_keys,
	 .nkeys = ARRAY_SIZE(log_keys),
	 .offset = offsetof(struct vmm_config, log)},
};

const size_t schema_ntables = ARRAY_SIZE(schema_tables);
