// SPDX-License-Identifier: MIT
/* IGVM files, as the generator of tests/igvm makes them: what they become, and that no damaged one
 * does harm. */
#include "boot/igvm.h"
#include "cc/launch.h"
#include "cc/vcpu_state.h"
#include "cc/vmsa.h"
#include "igvm_file.h"
#include "mem/vmsa.h"

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
	uint8_t page[VMSA_SIZE];
	struct cc_vcpu_state state;

	must_load(BOOT_SNP);
	ck_assert_uint_eq(plan.nvcpus, 2);
	for (uint32_t id = 0; id < 2; id++) {
		ck_assert_uint_eq(plan.vcpu[id].id, id);
		cc_vcpu_state(&plan, id, 0, 51, &state);
		ck_assert_uint_eq(state.regs.rax, id);
		vmsa_build(&state, 1, page);
		ck_assert(memcmp(page, plan.vcpu[id].vmsa, sizeof(page)) == 0);
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
	ck_assert_uint_eq(demand.id.version, 1);
	ck_assert_uint_eq(demand.id.guest_svn, 7);
	ck_assert_str_eq((const char *)demand.id.family, "family");
	ck_assert_str_eq((const char *)demand.id.image, "image");
	ck_assert_uint_eq(demand.id.key_algorithm, 1);
	ck_assert_uint_eq(demand.id.author_algorithm, 1);
	ck_assert_uint_eq(demand.id.signature[71], 0x11);
	ck_assert_uint_eq(demand.id.signature[72], 0x12);
	ck_assert_uint_eq(get_le32(demand.id.key), 2);
	ck_assert_uint_eq(demand.id.key[4], 0x21);
	ck_assert_uint_eq(demand.id.key[147], 0x22);
	ck_assert_uint_eq(demand.id.author_signature[0], 0x31);
	ck_assert_uint_eq(demand.id.author_key[4], 0x41);
	must_load(BOOT_TDX);
	ck_assert(demand.has_policy && demand.policy == 0x10000000 && !demand.has_id);
	must_load(BOOT_PLAIN);
	ck_assert(!demand.has_policy && !demand.has_features && !demand.has_id);
}
END_TEST

/* --- what is refused, and how ----------------------------------------------------------------- */

/* In the fixed header. */
static const struct {
	size_t at;
	uint32_t value;
	const char *says;
} fixed_faults[] = {
	{0, 0x4d564748, "not an IGVM file"},
	{4, 0, "version 0"},
	{4, 3, "version 3"},
	{8, 16, "not in the file, or overlap"},
	{8, 28, "not in the file, or overlap"},
	{8, 0xfffffff8, "not in the file, or overlap"},
	{12, 0xffffffff, "not in the file, or overlap"},
	{16, 53247, "its header says 53247"},
	{20, 0, "CRC-32"},
};

START_TEST(fixed_header_fields)
{
	put_le32(bytes + fixed_faults[_i].at, fixed_faults[_i].value);
	must_refuse(BOOT_SNP, fixed_faults[_i].says);
}
END_TEST

START_TEST(version_2_fields)
{
	file_read("small-v2.igvm");
	put_le32(bytes + 24, 1);
	fix_checksum();
	must_refuse(BOOT_SNP, "for AArch64");
	put_le32(bytes + 24, 0);
	put_le32(bytes + 28, 16384);
	fix_checksum();
	must_refuse(BOOT_SNP, "pages have 16384 bytes");
}
END_TEST

/* In variable headers: the field of the nth header of a type, from 0. */
static const struct fault {
	enum boot_guest guest;
	uint32_t type;
	unsigned int n;
	size_t at, size;
	uint64_t value;
	const char *says;
} faults[] = {
	{BOOT_PLAIN, 0x1, 0, 0, 4, 0, "not one bit of its own"},
	{BOOT_PLAIN, 0x1, 0, 0, 4, 3, "not one bit of its own"},
	{BOOT_PLAIN, 0x1, 0, 0, 4, 2, "not one bit of its own"},
	{BOOT_PLAIN, 0x1, 0, 4, 1, 3, "VTL 3"},
	{BOOT_PLAIN, 0x1, 0, 5, 1, 2, "a second one for SEV-SNP"},
	{BOOT_PLAIN, 0x1, 0, 5, 1, 9, "TDX, an unknown platform, and this VM is native"},
	{BOOT_PLAIN, 0x1, 0, 6, 2, 2, "version 2 of native"},
	{BOOT_SNP, 0x1, 1, 8, 8, 1ULL << 46, "memory above 0x400000000000 shall be shared"},
	{BOOT_TDX, 0x1, 2, 8, 8, 1ULL << 46, "memory above"},
	{BOOT_SNP, 0x101, 0, 8, 4, 0, "for platforms 0,"},
	{BOOT_SNP, 0x101, 0, 8, 4, 0x10, "for platforms 0x10"},
	{BOOT_SNP, 0x101, 0, 12, 4, 1, "reserved"},
	{BOOT_SNP, 0x101, 1, 8, 4, 2, "a second policy"},
	{BOOT_TDX, 0x101, 1, 0, 8, 8, "bits of unknown meaning"},
	{BOOT_SNP, 0x102, 0, 0, 4, 2, "relocatable region header"},
	{BOOT_SNP, 0x103, 0, 0, 4, 2, "page table relocation header"},
	{BOOT_SNP, 0x301, 0, 0, 8, 0, "not whole pages"},
	{BOOT_SNP, 0x301, 0, 0, 8, 0x4800, "not whole pages"},
	{BOOT_SNP, 0x301, 0, 0, 8, 1ULL << 40, "more than"},
	{BOOT_SNP, 0x301, 0, 8, 4, 8, "area 7 does not exist"},
	{BOOT_SNP, 0x301, 0, 12, 4, 0xfffff000, "file offset 0xfffff000"},
	{BOOT_SNP, 0x302, 0, 0, 8, 0x200800, "no page of guest memory"},
	{BOOT_SNP, 0x302, 0, 0, 8, 0x80000000, "no page of guest memory"},
	{BOOT_SNP, 0x302, 0, 0, 8, AREA, "overlap"},
	{BOOT_SNP, 0x302, 0, 0, 8, ~0xfffULL, "no page of guest memory"},
	{BOOT_SNP, 0x302, 0, 12, 4, 0xd001, "file offset 0xd001"},
	{BOOT_SNP, 0x302, 0, 16, 4, 8, "flags 0x8"},
	{BOOT_SNP, 0x302, 0, 16, 4, 1, "file offset"}, /* 2 MiB */
	{BOOT_SNP, 0x302, 0, 20, 2, 4, "page type 4"},
	{BOOT_PLAIN, 0x302, 0, 20, 2, 1, "page type 1 is for SNP"},
	{BOOT_TDX, 0x302, 0, 20, 2, 2, "page type 2 is for SNP"},
	{BOOT_SNP, 0x302, 6, 16, 4, 4, "which the firmware fills in"},
	{BOOT_SNP, 0x302, 0, 22, 2, 1, "reserved"},
	{BOOT_SNP, 0x303, 0, 0, 8, 0x810800, "do not make a range of pages"},
	{BOOT_SNP, 0x303, 0, 0, 8, 0x80000000, "not all in guest RAM"},
	{BOOT_SNP, 0x303, 0, 12, 4, 8, "area 8 does not exist"},
	{BOOT_SNP, 0x304, 1, 12, 4, 0, "file offset 0,"},
	{BOOT_SNP, 0x304, 1, 12, 4, 0xc001, "file offset 0xc001"},
	{BOOT_SNP, 0x304, 2, 16, 2, 0, "vCPU 0 behind those for vCPU 0"},
	{BOOT_SNP, 0x304, 1, 18, 2, 1, "reserved"},
	{BOOT_TDX, 0x304, 0, 8, 4, 4, "set by the TDX module"},
	{BOOT_PLAIN, 0x304, 0, 16, 2, 1, "waits for INIT and SIPI"},
	{BOOT_PLAIN, 0x304, 0, 0, 8, 0x1000, "guest address 0x1000"},
	{BOOT_SNP, 0x305, 0, 0, 8, 0x80000000, "not all guest memory"},
	{BOOT_SNP, 0x305, 0, 0, 8, 0x800, "not whole pages"},
	{BOOT_SNP, 0x305, 0, 12, 4, 0x800, "not whole pages"},
	{BOOT_SNP, 0x305, 0, 16, 4, 2, "reserved"},
	{BOOT_SNP, 0x305, 0, 20, 4, 1, "reserved"},
	{BOOT_SNP, 0x307, 0, 0, 4, 1, "area 1 does not exist"},
	{BOOT_SNP, 0x307, 0, 4, 4, AREA_SIZE, "offset 0x4000"},
	{BOOT_SNP, 0x307, 0, 4, 4, AREA_SIZE - 2, "4 bytes, and 2 are left"},
	{BOOT_SNP, 0x309, 0, 4, 4, AREA_SIZE - 8, "and 8 are left"},
	{BOOT_SNP, 0x30a, 0, 4, 4, AREA_SIZE - 8, "32 bytes, and 8 are left"},
	{BOOT_SNP, 0x30b, 0, 4, 1, 2, "author key enabled: 2"},
	{BOOT_SNP, 0x30b, 0, 6, 1, 2, "reserved"},
	{BOOT_TDX, 0x30b, 0, 0, 4, 4, "only SNP guests"},
	{BOOT_SNP, 0x30c, 0, 4, 4, AREA_SIZE - 32, "48 bytes, and 32 are left"},
	{BOOT_SNP, 0x30d, 0, 0, 8, 0x822800, "no pages of guest memory"},
	{BOOT_SNP, 0x30d, 0, 12, 4, 0, "no pages of guest memory"},
	{BOOT_SNP, 0x30d, 0, 0, 8, 0x820000, "overlap"},
	{BOOT_SNP, 0x30e, 0, 4, 4, AREA_SIZE - 1, "1 are left"},
	{BOOT_SNP, 0x311, 0, 0, 4, 2, "VBS measurement header"},
	{BOOT_SNP, 0x312, 0, 4, 4, AREA_SIZE - 8, "and 8 are left"},
};

START_TEST(variable_header_fields)
{
	const struct fault *f = &faults[_i];
	uint8_t *field = find_header(f->type, f->n) + 8 + f->at;

	for (size_t i = 0; i < f->size; i++)
		field[i] = (uint8_t)(f->value >> 8 * i);
	fix_checksum();
	must_refuse(f->guest, f->says);
}
END_TEST

/* In the list of registers of a plain VM. */
START_TEST(native_registers)
{
	static const struct {
		size_t at;
		uint8_t value;
		const char *says;
	} registers[] = {
		{0x9a, 1, "reserved"},
		{0xab, 0xaf, "segment attributes 0xaf9b"},
		{0xb7, 0xc1, "segment attributes 0xc193"},
		{0xe8, 1, "byte 0xe8 behind the registers"},
		{0xfff, 1, "byte 0xfff behind the registers"},
	};
	size_t page = get_le32(find_header(0x304, 0) + 8 + 12);

	for (size_t i = 0; i < ARRAY_SIZE(registers); i++) {
		uint8_t was = bytes[page + registers[i].at];

		bytes[page + registers[i].at] = registers[i].value;
		must_refuse(BOOT_PLAIN, registers[i].says);
		bytes[page + registers[i].at] = was;
	}
	must_load(BOOT_PLAIN);
}
END_TEST

START_TEST(directives_without_support_are_named)
{
	static const struct {
		uint32_t type;
		const char *says;
	} types[] = {
		{0x308, "SRAT header"}, {0x30f, "SLIT header"}, {0x310, "PPTT header"},
		{0x314, "type 0x314"},	{0x299, "type 0x299"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		file_read("small.igvm");
		put_le32(find_header(0x307, 0), types[i].type);
		fix_checksum();
		must_refuse(BOOT_SNP, types[i].says);
	}
}
END_TEST

START_TEST(headers_out_of_order)
{
	put_le32(find_header(0x307, 0), 0x80000001);
	fix_checksum();
	must_refuse(BOOT_SNP, "8 bytes instead of 16");
	file_read("small.igvm");
	put_le32(find_header(0x303, 0), 0x101); /* also 16 bytes, its mask at the same place */
	fix_checksum();
	must_refuse(BOOT_SNP, "behind headers that have to come after it");
}
END_TEST

START_TEST(pages_behind_registers_could_not_be_measured)
{
	uint8_t *id = find_header(0x30b, 0);

	/* the ID block at the end becomes a page, and an unknown header that may be ignored */
	put_le32(id, 0x302);
	put_le32(id + 4, 24);
	memset(id + 8, 0, 24);
	put_le64(id + 8, 0x400000);
	put_le32(id + 16, 2);
	put_le32(id + 32, 0x80000399);
	put_le32(id + 36, ID_SIZE - 32);
	fix_checksum();
	must_refuse(BOOT_SNP, "behind a VP context");
	put_le32(id + 16, 1);
	fix_checksum();
	must_load(BOOT_PLAIN);
	item("page data", LOAD_DATA, 0x400000, 0x1000, 0);
}
END_TEST

START_TEST(a_file_for_other_platforms)
{
	uint8_t *platform = find_header(0x1, 2);

	platform[8 + 5] = 4;
	fix_checksum();
	must_refuse(BOOT_TDX, "it is for native (plain), VSM isolation, SEV-SNP, SEV, and this VM "
			      "is TDX");
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

static const struct {
	size_t at;
	const char *says;
} vmsa_faults[] = {
	{VMSA_CS + 3, "CS (VMSA offset 0x10)"},
	{VMSA_GDTR, "GDTR"},
	{0xca, "VMPL"},
	{VMSA_CPL, "CPL"},
	{VMSA_EFER + 1, "EFER"},
	{0x140, "XSS"},
	{VMSA_CR4, "CR4"},
	{VMSA_DR7, "DR7"},
	{VMSA_DR6, "DR6"},
	{0x1e0, "shadow stack"},
	{0x210, "system call"},
	{0x240, "CR2"},
	{VMSA_PAT, "PAT"},
	{0x2e8, "PKRU"},
	{0x3b8, "interrupt control"},
	{VMSA_SEV_FEATURES, "SEV_FEATURES"},
	{0x3c8, "VIRTUAL_TOM"},
	{VMSA_XCR0, "XCR0"},
	{VMSA_MXCSR, "MXCSR"},
	{VMSA_FCW, "FCW"},
	{0x420, "floating point"},
	{0xfff, "reserved field"},
};

START_TEST(vmsa_fields_that_kvm_does_not_make)
{
	must_load(BOOT_SNP);
	plan.vcpu[0].vmsa[vmsa_faults[_i].at] ^=
		0x40 | (vmsa_faults[_i].at == VMSA_EFER + 1 ? 0x10 : 0);
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
	put_le64(plan.vcpu[0].vmsa + VMSA_CR4, 0x40); /* long mode without PAE */
	ck_assert_int_eq(cc_check_vcpus(&snp_config, &plan, &err), -EINVAL);
	ck_assert_ptr_nonnull(strstr(err.text, "no processor mode"));
	config.tech = CC_TDX;
	ck_assert_int_eq(cc_check_vcpus(&config, &plan, &err), -ENOTSUP);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("igvm");
	TCase *tests = tcase_create("igvm");
	int failed;
	SRunner *runner;

	tcase_add_checked_fixture(tests, setup, unload);
	tcase_set_timeout(tests, 60);
	tcase_add_loop_test(tests, both_versions_load_for_each_platform, 0, 2);
	tcase_add_test(tests, items_keep_the_order_of_the_directives);
	tcase_add_test(tests, pages_below_4_gib_get_a_region);
	tcase_add_test(tests, parameters_tell_of_the_machine);
	tcase_add_test(tests, plain_registers_are_set);
	tcase_add_test(tests, snp_registers_are_kept_as_they_are);
	tcase_add_test(tests, the_launch_is_told_what_the_file_wants);
	tcase_add_loop_test(tests, fixed_header_fields, 0, ARRAY_SIZE(fixed_faults));
	tcase_add_test(tests, version_2_fields);
	tcase_add_loop_test(tests, variable_header_fields, 0, ARRAY_SIZE(faults));
	tcase_add_test(tests, native_registers);
	tcase_add_test(tests, directives_without_support_are_named);
	tcase_add_test(tests, headers_out_of_order);
	tcase_add_test(tests, pages_behind_registers_could_not_be_measured);
	tcase_add_test(tests, a_file_for_other_platforms);
	tcase_add_test(tests, a_changed_byte_in_the_headers_is_found);
	tcase_add_loop_test(tests, a_forged_byte_in_the_headers_does_no_harm, 0, 2);
	tcase_add_loop_test(tests, a_file_that_ends_in_its_headers_is_refused, 0, 2);
	tcase_add_test(tests, a_file_that_ends_in_its_data_is_refused);
	tcase_add_test(tests, a_wrong_length_of_any_header_is_refused);
	tcase_add_loop_test(tests, vmsa_fields_that_kvm_does_not_make, 0, ARRAY_SIZE(vmsa_faults));
	tcase_add_test(tests, registers_that_no_vcpu_can_have);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
