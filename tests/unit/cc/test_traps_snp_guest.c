// SPDX-License-Identifier: MIT
/* The traps of the SNP interface that are about the machine around the launch, and about what the
 * guest finds: see the table in test_traps_snp.c. */
#include "boot/lowmem.h"
#include "mem/convert.h"
#include "tests/unit/cc_machine.h"
#include "tests/unit/suite.h"

#include <linux/kvm_para.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>

#define PAGES(n) ((n)*PAGE_SIZE)
#define AT	 MIB(2)

/* Offsets in boot parameters: Linux Documentation/arch/x86/zero-page.rst, boot.rst */
#define PARAMS_RSDP	   0x70
#define PARAMS_CC_BLOB	   0x13c
#define PARAMS_SETUP_DATA  0x250
#define PARAMS_E820_COUNT  0x1e8
#define PARAMS_E820	   0x2d0
#define SETUP_TYPE_CC_BLOB 7

static struct machine t;

static void setup(void)
{
	cc_machine_setup(&t, "snp", 1, "2");
	ck_assert_msg(cc_machine_launch(&t) == 0, "%s", t.err.text);
}

static void teardown(void)
{
	cc_machine_teardown(&t);
}

#define run(steps) cc_machine_run(&t, steps, ARRAY_SIZE(steps))

static const uint8_t *guest(uint64_t gpa, uint64_t len)
{
	const uint8_t *p = model_guest_ptr(t.model, 0, gpa, len);

	ck_assert_ptr_nonnull(p);
	return p;
}

/* --- exits --- */

START_TEST(trap_hypercall_exits_not_enabled_or_ret_not_written)
{
	/* the model checks both: a foul would end this program */
	const struct model_step steps[] = {TO_SHARED(AT, 1), TO_PRIVATE(AT, 1), POWER_OFF};

	ck_assert_uint_eq(model_vm(t.model, 0)->hypercall_exits, 1 << KVM_HC_MAP_GPA_RANGE);
	run(steps);
	machine_must_end(&t, MINIVMM_POWEROFF);
}
END_TEST

START_TEST(trap_efault_taken_as_fatal)
{
	const struct model_step steps[] = {TOUCH_SHARED(AT), TOUCH_PRIVATE(AT), POWER_OFF};

	run(steps);
	machine_must_end(&t, MINIVMM_POWEROFF);
}
END_TEST

/* The size hint of a request for 2 MiB is not the bit for private. */
START_TEST(trap_map_gpa_range_attributes_tested_for_non_zero)
{
	const struct model_step steps[] = {MAP_GPA(AT, 512, 1, 0), POWER_OFF};

	run(steps);
	machine_must_end(&t, MINIVMM_POWEROFF);
	for (uint64_t gpa = AT; gpa < AT + MIB(2); gpa += PAGE_SIZE)
		ck_assert(!model_page_private(t.model, 0, gpa));
}
END_TEST

START_TEST(trap_page_count_multiplied_for_large_requests)
{
	const struct model_step steps[] = {MAP_GPA(AT, 1, 1, 0), MAP_GPA(AT + MIB(2), 2, 2, 0),
					   POWER_OFF};

	run(steps);
	machine_must_end(&t, MINIVMM_POWEROFF);
	ck_assert(!model_page_private(t.model, 0, AT));
	ck_assert(model_page_private(t.model, 0, AT + PAGES(1)));
	ck_assert(!model_page_private(t.model, 0, AT + MIB(2) + PAGES(1)));
	ck_assert(model_page_private(t.model, 0, AT + MIB(2) + PAGES(2)));
}
END_TEST

/* A VM is launched once; what comes after a reset is another VM. */
START_TEST(trap_reboot_is_no_reset)
{
	const struct model_step steps[] = {OUT(PLATFORM_RESET_PORT, 1, PLATFORM_RESET_VALUE)};

	ck_assert_int_eq(config_set(&t.config, "machine.on-reboot", "\"relaunch\"", NULL), 0);
	run(steps);
	machine_must_end(&t, MINIVMM_REBOOT);
	ck_assert(t.result.relaunch);
	ck_assert_int_eq(minivmm_launch(t.vm, &t.err), -EBUSY);
	minivmm_destroy(t.vm);
	ck_assert_msg(cc_machine_launch(&t) == 0, "%s", t.err.text);
	ck_assert_uint_eq(model_vms(t.model), 2);
	model_check_launch(t.model, 1, true);
}
END_TEST

/* A launch that failed after its vCPUs were made leaves nothing that could be run. */
START_TEST(trap_running_what_was_not_finished)
{
	teardown();
	cc_machine_setup(&t, _i ? "sw-protected" : "snp", 1, "1");
	ck_assert_int_eq(machine_create(&t.vm, &t.config, model_sys(t.model), NULL, &t.err), 0);
	ck_assert_int_eq(minivmm_load(t.vm, &t.err), 0);
	ck_assert_int_eq(minivmm_run(t.vm, &t.err), -EBUSY);
	model_fail_nth_of(t.model, "KVM_SET_MEMORY_ATTRIBUTES2", 1, EIO);
	ck_assert_int_eq(minivmm_launch(t.vm, &t.err), -EIO);
	ck_assert_int_eq(minivmm_run(t.vm, &t.err), -EBUSY);
	ck_assert_uint_eq(model_count(t.model, "KVM_RUN"), 0);
}
END_TEST

/* --- CPUs --- */

START_TEST(trap_aps_left_uninitialized)
{
	ck_assert_uint_eq(model_vcpu(t.model, 0, 0)->mp_state.mp_state, KVM_MP_STATE_RUNNABLE);
	ck_assert_uint_eq(model_vcpu(t.model, 0, 1)->mp_state.mp_state, KVM_MP_STATE_HALTED);
}
END_TEST

static bool has(const uint8_t *p, size_t len, const char *word)
{
	return memmem(p, len, word, strlen(word)) != NULL;
}

START_TEST(trap_mp_table_instead_of_madt)
{
	const uint8_t *tables = guest(LOWMEM_ACPI, PAGES(4));

	ck_assert(has(tables, PAGES(4), "APIC"));
	ck_assert(!has(guest(0, LOWMEM_END), LOWMEM_END, "_MP_"));
}
END_TEST

/* --- devices --- */

#define REG(r) (LAYOUT_VIRTIO_BASE + VIRTIO_MMIO_##r)

#define BEGUN	 (VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER)
#define ACCEPTED (BEGUN | VIRTIO_CONFIG_S_FEATURES_OK)

/* A driver that takes VERSION_1 and whatever else is in `high`. */
#define NEGOTIATE(high, status)                                                                \
	STORE(REG(STATUS), 4, 0), STORE(REG(STATUS), 4, BEGUN),                                \
		STORE(REG(DRIVER_FEATURES_SEL), 4, 0), STORE(REG(DRIVER_FEATURES), 4, 0),      \
		STORE(REG(DRIVER_FEATURES_SEL), 4, 1), STORE(REG(DRIVER_FEATURES), 4, (high)), \
		STORE(REG(STATUS), 4, ACCEPTED), LOAD(REG(STATUS), 4, (status))

/* Bits 32 and 33. The device offers both, and will not work for a driver that does not take both:
 * it would find its buffers in memory that nobody else can read. */
START_TEST(trap_virtio_without_access_platform)
{
	const uint32_t version_1 = 1, platform = 2;
	const struct model_step steps[] = {
		LOAD(REG(MAGIC_VALUE), 4, 0x74726976),
		STORE(REG(DEVICE_FEATURES_SEL), 4, 1),
		LOAD(REG(DEVICE_FEATURES), 4, version_1 | platform),
		NEGOTIATE(version_1, BEGUN),
		NEGOTIATE(version_1 | platform, ACCEPTED),
		POWER_OFF,
	};

	teardown();
	cc_machine_setup(&t, "snp", 1, "1");
	ck_assert_int_eq(config_set(&t.config, "rng.source", "\"/dev/urandom\"", &t.err), 0);
	ck_assert_msg(cc_machine_launch(&t) == 0, "%s", t.err.text);
	run(steps);
	machine_must_end(&t, MINIVMM_POWEROFF);
}
END_TEST

/* --- memory --- */

static bool covered(uint64_t gpa)
{
	const struct load_plan *plan = t.vm->plan;

	for (size_t i = 0; i < plan->nitems; i++)
		if (gpa >= plan->item[i].gpa && gpa - plan->item[i].gpa < plan->item[i].len)
			return true;
	return false;
}

START_TEST(trap_e820_ram_not_validated_completely)
{
	const uint8_t *params = guest(LOWMEM_PARAMS, PAGE_SIZE);
	uint64_t ram = 0;

	ck_assert_uint_gt(params[PARAMS_E820_COUNT], 3);
	for (uint8_t i = 0; i < params[PARAMS_E820_COUNT]; i++) {
		const uint8_t *e = params + PARAMS_E820 + 20 * i;
		uint64_t gpa = get_le64(e), len = get_le64(e + 8);

		if (get_le32(e + 16) != GPA_RAM && get_le32(e + 16) != GPA_ACPI)
			continue;
		for (uint64_t at = gpa; at < gpa + len; at += PAGE_SIZE)
			ck_assert_msg(covered(at), "%#llx", (unsigned long long)at);
		ram += len;
	}
	ck_assert_uint_gt(ram, CC_MACHINE_RAM - MIB(1));
	model_check_launch(t.model, 0, true);
}
END_TEST

/* There is no shim yet: the firmware accepts for the guest what a shim would. What it would be told
 * to accept is that RAM that nothing was loaded into, and no page of it twice. */
START_TEST(trap_loaded_pages_validated_again)
{
	const struct load_plan *plan = t.vm->plan;

	for (size_t i = 0; i < plan->nitems; i++)
		for (size_t j = 0; j < i; j++)
			ck_assert_msg(!ranges_overlap(plan->item[i].gpa, plan->item[i].len,
						      plan->item[j].gpa, plan->item[j].len),
				      "%s and %s", plan->item[i].name, plan->item[j].name);
	ck_assert_uint_eq(model_vm(t.model, 0)->twice, 0);
}
END_TEST

static uint32_t e820_type(uint64_t gpa)
{
	const uint8_t *params = guest(LOWMEM_PARAMS, PAGE_SIZE);

	for (uint8_t i = 0; i < params[PARAMS_E820_COUNT]; i++) {
		const uint8_t *e = params + PARAMS_E820 + 20 * i;

		if (gpa >= get_le64(e) && gpa - get_le64(e) < get_le64(e + 8))
			return get_le32(e + 16);
	}
	return 0;
}

START_TEST(trap_secrets_cpuid_or_blob_inside_e820_ram)
{
	unsigned int found = 0;

	for (size_t i = 0; i < t.vm->plan->nitems; i++) {
		const struct load_item *item = &t.vm->plan->item[i];

		if (item->kind != LOAD_SECRETS && item->kind != LOAD_CPUID &&
		    strcmp(item->name, "SNP blob") != 0)
			continue;
		found++;
		ck_assert_uint_eq(item->len, PAGE_SIZE);
		ck_assert_msg(e820_type(item->gpa) == GPA_RESERVED, "%s", item->name);
	}
	ck_assert_uint_eq(found, 3);
	ck_assert_uint_eq(e820_type(0), GPA_RAM); /* the kernel reads the BIOS data area */
}
END_TEST

/* The bzImage's own stub clears that field: the blob is found through the list. */
START_TEST(trap_cc_blob_address_for_a_bzimage)
{
	const uint8_t *params = guest(LOWMEM_PARAMS, PAGE_SIZE);
	uint64_t node = get_le64(params + PARAMS_SETUP_DATA);
	const uint8_t *blob;

	ck_assert_uint_eq(get_le32(params + PARAMS_CC_BLOB), 0);
	ck_assert_uint_ne(node, 0);
	ck_assert_uint_eq(get_le32(guest(node + 8, 4)), SETUP_TYPE_CC_BLOB);
	blob = guest(get_le32(guest(node + 16, 4)), 40);
	ck_assert_mem_eq(blob, "AMDE", 4);
	ck_assert_uint_eq(get_le64(blob + 8), LOWMEM_SNP_SECRETS);
	ck_assert_uint_eq(get_le32(blob + 16), PAGE_SIZE);
	ck_assert_uint_eq(get_le64(blob + 24), LOWMEM_SNP_CPUID);
}
END_TEST

START_TEST(trap_no_acpi_rsdp_addr)
{
	uint64_t rsdp = get_le64(guest(LOWMEM_PARAMS, PAGE_SIZE) + PARAMS_RSDP);

	ck_assert_mem_eq(guest(rsdp, 36), "RSD PTR ", 8);
	/* in ACPI memory: plain reserved pages would be mapped without the C-bit later */
	ck_assert_uint_eq(e820_type(rsdp), GPA_ACPI);
}
END_TEST

START_TEST(trap_screen_info_filled_as_for_a_pc)
{
	const uint8_t *params = guest(LOWMEM_PARAMS, PAGE_SIZE);

	for (unsigned int i = 0; i < 0x40; i++)
		ck_assert_uint_eq(params[i], 0);
}
END_TEST

SUITE(test_traps_snp_guest)
{
	Suite *s = suite_create("traps_snp_guest");
	TCase *tc = tcase_create("traps");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, trap_hypercall_exits_not_enabled_or_ret_not_written);
	tcase_add_test(tc, trap_efault_taken_as_fatal);
	tcase_add_test(tc, trap_map_gpa_range_attributes_tested_for_non_zero);
	tcase_add_test(tc, trap_page_count_multiplied_for_large_requests);
	tcase_add_test(tc, trap_reboot_is_no_reset);
	tcase_add_loop_test(tc, trap_running_what_was_not_finished, 0, 2);
	tcase_add_test(tc, trap_aps_left_uninitialized);
	tcase_add_test(tc, trap_mp_table_instead_of_madt);
	tcase_add_test(tc, trap_virtio_without_access_platform);
	tcase_add_test(tc, trap_e820_ram_not_validated_completely);
	tcase_add_test(tc, trap_loaded_pages_validated_again);
	tcase_add_test(tc, trap_secrets_cpuid_or_blob_inside_e820_ram);
	tcase_add_test(tc, trap_cc_blob_address_for_a_bzimage);
	tcase_add_test(tc, trap_no_acpi_rsdp_addr);
	tcase_add_test(tc, trap_screen_info_filled_as_for_a_pc);
	suite_add_tcase(s, tc);
	return s;
}
