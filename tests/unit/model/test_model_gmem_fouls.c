// SPDX-License-Identifier: MIT
/*
 * What the model's referee whistles at where private memory is concerned: a kernel would let the
 * guest die of it later.
 */
#include "tests/unit/gmem_files.h"
#include "tests/unit/suite.h"

#include <signal.h>

static void foul_two_backings(void)
{
	void *elsewhere;

	start(MODEL_GMEM_REV8, KVM_X86_SNP_VM);
	sys()->ops->mmap(sys()->ctx, &elsewhere, PAGES(16), PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	set_slot(0, 0, create_file(mapped), 0, PAGES(16), elsewhere);
}

static void foul_private_without_memory(void)
{
	start(MODEL_GMEM_6_12, KVM_X86_SNP_VM);
	kvm_vm_set_attributes(&vm,
			      &(struct kvm_memory_attributes){
				      .address = 0xfec00000, .size = 4096, .attributes = 8},
			      &err);
}

static void foul_conversion_of_a_populated_page(void)
{
	void *page;
	int fd;

	start(MODEL_GMEM_REV8, KVM_X86_TDX_VM);
	fd = create_file(mapped);
	set_slot(0, 0, fd, 0, PAGES(16), map(fd));
	convert(fd, 0, PAGES(1), 8, 0);
	if (model_populate_page(m, 0, 0, 0, &page) == 0)
		convert(fd, 0, PAGES(16), 8, 0);
}

static void foul_hole_in_place(void)
{
	int fd;

	start(MODEL_GMEM_REV8, KVM_X86_SNP_VM);
	fd = create_file(mapped);
	sys()->ops->fallocate(sys()->ctx, fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
			      PAGES(1));
}

static void split_region(void)
{
	start_as(&dialects[0], KVM_X86_SNP_VM);
	add(0, PAGES(16));
	if (mem_convert(&mem, 0, PAGES(8), true, &err) < 0)
		exit(1);
}

static void foul_hole_in_private_memory(void)
{
	split_region();
	sys()->ops->fallocate(sys()->ctx, mem.region[0].private_fd,
			      FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, PAGES(7), PAGES(1));
}

static void foul_hole_in_shared_memory(void)
{
	split_region();
	sys()->ops->fallocate(sys()->ctx, mem.region[0].fd,
			      FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, PAGES(7), PAGES(2));
}

static void (*const fouls[])(void) = {
	foul_two_backings,  foul_private_without_memory, foul_conversion_of_a_populated_page,
	foul_hole_in_place, foul_hole_in_private_memory, foul_hole_in_shared_memory,
};

START_TEST(the_referee_whistles)
{
	fouls[_i]();
}
END_TEST

SUITE(test_model_gmem_fouls)
{
	Suite *s = suite_create("fouls of private memory");
	TCase *tc = tcase_create("fouls");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_loop_test_raise_signal(tc, the_referee_whistles, SIGABRT, 0,
					 (int)ARRAY_SIZE(fouls));
	suite_add_tcase(s, tc);
	return s;
}
