// SPDX-License-Identifier: MIT
/* The probe over hosts that are tables of capabilities. */
#include "tests/unit/suite.h"
#include "vmm/base/bytes.h"
#include "vmm/kvm/uapi.h"
#include "vmm/report/probe.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SYSTEM_FD 1000
#define FILE_FD	  1001
#define GMEM_FD	  1002
#define VM_FD	  2000 /* plus the type of the VM */

/* What KVM_CHECK_EXTENSION says; `type` is a VM's, or ANY for the system descriptor as well. */
#define ANY -1
struct cap {
	int type;
	unsigned long number;
	int value;
};

struct host {
	int open_error;
	struct cap cap[16];
	bool converts;		    /* guest_memfd converts pages in place */
	unsigned long refused_type; /* listed, but KVM_CREATE_VM fails */
	bool no_virtualization;	    /* the CPU shows neither SVM nor VMX */
	const char *free_hugepages; /* contents of the file, NULL: no such file */
	int open_fds;
};

static int host_open(void *ctx, const char *path, int flags)
{
	struct host *host = ctx;

	(void)flags;
	if (strcmp(path, "/dev/kvm") != 0 && !host->free_hugepages)
		return -ENOENT;
	if (strcmp(path, "/dev/kvm") == 0 && host->open_error)
		return host->open_error;
	host->open_fds++;
	return strcmp(path, "/dev/kvm") == 0 ? SYSTEM_FD : FILE_FD;
}

static int host_close(void *ctx, int fd)
{
	struct host *host = ctx;

	ck_assert_int_ge(fd, SYSTEM_FD);
	host->open_fds--;
	return 0;
}

static ssize_t host_pread(void *ctx, int fd, void *buf, size_t len, uint64_t offset)
{
	struct host *host = ctx;
	size_t n = strlen(host->free_hugepages);

	ck_assert_int_eq(fd, FILE_FD);
	ck_assert_uint_eq(offset, 0);
	ck_assert_uint_le(n, len);
	memcpy(buf, host->free_hugepages, n);
	return (ssize_t)n;
}

static int check_extension(const struct host *host, int fd, unsigned long number)
{
	for (size_t i = 0; i < ARRAY_SIZE(host->cap); i++) {
		const struct cap *cap = &host->cap[i];

		if (cap->number == number && (cap->type == ANY || cap->type == fd - VM_FD))
			return cap->value;
	}
	return 0;
}

static int supported_cpuid(struct kvm_cpuid2 *cpuid)
{
	ck_assert_uint_ge(cpuid->nent, 2);
	cpuid->nent = 2;
	cpuid->entries[0] = (struct kvm_cpuid_entry2){.function = 0, .eax = 1};
	cpuid->entries[1] = (struct kvm_cpuid_entry2){.function = 0x80000008, .eax = 43};
	return 0;
}

static int host_ioctl(void *ctx, int fd, unsigned long request, void *arg)
{
	struct host *host = ctx;

	switch (request) {
	case KVM_GET_API_VERSION:
		return KVM_API_VERSION;
	case KVM_GET_VCPU_MMAP_SIZE:
		return 3 * 4096;
	case KVM_CHECK_EXTENSION:
		return check_extension(host, fd, (unsigned long)arg);
	case KVM_GET_SUPPORTED_CPUID:
		return supported_cpuid(arg);
	case KVM_CREATE_VM:
		if (host->refused_type && host->refused_type == (unsigned long)arg)
			return -EINVAL;
		host->open_fds++;
		return VM_FD + (int)(unsigned long)arg;
	case KVM_CREATE_GUEST_MEMFD:
		host->open_fds++;
		return GMEM_FD;
	case GMEM_SET_ATTRIBUTES:
		ck_assert_int_eq(fd, GMEM_FD);
		return host->converts ? -EINVAL : -ENOTTY; /* the size is 0 */
	}
	return -ENOTTY;
}

static int host_cloexec(void *ctx, int fd)
{
	(void)ctx;
	(void)fd;
	return 0;
}

static int host_owner(void *ctx, const char *path, struct sys_owner *owner)
{
	(void)ctx;
	ck_assert_str_eq(path, "/dev/kvm");
	*owner = (struct sys_owner){.mode = 0660, .gid = 104, .group = "kvm"};
	return 0;
}

static bool host_cpu(void *ctx, char vendor[13])
{
	const struct host *host = ctx;

	memcpy(vendor, "GenuineIntel", 13);
	return !host->no_virtualization;
}

static const struct sys_ops ops = {
	.owner = host_owner,
	.cpu = host_cpu,
	.open = host_open,
	.close = host_close,
	.cloexec = host_cloexec,
	.pread = host_pread,
	.ioctl = host_ioctl,
};

static void probe(struct probe *p, struct host *host)
{
	const struct sys sys = {.ops = &ops, .ctx = host};

	probe_host(p, &sys);
	ck_assert_int_eq(host->open_fds, 0);
}

static char *report(struct host *host, bool json)
{
	const struct sys sys = {.ops = &ops, .ctx = host};
	char *text;

	ck_assert_int_eq(probe_report(&sys, json, &text, NULL), 0);
	ck_assert_int_eq(host->open_fds, 0);
	return text;
}

#define IN_PLACE (int)(GUEST_MEMFD_FLAG_MMAP | GUEST_MEMFD_FLAG_INIT_SHARED)

/* Plain memory in guest_memfd, SNP in place, software-protected VMs split. */
static const struct host new_host = {
	.converts = true,
	.cap = {{ANY, KVM_CAP_VM_TYPES, 1 << KVM_X86_SW_PROTECTED_VM | 1 << KVM_X86_SNP_VM | 1},
		{KVM_X86_SNP_VM, KVM_CAP_MAX_VCPUS, 64},
		{ANY, KVM_CAP_MAX_VCPUS, 4096},
		{ANY, KVM_CAP_IRQCHIP, 1},
		{ANY, KVM_CAP_IRQFD, 1},
		{ANY, KVM_CAP_IOEVENTFD, 1},
		{ANY, KVM_CAP_IMMEDIATE_EXIT, 1},
		{ANY, KVM_CAP_TSC_DEADLINE_TIMER, 1},
		{ANY, KVM_CAP_GUEST_MEMFD, 1},
		{ANY, KVM_CAP_USER_MEMORY2, 1},
		{KVM_X86_DEFAULT_VM, KVM_CAP_GUEST_MEMFD_FLAGS, IN_PLACE},
		{KVM_X86_SNP_VM, KVM_CAP_GUEST_MEMFD_FLAGS, IN_PLACE},
		{KVM_X86_SW_PROTECTED_VM, KVM_CAP_GUEST_MEMFD_FLAGS, 0},
		{KVM_X86_SW_PROTECTED_VM, KVM_CAP_MEMORY_ATTRIBUTES, KVM_MEMORY_ATTRIBUTE_PRIVATE}},
	.free_hugepages = "12\n",
};

/* Linux 6.1: no list of VM types, no guest_memfd. */
static const struct host old_host = {
	.cap = {{ANY, KVM_CAP_MAX_VCPUS, 255}, {ANY, KVM_CAP_IRQCHIP, 1}, {ANY, KVM_CAP_IRQFD, 1}},
};

START_TEST(each_type_gets_the_mode_its_capabilities_allow)
{
	struct host host = new_host;
	struct probe p;

	probe(&p, &host);
	ck_assert(p.kvm_usable);
	ck_assert_uint_eq(p.max_vcpus, 4096);
	ck_assert_uint_eq(p.address_bits, 43);
	ck_assert(p.hugepages_known);
	ck_assert_uint_eq(p.hugepages_free, 12);
	for (size_t i = 0; i < PROBE_CAPS; i++)
		ck_assert(p.cap[i].present);

	ck_assert_str_eq(p.type[0].tech->probe_name, "plain");
	ck_assert_int_eq(p.type[0].mode, MEM_MODE_SHARED);
	ck_assert_str_eq(p.type[0].backing, "anonymous, transparent huge pages");
	ck_assert_str_eq(p.type[1].tech->name, "sw-protected");
	ck_assert_int_eq(p.type[1].mode, MEM_MODE_SPLIT);
	ck_assert_ptr_nonnull(p.type[1].offer.why_not[MEM_MODE_IN_PLACE]);
	ck_assert_str_eq(p.type[2].tech->name, "snp");
	ck_assert_int_eq(p.type[2].mode, MEM_MODE_IN_PLACE);
	ck_assert_uint_eq(p.type[2].max_vcpus, 64);
	ck_assert_ptr_nonnull(p.type[2].offer.why_not[MEM_MODE_SHARED]);
	ck_assert(!p.type[3].offered);
}
END_TEST

START_TEST(an_old_host_runs_plain_vms)
{
	struct host host = old_host;
	struct probe p;

	probe(&p, &host);
	ck_assert(p.type[0].usable);
	ck_assert_str_eq(p.type[0].backing, "anonymous, transparent huge pages");
	for (size_t i = 1; i < PROBE_TYPES; i++)
		ck_assert(!p.type[i].offered);
	ck_assert(p.cap[0].present);
	ck_assert(!p.cap[3].present);
	ck_assert(!p.hugepages_known);
}
END_TEST

START_TEST(a_type_without_any_memory_mode_says_so)
{
	struct host host = new_host;
	char *text;

	host.converts = false;
	text = report(&host, false);
	ck_assert_ptr_nonnull(strstr(text, "  snp: yes, at most 64 vCPUs, but no memory mode for "
					   "it\n"
					   "    not in-place: "));
	free(text);
	text = report(&host, true);
	ck_assert_ptr_nonnull(strstr(text, "\"memory_mode\": null"));
	free(text);
}
END_TEST

START_TEST(a_type_that_is_listed_but_refused_says_why)
{
	struct host host = new_host;
	struct probe p;

	host.refused_type = KVM_X86_SNP_VM;
	probe(&p, &host);
	ck_assert(p.type[2].offered);
	ck_assert(!p.type[2].usable);
	ck_assert_ptr_nonnull(strstr(p.type[2].problem, "KVM_CREATE_VM"));
}
END_TEST

START_TEST(the_report_for_people)
{
	struct host host = new_host;
	char *text = report(&host, false);

	ck_assert_ptr_nonnull(strstr(text, "KVM: usable, API version 12\n"
					   "  vCPUs in a VM: at most 4096\n"
					   "  guest physical address bits: 43\n"));
	ck_assert_ptr_nonnull(strstr(text, "  plain: yes, at most 255 vCPUs, memory-mode shared "
					   "(anonymous, transparent huge pages)\n"));
	ck_assert_ptr_nonnull(strstr(text, "  tdx: no\n"));
	ck_assert_ptr_nonnull(strstr(text, "Missing:\n  tdx: an Intel CPU with TDX"));
	free(text);
}
END_TEST

START_TEST(nothing_missing_is_said_so)
{
	struct host host = new_host;
	char *text;

	host.cap[0].value |= 1 << KVM_X86_TDX_VM;
	text = report(&host, false);
	ck_assert_ptr_nonnull(strstr(text, "Missing: nothing\n"));
	free(text);
}
END_TEST

START_TEST(each_missing_item_has_a_remedy_in_json)
{
	struct host host = old_host;
	char *text = report(&host, true);

	ck_assert_ptr_nonnull(strstr(text, "      \"item\": \"ioeventfd\",\n      \"remedy\": \""));
	ck_assert_ptr_nonnull(strstr(text, "      \"item\": \"snp\",\n      \"remedy\": \"an AMD"));
	ck_assert_ptr_nonnull(strstr(text, "      \"item\": \"huge_pages\",\n"));
	ck_assert_ptr_null(strstr(text, "\"item\": \"irqfd\""));
	ck_assert_ptr_null(strstr(text, "\"item\": \"plain\""));
	free(text);
}
END_TEST

static const struct {
	int error;
	const char *remedy;
} no_kvm[] = {
	{-EACCES, "usermod -aG kvm"},
	{-EPERM, "--device /dev/kvm"},
	{-ENOMEM, "dmesg"},
};

START_TEST(an_unusable_kvm_has_a_remedy)
{
	struct host host = {.open_error = no_kvm[_i].error};
	struct probe p;
	char *text;

	probe(&p, &host);
	ck_assert(!p.kvm_usable);
	ck_assert_int_eq(p.kvm_error.code, no_kvm[_i].error);
	ck_assert_ptr_nonnull(strstr(p.kvm_remedy, no_kvm[_i].remedy));
	text = report(&host, true);
	ck_assert_ptr_nonnull(strstr(text, "\"usable\": false"));
	ck_assert_ptr_nonnull(strstr(text, "\"item\": \"kvm\""));
	free(text);
}
END_TEST

START_TEST(a_missing_device_names_the_module_or_the_cpu)
{
	struct host host = {.open_error = -ENOENT};
	struct probe p;

	probe(&p, &host);
	ck_assert_ptr_nonnull(strstr(p.kvm_remedy, "modprobe kvm_intel"));
	ck_assert_ptr_nonnull(strstr(p.kvm_remedy, "--device /dev/kvm"));
	ck_assert_str_eq(p.cpu_vendor, "GenuineIntel");
	host.no_virtualization = true;
	probe(&p, &host);
	ck_assert_ptr_nonnull(strstr(p.kvm_remedy, "nested virtualization"));
}
END_TEST

/* Such a KVM answers everything that it is asked, and no kernel runs on it. */
START_TEST(a_kvm_without_svm_and_vmx_is_not_usable)
{
	struct host host = {.no_virtualization = true};
	struct probe p;
	char *text;

	probe(&p, &host);
	ck_assert(!p.kvm_usable);
	for (size_t i = 0; i < PROBE_TYPES; i++)
		ck_assert(!p.type[i].usable);
	ck_assert_ptr_nonnull(strstr(p.kvm_remedy, "nested virtualization"));
	text = report(&host, false);
	ck_assert_ptr_nonnull(
		strstr(text, "KVM: not usable, /dev/kvm works, but by page tables alone"));
	free(text);
}
END_TEST

SUITE(test_report_probe)
{
	Suite *suite = suite_create("report_probe");
	TCase *tc = tcase_create("report_probe");

	tcase_add_test(tc, each_type_gets_the_mode_its_capabilities_allow);
	tcase_add_test(tc, an_old_host_runs_plain_vms);
	tcase_add_test(tc, a_type_without_any_memory_mode_says_so);
	tcase_add_test(tc, a_type_that_is_listed_but_refused_says_why);
	tcase_add_test(tc, the_report_for_people);
	tcase_add_test(tc, nothing_missing_is_said_so);
	tcase_add_test(tc, each_missing_item_has_a_remedy_in_json);
	tcase_add_test(tc, a_kvm_without_svm_and_vmx_is_not_usable);
	tcase_add_loop_test(tc, an_unusable_kvm_has_a_remedy, 0, ARRAY_SIZE(no_kvm));
	tcase_add_test(tc, a_missing_device_names_the_module_or_the_cpu);
	suite_add_tcase(suite, tc);
	return suite;
}
