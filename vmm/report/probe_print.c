// SPDX-License-Identifier: MIT
/* Describes what probe.c found. */
#include "vmm/minivmm.h"
#include "vmm/report/probe.h"
#include "vmm/report/render.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

static const char hugepages_remedy[] =
	"only for machine.hugepages = \"reserved\": reserve some, sysctl vm.nr_hugepages=N";
static const char hugepages_unknown[] =
	"only for machine.hugepages = \"reserved\": a kernel with CONFIG_HUGETLBFS is needed";

static const char *type_name(const struct probe_type *t)
{
	return t->tech->probe_name ? t->tech->probe_name : t->tech->name;
}

/* Why a VM of the type cannot be had, or NULL. */
static const char *type_remedy(const struct probe_type *t)
{
	if (!t->offered)
		return t->tech->remedy;
	return t->usable ? NULL : t->problem;
}

static const char *yes_no(bool value)
{
	return value ? "yes" : "no";
}

static void add_kvm(struct report *r, const struct probe *p)
{
	json_object(&r->json, "kvm");
	json_bool(&r->json, "usable", p->kvm_usable);
	json_string(&r->json, "problem", p->kvm_usable ? NULL : p->kvm_error.text);
	if (!p->kvm_usable) {
		json_end(&r->json);
		text_add(r->text, "KVM: not usable, %s\n", p->kvm_error.text);
		return;
	}
	json_u64(&r->json, "api_version", (uint64_t)p->api_version);
	json_u64(&r->json, "max_vcpus", p->max_vcpus);
	json_u64(&r->json, "guest_physical_address_bits", p->address_bits);
	text_add(r->text, "KVM: usable, API version %d\n  vCPUs in a VM: at most %u\n",
		 p->api_version, p->max_vcpus);
	if (p->address_bits)
		text_add(r->text, "  guest physical address bits: %u\n", p->address_bits);
	for (size_t i = 0; i < PROBE_CAPS; i++) {
		json_bool(&r->json, p->cap[i].key, p->cap[i].present);
		text_add(r->text, "  %s: %s\n", p->cap[i].name, yes_no(p->cap[i].present));
	}
	json_end(&r->json);
}

static void add_modes(struct json *json, struct text *text, const struct mem_offer *offer)
{
	static const char *const keys[MEM_MODES] = {
		[MEM_MODE_IN_PLACE] = "in_place",
		[MEM_MODE_SPLIT] = "split",
		[MEM_MODE_SHARED] = "shared",
	};

	json_object(json, "memory_mode_why_not");
	for (enum mem_mode i = MEM_MODE_IN_PLACE; i < MEM_MODES; i++) {
		json_string(json, keys[i], offer->why_not[i]);
		if (offer->why_not[i])
			text_add(text, "    not %s: %s\n", mem_mode_name(i), offer->why_not[i]);
	}
	json_end(json);
}

static void add_type(struct json *json, struct text *text, const struct probe_type *t)
{
	const char *mode = t->mode == MEM_MODE_AUTO ? NULL : mem_mode_name(t->mode);

	json_object(json, NULL);
	json_string(json, "name", type_name(t));
	json_u64(json, "kvm_type", t->tech->vm_type);
	json_bool(json, "offered", t->offered);
	json_bool(json, "usable", t->usable);
	json_string(json, "remedy", type_remedy(t));
	text_add(text, "  %s: %s", type_name(t), yes_no(t->usable));
	if (t->usable) {
		json_u64(json, "max_vcpus", t->max_vcpus);
		json_string(json, "memory_mode", mode);
		json_string(json, "memory_backing", t->backing);
		text_add(text, ", at most %u vCPUs, ", t->max_vcpus);
		if (mode)
			text_add(text, "memory-mode %s (%s)\n", mode, t->backing);
		else
			text_add(text, "but no memory mode for it\n");
		add_modes(json, text, &t->offer);
	} else {
		text_add(text, "%s%s\n", *t->problem ? ", " : "", t->problem);
	}
	json_end(json);
}

static void add_types(struct report *r, const struct probe *p)
{
	/* people need not be told that without KVM there is none of them */
	struct text *text = p->kvm_usable ? r->text : NULL;

	json_array(&r->json, "vm_types");
	text_add(text, "VM types:\n");
	for (size_t i = 0; i < p->ntypes; i++)
		add_type(&r->json, text, &p->type[i]);
	json_end(&r->json);
}

static void add_hugepages(struct report *r, const struct probe *p)
{
	json_object(&r->json, "huge_pages");
	json_u64(&r->json, "page_size", 2 << 20);
	json_bool(&r->json, "available", p->hugepages_known);
	json_u64(&r->json, "total", p->hugepages_total);
	json_u64(&r->json, "free", p->hugepages_free);
	json_end(&r->json);
	if (p->hugepages_known)
		text_add(r->text, "Huge pages of 2 MiB: %" PRIu64 " free of %" PRIu64 "\n",
			 p->hugepages_free, p->hugepages_total);
}

static void add_missing_item(struct report *r, bool missing, const char *name, const char *remedy)
{
	if (!missing)
		return;
	text_add(r->text, "%s  %s: %s\n", r->json.filled ? "" : "Missing:\n", name, remedy);
	json_object(&r->json, NULL);
	json_string(&r->json, "item", name);
	json_string(&r->json, "remedy", remedy);
	json_end(&r->json);
}

static void add_missing(struct report *r, const struct probe *p)
{
	json_array(&r->json, "missing");
	add_missing_item(r, !p->kvm_usable, "kvm", p->kvm_remedy);
	for (size_t i = 0; i < PROBE_CAPS && p->kvm_usable; i++)
		add_missing_item(r, !p->cap[i].present, p->cap[i].key, p->cap[i].remedy);
	for (size_t i = 0; i < p->ntypes && p->kvm_usable; i++)
		add_missing_item(r, type_remedy(&p->type[i]), type_name(&p->type[i]),
				 type_remedy(&p->type[i]));
	add_missing_item(r, p->hugepages_free == 0, "huge_pages",
			 p->hugepages_known ? hugepages_remedy : hugepages_unknown);
	if (!r->json.filled)
		text_add(r->text, "Missing: nothing\n");
	json_end(&r->json);
}

static void add_host(struct report *r, const struct probe *p)
{
	json_object(&r->json, NULL);
	json_object(&r->json, "cpu");
	json_string(&r->json, "vendor", p->cpu_vendor);
	json_bool(&r->json, "virtualization", p->cpu_virtualization);
	json_end(&r->json);
	text_add(r->text, "CPU: %s, virtualization extension: %s\n", p->cpu_vendor,
		 yes_no(p->cpu_virtualization));
	add_kvm(r, p);
	add_types(r, p);
	add_hugepages(r, p);
	add_missing(r, p);
	json_end(&r->json);
}

int probe_report(const struct sys *sys, bool json, char **text, struct vmm_error *err)
{
	struct report r;
	struct probe *p;

	*text = NULL;
	p = malloc(sizeof(*p)); /* too large for the stack of an embedding program's thread */
	if (!p)
		return vmm_error_errno(err, -ENOMEM, "unable to allocate the report");
	probe_host(p, sys);
	report_begin(&r, json);
	add_host(&r, p);
	free(p);
	return text_take(&r.out, text, err);
}

int minivmm_probe(bool json, char **text, struct vmm_error *err)
{
	return probe_report(sys_host(), json, text, err);
}
