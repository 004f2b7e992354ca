// SPDX-License-Identifier: MIT
/*
 * A technology of its own in one file and one row: what stands below is all that there is of "dummy",
 * and cc_techs[] here takes the place of cc/techs.c. The rest of the program, which has never heard of
 * it, reads it in a configuration, probes, plans, measures and launches it.
 */
#include "cc/launch.h"
#include "tests/unit/cc_machine.h"
#include "tests/unit/suite.h"
#include "vmm/report/probe.h"

static struct {
	unsigned int opened, populated, finished, closed;
	uint64_t bytes;
} calls;

static int dummy_open(struct cc_launch *launch, struct vmm_error *err)
{
	(void)launch, (void)err;
	calls.opened++;
	return 0;
}

static int dummy_populate(struct cc_launch *launch, const struct load_item *item,
			  struct vmm_error *err)
{
	(void)err;
	ck_assert_int_eq(mem_is_private(launch->mem, item->gpa), 1);
	calls.populated++;
	calls.bytes += item->len;
	return 0;
}

static int dummy_finish(struct cc_launch *launch, struct vmm_error *err)
{
	(void)err;
	(void)launch;
	ck_assert_uint_gt(calls.populated, 0);
	calls.finished++;
	return 0;
}

static void dummy_close(struct cc_launch *launch)
{
	(void)launch;
	calls.closed++;
}

static bool dummy_measures(const struct load_item *item)
{
	return item->kind == LOAD_DATA;
}

/* A sum is measurement enough. */
static int dummy_measure(const struct cc_config *config, const struct load_plan *plan,
			 const struct guest_mem *mem, struct cc_measurement *out,
			 struct vmm_error *err)
{
	(void)config, (void)mem, (void)err;
	for (size_t i = 0; i < plan->nitems; i++)
		out->bytes += dummy_measures(&plan->item[i]) ? plan->item[i].len : 0;
	memcpy(out->digest, &out->bytes, sizeof(out->bytes));
	return 0;
}

static const struct cc_tech dummy = {
	.name = "dummy",
	.remedy = "a test is needed",
	.steps = (const char *const[CC_STEPS]){cc_step_write, "wave a hand", cc_step_start},
	.vm_type = KVM_X86_SW_PROTECTED_VM,
	.private_memory = true,
	.open = dummy_open,
	.populate = dummy_populate,
	.finish = dummy_finish,
	.close = dummy_close,
	.measures = dummy_measures,
	.measure = dummy_measure,
};

const struct cc_tech *const cc_techs[] = {
	&cc_none, &cc_auto, &cc_sw_protected, &cc_snp, &cc_tdx, &dummy, NULL,
};

static struct machine t;

static void setup(void)
{
	memset(&calls, 0, sizeof(calls));
	/* kernels that convert in place: without firmware nothing is populated in split mode */
	cc_machine_setup(&t, "dummy", 1, "2");
}

static void teardown(void)
{
	cc_machine_teardown(&t);
}

START_TEST(launches)
{
	ck_assert_msg(machine_create(&t.vm, &t.config, model_sys(t.model), NULL, &t.err) == 0, "%s",
		      t.err.text);
	ck_assert_msg(minivmm_load(t.vm, &t.err) == 0, "%s", t.err.text);
	ck_assert_msg(minivmm_launch(t.vm, &t.err) == 0, "%s", t.err.text);
	ck_assert_uint_eq(calls.opened, 1);
	ck_assert_uint_ge(calls.populated, 3);
	ck_assert_uint_gt(calls.bytes, 0);
	ck_assert_uint_eq(calls.finished, 1);
	ck_assert_uint_eq(calls.closed, 0);
	minivmm_destroy(t.vm);
	t.vm = NULL;
	ck_assert_uint_eq(calls.closed, 1);
}
END_TEST

/* A configuration in a file, with the kernel of the fixture. */
static struct minivmm_config *read_config(const char *cc)
{
	struct minivmm_config *config = minivmm_config_new();
	struct vmm_error err = {0};
	struct test_file file;
	char text[256];

	snprintf(text, sizeof(text),
		 "[machine]\ncc = \"%s\"\nmemory = \"64M\"\n[boot]\nkernel = \"%s\"\n", cc,
		 t.kernel.path);
	file = file_make(text, strlen(text));
	ck_assert_msg(minivmm_config_read(config, file.path, NULL, NULL, &err) == 0, "%s",
		      err.text);
	file_free(&file);
	return config;
}

START_TEST(is_planned_and_measured)
{
	struct minivmm_config *config = read_config("dummy");
	struct vmm_error err;
	char *text;

	ck_assert_int_eq(minivmm_plan(config, false, &text, &err), 0);
	ck_assert_ptr_nonnull(strstr(text, "machine.cc = \"dummy\""));
	ck_assert_ptr_nonnull(strstr(text, "2. wave a hand"));
	ck_assert_ptr_nonnull(strstr(text, ", measured"));
	free(text);
	ck_assert_int_eq(minivmm_measure(config, false, &text, &err), 0);
	ck_assert_uint_eq(strlen(text), 2 * CC_DIGEST);
	ck_assert_int_ne(strncmp(text, "0000000000000000", 16), 0);
	ck_assert_str_eq(text + 16, "00000000000000000000000000000000000000000000000000000000000000"
				    "000000000000000000");
	free(text);
	minivmm_config_free(config);
}
END_TEST

START_TEST(is_named_where_another_is_not_known)
{
	ck_assert_int_lt(config_set(&t.config, "machine.cc", "\"dumb\"", &t.err), 0);
	ck_assert_ptr_nonnull(strstr(t.err.text, "\"dummy\""));
}
END_TEST

START_TEST(is_probed)
{
	struct probe *p = calloc(1, sizeof(*p));
	const struct probe_type *type;

	ck_assert_ptr_nonnull(p);
	probe_host(p, model_sys(t.model));
	type = &p->type[p->ntypes - 1];
	ck_assert_ptr_eq(type->tech, &dummy);
	ck_assert(type->offered && type->usable);
	free(p);
}
END_TEST

SUITE(test_dummy_tech)
{
	Suite *suite = suite_create("dummy_tech");
	TCase *tc = tcase_create("dummy");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, launches);
	tcase_add_test(tc, is_planned_and_measured);
	tcase_add_test(tc, is_named_where_another_is_not_known);
	tcase_add_test(tc, is_probed);
	suite_add_tcase(suite, tc);
	return suite;
}
