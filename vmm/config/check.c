// SPDX-License-Identifier: MIT
/* The checks that span keys: what is missing, what excludes what, what is there twice. */
#include "vmm/config/check.h"

#include "cc/dispatch.h"
#include "cc/tech.h"
#include "vmm/config/place.h"
#include "vmm/config/schema.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* "Reserved. Must be one." (SEV-SNP firmware ABI, guest policy) */
#define SNP_POLICY_ONE (UINT64_C(1) << 17)

struct checker {
	const struct vmm_config *config;
	bool complete; /* false: what is missing might only have been misunderstood */
	const struct tree *tree;
	struct faults *faults;
};

static const struct cc_tech *tech_of(const struct checker *c)
{
	return cc_techs[c->config->machine.cc];
}

/* "KEY: what is wrong with it" */
static void complain(const struct checker *c, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void complain(const struct checker *c, const char *fmt, ...)
{
	char text[256];
	struct place place;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	place = place_of(c->tree, text);
	faults_add(c->faults, place.line ? place : (struct place){1, 1}, "%s", text);
}

#define missing(c, ...) ((c)->complete ? complain(c, __VA_ARGS__) : (void)0)

static bool is_set(const struct schema *key, const char *field)
{
	const void *at = field;

	if (key->type == SCHEMA_OUTPUT)
		return ((const struct endpoint *)at)->kind != ENDPOINT_NONE;
	return *(char *const *)at != NULL;
}

static void check_required(const struct checker *c, const struct schema *table)
{
	const char *config = (const char *)c->config;
	char index[24] = "";

	if (table->given && !config[table->given])
		return;
	for (size_t i = 0; i < schema_count(table, c->config); i++) {
		if (table->max_elements)
			snprintf(index, sizeof(index), "[%zu]", i);
		for (const struct schema *key = NULL; (key = schema_next(table, key));)
			if (key->required &&
			    !is_set(key, config + key->offset + i * table->element_size))
				missing(c, "%s%s.%s: missing", table->name, index, key->name);
	}
}

static void check_boot(const struct checker *c)
{
	const struct config_boot *boot = &c->config->boot;

	if (!boot->kernel && !boot->firmware && !boot->igvm)
		missing(c, "boot: nothing to start: kernel, firmware or igvm is needed");
	if (boot->igvm && boot->kernel)
		complain(c, "boot.kernel: an IGVM file brings its own: remove this or igvm");
	if (boot->igvm && boot->firmware)
		complain(c, "boot.firmware: an IGVM file brings its own: remove this or igvm");
	if (boot->kernel)
		return;
	if (boot->initrd)
		missing(c, "boot.initrd: has no use without a kernel");
	if (boot->cmdline[0] && !boot->igvm)
		missing(c, "boot.cmdline: has no use without a kernel");
	if (boot->device_tree)
		missing(c, "boot.device-tree: has no use without a kernel");
}

static void check_machine(const struct checker *c)
{
	const struct config_machine *machine = &c->config->machine;
	bool private = tech_of(c)->private_memory;

	if (private && machine->memory_mode == CONFIG_MEMORY_SHARED)
		complain(
			c,
			"machine.memory-mode: a confidential VM needs private memory: not \"shared\"");
	if (!private && machine->memory_mode == CONFIG_MEMORY_SPLIT)
		complain(c,
			 "machine.memory-mode: a plain VM has no private memory: it is \"shared\"");
	if (machine->memory_source == CONFIG_SOURCE_COPY && !tech_of(c)->firmware)
		complain(
			c,
			"machine.memory-source: only firmware copies pages: this needs cc = \"snp\" or \"tdx\"");
	if (machine->hugepages == CONFIG_HUGEPAGES_RESERVED &&
	    (private || machine->memory_mode == CONFIG_MEMORY_IN_PLACE))
		complain(c, "machine.hugepages: guest_memfd, which %s, has no huge pages",
			 private ? "a confidential VM needs" : "memory-mode asks for");
}

static void check_cc(const struct checker *c)
{
	const struct cc_snp_config *snp = &c->config->cc.snp;
	const struct cc_tdx_config *tdx = &c->config->cc.tdx;

	if (tech_of(c)->boot == BOOT_SNP && !(snp->policy & SNP_POLICY_ONE))
		complain(c, "snp.policy: bit 17 must be 1, as in 0x30000");
	if (snp->have_vcpu_type && snp->have_vcpu_sig)
		complain(c, "snp.vcpu-sig: says the same as vcpu-type: remove one of them");
	if (snp->have_host_data && snp->host_data_file)
		complain(c, "snp.host-data-file: says the same as host-data: remove one of them");
	if (snp->id_block && !snp->id_auth)
		missing(c, "snp.id-block: needs id-auth, which signs it");
	if (snp->id_auth && !snp->id_block)
		missing(c, "snp.id-auth: needs id-block, which it signs");
	if (tdx->have_mrconfigid && tdx->mrconfigid_file)
		complain(c, "tdx.mrconfigid-file: says the same as mrconfigid: remove one of them");
}

static bool same(const char *a, const char *b)
{
	return a && b && strcmp(a, b) == 0;
}

static void check_disks(const struct checker *c)
{
	const struct config_disk *disk = c->config->disk;

	for (size_t i = 1; i < c->config->ndisks; i++) {
		for (size_t j = 0; j < i; j++) {
			if (!same(disk[i].path, disk[j].path) ||
			    (disk[i].readonly && disk[j].readonly))
				continue;
			complain(
				c,
				"disk[%zu].path: disk[%zu] is the same and one of them is writable",
				i, j);
			break;
		}
	}
}

static void check_net(const struct checker *c, size_t i)
{
	const struct config_net *net = &c->config->net[i];
	unsigned int given = (net->tap ? 1u : 0) + (net->socket ? 1u : 0) + net->have_fd;

	if (given == 0)
		missing(c, "net[%zu].tap: missing, and so are fd and socket: one of them is needed",
			i);
	if (given > 1)
		complain(
			c,
			"net[%zu].%s: only one of tap, fd and socket can be used: remove the others",
			i, net->socket ? "socket" : "fd");
	if (net->queues > 1 && !net->tap)
		complain(c, "net[%zu].queues: more than one needs a tap interface by name", i);
	if (net->vhost != CONFIG_VHOST_ON)
		return;
	if (net->socket)
		complain(c, "net[%zu].vhost: is for tap interfaces, not for sockets", i);
	if (tech_of(c)->private_memory)
		complain(
			c,
			"net[%zu].vhost: a VM with private memory cannot have it: the kernel would "
			"not know which pages are shared",
			i);
	if (net->rx_bandwidth || net->tx_bandwidth)
		complain(c, "net[%zu].vhost: knows no limits of bandwidth: remove those, or this",
			 i);
}

static void check_two_nets(const struct checker *c, size_t i, size_t j)
{
	const struct config_net *a = &c->config->net[i], *b = &c->config->net[j];
	const char *twice = same(a->tap, b->tap)			 ? "tap"
			    : a->have_fd && b->have_fd && a->fd == b->fd ? "fd"
			    : same(a->socket, b->socket)		 ? "socket"
									 : NULL;

	if (twice)
		complain(c, "net[%zu].%s: net[%zu] uses it already", i, twice, j);
	if (a->have_mac && b->have_mac && memcmp(a->mac, b->mac, sizeof(a->mac)) == 0)
		complain(c, "net[%zu].mac: net[%zu] has it already", i, j);
}

static void check_console(const struct checker *c)
{
	const struct config_console *console = &c->config->console;

	if (console->output.kind == ENDPOINT_STDIO &&
	    c->config->serial.output.kind == ENDPOINT_STDIO)
		complain(c, "console.output: serial.output is \"stdio\", too; \"null\" is an "
			    "alternative");
	if ((console->columns == 0) != (console->rows == 0))
		complain(c, "console.%s: columns and rows are given together",
			 console->columns ? "columns" : "rows");
}

/* Sockets that minivmm makes. Each needs a path of its own. */
static void check_sockets(const struct checker *c)
{
	const struct vmm_config *config = c->config;
	const char *serial = endpoint_path(&config->serial.output, ENDPOINT_UNIX);
	const char *console = endpoint_path(&config->console.output, ENDPOINT_UNIX);

	if (same(console, serial))
		complain(c, "console.output: serial.output is the same socket");
	if (same(config->vsock.path, console))
		complain(c, "vsock.path: console.output is the same socket");
	if (same(config->vsock.path, serial))
		complain(c, "vsock.path: serial.output is the same socket");
}

void config_check(const struct vmm_config *config, bool complete, const struct tree *tree,
		  struct faults *faults)
{
	const struct checker c = {config, complete, tree, faults};

	check_machine(&c);
	check_boot(&c);
	check_cc(&c);
	check_disks(&c);
	for (size_t i = 0; i < config->nnets; i++) {
		check_net(&c, i);
		for (size_t j = 0; j < i; j++)
			check_two_nets(&c, i, j);
	}
	check_console(&c);
	if (config->balloon.present && config->balloon.size >= config->machine.memory)
		complain(&c, "balloon.size: it takes all of machine.memory");
	check_sockets(&c);
	for (const struct schema *table = NULL; (table = schema_next(NULL, table));)
		check_required(&c, table);
}

int config_validate(const struct vmm_config *config, struct vmm_error *err)
{
	struct faults faults = {0};
	int ret;

	config_check(config, true, NULL, &faults);
	ret = faults_report(&faults, NULL, NULL, NULL, err);
	faults_clear(&faults);
	return ret;
}
