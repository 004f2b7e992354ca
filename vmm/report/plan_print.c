// SPDX-License-Identifier: MIT
/* Writes a load plan: for people, and as JSON with stable keys. */
#include "vmm/base/bytes.h"
#include "vmm/base/json.h"
#include "vmm/report/report.h"

#include <inttypes.h>

#define MAX_STEPS 8

static const char write_shared[] = "write the boot items into guest memory while its pages are "
				   "shared with the host";
static const char start_boot_cpu[] =
	"start the boot CPU at the entry; the others wait until it wakes them";

/* What happens with the items, in words. "auto" is decided before there is a plan. */
static const char *const steps[][MAX_STEPS] = {
	[CONFIG_CC_NONE] =
		{
			write_shared,
			"plain VM: nothing is converted, nothing is measured, nothing is sealed",
			start_boot_cpu,
		},
	[CONFIG_CC_SW_PROTECTED] =
		{
			write_shared,
			"make all RAM private, contents kept; no firmware, nothing is measured",
			start_boot_cpu,
		},
	[CONFIG_CC_SNP] =
		{
			"KVM_SEV_INIT2, KVM_SEV_SNP_LAUNCH_START: a new guest for the firmware",
			write_shared,
			"make all RAM private, contents of the boot items kept",
			"KVM_SEV_SNP_LAUNCH_UPDATE for each boot item, in their order: encrypts "
			"its pages and measures them",
			"KVM_SEV_SNP_LAUNCH_FINISH: encrypts and measures the registers of every "
			"vCPU, seals the VM",
			start_boot_cpu,
		},
	[CONFIG_CC_TDX] =
		{
			"KVM_TDX_INIT_VM, KVM_TDX_INIT_VCPU: a new guest for the TDX module",
			write_shared,
			"make all RAM private, contents of the boot items kept",
			"KVM_TDX_INIT_MEM_REGION for each boot item, in their order: encrypts its "
			"pages and measures them",
			"KVM_TDX_FINALIZE_VM: seals the VM",
			start_boot_cpu,
		},
};

const char *cc_name(enum config_cc cc)
{
	switch (cc) {
	case CONFIG_CC_NONE:
		return "none";
	case CONFIG_CC_AUTO:
		return "auto";
	case CONFIG_CC_SW_PROTECTED:
		return "sw-protected";
	case CONFIG_CC_SNP:
		return "snp";
	case CONFIG_CC_TDX:
		return "tdx";
	}
	return "?";
}

/* Do the contents of the item enter the measurement? SNP measures where all others are, too. */
static bool item_measured(const struct planned *planned, const struct load_item *item)
{
	switch (planned->config->machine.cc) {
	case CONFIG_CC_SNP:
		return item->kind == LOAD_DATA;
	case CONFIG_CC_TDX:
		return item->measured;
	case CONFIG_CC_NONE:
	case CONFIG_CC_SW_PROTECTED:
	case CONFIG_CC_AUTO:
		break;
	}
	return false;
}

/* --- for people ------------------------------------------------------------------------------- */

static void text_range(struct text *t, uint64_t gpa, uint64_t len)
{
	text_add(t, "  0x%012" PRIx64 "-0x%012" PRIx64, gpa, gpa + len - 1);
}

static void text_size(struct text *t, uint64_t len)
{
	if (len < MIB(10))
		text_add(t, " %8" PRIu64 " KiB", len >> 10);
	else
		text_add(t, " %8" PRIu64 " MiB", len >> 20);
}

static void text_memory(struct text *t, const struct planned *planned)
{
	const struct load_plan *plan = planned->plan;
	const struct guest_mem *mem = &planned->mem;

	text_add(t, "Memory map that the guest is given:\n");
	for (size_t i = 0; i < plan->nmap; i++) {
		text_range(t, plan->map[i].gpa, plan->map[i].len);
		text_size(t, plan->map[i].len);
		text_add(t, "  %s\n", gpa_type_name(plan->map[i].type));
	}
	text_add(t, "Regions of memory:\n");
	for (size_t i = 0; i < mem->nregions; i++) {
		text_range(t, mem->region[i].gpa, mem->region[i].len);
		text_size(t, mem->region[i].len);
		text_add(t, "  %s\n", mem->region[i].name);
	}
}

static void text_entry(struct text *t, const struct load_entry *entry)
{
	switch (entry->mode) {
	case ENTRY_LONG_MODE:
		text_add(t,
			 "Entry: 64-bit mode at %#" PRIx64 ", boot parameters at %#" PRIx64
			 ", page table at %#" PRIx64 "\n",
			 entry->rip, entry->arg, entry->cr3);
		break;
	case ENTRY_PVH:
		text_add(t, "Entry: PVH, 32-bit mode at %#" PRIx64 ", start info at %#" PRIx64 "\n",
			 entry->rip, entry->arg);
		break;
	case ENTRY_RESET:
		text_add(t, "Entry: reset vector of the firmware\n");
		break;
	case ENTRY_CONTEXT:
		text_add(t, "Entry: at %#" PRIx64 ", with the registers that the file has\n",
			 entry->rip);
		break;
	case ENTRY_NONE:
		text_add(t, "Entry: none\n");
		break;
	}
}

void planned_text(const struct planned *planned, struct text *t)
{
	const char *const *step = steps[planned->config->machine.cc];
	const struct load_plan *plan = planned->plan;

	text_memory(t, planned);
	text_add(t, "Boot items in the order of the launch:\n");
	for (size_t i = 0; i < plan->nitems; i++) {
		const struct load_item *item = &plan->item[i];

		text_range(t, item->gpa, item->len);
		text_add(t, " %10" PRIu64 " bytes  %-10s  %s%s\n", item->used,
			 load_kind_name(item->kind), item->name,
			 item_measured(planned, item) ? ", measured" : "");
	}
	text_entry(t, &plan->entry);
	text_add(t, "Launch (machine.cc = \"%s\", vCPUs: %u):\n",
		 cc_name(planned->config->machine.cc), planned->config->machine.vcpus);
	for (size_t i = 0; i < MAX_STEPS && step[i]; i++)
		text_add(t, "  %zu. %s\n", i + 1, step[i]);
}

/* --- JSON ------------------------------------------------------------------------------------- */

static void json_range(struct json *j, uint64_t gpa, uint64_t len)
{
	json_hex(j, "gpa", gpa);
	json_hex(j, "len", len);
}

static void json_memory(struct json *j, const struct planned *planned)
{
	const struct load_plan *plan = planned->plan;
	const struct guest_mem *mem = &planned->mem;

	json_array(j, "memory_map");
	for (size_t i = 0; i < plan->nmap; i++) {
		json_object(j, NULL);
		json_range(j, plan->map[i].gpa, plan->map[i].len);
		json_string(j, "type", gpa_type_name(plan->map[i].type));
		json_end(j);
	}
	json_end(j);
	json_array(j, "regions");
	for (size_t i = 0; i < mem->nregions; i++) {
		json_object(j, NULL);
		json_string(j, "name", mem->region[i].name);
		json_range(j, mem->region[i].gpa, mem->region[i].len);
		json_end(j);
	}
	json_end(j);
}

static void json_items(struct json *j, const struct planned *planned)
{
	const struct load_plan *plan = planned->plan;

	json_array(j, "boot_items");
	for (size_t i = 0; i < plan->nitems; i++) {
		const struct load_item *item = &plan->item[i];

		json_object(j, NULL);
		json_string(j, "name", item->name);
		json_range(j, item->gpa, item->len);
		json_u64(j, "bytes_used", item->used);
		json_string(j, "kind", load_kind_name(item->kind));
		json_bool(j, "measured", item_measured(planned, item));
		json_end(j);
	}
	json_end(j);
}

static void json_entry(struct json *j, const struct load_entry *entry)
{
	static const char *const modes[] = {
		[ENTRY_NONE] = "none",	 [ENTRY_LONG_MODE] = "long_mode", [ENTRY_PVH] = "pvh",
		[ENTRY_RESET] = "reset", [ENTRY_CONTEXT] = "context",
	};

	json_object(j, "entry");
	json_string(j, "mode", modes[entry->mode]);
	json_hex(j, "rip", entry->rip);
	json_hex(j, "arg", entry->arg);
	json_hex(j, "cr3", entry->cr3);
	json_end(j);
}

void planned_json(const struct planned *planned, struct text *out)
{
	const char *const *step = steps[planned->config->machine.cc];
	struct json j = {.out = out};

	json_object(&j, NULL);
	json_u64(&j, "vcpus", planned->config->machine.vcpus);
	json_u64(&j, "memory", planned->config->machine.memory);
	json_memory(&j, planned);
	json_items(&j, planned);
	json_entry(&j, &planned->plan->entry);
	json_object(&j, "launch");
	json_string(&j, "cc", cc_name(planned->config->machine.cc));
	json_array(&j, "steps");
	for (size_t i = 0; i < MAX_STEPS && step[i]; i++)
		json_string(&j, NULL, step[i]);
	json_end(&j);
	planned_depends_json(planned, &j);
	json_end(&j);
	json_end(&j);
}
