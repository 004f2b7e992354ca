/* SPDX-License-Identifier: MIT */
/*
 * A VM's configuration as the rest of the program sees it: plain values, every default filled in,
 * every path absolute or relative to the process (a relative path in a file is taken relative to
 * that file). The keys are those of the README's configuration reference; one table
 * (vmm/config/schema.c) maps key, type, bounds and default onto these fields.
 *
 * Strings are owned by the configuration and are NULL when the key was not given, unless the key
 * has a default. They must not be written to: defaults are shared by all configurations.
 */
#ifndef VMM_CONFIG_CONFIG_H
#define VMM_CONFIG_CONFIG_H

#include "cc/config.h"
#include "vmm/base/endpoint.h"
#include "vmm/base/error.h"
#include "vmm/config/faults.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONFIG_MAX_DISKS 16
#define CONFIG_MAX_NETS	 16

/* The choices have their names in schema.c, in the same order. */
enum config_memory_mode {
	CONFIG_MEMORY_AUTO,
	CONFIG_MEMORY_IN_PLACE,
	CONFIG_MEMORY_SPLIT,
	CONFIG_MEMORY_SHARED,
};

enum config_hugepages {
	CONFIG_HUGEPAGES_TRANSPARENT,
	CONFIG_HUGEPAGES_RESERVED,
	CONFIG_HUGEPAGES_NONE,
};

enum config_memory_source {
	CONFIG_SOURCE_AUTO, /* in place where that can be */
	CONFIG_SOURCE_COPY,
};

enum config_on_reboot {
	CONFIG_REBOOT_EXIT,
	CONFIG_REBOOT_RELAUNCH,
};

enum config_vhost {
	CONFIG_VHOST_AUTO,
	CONFIG_VHOST_ON,
	CONFIG_VHOST_OFF,
};

struct config_machine {
	uint32_t vcpus;	 /* 1..255; the host's own limit is checked later */
	uint64_t memory; /* bytes, a multiple of 2 MiB, at least 32 MiB */
	uint32_t cc;	 /* which of cc_techs[] */
	enum config_memory_mode memory_mode;
	enum config_memory_source memory_source;
	enum config_hugepages hugepages; /* of a plain VM */
	enum config_on_reboot on_reboot;
	uint32_t grace;	     /* seconds, at most a day */
	uint32_t io_threads; /* 1..16 */
};

struct config_boot {
	char *kernel;
	char *initrd;
	char *cmdline; /* default "" */
	char *firmware;
	char *igvm;
	bool device_tree; /* hand the guest a device tree beside the ACPI tables */
};

struct config_serial {
	struct endpoint output;
};

enum config_disk_format {
	CONFIG_DISK_AUTO, /* raw, unless its first bytes are those of another format: refused */
	CONFIG_DISK_RAW,
};

struct config_disk {
	char *path;
	enum config_disk_format format;
	bool readonly;
	bool direct;	    /* past the host's page cache */
	uint32_t queues;    /* 1..16 */
	char *serial;	    /* 1..20 bytes */
	uint64_t bandwidth; /* bytes per second; 0: no limit */
	uint32_t iops;	    /* requests per second; 0: no limit */
};

/* Of these exactly one is given: tap, fd, socket. */
struct config_net {
	char *tap;
	uint32_t fd;
	bool have_fd;
	char *socket;
	uint8_t mac[6];
	bool have_mac;	 /* otherwise it is made up */
	uint32_t mtu;	 /* 68..65535; 0: the guest's own */
	uint32_t queues; /* pairs, 1..8 */
	enum config_vhost vhost;
	uint64_t rx_bandwidth; /* bytes a second to the guest; 0: no limit */
	uint64_t tx_bandwidth; /* and from it */
};

struct config_vsock {
	bool present;
	uint32_t cid; /* 3..0xfffffffe */
	char *path;
};

struct config_rng {
	bool present;
	char *source;
};

struct config_console {
	bool present;
	struct endpoint output;
	uint32_t columns; /* 0: the terminal's, or not said */
	uint32_t rows;
};

struct config_balloon {
	bool present;
	uint64_t size; /* bytes that the guest is asked to give away; multiple of 1 MiB */
	bool deflate_on_oom;
	bool reporting;
};

struct config_log {
	int level; /* enum vmm_log_level */
	char *file;
};

struct vmm_config {
	struct config_machine machine;
	struct config_boot boot;
	struct cc_keys cc; /* [snp], [tdx] */
	struct config_serial serial;
	struct config_disk disk[CONFIG_MAX_DISKS];
	size_t ndisks;
	struct config_net net[CONFIG_MAX_NETS];
	size_t nnets;
	struct config_vsock vsock;
	struct config_rng rng;
	struct config_console console;
	struct config_balloon balloon;
	struct config_log log;
	struct tree *document; /* what was read; NULL: nothing was */
};

/* Fills in the defaults. Everything in *config is overwritten. */
void config_init(struct vmm_config *config);

/* Frees the strings and leaves *config as after config_init(). */
void config_clear(struct vmm_config *config);

/*
 * Reads `path` (TOML 1.0, at most CONFIG_FILE_MAX bytes; "-" is standard input, and its relative paths
 * are relative to the working directory) into an initialised configuration. All
 * faults in the file are reported through `fault` (may be NULL) in the order of their lines; err
 * then holds the first. Returns 0, -EINVAL for a document with faults, or what open and read gave.
 * After a failure *config holds what could be understood; config_clear() it.
 */
#define CONFIG_FILE_MAX (1u << 20)
int config_read_file(struct vmm_config *config, const char *path, config_fault_fn *fault, void *ctx,
		     struct vmm_error *err);

/* The same for text in memory; `name` stands for the file in messages, `dir` (NULL: the working
 * directory) is what relative paths are relative to. */
int config_read_text(struct vmm_config *config, const char *text, size_t len, const char *name,
		     const char *dir, config_fault_fn *fault, void *ctx, struct vmm_error *err);

/*
 * Sets one key, for configurations built in code: `key` as in "machine.vcpus" or "disk[0].path",
 * `value` as it would stand in the file (a TOML value). An element of an array of tables is made by
 * setting the element one past the last. Returns 0 or -EINVAL.
 */
int config_set(struct vmm_config *config, const char *key, const char *value,
	       struct vmm_error *err);

/* The checks that span keys (kernel or firmware or igvm given, …). 0 or -EINVAL. Called by
 * config_read_*; call it after the last config_set(). */
int config_validate(const struct vmm_config *config, struct vmm_error *err);

/* The file that it was read from, or NULL. */
const char *config_file_name(const struct vmm_config *config);

/*
 * Faults that are found out after reading, when one looks at what the keys name. The text of each
 * begins with the key at fault, as "disk[0].path" or, for what is loaded, as the loader calls it
 * ("kernel", "command line"): by that they get the line and column where the key, or else its table,
 * stands in the file. One fault is kept for each place.
 */
struct config_findings;

/* NULL: no memory. `config` outlives it. */
struct config_findings *config_findings_new(const struct vmm_config *config);
/* True: it has a place in the file. */
bool config_findings_add(struct config_findings *findings, const struct vmm_error *fault);

/*
 * Reports all as config_read_file() does, and frees *findings. Returns 0 when there were none, -EINVAL
 * when the configuration is at fault, and the first one's code when only the host is, which does not
 * let something be used now.
 */
int config_findings_report(struct config_findings *findings, config_fault_fn *fault, void *ctx,
			   struct vmm_error *err);

/* Every table and key with type, default and meaning; no newline in a line. */
void config_help(void (*line)(void *ctx, const char *text), void *ctx);

#endif
