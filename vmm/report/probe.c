// SPDX-License-Identifier: MIT
/*
 * Gathers what the host offers. Capabilities of a VM type are asked of a VM of that type: the
 * system descriptor answers for any type (Linux Documentation/virt/kvm/api.rst, section 4.4).
 */
#include "vmm/report/probe.h"
#include "cc/dispatch.h"
#include "mem/mem.h"
#include "vmm/base/bytes.h"
#include "vmm/kvm/device_hint.h"
#include "vmm/kvm/kvm.h"
#include "vmm/machine/machine.h"
#include "vmm/x86/cpuid.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct probe_cap all_caps[PROBE_CAPS] = {
	{"irqchip", "in-kernel interrupt controllers",
	 "a kernel with KVM's interrupt controllers (CONFIG_KVM_IOAPIC) is needed", KVM_CAP_IRQCHIP,
	 false},
	{"irqfd", "interrupts by eventfd (irqfd)", "Linux 2.6.32 or later is needed", KVM_CAP_IRQFD,
	 false},
	{"ioeventfd", "register writes by eventfd (ioeventfd)", "Linux 2.6.32 or later is needed",
	 KVM_CAP_IOEVENTFD, false},
	{"immediate_exit", "immediate exit", "Linux 4.11 or later is needed",
	 KVM_CAP_IMMEDIATE_EXIT, false},
	{"tsc_deadline_timer", "TSC deadline timer", "Linux 3.3 or later is needed",
	 KVM_CAP_TSC_DEADLINE_TIMER, false},
};

static void probe_cpu(struct probe *p, const struct sys *sys)
{
	p->cpu_virtualization = sys->ops->cpu(sys->ctx, p->cpu_vendor);
}

/* A small file with one decimal number. */
static bool read_number(const struct sys *sys, const char *path, uint64_t *value)
{
	char buf[32], *end;
	ssize_t n;
	int fd;

	fd = sys->ops->open(sys->ctx, path, O_RDONLY);
	if (fd < 0)
		return false;
	n = sys->ops->pread(sys->ctx, fd, buf, sizeof(buf) - 1, 0);
	sys_close(sys, &fd);
	if (n <= 0)
		return false;
	buf[n] = '\0';
	*value = strtoull(buf, &end, 10);
	return end != buf;
}

static void probe_hugepages(struct probe *p, const struct sys *sys)
{
	static const char dir[] = "/sys/kernel/mm/hugepages/hugepages-2048kB";
	char path[sizeof(dir) + 20];

	snprintf(path, sizeof(path), "%s/nr_hugepages", dir);
	p->hugepages_known = read_number(sys, path, &p->hugepages_total);
	snprintf(path, sizeof(path), "%s/free_hugepages", dir);
	p->hugepages_known &= read_number(sys, path, &p->hugepages_free);
}

static void kvm_remedy(const struct probe *p, const struct sys *sys, char *text, size_t size)
{
	int code = p->kvm_error.code;
	char access[DEVICE_HINT];

	device_hint(sys, "/dev/kvm", code, access);
	/* KVM is there, and the CPU is what is missing; not another version of KVM's interface */
	if (code == -ENOTSUP && !p->cpu_virtualization)
		code = -ENODEV;
	switch (code) {
	case -EACCES:
	case -EPERM:
		snprintf(text, size, "%s", access);
		return;
	case -ENOENT:
	case -ENODEV:
	case -ENXIO:
		if (!p->cpu_virtualization)
			snprintf(text, size,
				 "this CPU shows no virtualization extension: enable AMD-V or VT-x "
				 "in the firmware setup, or nested virtualization on the host if "
				 "this is a VM itself");
		else
			snprintf(
				text, size,
				"load the module, modprobe kvm_%s, or in a container " DEVICE_OPTION(
					"/dev/kvm"),
				strcmp(p->cpu_vendor, "GenuineIntel") == 0 ? "intel" : "amd");
		return;
	}
	snprintf(text, size, "see what the kernel's log says about kvm: dmesg | grep -i kvm");
}

/* Everything that only a VM of the type can tell. */
static int ask_vm(struct probe *p, struct probe_type *t, const struct kvm_system *kvm,
		  const struct kvm_vm *vm, struct vmm_error *err)
{
	struct kvm_cpuid2 *cpuid;
	struct guest_mem mem;
	int ret;

	t->max_vcpus = kvm_max_vcpus(vm);
	ret = mem_probe(vm, t->tech->vm_type, &t->offer, err);
	if (ret < 0)
		return ret;
	mem_init(&mem, vm->h.sys, vm, MEM_PAGES_TRANSPARENT);
	if (mem_set_mode(&mem, &t->offer, MEM_MODE_AUTO, NULL) == 0) {
		t->mode = mem.mode;
		t->backing = mem_backing_name(&mem);
	}
	if (t->tech->vm_type != KVM_X86_DEFAULT_VM)
		return 0;
	ret = cpuid_create(kvm, vm, &(struct cc_config){.tech = &cc_none, .vcpus = 1}, &cpuid, err);
	if (ret < 0)
		return ret;
	p->address_bits = cpuid_phys_bits(cpuid);
	free(cpuid);
	return 0;
}

static void probe_type(struct probe *p, struct probe_type *t, const struct kvm_system *kvm)
{
	struct vmm_error err;
	struct kvm_vm vm;
	int ret;

	ret = kvm_vm_create(&vm, kvm, t->tech->vm_type, &err);
	if (ret == 0) {
		ret = ask_vm(p, t, kvm, &vm, &err);
		kvm_vm_close(&vm);
	}
	if (ret < 0)
		snprintf(t->problem, sizeof(t->problem), "%s", err.text);
	t->usable = ret == 0;
}

void probe_host(struct probe *p, const struct sys *sys)
{
	struct kvm_system kvm;
	unsigned int types;

	*p = (struct probe){0};
	memcpy(p->cap, all_caps, sizeof(p->cap));
	for (const struct cc_tech *const *tech = cc_techs; *tech && p->ntypes < PROBE_TYPES; tech++)
		if ((*tech)->remedy)
			p->type[p->ntypes++].tech = *tech;
	probe_cpu(p, sys);
	probe_hugepages(p, sys);

	if (kvm_system_open(&kvm, sys, &p->kvm_error) < 0) {
		kvm_remedy(p, sys, p->kvm_remedy, sizeof(p->kvm_remedy));
		return;
	}
	p->kvm_usable = true;
	p->api_version = KVM_API_VERSION;
	p->max_vcpus = (uint32_t)kvm_system_cap(&kvm, KVM_CAP_MAX_VCPUS);
	for (size_t i = 0; i < PROBE_CAPS; i++)
		p->cap[i].present = kvm_system_cap(&kvm, (unsigned long)p->cap[i].number) > 0;
	/* kernels before 6.8 do not list types and have only this one */
	types = (unsigned int)kvm_system_cap(&kvm, KVM_CAP_VM_TYPES) | 1u << KVM_X86_DEFAULT_VM;
	for (size_t i = 0; i < p->ntypes; i++) {
		p->type[i].offered = types & 1u << p->type[i].tech->vm_type;
		if (p->type[i].offered)
			probe_type(p, &p->type[i], &kvm);
	}
	kvm_system_close(&kvm);
}
