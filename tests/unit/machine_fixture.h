/* SPDX-License-Identifier: MIT */
/*
 * For the tests of whole machines: a VM over the model of KVM, with a kernel and an initrd made up
 * in the test, and the guest that runs in it given as a script.
 */
#ifndef TESTS_UNIT_MACHINE_FIXTURE_H
#define TESTS_UNIT_MACHINE_FIXTURE_H

#include "boot/acpi.h"
#include "tests/mock/objects.h"
#include "tests/unit/boot_files.h"
#include "vmm/dev/ports.h"
#include "vmm/machine/machine.h"
#include "vmm/machine/views.h"

#include <check.h>
#include <dirent.h>

#define UART_IER (PLATFORM_SERIAL_PORT + 1)
#define UART_LSR (PLATFORM_SERIAL_PORT + 5)

#define PM1_ENABLE   (PLATFORM_PM1A_EVT_PORT + 2)
#define POWER_BUTTON 0x100
/* ACPI 6.5, 4.8.3.2.1: SLP_EN and the sleep type of S5 */
#define POWER_OFF OUT(PLATFORM_PM1A_CNT_PORT, 2, 0x2000 | PLATFORM_S5_TYPE << 10)

struct machine {
	struct model *model;
	struct vmm_config config;
	struct minivmm *vm;
	struct vmm_error err;
	struct minivmm_result result;
	struct test_file kernel, initrd;
};

/* `model` may be shared by several machines. `kernel` is bzimage_make()'s. */
static inline void machine_setup(struct machine *t, struct model *model, const char *vcpus)
{
	static uint8_t bzimage[BZ_FILE];
	char path[48];

	memset(t, 0, sizeof(*t));
	t->model = model;
	bzimage_make(bzimage);
	t->kernel = file_make(bzimage, sizeof(bzimage));
	t->initrd = file_make("070701 not really", 17);
	config_init(&t->config);
	snprintf(path, sizeof(path), "\"%s\"", t->kernel.path);
	ck_assert_int_eq(config_set(&t->config, "boot.kernel", path, &t->err), 0);
	snprintf(path, sizeof(path), "\"%s\"", t->initrd.path);
	ck_assert_int_eq(config_set(&t->config, "boot.initrd", path, &t->err), 0);
	ck_assert_int_eq(config_set(&t->config, "boot.cmdline", "\"quiet\"", &t->err), 0);
	ck_assert_int_eq(config_set(&t->config, "machine.vcpus", vcpus, &t->err), 0);
	ck_assert_int_eq(config_set(&t->config, "machine.memory", "\"64M\"", &t->err), 0);
	ck_assert_int_eq(config_set(&t->config, "serial.output", "\"null\"", &t->err), 0);
}

static inline void machine_teardown(struct machine *t)
{
	minivmm_destroy(t->vm);
	config_clear(&t->config);
	file_free(&t->kernel);
	file_free(&t->initrd);
}

/* Up to the point where vCPU threads run; what the first failing step returned. */
static inline int machine_start(struct machine *t)
{
	int ret = machine_create(&t->vm, &t->config, model_sys(t->model), NULL, &t->err);

	if (ret == 0)
		ret = minivmm_load(t->vm, &t->err);
	if (ret == 0)
		ret = minivmm_launch(t->vm, &t->err);
	if (ret == 0)
		ret = minivmm_run(t->vm, &t->err);
	return ret;
}

static inline void machine_must_start(struct machine *t)
{
	int ret = machine_start(t);

	ck_assert_msg(ret == 0, "%s", t->err.text);
}

/* Waits for the end. A machine that does not end within 20 seconds hangs. */
static inline void machine_must_end(struct machine *t, enum minivmm_end how)
{
	ck_assert_msg(minivmm_wait(t->vm, 20000, &t->result) == 0, "the VM does not end");
	ck_assert_msg(t->result.end == how, "end %d instead of %d: %s", t->result.end, how,
		      t->result.text);
}

/* Entries of a directory of /proc: descriptors or threads of this process, beside the model's
 * own account of them. */
static inline size_t count_entries(const char *path)
{
	DIR *dir = opendir(path);
	size_t n = 0;

	ck_assert_ptr_nonnull(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

#endif
