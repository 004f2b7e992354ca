// SPDX-License-Identifier: MIT
/* The checks that span keys: what is missing, what excludes what, what is there twice. */
#include "vmm/config/internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* "Reserved. Must be one." (SEV-SNP firmware ABI, guest policy) */
#define SNP_POLICY_ONE (UINT64_C(1) << 17)

struct checker {
	const struct vmm_config *config;
	bool complete; /* false: what is missing might only have been misunderstood */
	config_complaint_fn *complain;
	void *ctx;
};

static void complain(const struct checker *c, const char *key, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void complain(const struct checker *c, const char *key, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	c->complain(c->ctx, key, text);
}

static void missing(const struct checker *c, const char *key, const char *text)
{
	if (c->complete)
		complain(c, key, "%s", text);
}

static void check_required(const struct checker *c, const struct schema_table *table)
{
	size_t count = schema_count(table, c->config);
	char name[64];

	for (size_t i = 0; i < count * table->nkeys; i++) {
		const struct schema_key *key = &table->keys[i % table->nkeys];
		size_t index = i / table->nkeys;
		const char *base = schema_base_const(table, c->config, index);
		const char *text;

		if (!key->required)
			continue;
		memcpy(&text, base + key->offset, sizeof(text));
		if (text)
			continue;
		if (table->max_elements)
			snprintf(name, sizeof(name), "%s[%zu].%s", table->name, index, key->name);
		else
			snprintf(name, sizeof(name), "%s.%s", table->name, key->name);
		missing(c, name, "missing");
	}
}

static void check_all_required(const struct checker *c)
{
	for (size_t i = 0; i < schema_ntables; i++) {
		const struct schema_table *table = &schema_tables[i];
		bool present = table->max_elements > 0;

		if (table->present)
			memcpy(&present, (const char *)c->config + table->present, sizeof(present));
		if (present)
			check_required(c, table);
	}
}

static void check_boot(const struct checker *c)
{
	const struct config_boot *boot = &c->config->boot;

	if (!boot->kernel && !boot->firmware && !boot->igvm)
		missing(c, "boot", "nothing to start: kernel, firmware or igvm is needed");
	if (boot->igvm && boot->kernel)
		complain(c, "boot.kernel", "an IGVM file brings its own: remove this or igvm");
	if (boot->igvm && boot->firmware)
		complain(c, "boot.firmware", "an IGVM file brings its own: remove this or igvm");
	if (boot->kernel)
		return;
	if (boot->initrd)
		missing(c, "boot.initrd", "has no use without a kernel");
	if (boot->cmdline[0] && !boot->igvm)
		missing(c, "boot.cmdline", "has no use without a kernel");
	if (boot->device_tree)
		missing(c, "boot.device-tree", "has no use without a kernel");
}

static void check_machine(const struct checker *c)
{
	const struct config_machine *machine = &c->config->machine;

	if (machine->cc != CONFIG_CC_NONE && machine->memory_mode == CONFIG_MEMORY_SHARED)
		complain(c, "machine.memory-mode",
			 "a confidential VM needs private memory: not \"shared\"");
	if (machine->cc == CONFIG_CC_NONE && machine->memory_mode == CONFIG_MEMORY_SPLIT)
		complain(c, "machine.memory-mode",
			 "a plain VM has no private memory: it is \"shared\"");
	if (machine->memory_source == CONFIG_SOURCE_COPY &&
	    (machine->cc == CONFIG_CC_NONE || machine->cc == CONFIG_CC_SW_PROTECTED))
		complain(c, "machine.memory-source",
			 "only firmware copies pages: this needs cc = \"snp\" or \"tdx\"");
	if (machine->hugepages == CONFIG_HUGEPAGES_RESERVED &&
	    (machine->cc != CONFIG_CC_NONE || machine->memory_mode == CONFIG_MEMORY_IN_PLACE))
		complain(c, "machine.hugepages", "guest_memfd, which %s, has no huge pages",
			 machine->cc != CONFIG_CC_NONE ? "a confidential VM needs"
						       : "memory-mode asks for");
}

static void check_cc(const struct checker *c)
{
	const struct config_snp *snp = &c->config->snp;
	const struct config_tdx *tdx = &c->config->tdx;
	enum config_cc cc = c->config->machine.cc;

	if ((cc == CONFIG_CC_SNP || cc == CONFIG_CC_AUTO) && !(snp->policy & SNP_POLICY_ONE))
		complain(c, "snp.policy", "bit 17 must be 1, as in 0x30000");
	if (snp->have_vcpu_type && snp->have_vcpu_sig)
		complain(c, "snp.vcpu-sig", "says the same as vcpu-type: remove one of them");
	if (snp->have_host_data && snp->host_data_file)
		complain(c, "snp.host-data-file", "says the same as host-data: remove one of them");
	if (snp->id_block && !snp->id_auth)
		missing(c, "snp.id-block", "needs id-auth, which signs it");
	if (snp->id_auth && !snp->id_block)
		missing(c, "snp.id-auth", "needs id-block, which it signs");
	if (tdx->have_mrconfigid && tdx->mrconfigid_file)
		complain(c, "tdx.mrconfigid-file",
			 "says the same as mrconfigid: remove one of them");
}

static bool same(const char *a, const char *b)
{
	return a && b && strcmp(a, b) == 0;
}

static void check_disks(const struct checker *c)
{
	const struct config_disk *disk = c->config->disk;
	char name[32];

	for (size_t i = 1; i < c->config->ndisks; i++) {
		for (size_t j = 0; j < i; j++) {
			if (!same(disk[i].path, disk[j].path) ||
			    (disk[i].readonly && disk[j].readonly))
				continue;
			snprintf(name, sizeof(name), "disk[%zu].path", i);
			complain(c, name, "disk[%zu] is the same and one of them is writable", j);
			break;
		}
	}
}

static void check_net(const struct checker *c, size_t i)
{
	const struct config_net *net = &c->config->net[i];
	unsigned int given = (net->tap ? 1u : 0) + (net->socket ? 1u : 0) + net->have_fd;
	char key[32];

	snprintf(key, sizeof(key), "net[%zu].tap", i);
	if (given == 0)
		missing(c, key, "missing, and so are fd and socket: one of them is needed");
	if (given > 1) {
		snprintf(key, sizeof(key), "net[%zu].%s", i, net->socket ? "socket" : "fd");
		complain(c, key, "only one of tap, fd and socket can be used: remove the others");
	}
	snprintf(key, sizeof(key), "net[%zu].queues", i);
	if (net->queues > 1 && !net->tap)
		complain(c, key, "more than one needs a tap interface by name");
	snprintf(key, sizeof(key), "net[%zu].vhost", i);
	if (net->vhost != CONFIG_VHOST_ON)
		return;
	if (net->socket)
		complain(c, key, "is for tap interfaces, not for sockets");
	if (c->config->machine.cc != CONFIG_CC_NONE)
		complain(c, key,
			 "a VM with private memory cannot have it: the kernel would not know which "
			 "pages are shared");
	if (net->rx_bandwidth || net->tx_bandwidth)
		complain(c, key, "knows no limits of bandwidth: remove those, or this");
}

static void check_nets(const struct checker *c)
{
	const struct config_net *net = c->config->net;
	char name[32];

	for (size_t i = 0; i < c->config->nnets; i++) {
		check_net(c, i);
		for (size_t j = 0; j < i; j++) {
			const char *twice =
				same(net[i].tap, net[j].tap)				     ? "tap"
				: net[i].have_fd && net[j].have_fd && net[i].fd == net[j].fd ? "fd"
				: same(net[i].socket, net[j].socket) ? "socket"
								     : NULL;

			if (twice) {
				snprintf(name, sizeof(name), "net[%zu].%s", i, twice);
				complain(c, name, "net[%zu] uses it already", j);
			}
			if (net[i].mac && net[j].mac && strcasecmp(net[i].mac, net[j].mac) == 0) {
				snprintf(name, sizeof(name), "net[%zu].mac", i);
				complain(c, name, "net[%zu] has it already", j);
			}
		}
	}
}

static void check_console(const struct checker *c)
{
	const struct config_console *console = &c->config->console;

	if (same(console->output, "stdio") && same(c->config->serial.output, "stdio"))
		complain(c, "console.output",
			 "serial.output is \"stdio\", too; \"null\" is an alternative");
	if ((console->columns == 0) != (console->rows == 0))
		complain(c, console->columns ? "console.columns" : "console.rows",
			 "columns and rows are given together");
}

static void check_balloon(const struct checker *c)
{
	const struct vmm_config *config = c->config;

	if (config->balloon.present && config->balloon.size >= config->machine.memory)
		complain(c, "balloon.size", "it takes all of machine.memory");
}

static const char *socket_of(const char *output)
{
	return output && strncmp(output, "unix:", 5) == 0 ? output + 5 : NULL;
}

/* Sockets that minivmm makes. Each needs a path of its own. */
static void check_sockets(const struct checker *c)
{
	const struct vmm_config *config = c->config;
	const char *serial = socket_of(config->serial.output);
	const char *console = socket_of(config->console.output);

	if (same(console, serial))
		complain(c, "console.output", "serial.output is the same socket");
	if (same(config->vsock.path, console))
		complain(c, "vsock.path", "console.output is the same socket");
	if (same(config->vsock.path, serial))
		complain(c, "vsock.path", "serial.output is the same socket");
}

void config_check(const struct vmm_config *config, bool complete, config_complaint_fn *complain_to,
		  void *ctx)
{
	const struct checker c = {
		.config = config, .complete = complete, .complain = complain_to, .ctx = ctx};

	check_machine(&c);
	check_boot(&c);
	check_cc(&c);
	check_disks(&c);
	check_nets(&c);
	check_console(&c);
	check_balloon(&c);
	check_sockets(&c);
	check_all_required(&c);
}

static void keep_first(void *ctx, const char *key, const char *complaint)
{
	struct vmm_error *err = ctx;

	if (!err->code)
		vmm_error_set(err, -EINVAL, "%s: %s", key, complaint);
}

int config_validate(const struct vmm_config *config, struct vmm_error *err)
{
	struct vmm_error first = {0};

	config_check(config, true, keep_first, &first);
	if (first.code && err)
		*err = first;
	return first.code;
}
