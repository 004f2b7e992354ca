// SPDX-License-Identifier: MIT
/*
 * Guest memory over the model: regions and their slots in each backing, and nothing left behind by
 * any failure.
 */
#include "mem/mode.h"
#include "tests/unit/suite.h"

#include "tests/mock/objects.h"
#include "vmm/base/bytes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static struct model *m;
static struct kvm_system kvm;
static struct kvm_vm vm;
static struct guest_mem mem;
static struct vmm_error err;

static void setup(void)
{
	m = model_new();
	ck_assert_int_eq(kvm_system_open(&kvm, model_sys(m), &err), 0);
	ck_assert_int_eq(kvm_vm_create(&vm, &kvm, KVM_X86_DEFAULT_VM, &err), 0);
	mem_init(&mem, model_sys(m), &vm, MEM_PAGES_TRANSPARENT);
}

static void teardown(void)
{
	mem_destroy(&mem);
	kvm_vm_close(&vm);
	kvm_system_close(&kvm);
	model_check_clean(m);
	model_free(m);
}

/* What memory-mode = "in-place" asks for. */
static void use_guest_memfd(void)
{
	struct mem_offer offer;

	mem_init(&mem, model_sys(m), &vm, MEM_PAGES_TRANSPARENT);
	ck_assert_int_eq(mem_probe(&vm, KVM_X86_DEFAULT_VM, &offer, &err), 0);
	ck_assert_int_eq(mem_set_mode(&mem, &offer, MEM_MODE_IN_PLACE, &err), 0);
}

static void use_hugepages(uint64_t npages)
{
	model_set_huge_pages(m, npages);
	mem_init(&mem, model_sys(m), &vm, MEM_PAGES_RESERVED);
}

static void assert_says(const char *text)
{
	ck_assert_msg(strstr(err.text, text) != NULL, "\"%s\" is missing in \"%s\"", text,
		      err.text);
}

/* --- choice of the backing --- */

/* Also where KVM has guest_memfd, whose creation a security module may forbid. */
START_TEST(plain_ram_is_anonymous_and_needs_no_guest_memfd)
{
	model_answer(m, "KVM_CREATE_GUEST_MEMFD", -EACCES);
	ck_assert_int_eq(mem.backing, MEM_ANONYMOUS);
	ck_assert_str_eq(mem_backing_name(&mem), "anonymous, transparent huge pages");
	ck_assert_int_eq(mem_add_ram(&mem, GIB(4), &err), 0);
	ck_assert_int_eq(mem_add_rom(&mem, "firmware", GIB(4) - MIB(1), MIB(1), &err), 0);
	for (size_t i = 0; i < mem.nregions; i++) {
		ck_assert_int_eq(mem.region[i].fd, -1);
		ck_assert_int_eq(mem.region[i].private_fd, -1);
	}
	ck_assert_uint_eq(model_count(m, "memfd") + model_count(m, "KVM_CREATE_GUEST_MEMFD"), 0);
	ck_assert_uint_eq(model_count(m, "KVM_SET_USER_MEMORY_REGION"), 3);
}
END_TEST

START_TEST(guest_memfd_is_used_when_it_is_asked_for)
{
	use_guest_memfd();
	ck_assert_int_eq(mem.backing, MEM_GUEST_MEMFD);
	ck_assert_int_eq(mem.mode, MEM_MODE_SHARED);
	ck_assert_str_eq(mem_backing_name(&mem), "guest_memfd");
	ck_assert_int_eq(mem_add_region(&mem, "low RAM", 0, MIB(4), &err), 0);
	ck_assert_uint_eq(model_count(m, "KVM_SET_USER_MEMORY_REGION2"), 1);
	ck_assert_ptr_nonnull(model_vm(m, 0)->slot[0].gmem);
	ck_assert_uint_eq(model_vm(m, 0)->slot[0].gmem->flags,
			  GUEST_MEMFD_FLAG_MMAP | GUEST_MEMFD_FLAG_INIT_SHARED);
}
END_TEST

/* --- large pages --- */

/* Which advice the mapping around `p` was given: does VmFlags of /proc/self/smaps have it? */
static bool has_flag(const void *p, const char *flag)
{
	FILE *file = fopen("/proc/self/smaps", "re");
	unsigned long long start, end;
	bool here = false, found = false;
	char line[512];

	ck_assert_ptr_nonnull(file);
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%llx-%llx ", &start, &end) == 2)
			here = start <= (uintptr_t)p && (uintptr_t)p < end;
		else if (here && strncmp(line, "VmFlags:", 8) == 0)
			found = strstr(line, flag) != NULL;
	}
	fclose(file);
	return found;
}

/* Pages of `r` that the host has made. */
static size_t pages_made(const struct mem_region *r)
{
	size_t n = r->len / PAGE_SIZE, made = 0;
	unsigned char *in = malloc(n);

	ck_assert_int_eq(mincore(r->hva, r->len, in), 0);
	for (size_t i = 0; i < n; i++)
		made += in[i] & 1;
	free(in);
	return made;
}

/* Or KVM cannot give the guest a large page where the host has one. */
START_TEST(host_and_guest_address_are_equal_modulo_2_mib)
{
	static const struct gpa_range ranges[] = {
		{0, MIB(32)},
		{GIB(4), MIB(6)},
		{GIB(4) - 0x37c000, 0x37c000},
		{GIB(8) + PAGE_SIZE, PAGE_SIZE},
	};

	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++) {
		struct mem_region *r = &mem.region[i];

		ck_assert_int_eq(mem_add_region(&mem, "RAM", ranges[i].gpa, ranges[i].len, &err),
				 0);
		ck_assert_uint_eq(((uintptr_t)r->hva - r->gpa) % MIB(2), 0);
		ck_assert(range_inside((uintptr_t)r->hva, r->len, (uintptr_t)r->map, r->map_len));
		memset(r->hva + r->len - PAGE_SIZE, 1, PAGE_SIZE);
	}
}
END_TEST

START_TEST(plain_ram_asks_for_large_pages_unless_it_is_to_have_none)
{
	mem_init(&mem, model_sys(m), &vm, _i ? MEM_PAGES_SMALL : MEM_PAGES_TRANSPARENT);
	ck_assert_int_eq(mem_add_region(&mem, "RAM", 0, MIB(32), &err), 0);
	if (access("/sys/kernel/mm/transparent_hugepage", F_OK) == 0) {
		ck_assert(has_flag(mem.region[0].hva, " hg ") == !_i);
		ck_assert(has_flag(mem.region[0].hva, " nh ") == !!_i);
	}
	/* a child of this process does not get the guest's memory */
	ck_assert(has_flag(mem.region[0].hva, " dc "));
}
END_TEST

START_TEST(nothing_is_touched_before_the_loader_or_the_guest_does)
{
	ck_assert_int_eq(mem_add_region(&mem, "RAM", 0, MIB(64), &err), 0);
	mem_expect(&mem, MIB(5), MIB(10));
	ck_assert_uint_eq(pages_made(&mem.region[0]), 0);
}
END_TEST

START_TEST(small_pages_stay_where_a_part_is_used)
{
	ck_assert_int_eq(mem_add_region(&mem, "RAM", 0, MIB(63), &err), 0);
	mem_expect(&mem, MIB(4), MIB(2));		  /* all of its 2 MiB */
	mem_expect(&mem, MIB(9) + 12345, MIB(5));	  /* 8 to 10 and 14 to 16 MiB */
	mem_expect(&mem, MIB(21), PAGE_SIZE);		  /* 20 to 22 MiB */
	mem_expect(&mem, MIB(63) - PAGE_SIZE, PAGE_SIZE); /* would reach over the end */
	mem_expect(&mem, GIB(5), 1);			  /* no RAM */
	ck_assert_uint_eq(model_count(m, "madvise"), 2 + 3);
	ck_assert_uint_eq(mem.nahead, 3);
	ck_assert_uint_eq(mem.ahead[0].gpa, MIB(9) + 3 * PAGE_SIZE);
	ck_assert_uint_eq(mem.ahead[0].len, MIB(1) - 3 * PAGE_SIZE);
	ck_assert_uint_eq(mem.ahead[1].gpa, MIB(14));
	ck_assert_uint_eq(mem.ahead[1].len, 4 * PAGE_SIZE);
	ck_assert_uint_eq(mem.ahead[2].len, PAGE_SIZE);
	if (access("/sys/kernel/mm/transparent_hugepage", F_OK) != 0)
		return;
	for (uint64_t at = 0; at < MIB(62); at += MIB(2))
		ck_assert_msg(
			has_flag(mem.region[0].hva + at,
				 at == MIB(8) || at == MIB(14) || at == MIB(20) ? " nh " : " hg "),
			"%llu MiB", (unsigned long long)(at >> 20));
	ck_assert_uint_eq(pages_made(&mem.region[0]), 0);
	mem_make_ahead(&mem);
	ck_assert_uint_eq(pages_made(&mem.region[0]), 256 - 3 + 4 + 1);
}
END_TEST

START_TEST(memory_that_is_given_back_needs_no_file)
{
	ck_assert_int_eq(mem_add_region(&mem, "RAM", 0, MIB(8), &err), 0);
	memset(mem.region[0].hva, 1, MIB(8));
	ck_assert_int_eq(mem_give_back(&mem, mem.region[0].hva + MIB(2), MIB(2)), 0);
	ck_assert_int_eq(mem_give_back(&mem, mem.region[0].hva + MIB(6) + 1, 3 * PAGE_SIZE), 0);
	ck_assert_uint_eq(pages_made(&mem.region[0]), (MIB(8) - MIB(2)) / PAGE_SIZE - 2);
	ck_assert_uint_eq(mem.region[0].hva[MIB(2)], 0);
	ck_assert_uint_eq(mem.region[0].hva[MIB(6)], 1);
	ck_assert_uint_eq(model_count(m, "fallocate"), 0);
}
END_TEST

START_TEST(without_a_vm_memory_is_anonymous)
{
	mem_init(&mem, model_sys(m), NULL, MEM_PAGES_SMALL);
	ck_assert_int_eq(mem.backing, MEM_ANONYMOUS);
	ck_assert_int_eq(mem_add_ram(&mem, GIB(600), &err), 0);
	ck_assert_uint_eq(mem.nregions, 2);
	ck_assert_int_eq(mem.region[0].fd, -1);
	ck_assert_int_eq(mem_write(&mem, GIB(601), "x", 1), 0);
	ck_assert_uint_eq(model_vm(m, 0)->nslots, 0);
}
END_TEST

/* --- regions --- */

START_TEST(the_guest_sees_what_is_written)
{
	char buf[6];

	if (_i)
		use_guest_memfd();
	ck_assert_int_eq(mem_add_ram(&mem, GIB(5), &err), 0);
	ck_assert_uint_eq(mem.nregions, 2);
	ck_assert_uint_eq(model_vm(m, 0)->nslots, 2);
	ck_assert_int_eq(mem_write(&mem, MIB(1), "kernel", 6), 0);
	ck_assert_int_eq(mem_write(&mem, GIB(4) + 1, "initrd", 6), 0);
	ck_assert_mem_eq(model_guest_ptr(m, 0, MIB(1), 6), "kernel", 6);
	ck_assert_mem_eq(model_guest_ptr(m, 0, GIB(4) + 1, 6), "initrd", 6);
	memcpy(model_guest_ptr(m, 0, GIB(6), 6), "device", 6);
	ck_assert_int_eq(mem_read(&mem, GIB(6), buf, 6), 0);
	ck_assert_mem_eq(buf, "device", 6);
	ck_assert_ptr_null(model_guest_ptr(m, 0, GIB(3), 1));
}
END_TEST

START_TEST(a_terabyte_costs_nothing_until_it_is_touched)
{
	if (_i)
		use_guest_memfd();
	ck_assert_int_eq(mem_add_ram(&mem, GIB(1024), &err), 0);
	ck_assert_int_eq(mem_write(&mem, GIB(1026) - 1, "x", 1), 0);
	ck_assert_int_eq(mem_write(&mem, GIB(1026), "x", 1), -EFAULT);
}
END_TEST

START_TEST(regions_may_not_overlap)
{
	static const struct {
		uint64_t gpa, len;
	} bad[] = {
		{MIB(16), MIB(16)},
		{MIB(16), PAGE_SIZE},
		{MIB(32) - PAGE_SIZE, PAGE_SIZE},
		{MIB(16) - PAGE_SIZE, MIB(32)},
		{0, MIB(64)},
		{MIB(15), MIB(2)},
	};

	ck_assert_int_eq(mem_add_region(&mem, "a", MIB(16), MIB(16), &err), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		ck_assert_int_eq(mem_add_region(&mem, "b", bad[i].gpa, bad[i].len, &err), -EINVAL);
		assert_says("b: ");
	}
	ck_assert_uint_eq(mem.nregions, 1);
	ck_assert_int_eq(mem_add_region(&mem, "below", MIB(15), MIB(1), &err), 0);
	ck_assert_int_eq(mem_add_region(&mem, "above", MIB(32), MIB(1), &err), 0);
}
END_TEST

START_TEST(a_region_is_whole_pages_and_does_not_wrap)
{
	static const struct {
		uint64_t gpa, len;
	} bad[] = {
		{0, 0},
		{0, 1},
		{0, PAGE_SIZE + 1},
		{1, PAGE_SIZE},
		{PAGE_SIZE / 2, PAGE_SIZE},
		{UINT64_MAX - PAGE_SIZE + 1, PAGE_SIZE},
		{UINT64_MAX - PAGE_SIZE + 1, 2 * PAGE_SIZE},
		{PAGE_SIZE, UINT64_MAX - PAGE_SIZE + 1},
	};
	unsigned long calls = model_calls(m);

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		ck_assert_int_eq(mem_add_region(&mem, "x", bad[i].gpa, bad[i].len, &err), -EINVAL);
		assert_says("x: ");
	}
	ck_assert_uint_eq(model_calls(m), calls);
}
END_TEST

START_TEST(there_is_room_for_a_fixed_number_of_regions)
{
	for (uint64_t i = 0; i < MEM_MAX_REGIONS; i++)
		ck_assert_int_eq(mem_add_region(&mem, "r", MIB(i), MIB(1), &err), 0);
	ck_assert_int_eq(mem_add_region(&mem, "r", GIB(1), MIB(1), &err), -EINVAL);
	ck_assert_uint_eq(model_vm(m, 0)->nslots, MEM_MAX_REGIONS);
}
END_TEST

START_TEST(a_region_over_kvms_own_pages_is_an_error)
{
	ck_assert_int_eq(kvm_vm_set_tss_addr(&vm, LAYOUT_TSS, &err), 0);
	ck_assert_int_eq(mem_add_region(&mem, "RAM", LAYOUT_TSS, PAGE_SIZE, &err), -EEXIST);
	assert_says("RAM at 0xfeffd000: KVM_SET_USER_MEMORY_REGION failed on VM: EEXIST");
	ck_assert_uint_eq(mem.nregions, 0);
}
END_TEST

/* --- failures --- */

START_TEST(a_failing_call_leaves_nothing_of_its_region)
{
	static const struct {
		enum { ANONYMOUS, GUEST_MEMFD, RESERVED } kind;
		const char *call;
		const char *says;
	} t[] = {
		{GUEST_MEMFD, "KVM_CREATE_GUEST_MEMFD", "KVM_CREATE_GUEST_MEMFD failed on VM"},
		{GUEST_MEMFD, "mmap", "unable to map 16 MiB for low RAM"},
		{GUEST_MEMFD, "KVM_SET_USER_MEMORY_REGION2", "low RAM at 0: "},
		{RESERVED, "memfd", "unable to create a memfd for low RAM"},
		{RESERVED, "ftruncate", "unable to size the memfd of low RAM to 16777216 bytes"},
		{RESERVED, "mmap", "unable to map 16 MiB for low RAM"},
		{ANONYMOUS, "mmap", "unable to map 16 MiB for low RAM"},
		{ANONYMOUS, "KVM_SET_USER_MEMORY_REGION", "low RAM at 0: "},
	};
	char leaks[256];
	size_t before;

	if (t[_i].kind == GUEST_MEMFD)
		use_guest_memfd();
	else if (t[_i].kind == RESERVED)
		use_hugepages(16);
	before = model_leaks(m, leaks, sizeof(leaks));
	model_answer(m, t[_i].call, -ENOMEM);
	ck_assert_int_eq(mem_add_region(&mem, "low RAM", 0, MIB(16), &err), -ENOMEM);
	ck_assert_int_eq(err.code, -ENOMEM);
	assert_says(t[_i].says);
	assert_says("ENOMEM");
	ck_assert_uint_eq(mem.nregions, 0);
	ck_assert_uint_eq(model_leaks(m, leaks, sizeof(leaks)), before);
}
END_TEST

/* The second of two ranges fails at each of its calls; mem_destroy() then takes care of the first.
 */
START_TEST(a_failure_half_way_through_ram_is_cleaned_up)
{
	unsigned long first, last;

	if (_i)
		use_guest_memfd();
	first = model_calls(m) + 1;
	ck_assert_int_eq(mem_add_ram(&mem, GIB(4), &err), 0);
	last = model_calls(m);
	mem_destroy(&mem);
	ck_assert_uint_ge(last, first + 3);
	for (unsigned long n = first; n <= last; n++) {
		struct kvm_vm other;
		int ret;

		ck_assert_int_eq(kvm_vm_create(&other, &kvm, KVM_X86_DEFAULT_VM, &err), 0);
		mem_init(&mem, model_sys(m), &other, MEM_PAGES_SMALL);
		if (_i)
			mem.backing = MEM_GUEST_MEMFD;
		model_fail_at(m, model_calls(m) + 1 + (n - first), EIO);
		ret = mem_add_ram(&mem, GIB(4), &err);
		/* kvm.c: a guest_memfd without close-on-exec is no reason to stop; mem.c: small
		 * pages are none either */
		if (strcmp(model_call_name(m, n), "cloexec") != 0 &&
		    strcmp(model_call_name(m, n), "madvise") != 0)
			ck_assert_msg(ret == -EIO, "%s", model_call_name(m, n));
		mem_destroy(&mem);
		kvm_vm_close(&other);
	}
}
END_TEST

/* --- huge pages --- */

START_TEST(huge_pages_are_taken_and_given_back)
{
	for (int round = 0; round < 2; round++) {
		use_hugepages(16);
		ck_assert_int_eq(mem.backing, MEM_MEMFD);
		ck_assert_str_eq(mem_backing_name(&mem), "memfd, 2 MiB pages");
		ck_assert_int_eq(mem_add_ram(&mem, MIB(32), &err), 0);
		ck_assert_int_eq(mem_write(&mem, MIB(32) - 1, "x", 1), 0);
		mem_destroy(&mem);
		kvm_vm_close(&vm);
		ck_assert_int_eq(kvm_vm_create(&vm, &kvm, KVM_X86_DEFAULT_VM, &err), 0);
	}
}
END_TEST

START_TEST(too_few_huge_pages_are_a_clear_error)
{
	use_hugepages(15);
	ck_assert_int_eq(mem_add_ram(&mem, MIB(32), &err), -ENOMEM);
	assert_says("low RAM");
	assert_says("16 free huge pages of 2 MiB are needed");
	assert_says("vm.nr_hugepages");
	ck_assert_uint_eq(mem.nregions, 0);
}
END_TEST

START_TEST(memory_that_is_no_multiple_of_a_huge_page_is_refused)
{
	use_hugepages(100);
	ck_assert_int_eq(mem_add_ram(&mem, MIB(33), &err), -EINVAL);
	assert_says("not a multiple of the 2 MiB huge page");
}
END_TEST

START_TEST(a_kernel_without_huge_pages_is_asked_about)
{
	use_hugepages(100);
	model_answer(m, "memfd", -EINVAL);
	ck_assert_int_eq(mem_add_ram(&mem, MIB(32), &err), -EINVAL);
	assert_says("does this kernel support 2 MiB huge pages?");
}
END_TEST

static TCase *all_tests(void)
{
	TCase *tc = tcase_create("mem");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, plain_ram_is_anonymous_and_needs_no_guest_memfd);
	tcase_add_test(tc, guest_memfd_is_used_when_it_is_asked_for);
	tcase_add_test(tc, host_and_guest_address_are_equal_modulo_2_mib);
	tcase_add_loop_test(tc, plain_ram_asks_for_large_pages_unless_it_is_to_have_none, 0, 2);
	tcase_add_test(tc, nothing_is_touched_before_the_loader_or_the_guest_does);
	tcase_add_test(tc, small_pages_stay_where_a_part_is_used);
	tcase_add_test(tc, memory_that_is_given_back_needs_no_file);
	tcase_add_test(tc, without_a_vm_memory_is_anonymous);
	tcase_add_loop_test(tc, the_guest_sees_what_is_written, 0, 2);
	tcase_add_loop_test(tc, a_terabyte_costs_nothing_until_it_is_touched, 0, 2);
	tcase_add_test(tc, regions_may_not_overlap);
	tcase_add_test(tc, a_region_is_whole_pages_and_does_not_wrap);
	tcase_add_test(tc, there_is_room_for_a_fixed_number_of_regions);
	tcase_add_test(tc, a_region_over_kvms_own_pages_is_an_error);
	tcase_add_loop_test(tc, a_failing_call_leaves_nothing_of_its_region, 0, 8);
	tcase_add_loop_test(tc, a_failure_half_way_through_ram_is_cleaned_up, 0, 2);
	tcase_add_test(tc, huge_pages_are_taken_and_given_back);
	tcase_add_test(tc, too_few_huge_pages_are_a_clear_error);
	tcase_add_test(tc, memory_that_is_no_multiple_of_a_huge_page_is_refused);
	tcase_add_test(tc, a_kernel_without_huge_pages_is_asked_about);
	return tc;
}

SUITE(test_mem)
{
	Suite *s = suite_create("mem");

	suite_add_tcase(s, all_tests());
	return s;
}
