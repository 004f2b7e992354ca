/* SPDX-License-Identifier: MIT */
/* For the tests of whole confidential machines: the fixture of plain ones, with a technology and a
 * kernel's dialect of private memory. */
#ifndef TESTS_UNIT_CC_MACHINE_H
#define TESTS_UNIT_CC_MACHINE_H

#include "tests/mock/model_snp.h"
#include "tests/mock/model_tdx.h"
#include "tests/unit/machine_fixture.h"

/* As little RAM as there can be: each page of it is converted and measured. */
#define CC_MACHINE_RAM MIB(32)

static const enum model_gmem_dialect cc_machine_kernels[] = {MODEL_GMEM_REV5, MODEL_GMEM_REV8,
							     MODEL_GMEM_6_12};
#define CC_MACHINE_KERNELS 3

/* A TD needs firmware: an image that is only good for being measured; its sections need more RAM.
 */
static inline void cc_machine_tdvf(struct machine *t)
{
	free(t->config.boot.kernel);
	free(t->config.boot.initrd);
	t->config.boot.kernel = t->config.boot.initrd = NULL;
	ck_assert_int_eq(config_set(&t->config, "boot.cmdline", "\"\"", &t->err), 0);
	ck_assert_int_eq(config_set(&t->config, "boot.firmware",
				    "\"" SOURCE_DIR "/tests/vectors/tdvf-a.fd\"", &t->err),
			 0);
	ck_assert_int_eq(config_set(&t->config, "machine.memory", "\"64M\"", &t->err), 0);
}

/* `cc` is the key's value, `kernel` an index into cc_machine_kernels. */
static inline void cc_machine_setup(struct machine *t, const char *cc, unsigned int kernel,
				    const char *vcpus)
{
	struct model *m = model_new();
	char value[32];

	model_offer_snp(m);
	model_offer_tdx(m);
	model_set_gmem_dialect(m, cc_machine_kernels[kernel]);
	machine_setup(t, m, vcpus);
	snprintf(value, sizeof(value), "\"%s\"", cc);
	ck_assert_int_eq(config_set(&t->config, "machine.cc", value, &t->err), 0);
	ck_assert_int_eq(config_set(&t->config, "machine.memory", "\"32M\"", &t->err), 0);
	if (strcmp(cc, "tdx") == 0)
		cc_machine_tdvf(t);
}

static inline void cc_machine_teardown(struct machine *t)
{
	struct model *m = t->model;

	machine_teardown(t);
	model_check_clean(m);
	model_free(m);
}

static inline void cc_machine_no_pause(unsigned int microseconds)
{
	(void)microseconds;
}

/* Up to the launched machine, which waits for nothing. */
static inline int cc_machine_launch(struct machine *t)
{
	int ret = machine_create(&t->vm, &t->config, model_sys(t->model), NULL, &t->err);

	if (ret == 0) {
		t->vm->mem.pause = t->vm->launch.pause = cc_machine_no_pause;
		ret = minivmm_load(t->vm, &t->err);
	}
	return ret < 0 ? ret : minivmm_launch(t->vm, &t->err);
}

static inline void cc_machine_run(struct machine *t, const struct model_step *steps, size_t n)
{
	int ret;

	model_script(t->model, 0, 0, steps, n);
	ret = minivmm_run(t->vm, &t->err);
	ck_assert_msg(ret == 0, "%s", t->err.text);
}

#endif
