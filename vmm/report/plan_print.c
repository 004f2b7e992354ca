// SPDX-License-Identifier: MIT
/* Describes a load plan. */
#include "vmm/base/bytes.h"
#include "vmm/report/report.h"

#include <inttypes.h>

/* Do the contents of the item enter the measurement? */
static bool item_measured(const struct planned *planned, const struct load_item *item)
{
	return planned->cc.tech->measures && planned->cc.tech->measures(item);
}

static void add_range(struct report *r, uint64_t gpa, uint64_t len)
{
	json_hex(&r->json, "gpa", gpa);
	json_hex(&r->json, "len", len);
	text_add(r->text, "  0x%012" PRIx64 "-0x%012" PRIx64, gpa, gpa + len - 1);
}

static void add_named_range(struct report *r, const char *key, const char *name, uint64_t gpa,
			    uint64_t len)
{
	bool small = len < MIB(10);

	json_object(&r->json, NULL);
	json_string(&r->json, key, name);
	add_range(r, gpa, len);
	json_end(&r->json);
	text_add(r->text, " %8" PRIu64 " %s  %s\n", small ? len >> 10 : len >> 20,
		 small ? "KiB" : "MiB", name);
}

static void add_memory(struct report *r, const struct planned *planned)
{
	const struct load_plan *plan = planned->plan;
	const struct guest_mem *mem = &planned->mem;

	json_array(&r->json, "memory_map");
	text_add(r->text, "Memory map that the guest is given:\n");
	for (size_t i = 0; i < plan->nmap; i++)
		add_named_range(r, "type", gpa_type_name(plan->map[i].type), plan->map[i].gpa,
				plan->map[i].len);
	json_end(&r->json);
	json_array(&r->json, "regions");
	text_add(r->text, "Regions of memory:\n");
	for (size_t i = 0; i < mem->nregions; i++)
		add_named_range(r, "name", mem->region[i].name, mem->region[i].gpa,
				mem->region[i].len);
	json_end(&r->json);
}

static void add_items(struct report *r, const struct planned *planned)
{
	const struct load_plan *plan = planned->plan;

	json_array(&r->json, "boot_items");
	text_add(r->text, "Boot items in the order of the launch:\n");
	for (size_t i = 0; i < plan->nitems; i++) {
		const struct load_item *item = &plan->item[i];
		bool measured = item_measured(planned, item);

		json_object(&r->json, NULL);
		json_string(&r->json, "name", item->name);
		add_range(r, item->gpa, item->len);
		json_u64(&r->json, "bytes_used", item->used);
		json_string(&r->json, "kind", load_kind_name(item->kind));
		json_bool(&r->json, "measured", measured);
		json_end(&r->json);
		text_add(r->text, " %10" PRIu64 " bytes  %-10s  %s%s\n", item->used,
			 load_kind_name(item->kind), item->name, measured ? ", measured" : "");
	}
	json_end(&r->json);
}

static void add_entry(struct report *r, const struct load_entry *entry)
{
	static const char *const modes[] = {
		[ENTRY_NONE] = "none",	 [ENTRY_LONG_MODE] = "long_mode", [ENTRY_PVH] = "pvh",
		[ENTRY_RESET] = "reset", [ENTRY_CONTEXT] = "context",
	};

	json_object(&r->json, "entry");
	json_string(&r->json, "mode", modes[entry->mode]);
	json_hex(&r->json, "rip", entry->rip);
	json_hex(&r->json, "arg", entry->arg);
	json_hex(&r->json, "cr3", entry->cr3);
	json_end(&r->json);
	switch (entry->mode) {
	case ENTRY_LONG_MODE:
		text_add(r->text,
			 "Entry: 64-bit mode at %#" PRIx64 ", boot parameters at %#" PRIx64
			 ", page table at %#" PRIx64 "\n",
			 entry->rip, entry->arg, entry->cr3);
		break;
	case ENTRY_PVH:
		text_add(r->text,
			 "Entry: PVH, 32-bit mode at %#" PRIx64 ", start info at %#" PRIx64 "\n",
			 entry->rip, entry->arg);
		break;
	case ENTRY_RESET:
		text_add(r->text, "Entry: reset vector of the firmware\n");
		break;
	case ENTRY_CONTEXT:
		text_add(r->text, "Entry: at %#" PRIx64 ", with the registers that the file has\n",
			 entry->rip);
		break;
	case ENTRY_NONE:
		text_add(r->text, "Entry: none\n");
		break;
	}
}

void planned_report(const struct planned *planned, struct report *r)
{
	const struct config_machine *machine = &planned->config->machine;
	const char *const *step = planned->cc.tech->steps;

	json_object(&r->json, NULL);
	json_u64(&r->json, "vcpus", machine->vcpus);
	json_u64(&r->json, "memory", machine->memory);
	add_memory(r, planned);
	add_items(r, planned);
	add_entry(r, &planned->plan->entry);
	json_object(&r->json, "launch");
	json_string(&r->json, "cc", planned->cc.tech->name);
	json_array(&r->json, "steps");
	text_add(r->text, "Launch (machine.cc = \"%s\", vCPUs: %u):\n", planned->cc.tech->name,
		 machine->vcpus);
	for (size_t i = 0; i < CC_STEPS && step[i]; i++) {
		json_string(&r->json, NULL, step[i]);
		text_add(r->text, "  %zu. %s\n", i + 1, step[i]);
	}
	json_end(&r->json);
	planned_depends_json(planned, &r->json);
	json_end(&r->json);
	json_end(&r->json);
}
