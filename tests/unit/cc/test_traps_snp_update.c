// SPDX-License-Identifier: MIT
/* The traps of the SNP interface on the way of a page into the guest: LAUNCH_UPDATE, and the page
 * of CPUID leaves, which the firmware has a say in. See the table in test_traps_snp.c. */
#include "cc/snp_cpuid.h"
#include "mem/convert.h"
#include "tests/unit/cc_fixture.h"
#include "tests/unit/suite.h"
#include "vmm/kvm/uapi_snp.h"

#include <sys/mman.h>

static struct launch t;

static void setup(void)
{
	launch_init(&t, &cc_snp, REV8, 2);
}

static void teardown(void)
{
	launch_close(&t);
}

static int raw(uint32_t id, void *data, uint32_t *status)
{
	struct snp_cmd cmd = {.id = id, .data = (uintptr_t)data, .sev_fd = (uint32_t)t.cc.sev_fd};
	int ret = kvm_ioctl(&t.vm.h, KVM_MEMORY_ENCRYPT_OP, "raw", &cmd, &t.err);

	*status = cmd.error;
	return ret;
}

/* --- ranges and sources --- */

/* One item over two memory slots, loaded from our own buffer: KVM stops at the border. */
START_TEST(trap_update_issued_once_for_a_range)
{
	struct load_item *item;
	uint8_t *bytes;

	must(launch_create_vm(&t), &t);
	must(launch_open(&t), &t);
	mem_init(&t.mem, model_sys(t.m), &t.vm, MEM_PAGES_SMALL);
	t.mem.mode = MEM_MODE_IN_PLACE;
	t.mem.backing = MEM_GUEST_MEMFD;
	must(mem_add_region(&t.mem, "one", 0, PAGES(8), &t.err), &t);
	must(mem_add_region(&t.mem, "two", PAGES(8), PAGES(8), &t.err), &t);
	bytes = aligned_alloc(PAGE_SIZE, PAGES(6));
	for (uint64_t i = 0; i < PAGES(6); i++)
		bytes[i] = (uint8_t)(i / 97);
	item = &t.plan.item[t.plan.nitems++];
	*item = (struct load_item){.name = "both",
				   .kind = LOAD_DATA,
				   .gpa = PAGES(5),
				   .len = PAGES(6),
				   .used = PAGES(6),
				   .src = bytes};
	launch_item(&t, "below", 0, 5, LOAD_ZERO);
	launch_item(&t, "above", PAGES(11), 5, LOAD_ZERO);
	must(launch_complete(&t), &t);
	launch_assert_measured(&t);
	model_check_launch(t.m, 0, true);
	ck_assert_uint_eq(model_count(t.m, "KVM_SEV_SNP_LAUNCH_UPDATE"), 2 + 2);
	ck_assert_mem_eq(model_guest_ptr(t.m, 0, PAGES(8), PAGES(3)), bytes + PAGES(3), PAGES(3));
	free(bytes);
}
END_TEST

START_TEST(trap_secrets_or_cpuid_with_a_null_source)
{
	struct snp_launch_update u = {.gfn_start = 9, .len = PAGE_SIZE, .type = SNP_PAGE_SECRETS};
	uint32_t status;

	teardown();
	launch_init(&t, &cc_snp, SPLIT, 1);
	must(launch_prepare(&t), &t);
	must(mem_convert(&t.mem, 0, PAGES(LOW_PAGES), true, &t.err), &t);
	ck_assert_int_eq(raw(SNP_CMD_LAUNCH_UPDATE, &u, &status), -EIO);
	ck_assert_uint_eq(status, 0);
	u.type = SNP_PAGE_CPUID;
	ck_assert_int_eq(raw(SNP_CMD_LAUNCH_UPDATE, &u, &status), -EIO);
	ck_assert_uint_eq(status, 0);
	/* zeros need none */
	u.type = SNP_PAGE_ZERO;
	ck_assert_int_eq(raw(SNP_CMD_LAUNCH_UPDATE, &u, &status), 0);
	teardown();

	launch_init(&t, &cc_snp, SPLIT, 1);
	must(launch_all(&t), &t);
	model_check_launch(t.m, 0, true);
}
END_TEST

/* --- the CPUID page --- */

/* A page in place has no buffer that the corrected table could come back to: ours is one. */
START_TEST(trap_cpuid_buffer_that_cannot_be_written_to)
{
	teardown();
	launch_init(&t, &cc_snp, (unsigned int)_i, 1);
	model_snp_lacks(t.m, 7, 0, 1, 1u << 18);
	must(launch_all(&t), &t);
	ck_assert(t.cc.cpuid_corrected);
	launch_logged(&t, "leaf 0x7.0 EBX");
}
END_TEST

/* What KVM makes of a buffer that only can be read: no corrected table comes back, nor a status. */
START_TEST(trap_cpuid_buffer_that_is_read_only)
{
	struct snp_launch_update u = {.gfn_start = 10, .len = PAGE_SIZE, .type = SNP_PAGE_CPUID};
	struct snp_cpuid_page *page;
	uint32_t status;

	model_snp_lacks(t.m, 7, 0, 1, 1u << 18);
	must(launch_prepare(&t), &t);
	must(mem_convert(&t.mem, 0, PAGES(LOW_PAGES), true, &t.err), &t);
	page = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(page, MAP_FAILED);
	must(snp_cpuid_build(t.cpuid, page, &t.err), &t);
	ck_assert_int_eq(mprotect(page, PAGE_SIZE, PROT_READ), 0);
	u.uaddr = (uintptr_t)page;
	ck_assert_int_eq(raw(SNP_CMD_LAUNCH_UPDATE, &u, &status), -EIO);
	ck_assert_uint_eq(status, 0);
	/* it was the buffer: the corrected table comes back to a good one, and is accepted then */
	ck_assert_int_eq(mprotect(page, PAGE_SIZE, PROT_READ | PROT_WRITE), 0);
	ck_assert_int_eq(raw(SNP_CMD_LAUNCH_UPDATE, &u, &status), -EIO);
	ck_assert_uint_eq(status, 0x16);
	ck_assert_int_eq(raw(SNP_CMD_LAUNCH_UPDATE, &u, &status), 0);
	munmap(page, PAGE_SIZE);
}
END_TEST

START_TEST(trap_more_than_64_cpuid_entries)
{
	struct kvm_cpuid2 *table;
	struct snp_cpuid_page page;

	must(launch_create_vm(&t), &t);
	table = calloc(1, sizeof(*table) + 70 * sizeof(table->entries[0]));
	table->nent = 70;
	for (uint32_t i = 0; i < 70; i++)
		table->entries[i] =
			(struct kvm_cpuid_entry2){.function = i, .eax = 1, .ecx = 0x100};
	ck_assert_int_eq(snp_cpuid_build(table, &page, &t.err), -E2BIG);
	launch_says(&t, "64");
	/* entries that say nothing are not counted */
	for (uint32_t i = 60; i < 70; i++)
		table->entries[i].eax = table->entries[i].ecx = 0;
	must(snp_cpuid_build(table, &page, &t.err), &t);
	ck_assert_uint_eq(page.count, 60);
	/* nor those that only end a list: the last level of topology */
	table->entries[0xb].eax = 0;
	table->entries[0xb].ecx = 2;
	must(snp_cpuid_build(table, &page, &t.err), &t);
	ck_assert_uint_eq(page.count, 59);
	free(table);
	/* what a whole machine has fits */
	must(snp_cpuid_build(t.cpuid, &page, &t.err), &t);
	ck_assert_uint_le(page.count, 64);
}
END_TEST

START_TEST(trap_raw_kvm_leaves_in_the_cpuid_page)
{
	must(launch_prepare(&t), &t);
	must(launch_vcpus(&t), &t);
	/* as KVM supports it: the TSC deadline timer, which the firmware will not have */
	for (uint32_t i = 0; i < t.cpuid->nent; i++)
		if (t.cpuid->entries[i].function == 1)
			t.cpuid->entries[i].ecx |= 1u << 24;
	must(launch_populate(&t), &t);
	ck_assert_uint_eq(model_vm(t.m, 0)->snp->cpuid_refused, 1);
	teardown();

	setup();
	must(launch_all(&t), &t);
	ck_assert_uint_eq(model_vm(t.m, 0)->snp->cpuid_refused, 0);
}
END_TEST

/* Each entry of the page is what the vCPU's own table says; but for EDX of the topology leaf, its
 * own number, of which the page has a template. */
static void check_table(const struct model_vcpu *v, const uint8_t *page)
{
	for (uint32_t i = 0; i < get_le32(page); i++) {
		const uint8_t *e = page + 16 + 48 * i;
		bool found = false;

		for (uint32_t k = 0; k < v->ncpuid; k++) {
			const struct kvm_cpuid_entry2 *o = &v->cpuid[k];

			if (o->function != get_le32(e) || o->index != get_le32(e + 4))
				continue;
			found = true;
			/* numbers of the vCPU itself */
			if (o->function == 0x8000001e)
				continue;
			ck_assert_uint_eq(o->eax, get_le32(e + 24));
			/* the page has the size for XCR0 = 1 */
			if (o->function != 0xd && o->function != 1)
				ck_assert_uint_eq(o->ebx, get_le32(e + 28));
			ck_assert_uint_eq(o->ecx, get_le32(e + 32));
			if (o->function != 0xb && o->function != 0x1f)
				ck_assert_uint_eq(o->edx, get_le32(e + 36));
		}
		ck_assert_msg(found, "entry %#x.%u", get_le32(e), get_le32(e + 4));
	}
}

/* After a correction the tables of all vCPUs have it. */
START_TEST(trap_correction_accepted_for_the_page_only)
{
	model_snp_lacks(t.m, 7, 0, 1, 1u << 18 | 1u << 20);
	model_snp_lacks(t.m, 1, 0, 2, 1u << 12);
	model_snp_lacks(t.m, 0x80000001, 0, 2, 1u << 6);
	must(launch_all(&t), &t);
	ck_assert_uint_eq(t.nvcpus, 2);
	for (uint32_t id = 0; id < t.nvcpus; id++)
		check_table(model_vcpu(t.m, 0, id), model_vm(t.m, 0)->snp->cpuid_page);
}
END_TEST

SUITE(test_traps_snp_update)
{
	Suite *s = suite_create("traps_snp_update");
	TCase *tc = tcase_create("traps");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, trap_update_issued_once_for_a_range);
	tcase_add_test(tc, trap_secrets_or_cpuid_with_a_null_source);
	tcase_add_loop_test(tc, trap_cpuid_buffer_that_cannot_be_written_to, 0, LAUNCH_MODES);
	tcase_add_test(tc, trap_cpuid_buffer_that_is_read_only);
	tcase_add_test(tc, trap_more_than_64_cpuid_entries);
	tcase_add_test(tc, trap_raw_kvm_leaves_in_the_cpuid_page);
	tcase_add_test(tc, trap_correction_accepted_for_the_page_only);
	suite_add_tcase(s, tc);
	return s;
}
