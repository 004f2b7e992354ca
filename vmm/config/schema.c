// SPDX-License-Identifier: MIT
/* The list of all keys. Help texts continue "KEY: …" and have no full stop. */
#include "vmm/config/schema.h"

#include "cc/dispatch.h"
#include "vmm/base/bytes.h"
#include "vmm/base/log.h"
#include "vmm/base/words.h"

#include <assert.h>
#include <string.h>

static_assert(sizeof(enum config_memory_mode) == sizeof(uint32_t), "choices are stored as 32 bits");

/*
 * CPUID leaf 1 EAX (family, model, stepping: AMD APM volume 3, appendix E.3.2) of the CPU models of
 * those names, which is what tools that predict SNP launch digests call them. Versions are those that
 * QEMU 10.1 has of each (docs/system/cpu-models-x86): a later one may have another signature.
 */
#define SIG_NAPLES 0x800f12
static const struct schema_choice vcpu_type[] = {
	{.name = "EPYC", .value = SIG_NAPLES, .versions = 5},
	{.name = "EPYC-IBPB", .value = SIG_NAPLES},
	{.name = "EPYC-Rome", .value = 0x830f10, .versions = 5},
	{.name = "EPYC-Milan", .value = 0xa00f11, .versions = 3},
	{.name = "EPYC-Genoa", .value = 0xa10f10, .versions = 2},
	{.name = "EPYC-Turin", .value = 0xb00f00, .versions = 1},
	{0},
};

/* Behind the help text, each row may have more members: `.given = …`. */
#define AT(field) offsetof(struct vmm_config, field)
#define ROW(kind, key, field, ...)                                                     \
	{                                                                              \
		.type = SCHEMA_##kind, .name = (key), .offset = AT(field), __VA_ARGS__ \
	}

#define TABLE(table, ...)                                                 \
	{                                                                 \
		.type = SCHEMA_TABLE, .name = #table, .help = __VA_ARGS__ \
	}
#define DEVICE(table, ...) TABLE(table, __VA_ARGS__, .given = AT(table.present))
#define DEVICES(table, counter, most, ...)                                                      \
	{                                                                                       \
		.type = SCHEMA_TABLE, .name = #table, .offset = AT(counter),                    \
		.max_elements = (most),                                                         \
		.element_size = sizeof(((struct vmm_config *)0)->table[0]), .help = __VA_ARGS__ \
	}

#define BOOL(key, field, initial, ...) \
	ROW(BOOL, key, field, .number = (initial), .help = __VA_ARGS__)
#define NUMBER(key, field, low, high, initial, ...)                               \
	ROW(NUMBER, key, field, .min = (low), .max = (high), .number = (initial), \
	    .help = __VA_ARGS__)
#define BITS(key, field, initial, ...) \
	ROW(BITS, key, field, .number = (initial), .hex = true, .help = __VA_ARGS__)
#define SIZE(key, field, low, high, step, initial, ...)                        \
	ROW(SIZE, key, field, .min = (low), .max = (high), .multiple = (step), \
	    .number = (initial), .help = __VA_ARGS__)
#define CHOICE(key, field, initial, ...) \
	ROW(CHOICE, key, field, .number = (initial), .help = __VA_ARGS__)
/* in the order of their enum */
#define NAMES(...)                     \
	.names = (const char *const[]) \
	{                              \
		__VA_ARGS__, NULL      \
	}
#define HEX(key, field, ...) \
	ROW(HEX, key, field, .max = sizeof(((struct vmm_config *)0)->field), .help = __VA_ARGS__)
#define STRING(key, field, low, high, ...) \
	ROW(STRING, key, field, .min = (low), .max = (high), .help = __VA_ARGS__)
#define PATH(key, field, ...)	      ROW(PATH, key, field, .help = __VA_ARGS__)
#define SOCKET(key, field, most, ...) ROW(SOCKET, key, field, .max = (most), .help = __VA_ARGS__)
#define OUTPUT(key, field, initial, ...) \
	ROW(OUTPUT, key, field, .number = (initial), .help = __VA_ARGS__)

/* The default of a char * field. The fields are not const, so this must not be a literal. */
#define TEXT(string) ((char[]){string})

const struct schema schema[] = {
	TABLE(machine, "CPUs, memory, kind of VM"),
	/* as many as KVM's I/O APIC can address */
	NUMBER("vcpus", machine.vcpus, 1, 255, 1, "virtual CPUs; the host may allow fewer"),
	/* KVM takes memory slots of less than 2^31 pages, 8 TiB */
	SIZE("memory", machine.memory, MIB(32), GIB(4 << 10), MIB(2), MIB(512),
	     "guest memory, in steps of 2M"),
	CHOICE("cc", machine.cc, 0, "confidential computing; auto is snp, else tdx, else an error",
	       .name_of = cc_tech_name),
	CHOICE("memory-mode", machine.memory_mode, CONFIG_MEMORY_AUTO,
	       "how private and shared memory are kept; auto asks the host",
	       NAMES("auto", "in-place", "split", "shared")),
	CHOICE("memory-source", machine.memory_source, CONFIG_SOURCE_AUTO,
	       "where firmware takes loaded pages from; auto: from where they are, if it can",
	       NAMES("auto", "copy")),
	CHOICE("hugepages", machine.hugepages, CONFIG_HUGEPAGES_TRANSPARENT,
	       "2 MiB pages for a plain VM: where the host has them, from its pool, or not",
	       NAMES("transparent", "reserved", "none"), .was_bool = true),
	CHOICE("on-reboot", machine.on_reboot, CONFIG_REBOOT_EXIT, "what a reset by the guest does",
	       NAMES("exit", "relaunch")),
	NUMBER("grace", machine.grace, 0, 86400, 10,
	       "seconds between SIGTERM's power button and the end"),
	NUMBER("io-threads", machine.io_threads, 1, 16, 1,
	       "threads for the work of virtio devices, which take turns among them"),

	TABLE(boot, "what the VM starts; kernel, firmware or igvm is needed"),
	PATH("kernel", boot.kernel, "bzImage, ELF vmlinux, or unified kernel image"),
	PATH("initrd", boot.initrd, "initial file system for the kernel"),
	STRING("cmdline", boot.cmdline, 0, 0,
	       "the kernel's command line, or that of the guest in an IGVM file", .text = TEXT("")),
	PATH("firmware", boot.firmware,
	     "OVMF or TDVF; with it, kernel and initrd go through fw_cfg"),
	PATH("igvm", boot.igvm, "IGVM file, instead of kernel and firmware"),
	BOOL("device-tree", boot.device_tree, false,
	     "give the kernel a device tree beside the ACPI tables"),

	TABLE(snp, "AMD SEV-SNP, when [machine] cc says so"),
	BITS("policy", cc.snp.policy, 0x30000, /* SMT allowed, and the bit that must be 1 */
	     "guest policy", .given = AT(cc.snp.have_policy)),
	CHOICE("vcpu-type", cc.snp.vcpu_sig, SIG_NAPLES,
	       "the CPU whose signature goes into the measured vCPU state", .choices = vcpu_type,
	       .given = AT(cc.snp.have_vcpu_type)),
	NUMBER("vcpu-sig", cc.snp.vcpu_sig, 0, UINT32_MAX, SIG_NAPLES,
	       "the same as a number, CPUID leaf 1 EAX", .hex = true,
	       .given = AT(cc.snp.have_vcpu_sig)),
	BITS("guest-features", cc.snp.features, 1, /* SNPActive */
	     "SEV_FEATURES of the measured vCPU state", .given = AT(cc.snp.have_features)),
	NUMBER("cbit", cc.snp.cbit, 0, 62, 51, /* Milan to Turin */
	       "position of the C-bit in page tables, as the host's CPU has it; 0: none"),
	HEX("host-data", cc.snp.host_data, "returned in every attestation report",
	    .given = AT(cc.snp.have_host_data)),
	PATH("host-data-file", cc.snp.host_data_file, "the same: the SHA-256 of this file"),
	HEX("gosvw", cc.snp.gosvw,
	    "workarounds that the guest finds in its secrets page; not measured"),
	NUMBER("ghcb-version", cc.snp.ghcb_version, 0, UINT16_MAX, 0,
	       "highest version of the GHCB protocol that the guest is offered; 0: KVM's default"),
	BOOL("vcek-disabled", cc.snp.vcek_disabled, false,
	     "attestation reports are not signed with the chip's own key"),
	PATH("id-block", cc.snp.id_block, "ID block, 96 bytes raw or in base64"),
	PATH("id-auth", cc.snp.id_auth,
	     "ID authentication information, 4096 bytes raw or in base64"),
	PATH("certs", cc.snp.certs, "certificate table for extended guest requests"),

	TABLE(tdx, "Intel TDX, when [machine] cc says so"),
	BITS("attributes", cc.tdx.attributes, 0x10000000, /* SEPT_VE_DISABLE */
	     "TD attributes", .given = AT(cc.tdx.have_attributes)),
	HEX("mrconfigid", cc.tdx.mrconfigid, "MRCONFIGID, reported in quotes",
	    .given = AT(cc.tdx.have_mrconfigid)),
	PATH("mrconfigid-file", cc.tdx.mrconfigid_file, "the same: the SHA-384 of this file"),
	HEX("mrowner", cc.tdx.mrowner, "MROWNER, reported in quotes"),
	HEX("mrownerconfig", cc.tdx.mrownerconfig, "MROWNERCONFIG, reported in quotes"),
	ROW(ENDPOINT, "quote-socket", cc.tdx.quote_socket, .help = "the quote generation service"),

	TABLE(serial, "the serial port"),
	OUTPUT("output", serial.output, ENDPOINT_STDIO, "where the serial port goes"),

	DEVICES(disk, ndisks, CONFIG_MAX_DISKS, "a block device"),
	PATH("path", disk[0].path, "raw image or block device", .required = true),
	CHOICE("format", disk[0].format, CONFIG_DISK_AUTO,
	       "auto: raw, but an image that begins like one of another format is refused",
	       NAMES("auto", "raw")),
	BOOL("readonly", disk[0].readonly, false, "the guest cannot write to it"),
	BOOL("direct", disk[0].direct, false, "read and write past the host's page cache"),
	NUMBER("queues", disk[0].queues, 1, 16, 1,
	       "request queues; a guest uses one for each of its CPUs at most"),
	STRING("serial", disk[0].serial, 1, 20, /* VIRTIO_BLK_ID_BYTES */
	       "serial number that the guest sees; diskN if not given, N from 0"),
	SIZE("bandwidth", disk[0].bandwidth, 0, GIB(1024), 0, 0,
	     "most bytes per second, reads and writes together; 0: no limit"),
	NUMBER("iops", disk[0].iops, 0, UINT32_MAX, 0, "most requests per second; 0: no limit"),

	DEVICES(net, nnets, CONFIG_MAX_NETS, "a network interface"),
	STRING("tap", net[0].tap, 1, 15, /* IFNAMSIZ - 1 */
	       "name of the host's tap interface"),
	NUMBER("fd", net[0].fd, 0, 65535, 0,
	       "instead: a descriptor of a tap interface that minivmm is started with",
	       .given = AT(net[0].have_fd)),
	SOCKET("socket", net[0].socket, 0,
	       "instead: Unix socket of a program that has the network, such as passt"),
	ROW(MAC, "mac", net[0].mac, .given = AT(net[0].have_mac),
	    .help = "the guest's Ethernet address; made up if not given"),
	NUMBER("mtu", net[0].mtu, 68, 65535, 0, /* what IPv4 needs (RFC 791, section 3.2) */
	       "bytes of the largest packet, which the guest is told; 0: not told",
	       .or_zero = true),
	NUMBER("queues", net[0].queues, 1, 8, 1,
	       "pairs of queues, for guests with several CPUs; a tap needs multi_queue for it"),
	CHOICE("vhost", net[0].vhost, CONFIG_VHOST_AUTO,
	       "let the kernel move the frames; auto: where it can", NAMES("auto", "on", "off")),
	SIZE("rx-bandwidth", net[0].rx_bandwidth, 0, GIB(1024), 0, 0,
	     "bytes a second to the guest at most; 0: no limit"),
	SIZE("tx-bandwidth", net[0].tx_bandwidth, 0, GIB(1024), 0, 0,
	     "bytes a second from the guest at most; 0: no limit"),

	DEVICE(vsock, "a socket device between host and guest"),
	/* 0 to 2 and the highest are taken: Linux, vm_sockets.h */
	NUMBER("cid", vsock.cid, 3, UINT32_MAX - 1, 3, "the guest's context ID"),
	/* "_4294967295" fits behind it: a guest may connect to any port */
	SOCKET("path", vsock.path, 96, "Unix socket at which the host reaches the guest",
	       .required = true),

	DEVICE(rng, "a device that gives random bytes"),
	PATH("source", rng.source, "file that the guest's random bytes come from",
	     .text = TEXT("/dev/urandom")),

	DEVICE(console, "a virtio console, hvc0 in Linux, besides the serial port"),
	OUTPUT("output", console.output, ENDPOINT_NONE,
	       "where the console goes; only one of this and serial.output may be stdio",
	       .required = true),
	NUMBER("columns", console.columns, 0, UINT16_MAX, 0,
	       "width that the guest is told; 0: that of the terminal"),
	NUMBER("rows", console.rows, 0, UINT16_MAX, 0, "height, with columns"),

	DEVICE(balloon, "a memory balloon, for plain VMs"),
	/* pages are counted with 32 bits */
	SIZE("size", balloon.size, 0, GIB(16 << 10) - MIB(1), MIB(1), 0,
	     "memory that the guest is asked to give away, in steps of 1M"),
	BOOL("deflate-on-oom", balloon.deflate_on_oom, true,
	     "the guest may take it back when it has no other memory left"),
	BOOL("reporting", balloon.reporting, true,
	     "pages that are free in the guest go back to the host"),

	TABLE(log, "messages of minivmm itself"),
	CHOICE("level", log.level, VMM_LOG_INFO, "the least important messages that are written",
	       NAMES("error", "warn", "info", "debug", "trace")),
	PATH("file", log.file, "where to, instead of stderr"),
	{0},
};

const struct schema *schema_next(const struct schema *table, const struct schema *row)
{
	if (table) {
		row = row ? row + 1 : table + 1;
		return row->type > SCHEMA_TABLE ? row : NULL;
	}
	row = row ? row + 1 : schema;
	while (row->type > SCHEMA_TABLE)
		row++;
	return row->type == SCHEMA_TABLE ? row : NULL;
}

const struct schema *schema_find(const struct schema *table, const char *name, size_t len)
{
	const struct schema *row = NULL;

	while ((row = schema_next(table, row)))
		if (strlen(row->name) == len && memcmp(row->name, name, len) == 0)
			break;
	return row;
}

const struct schema *schema_nearest(const struct schema *table, const char *name, size_t len)
{
	const struct schema *best = NULL;
	size_t least = WORD_MAX;

	for (const struct schema *row = NULL; (row = schema_next(table, row));) {
		size_t known = strlen(row->name);
		size_t distance = word_distance(name, len, row->name, known);

		if (distance < least && distance * 2 <= (len > known ? len : known)) {
			least = distance;
			best = row;
		}
	}
	return best;
}

struct schema_choice schema_choice(const struct schema *key, size_t i)
{
	if (key->choices)
		return key->choices[i];
	return (struct schema_choice){.name = key->names ? key->names[i] : key->name_of(i),
				      .value = (uint32_t)i};
}

/* --- in a configuration ----------------------------------------------------------------------- */

void *schema_field(const struct schema *table, const struct schema *key, struct vmm_config *config,
		   size_t index)
{
	return (char *)config + key->offset + index * table->element_size;
}

size_t schema_count(const struct schema *table, const struct vmm_config *config)
{
	const void *count = (const char *)config + table->offset;

	return table->max_elements ? *(const size_t *)count : 1;
}

static void set_count(const struct schema *table, struct vmm_config *config, size_t count)
{
	void *field = (char *)config + table->offset;

	*(size_t *)field = count;
}

bool schema_add_element(const struct schema *table, struct vmm_config *config)
{
	size_t count = schema_count(table, config);

	if (count == table->max_elements)
		return false;
	schema_set_defaults(table, config, count);
	set_count(table, config, count + 1);
	return true;
}

void schema_drop_element(const struct schema *table, struct vmm_config *config)
{
	set_count(table, config, schema_count(table, config) - 1);
}

void schema_set_given(const struct schema *table, const struct schema *row,
		      struct vmm_config *config, size_t index)
{
	if (row->given)
		*(bool *)((char *)config + row->given + index * table->element_size) = true;
}

void schema_set_defaults(const struct schema *table, struct vmm_config *config, size_t index)
{
	for (const struct schema *key = NULL; (key = schema_next(table, key));) {
		void *field = schema_field(table, key, config, index);

		switch (key->type) {
		case SCHEMA_BOOL:
			*(bool *)field = key->number;
			break;
		case SCHEMA_NUMBER:
		case SCHEMA_CHOICE:
			*(uint32_t *)field = (uint32_t)key->number;
			break;
		case SCHEMA_BITS:
		case SCHEMA_SIZE:
			*(uint64_t *)field = key->number;
			break;
		case SCHEMA_OUTPUT:
			((struct endpoint *)field)->kind = (enum endpoint_kind)key->number;
			break;
		default: /* zeros, or a text */
			if (key->text)
				*(char **)field = key->text;
		}
	}
}

char **schema_text(const struct schema *key, void *field)
{
	switch (key->type) {
	case SCHEMA_STRING:
	case SCHEMA_PATH:
	case SCHEMA_SOCKET:
		return field;
	case SCHEMA_OUTPUT:
	case SCHEMA_ENDPOINT:
		return &((struct endpoint *)field)->path;
	default:
		return NULL;
	}
}
