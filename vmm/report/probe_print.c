// SPDX-License-Identifier: MIT
/* Writes what report_probe.c found: for people, and as JSON with stable keys. */
#include "vmm/base/json.h"
#include "vmm/minivmm.h"
#include "vmm/report/probe.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

static const char hugepages_remedy[] =
	"only for machine.hugepages = \"reserved\": reserve some, sysctl vm.nr_hugepages=N";
static const char hugepages_unknown[] =
	"only for machine.hugepages = \"reserved\": a kernel with CONFIG_HUGETLBFS is needed";

/* Why a VM of the type cannot be had, or NULL. */
static const char *type_remedy(const struct probe_type *t)
{
	if (!t->offered)
		return t->remedy;
	return t->usable ? NULL : t->problem;
}

/* Calls `item` for everything that is missing. */
static void each_missing(const struct probe *p,
			 void (*item)(void *ctx, const char *name, const char *remedy), void *ctx)
{
	if (!p->kvm_usable) {
		item(ctx, "kvm", p->kvm_remedy);
	} else {
		for (size_t i = 0; i < PROBE_CAPS; i++)
			if (!p->cap[i].present)
				item(ctx, p->cap[i].key, p->cap[i].remedy);
		for (size_t i = 0; i < PROBE_TYPES; i++)
			if (type_remedy(&p->type[i]))
				item(ctx, p->type[i].name, type_remedy(&p->type[i]));
	}
	if (!p->hugepages_known)
		item(ctx, "huge_pages", hugepages_unknown);
	else if (p->hugepages_free == 0)
		item(ctx, "huge_pages", hugepages_remedy);
}

/* --- for people ------------------------------------------------------------------------------- */

static const char *yes_no(bool value)
{
	return value ? "yes" : "no";
}

static void text_type(struct text *t, const struct probe_type *type)
{
	if (!type->usable) {
		text_add(t, "  %s: no%s%s\n", type->name, *type->problem ? ", " : "",
			 type->problem);
		return;
	}
	text_add(t, "  %s: yes, at most %u vCPUs", type->name, type->max_vcpus);
	if (type->mode != MEM_MODE_AUTO)
		text_add(t, ", memory-mode %s (%s)", mem_mode_name(type->mode), type->backing);
	else
		text_add(t, ", but no memory mode for it");
	text_add(t, "\n");
	for (enum mem_mode mode = MEM_MODE_IN_PLACE; mode < MEM_MODES; mode++)
		if (type->offer.why_not[mode])
			text_add(t, "    not %s: %s\n", mem_mode_name(mode),
				 type->offer.why_not[mode]);
}

struct missing_list {
	struct text *text;
	bool filled;
};

static void text_missing(void *ctx, const char *name, const char *remedy)
{
	struct missing_list *list = ctx;

	text_add(list->text, "%s  %s: %s\n", list->filled ? "" : "Missing:\n", name, remedy);
	list->filled = true;
}

static void text_report(struct text *t, const struct probe *p)
{
	struct missing_list missing = {.text = t};

	text_add(t, "CPU: %s, virtualization extension: %s\n", p->cpu_vendor,
		 yes_no(p->cpu_virtualization));
	if (p->hugepages_known)
		text_add(t, "Huge pages of 2 MiB: %" PRIu64 " free of %" PRIu64 "\n",
			 p->hugepages_free, p->hugepages_total);
	if (p->kvm_usable) {
		text_add(t, "KVM: usable, API version %d\n", p->api_version);
		text_add(t, "  vCPUs in a VM: at most %u\n", p->max_vcpus);
		if (p->address_bits)
			text_add(t, "  guest physical address bits: %u\n", p->address_bits);
		for (size_t i = 0; i < PROBE_CAPS; i++)
			text_add(t, "  %s: %s\n", p->cap[i].name, yes_no(p->cap[i].present));
		text_add(t, "VM types:\n");
		for (size_t i = 0; i < PROBE_TYPES; i++)
			text_type(t, &p->type[i]);
	} else {
		text_add(t, "KVM: not usable, %s\n", p->kvm_error.text);
	}
	each_missing(p, text_missing, &missing);
	if (!missing.filled)
		text_add(t, "Missing: nothing\n");
}

/* --- JSON ------------------------------------------------------------------------------------- */

static void json_type(struct json *j, const struct probe_type *t)
{
	json_object(j, NULL);
	json_string(j, "name", t->name);
	json_u64(j, "kvm_type", t->type);
	json_bool(j, "offered", t->offered);
	json_bool(j, "usable", t->usable);
	json_string(j, "remedy", type_remedy(t));
	if (t->usable) {
		json_u64(j, "max_vcpus", t->max_vcpus);
		json_string(j, "memory_mode",
			    t->mode == MEM_MODE_AUTO ? NULL : mem_mode_name(t->mode));
		json_string(j, "memory_backing", t->backing);
		json_object(j, "memory_mode_why_not");
		json_string(j, "in_place", t->offer.why_not[MEM_MODE_IN_PLACE]);
		json_string(j, "split", t->offer.why_not[MEM_MODE_SPLIT]);
		json_string(j, "shared", t->offer.why_not[MEM_MODE_SHARED]);
		json_end(j);
	}
	json_end(j);
}

static void json_missing(void *ctx, const char *name, const char *remedy)
{
	json_object(ctx, NULL);
	json_string(ctx, "item", name);
	json_string(ctx, "remedy", remedy);
	json_end(ctx);
}

static void json_kvm(struct json *j, const struct probe *p)
{
	json_object(j, "kvm");
	json_bool(j, "usable", p->kvm_usable);
	json_string(j, "problem", p->kvm_usable ? NULL : p->kvm_error.text);
	if (p->kvm_usable) {
		json_u64(j, "api_version", (uint64_t)p->api_version);
		json_u64(j, "max_vcpus", p->max_vcpus);
		json_u64(j, "guest_physical_address_bits", p->address_bits);
		for (size_t i = 0; i < PROBE_CAPS; i++)
			json_bool(j, p->cap[i].key, p->cap[i].present);
	}
	json_end(j);
}

static void json_report(struct text *out, const struct probe *p)
{
	struct json j = {.out = out};

	json_object(&j, NULL);
	json_object(&j, "cpu");
	json_string(&j, "vendor", p->cpu_vendor);
	json_bool(&j, "virtualization", p->cpu_virtualization);
	json_end(&j);
	json_kvm(&j, p);
	json_array(&j, "vm_types");
	for (size_t i = 0; i < PROBE_TYPES; i++)
		json_type(&j, &p->type[i]);
	json_end(&j);
	json_object(&j, "huge_pages");
	json_u64(&j, "page_size", 2 << 20);
	json_bool(&j, "available", p->hugepages_known);
	json_u64(&j, "total", p->hugepages_total);
	json_u64(&j, "free", p->hugepages_free);
	json_end(&j);
	json_array(&j, "missing");
	each_missing(p, json_missing, &j);
	json_end(&j);
	json_end(&j);
}

int probe_report(const struct sys *sys, bool json, char **text, struct vmm_error *err)
{
	struct text t = {0};
	struct probe *p;

	*text = NULL;
	p = malloc(sizeof(*p)); /* too large for the stack of an embedding program's thread */
	if (!p)
		return vmm_error_errno(err, -ENOMEM, "unable to allocate the report");
	probe_host(p, sys);
	if (json)
		json_report(&t, p);
	else
		text_report(&t, p);
	free(p);
	return text_take(&t, text, err);
}

int minivmm_probe(bool json, char **text, struct vmm_error *err)
{
	return probe_report(sys_host(), json, text, err);
}
