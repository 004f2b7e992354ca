// SPDX-License-Identifier: MIT
/* IGVM files, as the generator of tests/igvm makes them: what they become, and that no damaged one
 * does harm. What is wrong with a file, and how that is said: test_igvm_refused.c. */
#include "boot/igvm.h"
#include "cc/dispatch.h"
#include "cc/tech.h"
#include "cc/vcpu_state.h"
#include "cc/vmsa.h"
#include "tests/unit/igvm_file.h"
#include "tests/unit/suite.h"

static const char *const names[] = {"small.igvm", "small-v2.igvm"};

static void setup(void)
{
	file_read("small.igvm");
}

static const struct load_item *item(const char *name, enum load_kind kind, uint64_t gpa,
				    uint64_t len, uint64_t used)
{
	for (size_t i = 0; i < plan.nitems; i++) {
		const struct load_item *it = &plan.item[i];

		if (it->gpa != gpa)
			continue;
		ck_assert_str_eq(it->name, name);
		ck_assert_int_eq(it->kind, kind);
		ck_assert_uint_eq(it->len, len);
		ck_assert_uint_eq(it->used, used);
		ck_assert_int_eq(it->measured, kind != LOAD_UNMEASURED && kind != LOAD_SHARED);
		return it;
	}
	ck_abort_msg("no item at %#llx", (unsigned long long)gpa);
	return NULL;
}

static bool guest_text(uint64_t gpa, const char *text)
{
	const void *p = mem_ptr(&mem, gpa, strlen(text));

	return p && memcmp(p, text, strlen(text)) == 0;
}

/* --- what is loaded --------------------------------------------------------------------------- */

static void check_common_items(void)
{
	item("parameter area", LOAD_UNMEASURED, AREA, AREA_SIZE, AREA_SIZE);
	/* two pages with data and one without, which follow each other */
	item("page data", LOAD_DATA, 0x200000, 0x3000, 0x2000);
	item("page data", LOAD_UNMEASURED, 0x280000, 0x1000, 0x1000);
	item("shared pages", LOAD_SHARED, 0x820000, 0x1000, 0x1000);
	item("error range", LOAD_SHARED, 0x822000, 0x2000, 0);
	item("page data", LOAD_DATA, 0x1a00000, 0x200000, 0);
	ck_assert(guest_text(0x200000, "first"));
	ck_assert(guest_text(0x201000, "second"));
	ck_assert(guest_text(0x820000, "shared"));
	ck_assert_uint_eq(plan.nmap, 2); /* and KVM's own pages */
	ck_assert_uint_eq(plan.map[0].len, RAM);
}

START_TEST(both_versions_load_for_each_platform)
{
	static const size_t nitems[] = {[BOOT_PLAIN] = 6, [BOOT_SNP] = 9, [BOOT_TDX] = 7};

	file_read(names[_i % 2]);
	for (enum boot_guest guest = BOOT_PLAIN; guest <= BOOT_TDX; guest++) {
		must_load(guest);
		check_common_items();
		ck_assert_uint_eq(plan.nitems, nitems[guest]);
	}
}
END_TEST

START_TEST(items_keep_the_order_of_the_directives)
{
	static const uint64_t order[] = {AREA,	   0x200000, 0x280000, 0x820000, 0x840000,
					 0x841000, 0x842000, 0x822000, 0x1a00000};

	must_load(BOOT_SNP);
	for (size_t i = 0; i < ARRAY_SIZE(order); i++)
		ck_assert_uint_eq(plan.item[i].gpa, order[i]);
	item("SNP secrets", LOAD_SECRETS, 0x840000, 0x1000, 0x1000);
	item("SNP CPUID", LOAD_CPUID, 0x841000, 0x1000, 0x1000);
	item("SNP CPUID", LOAD_CPUID, 0x842000, 0x1000, 0x1000);
}
END_TEST

START_TEST(pages_below_4_gib_get_a_region)
{
	must_load(BOOT_TDX);
	item("page data", LOAD_DATA, 0xfffff000, 0x1000, 0x1000);
	ck_assert(guest_text(0xfffff000, "reset vector"));
	ck_assert_uint_eq(mem.nregions, 2);
	ck_assert_int_eq(plan.entry.mode, ENTRY_RESET);
	ck_assert_uint_eq(plan.entry.arg, 0);
	must_load(BOOT_SNP);
	ck_assert_uint_eq(mem.nregions, 1);
}
END_TEST

START_TEST(parameters_tell_of_the_machine)
{
	const uint8_t *area;

	must_load(BOOT_PLAIN);
	area = mem_ptr(&mem, AREA, AREA_SIZE);
	ck_assert_ptr_nonnull(area);
	ck_assert(guest_text(AREA, "IGVMAREA")); /* from the file */
	ck_assert_uint_eq(get_le32(area + 0x10), VCPUS);
	ck_assert_uint_eq(get_le32(area + 0x14), 0);
	ck_assert_uint_eq(get_le64(area + 0x20), LAYOUT_VIRTIO_BASE / PAGE_SIZE);
	ck_assert_uint_eq(get_le64(area + 0x40), 0);
	ck_assert_uint_eq(get_le64(area + 0x48), RAM / PAGE_SIZE);
	ck_assert_uint_eq(get_le64(area + 0x40 + 24 + 8), 0); /* the end */
	ck_assert_str_eq((const char *)area + 0x100, CMDLINE);
	ck_assert(guest_text(AREA + 0x200, "APIC"));
	ck_assert(guest_text(AREA + 0x1000, "\xd0\x0d\xfe\xed"));
}
END_TEST

START_TEST(plain_registers_are_set)
{
	struct cc_vcpu_state state;

	must_load(BOOT_PLAIN);
	ck_assert_int_eq(plan.entry.mode, ENTRY_CONTEXT);
	ck_assert_uint_eq(plan.nvcpus, 1);
	cc_vcpu_state(&plan, 0, 0, 0, &state);
	ck_assert_uint_eq(state.regs.rip, 0x200000);
	ck_assert_uint_eq(state.regs.rsi, AREA);
	ck_assert_uint_eq(state.regs.rflags, 2);
	ck_assert_uint_eq(state.sregs.cr0, 0x80000011);
	ck_assert_uint_eq(state.sregs.cr3, 0x830000);
	ck_assert_uint_eq(state.sregs.cr4, 0x20);
	ck_assert_uint_eq(state.sregs.efer, 0x500); /* LMA is added */
	ck_assert_uint_eq(state.sregs.cs.selector, 0x10);
	ck_assert_uint_eq(state.sregs.cs.type, 0xb);
	ck_assert_uint_eq(state.sregs.cs.l, 1);
	ck_assert_uint_eq(state.sregs.cs.g, 1);
	ck_assert_uint_eq(state.sregs.ss.type, 3);
	ck_assert_uint_eq(state.sregs.gs.limit, 0xffffffff);
	ck_assert_uint_eq(state.sregs.tr.type, 0xb);
	/* the others wait as always */
	cc_vcpu_state(&plan, 1, 0, 0, &state);
	ck_assert_uint_eq(state.regs.rip, 0xfff0);
}
END_TEST

START_TEST(snp_registers_are_kept_as_they_are)
{
	struct vmsa page;
	struct cc_vcpu_state state;

	must_load(BOOT_SNP);
	ck_assert_uint_eq(plan.nvcpus, 2);
	for (uint32_t id = 0; id < 2; id++) {
		ck_assert_uint_eq(plan.vcpu[id].id, id);
		cc_vcpu_state(&plan, id, 0, 51, &state);
		ck_assert_uint_eq(state.regs.rax, id);
		vmsa_build(&state, 1, &page);
		ck_assert(memcmp(&page, &plan.vcpu[id].vmsa, sizeof(page)) == 0);
	}
	ck_assert_int_eq(cc_check_vcpus(&snp_config, &plan, &err), 0);
}
END_TEST

START_TEST(the_launch_is_told_what_the_file_wants)
{
	must_load(BOOT_SNP);
	ck_assert(demand.has_policy && demand.policy == 0x30000);
	ck_assert(demand.has_features && demand.features == 1);
	ck_assert(demand.has_id);
	ck_assert_uint_eq(demand.id_block.version, 1);
	ck_assert_uint_eq(demand.id_block.guest_svn, 7);
	ck_assert_str_eq((const char *)demand.id_block.family_id, "family");
	ck_assert_str_eq((const char *)demand.id_block.image_id, "image");
	ck_assert_uint_eq(demand.id_auth.key_algorithm, 1);
	ck_assert_uint_eq(demand.id_auth.author_algorithm, 1);
	ck_assert_uint_eq(demand.id_auth.signature[71], 0x11);
	ck_assert_uint_eq(demand.id_auth.signature[72], 0x12);
	ck_assert_uint_eq(get_le32(demand.id_auth.key), 2);
	ck_assert_uint_eq(demand.id_auth.key[4], 0x21);
	ck_assert_uint_eq(demand.id_auth.key[147], 0x22);
	ck_assert_uint_eq(demand.id_auth.author_signature[0], 0x31);
	ck_assert_uint_eq(demand.id_auth.author_key[4], 0x41);
	must_load(BOOT_TDX);
	ck_assert(demand.has_policy && demand.policy == 0x10000000 && !demand.has_id);
	must_load(BOOT_PLAIN);
	ck_assert(!demand.has_policy && !demand.has_features && !demand.has_id);
}
END_TEST

/* --- every byte ------------------------------------------------------------------------------- */

START_TEST(a_changed_byte_in_the_headers_is_found)
{
	for (size_t at = 0; at < headers_end(); at++) {
		bytes[at] = (uint8_t)(bytes[at] ^ 1u << at % 8);
		must_refuse(BOOT_SNP, "");
		bytes[at] = (uint8_t)(bytes[at] ^ 1u << at % 8);
	}
	must_load(BOOT_SNP);
}
END_TEST

/* With a checksum that is right for it, what was changed either does not matter or is refused. */
START_TEST(a_forged_byte_in_the_headers_does_no_harm)
{
	static const uint8_t values[] = {0x00, 0x01, 0x80, 0xff};
	size_t refused = 0;

	file_read(names[_i]);
	for (size_t at = 0; at < headers_end(); at++) {
		uint8_t was = bytes[at];

		for (size_t i = 0; i < 3 * ARRAY_SIZE(values); i++) {
			bytes[at] = values[i / 3];
			fix_checksum();
			refused += load((enum boot_guest)(i % 3)) < 0;
		}
		bytes[at] = was;
	}
	fix_checksum();
	ck_assert_uint_gt(refused, headers_end());
	must_load(BOOT_SNP);
}
END_TEST

START_TEST(a_file_that_ends_in_its_headers_is_refused)
{
	size_t end;

	file_read(names[_i]);
	end = headers_end();
	for (size_t len = 0; len < end; len++) {
		nbytes = len;
		must_refuse(BOOT_SNP, "");
		/* and when its own header agrees */
		if (len >= 32) {
			put_le32(bytes + 16, (uint32_t)len);
			must_refuse(BOOT_SNP, "");
			put_le32(bytes + 12, (uint32_t)len - get_le32(bytes + 8));
			fix_checksum();
			must_refuse(BOOT_SNP, "");
			file_read(names[_i]);
		}
	}
}
END_TEST

START_TEST(a_file_that_ends_in_its_data_is_refused)
{
	for (size_t len = headers_end(); len < file_size; len += 509) {
		nbytes = len;
		must_refuse(BOOT_SNP, "its header says");
		put_le32(bytes + 16, (uint32_t)len);
		fix_checksum();
		must_refuse(BOOT_SNP, "");
		file_read("small.igvm");
	}
}
END_TEST

START_TEST(a_wrong_length_of_any_header_is_refused)
{
	for (size_t at = headers_start(); at < headers_end();) {
		uint32_t len = get_le32(bytes + at + 4);
		const uint32_t wrong[] = {0,	   len - 1,    len + 1,	   len + 8,
					  len * 2, 0x7fffffff, 0xfffffff8, 0xffffffff};

		for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
			/* those that nobody knows may be as long as they like */
			if (get_le32(bytes + at) & IGVM_OPTIONAL)
				continue;
			put_le32(bytes + at + 4, wrong[i]);
			fix_checksum();
			must_refuse(BOOT_SNP, "header at offset");
		}
		put_le32(bytes + at + 4, len);
		at += 8 + align_up(len, 8);
	}
	fix_checksum();
	must_load(BOOT_SNP);
}
END_TEST

/* --- registers that KVM would not make -------------------------------------------------------- */

#define VMSA(name) offsetof(struct vmsa, name)

static const struct {
	size_t at;
	const char *says;
} vmsa_faults[] = {
	{VMSA(cs) + 3, "CS (VMSA offset 0x10)"},
	{VMSA(gdtr), "GDTR"},
	{0xca, "VMPL"},
	{VMSA(cpl), "CPL"},
	{VMSA(efer) + 1, "EFER"},
	{0x140, "XSS"},
	{VMSA(cr4), "CR4"},
	{VMSA(dr7), "DR7"},
	{VMSA(dr6), "DR6"},
	{0x1e0, "shadow stack"},
	{0x210, "system call"},
	{0x240, "CR2"},
	{VMSA(pat), "PAT"},
	{0x2e8, "PKRU"},
	{0x3b8, "interrupt control"},
	{VMSA(sev_features), "SEV_FEATURES"},
	{0x3c8, "VIRTUAL_TOM"},
	{VMSA(xcr0), "XCR0"},
	{VMSA(mxcsr), "MXCSR"},
	{VMSA(fcw), "FCW"},
	{0x420, "floating point"},
	{0xfff, "reserved field"},
};

START_TEST(vmsa_fields_that_kvm_does_not_make)
{
	must_load(BOOT_SNP);
	((uint8_t *)&plan.vcpu[0].vmsa)[vmsa_faults[_i].at] ^=
		0x40 | (vmsa_faults[_i].at == VMSA(efer) + 1 ? 0x10 : 0);
	ck_assert_int_eq(cc_check_vcpus(&snp_config, &plan, &err), -EINVAL);
	ck_assert_msg(strstr(err.text, vmsa_faults[_i].says), "%s", err.text);
}
END_TEST

START_TEST(registers_that_no_vcpu_can_have)
{
	struct cc_config config = snp_config;

	must_load(BOOT_SNP);
	plan.vcpu[1].gpa = 0x1000;
	ck_assert_int_eq(cc_check_vcpus(&config, &plan, &err), -EINVAL);
	ck_assert_ptr_nonnull(strstr(err.text, "KVM measures them at 0xfffffffff000"));
	config.vcpus = 1;
	ck_assert_int_eq(cc_check_vcpus(&config, &plan, &err), -EINVAL);
	ck_assert_ptr_nonnull(strstr(err.text, "machine.vcpus is 1"));
	must_load(BOOT_SNP);
	plan.vcpu[0].vmsa.cr4 = 0x40; /* long mode without PAE */
	ck_assert_int_eq(cc_check_vcpus(&snp_config, &plan, &err), -EINVAL);
	ck_assert_ptr_nonnull(strstr(err.text, "no processor mode"));
	config.tech = &cc_tdx;
	ck_assert_int_eq(cc_check_vcpus(&config, &plan, &err), -ENOTSUP);
}
END_TEST

SUITE(test_igvm)
{
	Suite *suite = suite_create("igvm");
	TCase *tests = tcase_create("igvm");

	tcase_add_checked_fixture(tests, setup, unload);
	tcase_set_timeout(tests, 60);
	tcase_add_loop_test(tests, both_versions_load_for_each_platform, 0, 2);
	tcase_add_test(tests, items_keep_the_order_of_the_directives);
	tcase_add_test(tests, pages_below_4_gib_get_a_region);
	tcase_add_test(tests, parameters_tell_of_the_machine);
	tcase_add_test(tests, plain_registers_are_set);
	tcase_add_test(tests, snp_registers_are_kept_as_they_are);
	tcase_add_test(tests, the_launch_is_told_what_the_file_wants);
	tcase_add_test(tests, a_changed_byte_in_the_headers_is_found);
	tcase_add_loop_test(tests, a_forged_byte_in_the_headers_does_no_harm, 0, 2);
	tcase_add_loop_test(tests, a_file_that_ends_in_its_headers_is_refused, 0, 2);
	tcase_add_test(tests, a_file_that_ends_in_its_data_is_refused);
	tcase_add_test(tests, a_wrong_length_of_any_header_is_refused);
	tcase_add_loop_test(tests, vmsa_fields_that_kvm_does_not_make, 0, ARRAY_SIZE(vmsa_faults));
	tcase_add_test(tests, registers_that_no_vcpu_can_have);
	suite_add_tcase(suite, tests);
	return suite;
}
