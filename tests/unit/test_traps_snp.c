// SPDX-License-Identifier: MIT
/*
 * The traps of the SNP interface: what has cost implementers time, each with a test named after it.
 * Where a trap is about what minivmm does, the test shows that it does not fall into it, and, if
 * that is not obvious, that the model would have noticed. Tested elsewhere:
 *
 *	trap						where
 *	sections sorted, hashes page left out		test_ovmf, test_vectors_snp
 *	SEC_MEM loaded as NORMAL zeros			test_vectors_snp
 *	command line hashed without NUL			test_vectors_snp (vector s2)
 *	setup header patched before hashing		test_vectors_snp (vector s3), test_firmware
 *	footer without bounds, size 0 entry		test_ovmf, fuzz_ovmf
 *	builds without metadata accepted		test_ovmf
 *	pages validated again by the shim		no shim yet; nothing is given to the
 *							firmware twice: model_check_launch()
 *	virtio without ACCESS_PLATFORM			test_virtio_mmio
 *	MXCSR, FCW, CR4, EFER in the calculator		here, and test_vectors_snp
 */
#include "boot/lowmem.h"
#include "cc/snp_cpuid.h"
#include "cc/vmsa.h"
#include "mem/convert.h"
#include "tests/unit/cc_fixture.h"
#include "vmm/kvm/uapi_snp.h"

#include <signal.h>
#include <sys/mman.h>

static struct launch t;

static void setup(void)
{
	launch_init(&t, CC_SNP, REV8, 2);
}

static void teardown(void)
{
	launch_close(&t);
}

static int raw(uint32_t id, void *data, uint32_t *status)
{
	struct snp_cmd cmd = {.id = id, .data = (uintptr_t)data, .sev_fd = (uint32_t)t.cc.sev_fd};
	int ret = kvm_ioctl(&t.vm.h, KVM_MEMORY_ENCRYPT_OP, "raw", &cmd, &t.err);

	if (status)
		*status = cmd.error;
	return ret;
}

/* Number of the first call of this name; a failure if there is none. */
static unsigned long first(const char *name)
{
	for (unsigned long n = 1; n <= model_calls(t.m); n++)
		if (strcmp(model_call_name(t.m, n), name) == 0)
			return n;
	ck_abort_msg("%s was never called", name);
	return 0;
}

/* --- the order of calls --- */

START_TEST(trap_bit_0_in_vmsa_features)
{
	struct snp_init init = {.vmsa_features = 1};

	must(launch_create_vm(&t), &t);
	ck_assert_int_eq(raw(SNP_CMD_INIT2, &init, NULL), -EINVAL);
	t.config.snp.features = 0x21; /* as the measured VMSA has it */
	must(launch_open(&t), &t);
	ck_assert_uint_eq(model_vm(t.m, 0)->snp->features, 0x21);
}
END_TEST

START_TEST(trap_vcpu_before_init2)
{
	struct kvm_vcpu early;

	must(launch_create_vm(&t), &t);
	must(kvm_vcpu_create(&early, &t.vm, &t.kvm, 0, &t.err), &t);
	ck_assert_int_eq(launch_open(&t), -EINVAL);
	launch_says(&t, "KVM_SEV_INIT2");
	kvm_vcpu_close(&early);
	teardown();

	setup();
	must(launch_all(&t), &t);
	ck_assert_uint_lt(first("KVM_SEV_INIT2"), first("KVM_CREATE_VCPU"));
	ck_assert_uint_lt(first("KVM_SEV_INIT2"), first("KVM_SET_USER_MEMORY_REGION2"));
}
END_TEST

START_TEST(trap_vcpu_or_registers_after_finish)
{
	struct kvm_vcpu late;
	struct kvm_regs regs = {0};
	unsigned long calls;

	must(launch_all(&t), &t);
	ck_assert_int_eq(kvm_vcpu_set_regs(&t.vcpu[0], &regs, &t.err), -EINVAL);
	ck_assert_int_eq(kvm_vcpu_get_regs(&t.vcpu[0], &regs, &t.err), -EINVAL);
	must(kvm_vcpu_create(&late, &t.vm, &t.kvm, 2, &t.err), &t);
	calls = model_calls(t.m);
	ck_assert_int_eq(cc_vcpu(&t.cc, &late, 0, &t.err), -EPERM);
	ck_assert_uint_eq(model_calls(t.m), calls);
	ck_assert_int_eq(kvm_vcpu_run(&late), -EINVAL);
	kvm_vcpu_close(&late);
}
END_TEST

static void run_early(void)
{
	must(launch_prepare(&t), &t);
	must(launch_vcpus(&t), &t);
	must(launch_populate(&t), &t);
	kvm_vcpu_run(&t.vcpu[0]);
}

START_TEST(trap_running_before_finish_is_a_foul)
{
	run_early(); /* the model aborts */
}
END_TEST

START_TEST(trap_sregs_before_cpuid)
{
	struct cc_vcpu_state state;
	struct kvm_vcpu vcpu;

	must(launch_prepare(&t), &t);
	cc_vcpu_state(&t.plan, 0, 0, CBIT, &state);
	ck_assert_uint_ne(state.sregs.cr3 & 1ULL << CBIT, 0);
	must(kvm_vcpu_create(&vcpu, &t.vm, &t.kvm, 0, &t.err), &t);
	/* the C-bit is an address bit too many for all that KVM knows */
	ck_assert_int_eq(kvm_vcpu_set_sregs(&vcpu, &state.sregs, &t.err), -EINVAL);
	must(kvm_vcpu_set_cpuid(&vcpu, t.cpuid, &t.err), &t);
	must(kvm_vcpu_set_sregs(&vcpu, &state.sregs, &t.err), &t);
	kvm_vcpu_close(&vcpu);
}
END_TEST

START_TEST(trap_leaf_8000001f_not_written)
{
	const struct model_vcpu *v;
	unsigned int found = 0;

	must(launch_all(&t), &t);
	for (uint32_t id = 0; id < 2; id++) {
		v = model_vcpu(t.m, 0, id);
		for (uint32_t i = 0; i < v->ncpuid; i++) {
			const struct kvm_cpuid_entry2 *e = &v->cpuid[i];

			if (e->function != 0x8000001f)
				continue;
			found++;
			ck_assert_uint_eq(e->eax, 0x1a);
			ck_assert_uint_eq(e->ebx, CBIT | 1 << 6);
			ck_assert_uint_eq(e->ecx | e->edx, 0);
		}
	}
	ck_assert_uint_eq(found, 2);
	ck_assert_uint_eq(model_vcpu(t.m, 0, 0)->sregs.cr3, PAGES(3) | 1ULL << CBIT);
}
END_TEST

/* --- LAUNCH_UPDATE --- */

/* One item over two memory slots, loaded from our own buffer: KVM stops at the border. */
START_TEST(trap_update_issued_once_for_a_range)
{
	struct load_item *item;
	uint8_t *bytes;

	must(launch_create_vm(&t), &t);
	must(launch_open(&t), &t);
	mem_init(&t.mem, model_sys(t.m), &t.vm, false);
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
	launch_init(&t, CC_SNP, SPLIT, 1);
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

	launch_init(&t, CC_SNP, SPLIT, 1);
	must(launch_all(&t), &t);
	model_check_launch(t.m, 0, true);
}
END_TEST

/* A page in place has no buffer that the corrected table could come back to: ours is one. */
START_TEST(trap_cpuid_buffer_that_cannot_be_written_to)
{
	teardown();
	launch_init(&t, CC_SNP, (unsigned int)_i, 1);
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
	uint8_t *page;
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
	uint8_t page[SNP_CPUID_PAGE];

	must(launch_create_vm(&t), &t);
	table = calloc(1, sizeof(*table) + 70 * sizeof(table->entries[0]));
	table->nent = 70;
	for (uint32_t i = 0; i < 70; i++)
		table->entries[i] =
			(struct kvm_cpuid_entry2){.function = i, .eax = 1, .ecx = 0x100};
	ck_assert_int_eq(snp_cpuid_build(table, page, &t.err), -E2BIG);
	launch_says(&t, "64");
	/* entries that say nothing are not counted */
	for (uint32_t i = 60; i < 70; i++)
		table->entries[i].eax = table->entries[i].ecx = 0;
	must(snp_cpuid_build(table, page, &t.err), &t);
	ck_assert_uint_eq(get_le32(page), 60);
	/* nor those that only end a list: the last level of topology */
	table->entries[0xb].eax = 0;
	table->entries[0xb].ecx = 2;
	must(snp_cpuid_build(table, page, &t.err), &t);
	ck_assert_uint_eq(get_le32(page), 59);
	free(table);
	/* what a whole machine has fits */
	must(snp_cpuid_build(t.cpuid, page, &t.err), &t);
	ck_assert_uint_le(get_le32(page), 64);
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

/* --- what is measured of the vCPUs --- */

/* With firmware the other CPUs start where its reset block says, and RDX is the model's signature,
 * which KVM's reset does not know. */
START_TEST(trap_ap_state_from_the_reset_block)
{
	const struct model_vcpu *ap;

	must(launch_create_vm(&t), &t);
	must(launch_open(&t), &t);
	must(launch_memory(&t), &t);
	launch_item(&t, "firmware", PAGES(16), 9, LOAD_DATA);
	must(load_plan_fill(&t.plan, &t.mem, "RAM", LOAD_ZERO, &t.err), &t);
	t.plan.entry = (struct load_entry){.mode = ENTRY_RESET, .ap_eip = 0x80b004};
	must(launch_complete(&t), &t);
	launch_assert_measured(&t);
	ap = model_vcpu(t.m, 0, 1);
	ck_assert_uint_eq(ap->sregs.cs.base, 0x800000);
	ck_assert_uint_eq(ap->regs.rip, 0xb004);
	ck_assert_uint_eq(ap->regs.rdx, 0xa00f11);
	ck_assert_uint_eq(model_vcpu(t.m, 0, 0)->sregs.cs.base, 0xffff0000);
	ck_assert_uint_eq(model_vcpu(t.m, 0, 0)->regs.rdx, 0xa00f11);
}
END_TEST

START_TEST(trap_segments_not_accessed_or_busy)
{
	must(launch_all(&t), &t);
	for (uint32_t id = 0; id < 2; id++) {
		const struct kvm_sregs *s = &model_vcpu(t.m, 0, id)->sregs;
		const struct kvm_segment *data[] = {&s->ds, &s->es, &s->fs, &s->gs, &s->ss};

		ck_assert_uint_eq(s->cs.type, 0xb);
		ck_assert_uint_eq(s->tr.type, 0xb);
		ck_assert_uint_eq(s->ldt.type, 0x2);
		for (size_t i = 0; i < ARRAY_SIZE(data); i++)
			ck_assert_uint_eq(data[i]->type, 0x3);
	}
}
END_TEST

START_TEST(trap_fields_that_kvm_adds_to_the_vmsa)
{
	static const struct load_plan plan = {.entry = {.mode = ENTRY_RESET}};
	struct cc_vcpu_state state;
	uint8_t page[VMSA_SIZE];

	cc_vcpu_state(&plan, 0, 0x800f12, 0, &state);
	vmsa_build(&state, 1, page);
	ck_assert_uint_eq(get_le32(page + 0x408), 0x1f80);	       /* MXCSR */
	ck_assert_uint_eq(get_le16(page + 0x410), 0x37f);	       /* FCW */
	ck_assert_uint_eq(get_le64(page + 0x148), 0x40);	       /* CR4 */
	ck_assert_uint_eq(get_le64(page + 0xd0), 0x1000);	       /* EFER */
	ck_assert_uint_eq(get_le64(page + 0x268), 0x0007040600070406); /* PAT */
	ck_assert_uint_eq(get_le16(page + 0x12), 0x9b);		       /* CS */
	ck_assert_uint_eq(get_le16(page + 0x92), 0x8b);		       /* TR */
	ck_assert_uint_eq(get_le16(page + 0x32), 0x93);		       /* DS */
}
END_TEST

/* --- FINISH, and after it --- */

START_TEST(trap_host_data_is_at_19)
{
	struct snp_launch_finish f = {.vcek_disabled = 0};
	const uint8_t *bytes = (const uint8_t *)&f;

	memset(f.host_data, 0x77, sizeof(f.host_data));
	ck_assert_uint_eq(bytes[18], 0);
	ck_assert_uint_eq(bytes[19], 0x77);
	ck_assert_uint_eq(bytes[50], 0x77);
	ck_assert_uint_eq(bytes[51], 0);
	memset(t.config.snp.host_data, 0x99, 32);
	t.config.snp.host_data[0] = 1;
	must(launch_all(&t), &t);
	/* the model takes 32 bytes from offset 19 on */
	ck_assert_mem_eq(model_vm(t.m, 0)->snp->host_data, t.config.snp.host_data, 32);
}
END_TEST

static void delete_slot(void)
{
	struct kvm_userspace_memory_region2 r = {.slot = 0};

	must(launch_all(&t), &t);
	kvm_vm_set_region2(&t.vm, &r, &t.err);
}

START_TEST(trap_slot_deleted_over_loaded_pages_is_a_foul)
{
	delete_slot();
}
END_TEST

START_TEST(trap_hole_punched_over_loaded_pages_is_a_foul)
{
	const struct sys *sys = model_sys(t.m);

	teardown();
	launch_init(&t, CC_SNP, SPLIT, 1);
	sys = model_sys(t.m);
	must(launch_all(&t), &t);
	/* FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE */
	sys->ops->fallocate(sys->ctx, t.mem.region[0].private_fd, 3, PAGES(16), PAGE_SIZE);
}
END_TEST

/* Only RAM becomes private, though there is a hole of gigabytes between the two regions. */
START_TEST(trap_private_set_on_mmio_holes)
{
	teardown();
	launch_init(&t, CC_SNP, SPLIT, 1);
	must(launch_all(&t), &t);
	ck_assert(model_page_private(t.m, 0, 0));
	ck_assert(model_page_private(t.m, 0, HIGH + PAGES(HIGH_PAGES - 1)));
	ck_assert_int_eq(mem_is_private(&t.mem, LAYOUT_VIRTIO_BASE), -EFAULT);
	/* the model whistles at PRIVATE where no memory is, see the next test */
	ck_assert_uint_eq(t.mem.stats.conversions, 2);
}
END_TEST

START_TEST(trap_private_on_a_hole_is_a_foul)
{
	struct kvm_memory_attributes a = {
		.address = LAYOUT_VIRTIO_BASE, .size = PAGE_SIZE, .attributes = 8};

	teardown();
	launch_init(&t, CC_SNP, SPLIT, 1);
	must(launch_all(&t), &t);
	kvm_vm_set_attributes(&t.vm, &a, &t.err);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("traps_snp");
	TCase *tc = tcase_create("traps");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, trap_bit_0_in_vmsa_features);
	tcase_add_test(tc, trap_vcpu_before_init2);
	tcase_add_test(tc, trap_vcpu_or_registers_after_finish);
	tcase_add_test_raise_signal(tc, trap_running_before_finish_is_a_foul, SIGABRT);
	tcase_add_test(tc, trap_sregs_before_cpuid);
	tcase_add_test(tc, trap_leaf_8000001f_not_written);
	tcase_add_test(tc, trap_update_issued_once_for_a_range);
	tcase_add_test(tc, trap_secrets_or_cpuid_with_a_null_source);
	tcase_add_loop_test(tc, trap_cpuid_buffer_that_cannot_be_written_to, 0, LAUNCH_MODES);
	tcase_add_test(tc, trap_cpuid_buffer_that_is_read_only);
	tcase_add_test(tc, trap_more_than_64_cpuid_entries);
	tcase_add_test(tc, trap_raw_kvm_leaves_in_the_cpuid_page);
	tcase_add_test(tc, trap_correction_accepted_for_the_page_only);
	tcase_add_test(tc, trap_ap_state_from_the_reset_block);
	tcase_add_test(tc, trap_segments_not_accessed_or_busy);
	tcase_add_test(tc, trap_fields_that_kvm_adds_to_the_vmsa);
	tcase_add_test(tc, trap_host_data_is_at_19);
	tcase_add_test_raise_signal(tc, trap_slot_deleted_over_loaded_pages_is_a_foul, SIGABRT);
	tcase_add_test_raise_signal(tc, trap_hole_punched_over_loaded_pages_is_a_foul, SIGABRT);
	tcase_add_test(tc, trap_private_set_on_mmio_holes);
	tcase_add_test_raise_signal(tc, trap_private_on_a_hole_is_a_foul, SIGABRT);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
